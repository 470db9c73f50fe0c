"""Formulas of Incentives: pure functions over planck, points and slots. (docs/incentives.md)"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from btt_chain.scale import u128
from runtime.constants import BTT
from runtime.pallets.facilities.types import Size
from runtime.pallets.incentives.types import (
    CURRENCY,
    KAPPA_BPS,
    POOL_BPS,
    POOL_MONTHS,
    QUORUM,
    REDEMPTION_BPS,
    SEATS,
    SHARE,
    SUBSCRIPTIONS,
    Fail,
    Month,
    NotOpened,
    Pass,
    Verdict,
)
from runtime.pallets.payfi.fees import gross_of
from runtime.splits import BPS, PlatformSplit, Ramp, charge, split_platform

NO_BURN: Final = Ramp(0, 0)
LARGE_SUPPLY: Final = 100_000_000 * BTT
"""Supply from which a point is worth ten times as much: there are ten times as many tokens."""
CENTS: Final = 100
"""Minor units of CNY in one."""


class Fee(NamedTuple):
    """A fee of which a part goes to the pool, and the rest to the funds 3:2:1."""

    pool: u128
    split: PlatformSplit


def point_value(supply: int) -> u128:
    """Return the planck that a point is worth, on a chain with this supply at genesis."""
    return u128(BTT // 10 if supply >= LARGE_SUPPLY else BTT // 100)


def undistributed(initial: int, month: int) -> int:
    """Return the part of the pool's genesis funds that is for months after this one."""
    return int(initial) - int(initial) // POOL_MONTHS * min(POOL_MONTHS, month + 1)


def budget(balance: int, reserved: int, initial: int, month: int) -> int:
    """Return the budget of a month that begins with this balance of the pool.

    It is the unclaimed part of the balance: the month's part of the genesis funds, what earlier
    months left over, what returned from expired and failed ones, and the income since.
    """
    return max(0, int(balance) - int(reserved) - undistributed(initial, month))


def reservation(month: Month) -> int:
    """Return an upper bound for the worth of all rights of a month, which is reserved for it."""
    cap = int(month.budget)
    return min(int(month.paid) * KAPPA_BPS // BPS, cap, int(month.payers) * (cap // SHARE))


def right(paid: int, month: Month, value: int) -> int:
    """Return the points that a facility may issue in a month that it paid `paid` for."""
    cap, total, paid = int(month.budget), int(month.paid), int(paid)
    if not paid:
        return 0
    worth = min(paid * KAPPA_BPS // BPS, cap * paid // total, cap // SHARE)
    return worth // int(value)


def subscription(size: Size, price: int) -> u128:
    """Return the planck of a month's subscription; `price` is that of one BTT in CNY."""
    return u128(gross_of(SUBSCRIPTIONS[size] * CENTS, CURRENCY, price))


def fee_of(amount: int) -> Fee:
    """Divide a subscription or placement: half to the pool, half 3:2:1, no burn."""
    split = split_platform(amount, NO_BURN, 0, 1, voters_bps=POOL_BPS)
    return Fee(split.voters, split)


def partner_part(worth: int) -> u128:
    """Return the partner's part of redeemed points; the fee stays in the pool."""
    return u128(int(worth) - int(charge(worth, REDEMPTION_BPS)))


def is_fail(verdict: Verdict | None) -> bool:
    """Return True if a verdict is against the facility."""
    return isinstance(verdict, Fail | NotOpened)


def outcome(verdicts: Sequence[Verdict | None]) -> bool | None:
    """Return True if a round found the month right, False if wrong, None if too few reported."""
    if sum(map(is_fail, verdicts)) >= QUORUM:
        return False
    return True if sum(isinstance(each, Pass) for each in verdicts) >= QUORUM else None


def is_complete(verdicts: Sequence[Verdict | None]) -> bool:
    """Return True if all seats of a round have reported."""
    return len(verdicts) == SEATS and None not in verdicts
