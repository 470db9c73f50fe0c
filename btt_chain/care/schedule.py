"""The wallet's rule of redemption: which vouchers go together, with which account, and when.

Vouchers of month m count from the end of the closing days of month m + 1. The wallet redeems each
in an hour of the rest of that month, chosen at random when the voucher is collected: the time of an
appointment says nothing about it.

Amounts need a rule, too. The facility has the sum of each patient's points, and a sum is nearly a
name. So each voucher is redeemed alone and for an account of its own: the chain shows
only single denominations. One account for all points of a facility (`together`) is convenient, and
lets the facility find its patient by the sum; the wallet has one only when it is asked to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar

MAX_CALL_POINTS: Final = 500
"""Maximum points of one call."""
MAX_CALL_VOUCHERS: Final = 64
CLOSE_DAYS: Final = 3
"""Days of the next month in which facilities close a month."""
MONTH_DAYS: Final = 30
DAY_HOURS: Final = 24

Below = Callable[[int], int]
"""Return a uniform random number below another."""


class Redeemable(Protocol):
    """A voucher of the wallet, as far as the rule needs it."""

    @property
    def points(self) -> int:
        """Its points."""

    @property
    def account(self) -> int:
        """Number of the account that it is redeemed for."""


Voucher = TypeVar("Voucher", bound=Redeemable)


@dataclass(frozen=True, slots=True)
class Calendar:
    """The months of a chain, in slots."""

    day_slots: int

    @property
    def hour_slots(self) -> int:
        """Slots of an hour: the last hour of a day is longer if they do not divide it."""
        return max(1, self.day_slots // DAY_HOURS)

    def day(self, slot: int) -> int:
        """Return the day of a slot, counted from genesis."""
        return slot // self.day_slots

    def month(self, slot: int) -> int:
        """Return the month of a slot."""
        return self.day(slot) // MONTH_DAYS

    def window(self, month: int) -> range:
        """Return the first slots of the hours in which vouchers of a month are redeemed."""
        first = ((month + 1) * MONTH_DAYS + CLOSE_DAYS) * self.day_slots
        last = (month + 2) * MONTH_DAYS * self.day_slots
        return range(first, last, self.hour_slots)


def due_slot(calendar: Calendar, month: int, now: int, below: Below) -> int:
    """Return the slot from which a voucher of a month is redeemed: a random hour of the window.

    A voucher that is collected late gets an hour of the rest of the window, or of the next window.
    """
    window = calendar.window(month)
    passed = max(0, (now - window.start) // window.step + 1)
    rest = window[passed:] or calendar.window(calendar.month(now))
    return rest[below(len(rest))]


def calls(due: Iterable[Voucher], shuffled: Callable[[list[Voucher]], None]) -> list[list[Voucher]]:
    """Return the calls that redeem some vouchers: one account each, within the limits of a call.

    The order is random, so that calls of one evening do not show their order in the wallet.
    """
    by_account: dict[int, list[Voucher]] = {}
    in_order = list(due)
    shuffled(in_order)
    for voucher in in_order:
        by_account.setdefault(voucher.account, []).append(voucher)
    made: list[list[Voucher]] = []
    for vouchers in by_account.values():
        made += _split(vouchers)
    return made


def _split(vouchers: Sequence[Voucher]) -> list[list[Voucher]]:
    found: list[list[Voucher]] = []
    points = 0
    for voucher in vouchers:
        full = not found or len(found[-1]) == MAX_CALL_VOUCHERS
        if full or points + voucher.points > MAX_CALL_POINTS:
            found.append([])
            points = 0
        found[-1].append(voucher)
        points += voucher.points
    return found
