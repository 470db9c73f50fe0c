"""Time of a simulated world: a queue of events, in the order of their times."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from heapq import heappop, heappush

START = 1_800_000_000_000
"""Unix milliseconds at which every simulated world begins."""


class Timeline:
    """A clock and the events that are to come."""

    def __init__(self) -> None:
        self.now = START
        self._queue: list[tuple[int, int, Callable[[], None]]] = []
        self._next = itertools.count().__next__

    def at(self, at: int, do: Callable[[], None]) -> None:
        """Add an event at a time, behind those of the same time."""
        heappush(self._queue, (at, self._next(), do))

    def later(self, delay: int, do: Callable[[], None]) -> None:
        """Add an event so many milliseconds from now."""
        heappush(self._queue, (self.now + delay, self._next(), do))

    def run_until(self, end: int) -> None:
        """Carry out all events up to `end`, in Unix milliseconds."""
        queue = self._queue
        while queue and queue[0][0] <= end:
            at, _, do = heappop(queue)
            self.now = max(self.now, at)
            do()
        self.now = end
