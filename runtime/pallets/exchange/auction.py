"""One auction for each block: all who trade in it trade at one price.

The best bids meet the best asks as long as they cross. The price lies between what the last pair
of them would have paid each other; neither it nor who is served depends on the order within a
block, so whoever makes the block gains nothing by putting an order first. Whoever bids more, or
came in an earlier block, is served first; those of one block at one price share what is there.

The price is that of the whole book, level by level. Who is served is decided among the orders that
a block has room for: if they are not all, the others wait, but none of them moves the price.

Whole numbers only: prices in planck for one unit, amounts in units.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import NamedTuple, TypeVar


class Level(NamedTuple):
    """All orders of one side at one price."""

    price: int
    units: int
    orders: int


class Offer(NamedTuple):
    """An order as the auction sees it."""

    id: int
    price: int
    slot: int
    """When it came."""
    units: int
    lot: bytes
    """Who is first among equals; nothing that depends on the order within a block."""


S = TypeVar("S", Level, Offer)


class Outcome(NamedTuple):
    """What an auction decided. `bought` and `sold` are pairs of an order's id and its units."""

    price: int
    bought: list[tuple[int, int]]
    sold: list[tuple[int, int]]

    @property
    def units(self) -> int:
        """All that changes hands."""
        return sum(units for _, units in self.sold)

    def pairs(self) -> Iterator[tuple[int, int, int]]:
        """Yield who buys from whom, and how many units."""
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
    """Return the price of an auction; None if nothing crosses.

    Both sides come best price first, as far as they cross and one level farther.
    """
    crossed = _crossed(bids, asks)
    return _price(bids, asks, crossed) if crossed else None


def auction(bids: Sequence[Offer], asks: Sequence[Offer], price: int) -> Outcome:
    """Decide who trades at the price of the whole book.

    Both sides come best price first, then earliest slot; what crosses of both is the best of all
    that does.
    """
    crossed = _crossed(bids, asks)
    return Outcome(price, _served(bids, crossed), _served(asks, crossed))


def _crossed(bids: Sequence[S], asks: Sequence[S]) -> int:
    """Return how many units meet at prices that both sides accept."""
    bid, ask, crossed = 0, 0, 0
    wanted = offered = 0  # what is left of the two at hand
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
    """Return the middle of the prices at which nobody who is left out would have traded."""
    last_bid, next_bid = _edge(bids, crossed)
    last_ask, next_ask = _edge(asks, crossed)
    low = last_ask if next_bid is None else max(last_ask, next_bid)
    high = last_bid if next_ask is None else min(last_bid, next_ask)
    return (low + high) // 2


def _edge(offers: Sequence[S], units: int) -> tuple[int, int | None]:
    """Return the price of the last of so many units, and of the next one, if there is any."""
    for place, offer in enumerate(offers):
        if units < offer.units:
            return offer.price, offer.price
        units -= offer.units
        if not units:
            following = offers[place + 1].price if place + 1 < len(offers) else None
            return offer.price, following
    raise ValueError("more units crossed than were offered")


def _served(offers: Sequence[Offer], units: int) -> list[tuple[int, int]]:
    """Share `units` out: best price first, then earliest slot; equals get equal parts."""
    served: list[tuple[int, int]] = []
    for _, equals in groupby(offers, key=lambda offer: (offer.price, offer.slot)):
        if not units:
            break
        group = list(equals)
        whole = sum(offer.units for offer in group)
        given = min(units, whole)
        parts = [given * offer.units // whole for offer in group]
        # What rounding leaves over goes by single units to the largest orders, then by lot.
        order = sorted(range(len(group)), key=lambda place: (-group[place].units, group[place].lot))
        for place in order[: given - sum(parts)]:
            parts[place] += 1
        served += [(one.id, part) for one, part in zip(group, parts, strict=True) if part]
        units -= given
    return served
