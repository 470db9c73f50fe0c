"""Times of PayFi: hours, buckets of a sixth of an hour, and days, counted since 1970."""

from __future__ import annotations

from typing import Final

from runtime.frame import Component
from runtime.frame.traits import Moments

BUCKETS_PER_HOUR: Final = 6
REFUND_DAYS: Final = 15
"""Number of days in which a settled payment can be refunded; then its record is removed.

Longer than the time for disputes: what can be disputed is never removed.
"""


class Calendar(Component):
    """The time of the current block: the beginning of its slot, in ms since 1970."""

    _moments: Moments
    hour_ms: int
    day_ms: int
    _slot_ms: int

    def setup(self) -> None:
        """Compute the length of a bucket."""
        self.bucket_ms = self.hour_ms // BUCKETS_PER_HOUR
        self.bucket_slots = self.bucket_ms // self._slot_ms

    def now(self) -> int:
        """Return the time, in ms."""
        return self._moments.moment()

    def day(self, now: int | None = None) -> int:
        """Return the number of the day; `now` is the present time, if the caller has read it."""
        return (self.now() if now is None else int(now)) // self.day_ms

    def bucket(self) -> int:
        """Return the number of the current bucket; it and all before are due."""
        return self.now() // self.bucket_ms

    def first_bucket(self, now: int | None = None) -> int:
        """Return the first bucket that begins an hour from now, or later.

        `now` is the present time, if the caller has read it.
        """
        time = self.now() if now is None else int(now)
        return -(-(time + self.hour_ms) // self.bucket_ms)

    def is_over(self, since_ms: int) -> bool:
        """Return True if the time for refunds of a payment made at `since_ms` has passed."""
        return self.now() >= self.over(since_ms)

    def over(self, since_ms: int) -> int:
        """Return the end of the time for refunds of a payment made at `since_ms`."""
        return int(since_ms) + REFUND_DAYS * self.day_ms
