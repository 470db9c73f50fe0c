"""The law of the chambers, without state: weights by year, and what many votes come to.

Source: `economy.md` 3.8. Weights are parts of 7,000; a tally's unit is a billionth of such a part.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import Final

from btt_chain.primitives.arithmetic import Perbill
from btt_chain.scale import path, u128
from runtime.pallets.chambers.types import ChamberBooks, Share, WorkDay
from runtime.pallets.referenda import Ballot, Tally

WHOLE: Final = 7_000
"""What the weights of all chambers add up to."""
SCALE: Final = 10**9
"""Parts of a weight that a tally counts in."""
COMMUNITY_SHARES: Final = (25, 35, 10)
"""How the three other chambers share what is not the institutions'."""
STATIC_PERCENT: Final = 30
FIRST_PERCENT: Final = 70
LAST_PERCENT: Final = 20
PERCENT: Final = {2026: 50, 2027: 40}
"""The institutions' part in the years between the first and the last."""
FLOOR_PERCENT: Final = 4
"""A chamber of whose electorate less takes part abstains."""

WINDOW: Final = 30
"""Days whose work counts: those before the one that is looked from."""
KEPT: Final = 48
"""Days that are remembered: the window, and the longest decision with its confirmation."""


@path("pallet_chambers::Mode")
class Mode(IntEnum):
    """Whether weights follow the years, or stay."""

    Scheduled = 0
    Static = 1


class Chamber(IntEnum):
    """The four chambers, in the order of all lists."""

    Institutions = 0
    Compute = 1
    Holders = 2
    Community = 3


def weights(mode: Mode, year: int) -> tuple[int, ...]:
    """Return the weight of each chamber in a year by its label; the first year is 2025."""
    if mode is Mode.Static:
        percent = STATIC_PERCENT
    elif year < min(PERCENT):
        percent = FIRST_PERCENT
    else:
        percent = PERCENT.get(year, LAST_PERCENT)
    return (70 * percent, *((100 - percent) * share for share in COMMUNITY_SHARES))


def turnout(books: ChamberBooks) -> int:
    """Return how much of a chamber's electorate takes part; never more than there is."""
    votes = books.votes
    return min(int(votes.ayes) + int(votes.nays) + int(votes.abstains), int(books.electorate))


def takes_part(books: ChamberBooks) -> bool:
    """Tell whether enough of a chamber takes part for it to count."""
    here = turnout(books)
    return here > 0 and here * 100 >= int(books.electorate) * FLOOR_PERCENT


def split(books: ChamberBooks) -> tuple[int, int]:
    """Return what a chamber says for and against: its weight by its votes, not winner-takes-all.

    Nothing of a chamber that does not take part, or in which all who do abstain.
    """
    said = int(books.votes.ayes) + int(books.votes.nays)
    if not said or not takes_part(books):
        return 0, 0
    whole = int(books.weight) * SCALE
    ayes = whole * int(books.votes.ayes) // said
    return ayes, whole - ayes


def tally(chambers: Sequence[ChamberBooks]) -> Tally:
    """Return what all chambers say; `support` is the weight of those that take part."""
    sides = [split(books) for books in chambers]
    there = sum(int(books.weight) for books in chambers if takes_part(books))
    return Tally(
        u128(sum(ayes for ayes, _ in sides)),
        u128(sum(nays for _, nays in sides)),
        u128(there * SCALE),
    )


def approval(counted: Tally) -> Perbill:
    """Return the part of ayes, such that reaching a round percentage means exceeding it."""
    votes = int(counted.ayes) + int(counted.nays)
    return Perbill(max(0, int(counted.ayes) * Perbill.WHOLE - 1) // max(1, votes))


def support(counted: Tally) -> Perbill:
    """Return the part of all weights whose chambers take part."""
    return Perbill.from_rational(counted.support, WHOLE * SCALE)


def shared(power: int, ballot: Ballot) -> Share:
    """Return `power` by the sides of a ballot, in its proportions; what is left over abstains."""
    locked = voted(ballot)
    if not locked:
        return Share()
    ayes, nays = power * ballot.ayes // locked, power * ballot.nays // locked
    return Share(u128(ayes), u128(nays), u128(power - ayes - nays))


def voted(ballot: Ballot) -> int:
    """Return what an account itself puts into a ballot, in planck; it is locked."""
    return ballot.ayes + ballot.nays + ballot.abstains


def work_of(days: Sequence[WorkDay], day: int) -> int:
    """Return the work of the window before `day`, in millionths of a unit."""
    return sum(int(one.parts) for one in days if day - WINDOW <= int(one.day) < day)
