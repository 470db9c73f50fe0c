"""Formulas of the chambers, without state: weights by year, and the counting of votes.

Weights are parts of 7,000; a tally's unit is a billionth of such a part.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import Final

from btt_chain.primitives.arithmetic import Perbill
from btt_chain.scale import path, u128
from runtime.pallets.chambers.types import ChamberRecord, Share, WorkDay
from runtime.pallets.referenda.types import Ballot, Tally

WHOLE: Final = 7_000
"""Sum of the weights of all chambers."""
SCALE: Final = 10**9
"""Units of a tally per part of a weight."""
COMMUNITY_SHARES: Final = (25, 35, 10)
"""Shares, in 70ths, of the three other chambers in the weight that institutions do not have."""
STATIC_PERCENT: Final = 30
FIRST_PERCENT: Final = 70
LAST_PERCENT: Final = 20
PERCENT: Final = {2026: 50, 2027: 40}
"""Percentage of the institutions in the years between the first and the last."""
FLOOR_PERCENT: Final = 4
"""Minimum turnout, in percent of the electorate; a chamber below it abstains."""
OBJECTION_PERCENT: Final = 10
"""Part of all weights, in percent, whose objection stops a milestone."""
OBJECTION_WEIGHT: Final = WHOLE * SCALE * OBJECTION_PERCENT // 100
"""The same in units of a tally."""

WINDOW: Final = 30
"""Length of the window of work that counts, in days; it ends the day before."""
KEPT: Final = 48
"""Number of days stored: the window, and the longest decision with its confirmation."""


@path("pallet_chambers::Mode")
class Mode(IntEnum):
    """Rule for the weights: scheduled by year, or static."""

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


def turnout(record: ChamberRecord) -> int:
    """Return the voting power that takes part in a chamber, at most its electorate."""
    votes = record.votes
    return min(int(votes.ayes) + int(votes.nays) + int(votes.abstains), int(record.electorate))


def takes_part(record: ChamberRecord) -> bool:
    """Return True if the turnout of a chamber reaches `FLOOR_PERCENT`."""
    here = turnout(record)
    return here > 0 and here * 100 >= int(record.electorate) * FLOOR_PERCENT


def split(record: ChamberRecord) -> tuple[int, int]:
    """Return the weight of a chamber for and against, in proportion to its ayes and nays.

    Zeros for a chamber whose turnout is too small, or with abstentions only.
    """
    said = int(record.votes.ayes) + int(record.votes.nays)
    if not said or not takes_part(record):
        return 0, 0
    whole = int(record.weight) * SCALE
    ayes = whole * int(record.votes.ayes) // said
    return ayes, whole - ayes


def tally(chambers: Sequence[ChamberRecord]) -> Tally:
    """Return the tally of all chambers; `support` is the weight of those that take part."""
    sides = [split(record) for record in chambers]
    there = sum(int(record.weight) for record in chambers if takes_part(record))
    return Tally(
        u128(sum(ayes for ayes, _ in sides)),
        u128(sum(nays for _, nays in sides)),
        u128(there * SCALE),
    )


def approval(counted: Tally) -> Perbill:
    """Return the share of ayes, rounded so that a threshold is reached only by exceeding it."""
    votes = int(counted.ayes) + int(counted.nays)
    return Perbill(max(0, int(counted.ayes) * Perbill.WHOLE - 1) // max(1, votes))


def support(counted: Tally) -> Perbill:
    """Return the weight of the chambers that take part, as a share of all weights."""
    return Perbill.from_rational(counted.support, WHOLE * SCALE)


def objected(chambers: Sequence[ChamberRecord]) -> int:
    """Return the weight of the objections: of each chamber, the objecting part of its power.

    In units of a tally, each part rounded down. There is no minimum turnout: a chamber counts with
    its objecting part, not with all of its weight.
    """
    return sum(
        int(one.weight)
        * SCALE
        * min(int(one.votes.nays), int(one.electorate))
        // int(one.electorate)
        for one in chambers
        if one.electorate
    )


def against(power: int) -> Share:
    """Return power that is all against."""
    return Share(nays=u128(power))


def shared(power: int, ballot: Ballot) -> Share:
    """Return `power` divided in the proportions of a ballot; the rest from rounding abstains."""
    locked = voted(ballot)
    if not locked:
        return Share()
    ayes, nays = power * ballot.ayes // locked, power * ballot.nays // locked
    return Share(u128(ayes), u128(nays), u128(power - ayes - nays))


def voted(ballot: Ballot) -> int:
    """Return the planck of an account's own votes in a ballot; they are locked."""
    return ballot.ayes + ballot.nays + ballot.abstains


def work_of(days: Sequence[WorkDay], day: int) -> int:
    """Return the work of the window before `day`, in millionths of a unit."""
    return sum(int(one.parts) for one in days if day - WINDOW <= int(one.day) < day)
