"""A batch auction: all orders that trade in it trade at one price.

The best bids meet the best asks as long as they cross. The price lies between the prices of the
last crossing pair; neither it nor the allocation depends on the order within a block, so the
block's author gains nothing by reordering. Higher bids (lower asks) are served first, then earlier
blocks; orders of one block at one price share the units in proportion.

The price is that of the whole book, level by level. The allocation is among the orders that a block
has room for: the others wait, but do not move the price.

Integers only: prices in planck per unit, amounts in units.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import NamedTuple, TypeVar


class Level(NamedTuple):
    """Sum of the orders of one side at one price."""

    price: int
    units: int
    orders: int


class Offer(NamedTuple):
    """An order in the auction."""

    id: int
    price: int
    slot: int
    """Slot in which the order was placed."""
    units: int
    lot: bytes
    """Tie-break among equals; independent of the order within a block."""


S = TypeVar("S", Level, Offer)


class Outcome(NamedTuple):
    """Result of an auction. `bought` and `sold` are pairs of an order's id and its units."""

    price: int
    bought: list[tuple[int, int]]
    sold: list[tuple[int, int]]

    @property
    def units(self) -> int:
        """Total units traded."""
        return sum(units for _, units in self.sold)

    def pairs(self) -> Iterator[tuple[int, int, int]]:
        """Yield the buying order, the selling order and the units of each trade."""
        sold, sell, offered = iter(self.sold), 0, 0
        for buy, wanted in self.bought:
            missing = wanted
            while missing:
                if not offered:
                    sell, offered = next(sold)
                units = min(missing, offered)
                missing, offered = missing - units, offered - units
                yield buy, sell, units


def clearing_price(bids: Sequence[S], asks: Sequence[S]) -> int | None:
    """Return the price of an auction; None if no orders cross.

    Both sides are sorted best price first, and contain all crossing levels and one more.
    """
    crossed = _crossed(bids, asks)
    return _price(bids, asks, crossed) if crossed else None


def auction(bids: Sequence[Offer], asks: Sequence[Offer], price: int) -> Outcome:
    """Allocate the units of the crossing orders at the price of the whole book.

    Both sides are sorted best price first, then earliest slot, and contain the best orders that
    cross.
    """
    crossed = _crossed(bids, asks)
    return Outcome(price, _served(bids, crossed), _served(asks, crossed))


def _crossed(bids: Sequence[S], asks: Sequence[S]) -> int:
    """Return the number of units that cross."""
    bid, ask, crossed = 0, 0, 0
    wanted = offered = 0  # the rest of the current bid and ask
    while True:
        if not wanted:
            if bid == len(bids):
                return crossed
            wanted, bid = bids[bid].units, bid + 1
        if not offered:
            if ask == len(asks):
                return crossed
            offered, ask = asks[ask].units, ask + 1
        if bids[bid - 1].price < asks[ask - 1].price:
            return crossed
        met = min(wanted, offered)
        wanted, offered, crossed = wanted - met, offered - met, crossed + met


def _price(bids: Sequence[S], asks: Sequence[S], crossed: int) -> int:
    """Return the middle of the range of prices that suit all trading orders and no others."""
    last_bid, next_bid = _edge(bids, crossed)
    last_ask, next_ask = _edge(asks, crossed)
    low = last_ask if next_bid is None else max(last_ask, next_bid)
    high = last_bid if next_ask is None else min(last_bid, next_ask)
    return (low + high) // 2


def _edge(offers: Sequence[S], units: int) -> tuple[int, int | None]:
    """Return the price at `units` from the best, and the price of the next unit, if any."""
    for place, offer in enumerate(offers):
        if units < offer.units:
            return offer.price, offer.price
        units -= offer.units
        if not units:
            following = offers[place + 1].price if place + 1 < len(offers) else None
            return offer.price, following
    raise ValueError("more units crossed than were offered")


def _served(offers: Sequence[Offer], units: int) -> list[tuple[int, int]]:
    """Allocate `units`: best price first, then earliest slot; equals in proportion to size."""
    served: list[tuple[int, int]] = []
    for _, equals in groupby(offers, key=lambda offer: (offer.price, offer.slot)):
        if not units:
            break
        group = list(equals)
        whole = sum(offer.units for offer in group)
        given = min(units, whole)
        parts = [given * offer.units // whole for offer in group]
        # The remainder goes by single units to the largest orders, then by lot.
        order = sorted(range(len(group)), key=lambda place: (-group[place].units, group[place].lot))
        for place in order[: given - sum(parts)]:
            parts[place] += 1
        served += [(one.id, part) for one, part in zip(group, parts, strict=True) if part]
        units -= given
    return served
