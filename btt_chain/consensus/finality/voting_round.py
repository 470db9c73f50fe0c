"""A round in progress: its votes, its predecessor, and our steps in it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from btt_chain.consensus.finality.graph import Ancestry, descends
from btt_chain.consensus.finality.round import Before, Round
from btt_chain.consensus.finality.voting_rule import RuleChain
from btt_chain.lazyclass import dataclass
from btt_chain.primitives.grandpa import Commit, Justification, Stage, Target


class Step(Enum):
    """Our last action in a round."""

    WAITING = "waiting"
    PREVOTED = "prevoted"
    PRECOMMITTED = "precommitted"


@dataclass(slots=True)
class VotingRound:
    """A round in progress, and its predecessor."""

    votes: Round
    previous: Before | None
    """The round before; None: we skipped to this round, and do not vote in it."""
    started: int
    step: Step = Step.WAITING
    active_at: int | None = None
    """Time of the first vote in it, ours or another's; None: there is none yet."""
    prevoted: Target | None = None
    """The block that we prevoted for."""
    hint: Target | None = None
    proof: Justification | None = None
    """The proof of the highest block that this round proved."""
    proven: Target | None = None
    """The highest block that this round proved."""
    commit_at: int | None = None
    """Time to publish a commit, once the round is past; None: not, or no more."""
    received: int = 0
    """Height of the highest commit received for this round."""
    published: int = 0
    """Height of the highest commit that came for a block that was final already."""

    @property
    def cast_all(self) -> bool:
        """True if we vote no more in this round."""
        return self.previous is None or self.step is Step.PRECOMMITTED

    def next_at(self, gossip: int, now: int) -> int:
        """Return when our next vote is due by time: a prevote 2 gossip durations after the start,
        or after the first vote of another where it has nothing to decide; a precommit 4 after the
        start and 2 after the first vote.
        """
        if self.step is Step.WAITING:
            at, active = self.started + 2 * gossip, self.active_at
            return at if at > now or active is None else max(at, active + 2 * gossip)
        first = self.started if self.active_at is None else self.active_at
        return max(self.started + 4 * gossip, first + 2 * gossip)

    def is_idle(
        self, chain: RuleChain, final: Target, recorded: Mapping[tuple[int, Stage], Target]
    ) -> bool:
        """Return True if a round has no vote, and the chain no block to vote for; nor did we vote
        in an earlier life.
        """
        if self.active_at is not None or chain.height() > final.number:
            return False
        return (self.votes.number, Stage.PREVOTE) not in recorded

    def is_due(self, gossip: int, now: int) -> bool:
        """Return True if a prevote that decides nothing is due, too: the others have completed the
        round without it, or wait for it since another voted.
        """
        active = self.active_at
        return self.votes.completable or (active is not None and now >= active + 2 * gossip)

    def is_highest(self, ghost: Target, chain: Ancestry) -> bool:
        """Return True if no prevote that may still come is expected to raise the ghost: it stands
        on our own prevote, or all voters have prevoted.
        """
        ours = self.prevoted
        if ours is None or ours == ghost or self.has_all_prevotes:
            return ours is not None
        return ghost.number > ours.number and descends(chain, ours, ghost)

    @property
    def has_all_prevotes(self) -> bool:
        """True if all voters have prevoted."""
        return self.votes.power_of(Stage.PREVOTE) == self.votes.voters.total

    @property
    def has_commit(self) -> bool:
        """True if another voter's commit is as high as ours, or higher: ours needs no timer."""
        return self.proven is not None and self.proven.number <= self.published

    def concluded(self, final: Target) -> bool:
        """Return True if the round can have no further effect."""
        if self.commit_at is not None:
            return False
        estimate = self.votes.estimate
        return estimate is None or estimate.number <= final.number

    def may_be_followed(self) -> bool:
        """Return True if the next round may begin: the one before can lose nothing by it."""
        if self.step is not Step.PRECOMMITTED or not self.votes.completable:
            return False
        before = self.previous
        if before is None:
            return True
        if before.estimate is None:
            return False
        finals = [block.number for block in (before.finalized, self.votes.finalized) if block]
        return max(finals, default=-1) >= before.estimate.number

    def due_commit(self, now: int) -> Commit | None:
        """Return the commit to publish now, at most once; None if another voter's is as high."""
        if self.commit_at is None or now < self.commit_at:
            return None
        self.commit_at = None
        if self.proof is None or self.has_commit or self.proof.target.number <= self.received:
            return None
        return self.proof.commit
