"""Times of PayFi: hours, buckets of a sixth of an hour, days since 1970, and timers."""

from __future__ import annotations

from typing import Final

from btt_chain.primitives.digest import H256
from btt_chain.scale import u64
from runtime.frame import Component
from runtime.frame.timers import DueKey, ShiftedQueues
from runtime.frame.traits import Clock, Moments, Stalls

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


DISPUTES: Final = 0
"""Ends of the phases of disputes."""
AUTHS: Final = 1
"""Expiries of authorisations."""
RETIRED: Final = 2
"""Times from which the keys of dropped cards can be registered again."""


class Deadlines(Component):
    """Timers of the pallet. They stand still while the chain makes no blocks."""

    _clock: Clock
    _stalls: Stalls
    _calendar: Calendar
    _slot_ms: int
    timers: ShiftedQueues

    def now(self) -> int:
        """Return the time in ms, without the time in which the chain made no blocks."""
        return self._calendar.now() - self._stalled_ms()

    def date(self, deadline_ms: int) -> u64:
        """Return a deadline as a time since 1970, if there are no further stalls."""
        return u64(int(deadline_ms) + self._stalled_ms())

    def enter(self, queue: int, after_ms: int, what: H256) -> DueKey:
        """Add an entry that is due `after_ms` from now, in the next slot or later."""
        slots = max(1, -(-after_ms // self._slot_ms))
        return self.timers.enter(queue, self._clock.now() + slots, what)

    def take_numbers(self, queue: int, limit: int) -> list[u64]:
        """Remove and return the numbers that are due, at most `limit`, the oldest first."""
        return [number_of(key) for key in self.timers.take(queue, limit)]

    def _stalled_ms(self) -> int:
        return self._stalls.stalled_slots() * self._slot_ms


def key_of(number: u64) -> H256:
    """Return a number as the content of a timer."""
    return H256(int(number).to_bytes(H256.SIZE, "little"))


def number_of(key: H256) -> u64:
    """Return the number in the content of a timer."""
    return u64(int.from_bytes(key, "little"))
