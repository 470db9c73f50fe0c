"""The candidates for election, and the selection of an even set of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from btt_chain.primitives.account import AccountId
from btt_chain.scale import u32, u128
from runtime.frame import Component, Hasher, Map, Value
from runtime.pallets.authorities import errors, events

EVENNESS: Final = 4
"""Maximum ratio of the mean bond of a set to its smallest bond."""
OPERATORS: Final = 5
"""Minimum number of operators of a set, if so many stand: each has a fifth of the places."""

Ranked = Sequence[tuple[AccountId, u128]]
"""Candidates that can be elected and their bonds, the greatest first."""


class Terms(NamedTuple):
    """The terms of an election."""

    seats: int
    """Maximum number of validators."""
    least: int
    """Minimum number of validators."""
    minimum: u128
    """Minimum bond, in planck."""
    has_keys: Callable[[AccountId], bool]
    operator_of: Callable[[AccountId], AccountId]


def even_count(bonds: Sequence[int], seats: int) -> int:
    """Return the size of the largest even set of the first `bonds`, at most `seats`.

    `bonds` are in descending order. A set is even if its smallest bond is at least a quarter of its
    mean bond.
    """
    total = even = 0
    for count, bond in enumerate(bonds[:seats], 1):
        total += bond
        if EVENNESS * count * bond >= total:
            even = count
    return even


def elect(ranked: Ranked, terms: Terms) -> dict[AccountId, u128]:
    """Return the elected accounts and their bonds, the greatest first.

    The set is the largest even one. An operator has a fifth of its places, rounded up, while other
    candidates could take them and leave the set even. The set is not smaller than `terms.least`,
    if there are so many candidates.
    """
    if not ranked:
        return {}
    bonds = [int(bond) for _, bond in ranked]
    even = even_count(bonds, terms.seats)
    count = max(even, min(terms.least, len(ranked)))
    least = -(-sum(bonds[:count]) // (EVENNESS * count)) if count == even else 0
    limit = -(-count // OPERATORS)
    taken: list[int] = []
    held_back: list[int] = []
    places: dict[AccountId, int] = {}
    for rank, (stash, bond) in enumerate(ranked):
        if len(taken) == count or bond < least:
            break
        operator = terms.operator_of(stash)
        places[operator] = places.get(operator, 0) + 1
        (taken if places[operator] <= limit else held_back).append(rank)
    return dict(ranked[rank] for rank in sorted([*taken, *held_back][:count]))


def removed(
    absent: Sequence[AccountId], ranked: Ranked, elected: int, least: int
) -> list[AccountId]:
    """Return the first of the `absent` candidates, which an election removes.

    They are less than a third of the `elected`, and leave at least `least` candidates.
    """
    candidates = dict(ranked)
    room = max(0, min((elected - 1) // 3, len(ranked) - least))
    return [stash for stash in absent if stash in candidates][:room]


class CandidateList(Component):
    """Accounts that stand for election, with their active bonds, and barred offenders."""

    _max_candidates: u32

    candidates = Map(AccountId, u128, hasher=Hasher.Twox64Concat)
    """Candidates for election and their active bonds, in planck."""
    counter_for_candidates = Value(u32, default=u32(0))
    """Number of candidates."""
    barred = Map(AccountId, u32, default=u32(0))
    """Barred offenders, and the first session in which each may be a candidate again."""

    def __contains__(self, stash: AccountId) -> bool:
        """Return True if `stash` is a candidate."""
        return stash in self.candidates

    def ranked(self) -> list[tuple[AccountId, u128]]:
        """Return the candidates and their bonds, the greatest first; equal ones by account."""
        return sorted(self.candidates.items(), key=lambda row: (-int(row[1]), row[0]))

    def elect(self, terms: Terms, absent: Sequence[AccountId]) -> dict[AccountId, u128]:
        """Return the elected candidates and their bonds, the greatest first.

        Some of the validators that are `absent`, of whom the first was absent longest, are removed
        from the candidates before.
        """
        ranked = [
            row for row in self.ranked() if row[1] >= terms.minimum and terms.has_keys(row[0])
        ]
        elected = elect(ranked, terms)
        gone = removed(absent, ranked, len(elected), terms.least)
        for stash in gone:
            self.deposit(events.Absent(stash))
            self.chill(stash)
        return elect([row for row in ranked if row[0] not in gone], terms) if gone else elected

    def add(self, stash: AccountId, bond: u128) -> None:
        """Add a candidate."""
        self.candidates[stash] = bond
        self.counter_for_candidates.value += 1

    def update(self, stash: AccountId, bond: u128) -> None:
        """Store the changed bond of an account, if it is a candidate."""
        if stash in self.candidates:
            self.candidates[stash] = bond

    def remove(self, stash: AccountId) -> None:
        """Remove a candidate."""
        del self.candidates[stash]
        self.counter_for_candidates.value -= 1

    def chill(self, stash: AccountId) -> None:
        """Remove a candidate that no longer stands for election."""
        self.remove(stash)
        self.deposit(events.Chilled(stash))

    def make_room(self, stash: AccountId, bond: u128) -> int:
        """Displace the least candidate of a full list; return the number of candidates read.

        Raises CandidatesFull.
        """
        if self.counter_for_candidates.value < self._max_candidates:
            return 0
        ranked = self.ranked()
        least, least_bond = ranked[-1]
        if bond <= least_bond:
            raise errors.CandidatesFull
        self.remove(least)
        self.deposit(events.Displaced(least, stash))
        return len(ranked)
