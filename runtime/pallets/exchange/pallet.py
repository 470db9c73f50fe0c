"""Exchange: trade of asset units in auctions, at most one per asset and block.

Orders of a block enter the book, and at the beginning of the next block all crossing orders trade
at one price (`auction`). There are no trades before that, so neither early knowledge of others'
orders nor control of their order within a block is of advantage.

The maximum cost of an order, including the highest fee, is on hold from the beginning; a sale has
its units on hold. Both still belong to their owner: units for sale continue to earn revenue.

Both sides pay a fee: orders of the auction's own block (takers) more than orders that were in the
book before (makers). Orders of one owner never meet: an order that would cross another of the same
owner is rejected.

The price is that of all crossing orders, so the number of crossing price levels is limited. An
order that would exceed it is rejected; one at an existing level never is.
"""

from __future__ import annotations

from itertools import islice
from typing import NamedTuple

from btt_chain.primitives.account import AccountId
from btt_chain.scale import u32, u64, u128
from runtime.frame import (
    Const,
    Constant,
    DispatchInfo,
    Hasher,
    Map,
    Origin,
    OriginCheck,
    Pallet,
    Part,
    PostInfo,
    Reason,
    Value,
    call,
    ensure_root,
)
from runtime.frame.aliases import CompactBalanceOf, SlotOf
from runtime.frame.traits import Clock, Discounts, MutateHold
from runtime.pallets.asset_registry.registration import Registrations
from runtime.pallets.assets.pallet import Assets
from runtime.pallets.exchange import errors, events, types, weights
from runtime.pallets.exchange.auction import Level
from runtime.pallets.exchange.auctions import Auctions
from runtime.pallets.exchange.book import MAX_LEVELS, OrderBook
from runtime.pallets.exchange.types import (
    MAX_IMMEDIATE,
    MAX_OWN_ORDERS,
    NOTHING,
    AssetId,
    CompactUnits,
    Listing,
    Order,
    OrderId,
    Params,
    Side,
    TimeInForce,
    max_fee,
    meets,
)
from runtime.pallets.tokenomics.traits import Fees
from runtime.pallets.tokenomics.types import BurnReason
from runtime.splits import ASSET, charge, discounted, split_platform


class Placed(NamedTuple):
    """A placed order, with the work that placing it took."""

    id: u64
    own: int
    """Number of the owner's open orders that were compared with it."""
    levels: int
    """Number of price levels that were read."""
    immediate: int
    """Number of immediate orders before it in its block."""

    @property
    def weight(self) -> int:
        """The weight of placing the order, in picoseconds."""
        return weights.place_order(self.own, self.levels, self.immediate)


def deepest(*, immediate: bool) -> int:
    """Return the maximum weight of placing an order, in picoseconds."""
    waiting = MAX_IMMEDIATE if immediate else 0
    return weights.place_order(MAX_OWN_ORDERS, 2 * MAX_LEVELS, waiting)


def by_depth(
    _: object,
    asset: u32,
    side: Side,
    units: u128,
    price: u128,
    time_in_force: TimeInForce,
    until: u64 | None,
) -> DispatchInfo:
    """Return the weight of an order for the deepest possible book."""
    del asset, side, units, price, until
    return DispatchInfo(deepest(immediate=time_in_force is TimeInForce.Immediate))


