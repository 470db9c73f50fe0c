"""A round in progress: its votes, its predecessor, and our steps in it."""

from __future__ import annotations

from enum import Enum

from btt_chain.consensus.finality.round import Round, RoundState
from btt_chain.lazyclass import dataclass
from btt_chain.primitives.grandpa import Commit, Justification, Target


class Step(Enum):
    """Our last action in a round."""

    WAITING = "waiting"
    PREVOTED = "prevoted"
    PRECOMMITTED = "precommitted"


@dataclass(slots=True)
class VotingRound:
    """A round in progress, and its predecessor."""

    votes: Round
    previous: Round | RoundState | None
    """None: we skipped to this round, and do not vote in it."""
    started: int
    step: Step = Step.WAITING
    hint: Target | None = None
    proof: Justification | None = None
    """The proof of the highest block that this round proved."""
    proven: Target | None = None
    """The highest block that this round proved."""
    commit_at: int | None = None
    """Time to publish a commit, once the round is past; None: not, or no more."""
    received: int = 0
    """Height of the highest commit received for this round."""

    @property
    def before(self) -> RoundState | None:
        """The state of the round before."""
        return self.previous.state if isinstance(self.previous, Round) else self.previous

    @property
    def cast_all(self) -> bool:
        """True if we vote no more in this round."""
        return self.previous is None or self.step is Step.PRECOMMITTED

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
        before = self.before
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
        if self.proof is None or self.proof.target.number <= self.received:
            return None
        return self.proof.commit
