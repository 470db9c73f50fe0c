"""The finality gadget: all of GRANDPA around the `Voter` of one set.

It checks gossip, holds back votes for blocks that are not here yet, helps neighbours that lost
messages or fell behind, follows the changes of the voters, saves what a restart needs, and has our
votes signed. Events come in with the time (unix milliseconds) and return actions, to be carried out
in their order; there is no clock, store or network here. Invariants:

- Our votes are signed by the `VoteSigner` alone, which records before it signs.
- Nothing is final without a proof that both rules accept, nor past a block that changes the
  voters: that block is made final by itself, with its own proof.
- A block's change is known once it is imported, and takes effect once it is final: the caller
  finalizes the target of `Finalize` and calls `finalized`, before any other event. The actions that
  `finalized` returns are carried out behind the rest of the list that held `Finalize`.

Valid votes and commits are published again: the gadget decides which messages are forwarded, and a
peer that hands over an invalid one is penalized, author or not.

Messages may be lost for good. A stalled node sends its position to its neighbours, ever less often,
and receives the votes that it lacks; a node two rounds behind requests them; a node one set behind
receives the commit that ended its set. So finality resumes after any partition, without help.

One key votes: of those that the signer holds, the first in the order of the set. Source:
Substrate's `sc_consensus_grandpa`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from btt_chain.consensus.finality import peers as cost
from btt_chain.consensus.finality import records, voter
from btt_chain.consensus.finality.authorities import Authorities, AuthoritySet
from btt_chain.consensus.finality.environment import (
    Action,
    BadHeader,
    Blocks,
    Broken,
    Offence,
    RoundReport,
    Save,
    Sync,
    VoteSigner,
    Want,
)
from btt_chain.consensus.finality.graph import descends
from btt_chain.consensus.finality.justification import from_commit, node_shape
from btt_chain.consensus.finality.messages import (
    GOSSIP,
    CatchUpAsked,
    CatchUpGiven,
    CatchUpMessage,
    CatchUpRequest,
    CommitGossip,
    CommitMessage,
    GossipMessage,
    Neighbor,
    NeighborV1,
    Vote,
    VoteMessage,
)
from btt_chain.consensus.finality.peers import Asked, Peer, Peers, View
from btt_chain.consensus.finality.signatures import Verify, all_signed
from btt_chain.consensus.finality.voter import ArmTimer, Finalize, LastRound, Timing, Voter
from btt_chain.crypto.hashing import blake2_256
from btt_chain.primitives.digest import H256
from btt_chain.primitives.grandpa import (
    AuthorityId,
    BadAnnouncement,
    ChangeForced,
    ChangeScheduled,
    Commit,
    Justification,
    SignedMessage,
    Stage,
    Target,
    Verdict,
    announced,
    precommit_message,
    stage_of,
    strict_shape,
    target_of,
)
from btt_chain.primitives.header import Header
from btt_chain.primitives.limits import VOTE_GOSSIP
from btt_chain.scale import DecodeError, u32, u64
from p2p.network import GOSSIP_BYTES, GRANDPA, NOTE_BYTES, Penalise, Publish, Tell

__all__ = [
    "Action",
    "BadHeader",
    "Blocks",
    "Broken",
    "Gadget",
    "Offence",
    "RoundReport",
    "Save",
    "VoteSigner",
    "Want",
]

# --- settings -------------------------------------------------------------------------

NEIGHBOUR_EVERY: Final = 120_000
"""Maximum milliseconds between neighbour packets with our position."""
STALL_FIRST: Final = 8
"""Gossip durations after which a round that does not complete is first helped along; a round takes
four and the delivery of the last vote."""
STALL_MOST: Final = 20_000
"""Maximum milliseconds between two such helps: the wait doubles each time."""
LATE: Final = 4
"""Gossip durations by which a tick may be late; after more, our state may be out of date."""
QUIET_PAUSE: Final = 20
"""Minimum gossip durations between two reactions to lateness: an always late node must vote."""
COMMIT_TURNS: Final = 8
"""Steps of half a gossip duration over which the voters' commits are staggered."""
ROUNDS_KEPT: Final = 3
"""Rounds below ours whose votes are kept for neighbours."""
COMMITS_WAITING: Final = 16
PROOFS_WAITING: Final = 64
PROOF_PARTS: Final = 1_000
"""Maximum votes, and headers, of a proof that is kept before it can be verified."""
NEVER: Final = 1 << 62
PATIENCE: Final = 60_000
"""Milliseconds for which votes of a round that we left may still arrive in good faith."""
DEEP: Final = 4_096
"""Blocks below the last final one down to which votes are counted: counting walks the chain from
its head for each vote, and one voter, or the sender of a catch-up, may name block zero.
"""
WAIT_FOR_BLOCK: Final = 120_000
"""Milliseconds that a commit, a catch-up or a proof waits for its blocks."""


@dataclass(frozen=True, slots=True)
class _Blocked:
    """A vote whose block is not here, and the peer that sent it."""

    round: int
    signed: SignedMessage
    peer: str


