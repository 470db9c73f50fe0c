"""Revenue of assets for their holders, and the issuers' offers to buy units back.

Revenue is shared by an accumulator: `Revenue.per_unit` grows with each distribution, and a holder's
`Share` is settled before the number of its units changes. The money is the issuer's, on hold.
"""

from __future__ import annotations

from dataclasses import replace

from btt_chain.primitives.account import AccountId
from btt_chain.scale import u32, u128, u256
from runtime.frame import Component, DoubleMap, Hasher, Map, ReasonOf
from runtime.frame.traits import IdentityInspect, MutateHold
from runtime.pallets.asset_registry import errors, events
from runtime.pallets.asset_registry.registration import Registrations
from runtime.pallets.asset_registry.types import (
    NOTHING,
    ONE,
    AssetInfo,
    BuyBack,
    HoldReason,
    Revenue,
    Share,
    earned_by,
)
from runtime.pallets.assets.pallet import Assets


class Holders(Component):
    """The accounts that hold units: which may, and the revenue set aside for them."""

    currency: MutateHold
    assets: Assets
    identities: IdentityInspect
    registrations: Registrations
    reason = ReasonOf(HoldReason.Revenue)

    revenue = Map(u32, Revenue, hasher=Hasher.Twox64Concat, default=Revenue())
    """Accounting of revenue, by asset."""
    shares = DoubleMap(u32, AccountId, Share, default=Share())
    """Unclaimed revenue of holders, by asset and account."""

    # ---- public interface, for Assets

    def may_hold(self, asset: u32, who: AccountId) -> bool:
        """Return True if the account may receive units of the asset."""
        info = self.registrations.registered.get(asset)
        return info is None or not info.restricted or self.identities.verified(who)

    def about_to_change(self, asset: u32, who: AccountId, balance: u128) -> None:
        """Settle the revenue of an account's units before their number changes."""
        revenue, share = self.revenue[asset], self.shares[asset, who]
        if share.per_unit == revenue.per_unit:
            return
        earned = earned_by(balance, share, revenue)
        share.owed += earned
        share.per_unit = revenue.per_unit
        self.shares[asset, who] = share
        revenue.owed += earned
        self.revenue[asset] = revenue

    # ---- public interface, for the registry

    def distribute(self, id: u32, info: AssetInfo, amount: u128) -> None:
        """Set revenue of the issuer aside for the current holders, pro rata."""
        self.currency.hold(self.reason, info.issuer, amount)
        revenue = self.revenue[id]
        revenue.per_unit = u256(int(revenue.per_unit) + int(amount) * ONE // int(info.units))
        revenue.fed += amount
        self.revenue[id] = revenue
        self.deposit(events.RevenueDistributed(id, amount))

    def due(self, asset: u32, who: AccountId) -> u128:
        """Return the unclaimed revenue of an account, in planck."""
        share, units = self.shares[asset, who], self.assets.balance(asset, who)
        return share.owed + earned_by(units, share, self.revenue[asset])

    def pay(self, id: u32, issuer: AccountId, who: AccountId) -> u128:
        """Pay a holder its unclaimed revenue; return the amount, in planck."""
        amount = self.due(id, who)
        if not amount:
            return NOTHING
        units = self.assets.balance(id, who)
        self.about_to_change(id, who, units)
        self.currency.transfer_on_hold(self.reason, issuer, who, amount, on_hold=False)
        if units:
            self.shares[id, who] = replace(self.shares[id, who], owed=NOTHING)
        else:
            del self.shares[id, who]
        revenue = self.revenue[id]
        revenue.paid += amount
        revenue.owed -= amount
        self.revenue[id] = revenue
        self.deposit(events.RevenuePaid(id, who, amount))
        return amount

    def release_rest(self, id: u32, issuer: AccountId) -> None:
        """Release the remainder from rounding to the issuer; all shares must be settled."""
        revenue = self.revenue[id]
        left = revenue.fed - revenue.paid - revenue.owed
        self.currency.release(self.reason, issuer, left)
        revenue.fed -= left
        self.revenue[id] = revenue


class BuyBacks(Component):
    """Issuers' offers to buy units back."""

    currency: MutateHold
    assets: Assets
    reason = ReasonOf(HoldReason.BuyBack)

    buy_backs = Map(u32, BuyBack, hasher=Hasher.Twox64Concat)
    """Issuers' open offers to buy units back."""

    def offer(self, id: u32, issuer: AccountId, price: u128, units: u128) -> None:
        """Replace the offer of an issuer; its money is on hold. Zero units end the offer."""
        old = self.buy_backs.take(id)
        if old is not None:
            self.currency.release(self.reason, issuer, old.price * old.units)
        self.currency.hold(self.reason, issuer, u128(int(price) * int(units)))
        if units:
            self.buy_backs[id] = BuyBack(price, units)
        self.deposit(events.BuyBackOffered(id, price, units))

    def ensure_none(self, id: u32) -> None:
        """Raise OfferOpen if the issuer has an offer."""
        if id in self.buy_backs:
            raise errors.OfferOpen

    def sell(
        self, id: u32, issuer: AccountId, who: AccountId, units: u128, least_price: int
    ) -> None:
        """Sell units of `who` to the issuer. Raises NoOffer if it offers less."""
        offer = self.buy_backs.get(id)
        if offer is None or not 0 < units <= offer.units or offer.price < least_price:
            raise errors.NoOffer
        paid = u128(int(offer.price) * int(units))
        self.assets.move(id, who, issuer, units)
        self.currency.transfer_on_hold(self.reason, issuer, who, paid, on_hold=False)
        offer.units -= units
        if offer.units:
            self.buy_backs[id] = offer
        else:
            del self.buy_backs[id]
        self.deposit(events.BoughtBack(id, who, units, paid))
