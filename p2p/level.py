"""An allowance of processor time and its remaining part. Pure; time is an argument."""

from __future__ import annotations

from typing import Final, NamedTuple

from btt_chain.primitives.token_bucket import TokenBucket

SECOND_US: Final = 1_000_000
MINUTE_MS: Final = 60_000


class Allowance(NamedTuple):
    """Processor time per second, and burst, in microseconds."""

    per_second: int
    burst: int


class Level(TokenBucket):
    """Remaining part of an allowance, in microseconds; below zero is debt, at most one burst."""

    __slots__ = ("lowest",)

    def __init__(self, allowance: Allowance, now_ms: int, left: int | None = None) -> None:
        super().__init__(allowance.per_second / 1_000, allowance.burst, now_ms, left)
        self.lowest = self.level
        """Lowest remaining amount so far."""

    def spend(self, now: float, amount: float) -> float:
        """Use up an amount; return the remaining one. Debt is at most one burst."""
        passed, level = now - self.updated, self.level
        self.updated = now
        if passed > 0 and level != self.burst:  # `refill`, without a call
            level = min(self.burst, level + passed * self.rate)
        left = level - amount
        if left < self.lowest:  # the deepest debt is not lower
            self.lowest = left = max(left, -self.burst)
        self.level = left
        return left
