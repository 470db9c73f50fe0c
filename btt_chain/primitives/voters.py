"""GRANDPA's voters, and the voting power that decides.

Sources: `VoterSet` of the Rust crate `finality_grandpa`; docs/decisions/0075.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from btt_chain.scale import FixedBytes, Overflow, u64


class AuthorityId(FixedBytes, size=32, path="sp_consensus_grandpa::app::Public"):
    """A voter's public key, ed25519."""

    __slots__ = ()


class Power(NamedTuple):
    """Voting power in two measures: weight, and number of voters."""

    weight: int
    heads: int

    def plus(self, other: Power) -> Power:
        """Return the sum, by measure."""
        return Power(self.weight + other.weight, self.heads + other.heads)

    def minus(self, other: Power) -> Power:
        """Return the difference, by measure; it may be negative."""
        return Power(self.weight - other.weight, self.heads - other.heads)

    def reaches(self, least: Power) -> bool:
        """Return True if `least` is reached."""
        return least.is_reached(self.weight, self.heads)

    def is_reached(self, weight: int, heads: int) -> bool:
        """Return True if both measures are at least these: the rule of *enough*."""
        return weight >= self.weight and heads >= self.heads

    def is_touched(self, weight: int, heads: int) -> bool:
        """Return True if one measure or both are at least these: the rule of *possible*."""
        return weight >= self.weight or heads >= self.heads


class VoterSet:
    """The voters and their weights; more than two thirds of weight and of voters decide.

    Substrate decides by weight alone; where all weights are equal, both rules are one. Verifiers of
    other chains count signatures: with unequal weights they need two thirds of the voters.

    Weights of a repeated id are added, an id without weight does not vote. ValueError if no voter
    is left; Overflow if the total weight does not fit 64 bits.
    """

    __slots__ = ("by_weight", "order", "powers", "threshold", "tolerated", "total", "weights")

    def __init__(self, authorities: Iterable[tuple[AuthorityId, int]]) -> None:
        weights: dict[AuthorityId, int] = {}
        for who, weight in authorities:
            if weight:
                weights[who] = weights.get(who, 0) + int(weight)
        if not weights:
            raise ValueError("there is no voter")
        total = sum(weights.values())
        if total > u64.MAX:
            raise Overflow(f"the voters' weights add up to {total}")
        self.weights: Mapping[AuthorityId, int] = weights
        self.powers: Mapping[AuthorityId, Power] = {
            who: Power(weight, 1) for who, weight in weights.items()
        }
        self.order: Sequence[AuthorityId] = sorted(weights)
        self.by_weight: Sequence[AuthorityId] = sorted(self.order, key=lambda who: -weights[who])
        """The heaviest first; equal ones in their order."""
        self.total = Power(total, len(weights))
        self.tolerated = Power((total - 1) // 3, (len(weights) - 1) // 3)
        """No two blocks of one height become final while one measure of the faulty voters is not
        above this."""
        self.threshold = self.total.minus(self.tolerated)
        """The least power that makes a block final."""

    def __contains__(self, who: AuthorityId) -> bool:
        return who in self.weights

    def __len__(self) -> int:
        return len(self.order)

    def power_of(self, voters: Iterable[AuthorityId]) -> Power:
        """Return the power of several voters, no two the same. Raises KeyError for another id."""
        weights = [self.weights[who] for who in voters]
        return Power(sum(weights), len(weights))

    def primary(self, round_number: int) -> AuthorityId:
        """Return the voter whose hint counts in a round."""
        return self.order[round_number % len(self.order)]
