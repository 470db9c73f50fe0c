"""The finality gadget: all of GRANDPA around the `Voter` of one set.

Events come in with the time (unix milliseconds) and return actions, to be carried out in their
order; there is no clock, store or network here. An event goes through these parts:

| part | task |
|---|---|
| `gossip.GossipValidator` | accepts messages of peers, and penalizes those at fault |
| `incoming.Incoming` | forwards accepted messages, and gives them to the voter |
| `until_imported.UntilImported` | holds what names blocks that are not here |
| `voter_environment.VoterEnvironment` | runs the voter, has its votes signed, saves its rounds |
| `finalizer.Finalizer` | verifies proofs, and decides which blocks are made final |
| `authority_sets.AuthoritySets` | follows the changes of the voters |
| `neighbors.NeighborPackets`, `catch_up.CatchUps` | help neighbours that lack messages |

Invariants:

- Our votes are signed by the `VoteSigner` alone, which records before it signs.
- Nothing is final without a proof that both rules accept, nor past a block that changes the
  voters: that block is made final by itself, with its own proof.
- A block's change is known once it is imported, and takes effect once it is final: the caller
  finalizes the target of `Finalize` and calls `finalized`, before any other event. The actions that
  `finalized` returns are carried out behind the rest of the list that held `Finalize`.

Valid votes and commits are published again: the gadget decides which messages are forwarded, and a
peer that hands over an invalid one is penalized, author or not.

A vote goes to the neighbours of its voter, and each node forwards it to a few that have not
completed its round (`outbox.FORWARDED`). Messages may be lost for good. A stalled node asks some
neighbours for the votes that it lacks, ever less often; a node two rounds behind requests a
catch-up; a node one set behind receives the commit that ended its set. So finality resumes after
any partition, without help.

Source: Substrate's `sc_consensus_grandpa`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from btt_chain.consensus.finality import peers as cost
from btt_chain.consensus.finality import records
from btt_chain.consensus.finality.authorities import Authorities
from btt_chain.consensus.finality.authority_sets import AuthoritySets
from btt_chain.consensus.finality.best_justification import BestJustification
from btt_chain.consensus.finality.catch_up import CATCH_UP_TIMEOUT, CatchUps
from btt_chain.consensus.finality.environment import (
    Action,
    ArmTimer,
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
from btt_chain.consensus.finality.finalizer import Finalizer
from btt_chain.consensus.finality.gossip import GossipValidator
from btt_chain.consensus.finality.incoming import Incoming
from btt_chain.consensus.finality.messages import (
    CatchUpAsked,
    CatchUpGiven,
    CommitGossip,
    Neighbor,
    Vote,
    VotesAsked,
    VotesGiven,
    encode_vote,
)
from btt_chain.consensus.finality.neighbors import NeighborPackets
from btt_chain.consensus.finality.outbox import Outbox
from btt_chain.consensus.finality.peers import Peers, View
from btt_chain.consensus.finality.shared import KeptVotes, Shared
from btt_chain.consensus.finality.signatures import Verify
from btt_chain.consensus.finality.timers import Clock, StallTimer
from btt_chain.consensus.finality.until_imported import UntilImported
from btt_chain.consensus.finality.voter import LastRound
from btt_chain.consensus.finality.voter_environment import Settings, VoterEnvironment
from btt_chain.primitives.digest import H256
from btt_chain.primitives.grandpa import Justification, Target, stage_of
from btt_chain.primitives.header import Header
from btt_chain.primitives.voters import AuthorityId

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

LATE: Final = 4
"""Gossip durations by which a tick may be late; after more, our state may be out of date."""
MIN_LATE: Final = 1_000
"""The same in milliseconds where slots are short: a busy machine is not a stopped one."""
QUIET_PAUSE: Final = 20
"""Minimum gossip durations between two reactions to lateness: an always late node must vote."""
ROUNDS_KEPT: Final = 3
"""Rounds below ours whose votes are kept for neighbours."""


class Stored(NamedTuple):
    """The auxiliary column, where GRANDPA's records are."""

    read: records.Read
    genesis: Sequence[tuple[AuthorityId, int]]
    """Voters of set 0, with which a column without records begins."""
    sync: Sync | None = None
    """Writes changes before each vote, and waits until they and all that was stored before are on
    the disk."""


