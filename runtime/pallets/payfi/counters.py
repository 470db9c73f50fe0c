"""Counters of cards: each number is accepted once, in order or up to 64 late.

A till without a connection delivers its vouchers late and out of order. So a card remembers the
highest number accepted, and which of the 64 numbers below it were.
"""

from __future__ import annotations

from typing import Final, NamedTuple

WINDOW: Final = 64
"""Maximum distance of a number below the highest one that was accepted."""
_MASK: Final = (1 << WINDOW) - 1


class Counters(NamedTuple):
    """The numbers that a card has used. The first number of a card is 1."""

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
