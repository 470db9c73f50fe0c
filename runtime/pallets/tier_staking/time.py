"""Time in milliseconds, the unit of terms and benefits."""

from __future__ import annotations

from runtime.frame import Component
from runtime.frame.traits import Clock


class MsClock(Component):
    """A clock of milliseconds since genesis, in whole slots."""

    clock: Clock
    slot_ms: int

    def now(self) -> int:
        """Return the time, in ms since genesis."""
        return self.clock.now() * self.slot_ms