class Gadget:
    """GRANDPA of one node, resumed from the store."""

    def __init__(
        self,
        blocks: Blocks,
        signer: VoteSigner,
        verify: Verify,
        stored: Stored,
        settings: Settings,
        now_ms: int,
    ) -> None:
        """Resume from what is stored; `verify` is a `Signatures`. Call `start` next.

        Raises `records.BadRecord`.
        """
        read, genesis, sync = stored
        gossip_ms = settings.gossip_ms
        self._gossip: Final = gossip_ms
        self._allowed: Final = max(LATE * gossip_ms, MIN_LATE)
        self._peers: Final = Peers()
        self._outbox: Final = Outbox(self._peers)
        self._clock: Final = Clock(now_ms)
        self._stall: Final = StallTimer(gossip_ms, now_ms)
        self._votes: Final = KeptVotes()
        clock, outbox, votes = self._clock, self._outbox, self._votes
        self._sets: Final = AuthoritySets(blocks, read, genesis, outbox)
        shared = Shared(blocks, self._sets, self._peers, votes, clock, outbox)
        self._best: Final = BestJustification(blocks, read, self._sets.set_id, verify)
        self._held: Final = UntilImported(blocks, outbox)
        self._finalizer: Final = Finalizer(
            blocks, self._sets, self._best, self._held, verify, outbox
        )
        last = last_round(read, self._sets, votes)
        self._environment: Final = VoterEnvironment(
            settings, shared, signer, sync, self._finalizer, last
        )
        self._catch_ups: Final = CatchUps(self._peers, gossip_ms, clock, outbox)
        self._neighbors: Final = NeighborPackets(self._view(), shared, self._best, gossip_ms)
        self._validator: Final = GossipValidator(self._view(), shared, verify, self._stall)
        self._incoming: Final = Incoming(
            shared, self._validator, self._held, self._finalizer, self._environment
        )
        self._armed: int | None = None
        self._woken = now_ms

    # --- events: the chain ---

    def start(self, now_ms: int) -> list[Action]:
        """Begin; call once, before any other event."""
        self._begin(now_ms)
        self._save_voters()
        self._environment.tick()
        return self._finish()

    def check_header(self, header: Header) -> None:
        """Check a header before import, by GRANDPA's rules; its parent is known.

        Raises BadHeader if it announces impossible voters, or a change that would overtake an
        earlier one of its chain.
        """
        self._sets.check_header(header)

    def imported(
        self, header: Header, hash: bytes, number: int, is_best: bool, now_ms: int
    ) -> list[Action]:
        """Process an imported block, which passed `check_header` before.

        Pass a justification that came with it to `proof_received` afterwards.
        """
        self._begin(now_ms)
        block = Target(H256(hash), number)
        if number > self._sets.as_of.number and self._sets.announce(header, block):
            self._save_voters()
        self._incoming.on_imported(block)
        # The round may have waited for a block to vote for.
        self._environment.tick()
        return self._finish()

    def finalized(self, block: Target, now_ms: int) -> list[Action]:
        """Process that a block and its ancestors are final in the client, by any proof."""
        self._begin(now_ms)
        sets = self._sets
        if block.number > sets.as_of.number:
            ended = sets.authorities.current
            sets.advance(block)
            self._save_voters()
            if sets.authorities.current is not ended:
                self._begin_set(block)
            else:
                environment = self._environment
                environment.apply(environment.voter.on_final(block, self._clock.now))
                self._finalizer.judge_held_commits()
        return self._finish()

    def proof_received(self, proof: Justification, peer: str | None, now_ms: int) -> list[Action]:
        """Process a justification that came with a block or by sync, from `peer` if known.

        One for a later set, or for a block that is not here, waits for it.
        """
        self._begin(now_ms)
        self._finalizer.import_justification(proof, peer)
        return self._finish()

    def keys_changed(self, now_ms: int) -> list[Action]:
        """Process a change of the signer's keys: vote with the new ones, or not at all."""
        self._begin(now_ms)
        self._environment.change_key()
        self._environment.tick()
        return self._finish()

    def tick(self, now_ms: int) -> list[Action]:
        """Process the expiry of the last `ArmTimer`."""
        self._begin(now_ms)
        self._environment.tick()
        return self._finish()

    def succeed(self, before: Gadget) -> None:
        """Take over from the gadget of this node's earlier state, before any other event.

        Answers to it come here now. It may have sent a later position of ours; a position never
        goes back, so neighbours receive ours only once we have reached that again.
        """
        self._catch_ups.take_over(before._catch_ups)
        self._neighbors.raise_floor(before._validator.view)

    # --- events: peers ---

    def connected(self, peer: str, now_ms: int) -> list[Action]:
        """Process a new connection: send our position to the peer, and request its votes."""
        self._begin(now_ms)
        self._peers.connected(peer)
        self._request_votes(peer)
        return self._finish()

    def disconnected(self, peer: str, now_ms: int) -> list[Action]:
        """Process the end of a connection."""
        self._begin(now_ms)
        self._peers.disconnected(peer)
        self._catch_ups.disconnected(peer)
        self._request_catch_up(self._view())
        return self._finish()

    def gossip_received(self, peer: str, raw: bytes, now_ms: int) -> list[Action]:
        """Process a gossip message on the topic `grandpa`, handed over by `peer`."""
        self._begin(now_ms)
        message = self._validator.decode(peer, raw)
        if isinstance(message, Vote):
            self._incoming.on_vote(peer, message.body, raw)
        elif isinstance(message, CommitGossip):
            self._incoming.on_commit(peer, message.body, raw)
        elif message is not None:
            self._outbox.penalize(peer, cost.OUT_OF_SCOPE, "a note was gossiped")
        return self._finish()

    def note_received(self, peer: str, raw: bytes, now_ms: int) -> list[Action]:
        """Process a neighbour's note to us alone: its position, votes that we lack, a request."""
        self._begin(now_ms)
        message = self._validator.decode(peer, raw)
        match message:
            case Neighbor(body):  # the frequent kind first
                ours = self._view()
                if self._neighbors.on_position(peer, body, ours):
                    self._request_catch_up(ours)
            case VotesAsked(asked):
                ours = self._view()
                if self._neighbors.on_position(peer, asked, ours):
                    self._request_catch_up(ours)
                self._neighbors.help(peer, asked, ours, self._sets.current.voters.order)
            case VotesGiven(votes):
                self._incoming.on_votes(peer, votes, self._peers)
            case Vote(body):
                self._incoming.on_vote(peer, body, raw)
            case CommitGossip(body):
                self._incoming.on_commit(peer, body, raw)
            case CatchUpAsked(body):
                self._catch_ups.answer(peer, body, self.set_id, self._environment.voter.catch_up)
            case CatchUpGiven(body):
                if self._catch_ups.accepts_answer(peer, body, self._view()):
                    self._incoming.on_catch_up(peer, body)
            case None:
                pass
        return self._finish()

    # --- queries ---

    @property
    def authorities(self) -> Authorities:
        """The current voters and the pending changes."""
        return self._sets.authorities

    @property
    def me(self) -> AuthorityId | None:
        """The key that votes now; None while we only observe."""
        return self._environment.voter.me

    @property
    def set_id(self) -> int:
        """The number of the set that votes."""
        return self._sets.authorities.current.set_id

    @property
    def round(self) -> int:
        """The number of the current round."""
        return self._environment.round

    @property
    def waiting(self) -> int:
        """Votes, commits and catch-ups that wait for blocks."""
        return len(self._held)

    def rounds(self) -> tuple[RoundReport, list[RoundReport]]:
        """Return the current round, and those before it that still take votes."""
        voter = self._environment.voter
        return (
            RoundReport.of(voter.best_round),
            [RoundReport.of(votes) for votes in voter.past_rounds],
        )

    def must_be_proven(self) -> Target | None:
        """Return the next block of the best chain that ends a set; None if none is here.

        Nothing above it can be final before it is: a node that is behind requests its proof.
        """
        return self._sets.must_be_proven()

    # --- the frame of an event ---

    def _begin(self, now_ms: int) -> None:
        """Advance the clock; observe before the next vote if this event is late."""
        if self._clock.advance(now_ms):
            self._armed = None  # the timer was set by the earlier clock
        now, armed = self._clock.now, self._armed
        if armed is None or now <= armed + self._allowed:
            return
        if now > self._woken + QUIET_PAUSE * self._gossip:
            # We stalled, and other voters did not.
            self._woken = now
            self._environment.voter.be_quiet(now + 2 * self._gossip)
            self._request_votes()

    def _finish(self) -> list[Action]:
        """Do what is due, send our position if it changed, request the next tick."""
        now, view, voter = self._clock.now, self._validator.view, self._environment.voter
        if voter.due is not None and now >= voter.due:
            self._environment.tick()
        if view.round != voter.round or view.set_id != voter.set.set_id:
            self._enter_round()
        due = min(self._stall.due, self._neighbors.due, self._catch_ups.due)
        if now >= due:
            self._help_neighbors(now, voter.active_at)
            due = min(self._stall.due, self._neighbors.due, self._catch_ups.due)
        if voter.due is not None and voter.due < due:
            due = voter.due
        if due != self._armed:
            self._armed = due
            self._outbox.put(ArmTimer(self._clock.outside(due)))
        return self._outbox.take()

    def _help_neighbors(self, now: int, active_at: int | None) -> None:
        """Send and request what neighbours or we may lack, where it is time for that.

        `active_at` is the time of the first vote in the current round.
        """
        if now >= self._stall.due and not self._stall.postpone(active_at, now):
            self._help_along()
        if now >= self._neighbors.due:
            self._neighbors.send_all(self._view())
        if now >= self._catch_ups.due:
            self._request_catch_up(self._view())

    # --- rounds and sets ---

    def _view(self) -> View:
        """Return our position."""
        voter = self._environment.voter
        return View(voter.set.set_id, voter.round, self._sets.as_of.number)

    def _enter_round(self) -> None:
        """Drop what is of no use in the new round, and send our position."""
        before, view = self._validator.view, self._view()
        self._validator.enter(view)
        self._stall.restart(self._clock.now)
        self._votes.drop_below(view.round - ROUNDS_KEPT)
        self._held.drop_votes_below(view.round - 1)
        self._neighbors.enter_round(before, view)

    def _begin_set(self, block: Target) -> None:
        """Begin the first round of the next set."""
        self._votes.clear()
        self._held.begin_set()
        self._catch_ups.begin_set()
        self._environment.begin_set(block)
        for proof in self._held.take_proofs():
            self._finalizer.import_justification(proof, None)

    def _help_along(self) -> None:
        """Request votes, and send ours again: the round does not complete."""
        self._stall.back_off(self._clock.now)
        self._request_votes()
        self._request_catch_up(self._view())
        self._held.expire(self._clock.now)
        self._held.request_blocks()
        me = self.me
        if me is None:
            return
        for number in (self.round - 1, self.round):
            for signed in self._votes.in_round(number):
                if signed.id == me:
                    raw = encode_vote(number, self.set_id, signed)
                    self._outbox.gossip_vote(raw, self.set_id, number)
        commit = self._best.commit_of(self.set_id)
        if commit is not None:
            self._outbox.gossip(commit)

    def _request_votes(self, of: str | None = None) -> None:
        """Request the votes that we lack, of one neighbour or of some."""
        self._neighbors.request_votes(self._view(), self._sets.current.voters.order, of)

    def _request_catch_up(self, ours: View) -> None:
        """Request a catch-up if we are behind, unless one waits for its blocks."""
        is_given = self._held.has_catch_up(self._clock.now - CATCH_UP_TIMEOUT)
        self._catch_ups.request(ours, is_given=is_given)

    def _save_voters(self) -> None:
        self._outbox.put(Save({**self._sets.changes(), **self._best.changes()}))


def last_round(read: records.Read, sets: AuthoritySets, votes: KeptVotes) -> LastRound:
    """Return the last complete round, to start after; its votes are kept to be sent again.

    Raises BadRecord.
    """
    stored = records.read_round(read)
    if stored is None or int(stored.set_id) != sets.set_id:
        return LastRound(0, sets.as_of)
    number = int(stored.number)
    for signed in stored.votes:
        votes.of(number, signed.id, stage_of(signed.message)).append(signed)
    return LastRound(number, stored.base.target, stored.votes)
