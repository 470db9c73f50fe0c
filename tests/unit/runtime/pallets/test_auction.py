"""The auction of a block: one price, the most units, and no gain from being first in the block."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from runtime.pallets.exchange.auction import Offer, Outcome, auction


def book(*rows: tuple[int, int, int], bids: bool) -> list[Offer]:
    """Sort rows of (price, slot, units) as the book does; ids are their places."""
    offers = [Offer(place, price, slot, units) for place, (price, slot, units) in enumerate(rows)]
    sign = -1 if bids else 1
    return sorted(offers, key=lambda one: (sign * one.price, one.id))


def bids(*rows: tuple[int, int, int]) -> list[Offer]:
    return book(*rows, bids=True)


def asks(*rows: tuple[int, int, int]) -> list[Offer]:
    return book(*rows, bids=False)


def test_nothing_crosses() -> None:
    assert auction([], []) is None
    assert auction(bids((5, 0, 1)), []) is None
    assert auction(bids((5, 0, 1)), asks((6, 0, 1))) is None


def test_two_who_agree_meet_in_the_middle() -> None:
    assert auction(bids((10, 0, 3)), asks((6, 0, 3))) == Outcome(8, [(0, 3)], [(0, 3)])


def test_whoever_is_left_out_would_not_have_traded_at_the_price() -> None:
    # The second bid wants more at 9: a price below 9 would be unfair to it.
    assert auction(bids((10, 0, 3), (9, 0, 3)), asks((6, 0, 3))) == Outcome(9, [(0, 3)], [(0, 3)])
    assert auction(bids((10, 0, 5)), asks((6, 0, 3))) == Outcome(10, [(0, 3)], [(0, 3)])
    assert auction(bids((10, 0, 3)), asks((6, 0, 3), (7, 0, 1))) == Outcome(6, [(0, 3)], [(0, 3)])


def test_better_prices_go_first_then_earlier_blocks() -> None:
    outcome = auction(bids((8, 1, 4), (9, 2, 4), (8, 2, 4)), asks((5, 0, 10)))
    assert outcome is not None
    assert dict(outcome.bought) == {1: 4, 0: 4, 2: 2}


def test_equals_of_one_block_share_whatever_their_order() -> None:
    outcome = auction(bids((8, 1, 60), (8, 1, 30), (8, 1, 10)), asks((5, 0, 50)))
    assert outcome is not None
    assert outcome.bought == [(0, 30), (1, 15), (2, 5)]


def test_what_rounding_leaves_goes_to_the_largest_by_single_units() -> None:
    outcome = auction(bids((8, 1, 1), (8, 1, 1), (8, 1, 2)), asks((5, 0, 3)))
    assert outcome is not None
    assert dict(outcome.bought) == {2: 2, 0: 1}


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
def test_one_price_moves_the_most_units_and_wrongs_nobody(
    wanted: list[tuple[int, int, int]], offered: list[tuple[int, int, int]]
) -> None:
    wanted, offered = (sorted(side, key=lambda row: row[1]) for side in (wanted, offered))
    buying, selling = bids(*wanted), asks(*offered)
    outcome = auction(buying, selling)
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
def test_the_order_within_a_block_decides_nothing(
    wanted: list[tuple[int, int, int]],
    offered: list[tuple[int, int, int]],
    luck: object,
) -> None:
    def outcome(order: list[int]) -> tuple[int, Counter[tuple[int, int, int, int]]] | None:
        made = auction(bids(*(wanted[place] for place in order)), asks(*offered))
        if made is None:
            return None
        got = Counter((*wanted[order[place]], units) for place, units in made.bought)
        return made.price, got

    def in_slots(order: list[int]) -> list[int]:
        """Numbers rise from block to block; within one they are as its author likes."""
        return sorted(order, key=lambda place: wanted[place][1])

    straight = list(range(len(wanted)))
    shuffled = straight[:]
    luck.shuffle(shuffled)  # type: ignore[attr-defined]
    assert outcome(in_slots(straight)) == outcome(in_slots(shuffled))
