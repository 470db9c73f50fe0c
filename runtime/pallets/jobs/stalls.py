"""Stalls: times in which the chain made no blocks, by which deadlines are shifted."""

from __future__ import annotations

from typing import Final

from btt_chain.scale import u32
from runtime.frame import Component, Value
from runtime.frame.traits import Stalls
from runtime.pallets.jobs import events
from runtime.pallets.jobs.types import Pace

GAP_SLOTS: Final = 50
"""A constant of `Jobs`."""


class StallTracker(Component, Stalls):
    """The total length of stalls: gaps between two blocks of more than `GAP_SLOTS` slots."""

    pace = Value(Pace, default=Pace())
    """The slot of the last block, and the total length of stalls."""

    def note_block(self, now: int) -> None:
        """Record this block's slot, and a stall since the last block if there was one."""
        pace = self.pace.peek()
        stalled = pace.stalled
        if now - int(pace.last) > GAP_SLOTS:
            empty = u32(now - int(pace.last) - 1)
            stalled += empty
            self.deposit(events.Stalled(empty))
        self.pace.keep(Pace(u32(now), stalled))

    def stalled_slots(self) -> int:
        """Return the number of slots, all together, in which the chain stalled."""
        return int(self.pace.peek().stalled)
