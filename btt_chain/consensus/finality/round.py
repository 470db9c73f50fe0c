"""The arithmetic of one round: its ghost, its estimate and its final block.

- A voter counts once per stage. With two votes in a stage it counts for every block, and further
  ones are dropped.
- The ghost is the highest block with enough prevotes; the estimate the highest at or below it that
  could still get enough precommits; final is the highest with enough of both.
- Power has two measures, weight and number of voters. Enough is two thirds of both. A block that
  could get enough by one of them is still possible: voters that cheat may be more than is tolerated
  in the other one.
- Equal to the Rust crate `finality_grandpa` for equal weights, while no more cheat than is
  tolerated; beyond that in both measures, two blocks of one height may both have enough, and either
  result is wrong.

Signatures are checked before votes come here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import field
from enum import Enum
from typing import Final, NamedTuple, TypeAlias

from btt_chain.consensus.finality.graph import NO_POWER, Ancestry, Node, Suffices, VoteGraph
from btt_chain.lazyclass import dataclass
from btt_chain.primitives.grandpa import (
    PrecommitMessage,
    PrevoteMessage,
    SignedMessage,
    SignedPrecommit,
    SignedPrevote,
    Stage,
    Target,
    target_of,
)
from btt_chain.primitives.grandpa_equivocation import (
    AnyEquivocation,
    DoublePrecommit,
    DoublePrevote,
    PrecommitEquivocation,
    PrevoteEquivocation,
)
from btt_chain.primitives.voters import AuthorityId, Power, VoterSet
from btt_chain.scale import path, u64


class Outcome(Enum):
    """The result of adding a vote."""

    COUNTED = "counted"
    EQUIVOCATION = "the voter's second, different vote"
    DUPLICATE = "known already"
    THIRD = "the voter has been caught with two already"
    UNKNOWN_VOTER = "not of a voter"
    OFF_BASE = "not for a block on the round's base"


class Imported(NamedTuple):
    """The result of adding a vote, and the two votes if it is an equivocation."""

    outcome: Outcome
    equivocation: AnyEquivocation | None = None


_COUNTED: Final = Imported(Outcome.COUNTED)
_DUPLICATE: Final = Imported(Outcome.DUPLICATE)
_THIRD: Final = Imported(Outcome.THIRD)
_UNKNOWN_VOTER: Final = Imported(Outcome.UNKNOWN_VOTER)
_OFF_BASE: Final = Imported(Outcome.OFF_BASE)


@dataclass(frozen=True, slots=True)
class RoundState:
    """The result of a round's votes so far."""

    ghost: Target | None
    """The highest block with enough prevotes."""
    finalized: Target | None
    """The highest block with enough prevotes and precommits."""
    estimate: Target | None
    """The highest block that might have become final in this round at any node."""
    completable: bool
    """True if nothing above the estimate can become final in this round any more."""

    @classmethod
    def genesis(cls, block: Target) -> RoundState:
        """Return the state of the round before the first: its block is final."""
        return cls(block, block, block, completable=True)


@path("finality_grandpa::HistoricalVotes")
@dataclass(slots=True)
class HistoricalVotes:
    """The votes of a round in order of arrival, and their number when we voted."""

    seen: list[SignedMessage] = field(default_factory=list)
    prevote_index: u64 | None = None
    precommit_index: u64 | None = None


class _Votes:
    """The votes of one stage: one or two by voter."""

    def __init__(self) -> None:
        self.by_voter: dict[AuthorityId, list[SignedMessage]] = {}
        self.weight = self.heads = 0
        """Power of all voters that voted, by its two measures."""
        self.doubled = NO_POWER
        """Power of the voters that voted twice."""
        self.can_decide = False
        """True if the voters that voted have the power to decide."""


