"""Auctions: when they are held, what they trade, and the fees of both sides.

The prices themselves are found by `auction`, without state.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Final

from btt_chain.crypto.hashing import blake2_128
from btt_chain.primitives.account import AccountId
from btt_chain.scale import u32, u64, u128
from runtime.frame import Component, Hasher, Map, Value
from runtime.frame.traits import Clock, Discounts, MutateHold
from runtime.pallets.asset_registry.registration import Registrations
from runtime.pallets.assets.pallet import Assets
from runtime.pallets.exchange import errors, events, weights
from runtime.pallets.exchange.auction import Level, Offer, Outcome, auction, clearing_price
from runtime.pallets.exchange.book import OrderBook
from runtime.pallets.exchange.types import (
    MAX_IMMEDIATE,
    MAX_TRADES,
    NOTHING,
    Crossing,
    Immediate,
    Order,
    Side,
    Trade,
    Trades,
    meets,
)
from runtime.pallets.tokenomics.traits import Fees
from runtime.pallets.tokenomics.types import BurnReason
from runtime.splits import ASSET, BPS, PlatformSplit, ceil_div, split_platform

MAX_MATCHES: Final = 128
"""Maximum number of orders per side that one auction reads; other crossing orders wait."""
MAX_AUCTIONS: Final = 4
"""Maximum number of auctions per block."""
MAX_ORDERS_READ: Final = 4 * MAX_MATCHES
"""Maximum number of orders that all auctions of one block read: two full auctions."""
FEE_UNIT: Final = BPS * BPS
"""Unit of accumulated fees: the product of the units of a rate and of a discount."""
NO_FEES: Final = PlatformSplit(NOTHING, NOTHING, NOTHING, NOTHING, NOTHING)


class Auctions(Component):
    """Auctions of crossing orders, at most one per asset and block."""

    book: OrderBook
    currency: MutateHold
    clock: Clock
    assets: Assets
    registry: Registrations
    fees: Fees
    stakers: Discounts
    collector: AccountId

    crossing = Map(u32, Crossing, hasher=Hasher.Twox64Concat)
    """Assets with crossing orders, for which the next block holds an auction."""
    immediate = Value(Immediate, default=[])
    """Orders of this block that end with the next auction."""
    trades = Map(u32, Trades, hasher=Hasher.Twox64Concat, default=[])
    """Results of the last auctions of each asset, the newest last."""

    # ---- orders

    def note_crossing(self, asset: u32) -> None:
        """Schedule an auction in the next block if any orders cross."""
        if self.book.crosses(asset):
            self.add_crossing(asset)

    def add_crossing(self, asset: u32) -> None:
        """Schedule an auction in the next block."""
        self.crossing[asset] = Crossing(self._now(), self._now())

    def waiting(self) -> int:
        """Return the number of immediate orders of this block. Raises TooManyImmediate."""
        count = len(self.immediate.value)
        if count >= MAX_IMMEDIATE:
            raise errors.TooManyImmediate
        return count

    def is_expired(self, order: Order) -> bool:
        """Return True if an order may no longer trade."""
        return order.until is not None and order.until <= self.clock.now()

    # ---- auctions

    def hold(self) -> int:
        """Hold the auctions of the previous block, and cancel the rest of immediate orders.

        Assets that waited longest come first; frozen ones keep waiting. Return the weight used.
        """
        waiting = sorted(self.crossing.items(), key=lambda entry: (entry[1].turn, entry[0]))
        retired = [asset for asset, _ in waiting if not self.registry.is_issued(asset)]
        for asset in retired:
            del self.crossing[asset]
        live = (entry for entry in waiting if self.assets.is_live(entry[0]))
        read, used = 0, weights.open_block(len(waiting) - len(retired), len(retired))
        for asset, crossing in islice(live, MAX_AUCTIONS):
            if read + 2 * MAX_MATCHES > MAX_ORDERS_READ:
                break
            touched = self.hold_auction(asset, crossing.since)
            read += touched
            used += weights.hold_auction(touched)
        if self.immediate.exists():
            used += weights.end_immediate(self.end_immediate())
        return used

    def hold_auction(self, asset: u32, since: u64) -> int:
        """Hold the auction of an asset; return the number of orders read.

        Orders placed in slot `since` or later are takers.
        """
        touched, stale = 0, False
        sides: list[list[Offer]] = []
        orders: dict[u64, Order] = {}
        for side in Side:
            best = self.book.best(asset, Side(1 - side))
            ids = list(islice(self._meeting(asset, side, best), MAX_MATCHES))
            seen = {id: self.book.orders[id] for id in ids}
            good = {id: order for id, order in seen.items() if self._can_trade(order)}
            for id, order in seen.items():
                if id not in good:
                    self.book.cancel(id, order)
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
        if self.book.crosses(asset):
            self.crossing[asset] = Crossing(since, self._now())
        else:
            del self.crossing[asset]
        return touched

    def end_immediate(self) -> int:
        """Cancel the rest of immediate orders; return the number of immediate orders."""
        ended = self.immediate.value
        for id in ended:
            order = self.book.orders.get(id)
            if order is not None:
                self.book.cancel(id, order)
        self.immediate.kill()
        return len(ended)

    # ---- internals

    def _now(self) -> u64:
        return u64(self.clock.now())

    def _meeting(self, asset: u32, side: Side, best: int | None) -> Iterator[u64]:
        """Yield the orders of one side that meet the best price of the other, best first."""
        for price, id in self.book.standing(asset, side):
            if best is None or not meets(side, price, best):
                return
            yield id

    def _clearing_price(self, asset: u32) -> int | None:
        """Return the price of all crossing orders; None if there are none."""
        sides: list[list[Level]] = []
        for side in Side:
            sides.append([])
            best = self.book.best(asset, Side(1 - side))
            for level in self.book.best_levels(asset, side):
                sides[-1].append(level)
                if best is None or not meets(side, level.price, best):
                    break  # one level more than cross: it bounds the price
        bids, asks = sides
        return clearing_price(bids, asks)

    def _offer(self, id: u64, order: Order) -> Offer:
        lot = blake2_128(bytes(order.owner) + int(order.slot).to_bytes(8, "little"))
        return Offer(int(id), int(order.price), int(order.slot), int(order.units), lot)

    def _can_trade(self, order: Order) -> bool:
        if self.is_expired(order):
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
            self.book.filled(u64(number), orders[u64(number)], units)
        traded = u128(outcome.units)
        trade = Trade(self._now(), price, traded)
        self.trades[asset] = [*self.trades[asset][-MAX_TRADES + 1 :], trade]
        self.deposit(events.AuctionHeld(asset, price, traded, u128(fees), legs.burn))

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
                self.book.reason, buyer.owner, to, u128(amount), on_hold=False
            )
        buyer.escrow -= value + buyer_fee
        buyer.units -= units
        seller.units -= units
        self.deposit(
            events.OrderFilled(
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


def added(one: PlatformSplit, other: PlatformSplit) -> PlatformSplit:
    """Return the sum of two splits, part by part."""
    return PlatformSplit(
        one.burn + other.burn,
        one.voters + other.voters,
        one.development + other.development,
        one.foundation + other.foundation,
        one.reserve + other.reserve,
    )
