"""Time of a simulated world: the events to come, in the order of their times."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush

START = 1_800_000_000_000
"""Unix milliseconds at which every simulated world begins."""


class Timeline:
    """A clock and the events that are to come. Those of one millisecond keep their order."""

    def __init__(self) -> None:
        self.now = START
        self._events: dict[int, list[Callable[[], None]]] = {}
        """By time, which is never in the past."""
        self._times: list[int] = []
        """Their times, as a heap."""

    def at(self, at: int, do: Callable[[], None]) -> None:
        """Add an event at a time, behind those of the same time."""
        if at in self._events:
            self._events[at].append(do)
        else:
            self._events[at] = [do]
            heappush(self._times, at)

    def later(self, delay: int, do: Callable[[], None]) -> None:
        """Add an event so many milliseconds from now."""
        self.at(self.now + delay, do)

    def run_until(self, end: int) -> None:
        """Carry out all events up to `end`, in Unix milliseconds.

        An exception of one ends the run; the others of its millisecond are lost.
        """
        times, events = self._times, self._events
        while times and times[0] <= end:
            self.now = at = heappop(times)
            for do in events.pop(at):  # what is added for this time now comes behind these
                do()
        self.now = end
