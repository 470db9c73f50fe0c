"""Eligibility of providers: who can be selected for a job now, and with which weight.

Described in `docs/useful-work.md`.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from runtime.pallets.providers.types import Ledger

FRESH_ERAS: Final = 2
"""A constant of `Providers`."""


class Eligibility(NamedTuple):
    """The state that decides which providers can be selected now."""

    era: int
    slot: int
    hour: int
    minimum_bond: int

    def is_fresh(self, ledger: Ledger) -> bool:
        """Return True if a provider sent a heartbeat in this era or the `FRESH_ERAS` before."""
        return int(ledger.last_heartbeat) + FRESH_ERAS >= self.era

    def rank(self, ledger: Ledger) -> tuple[bool, int]:
        """Return a provider's rank in a full class: the member with the lowest is displaced."""
        return self.is_fresh(ledger), ledger.bond

    def weight(self, ledger: Ledger, need: int, *, protocol: bool) -> int:
        """Return a provider's weight in the selection for a job; 0 if it is not eligible.

        The weight is its free bond, limited to the need of its free capacity.
        """
        room = int(ledger.capacity) - int(ledger.busy)
        if room <= 0 or self.slot < ledger.selectable_from:
            return 0
        if not self.is_fresh(ledger) or not ledger.is_awake(self.hour):
            return 0
        if ledger.bond < self.minimum_bond:
            return max(need, 1) if protocol and not ledger.busy else 0
        free = int(ledger.active)
        return min(room * need, free) if free >= need else 0

    def offer(self, ledger: Ledger) -> int:
        """Return the number of concurrent jobs of a provider, 0 without a recent heartbeat.

        Limited to the number of minimum bonds in its bond.
        """
        if not self.is_fresh(ledger):
            return 0
        return min(int(ledger.capacity), ledger.bond // self.minimum_bond)
