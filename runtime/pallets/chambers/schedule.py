"""Weights of the chambers: by year, or static."""

from __future__ import annotations

from btt_chain.scale import u64
from runtime.frame import Component, Value
from runtime.frame.traits import Clock
from runtime.pallets.chambers import formulas
from runtime.pallets.chambers.formulas import Mode
from runtime.pallets.tokenomics.formulas import label_year


class Schedule(Component):
    """The rule for the weights of new decisions."""

    clock: Clock
    slot_ms: u64

    mode = Value(Mode, default=Mode.Scheduled)
    """Rule for the weights of new decisions."""

    def year(self) -> int:
        """Return the label of the current year."""
        return label_year(self.clock.now() * int(self.slot_ms))

    def weights_of(self, year: int) -> tuple[int, ...]:
        """Return the weights of a year by its label, in the current mode."""
        return formulas.weights(self.mode.value, year)
