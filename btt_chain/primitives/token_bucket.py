"""A token bucket: the rate limiter of messages, calls and processor time. Pure.

The unit of time is the caller's, milliseconds or seconds; `rate` is in tokens per unit.
"""

from __future__ import annotations


class TokenBucket:
    """`burst` tokens, refilled at `rate`; below zero they are owed."""

    __slots__ = ("burst", "level", "rate", "updated")

    def __init__(self, rate: float, burst: float, now: float, level: float | None = None) -> None:
        """`level` is the number of tokens at the beginning, by default `burst`."""
        self.rate = rate
        self.burst = float(burst)
        self.level = self.burst if level is None else float(level)
        """Number of tokens at `updated`."""
        self.updated = now

    def refill(self, now: float) -> float:
        """Return the number of tokens now. A clock that goes back refills nothing."""
        passed = now - self.updated
        self.updated = now
        if passed > 0 and self.level != self.burst:
            self.level = min(self.burst, self.level + passed * self.rate)
        return self.level

    def take(self, now: float, count: float = 1) -> bool:
        """Take tokens, all or none. Return True if there were as many."""
        if self.refill(now) < count:
            return False
        self.level -= count
        return True

    def spend(self, now: float, amount: float) -> float:
        """Take tokens, which may then be owed. Return the number that is left."""
        self.level = self.refill(now) - amount
        return self.level
