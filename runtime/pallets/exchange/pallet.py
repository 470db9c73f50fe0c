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

from collections.abc import Iterator
from enum import IntEnum
from itertools import islice, takewhile
from typing import Annotated, Final, NamedTuple

from btt_chain.crypto.hashing import blake2_128
from btt_chain.primitives.account import AccountId
from btt_chain.scale import Compact, TypeName, u32, u64, u128
from runtime.frame import (
    Const,
    DispatchInfo,
    DoubleMap,
    Error,
    Event,
    Hasher,
    Map,
    Origin,
    OriginCheck,
    Pallet,
    PostInfo,
    Reason,
    Value,
    call,
    ensure_root,
)
from runtime.pallets.assets import Assets
from runtime.pallets.exchange.auction import Level, Offer, Outcome, auction, clearing_price
from runtime.pallets.exchange.types import (
    MAX_IMMEDIATE,
    MAX_OWN_ORDERS,
    MAX_TRADES,
    BookKey,
    Clock,
    Crossing,
    Fees,
    Immediate,
    LevelKey,
    Listing,
    Money,
    Order,
    OwnOrders,
    Params,
    Registry,
    Side,
    Stakers,
    TimeInForce,
    Total,
    Trade,
    Trades,
    book_key,
    level_key,
    most_fee,
    number_in,
    price_in,
)
from runtime.pallets.tokenomics import BurnReason
from runtime.splits import ASSET, BPS, PlatformSplit, ceil_div, charge, discounted, split_platform
from runtime.weights import exchange as weights

MAX_MATCHES: Final = 128
"""Maximum number of orders per side that one auction reads; other crossing orders wait."""
MAX_LEVELS: Final = 128
"""Maximum number of price levels of each side that may cross."""
MAX_AUCTIONS: Final = 4
"""Maximum number of auctions per block."""
MAX_LOOKED_AT: Final = 4 * MAX_MATCHES
"""Maximum number of orders that all auctions of one block read: two full auctions."""
FEE_UNIT: Final = BPS * BPS
"""Unit of accumulated fees: the product of the units of a rate and of a discount."""
NOTHING: Final = u128(0)

Id = Annotated[u32, TypeName("AssetId")]
OrderId = Annotated[u64, TypeName("OrderId")]
Who = Annotated[AccountId, TypeName("T::AccountId")]
Amount = Annotated[u128, TypeName("BalanceOf<T>")]
CompactAmount = Annotated[Compact[u128], TypeName("BalanceOf<T>")]
Units = Annotated[u128, TypeName("Units")]
CompactUnits = Annotated[Compact[u128], TypeName("Units")]
SlotNumber = Annotated[u64, TypeName("Slot")]


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


