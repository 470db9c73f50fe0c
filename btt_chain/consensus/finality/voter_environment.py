"""The voter of the current set in its environment: its actions are carried out here.

Our votes are signed by the `VoteSigner` alone, which records before it signs. One key votes: of
those that the signer holds, the first in the order of the set. Source: `environment` of Substrate's
`sc_consensus_grandpa`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from btt_chain.consensus.finality import peers as cost
from btt_chain.consensus.finality import records, voter
from btt_chain.consensus.finality.authority_sets import AuthoritySets
from btt_chain.consensus.finality.environment import Blocks, Offence, Save, Sync, VoteSigner
from btt_chain.consensus.finality.finalizer import Finalizer
from btt_chain.consensus.finality.messages import GOSSIP, CommitGossip, CommitMessage, encode_vote
from btt_chain.consensus.finality.shared import Shared
from btt_chain.consensus.finality.voter import Basis, Finalize, LastRound, Timing, Voter
from btt_chain.crypto.hashing import blake2_256
from btt_chain.lazyclass import dataclass
from btt_chain.primitives.grandpa import Stage, Target
from btt_chain.primitives.voters import AuthorityId
from btt_chain.scale import u64

COMMIT_TURNS: Final = 8
"""Steps of half a gossip duration over which the voters' commits are staggered."""


@dataclass(frozen=True, slots=True)
class Settings:
    """A node's settings for voting."""

    gossip_ms: int
    """Time for a message to reach all voters, in milliseconds."""
    behind: int
    """Distance of votes below the best block."""


class _VoterChain:
    """The chain that a voter needs, with the limit that the changes of voters set."""

    def __init__(self, blocks: Blocks, sets: AuthoritySets) -> None:
        self.parent = blocks.parent
        self.header = blocks.header
        self.height = blocks.height
        self.best_containing = blocks.best_containing
        self.vote_limit = sets.limit


class VoterEnvironment:
    """Runs the voter of the current set."""

    def __init__(
        self,
        settings: Settings,
        shared: Shared,
        signer: VoteSigner,
        sync: Sync | None,
        finalizer: Finalizer,
        last: LastRound,
    ) -> None:
        """Begin after the round `last`."""
        self._settings: Final = settings
        self._chain: Final = _VoterChain(shared.blocks, shared.sets)
        self._sets: Final = shared.sets
        self._signer: Final = signer
        self._sync: Final = sync
        self._finalizer: Final = finalizer
        self._votes: Final = shared.votes
        self._clock: Final = shared.clock
        self._outbox: Final = shared.outbox
        self._committed = 0
        self.voter = self._new_voter(last)
        """The voter of the current set."""

    # --- the voter ---

    @property
    def round(self) -> int:
        """The number of the current round."""
        return self.voter.round

    def begin_set(self, first: Target) -> None:
        """Replace the voter by that of the next set, whose rounds begin on `first`."""
        self.voter = self._new_voter(LastRound(0, first))
        self.tick()

    def change_key(self) -> None:
        """Vote with the key that the signer has now, or not at all."""
        me = self._my_key()
        self.voter.act_as(me, self._recorded(me))

    def tick(self) -> None:
        """Have the voter do all that is due."""
        self.apply(self.voter.tick(self._clock.now))

    def apply(self, actions: list[voter.Action], peer: str | None = None) -> None:
        """Carry out the voter's actions, and those that they lead to: these are appended.

        `peer` is the sender of the message that led to them.
        """
        for action in actions:  # grows in the loop
            match action:
                case voter.SendVote():
                    actions += self._cast(action)
                case voter.SendCommit(number, set_id, commit):
                    if self.is_commit_new(commit.target.number):
                        body = CommitMessage(u64(number), u64(set_id), commit.compact())
                        self.publish_commit(commit.target, GOSSIP.encode(CommitGossip(body)))
                case Finalize(justification):
                    self._finalizer.finalize(justification)
                case voter.Report(proof):
                    self._outbox.put(Offence(proof))
                case voter.SaveRound(votes):
                    changes = records.round_change(
                        self._sets.set_id, votes.number, votes.base, votes.historical.seen
                    )
                    self._outbox.put(Save(changes))
                case voter.Distrust(why):
                    if peer is not None:
                        self._outbox.penalize(peer, cost.INVALID, why)

    # --- commits ---

    def is_commit_new(self, height: int) -> bool:
        """Return True if no commit for a block this high was received or published yet."""
        return height > self._committed

    def publish_commit(self, target: Target, raw: bytes) -> None:
        """Gossip a commit, and none for a lower block after it."""
        self._committed = target.number
        self._outbox.gossip(raw)

    # --- internals ---

    def _cast(self, action: voter.SendVote) -> list[voter.Action]:
        """Have our vote signed, publish it, and count it; not if a proof excludes a final block."""
        me = self.voter.me
        if me is None or self._finalizer.broken:
            return []
        self._make_durable()
        signed = self._signer.sign(action.set_id, action.round, action.message, me)
        if signed is None:
            return []
        kept = self._votes.of(action.round, me, action.message.STAGE)
        if signed not in kept:
            kept.append(signed)
        raw = encode_vote(action.round, action.set_id, signed)
        self._outbox.gossip_vote(raw, action.set_id, action.round)
        return self.voter.on_vote(action.round, signed, self._clock.now)

    def _make_durable(self) -> None:
        """Make the basis of a vote durable before it is signed.

        The record of a vote outlives every crash, and a vote on record is never replaced. If the
        block of the vote, or the votes of the round before, were lost in a power failure of all
        nodes, the round that all are in could not be completed any more.
        """
        if self._sync is not None:
            self._sync(self._outbox.unsaved())

    def _new_voter(self, last: LastRound) -> Voter:
        gossip, me = self._settings.gossip_ms, self._my_key()
        # Not all voters at once: one that waits longer receives another's commit and keeps its own.
        turn = COMMIT_TURNS if me is None else blake2_256(me)[0] % COMMIT_TURNS
        return Voter(
            self._sets.current,
            me,
            self._chain,
            Timing(gossip, 2 * gossip + turn * gossip // 2, self._settings.behind),
            Basis(self._sets.as_of, last, self._recorded(me)),
            self._clock.now,
        )

    def _my_key(self) -> AuthorityId | None:
        ours = set(self._signer.keys())
        return next((who for who, _ in self._sets.current.authorities if who in ours), None)

    def _recorded(self, me: AuthorityId | None) -> Mapping[tuple[int, Stage], Target]:
        return {} if me is None else self._signer.recorded(self._sets.set_id, me)
