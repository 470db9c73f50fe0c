"""An allowance of processor time and its remaining part. Pure; time is an argument."""

from __future__ import annotations

from typing import Final, NamedTuple

SECOND_US: Final = 1_000_000
MINUTE_MS: Final = 60_000


class Allowance(NamedTuple):
    """Processor time per second, and burst, in microseconds."""

    per_second: int
    burst: int


class Level:
    """Remaining part of an allowance, in microseconds; below zero is debt, at most one burst."""

    __slots__ = ("_allowance", "_left", "_when", "lowest")

    def __init__(self, allowance: Allowance, now_ms: int, left: int | None = None) -> None:
        self._allowance = allowance
        self._left = float(allowance.burst if left is None else left)
        self._when = now_ms
        self.lowest = self._left
        """Lowest remaining amount so far."""

    def left(self, now_ms: int) -> float:
        """Return the remaining amount. A clock that goes back refills nothing."""
        passed = max(0, now_ms - self._when)
        self._when = now_ms
        most = self._allowance.burst
        self._left = min(most, self._left + passed * self._allowance.per_second / 1_000)
        return self._left

    def take(self, amount: int, now_ms: int) -> float:
        """Use up an amount; return the remaining one. Debt is at most one burst."""
        self._left = max(self.left(now_ms) - amount, -self._allowance.burst)
        self.lowest = min(self.lowest, self._left)
        return self._left
