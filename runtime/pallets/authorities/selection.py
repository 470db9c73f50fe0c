"""The rules of an election: an even set, with a limit of places for each operator."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from btt_chain.primitives.account import AccountId
from btt_chain.scale import u128

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
