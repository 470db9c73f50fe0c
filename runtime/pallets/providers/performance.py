"""Performance: what providers did in each era, reported to Mining when the era is over.

No hook is needed: an ended era is settled when the provider's record is next changed, which always
happens before a receipt of its work is recorded. The rules are in `conduct.py`.
"""

from __future__ import annotations

from btt_chain.primitives.account import AccountId
from btt_chain.scale import u32
from runtime.frame import Component, Map
from runtime.pallets.mining.pallet import Mining
from runtime.pallets.providers.conduct import (
    ERAS_WATCHED,
    Conduct,
    free_declines,
    next_era,
    p95,
    timed,
)
from runtime.pallets.providers.eras import Calendar
from runtime.pallets.providers.types import Ledger


class Performance(Component):
    """Providers' offers, declines, times and heartbeats, by era."""

    _calendar: Calendar
    _measures: Mining

    conduct = Map(AccountId, Conduct, default=Conduct())
    """A provider's record in the era of its last change."""

    def start(self, who: AccountId) -> None:
        """Begin the record of a provider that was just registered."""
        self.conduct[who] = Conduct(u32(self._calendar.era()))

    def remove(self, who: AccountId) -> None:
        """Remove the record of a provider."""
        del self.conduct[who]

    def settle(self, who: AccountId, ledger: Ledger) -> Conduct:
        """Report the results of ended eras to Mining; return the record of this one.

        Call it before a change of the ledger's hours, heartbeat or `chilled`.
        """
        conduct, era = self.conduct[who], self._calendar.era()
        over = era - int(conduct.era)
        if not over:
            return conduct
        self._measures.record_quality(who, p95(conduct.times), int(conduct.good), int(conduct.done))
        awake = [
            not ledger.chilled and ledger.is_awake(self._calendar.hour(back))
            for back in range(min(over, ERAS_WATCHED), 0, -1)
        ]
        conduct = next_era(conduct, era, int(ledger.last_heartbeat), awake)
        self._measures.record_uptime(who, *conduct.heartbeats())
        self.conduct[who] = conduct
        return conduct

    def count_offer(self, who: AccountId, ledger: Ledger) -> None:
        """Count a job that a provider is offered."""
        conduct = self.settle(who, ledger)
        conduct.offers += 1
        self.conduct[who] = conduct

    def count_decline(self, who: AccountId, ledger: Ledger, quota: int) -> bool:
        """Count a declined offer; return True if it is above the quota, which is in ppm."""
        conduct = self.settle(who, ledger)
        conduct.declines += 1
        self.conduct[who] = conduct
        return conduct.declines > free_declines(int(conduct.offers), quota)

    def count_job(self, who: AccountId, ledger: Ledger, took: int, *, ok: bool) -> None:
        """Count a job that ended; `took` is in thousandths of the time given for it."""
        conduct = self.settle(who, ledger)
        conduct.done += 1
        conduct.good += ok
        conduct.times = timed(conduct.times, took)
        self.conduct[who] = conduct
