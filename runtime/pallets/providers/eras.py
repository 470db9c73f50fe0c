"""Eras and hours of the week, as Providers counts them."""

from __future__ import annotations

from typing import Final

from runtime.frame import Component, Value
from runtime.frame.traits import Clock
from runtime.pallets.mining.pallet import Mining
from runtime.pallets.providers.selection import Eligibility
from runtime.pallets.providers.types import HOURS, Params

HOUR_MS: Final = 3_600_000


class Calendar(Component):
    """The current era, slot and hour of the week."""

    _clock: Clock
    _measures: Mining
    _params: Value[Params]
    _era_slots: int
    _slot_ms: int

    def era(self) -> int:
        """Return the number of epochs with a block before the current one."""
        return self._measures.era_now()

    def slot(self) -> int:
        """Return the slots since genesis."""
        return self._clock.now()

    def hour(self, back: int = 0) -> int:
        """Return the hour of the week, now or at the beginning of the era `back` eras before."""
        slot: int = self._clock.now()
        if back:
            slot = max(slot // self._era_slots - back, 0) * self._era_slots
        return slot * self._slot_ms // HOUR_MS % HOURS

    def eligibility(self) -> Eligibility:
        """Return the state that decides which providers can be selected now."""
        minimum = int(self._params.peek().minimum_bond)
        return Eligibility(self.era(), self.slot(), self.hour(), minimum)
