"""Earnings of a referral: pure functions over amounts in planck.

The fees of a referee leave the accounts of a single owner of everything in three ways only: they
are burned, go to the Foundation and the reserve, or to the part of the development fund that
stakers do not get. Mining returns a part of that. Of the rest a referral returns at most one half,
its contribution points included, and blocks made by work less than the other half
(`JobFees.value`); so a self-referral always costs more than it earns. (docs/referral.md)
"""

from __future__ import annotations

from typing import Final

from runtime.constants import BTT
from runtime.pallets.referral.types import Referee, Terms, Usage

MIN_REMAINDER: Final = 100 * int(BTT)
"""Amount that a referral could still return, from which on it counts as a contribution."""


def reached(terms: Terms, referee: Referee) -> int:
    """Return the sum of the rewards whose milestones are reached."""
    total = int(terms.implementation) if referee.implemented else 0
    if referee.usage.jobs >= terms.jobs:
        total += int(terms.usage)
    if referee.usage.spent >= terms.spent:
        total += int(terms.spending)
    return total


def returnable(usage: Usage) -> int:
    """Return the maximum that a referral with this usage pays in all."""
    return max(0, int(usage.lost) - int(usage.mining) - int(usage.dividends)) // 2


def payable(terms: Terms, referee: Referee) -> int:
    """Return the amount that can be paid now, apart from the limits of the year.

    Nothing after the referral is complete: the remainder bounds its contribution points.
    """
    if referee.complete:
        return 0
    return max(0, min(reached(terms, referee), returnable(referee.usage)) - int(referee.paid))


def remainder(referee: Referee) -> int:
    """Return the amount that the referral could return and did not pay."""
    return max(0, returnable(referee.usage) - int(referee.paid))


def is_complete(terms: Terms, referee: Referee) -> bool:
    """Return True if all milestones are paid, and enough is left for a contribution."""
    usage = referee.usage
    all_reached = referee.implemented and usage.jobs >= terms.jobs and usage.spent >= terms.spent
    is_paid = int(referee.paid) >= terms.whole
    return all_reached and is_paid and remainder(referee) >= MIN_REMAINDER
