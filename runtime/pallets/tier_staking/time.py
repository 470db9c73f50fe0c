"""Time in milliseconds, the unit of terms and benefits."""

from __future__ import annotations

from runtime.frame.traits import Clock


class MsClock:
    """A clock of milliseconds since genesis, in whole slots."""

    def __init__(self, clock: Clock, slot_ms: int) -> None:
        self.clock = clock
        self.slot_ms = int(slot_ms)

    def now(self) -> int:
        """Return the time, in ms since genesis."""
        return self.clock.now() * self.slot_ms
