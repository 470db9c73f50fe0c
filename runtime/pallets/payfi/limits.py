"""Limits and counters of a card.

Limits are for each payment, for each day of the chain, by category and by time.

Amounts are in planck. What is authorised counts on the day of the authorisation; what is released
again comes back to the limit only on that day.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Final, NamedTuple

from runtime.constants import DAY_MS

VOUCHER_DAYS: Final = 7
"""Maximum number of days of the chain for which a voucher is valid, and money on hold for it."""


class Breach(Enum):
    """A limit that a payment exceeds."""

    EXPIRED = "expired"
    """The card or the voucher has expired, or the voucher is valid for too long."""
    CATEGORY = "category"
    """The merchant's category is not one that the card is for."""
    PAYMENT = "payment"
    """The amount exceeds the limit of a payment."""
    DAY = "day"
    """The amount exceeds what is left of the limit of the day."""


class Spent(NamedTuple):
    """Amount that a card spent on its last day of use."""

    day: int
    amount: int


class Bounds(NamedTuple):
    """The limits of a card; `categories` empty: any category."""

    payment: int
    day: int
    categories: Sequence[int]
    expires_ms: int


class Charge(NamedTuple):
    """A payment that a card asks for."""

    amount: int
    category: int
    expires_ms: int
    """Last moment at which the voucher is valid."""


def spent_on(spent: Spent, day: int) -> int:
    """Return the amount spent on `day`; zero for a later day."""
    return spent.amount if spent.day == day else 0


def breach(
    bounds: Bounds, spent: Spent, charge: Charge, now_ms: int, day_ms: int = DAY_MS
) -> Breach | None:
    """Return the first limit that `charge` exceeds now; None if it is within all of them."""
    if now_ms >= min(bounds.expires_ms, charge.expires_ms):
        return Breach.EXPIRED
    if charge.expires_ms > now_ms + VOUCHER_DAYS * day_ms:
        return Breach.EXPIRED
    if bounds.categories and charge.category not in bounds.categories:
        return Breach.CATEGORY
    if charge.amount > bounds.payment:
        return Breach.PAYMENT
    if spent_on(spent, now_ms // day_ms) + charge.amount > bounds.day:
        return Breach.DAY
    return None


def charged(spent: Spent, amount: int, day: int) -> Spent:
    """Return the amounts spent, after a payment of `amount` on `day`."""
    return Spent(day, spent_on(spent, day) + amount)


def given_back(spent: Spent, amount: int, charged_on: int, day: int) -> Spent:
    """Return the amounts spent, after `amount` of day `charged_on` was released on `day`."""
    if not charged_on == day == spent.day:
        return spent
    return Spent(day, spent.amount - amount)


WINDOW: Final = 64
"""Maximum distance of a number below the highest one that was accepted."""
_MASK: Final = (1 << WINDOW) - 1


class Counters(NamedTuple):
    """The numbers that a card has used. The first number of a card is 1.

    Each is accepted once, in order or up to 64 late: a till without a connection delivers its
    vouchers late and out of order.
    """

    high: int = 0
    """Highest number accepted; 0 before the first."""
    window: int = 0
    """Bit `n` is set if the number `high - 1 - n` was accepted."""


def accepted(counters: Counters, number: int) -> Counters | None:
    """Return the counters after `number` was used; None if it was used before or is too old."""
    high, window = counters
    if number > high:
        moved = number - high
        # The old highest number is now `moved` below the new one.
        shifted = ((window << 1 | 1) << (moved - 1)) & _MASK if moved <= WINDOW else 0
        return Counters(number, shifted)
    place = high - 1 - number
    if number < 1 or not 0 <= place < WINDOW or window >> place & 1:
        return None
    return Counters(high, window | 1 << place)