class Round:
    """The votes of one round over a base, and their result.

    The base is final already; votes that are not for it or blocks above it are not counted.
    """

    def __init__(self, number: int, voters: VoterSet, base: Target, ancestry: Ancestry) -> None:
        self.number: Final = number
        self.voters: Final = voters
        self.base: Final = base
        self.historical: Final = HistoricalVotes()
        self._graph = VoteGraph(base, ancestry)
        self._stages = (_Votes(), _Votes())
        self._top: Node | None = None
        """The ghost in the tree."""
        self.ghost: Target | None = None
        """The highest block with enough prevotes."""
        self.finalized: Target | None = None
        """The highest block with enough prevotes and precommits."""
        self.estimate: Target | None = None
        """The highest block that might have become final in this round."""
        self.completable = False
        """True if nothing above the estimate can become final in this round any more."""
        self.revision = 0
        """Number of changes of these results."""

    # --- votes ---

    def add(self, signed: SignedMessage) -> Imported:
        """Count a prevote or precommit; ValueError for a primary's hint, which is not a vote."""
        message, who = signed.message, signed.id
        stage, vote = message.STAGE, message.vote
        if stage is Stage.PROPOSE:
            raise ValueError("a primary's hint is not counted")
        power = self.voters.powers.get(who)
        if power is None:
            return _UNKNOWN_VOTER
        votes = self._stages[stage]
        if who in votes.by_voter:
            return self._add_another(stage, signed, power)
        if not self._graph.insert(vote.target_hash, vote.target_number, stage, power):
            return _OFF_BASE
        votes.by_voter[who] = [signed]
        votes.weight += power.weight
        votes.heads += power.heads
        if not votes.can_decide:
            votes.can_decide = self.voters.threshold.is_reached(votes.weight, votes.heads)
        self._update(stage, signed)
        return _COUNTED

    def mark_prevoted(self) -> None:
        """Record that we prevoted, after the votes so far."""
        self.historical.prevote_index = u64(len(self.historical.seen))

    def mark_precommitted(self) -> None:
        """Record that we precommitted, after the votes so far."""
        self.historical.precommit_index = u64(len(self.historical.seen))

    # --- results ---

    def precommit_ghost(self) -> Target | None:
        """Return the highest block with enough precommits, without a look at prevotes, or None."""
        if not self.has_enough(Stage.PRECOMMIT):
            return None
        graph = self._graph
        ghost = graph.find_ghost(graph.base, Stage.PRECOMMIT, self._enough(Stage.PRECOMMIT))
        return None if ghost is None else ghost.block

    def power_of(self, stage: Stage) -> Power:
        """Return the power of the voters that voted in a stage."""
        votes = self._stages[stage]
        return Power(votes.weight, votes.heads)

    def has_enough(self, stage: Stage) -> bool:
        """Return True if the voters that voted in a stage have the power to decide."""
        return self._stages[stage].can_decide

    def voted(self, stage: Stage) -> Sequence[AuthorityId]:
        """Return the voters that voted in a stage, in the order of their first votes."""
        return list(self._stages[stage].by_voter)

    def missing(self, stage: Stage) -> Sequence[AuthorityId]:
        """Return the voters that have not voted in a stage, in the order of the set."""
        return [who for who in self.voters.order if who not in self._stages[stage].by_voter]

    def single_precommits(self) -> list[SignedPrecommit]:
        """Return the precommits of the voters that cast one only."""
        stage = self._stages[Stage.PRECOMMIT]
        return _precommits([votes[0] for votes in stage.by_voter.values() if len(votes) == 1])

    def prevotes(self) -> list[SignedPrevote]:
        """Return all prevotes that are kept, two for an equivocator."""
        return [
            SignedPrevote(signed.message.vote, signed.signature, signed.id)
            for votes in self._stages[Stage.PREVOTE].by_voter.values()
            for signed in votes
            if isinstance(signed.message, PrevoteMessage)
        ]

    def precommits(self) -> list[SignedPrecommit]:
        """Return all precommits that are kept, two for an equivocator."""
        stage = self._stages[Stage.PRECOMMIT]
        return _precommits(signed for votes in stage.by_voter.values() for signed in votes)

    # --- internals ---

    def _add_another(self, stage: Stage, signed: SignedMessage, power: Power) -> Imported:
        """Count a further vote of a voter in a stage."""
        votes, vote = self._stages[stage], signed.message.vote
        known = votes.by_voter[signed.id]
        if signed in known:
            return _DUPLICATE
        if len(known) > 1:
            return _THIRD
        if not self._graph.stands_on_base(target_of(vote)):
            return _OFF_BASE
        # Now it counts for every block, so no longer for its first one alone.
        self._graph.withdraw(target_of(known[0].message.vote), stage, power)
        known.append(signed)
        votes.doubled = votes.doubled.plus(power)
        self._update(stage, signed)
        return Imported(Outcome.EQUIVOCATION, _equivocation(self.number, *known))

    def _update(self, stage: Stage, signed: SignedMessage) -> None:
        """Update the results after a vote."""
        self.historical.seen.append(signed)
        top, graph, (prevotes, precommits) = self._top, self._graph, self._stages
        before = self.ghost, self.finalized, self.estimate, self.completable
        if stage is Stage.PREVOTE and prevotes.can_decide:
            start = graph.base if top is None else top
            top = self._top = graph.find_ghost(start, stage, self._enough(stage))
            self.ghost = None if top is None else top.block
        if top is None:
            pass
        elif not precommits.can_decide:
            # A third and more has not precommitted: with them, anything above may get enough.
            self.estimate = top.block
        else:
            self._conclude(top)
        if (self.ghost, self.finalized, self.estimate, self.completable) != before:
            self.revision += 1

    def _conclude(self, ghost: Node) -> None:
        """Find what is final and what may yet be, once enough voters have precommitted."""
        graph, stage = self._graph, Stage.PRECOMMIT
        finalized = graph.find_ancestor(ghost, stage, self._enough(stage))
        possible = self._possible()
        estimate = graph.find_ancestor(ghost, stage, possible)
        self.finalized = None if finalized is None else finalized.block
        self.estimate = None if estimate is None else estimate.block
        self.completable = estimate is not None and (
            estimate is not ghost or graph.find_ghost(ghost, stage, possible) is ghost
        )

    def _enough(self, stage: Stage) -> Suffices:
        """Return if power is enough in a stage, with that of the voters that voted twice."""
        least, doubled = self.voters.threshold, self._stages[stage].doubled
        if doubled.heads:
            least = least.minus(doubled)
        return least.is_reached

    def _possible(self) -> Suffices:
        """Return if a block with this power of precommits might have enough at another node.

        Those that have not voted may vote for it, and those that voted otherwise may do so again,
        as far as cheating is tolerated. By each measure it could get enough with
          has + (total - voted) + min(voted - has, may_cheat) >= threshold
        where `has` is its own power with that of the voters that voted twice.
        """
        votes, allowed = self._stages[Stage.PRECOMMIT], self.voters.tolerated
        doubled = votes.doubled
        least = Power(
            _least_possible(votes.weight, allowed.weight, doubled.weight),
            _least_possible(votes.heads, allowed.heads, doubled.heads),
        )
        # Given up only by both measures: the cheats may be more than is tolerated in one of them.
        return least.is_touched


def _least_possible(voted: int, allowed: int, doubled: int) -> int:
    """Return the least that a block must have in one measure to get enough at another node."""
    may_cheat = allowed - doubled if allowed > doubled else 0
    return voted - allowed - may_cheat - doubled


Before: TypeAlias = Round | RoundState
"""The round before another one, or its result as saved: both have its fields."""


def _precommits(messages: Iterable[SignedMessage]) -> list[SignedPrecommit]:
    return [
        SignedPrecommit(signed.message.vote, signed.signature, signed.id)
        for signed in messages
        if isinstance(signed.message, PrecommitMessage)
    ]


def _equivocation(number: int, first: SignedMessage, second: SignedMessage) -> AnyEquivocation:
    match first.message, second.message:
        case PrevoteMessage(one), PrevoteMessage(two):
            return PrevoteEquivocation(
                DoublePrevote(
                    u64(number), first.id, (one, first.signature), (two, second.signature)
                )
            )
        case PrecommitMessage(one), PrecommitMessage(two):
            return PrecommitEquivocation(
                DoublePrecommit(
                    u64(number), first.id, (one, first.signature), (two, second.signature)
                )
            )
    raise AssertionError("two votes of one stage are of one kind")
