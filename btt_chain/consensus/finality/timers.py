"""The gadget's clock, and the timer that detects a stalled round."""

from __future__ import annotations

from typing import Final

STALL_FIRST: Final = 8
"""Gossip durations after which a round that does not complete is first helped along; a round takes
four and the delivery of the last vote."""
MAX_STALL_WAIT: Final = 20_000
"""Maximum milliseconds between two such helps: the wait doubles each time."""


class Clock:
    """A clock that never goes back, set by the times of the events."""

    def __init__(self, now_ms: int) -> None:
        self.now = now_ms
        """The current time, in milliseconds."""
        self._shift = 0

    def advance(self, now_ms: int) -> bool:
        """Set the clock; return True if the caller's clock went back meanwhile."""
        now = now_ms + self._shift
        if now >= self.now:
            self.now = now
            return False
        self._shift += self.now - now
        return True

    def outside(self, at: int) -> int:
        """Return a time of this clock as the caller's clock will show it."""
        return at - self._shift


class StallTimer:
    """Waits for the end of a round, and longer each time it does not come."""

    def __init__(self, gossip_ms: int, now: int) -> None:
        self._first: Final = STALL_FIRST * gossip_ms
        self._wait = self._first
        self.due = now + self._first
        """Time of the next help."""

    @property
    def is_stalled(self) -> bool:
        """True if the current round was helped along already."""
        return self._wait != self._first

    def restart(self, now: int) -> None:
        """Begin again: a new round has begun."""
        self._wait = self._first
        self.due = now + self._wait

    def postpone(self, active_at: int | None, now: int) -> bool:
        """Wait from the first vote of the round on; return True if that is not over.

        `active_at` is the time of that vote, None if there is none: such a round waits for a block.
        """
        due = (now if active_at is None else active_at) + self._wait
        if due > now:
            self.due = due
        return due > now

    def back_off(self, now: int) -> None:
        """Wait again, twice as long as before."""
        self._wait = min(2 * self._wait, max(MAX_STALL_WAIT, self._first))
        self.due = now + self._wait
