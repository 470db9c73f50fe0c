"""The auction of a block: one price, the most units, and no gain from being first in the block."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from hypothesis import given
from hypothesis import strategies as st

from btt_chain.crypto.hashing import blake2_128
from runtime.pallets.exchange.auction import Level, Offer, Outcome, auction, clearing_price


def book(*rows: tuple[int, int, int], bids: bool, owners: Sequence[int] = ()) -> list[Offer]:
    """Sort rows of (price, slot, units) as the book does; ids are their places."""
    offers = [
        Offer(place, *row, blake2_128(bytes((owner,))))
        for place, (row, owner) in enumerate(zip(rows, owners or range(len(rows)), strict=True))
    ]
    sign = -1 if bids else 1
    return sorted(offers, key=lambda one: (sign * one.price, one.id))


def levels(offers: list[Offer]) -> list[Level]:
    groups = ((price, list(group)) for price, group in groupby(offers, lambda one: one.price))
    return [Level(price, sum(one.units for one in group), len(group)) for price, group in groups]


def held(bids: list[Offer], asks: list[Offer]) -> Outcome | None:
    """Hold the auction of a whole book."""
    price = clearing_price(bids, asks)
    assert price == clearing_price(levels(bids), levels(asks))
    return None if price is None else auction(bids, asks, price)


def bids(*rows: tuple[int, int, int]) -> list[Offer]:
    return book(*rows, bids=True)


def asks(*rows: tuple[int, int, int]) -> list[Offer]:
    return book(*rows, bids=False)


def test_nothing_crosses() -> None:
    assert held([], []) is None
    assert held(bids((5, 0, 1)), []) is None
    assert held(bids((5, 0, 1)), asks((6, 0, 1))) is None


def test_two_who_agree_meet_in_the_middle() -> None:
    assert held(bids((10, 0, 3)), asks((6, 0, 3))) == Outcome(8, [(0, 3)], [(0, 3)])


def test_an_unfilled_order_would_not_have_traded_at_the_price() -> None:
    # The second bid wants more at 9: a price below 9 would be unfair to it.
    assert held(bids((10, 0, 3), (9, 0, 3)), asks((6, 0, 3))) == Outcome(9, [(0, 3)], [(0, 3)])
    assert held(bids((10, 0, 5)), asks((6, 0, 3))) == Outcome(10, [(0, 3)], [(0, 3)])
    assert held(bids((10, 0, 3)), asks((6, 0, 3), (7, 0, 1))) == Outcome(6, [(0, 3)], [(0, 3)])


def test_better_prices_go_first_then_earlier_blocks() -> None:
    outcome = held(bids((8, 1, 4), (9, 2, 4), (8, 2, 4)), asks((5, 0, 10)))
    assert outcome is not None
    assert dict(outcome.bought) == {1: 4, 0: 4, 2: 2}


def test_equals_of_one_block_share_whatever_their_order() -> None:
    outcome = held(bids((8, 1, 60), (8, 1, 30), (8, 1, 10)), asks((5, 0, 50)))
    assert outcome is not None
    assert outcome.bought == [(0, 30), (1, 15), (2, 5)]


def test_what_rounding_leaves_goes_to_the_largest_by_single_units() -> None:
    outcome = held(bids((8, 1, 1), (8, 1, 1), (8, 1, 2)), asks((5, 0, 3)))
    assert outcome is not None
    winner = min((0, 1), key=lambda owner: blake2_128(bytes((owner,))))
    assert dict(outcome.bought) == {2: 2, winner: 1}


rows = st.lists(
    st.tuples(st.integers(1, 12), st.integers(0, 2), st.integers(1, 9)), min_size=0, max_size=7
)


def most(wanted: list[Offer], offered: list[Offer]) -> int:
    """The most units that one price can move: try all prices."""
    return max(
        min(
            sum(one.units for one in wanted if one.price >= price),
            sum(one.units for one in offered if one.price <= price),
        )
        for price in range(13)
    )


@given(rows, rows)
def test_one_price_moves_the_most_units_and_keeps_each_limit(
    wanted: list[tuple[int, int, int]], offered: list[tuple[int, int, int]]
) -> None:
    wanted, offered = (sorted(side, key=lambda row: row[1]) for side in (wanted, offered))
    buying, selling = bids(*wanted), asks(*offered)
    outcome = held(buying, selling)
    if outcome is None:
        assert most(buying, selling) == 0
        return
    price, bought, sold = outcome.price, dict(outcome.bought), dict(outcome.sold)
    assert outcome.units == sum(bought.values()) == sum(sold.values()) == most(buying, selling)
    for one in buying:
        got = bought.get(one.id, 0)
        assert 0 <= got <= one.units
        assert got == 0 or one.price >= price
        assert got == one.units or one.price <= price, "it paid more and got less"
    for one in selling:
        gave = sold.get(one.id, 0)
        assert 0 <= gave <= one.units
        assert gave == 0 or one.price <= price
        assert gave == one.units or one.price >= price
    for side, given_ in ((buying, bought), (selling, sold)):
        for early in side:
            for late in side:
                if early.price == late.price and early.slot < late.slot and given_.get(late.id):
                    assert given_.get(early.id) == early.units
    pairs = list(outcome.pairs())
    assert {b: sum(units for one, _, units in pairs if one == b) for b in bought} == bought
    assert {s: sum(units for _, one, units in pairs if one == s) for s in sold} == sold
    assert len(pairs) < len(bought) + len(sold)


@given(rows, rows, st.randoms(use_true_random=False))
def test_the_order_within_a_block_changes_no_result(
    wanted: list[tuple[int, int, int]], offered: list[tuple[int, int, int]], randomness: object
) -> None:
    def outcome(buyers: list[int], sellers: list[int]) -> object:
        bid_rows = [wanted[buyer] for buyer in buyers]
        ask_rows = [offered[seller] for seller in sellers]
        made = held(
            book(*bid_rows, bids=True, owners=buyers), book(*ask_rows, bids=False, owners=sellers)
        )
        if made is None:
            return None
        bought = {buyers[place]: units for place, units in made.bought}
        return made.price, bought, {sellers[place]: units for place, units in made.sold}

    def by_slot(rows: list[tuple[int, int, int]]) -> tuple[list[int], list[int]]:
        """Numbers rise from block to block; within one they are as its author likes."""
        people = list(range(len(rows)))
        shuffled = people[:]
        randomness.shuffle(shuffled)  # type: ignore[attr-defined]
        in_slots = [sorted(order, key=lambda who: rows[who][1]) for order in (people, shuffled)]
        return in_slots[0], in_slots[1]

    (buyers, other_buyers), (sellers, other_sellers) = by_slot(wanted), by_slot(offered)
    assert outcome(buyers, sellers) == outcome(other_buyers, other_sellers)


@given(rows, rows, st.integers(1, 5))
def test_orders_without_room_wait_and_do_not_move_the_price(
    wanted: list[tuple[int, int, int]], offered: list[tuple[int, int, int]], room: int
) -> None:
    wanted, offered = (sorted(side, key=lambda row: row[1]) for side in (wanted, offered))
    buying, selling = bids(*wanted), asks(*offered)
    price = clearing_price(levels(buying), levels(selling))
    if price is None:
        return
    outcome = auction(buying[:room], selling[:room], price)
    assert outcome.units > 0
    assert all(buy.price >= price for buy in buying if buy.id in dict(outcome.bought))
    assert all(sell.price <= price for sell in selling if sell.id in dict(outcome.sold))
