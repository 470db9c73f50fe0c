"""The time of an engine: what the caller passes, and a time that never goes back."""

from __future__ import annotations


class SteadyClock:
    """Unix milliseconds of the last event. Slots go back with the system's clock; waits do not."""

    __slots__ = ("now", "shift", "steady")

    def __init__(self) -> None:
        self.now = 0
        self.steady = 0
        """The time as if the clock had never gone back."""
        self.shift = 0
        """Total milliseconds that the clock has gone back."""

    def advance(self, now: int) -> bool:
        """Set the time; return True if the clock has gone back."""
        went_back = now < self.now
        if went_back:
            self.shift += self.now - now
        self.now = now
        self.steady = now + self.shift
        return went_back
