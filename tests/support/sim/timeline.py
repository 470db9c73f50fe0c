"""Time of a simulated world: a queue of events, in the order of their times."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable

START = 1_800_000_000_000
"""Unix milliseconds at which every simulated world begins."""


class Timeline:
    """A clock and the events that are to come."""

    def __init__(self) -> None:
        self.now = START
        self._queue: list[tuple[int, int, Callable[[], None]]] = []
        self._order = itertools.count()

    def at(self, at: int, do: Callable[[], None]) -> None:
        """Add an event at a time, behind those of the same time."""
        heapq.heappush(self._queue, (at, next(self._order), do))

    def later(self, delay: int, do: Callable[[], None]) -> None:
        """Add an event so many milliseconds from now."""
        self.at(self.now + delay, do)

    def run_until(self, end: int) -> None:
        """Carry out all events up to `end`, in Unix milliseconds."""
        queue = self._queue
        while queue and queue[0][0] <= end:
            at, _, do = heapq.heappop(queue)
            self.now = max(self.now, at)
            do()
        self.now = end
