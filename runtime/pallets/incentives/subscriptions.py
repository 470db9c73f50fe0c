"""Subscriptions: what facilities pay for months, and the rights that follow from it."""

from __future__ import annotations

from btt_chain.primitives.account import AccountId
from btt_chain.scale import u32, u64, u128
from runtime.accounts import HEALTH
from runtime.frame import Component, DoubleMap, Hasher, Map
from runtime.frame.traits import Prices
from runtime.pallets.facilities.types import Facility, Kind, Size
from runtime.pallets.incentives import errors, events, formulas
from runtime.pallets.incentives.months import Months
from runtime.pallets.incentives.types import (
    AHEAD_MONTHS,
    PRICE_KEY,
    PROVIDERS,
    Bonded,
    Funds,
    Registry,
)
from runtime.pallets.tokenomics.types import BurnReason


class Subscriptions(Component):
    """Payments of facilities for months."""

    months: Months
    registry: Registry
    bonds: Bonded
    prices: Prices
    funds: Funds

    payments = DoubleMap(
        u32, AccountId, u128, hashers=(Hasher.Twox64Concat, Hasher.Blake2_128Concat)
    )
    """Payments of facilities by month, in planck; removed when the month expired."""
    paid_until = Map(AccountId, u32)
    """The last month that a facility paid for."""

    def subscribe(self, who: AccountId, size: Size, count: int) -> None:
        """Pay for the next `count` months that are not paid yet, at the present price of BTT."""
        facility = self.provider(who)
        if size < facility.size:
            raise errors.WrongSize
        current = self.months.current()
        first = max(current, int(self.paid_until.get(who) or u32(0))) + 1
        last = first + count - 1
        if not count or last > current + AHEAD_MONTHS:
            raise errors.TooManyMonths
        amount = formulas.subscription(size, int(self.prices.price(PRICE_KEY)))
        fee = formulas.fee_of(int(amount) * count)
        self.funds.take(who, fee.split, BurnReason.Payfi, [(HEALTH, fee.pool)])
        for month in range(first, last + 1):
            self.payments[u32(month), who] = amount
            self.months.pay(month, amount)
        self.paid_until[who] = u32(last)
        self.deposit(events.Subscribed(who, size, u32(first), u32(last), amount))

    def provider(self, who: AccountId) -> Facility:
        """Return the active facility that may issue points. Raises NotProvider, LowBond, UseIssuer.

        A facility of a sensitive field has no key of its own: an issuer's key says less about the
        patient.
        """
        facility = self.registry.get(who)
        if (
            facility is None
            or facility.kind not in PROVIDERS
            or not self.registry.is_active(who, facility.kind)
        ):
            raise errors.NotProvider
        if facility.sensitive and facility.kind is not Kind.Issuer:
            raise errors.UseIssuer
        if not self.bonds.is_bonded(who):
            raise errors.LowBond
        return facility

    def has_paid(self, who: AccountId, month: int) -> bool:
        """Return True if a facility paid for a month."""
        return (u32(month), who) in self.payments

    def right(self, who: AccountId, month: int) -> u64:
        """Return the points that a facility may issue in a month; final once it has begun."""
        paid = self.payments.get((u32(month), who)) or u128(0)
        value = int(self.months.point_value())
        return u64(formulas.right(int(paid), self.months.get(month), value))
