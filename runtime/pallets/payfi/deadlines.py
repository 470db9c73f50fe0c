"""Timers of disputes and cards, in milliseconds, on the queues of slots."""

from __future__ import annotations

from typing import Final

from btt_chain.primitives.digest import H256
from btt_chain.scale import u64
from runtime.frame import Component
from runtime.frame.timers import DueKey, ShiftedQueues
from runtime.frame.traits import Clock, Stalls
from runtime.pallets.payfi.calendar import Calendar

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