class _Place(NamedTuple):
    """A round that we entered, and the time."""

    set_id: int
    round: int
    since: int


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A message whose blocks may be missing; its signatures were checked."""

    peer: str
    body: CommitMessage | CatchUpMessage
    since: int
    raw: bytes
    """The commit as it was gossiped, to be forwarded; empty for a catch-up."""

    def targets(self) -> list[Target]:
        """Return all blocks that it names."""
        if isinstance(self.body, CommitMessage):
            commit = self.body.message.expand()
            return [commit.target, *(target_of(one.precommit) for one in commit.precommits)]
        catch_up = self.body.message
        return [catch_up.base, *(target_of(one.message.vote) for one in catch_up.votes())]


@dataclass(slots=True)
class _RoundVotes:
    """The verified votes of one round, at most two by voter and stage."""

    by_voter: dict[tuple[AuthorityId, Stage], list[SignedMessage]] = field(default_factory=dict)

    def of(self, who: AuthorityId, stage: Stage) -> list[SignedMessage]:
        return self.by_voter.setdefault((who, stage), [])

    def all(self) -> list[SignedMessage]:
        return [signed for votes in self.by_voter.values() for signed in votes]


class _VoterChain:
    """The chain that a voter needs, with the limit that the changes set."""

    def __init__(self, blocks: Blocks, gadget: Gadget) -> None:
        self.parent = blocks.parent
        self.header = blocks.header
        self.best_containing = blocks.best_containing
        self._blocks = blocks
        self._gadget = gadget

    def vote_limit(self, head: Target) -> int | None:
        return self._gadget.authorities.limit(head, self._blocks)


class Gadget:
    """GRANDPA of one node, resumed from the store."""

    def __init__(
        self,
        blocks: Blocks,
        signer: VoteSigner,
        verify: Verify,
        read: records.Read,
        genesis: Sequence[tuple[AuthorityId, int]],
        *,
        gossip_ms: int,
        behind: int,
        now_ms: int,
        sync: Sync | None = None,
    ) -> None:
        """Resume from the store, or begin with the voters of `genesis` (set 0).

        `verify` is a `Signatures`, `read` reads the auxiliary column, `gossip_ms` is T, `behind`
        the distance of votes below the best block. Before each vote `sync` writes changes of that
        column and waits until they, and all that was stored before, are on the disk. Call `start`
        next. Raises `records.BadRecord`.
        """
        self._blocks: Final = blocks
        self._signer: Final = signer
        self._verify: Final = verify
        self._read: Final = read
        self._sync: Final = sync
        self._gossip: Final = gossip_ms
        self._behind: Final = behind
        self._chain: Final = _VoterChain(blocks, self)
        self._peers: Final = Peers()
        self._shift = 0
        self._now = now_ms
        self._armed: int | None = None
        self._woken = now_ms
        self._out: list[Action] = []
        self._votes: dict[int, _RoundVotes] = {}
        self._blocked: dict[H256, list[_Blocked]] = {}
        self._waiting: list[_Waiting] = []
        self._early_proofs: dict[Target, Justification] = {}
        self._broken = False
        self._committed = 0
        """Height of the highest commit of this set, received or published."""
        self.authorities: Authorities
        """The current voters and the pending changes."""
        self._as_of: Target
        self._proof = records.read_proof(read)
        self._recall(genesis)
        self._proof_set = self._set_of(self._proof)
        self._voter = self._new_voter(self._last_round())
        self._voter_due: int | None = now_ms
        self._said = self._view()
        self._floor = self._said
        self._left = [_Place(self._said.set_id, self._said.round, now_ms)]
        self._stall_wait = STALL_FIRST * gossip_ms
        self._stall_at = now_ms + self._stall_wait
        self._neighbour_at = now_ms + NEIGHBOUR_EVERY

    # --- events: the chain ---

    def start(self, now_ms: int) -> list[Action]:
        """Begin; call once, before any other event."""
        self._hear_clock(now_ms)
        self._save_voters()
        self._obey(self._voter.tick(self._now))
        return self._finish()

    def check_header(self, header: Header) -> None:
        """Check a header before import, by GRANDPA's rules; its parent is known.

        Raises BadHeader if it announces impossible voters, or a change that would overtake an
        earlier one of its chain.
        """
        try:
            change = announced(header.digest.logs)
        except BadAnnouncement as error:
            raise BadHeader(str(error)) from error
        if change is None:
            return
        if isinstance(change, ChangeForced):
            raise BadHeader("voters change by finality only")
        parent = Target(H256(header.parent_hash), int(header.number) - 1)
        enacted_at = parent.number + 1 + int(change.change.delay)
        below = self.authorities.last_on(parent, self._blocks)
        if below is not None and below.enacted_at >= enacted_at:
            raise BadHeader(
                f"its change of voters takes effect no later than that of block"
                f" {below.announced.number}"
            )

    def imported(
        self, header: Header, hash: bytes, number: int, is_best: bool, now_ms: int
    ) -> list[Action]:
        """Process an imported block, which passed `check_header` before.

        Pass a justification that came with it to `proof_heard` afterwards.
        """
        self._hear_clock(now_ms)
        block = Target(H256(hash), number)
        if number > self._as_of.number:
            known = self.authorities
            self._announce(header, block)
            if self.authorities is not known:
                self._save_voters()
        self._release(block)
        # A better head alone changes nothing: votes have their time, except where the chain was not
        # known well enough to vote at it.
        self._obey(self._voter.tick(self._now))
        return self._finish()

    def finalized(self, block: Target, now_ms: int) -> list[Action]:
        """Process that a block and its ancestors are final in the client, by any proof."""
        self._hear_clock(now_ms)
        if block.number > self._as_of.number:
            ended = self.authorities.current.set_id
            self._advance(block)
            if self.authorities.current.set_id != ended:
                self._change_set(block)
            else:
                self._obey(self._voter.on_final(block, self._now))
                self._look_for_rivals()
        return self._finish()

    def proof_heard(self, proof: Justification, peer: str | None, now_ms: int) -> list[Action]:
        """Process a justification that came with a block or by sync, from `peer` if known.

        One for a later set, or for a block that is not here, waits for it.
        """
        self._hear_clock(now_ms)
        self._judge_proof(proof, peer)
        return self._finish()

    def keys_changed(self, now_ms: int) -> list[Action]:
        """Process a change of the signer's keys: vote with the new ones, or not at all."""
        self._hear_clock(now_ms)
        me = self._my_key()
        self._voter.act_as(me, self._recorded(me))
        self._obey(self._voter.tick(self._now))
        return self._finish()

    def tick(self, now_ms: int) -> list[Action]:
        """Process the expiry of the last `ArmTimer`."""
        self._hear_clock(now_ms)
        self._obey(self._voter.tick(self._now))
        return self._finish()

    def succeed(self, before: Gadget) -> None:
        """Take over from the gadget of this node's earlier state, before any other event.

        Answers to it come here now. It may have sent a later position of ours; a position never
        goes back, so neighbours receive ours only once we have reached that again.
        """
        self._peers.owe(before._peers)
        self._floor = before._said

    # --- events: peers ---

    def connected(self, peer: str, now_ms: int) -> list[Action]:
        """Process a new connection: send our position to the peer."""
        self._hear_clock(now_ms)
        self._tell_view(peer, self._peers.connected(peer))
        return self._finish()

    def disconnected(self, peer: str, now_ms: int) -> list[Action]:
        """Process the end of a connection."""
        self._hear_clock(now_ms)
        self._peers.disconnected(peer)
        self._ask_catch_up()
        return self._finish()

    def gossip_received(self, peer: str, raw: bytes, now_ms: int) -> list[Action]:
        """Process a gossip message on the topic `grandpa`, handed over by `peer`."""
        self._hear_clock(now_ms)
        message = self._decode(peer, raw)
        match message:
            case Vote(body):
                self._on_vote(peer, body, raw)
            case CommitGossip(body):
                self._on_commit(peer, body, raw)
            case None:
                pass
            case _:
                self._penalise(peer, cost.OUT_OF_SCOPE, "a note was gossiped")
        return self._finish()

    def note_received(self, peer: str, raw: bytes, now_ms: int) -> list[Action]:
        """Process a neighbour's note to us alone: its position, votes that we lack, a request."""
        self._hear_clock(now_ms)
        message = self._decode(peer, raw)
        match message:
            case Vote(body):
                self._on_vote(peer, body, raw)
            case CommitGossip(body):
                self._on_commit(peer, body, raw)
            case Neighbor(body):
                self._on_neighbour(peer, body)
            case CatchUpAsked(body):
                self._on_request(peer, body)
            case CatchUpGiven(body):
                self._on_catch_up(peer, body)
            case None:
                pass
        return self._finish()

    # --- queries ---

    @property
    def me(self) -> AuthorityId | None:
        """The key that votes now; None while we only observe."""
        return self._voter.me

    @property
    def set_id(self) -> int:
        """The number of the set that votes."""
        return self.authorities.current.set_id

    @property
    def round(self) -> int:
        """The number of the current round."""
        return self._voter.best_round.number

    @property
    def waiting(self) -> int:
        """Votes, commits and catch-ups that wait for blocks."""
        return len(self._waiting) + sum(map(len, self._blocked.values()))

    @property
    def proof(self) -> Justification | None:
        """The highest proof known."""
        return self._proof

    def rounds(self) -> tuple[RoundReport, list[RoundReport]]:
        """Return the current round, and those before it that still take votes."""
        return (
            RoundReport.of(self._voter.best_round),
            [RoundReport.of(votes) for votes in self._voter.past_rounds],
        )

    def must_be_proven(self) -> Target | None:
        """Return the next block of the best chain that ends a set; None if none is here.

        Nothing above it can be final before it is: a node that is behind requests its proof.
        """
        head = self._blocks.best_containing(self._as_of)
        first = None if head is None else self.authorities.first_on(head, self._blocks)
        if head is None or first is None or first.enacted_at > head.number:
            return None
        while head.number > first.enacted_at:
            parent = self._blocks.parent(head)
            if parent is None:
                return None
            head = Target(parent, head.number - 1)
        return head

    # --- time ---

    def _hear_clock(self, now_ms: int) -> None:
        """Advance the internal clock, which never goes back."""
        now = now_ms + self._shift
        if now < self._now:
            self._shift += self._now - now
            now = self._now
            self._armed = None  # the timer was set by the earlier clock
        late = (
            not self._broken and self._armed is not None and now > self._armed + LATE * self._gossip
        )
        self._now = now
        if late and now > self._woken + QUIET_PAUSE * self._gossip:
            self._wake()

    def _wake(self) -> None:
        """Observe before the next vote: we stalled, and other voters did not."""
        self._woken = self._now
        self._voter.be_quiet(self._now + 2 * self._gossip)
        self._tell_all()

    def _finish(self) -> list[Action]:
        """Do what is due, send our position if it changed, request the next tick."""
        if self._voter_due is not None and self._now >= self._voter_due:
            self._obey(self._voter.tick(self._now))
        self._follow_view()
        if self._now >= self._stall_at:
            self._help_along()
        if self._now >= self._neighbour_at:
            self._tell_all()
        asked = self._peers.asked
        if asked is not None and self._now >= asked.at + cost.CATCH_UP_TIMEOUT:
            self._ask_catch_up()
        self._arm()
        out, self._out = self._out, []
        return out

    def _follow_view(self) -> None:
        said = self._said
        if (
            said.round == self._voter.best_round.number
            and said.set_id == self.authorities.current.set_id
        ):
            return
        self._said = view = self._view()
        self._left.append(_Place(view.set_id, view.round, self._now))
        while len(self._left) > 1 and self._left[1].since <= self._now - PATIENCE:
            del self._left[0]
        self._stall_wait = STALL_FIRST * self._gossip
        self._stall_at = self._now + self._stall_wait
        self._peers.forget_votes()
        for number in [n for n in self._votes if n < view.round - ROUNDS_KEPT]:
            del self._votes[number]
        self._blocked = {
            hash: kept
            for hash, votes in self._blocked.items()
            if (kept := [one for one in votes if one.round >= view.round - 1])
        }
        self._tell_all()

    def _arm(self) -> None:
        self._voter_due = self._voter.due(self._now)
        asked = self._peers.asked
        due = min(self._stall_at, self._neighbour_at)
        if self._voter_due is not None and self._voter_due < due:
            due = self._voter_due
        if asked is not None:
            due = min(due, asked.at + cost.CATCH_UP_TIMEOUT)
        if due != self._armed:
            self._armed = due
            self._put(ArmTimer(due - self._shift))

    def _help_along(self) -> None:
        """Send our position and votes again: the round does not complete."""
        self._stall_wait = min(2 * self._stall_wait, max(STALL_MOST, STALL_FIRST * self._gossip))
        self._stall_at = self._now + self._stall_wait
        self._tell_all()
        self._ask_catch_up()
        self._expire()
        for hash, votes in self._blocked.items():
            first = votes[0]
            self._put(Want(hash, target_of(first.signed.message.vote).number, first.peer))
        me = self._voter.me
        if me is None:
            return
        for number in (self.round - 1, self.round):
            for signed in self._kept(number):
                if signed.id == me:
                    self._spread(self._vote(number, signed))
        commit = self._last_commit()
        if commit is not None:
            self._spread(commit)

    def _expire(self) -> None:
        kept = [one for one in self._waiting if self._now < one.since + WAIT_FOR_BLOCK]
        self._waiting = kept

    # --- votes ---

    def _on_vote(self, peer: str, body: VoteMessage, raw: bytes) -> None:
        number, signed = int(body.round), body.message
        if not self._in_reach(peer, int(body.set_id), number):
            return
        if signed.id not in self.authorities.current.voters:
            self._penalise(peer, cost.UNKNOWN_VOTER, "it hands over a vote of no voter")
            return
        stage = stage_of(signed.message)
        kept = self._votes.setdefault(number, _RoundVotes()).of(signed.id, stage)
        known = self._peers.known.get(peer)
        if signed not in kept:
            if len(kept) > 1:
                return  # two are enough to prove an equivocation
            if not self._verify(signed, number, self.set_id):
                self._penalise(peer, cost.BAD_SIGNATURE, "it hands over a vote nobody signed")
                return
            kept.append(signed)
            self._spread(raw)
            self._hear_vote(number, signed, peer)
        if known is not None:
            known.has.add(signed.signature)

    def _in_reach(self, peer: str, set_id: int, number: int) -> bool:
        """Return True if a vote is of a round that we follow; else penalize a peer at fault."""
        if set_id == self.set_id and abs(number - self.round) <= 1:
            return True
        self._blame(peer, set_id, number, "vote")
        return False

    def _blame(self, peer: str, set_id: int, number: int, what: str) -> None:
        """Penalize a peer for a message of a round that no peer can be in, lately or yet.

        Gossip is forwarded and votes are sent again: a peer may hand over what is too late or too
        early for us in good faith, on behalf of one that fell behind or went ahead.
        """
        why = f"it hands over a {what} of round {number} of set {set_id}"
        if (set_id, number) > (self.set_id, self.round):
            # If we are stalled, we may be the one behind, without a packet that says so.
            moving = self._stall_wait == STALL_FIRST * self._gossip
            if moving and set_id > self.set_id + 1 and not self._peers.may_stand_at(set_id):
                self._penalise(peer, cost.FUTURE, why)
            return
        floor = self._left[0]
        if floor.since > self._now - PATIENCE:
            return  # too short a time here to know what is too late
        if (set_id, number + 1) < (floor.set_id, floor.round) and not self._peers.stand_near(
            set_id, number
        ):
            self._penalise(peer, cost.PAST, why)

    def _hear_vote(self, number: int, signed: SignedMessage, peer: str) -> None:
        """Count a vote that was checked, once its block is here."""
        target = target_of(signed.message.vote)
        height = self._blocks.number(target.hash)
        if height is None:
            if target.number > self._as_of.number:
                self._blocked.setdefault(target.hash, []).append(_Blocked(number, signed, peer))
                self._put(Want(target.hash, target.number, peer))
            return
        if height == target.number:
            self._obey(self._voter.on_vote(number, signed, self._now), peer)

    def _cast(self, action: voter.SendVote) -> list[voter.Action]:
        """Have our vote signed, publish it, and count it."""
        me = self._voter.me
        if me is None:
            return []
        self._keep_safe()
        signed = self._signer.sign(action.set_id, action.round, action.message, me)
        if signed is None:
            return []
        kept = self._votes.setdefault(action.round, _RoundVotes()).of(me, stage_of(action.message))
        if signed not in kept:
            kept.append(signed)
        self._spread(self._vote(action.round, signed))
        return self._voter.on_vote(action.round, signed, self._now)

    def _keep_safe(self) -> None:
        """Make the basis of a vote durable before it is signed.

        The record of a vote outlives every crash, and a vote on record is never replaced. If the
        block of the vote, or the votes of the round before, were lost in a power failure of all
        nodes, the round that all are in could not be completed any more.
        """
        if self._sync is None:
            return
        changes: dict[bytes, bytes | None] = {}
        for action in self._out:
            if isinstance(action, Save):
                changes |= action.changes
        self._sync(changes)

    def _vote(self, number: int, signed: SignedMessage) -> bytes:
        return GOSSIP.encode(Vote(VoteMessage(u64(number), u64(self.set_id), signed)))

    def _kept(self, number: int) -> list[SignedMessage]:
        votes = self._votes.get(number)
        return [] if votes is None else votes.all()

    # --- commits ---

    def _on_commit(self, peer: str, body: CommitMessage, raw: bytes) -> None:
        set_id, number = int(body.set_id), int(body.round)
        if set_id != self.set_id:
            self._blame(peer, set_id, number, "commit")
            return
        if int(body.message.target_number) <= self._committed and not self._is_rival(
            Target(H256(body.message.target_hash), int(body.message.target_number))
        ):
            return
        try:
            commit = body.message.expand()
        except ValueError as error:
            self._penalise(peer, cost.MALFORMED, f"a commit is malformed: {error}")
            return
        votes = [precommit_message(signed) for signed in commit.precommits]
        if not (self._fit(peer, votes, 2) and self._signed(peer, votes, number)):
            return
        if self._is_rival(commit.target):
            self._judge_rival(commit, number)
        elif commit.target.number > self._voter.final.number:
            self._take_or_wait(_Waiting(peer, body, self._now, raw))
        elif self._blocks.number(commit.target.hash) == commit.target.number:
            self._committed = commit.target.number  # ours need not be published any more
            self._spread(raw)

    def _fit(self, peer: str, votes: Sequence[SignedMessage], most: int) -> bool:
        """Return True if votes of one stage reach the threshold, of voters only, `most` of each."""
        voters = self.authorities.current.voters
        who = {signed.id: None for signed in votes}
        unknown = any(one not in voters for one in who)
        weight = 0 if unknown else sum(voters.weights[one] for one in who)
        if weight >= voters.threshold and len(votes) <= most * len(voters):
            return True
        self._penalise(peer, cost.MALFORMED, "its votes are of others than the voters or too few")
        return False

    def _signed(self, peer: str, votes: Sequence[SignedMessage], number: int) -> bool:
        for checked, signed in enumerate(votes, 1):
            if not self._verify(signed, number, self.set_id):
                price = cost.BAD_SIGNATURE + cost.SIGNATURE_CHECKED * checked
                self._penalise(peer, price, "it hands over a vote nobody signed")
                return False
        return True

    def _take_or_wait(self, message: _Waiting) -> None:
        """Use a commit or a catch-up if all its blocks are here; else keep it until they are."""
        targets = message.targets()
        if any(target.number + DEEP < self._as_of.number for target in targets):
            return
        missing = next((t for t in targets if self._blocks.number(t.hash) is None), None)
        if missing is None:
            self._take(message)
            return
        if missing.number <= self._as_of.number:
            return  # of a dead fork
        if len(self._waiting) >= COMMITS_WAITING:
            del self._waiting[0]
        self._waiting.append(message)
        self._put(Want(missing.hash, missing.number, message.peer))

    def _take(self, message: _Waiting) -> None:
        body = message.body
        if int(body.set_id) != self.set_id:
            return
        if isinstance(body, CommitMessage):
            commit = body.message.expand()
            self._obey(self._voter.on_commit(int(body.round), commit, self._now), message.peer)
            if self._voter.final == commit.target and commit.target.number > self._committed:
                self._committed = commit.target.number
                self._spread(message.raw)
            return
        number = int(body.message.round_number)
        if number < self.round:
            return
        self._obey(self._voter.on_catch_up(body.message, self._now), message.peer)
        if self.round <= number:
            return
        for signed in body.message.votes():
            kept = self._votes.setdefault(number, _RoundVotes())
            votes = kept.of(signed.id, stage_of(signed.message))
            if signed not in votes and len(votes) < 2:
                votes.append(signed)

    def _release(self, block: Target) -> None:
        """Count the votes that waited for a block that is here now."""
        for one in self._blocked.pop(block.hash, []):
            self._hear_vote(one.round, one.signed, one.peer)
        waiting, self._waiting = self._waiting, []
        for message in waiting:
            self._take_or_wait(message)
        proof = self._early_proofs.pop(block, None)
        if proof is not None:
            self._judge_proof(proof, None)

    # --- neighbours ---

    def _view(self) -> View:
        return View(self.set_id, self.round, self._as_of.number)

    def _tell_all(self) -> None:
        self._neighbour_at = self._now + NEIGHBOUR_EVERY
        raw = self._where()
        for name, peer in self._peers.known.items():
            peer.told_at = self._now
            if raw is not None:
                self._put(Tell(name, raw))

    def _tell_view(self, name: str, peer: Peer) -> None:
        peer.told_at = self._now
        raw = self._where()
        if raw is not None:
            self._put(Tell(name, raw))

    def _where(self) -> bytes | None:
        """Return the packet with our position; None if we sent a later one."""
        view = self._view()
        if view[:2] < self._floor[:2]:
            return None
        packet = NeighborV1(u64(view.round), u64(view.set_id), u32(view.final))
        return GOSSIP.encode(Neighbor(packet))

    def _on_neighbour(self, name: str, packet: NeighborV1) -> None:
        view = View(int(packet.set_id), int(packet.round), int(packet.commit_finalized_height))
        peer = self._peers.known.get(name)
        if peer is None:
            return  # it is gone already
        before, ours = peer.view, self._view()
        if before is not None and view[:2] < before[:2]:
            self._penalise(name, cost.PAST, "it says that it went back")
            return
        peer.view = view
        if view[:2] < ours[:2] and self._now >= peer.told_at + 2 * self._gossip:
            self._tell_view(name, peer)
        # A peer that repeats its position is stalled; a new one may have missed everything.
        if before is None or view[:2] == before[:2]:
            self._help(name, peer, view)
        self._ask_catch_up()

    def _help(self, name: str, peer: Peer, view: View) -> None:
        """Send a stalled peer what it may lack."""
        if peer.helped == view and self._now < peer.helped_at + self._gossip:
            return
        peer.helped, peer.helped_at = view, self._now
        if view.set_id < self.set_id:
            ended = self._end_of(view.set_id)
            if ended is not None:
                self._put(Tell(name, ended))
            return
        if view.set_id > self.set_id:
            return
        if view.final < self._as_of.number:
            commit = self._last_commit()
            if commit is not None:
                self._put(Tell(name, commit))
        for number in (view.round - 1, view.round):
            for signed in self._kept(number):
                if signed.signature not in peer.has:
                    self._put(Tell(name, self._vote(number, signed)))

    def _last_commit(self) -> bytes | None:
        """Return our highest proof as a commit; None if it is of another set."""
        return None if self._proof_set != self.set_id else self._as_commit(self._proof, self.set_id)

    def _end_of(self, set_id: int) -> bytes | None:
        """Return the commit that ended a set."""
        block = records.read_end(self._read, set_id)
        raw = None if block is None else self._blocks.proof(block)
        return None if raw is None else self._as_commit(Justification.decode(raw), set_id)

    def _set_of(self, proof: Justification | None) -> int | None:
        """Return the set that made a stored proof: the current one, or the one before."""
        if proof is None:
            return None
        start = records.read_end(self._read, self.set_id - 1) if self.set_id else None
        later = start is None or proof.target.number > start.number
        return self.set_id if later else self.set_id - 1

    @staticmethod
    def _as_commit(proof: Justification | None, set_id: int) -> bytes | None:
        if proof is None:
            return None
        body = CommitMessage(proof.round, u64(set_id), proof.commit.compact())
        return GOSSIP.encode(CommitGossip(body))

    # --- catching up ---

    def _ask_catch_up(self) -> None:
        if any(
            isinstance(one.body, CatchUpMessage) and self._now < one.since + cost.CATCH_UP_TIMEOUT
            for one in self._waiting
        ):
            return  # what was sent to us waits for its blocks
        name = self._peers.whom_to_ask(self.set_id, self.round, self._now)
        if name is None:
            return
        peer = self._peers.known[name]
        view, given = peer.view, peer.gave_at
        if view is None or (given is not None and self._now < given + 2 * self._gossip):
            return  # a peer that is asked again at once would penalize us
        wanted = view.round - 1
        self._peers.ask(Asked(name, self.set_id, wanted, self._now))
        self._tell(name, CatchUpAsked(CatchUpRequest(u64(wanted), u64(self.set_id))))

    def _on_request(self, name: str, body: CatchUpRequest) -> None:
        peer = self._peers.known.get(name)
        if peer is None or peer.view is None:
            return  # its neighbour packet may be lost, without its fault
        if not peer.view.set_id == int(body.set_id) == self.set_id:
            return  # one of us has moved on meanwhile
        if peer.answered_at is not None and self._now < peer.answered_at + self._gossip:
            self._penalise(name, cost.OUT_OF_SCOPE, "it asks for votes again at once")
            return
        answer = self._voter.catch_up(int(body.round))
        if answer is not None:
            peer.answered_at = self._now
            self._tell(name, CatchUpGiven(CatchUpMessage(u64(self.set_id), answer)))

    def _on_catch_up(self, name: str, body: CatchUpMessage) -> None:
        asked, peer = self._peers.asked, self._peers.known.get(name)
        if not self._peers.was_asked(name):
            self._penalise(name, cost.OUT_OF_SCOPE, "it sends votes that it was not asked for")
            return
        if peer is not None:
            peer.gave_at = self._now
        if asked is None or asked.peer != name:
            return  # too late, and not the sender's fault
        self._peers.asked = None
        if int(body.set_id) != asked.set_id:
            self._penalise(name, cost.OUT_OF_SCOPE, "it sends votes of another set than asked for")
            return
        catch_up, number = body.message, int(body.message.round_number)
        if asked.set_id != self.set_id or number < self.round:
            return
        votes = catch_up.votes()
        stages = (
            [signed for signed in votes if stage_of(signed.message) is Stage.PREVOTE],
            [signed for signed in votes if stage_of(signed.message) is Stage.PRECOMMIT],
        )
        if all(self._fit(name, stage, 2) for stage in stages) and self._signed(name, votes, number):
            self._take_or_wait(_Waiting(name, body, self._now, raw=b""))

    # --- actions of the voter ---

    def _obey(self, actions: Sequence[voter.Action], peer: str | None = None) -> None:
        """Carry out the voter's actions; `peer` is the sender of the message that led to them."""
        queue = list(actions)
        for action in queue:  # grows in the loop
            match action:
                case voter.SendVote():
                    queue += self._cast(action)
                case voter.SendCommit(number, set_id, commit):
                    if commit.target.number > self._committed:
                        self._committed = commit.target.number
                        body = CommitMessage(u64(number), u64(set_id), commit.compact())
                        self._spread(GOSSIP.encode(CommitGossip(body)))
                case Finalize(justification):
                    self._finalize(justification)
                case voter.Report(proof):
                    self._put(Offence(proof))
                case voter.SaveRound(number, _, base, votes):
                    stored = records.StoredRound(
                        u64(self.set_id), u64(number), records.BlockName.of(base), votes.seen
                    )
                    self._put(Save(records.round_change(stored)))
                case voter.Distrust(why):
                    if peer is not None:
                        self._penalise(peer, cost.INVALID, why)
                case voter.RecordVote() | ArmTimer():
                    pass  # the signer records what it signs; `_arm` reads the voter's timer

    def _finalize(self, proof: Justification) -> None:
        """Have a proven block finalized, unless it stands above one that ends the set."""
        first = self.authorities.first_on(proof.target, self._blocks)
        if first is not None and proof.target.number > first.enacted_at:
            return
        if proof.target.number <= self._as_of.number or self._broken:
            return
        if not descends(self._blocks, self._as_of, proof.target):
            self._break(self._as_of, proof)
            return
        self._proof, self._proof_set = proof, self.set_id
        self._put(Finalize(proof))

    def _break(self, final: Target, proof: Justification) -> None:
        """Stop: a proven block excludes a final one."""
        self._broken = True
        self._voter.be_quiet(NEVER)
        self._put(Broken(final, proof))

    def _is_rival(self, block: Target) -> bool:
        """Return True if a block is at or below the last final one, but not on its chain."""
        if block.number > self._as_of.number or self._broken:
            return False
        final = self._blocks.at(block.number)
        return final is not None and final.hash != block.hash

    def _judge_rival(self, commit: Commit, number: int) -> None:
        """Stop if a commit of this set, whose signatures were checked, proves a rival.

        The rival's fork was discarded when ours became final. So only the votes for the rival
        itself count.
        """
        # For others the chain would be walked down to wherever the commit places the rival.
        votes = [one for one in commit.precommits if target_of(one.precommit) == commit.target]
        commit = Commit(commit.target_hash, commit.target_number, votes)
        proof = from_commit(commit, number, self.authorities.current.voters, self._blocks)
        final = self._blocks.at(commit.target.number)
        if proof is not None and final is not None:
            self._break(final, proof)

    def _judge_proof(self, proof: Justification, peer: str | None) -> None:
        target = proof.target
        if target.number <= self._as_of.number:
            return
        height = self._blocks.number(target.hash)
        first = None if height is None else self.authorities.first_on(target, self._blocks)
        if height is None or (first is not None and target.number > first.enacted_at):
            self._keep_for_later(proof)
            return
        voters = self.authorities.current.voters
        verdict = Verdict.WRONG_TARGET if height != target.number else node_shape(proof, voters)
        if verdict is Verdict.ACCEPTED and not all_signed(proof, self.set_id, self._verify):
            verdict = Verdict.BAD_SIGNATURE
        if verdict is not Verdict.ACCEPTED:
            if peer is not None:
                self._penalise(peer, cost.INVALID, f"a proof of block {target.number}: {verdict}")
            return
        # A proof that only nodes accept is useless to bridges: it is rebuilt to satisfy both rules.
        if strict_shape(proof, voters) is not Verdict.ACCEPTED:
            number = int(proof.round)
            fit = from_commit(proof.commit, number, voters, self._blocks)
            if fit is None:
                return
            proof = fit
        self._finalize(proof)

    def _keep_for_later(self, proof: Justification) -> None:
        """Keep a proof that cannot be verified yet, unless it is too large."""
        if max(len(proof.commit.precommits), len(proof.votes_ancestries)) > PROOF_PARTS:
            return
        if len(self._early_proofs) >= PROOFS_WAITING:
            del self._early_proofs[next(iter(self._early_proofs))]
        self._early_proofs[proof.target] = proof

    def _look_for_rivals(self) -> None:
        """Check the waiting commits for blocks that cannot be final any more."""
        for message in self._waiting:
            body = message.body
            if isinstance(body, CommitMessage) and body.message.target_number <= self._as_of.number:
                commit = body.message.expand()
                if self._is_rival(commit.target):
                    self._judge_rival(commit, int(body.round))

    # --- sets ---

    def _advance(self, to: Target) -> None:
        """Follow the voters up to a final block, through every block that ends a set.

        Our own proofs stop at each such block; others may pass several.
        """
        while self._as_of.number < to.number:
            first, step = self.authorities.first_on(to, self._blocks), to
            if first is not None and first.enacted_at < to.number:
                step = self._blocks.at(first.enacted_at) or to
            before = self.authorities
            self.authorities = before.finalize(step, self._blocks)
            self._as_of = step
            if self.authorities.current is not before.current:
                self._put(Save(records.end_change(before.current.set_id, step)))
        self._save_voters()

    def _change_set(self, block: Target) -> None:
        """Begin the first round of the next set."""
        self._votes.clear()
        self._blocked.clear()
        self._waiting.clear()
        self._peers.asked = None
        self._voter = self._new_voter(LastRound(0, block))
        self._obey(self._voter.tick(self._now))
        early, self._early_proofs = self._early_proofs, {}
        for proof in early.values():
            self._judge_proof(proof, None)

    def _save_voters(self) -> None:
        changes = dict(records.voters_change(self.authorities, self._as_of))
        if self._proof is not None:
            changes |= records.proof_change(self._proof)
        self._put(Save(changes))

    # --- start ---

    def _recall(self, genesis: Sequence[tuple[AuthorityId, int]]) -> None:
        """Restore the current voters: the stored ones, and the changes in later headers."""
        final = self._blocks.final()
        stored = records.read_voters(self._read)
        if stored is not None:
            self.authorities, self._as_of = stored
        else:
            self.authorities = Authorities(AuthoritySet(0, tuple(genesis)))
            self._as_of = self._blocks.at(0) or final
        if self._as_of.number > final.number:
            raise records.BadRecord(
                f"the voters are those of block {self._as_of.number}, but only block"
                f" {final.number} is final"
            )
        heights = range(self._as_of.number + 1, final.number + 1)
        self._announce_all([block for n in heights if (block := self._blocks.at(n)) is not None])
        self._advance(final)
        above: dict[Target, None] = {}
        for tip in self._blocks.leaves():
            at = tip
            while at.number > final.number and at not in above:
                above[at] = None
                parent = self._blocks.parent(at)
                if parent is None:
                    break
                at = Target(parent, at.number - 1)
        self._announce_all(sorted(above, key=lambda block: (block.number, block.hash)))

    def _announce_all(self, blocks: Sequence[Target]) -> None:
        for block in blocks:
            header = self._blocks.header(block)
            if header is not None:
                self._announce(header, block)

    def _announce(self, header: Header, block: Target) -> None:
        change = announced(header.digest.logs)
        if isinstance(change, ChangeScheduled):
            self.authorities = self.authorities.announce(block, change.change, self._blocks)

    def _last_round(self) -> LastRound:
        """Return the last complete round, to start after; its votes can be sent again."""
        stored = records.read_round(self._read)
        if stored is None or int(stored.set_id) != self.set_id:
            return LastRound(0, self._as_of)
        number = int(stored.number)
        kept = self._votes.setdefault(number, _RoundVotes())
        for signed in stored.votes:
            kept.of(signed.id, stage_of(signed.message)).append(signed)
        return LastRound(number, stored.base.target, stored.votes)

    def _new_voter(self, last: LastRound) -> Voter:
        current, me = self.authorities.current, self._my_key()
        # Not all voters at once: one that waits longer receives another's commit and keeps its own.
        turn = COMMIT_TURNS if me is None else blake2_256(me)[0] % COMMIT_TURNS
        timing = Timing(self._gossip, 2 * self._gossip + turn * self._gossip // 2)
        return Voter(
            current,
            me,
            self._chain,
            timing,
            self._behind,
            self._as_of,
            last,
            self._recorded(me),
            self._now,
        )

    def _my_key(self) -> AuthorityId | None:
        ours = set(self._signer.keys())
        return next((who for who, _ in self.authorities.current.authorities if who in ours), None)

    def _recorded(self, me: AuthorityId | None) -> Mapping[tuple[int, Stage], Target]:
        return {} if me is None else self._signer.recorded(self.set_id, me)

    # --- output ---

    def _put(self, action: Action) -> None:
        self._out.append(action)

    def _tell(self, peer: str, message: GossipMessage) -> None:
        raw = GOSSIP.encode(message)
        if len(raw) <= NOTE_BYTES:
            self._put(Tell(peer, raw))

    def _spread(self, raw: bytes) -> None:
        """Gossip a message; one that is too large for that goes to every neighbour."""
        if len(raw) <= GOSSIP_BYTES[GRANDPA]:
            self._put(Publish(GRANDPA, raw))
            return
        for peer in self._peers.known:
            self._put(Tell(peer, raw))

    def _penalise(self, peer: str, price: int, why: str) -> None:
        self._put(Penalise(peer, price, why))

    def _decode(self, peer: str, raw: bytes) -> GossipMessage | None:
        try:
            return VOTE_GOSSIP.decode(GOSSIP, raw)
        except DecodeError as error:
            price = cost.UNDECODABLE_BYTE * max(1, len(raw))
            self._penalise(peer, price, f"it sends what is no message of GRANDPA: {error}")
            return None
