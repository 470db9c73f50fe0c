"""The open orders of all assets, sorted by price and age."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice, takewhile
from typing import Final

from btt_chain.primitives.account import AccountId
from btt_chain.scale import u32, u64, u128
from runtime.frame import Component, DoubleMap, Hasher, Map, ReasonOf, Value
from runtime.frame.traits import MutateHold
from runtime.pallets.assets.pallet import Assets
from runtime.pallets.exchange import errors, events
from runtime.pallets.exchange.auction import Level
from runtime.pallets.exchange.types import (
    BookKey,
    HoldReason,
    LevelKey,
    Order,
    OwnOrders,
    Side,
    Total,
    book_key,
    level_key,
    meets,
    number_in,
    price_in,
)

MAX_LEVELS: Final = 128
"""Maximum number of price levels of each side that may cross."""


class OrderBook(Component):
    """The open orders of all assets, with their escrows.

    A buy order has money on hold, a sell order units.
    """

    currency: MutateHold
    assets: Assets
    reason = ReasonOf(HoldReason.Order)

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

    # ---- orders

    def add(self, order: Order, own: list[u64]) -> u64:
        """Hold the escrow of an order and add it; return its number.

        `own` are the owner's open orders for the asset.
        """
        asset, who, side, price = order.asset, order.owner, order.side, order.price
        if side is Side.Buy:
            self.currency.hold(self.reason, who, order.escrow)
        else:
            self.assets.hold(asset, who, order.units)
        id = self.next_order.value
        self.next_order.value = id + 1
        self.orders[id] = order
        self.book[asset, book_key(side, price, id)] = id
        self.own[asset, who] = [*own, id]
        self.count(asset, side, price, int(order.units), 1)
        self.deposit(events.OrderPlaced(id, asset, who, side, price, order.units))
        return id

    def cancel(self, id: u64, order: Order) -> None:
        """Remove an order and release its escrow."""
        self.count(order.asset, order.side, order.price, -int(order.units), -1)
        self._give_back(order)
        self._remove(id, order)
        self.deposit(events.OrderCancelled(id, order.units))

    def filled(self, id: u64, order: Order, units: int) -> None:
        """Store an order after `units` units of it were traded; remove it if that is all."""
        self.count(order.asset, order.side, order.price, -units, -(not order.units))
        if order.units:
            self.orders[id] = order
        else:
            self._give_back(order)
            self._remove(id, order)

    # ---- prices

    def standing(self, asset: u32, side: Side) -> Iterator[tuple[int, u64]]:
        """Yield the price and number of each order of one side, best first."""
        for key in self.book.walk(asset, bytes((side,))):
            yield price_in(key), number_in(key)

    def best_levels(self, asset: u32, side: Side) -> Iterator[Level]:
        """Yield the price levels of one side, best first."""
        for key in self.levels.walk(asset, bytes((side,))):
            total = self.levels[asset, key]
            yield Level(price_in(key), int(total.units), int(total.orders))

    def best(self, asset: u32, side: Side) -> int | None:
        """Return the best price of one side; None if it has no orders."""
        return next(self._prices(asset, side), None)

    def crosses(self, asset: u32) -> bool:
        """Return True if any orders of the two sides would trade."""
        bid, ask = self.best(asset, Side.Buy), self.best(asset, Side.Sell)
        return bid is not None and ask is not None and bid >= ask

    def would_cross(self, asset: u32, side: Side, price: u128) -> tuple[bool, int]:
        """Return whether an order would cross, and the number of price levels read.

        Raises TooDeep if the order would make too many levels cross.
        """
        other = Side(1 - side)
        best = self.best(asset, other)
        if best is None or not meets(side, price, best):
            return False, 0
        against = takewhile(lambda level: meets(side, price, level), self._prices(asset, other))
        beside = takewhile(lambda level: meets(side, level, best), self._prices(asset, side))
        others = (level for level in beside if level != price)
        met, equal = counted(MAX_LEVELS + 1, against), counted(MAX_LEVELS, others)
        if met > MAX_LEVELS or equal > MAX_LEVELS - 1:
            raise errors.TooDeep
        return True, met + equal

    def count(self, asset: u32, side: Side, price: u128, units: int, orders: int) -> None:
        """Add `units` and `orders` to the sums of a price level.

        The sum fits: a wanted unit has a planck or more of the issuance on hold, and units for sale
        are part of the asset's supply.
        """
        key = level_key(side, price)
        total = self.levels.get((asset, key)) or Total()
        total.units += units
        total.orders += orders
        if total.orders:
            self.levels[asset, key] = total
        else:
            del self.levels[asset, key]

    # ---- internals

    def _prices(self, asset: u32, side: Side) -> Iterator[int]:
        """Yield the prices of one side, best first, without reading the sums."""
        return map(price_in, self.levels.walk(asset, bytes((side,))))

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


def counted(limit: int, levels: Iterator[int]) -> int:
    """Return the number of levels; at most `limit` are read."""
    return sum(1 for _ in islice(levels, limit))
