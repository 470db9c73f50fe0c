"""Points of accounts: credited for vouchers, exchanged for BTT or at partners, expired.

Points are not transferable. Each is worth `PointValue`, which stays reserved in the pool from the
month in which the right to it was given.
"""

from __future__ import annotations

from collections.abc import Mapping

from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.scale import u32, u64
from runtime.accounts import HEALTH
from runtime.frame import Component, Map, Value
from runtime.pallets.incentives import errors, events, formulas
from runtime.pallets.incentives.expiries import Expiries
from runtime.pallets.incentives.months import Months
from runtime.pallets.incentives.types import Currency, ExpiringPoints, PointsAccount, Totals
from runtime.pallets.tokenomics.pallet import Tokenomics


class Points(Component):
    """The points of accounts."""

    months: Months
    expiries: Expiries
    currency: Currency
    funds: Tokenomics

    points = Map(AccountId, PointsAccount)
    """Points by account."""
    totals = Value(Totals, default=Totals())
    """Sums over all accounts' points, since genesis."""

    def of(self, who: AccountId) -> PointsAccount | None:
        """Return the points of an account that have not expired; None if it has none."""
        found = self.points.get(who)
        if found is None or self.months.is_expired(int(found.newest)):
            return None
        return found

    def credit(self, credits: Mapping[tuple[AccountId, u32], int]) -> None:
        """Credit points, by account and the month in which they were earned.

        Their worth is reserved already. An account that does not exist gets the first of them in
        BTT at once: its owner could pay no fee otherwise, and would never get at the others.
        """
        value = self.months.point_value()
        may_open = value >= self.currency.existential_deposit
        opened: dict[AccountId, None] = {}
        expiring: dict[int, list[ExpiringPoints]] = {}
        for (who, month), points in credits.items():
            self.deposit(events.PointsRedeemed(who, u64(points)))
            opens = may_open and who not in opened and not self.currency.total(who)
            newest = self._add(who, int(month), points - opens)
            if newest is not None:
                expiring.setdefault(newest, []).append(ExpiringPoints(who))
            if opens:
                opened[who] = None
        for newest, entries in expiring.items():
            self.expiries.add(newest, entries)
        self.funds.pay_each(HEALTH, [*opened], value)
        for who in opened:
            self.deposit(events.PointsPaid(who, u64(1), value))
        self.months.reserve(-len(opened) * int(value))
        self.count(redeemed=sum(credits.values()), spent=len(opened))

    def redeem_for_btt(self, who: AccountId, points: int) -> None:
        """Pay an account the worth of its points. Raises TooSmall if that opens no account."""
        worth = self.months.worth(points)
        if points and self.currency.total(who) + worth < self.currency.existential_deposit:
            raise errors.TooSmall
        self.take(who, points)
        self.funds.pay(HEALTH, who, worth, discretionary=False)
        self.deposit(events.PointsPaid(who, u64(points), worth))

    def redeem_at_partner(
        self, who: AccountId, partner: AccountId, points: int, offer: H256
    ) -> None:
        """Pay a partner the worth of points, less the fee, which stays in the pool."""
        self.take(who, points)
        amount = formulas.partner_part(int(self.months.worth(points)))
        self.funds.pay(HEALTH, partner, amount, discretionary=False)
        self.deposit(events.PartnerPaid(who, partner, u64(points), offer, amount))

    def take(self, who: AccountId, points: int) -> None:
        """Take points that are exchanged, and their worth out of the reserved amount."""
        if not points:
            raise errors.NothingToRedeem
        found = self.of(who)
        if found is None or found.balance < points:
            raise errors.NotEnoughPoints
        found.balance -= points
        if found.balance:
            self.points[who] = found
        else:
            del self.points[who]
        self.months.reserve(-int(self.months.worth(points)))
        self.count(spent=points)

    def expire(self, who: AccountId, month: int) -> None:
        """Remove the points of an account if its newest ones are of a month that expired."""
        found = self.points.get(who)
        if found is not None and found.newest == month:
            self._expire(who, found)

    # ---- internals

    def _add(self, who: AccountId, month: int, points: int) -> int | None:
        """Add points to those of an account that have not expired.

        Return the month with which they all expire, unless they did so before.
        """
        found = self.points.get(who)
        if found is not None and self.months.is_expired(int(found.newest)):
            self._expire(who, found)
            found = None
        newest = month
        if found is not None:
            points += int(found.balance)
            newest = max(month, int(found.newest))
        if not points:
            return None
        self.points[who] = PointsAccount(u64(points), u32(newest))
        return newest if found is None or newest != found.newest else None

    def _expire(self, who: AccountId, found: PointsAccount) -> None:
        del self.points[who]
        self.months.reserve(-int(self.months.worth(int(found.balance))))
        self.count(expired=int(found.balance))
        self.deposit(events.PointsExpired(who, found.balance))

    def count(self, *, redeemed: int = 0, spent: int = 0, expired: int = 0) -> None:
        """Add to the sums over all accounts."""
        totals = self.totals.value
        totals.redeemed += redeemed
        totals.spent += spent
        totals.expired += expired
        self.totals.value = totals
