"""Earnings of a referral: pure functions over amounts in planck.

The fees of a referee leave the accounts of a single owner of everything in three ways only: they
are burned, go to the Foundation and the reserve, or to the part of the development fund that
stakers do not get. A referral returns a part of that, less the part that mining returns already; so
a self-referral always costs more than it earns. (docs/referral.md)
"""

from __future__ import annotations

from typing import Final

from runtime.constants import BTT
from runtime.pallets.referral.types import Referee, Terms, Usage

RETURNED_PERCENT: Final = 85
"""Part of the fees lost, less mining, that a referral returns at most."""
MIN_REMAINDER: Final = 100 * int(BTT)
"""Fees of a referee that nothing returned, from which on its referral counts as a contribution."""


def reached(terms: Terms, referee: Referee) -> int:
    """Return the sum of the rewards whose milestones are reached."""
    total = int(terms.implementation) if referee.implemented else 0
    if referee.usage.jobs >= terms.jobs:
        total += int(terms.usage)
    if referee.usage.spent >= terms.spent:
        total += int(terms.spending)
    return total


def returnable(usage: Usage) -> int:
    """Return the maximum that a referral with this usage pays in all.

    The second bound holds where the first is too high: if governance raises the part of fees that
    mining returns for verified requesters, or the stakers' share.
    """
    left = int(usage.lost) - int(usage.mining)
    part = RETURNED_PERCENT * left // 100
    return max(0, min(part, left - int(usage.dividends)))


def payable(terms: Terms, referee: Referee) -> int:
    """Return the amount that can be paid now, apart from the limits of the year.

    Nothing after the referral is complete: the rest of the fees bounds its contribution points.
    """
    if referee.complete:
        return 0
    return max(0, min(reached(terms, referee), returnable(referee.usage)) - int(referee.paid))


def remainder(referee: Referee) -> int:
    """Return the fees of a referee that came back to no one, less what the referral paid."""
    usage = referee.usage
    returned = int(usage.mining) + int(usage.dividends) + int(referee.paid)
    return max(0, int(usage.lost) - returned)


def is_complete(terms: Terms, referee: Referee) -> bool:
    """Return True if all milestones are paid, and enough fees are left for a contribution."""
    usage = referee.usage
    all_reached = referee.implemented and usage.jobs >= terms.jobs and usage.spent >= terms.spent
    is_paid = int(referee.paid) >= terms.whole
    return all_reached and is_paid and remainder(referee) >= MIN_REMAINDER
