"""Attacks on the exchange, and their defences.

Each attack, and its tests here or in `test_exchange`:

* wash trading: `test_trading_with_oneself_through_two_accounts_loses_both_fees`
* front-running by the author: `test_no_order_of_extrinsics_changes_what_an_account_gets`
* sandwich: `test_orders_around_those_of_others_gain_nothing_against_the_price_of_the_batch`,
  `test_a_crowd_of_small_offers_does_not_sell_to_a_large_bid_for_more`
* self-match: `test_an_order_of_ones_own_is_never_met`
* tiny-order spam: `test_orders_are_worth_something`, `test_an_account_has_so_many_orders`,
  `test_so_many_price_levels_cross_and_no_more`, `test_expired_orders_delay_no_trade_for_long`
* stale price: `test_an_expired_order_trades_no_more_and_any_account_may_clear_it`
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from btt_chain.primitives.account import AccountId
from btt_chain.scale import u64, u128
from runtime.constants import BTT
from runtime.pallets.exchange import errors
from runtime.pallets.exchange.auctions import MAX_MATCHES
from runtime.pallets.exchange.book import MAX_LEVELS
from runtime.pallets.exchange.types import Crossing, Side, TimeInForce
from support.asset_runtime import ALICE, BOB, CAROL, DAVE
from support.market_floor import SCANNER, Market
from support.runtime import refused


@pytest.fixture
def market() -> Market:
    return Market()


def crowd_of(market: Market, count: int) -> list[AccountId]:
    """Return accounts with 1,000 BTT and 32 units each."""
    crowd = [AccountId(number.to_bytes(32, "big")) for number in range(1, count + 1)]
    for who in crowd:
        market.balances.transfer(ALICE, who, 1_000 * BTT)
        market.assets.move(SCANNER, ALICE, who, u128(32))
    return crowd


@pytest.fixture(scope="module")
def populated() -> Market:
    """Return a market with the accounts of `CROWD`."""
    market = Market()
    assert crowd_of(market, len(CROWD)) == CROWD
    return market


CROWD = [AccountId(number.to_bytes(32, "big")) for number in range(1, 17)]
R = TypeVar("R")


def unhappened(market: Market, happen: Callable[[], R]) -> R:
    """Return the result of an action, and roll it back."""
    slot = market.clock.slot
    market.state.begin()
    try:
        return happen()
    finally:
        market.state.rollback()
        market.clock.slot = slot
        market.host.events.clear()


def prices(market: Market) -> list[int]:
    return [int(trade.price) for trade in market.exchange.auctions.trades[SCANNER]]


# ---- the price


def test_a_crowd_of_small_offers_does_not_sell_to_a_large_bid_for_more(market: Market) -> None:
    crowd = crowd_of(market, 5)
    for who in crowd:
        for _ in range(32):
            market.sell(who, 1, 5)
    market.sell(BOB, 200, 6)
    market.next_block()
    assert len(crowd) * 32 > MAX_MATCHES
    market.buy(DAVE, 200, 20)
    market.next_block()
    market.next_block()
    # 160 small ones and 40 of Bob's 200: the price is what the first left out asks for.
    assert market.units(DAVE) == 200
    assert prices(market) == [6 * BTT, 6 * BTT]


def test_a_crowd_of_small_bids_does_not_buy_from_a_large_offer_for_less(market: Market) -> None:
    for who in crowd_of(market, 5):
        for _ in range(32):
            market.buy(who, 1, 19)
    market.buy(CAROL, 200, 18)
    market.next_block()
    market.sell(BOB, 200, 6)
    market.next_block()
    market.next_block()
    assert market.units(BOB) == 0
    assert prices(market) == [18 * BTT, 18 * BTT]


def test_unfilled_bids_do_not_raise_the_price_for_others(market: Market) -> None:
    for who in crowd_of(market, 5):
        for _ in range(32):
            market.buy(who, 1, 19)
    market.buy(DAVE, 20, 20)
    market.next_block()
    market.sell(BOB, 200, 6)
    market.next_block()
    # 180 are wanted, 200 offered, 147 fit into one auction: all pay what the seller asks for.
    assert prices(market) == [6 * BTT]


Wish = tuple[Side, int, int, TimeInForce]
WISHES = st.lists(
    st.tuples(
        st.sampled_from(Side), st.integers(1, 9), st.integers(19, 21), st.sampled_from(TimeInForce)
    ),
    min_size=2,
    max_size=8,
)


@given(WISHES, WISHES, st.data())
@settings(max_examples=25, deadline=None)
def test_no_order_of_extrinsics_changes_what_an_account_gets(
    populated: Market, early: list[Wish], late: list[Wish], data: st.DataObject
) -> None:
    """Two blocks, each in the order in which people came and in one that its author likes.

    In the first all place orders, in the second others do, and some of the first cancel theirs.
    """
    placing = [(place, False) for place in range(len(early))]
    second = [(place, False) for place in range(len(late))]
    gone = data.draw(st.lists(st.sampled_from(placing), unique=True, max_size=3))
    second += [(place, True) for place, _ in gone]

    market = populated

    def results(first: list[tuple[int, bool]], second: list[tuple[int, bool]]) -> object:
        numbers: dict[int, u64] = {}
        for wishes, block, begin in ((early, first, 0), (late, second, 8)):
            for place, cancels in block:
                if not cancels:
                    numbers[begin + place] = market.order(CROWD[begin + place], *wishes[place])
                elif numbers[place] in market.exchange.order_book.orders:
                    market.exchange.give_up(numbers[place])
            market.next_block()
        traded = [(one.price, one.units) for one in market.exchange.auctions.trades[SCANNER]]
        return traded, [(market.money(who), market.units(who)) for who in CROWD]

    liked = data.draw(st.permutations(placing)), data.draw(st.permutations(second))
    came = unhappened(market, lambda: results(placing, second))
    assert unhappened(market, lambda: results(*liked)) == came


@given(st.permutations(range(7)))
@settings(max_examples=15, deadline=None)
def test_who_gets_the_odd_unit_is_not_who_comes_first_in_the_block(
    populated: Market, order: list[int]
) -> None:
    def winners(order: list[int]) -> list[int]:
        populated.sell(BOB, 3, 20)
        for place in order:
            populated.buy(CROWD[place], 1, 20)
        populated.next_block()
        return [place for place in range(7) if populated.units(CROWD[place]) == 33]

    first = unhappened(populated, lambda: winners([*range(7)]))
    assert len(first) == 3
    assert unhappened(populated, lambda: winners(order)) == first


@given(WISHES, WISHES, WISHES)
@settings(max_examples=30, deadline=None)
def test_orders_around_those_of_others_gain_nothing_against_the_price_of_the_batch(
    populated: Market, standing: list[Wish], others: list[Wish], around: list[Wish]
) -> None:
    """An account that sees all orders and has many accounts trades at the price of all."""
    own, market = [ALICE, BOB, *CROWD[:6]], populated

    def gain() -> int:
        for who, wish in zip(CROWD[8:], standing, strict=False):
            market.order(who, *wish)
        market.next_block()
        market.exchange.auctions.trades[SCANNER] = []
        for who, wish in (*zip(CROWD[6:8], others, strict=False), *zip(own, around, strict=False)):
            market.order(who, *wish)
        money = [market.money(who) for who in own]
        units = [market.units(who) for who in own]
        market.next_block()
        traded = prices(market)
        price = traded[0] if traded else 0
        return sum(
            market.money(who) - before + (market.units(who) - had) * price
            for who, before, had in zip(own, money, units, strict=True)
        )

    assert unhappened(market, gain) <= 0


def test_trading_with_oneself_through_two_accounts_loses_both_fees(market: Market) -> None:
    before = market.money(BOB) + market.money(CAROL)
    for _ in range(3):
        market.sell(BOB, 10, 20)
        market.buy(CAROL, 10, 20)
        market.next_block()
    assert before - market.money(BOB) - market.money(CAROL) == 3 * 200 * BTT * 2 // 100


# ---- room


def test_so_many_price_levels_cross_and_no_more(market: Market) -> None:
    crowd, place = crowd_of(market, 5), market.exchange.place
    for number in range(MAX_LEVELS + 1):
        place(crowd[number // 32], SCANNER, Side.Sell, u128(1), u128(5 * BTT + number))
    with refused(market, errors.TooDeep):
        place(DAVE, SCANNER, Side.Buy, u128(1), u128(5 * BTT + MAX_LEVELS))
    place(DAVE, SCANNER, Side.Buy, u128(100), u128(5 * BTT + MAX_LEVELS - 1))
    market.next_block()
    assert market.units(DAVE) == 100


def test_who_names_a_price_that_others_named_is_not_kept_out(market: Market) -> None:
    crowd, place = crowd_of(market, 5), market.exchange.place
    place(BOB, SCANNER, Side.Sell, u128(1), 4 * BTT)
    for number in range(MAX_LEVELS):
        place(crowd[number // 32], SCANNER, Side.Buy, u128(1), u128(4 * BTT + number))
    with refused(market, errors.TooDeep):
        place(DAVE, SCANNER, Side.Buy, u128(1), u128(4 * BTT + MAX_LEVELS))
    place(DAVE, SCANNER, Side.Buy, u128(1), u128(4 * BTT + MAX_LEVELS - 1))
    market.next_block()
    assert market.exchange.auctions.crossing.get(SCANNER) is None


def test_expired_orders_delay_no_trade_for_long(market: Market) -> None:
    for who in crowd_of(market, 5):
        for _ in range(32):
            market.buy(who, 1, 20, until=u64(market.clock.slot + 3))
    market.buy(DAVE, 10, 19)
    market.next_block(5)
    market.sell(BOB, 10, 19)
    market.next_block()
    assert market.units(DAVE) == 0, "this block cleared what had expired"
    market.next_block()
    assert market.units(DAVE) == 10
    assert list(market.exchange.order_book.orders.items()) == []


def test_a_trickle_of_expiring_orders_delays_no_trade(market: Market) -> None:
    slot = market.clock.slot
    for number, who in enumerate(crowd_of(market, 5)):
        for place in range(32):
            market.buy(who, 1, 20, until=u64(slot + 3 + 32 * number + place))
    market.next_block(6)
    before = market.units(BOB)
    market.sell(BOB, 10, 19)
    market.next_block()
    assert market.units(BOB) == before - 10
    orders = market.exchange.order_book.orders.items()
    assert [order.side for _, order in orders].count(Side.Sell) == 0


def test_an_asset_that_is_retired_waits_for_nothing(market: Market) -> None:
    market.exchange.auctions.crossing[SCANNER] = Crossing(u64(0), u64(0))
    del market.assets.asset[SCANNER]
    del market.registry.registrations.registered[SCANNER]
    market.next_block()
    assert list(market.exchange.auctions.crossing.items()) == []


def test_so_many_orders_of_a_block_are_immediate(market: Market) -> None:
    for who in crowd_of(market, 8):
        for _ in range(32):
            market.buy(who, 1, 20, force=TimeInForce.Immediate)
    with refused(market, errors.TooManyImmediate):
        market.buy(DAVE, 1, 20, force=TimeInForce.Immediate)
    market.buy(DAVE, 1, 20)
    market.next_block()
    assert [order.owner for _, order in market.exchange.order_book.orders.items()] == [DAVE]
    assert market.escrow(DAVE) == 20 * BTT * 101 // 100