class Exchange(Pallet):
    """Trade of asset units in auctions, at most one per asset and block."""

    premium_slots: Const[u64]
    """Duration of one premium listing, in slots."""
    max_own_orders: Const[u32] = u32(MAX_OWN_ORDERS)
    """Maximum number of open orders of one account for one asset."""
    collector: AccountId
    """Account that passes on an auction's fees; empty between auctions, and without a key."""
    currency: Money
    clock: Clock
    assets: Assets
    registry: Registry
    fees: Fees
    stakers: Stakers
    policy: OriginCheck = ensure_root
    """Origin that delists and readmits assets."""
    params_origin: OriginCheck = ensure_root
    """Origin that sets the parameters."""

    listings = Map(u32, Listing, hasher=Hasher.Twox64Concat)
    """Listed assets."""
    next_order = Value(u64, default=u64(0))
    """Number of the next order."""
    orders = Map(u64, Order, hasher=Hasher.Twox64Concat)
    """All open orders, by number."""
    book = DoubleMap(u32, BookKey, u64, hashers=(Hasher.Twox64Concat, Hasher.Identity))
    """Order numbers by asset, side, price and age: see `book_key`."""
    levels = DoubleMap(u32, LevelKey, Total, hashers=(Hasher.Twox64Concat, Hasher.Identity))
    """Sums of the open orders by asset, side and price: see `level_key`."""
    own = DoubleMap(u32, AccountId, OwnOrders, default=[])
    """Order numbers by asset and owner."""
    crossing = Map(u32, Crossing, hasher=Hasher.Twox64Concat)
    """Assets with crossing orders, for which the next block holds an auction."""
    barred = Map(u32, bool, hasher=Hasher.Twox64Concat)
    """Assets that governance delisted."""
    immediate = Value(Immediate, default=[])
    """Orders of this block that end with the next auction."""
    trades = Map(u32, Trades, hasher=Hasher.Twox64Concat, default=[])
    """Results of the last auctions of each asset, the newest last."""
    params = Value(Params, default=Params())

    class HoldReason(IntEnum):
        """Reasons for holds."""

        Order = 0
        """Maximum cost of a buy order, fees included."""

    class Listed(Event, index=0):
        """An asset was listed for trade."""

        asset: Id

    class Delisted(Event, index=1):
        """An asset was delisted; its orders can only be cancelled."""

        asset: Id

    class PremiumListed(Event, index=2):
        """An asset got a premium listing until slot `until`; `burned` is a part of `fee`."""

        asset: Id
        until: SlotNumber
        fee: Amount
        burned: Amount

    class OrderPlaced(Event, index=3):
        """An order was added to the book."""

        id: OrderId
        asset: Id
        owner: Who
        side: Side
        price: Amount
        units: Units

    class OrderFilled(Event, index=4):
        """Two orders traded `units` units at `price` planck each; both owners paid a fee."""

        asset: Id
        buy: OrderId
        sell: OrderId
        buyer: Who
        seller: Who
        price: Amount
        units: Units
        buyer_fee: Amount
        seller_fee: Amount

    class OrderCancelled(Event, index=5):
        """An order was cancelled with `units` units unfilled; its escrow was released."""

        id: OrderId
        units: Units

    class AuctionHeld(Event, index=6):
        """An auction traded `units` units at `price` planck each. `burned` is a part of `fees`."""

        asset: Id
        price: Amount
        units: Units
        fees: Amount
        burned: Amount

    class ParamsSet(Event, index=7):
        """The parameters were changed."""

        params: Annotated[Params, TypeName("Params")]

    class Readmitted(Event, index=8):
        """A delisted asset was readmitted; its issuer may list it again."""

        asset: Id

    class NotListed(Error, index=0):
        """The asset is not listed, or has no issued units."""

    class AlreadyListed(Error, index=1):
        """The asset is already listed."""

    class NotIssuer(Error, index=2):
        """The caller is not the issuer of the asset."""

    class NotAllowed(Error, index=3):
        """The account may not receive units of this asset; it may need a judged identity."""

    class BelowMinNotional(Error, index=4):
        """The order has no units, or is worth less than `params.least_notional`."""

    class NoSuchOrder(Error, index=5):
        """There is no open order of this number; it may be filled or cancelled."""

    class NotOwner(Error, index=6):
        """The order belongs to another account, has not expired, and its asset is still traded."""

    class SelfMatch(Error, index=7):
        """The order would trade with another of the same owner, which must be cancelled first."""

    class TooManyOrders(Error, index=8):
        """The account has the maximum number of open orders for this asset."""

    class AlreadyExpired(Error, index=9):
        """The order would expire before it can trade: `until` must be at least two slots ahead."""

    class TooManyImmediate(Error, index=10):
        """The maximum number of immediate orders of one block is reached."""

    class InvalidParams(Error, index=11):
        """The parameters are out of bounds or inconsistent; see `Params.problem`."""

    class TooDeep(Error, index=12):
        """The order would make more price levels cross than an auction reads."""

    class Barred(Error, index=13):
        """Governance delisted the asset; a referendum on `AssetPolicy` can readmit it."""

    class NotBarred(Error, index=14):
        """The asset was not delisted by governance; its issuer can list it."""

    # ---- hooks

    def on_initialize(self, number: int) -> int:
        """Hold the auctions of the previous block, and cancel the rest of immediate orders.

        Assets that waited longest come first; frozen ones keep waiting.
        """
        waiting = sorted(self.crossing.items(), key=lambda entry: (entry[1].turn, entry[0]))
        retired = [asset for asset, _ in waiting if not self.registry.is_issued(asset)]
        for asset in retired:
            del self.crossing[asset]
        live = (entry for entry in waiting if self.assets.is_live(entry[0]))
        looked_at, used = 0, weights.open_block(len(waiting) - len(retired), len(retired))
        for asset, crossing in islice(live, MAX_AUCTIONS):
            if looked_at + 2 * MAX_MATCHES > MAX_LOOKED_AT:
                break
            touched = self._hold_auction(asset, crossing.since)
            looked_at += touched
            used += weights.hold_auction(touched)
        if self.immediate.exists():
            used += weights.end_immediate(self._end_immediate())
        return used

    # ---- calls

    @call(0, weight=weights.LIST_ASSET)
    def list_asset(self, origin: Origin, asset: Id) -> None:
        """List the caller's asset, so that its units can be traded. Issuer only."""
        self._ensure_issuer(origin.signed(), asset)
        if asset in self.listings:
            raise self.AlreadyListed
        if asset in self.barred:
            raise self.Barred
        self.listings[asset] = Listing(self._now())
        self._note_crossing(asset)
        self.deposit(self.Listed(asset))

    @call(1, weight=weights.LIST_PREMIUM)
    def list_premium(self, origin: Origin, asset: Id) -> None:
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
        self.deposit(self.PremiumListed(asset, listing.premium_until, fee, split.burn))

    @call(2, weight=weights.DELIST)
    def delist(self, origin: Origin, asset: Id) -> None:
        """End the trade of an asset. Policy origin only."""
        self.policy(origin)
        self._listing(asset)
        del self.listings[asset]
        del self.crossing[asset]
        self.barred[asset] = True
        self.deposit(self.Delisted(asset))

    @call(3, weight=by_depth)
    def place_order(
        self,
        origin: Origin,
        asset: Id,
        side: Side,
        units: CompactUnits,
        price: CompactAmount,
        time_in_force: TimeInForce,
        until: SlotNumber | None,
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
        who, order = origin.signed(), self.orders.get(id)
        if order is None:
            raise self.NoSuchOrder
        over = self._expired(order) or not self.is_traded(order.asset)
        if who != order.owner and not over:
            raise self.NotOwner
        self._cancel(id, order)

    @call(5, weight=weights.SET_PARAMS)
    def set_params(self, origin: Origin, params: Annotated[Params, TypeName("Params")]) -> None:
        """Set the parameters; open orders keep their fee rates. Parameters origin only."""
        self.params_origin(origin)
        if params.problem() is not None:
            raise self.InvalidParams
        self.params.value = params
        self.deposit(self.ParamsSet(params))

    @call(6, weight=weights.READMIT)
    def readmit(self, origin: Origin, asset: Id) -> None:
        """Allow a delisted asset to be listed again. Policy origin only."""
        self.policy(origin)
        if asset not in self.barred:
            raise self.NotBarred
        del self.barred[asset]
        self.deposit(self.Readmitted(asset))

    # ---- public interface

    @property
    def reason(self) -> Reason:
        """Reason of the holds for buy orders."""
        return Reason(self.index, self.HoldReason.Order)

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
            raise self.NotListed
        params, notional = self.params.peek(), int(price) * int(units)
        if not units or notional < params.least_notional:
            raise self.BelowMinNotional
        if until is not None and until <= self.clock.now() + 1:
            raise self.AlreadyExpired
        if side is Side.Buy and not self.assets.may_receive(asset, who):
            raise self.NotAllowed
        mine = self.own[asset, who]
        if len(mine) >= self.max_own_orders:
            raise self.TooManyOrders
        own = (self.orders[id] for id in mine)
        if any(one.side is not side and meets(side, price, one.price) for one in own):
            raise self.SelfMatch
        waiting = self.immediate.value if immediate else []
        if len(waiting) >= MAX_IMMEDIATE:
            raise self.TooManyImmediate
        crosses, levels = self._would_cross(asset, side, price)
        escrow = NOTHING
        if side is Side.Buy:
            escrow = u128(notional + most_fee(notional, int(params.taker_bps)))
            self.currency.hold(self.reason, who, escrow)
        else:
            self.assets.hold(asset, who, units)
        id = self.next_order.value
        self.next_order.value = id + 1
        self.orders[id] = Order(
            who, asset, side, price, self._now(), units, escrow, params.maker_bps,
            params.taker_bps, until,
        )  # fmt: skip
        self.book[asset, book_key(side, price, id)] = id
        self.own[asset, who] = [*mine, id]
        self._count(asset, side, price, int(units), 1)
        if immediate:
            self.immediate.value = [*waiting, id]
        if crosses and asset not in self.crossing:
            self.crossing[asset] = Crossing(self._now(), self._now())
        self.deposit(self.OrderPlaced(id, asset, who, side, price, units))
        return Placed(id, len(mine), levels, len(waiting))

    def give_up(self, id: u64) -> None:
        """Cancel an open order on behalf of its owner. Raises NoSuchOrder."""
        order = self.orders.get(id)
        if order is None:
            raise self.NoSuchOrder
        self._cancel(id, order)

    # ---- public interface: queries

    def is_traded(self, asset: u32) -> bool:
        """Return True if the asset accepts orders: it is listed and its units are issued."""
        return asset in self.listings and self.registry.is_issued(asset)

    def depth(self, asset: u32, side: Side, levels: int) -> list[Level]:
        """Return the best `levels` price levels of one side."""
        return list(islice(self._levels(asset, side), levels))

    # ---- internals: the book

    def _listing(self, asset: u32) -> Listing:
        listing = self.listings.get(asset)
        if listing is None:
            raise self.NotListed
        return listing

    def _ensure_issuer(self, who: AccountId, asset: u32) -> None:
        if not self.registry.is_issued(asset):
            raise self.NotListed
        if self.registry.issuer_of(asset) != who:
            raise self.NotIssuer

    def _standing(self, asset: u32, side: Side) -> Iterator[tuple[int, u64]]:
        """Yield the price and number of each order of one side, best first."""
        for key in self.book.walk(asset, bytes((side,))):
            yield price_in(key), number_in(key)

    def _levels(self, asset: u32, side: Side) -> Iterator[Level]:
        """Yield the price levels of one side, best first."""
        for key in self.levels.walk(asset, bytes((side,))):
            total = self.levels[asset, key]
            yield Level(price_in(key), int(total.units), int(total.orders))

    def _prices(self, asset: u32, side: Side) -> Iterator[int]:
        """Yield the prices of one side, best first, without reading the sums."""
        return map(price_in, self.levels.walk(asset, bytes((side,))))

    def _best(self, asset: u32, side: Side) -> int | None:
        return next(self._prices(asset, side), None)

    def _crosses(self, asset: u32) -> bool:
        bid, ask = self._best(asset, Side.Buy), self._best(asset, Side.Sell)
        return bid is not None and ask is not None and bid >= ask

    def _note_crossing(self, asset: u32) -> None:
        """Schedule an auction in the next block if any orders cross."""
        if self._crosses(asset):
            self.crossing[asset] = Crossing(self._now(), self._now())

    def _would_cross(self, asset: u32, side: Side, price: u128) -> tuple[bool, int]:
        """Return whether an order would cross, and the number of price levels read.

        Raises TooDeep if the order would make too many levels cross.
        """
        other = Side(1 - side)
        best = self._best(asset, other)
        if best is None or not meets(side, price, best):
            return False, 0
        against = takewhile(lambda level: meets(side, price, level), self._prices(asset, other))
        beside = takewhile(lambda level: meets(side, level, best), self._prices(asset, side))
        others = (level for level in beside if level != price)
        met, equal = counted(MAX_LEVELS + 1, against), counted(MAX_LEVELS, others)
        if met > MAX_LEVELS or equal > MAX_LEVELS - 1:
            raise self.TooDeep
        return True, met + equal

    def _count(self, asset: u32, side: Side, price: u128, units: int, orders: int) -> None:
        """Add `units` and `orders` to the sums of a price level."""
        key = level_key(side, price)
        total = self.levels.get((asset, key)) or Total()
        total.units += units
        total.orders += orders
        if total.orders:
            self.levels[asset, key] = total
        else:
            del self.levels[asset, key]

    def _now(self) -> u64:
        return u64(self.clock.now())

    def _expired(self, order: Order) -> bool:
        return order.until is not None and order.until <= self.clock.now()

    def _cancel(self, id: u64, order: Order) -> None:
        self._count(order.asset, order.side, order.price, -int(order.units), -1)
        self._give_back(order)
        self._remove(id, order)
        self.deposit(self.OrderCancelled(id, order.units))

    def _give_back(self, order: Order) -> None:
        """Release the rest of an order's escrow."""
        if order.side is Side.Buy:
            self.currency.release(self.reason, order.owner, order.escrow)
        else:
            self.assets.release(order.asset, order.owner, order.units)

    def _remove(self, id: u64, order: Order) -> None:
        del self.orders[id]
        del self.book[order.asset, book_key(order.side, order.price, id)]
        left = [one for one in self.own[order.asset, order.owner] if one != id]
        if left:
            self.own[order.asset, order.owner] = left
        else:
            del self.own[order.asset, order.owner]

    # ---- internals: the auction

    def _end_immediate(self) -> int:
        """Cancel the rest of immediate orders; return the number of immediate orders."""
        ended = self.immediate.value
        for id in ended:
            order = self.orders.get(id)
            if order is not None:
                self._cancel(id, order)
        self.immediate.kill()
        return len(ended)

    def _hold_auction(self, asset: u32, since: u64) -> int:
        """Hold the auction of an asset; return the number of orders read.

        Orders placed in slot `since` or later are takers.
        """
        touched, stale = 0, False
        sides: list[list[Offer]] = []
        orders: dict[u64, Order] = {}
        for side in Side:
            best = self._best(asset, Side(1 - side))
            ids = list(islice(self._meeting(asset, side, best), MAX_MATCHES))
            seen = {id: self.orders[id] for id in ids}
            good = {id: order for id, order in seen.items() if self._can_trade(order)}
            for id, order in seen.items():
                if id not in good:
                    self._cancel(id, order)
            touched += len(seen)
            # Orders beyond may be as stale, and count in the price: try again in the next block.
            # Only then: a trickle of expiring orders must not delay an asset's trade forever.
            stale = stale or 2 * len(good) < len(seen) == MAX_MATCHES
            sides.append([self._offer(id, order) for id, order in good.items()])
            orders |= good
        price = None if stale else self._clearing_price(asset)
        if price is not None:
            bids, asks = sides
            self._settle(asset, auction(bids, asks, price), orders, since)
        if self._crosses(asset):
            self.crossing[asset] = Crossing(since, self._now())
        else:
            del self.crossing[asset]
        return touched

    def _meeting(self, asset: u32, side: Side, best: int | None) -> Iterator[u64]:
        """Yield the orders of one side that meet the best price of the other, best first."""
        for price, id in self._standing(asset, side):
            if best is None or not meets(side, price, best):
                return
            yield id

    def _clearing_price(self, asset: u32) -> int | None:
        """Return the price of all crossing orders; None if there are none."""
        sides: list[list[Level]] = []
        for side in Side:
            sides.append([])
            best = self._best(asset, Side(1 - side))
            for level in self._levels(asset, side):
                sides[-1].append(level)
                if best is None or not meets(side, level.price, best):
                    break  # one level more than cross: it bounds the price
        bids, asks = sides
        return clearing_price(bids, asks)

    def _offer(self, id: u64, order: Order) -> Offer:
        lot = blake2_128(bytes(order.owner) + int(order.slot).to_bytes(8, "little"))
        return Offer(int(id), int(order.price), int(order.slot), int(order.units), lot)

    def _can_trade(self, order: Order) -> bool:
        if self._expired(order):
            return False
        return order.side is Side.Sell or self.assets.may_receive(order.asset, order.owner)

    def _settle(self, asset: u32, outcome: Outcome, orders: dict[u64, Order], since: u64) -> None:
        """Transfer units and money of an auction's trades, pair by pair."""
        price, legs, fees = u128(outcome.price), NO_FEES, 0
        for buy, sell, units in outcome.pairs():
            paid, split = self._trade(asset, u64(buy), u64(sell), units, price, orders, since)
            legs, fees = added(legs, split), fees + paid
        self.fees.take(self.collector, legs, BurnReason.Asset)
        for number, units in (*outcome.bought, *outcome.sold):
            id = u64(number)
            order = orders[id]
            self._count(asset, order.side, order.price, -units, -(not order.units))
            if order.units:
                self.orders[id] = order
            else:
                self._give_back(order)
                self._remove(id, order)
        traded = u128(outcome.units)
        trade = Trade(self._now(), price, traded)
        self.trades[asset] = [*self.trades[asset][-MAX_TRADES + 1 :], trade]
        self.deposit(self.AuctionHeld(asset, price, traded, u128(fees), legs.burn))

    def _trade(
        self,
        asset: u32,
        buy: u64,
        sell: u64,
        units: int,
        price: u128,
        orders: dict[u64, Order],
        since: u64,
    ) -> tuple[int, PlatformSplit]:
        """Execute a trade of two orders; return the fees collected, and their split."""
        buyer, seller = orders[buy], orders[sell]
        value = int(price) * units
        buyer_fee, seller_fee = self._fee(buyer, value, since), self._fee(seller, value, since)
        fees = buyer_fee + seller_fee
        self.assets.release(asset, seller.owner, u128(units))
        self.assets.move(asset, seller.owner, buyer.owner, u128(units))
        for to, amount in ((seller.owner, value - seller_fee), (self.collector, fees)):
            self.currency.transfer_on_hold(
                self.reason, buyer.owner, to, u128(amount), on_hold=False
            )
        buyer.escrow -= value + buyer_fee
        buyer.units -= units
        seller.units -= units
        self.deposit(
            self.OrderFilled(
                asset,
                buy,
                sell,
                buyer.owner,
                seller.owner,
                price,
                u128(units),
                u128(buyer_fee),
                u128(seller_fee),
            )
        )
        return fees, split_platform(fees, ASSET, value, int(self.fees.threshold()))

    def _fee(self, order: Order, value: int, since: u64) -> int:
        """Add the fee of a trade to the order's account; return the part due now, in planck."""
        bps = order.taker_bps if order.slot >= since else order.maker_bps
        before = ceil_div(order.charged, FEE_UNIT)
        order.charged += value * int(bps) * (BPS - self.stakers.discount_bps(order.owner))
        return ceil_div(order.charged, FEE_UNIT) - before


NO_FEES: Final = PlatformSplit(NOTHING, NOTHING, NOTHING, NOTHING, NOTHING)


def added(one: PlatformSplit, other: PlatformSplit) -> PlatformSplit:
    """Return the sum of two splits, part by part."""
    return PlatformSplit(
        one.burn + other.burn,
        one.voters + other.voters,
        one.development + other.development,
        one.foundation + other.foundation,
        one.reserve + other.reserve,
    )


def meets(side: Side, price: int, other: int) -> bool:
    """Return True if an order at `price` would trade with one of the other side at `other`."""
    return price >= other if side is Side.Buy else price <= other


def counted(most: int, levels: Iterator[int]) -> int:
    """Return the number of levels; at most `most` are read."""
    return sum(1 for _ in islice(levels, most))
