"""The removal of what expired: vouchers, points, credentials, months of facilities.

A block removes a bounded number of entries of the oldest expired month; the next month follows when
nothing of it is left. So the time to remove a month of a million vouchers is many blocks, and the
work of each of them the same.
"""

from __future__ import annotations

from btt_chain.scale import u32
from runtime.frame import Component
from runtime.pallets.incentives.auditors import Auditors
from runtime.pallets.incentives.audits import Audits
from runtime.pallets.incentives.epochs import Epochs, Subscriptions
from runtime.pallets.incentives.expiries import Expiries
from runtime.pallets.incentives.months import Months
from runtime.pallets.incentives.partners import Credentials
from runtime.pallets.incentives.points import Points
from runtime.pallets.incentives.types import ExpiringCredential, ExpiringPoints
from runtime.pallets.incentives.vouchers import Vouchers


class Pruning(Component):
    """Removal of expired months."""

    months: Months
    subscriptions: Subscriptions
    epochs: Epochs
    audits: Audits
    auditors: Auditors
    vouchers: Vouchers
    points: Points
    credentials: Credentials
    expiries: Expiries

    def remove(self, limit: int) -> int:
        """Remove at most `limit` entries of the oldest expired month; return their number."""
        month = self.months.next_removed()
        if month is None:
            return 0
        removed = 0
        for remove in (self._vouchers, self._expiring, self._facilities, self._statistics):
            removed += remove(month, limit - removed)
            if removed == limit:
                return removed
        del self.auditors.eligible[u32(month)]
        self.months.remove(month)
        return removed + 1

    # ---- internals

    def _vouchers(self, month: int, limit: int) -> int:
        keys = self.vouchers.spent.some_under(u32(month), limit)
        for key in keys:
            del self.vouchers.spent[u32(month), key]
        return len(keys)

    def _expiring(self, month: int, limit: int) -> int:
        found = self.expiries.take(month, limit)
        for what in found:
            if isinstance(what, ExpiringPoints):
                self.points.expire(what.who, month)
            elif isinstance(what, ExpiringCredential):
                del self.credentials.credentials[what.who, what.credential]
            else:
                del self.credentials.attested[u32(month), what.who]
        return len(found)

    def _facilities(self, month: int, limit: int) -> int:
        keys = self.subscriptions.payments.some_under(u32(month), limit)
        for who in keys:
            self.epochs.remove(who, month)
            del self.audits.audits[who, u32(month)]
            del self.subscriptions.payments[u32(month), who]
        return len(keys)

    def _statistics(self, month: int, limit: int) -> int:
        keys = self.epochs.statistics.some_under(u32(month), limit)
        for group in keys:
            del self.epochs.statistics[u32(month), group]
        return len(keys)