class Exchange(Pallet, events=events, errors=errors):
    """Trade of asset units in auctions, at most one per asset and block."""

    # ---- constants

    premium_slots: Const[u64]
    """Duration of one premium listing, in slots."""
    max_own_orders = Constant(u32(MAX_OWN_ORDERS))
    """Maximum number of open orders of one account for one asset."""

    # ---- dependencies

    collector: AccountId
    """Account that passes on an auction's fees; empty between auctions, and without a key."""
    currency: MutateHold
    clock: Clock
    assets: Assets
    registry: Registrations
    fees: Fees
    stakers: Discounts
    policy: OriginCheck = ensure_root
    """Origin that delists and readmits assets."""
    params_origin: OriginCheck = ensure_root
    """Origin that sets the parameters."""

    # ---- storage

    listings = Map(u32, Listing, hasher=Hasher.Twox64Concat)
    """Listed assets."""
    barred = Map(u32, bool, hasher=Hasher.Twox64Concat)
    """Assets that governance delisted."""
    params = Value(Params, default=Params())

    # ---- components

    order_book = Part(OrderBook)
    auctions = Part(Auctions)

    # ---- hold reasons

    HoldReason = types.HoldReason

    # ---- hooks

    def on_initialize(self, number: int) -> int:
        """Hold the auctions of the previous block."""
        del number
        return self.auctions.hold()

    # ---- calls

    @call(0, weight=weights.LIST_ASSET)
    def list_asset(self, origin: Origin, asset: AssetId) -> None:
        """List the caller's asset, so that its units can be traded. Issuer only."""
        self._ensure_issuer(origin.signed(), asset)
        if asset in self.listings:
            raise errors.AlreadyListed
        if asset in self.barred:
            raise errors.Barred
        self.listings[asset] = Listing(u64(self.clock.now()))
        self.auctions.note_crossing(asset)
        self.deposit(events.Listed(asset))

    @call(1, weight=weights.LIST_PREMIUM)
    def list_premium(self, origin: Origin, asset: AssetId) -> None:
        """Buy a premium listing of the caller's asset, for a fee of its value. Issuer only."""
        who = origin.signed()
        self._ensure_issuer(who, asset)
        listing = self._listing(asset)
        value = self.registry.value_of(asset)
        bps = int(self.params.peek().premium_bps)
        fee = discounted(charge(int(value), bps), self.stakers.discount_bps(who))
        split = split_platform(fee, ASSET, int(value), int(self.fees.threshold()))
        self.fees.take(who, split, BurnReason.Asset)
        begin = max(int(listing.premium_until), self.clock.now())
        listing.premium_until = u64(begin + self.premium_slots)
        self.listings[asset] = listing
        self.deposit(events.PremiumListed(asset, listing.premium_until, fee, split.burn))

    @call(2, weight=weights.DELIST)
    def delist(self, origin: Origin, asset: AssetId) -> None:
        """End the trade of an asset. Policy origin only."""
        self.policy(origin)
        self._listing(asset)
        del self.listings[asset]
        del self.auctions.crossing[asset]
        self.barred[asset] = True
        self.deposit(events.Delisted(asset))

    @call(3, weight=by_depth)
    def place_order(
        self,
        origin: Origin,
        asset: AssetId,
        side: Side,
        units: CompactUnits,
        price: CompactBalanceOf,
        time_in_force: TimeInForce,
        until: SlotOf | None,
    ) -> PostInfo:
        """Place an order for `units` units at `price` planck each, or a better price.

        It trades in the next block at the earliest, at the one price of that auction.
        """
        placed = self.place(
            origin.signed(), asset, side, u128(units), u128(price),
            immediate=time_in_force is TimeInForce.Immediate, until=until,
        )  # fmt: skip
        return PostInfo(placed.weight)

    @call(4, weight=weights.CANCEL_ORDER)
    def cancel_order(self, origin: Origin, id: OrderId) -> None:
        """Cancel an order. Owner only, unless it has expired or its asset is no longer traded."""
        who, order = origin.signed(), self.order_book.orders.get(id)
        if order is None:
            raise errors.NoSuchOrder
        over = self.auctions.is_expired(order) or not self.is_traded(order.asset)
        if who != order.owner and not over:
            raise errors.NotOwner
        self.order_book.cancel(id, order)

    @call(5, weight=weights.SET_PARAMS)
    def set_params(self, origin: Origin, params: Params) -> None:
        """Set the parameters; open orders keep their fee rates. Parameters origin only."""
        self.params_origin(origin)
        if params.problem() is not None:
            raise errors.InvalidParams
        self.params.value = params
        self.deposit(events.ParamsSet(params))

    @call(6, weight=weights.READMIT)
    def readmit(self, origin: Origin, asset: AssetId) -> None:
        """Allow a delisted asset to be listed again. Policy origin only."""
        self.policy(origin)
        if asset not in self.barred:
            raise errors.NotBarred
        del self.barred[asset]
        self.deposit(events.Readmitted(asset))

    # ---- public interface

    @property
    def reason(self) -> Reason:
        """Reason of the holds for buy orders."""
        return self.order_book.reason

    def place(
        self,
        who: AccountId,
        asset: u32,
        side: Side,
        units: u128,
        price: u128,
        *,
        immediate: bool = False,
        until: u64 | None = None,
    ) -> Placed:
        """Place an order; return its number and work. Raises the errors of `place_order`."""
        if not self.is_traded(asset):
            raise errors.NotListed
        params, notional = self.params.peek(), int(price) * int(units)
        if not units or notional < params.least_notional:
            raise errors.BelowMinNotional
        if until is not None and until <= self.clock.now() + 1:
            raise errors.AlreadyExpired
        if side is Side.Buy and not self.assets.may_receive(asset, who):
            raise errors.NotAllowed
        mine = self.order_book.own[asset, who]
        if len(mine) >= self.max_own_orders:
            raise errors.TooManyOrders
        own = (self.order_book.orders[id] for id in mine)
        if any(one.side is not side and meets(side, price, one.price) for one in own):
            raise errors.SelfMatch
        waiting = self.auctions.waiting() if immediate else 0
        crosses, levels = self.order_book.would_cross(asset, side, price)
        escrow = NOTHING
        if side is Side.Buy:
            escrow = u128(notional + max_fee(notional, int(params.taker_bps)))
        order = Order(
            who, asset, side, price, u64(self.clock.now()), units, escrow, params.maker_bps,
            params.taker_bps, until,
        )  # fmt: skip
        id = self.order_book.add(order, mine)
        if immediate:
            self.auctions.immediate.value = [*self.auctions.immediate.value, id]
        if crosses and asset not in self.auctions.crossing:
            self.auctions.add_crossing(asset)
        return Placed(id, len(mine), levels, waiting)

    def give_up(self, id: u64) -> None:
        """Cancel an open order on behalf of its owner. Raises NoSuchOrder."""
        order = self.order_book.orders.get(id)
        if order is None:
            raise errors.NoSuchOrder
        self.order_book.cancel(id, order)

    def is_traded(self, asset: u32) -> bool:
        """Return True if the asset accepts orders: it is listed and its units are issued."""
        return asset in self.listings and self.registry.is_issued(asset)

    def depth(self, asset: u32, side: Side, levels: int) -> list[Level]:
        """Return the best `levels` price levels of one side."""
        return list(islice(self.order_book.best_levels(asset, side), levels))

    # ---- internals

    def _listing(self, asset: u32) -> Listing:
        listing = self.listings.get(asset)
        if listing is None:
            raise errors.NotListed
        return listing

    def _ensure_issuer(self, who: AccountId, asset: u32) -> None:
        if not self.registry.is_issued(asset):
            raise errors.NotListed
        if self.registry.issuer_of(asset) != who:
            raise errors.NotIssuer
