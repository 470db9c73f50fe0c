"""Units for money: one price a block, exact escrows, exact fees, no front-running."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from btt_chain.primitives.account import AccountId
from btt_chain.scale import Overflow, u16, u32, u64, u128
from runtime.constants import BTT
from runtime.frame import ROOT, BadOrigin, DispatchError, TokenError, TokenErrorKind, signed
from runtime.limits import block_weights
from runtime.pallets.assets import errors as assets_errors
from runtime.pallets.exchange import errors as exchange_errors
from runtime.pallets.exchange import events as exchange_events
from runtime.pallets.exchange import weights
from runtime.pallets.exchange.auctions import MAX_AUCTIONS, MAX_MATCHES, MAX_ORDERS_READ
from runtime.pallets.exchange.book import MAX_LEVELS
from runtime.pallets.exchange.pallet import Exchange, deepest
from runtime.pallets.exchange.types import (
    MAX_IMMEDIATE,
    MAX_OWN_ORDERS,
    Order,
    Params,
    Side,
    TimeInForce,
    Total,
    level_key,
)
from runtime.pallets.tokenomics.types import BurnReason
from support.asset_runtime import (
    ALICE,
    BOB,
    CAROL,
    COLLECTOR,
    DAVE,
    OTHERS,
    PEOPLE,
    RICH,
    UNITS,
    VALUE,
)
from support.histories import History, seeds, unreached
from support.market_floor import PREMIUM, SCANNER, Market
from support.runtime import refused


@pytest.fixture
def market() -> Market:
    return Market()


def test_an_order_waits_for_the_next_block_and_trades_at_one_price(market: Market) -> None:
    sell = market.sell(BOB, 100, 20)
    market.next_block()
    buy = market.buy(DAVE, 40, 22)
    assert market.units(DAVE) == 0, "no order trades within its block"
    assert market.escrow(DAVE) == 40 * 22 * BTT * 101 // 100
    before = {who: market.money(who) for who in PEOPLE}
    issuance = market.issuance()
    market.host.events.clear()
    market.next_block()

    # Between what Dave would pay and the next unit of Bob's order: that is Bob's price.
    value, taker, maker = 800 * BTT, 8 * BTT, 4 * BTT
    assert (market.units(DAVE), market.units(BOB)) == (40, 160)
    assert before[DAVE] - market.money(DAVE) == value + taker
    assert market.money(BOB) - before[BOB] == value - maker
    assert market.escrow(DAVE) == 0
    # 2 % and a bit burn: the ramp for 800 BTT goes from 200 to 500 bps at 10,000 BTT.
    burned = (taker + maker) * 224 // 10_000
    assert issuance - market.issuance() == burned
    assert market.tokenomics.burned_by[BurnReason.Asset] >= burned
    assert market.money(COLLECTOR) == 0
    filled = [one for one in market.announced() if isinstance(one, exchange_events.OrderFilled)]
    assert filled == [
        exchange_events.OrderFilled(
            SCANNER, buy, sell, DAVE, BOB, 20 * BTT, u128(40), u128(taker), u128(maker)
        )
    ]
    assert [order.units for _, order in market.exchange.order_book.orders.items()] == [60]
    assert buy not in market.exchange.order_book.orders


def test_two_of_one_block_are_both_takers_and_meet_in_the_middle(market: Market) -> None:
    market.sell(BOB, 10, 20)
    market.buy(DAVE, 10, 30)
    before = market.money(DAVE), market.money(BOB)
    market.next_block()
    value, fee = 250 * BTT, 25 * BTT // 10
    assert (market.money(DAVE), market.money(BOB)) == (
        before[0] - value - fee,
        before[1] + value - fee,
    )
    assert list(market.exchange.order_book.orders.items()) == []
    assert list(market.exchange.order_book.book.items()) == []
    assert list(market.exchange.order_book.own.items()) == []
    assert market.exchange.auctions.trades[SCANNER][-1].price == 25 * BTT


def test_a_discount_counts_at_the_trade(market: Market) -> None:
    market.people.discounts[DAVE] = 2_000
    market.sell(BOB, 10, 20)
    market.buy(DAVE, 10, 20)
    before = market.money(DAVE)
    market.next_block()
    assert before - market.money(DAVE) == 200 * BTT + 16 * BTT // 10


def test_a_fee_rounds_up_once_for_an_order_however_often_it_trades(market: Market) -> None:
    market.exchange.set_params(ROOT, Params(least_notional=u128(1)))
    place = market.exchange.place
    place(BOB, SCANNER, Side.Sell, u128(100), u128(1))
    market.next_block()
    before = market.money(BOB)
    for _ in range(100):
        place(DAVE, SCANNER, Side.Buy, u128(1), u128(1))
        market.next_block()
    # 100 planck at 0.5 %: half a planck, rounded up once.
    assert market.money(BOB) - before == 99


def test_units_for_sale_stay_the_sellers_and_earn(market: Market) -> None:
    market.sell(BOB, 200, 20)
    with refused(market, assets_errors.BalanceLow):
        market.assets.move(SCANNER, BOB, DAVE, u128(1))
    market.registry.distribute_revenue(signed(ALICE), SCANNER, 100 * BTT)
    assert market.registry.revenue_due(SCANNER, BOB) == 20 * BTT


def test_an_order_of_ones_own_is_never_met(market: Market) -> None:
    market.sell(BOB, 10, 20)
    with refused(market, exchange_errors.SelfMatch):
        market.buy(BOB, 10, 20)
    market.buy(BOB, 10, 19)
    with refused(market, exchange_errors.SelfMatch):
        market.sell(BOB, 10, 19)


def test_cancelling_gives_everything_back(market: Market) -> None:
    buy, sell = market.buy(DAVE, 10, 20), market.sell(BOB, 10, 30)
    with refused(market, exchange_errors.NotOwner):
        market.exchange.cancel_order(signed(BOB), buy)
    market.exchange.cancel_order(signed(DAVE), buy)
    market.exchange.cancel_order(signed(BOB), sell)
    with refused(market, exchange_errors.NoSuchOrder):
        market.exchange.cancel_order(signed(BOB), sell)
    assert market.balances.free(DAVE) == RICH
    assert market.assets.free(SCANNER, BOB) == 200
    assert list(market.exchange.order_book.book.items()) == []


def test_what_an_immediate_order_does_not_get_it_gives_up(market: Market) -> None:
    market.sell(BOB, 10, 20)
    market.buy(DAVE, 15, 20, force=TimeInForce.Immediate)
    market.next_block()
    assert market.units(DAVE) == 10
    assert market.escrow(DAVE) == 0
    assert list(market.exchange.order_book.orders.items()) == []


def test_an_expired_order_trades_no_more_and_any_account_may_clear_it(market: Market) -> None:
    for soon in (0, 1):
        with refused(market, exchange_errors.AlreadyExpired):
            market.sell(BOB, 10, 20, until=u64(market.clock.slot + soon))
    sell = market.sell(BOB, 10, 20, until=u64(market.clock.slot + 3))
    market.next_block(3)
    market.exchange.cancel_order(signed(DAVE), sell)
    assert market.assets.free(SCANNER, BOB) == 200

    market.sell(BOB, 10, 20, until=u64(market.clock.slot + 3))
    market.next_block(2)
    market.buy(DAVE, 10, 20)
    market.next_block()
    assert market.units(DAVE) == 0
    assert [order.owner for _, order in market.exchange.order_book.orders.items()] == [DAVE]


@pytest.mark.parametrize(
    ("units", "price", "error"),
    [(0, 20, exchange_errors.BelowMinNotional), (1, 0, exchange_errors.BelowMinNotional)],
)
def test_orders_are_worth_something(
    market: Market, units: int, price: int, error: type[DispatchError]
) -> None:
    with refused(market, error):
        market.buy(DAVE, units, price)


def test_what_one_cannot_pay_or_deliver_is_no_order(market: Market) -> None:
    with refused(market, TokenError(TokenErrorKind.FundsUnavailable)):
        market.buy(DAVE, 100_000, 20)
    with refused(market, assets_errors.BalanceLow):
        market.sell(DAVE, 1, 20)
    market.sell(BOB, 150, 30)
    with refused(market, assets_errors.BalanceLow):
        market.sell(BOB, 51, 30)


def test_the_units_of_a_price_level_are_at_most_the_money_on_hold_for_them(market: Market) -> None:
    least, place = u128(1), market.exchange.place_order
    with pytest.raises(Overflow):
        place(
            signed(DAVE), SCANNER, Side.Buy, u128(u128.MAX), least, TimeInForce.UntilCancelled, None
        )  # fmt: skip
    for who in (DAVE, CAROL):
        spendable = market.money(who) - market.balances.existential_deposit
        units = u128(spendable * 100 // 102)
        place(signed(who), SCANNER, Side.Buy, units, least, TimeInForce.UntilCancelled, None)
    level = market.exchange.order_book.levels[SCANNER, level_key(Side.Buy, 1)]
    assert level.orders == 2
    assert level.units <= market.escrow(DAVE) + market.escrow(CAROL) <= market.issuance()


def test_an_account_has_so_many_orders(market: Market) -> None:
    for price in range(1, 33):
        market.buy(DAVE, 1, price)
    with refused(market, exchange_errors.TooManyOrders):
        market.buy(DAVE, 1, 40)
    market.buy(CAROL, 1, 40)


def test_only_listed_assets_trade_and_policy_takes_them_off(market: Market) -> None:
    other = market.issue(documents=OTHERS)
    with refused(market, exchange_errors.NotListed):
        market.order(DAVE, Side.Buy, 1, 20, asset=other)
    with refused(market, exchange_errors.NotIssuer):
        market.exchange.list_asset(signed(BOB), other)
    with refused(market, exchange_errors.AlreadyListed):
        market.exchange.list_asset(signed(ALICE), SCANNER)
    with refused(market, exchange_errors.NotListed):
        market.exchange.list_asset(signed(ALICE), u32(9))
    sell, _ = market.sell(BOB, 10, 20), market.buy(DAVE, 10, 20)
    with refused(market, BadOrigin):
        market.exchange.delist(signed(ALICE), SCANNER)
    market.exchange.delist(ROOT, SCANNER)
    market.next_block()
    assert market.units(DAVE) == 0
    market.exchange.cancel_order(signed(CAROL), sell)
    assert market.assets.free(SCANNER, BOB) == 200


def test_what_policy_took_off_comes_back_by_policy_only(market: Market) -> None:
    market.sell(BOB, 10, 20)
    market.buy(DAVE, 10, 20)
    market.exchange.delist(ROOT, SCANNER)
    with refused(market, exchange_errors.Barred):
        market.exchange.list_asset(signed(ALICE), SCANNER)
    with refused(market, BadOrigin):
        market.exchange.readmit(signed(ALICE), SCANNER)
    market.exchange.readmit(ROOT, SCANNER)
    with refused(market, exchange_errors.NotBarred):
        market.exchange.readmit(ROOT, SCANNER)
    market.exchange.list_asset(signed(ALICE), SCANNER)
    market.next_block()
    assert market.units(DAVE) == 10, "what crossed before trades again"


def test_retired_units_are_not_traded_and_any_account_may_clear_the_book(market: Market) -> None:
    buy = market.buy(DAVE, 1, 20)
    for who in (BOB, CAROL):
        market.assets.move(SCANNER, who, ALICE, u128(200))
    market.registry.retire(signed(ALICE), SCANNER)
    with refused(market, exchange_errors.NotListed):
        market.buy(DAVE, 1, 20)
    market.exchange.cancel_order(signed(BOB), buy)
    assert market.balances.free(DAVE) == RICH


def test_a_premium_listing_costs_half_a_percent_and_adds_up(market: Market) -> None:
    before = market.money(ALICE)
    for _ in range(2):
        market.exchange.list_premium(signed(ALICE), SCANNER)
    assert before - market.money(ALICE) == 2 * VALUE // 200
    until = market.exchange.listings[SCANNER].premium_until
    assert until == market.clock.slot + 2 * PREMIUM
    with refused(market, exchange_errors.NotIssuer):
        market.exchange.list_premium(signed(BOB), SCANNER)


def test_no_order_trades_while_an_asset_is_frozen(market: Market) -> None:
    market.sell(BOB, 10, 20)
    market.buy(DAVE, 10, 20)
    market.registry.freeze_asset(ROOT, SCANNER)
    market.next_block()
    assert market.units(DAVE) == 0
    market.registry.thaw_asset(ROOT, SCANNER)
    market.next_block()
    assert market.units(DAVE) == 10, "it is traded as soon as it can be"


def test_who_may_not_hold_units_any_more_drops_out(market: Market) -> None:
    info = market.registry.registrations.registered[SCANNER]
    info.restricted = True
    market.registry.registrations.registered[SCANNER] = info
    with refused(market, exchange_errors.NotAllowed):
        market.buy(DAVE, 1, 20)
    market.people.judged.append(DAVE)
    market.sell(BOB, 10, 20)
    market.buy(DAVE, 10, 25)
    market.buy(CAROL, 10, 20)
    market.people.judged.remove(DAVE)
    market.next_block()
    assert (market.units(DAVE), market.units(CAROL)) == (0, 210)
    assert market.escrow(DAVE) == 0


def test_who_lost_its_judgement_sells_and_earns_and_does_not_buy(market: Market) -> None:
    info = market.registry.registrations.registered[SCANNER]
    info.restricted = True
    market.registry.registrations.registered[SCANNER] = info
    market.people.judged = [ALICE, CAROL]
    market.sell(BOB, 100, 20)
    market.buy(CAROL, 100, 20)
    with refused(market, exchange_errors.NotAllowed):
        market.buy(BOB, 1, 19)
    market.next_block()
    assert (market.units(BOB), market.units(CAROL)) == (100, 300)
    market.registry.distribute_revenue(signed(ALICE), SCANNER, 100 * BTT)
    before = market.money(BOB)
    market.registry.claim_revenue(signed(BOB), SCANNER)
    assert market.money(BOB) - before == 10 * BTT


def test_what_a_trade_leaves_of_an_order_may_be_worth_little_and_still_trades(
    market: Market,
) -> None:
    place = market.exchange.place
    place(BOB, SCANNER, Side.Sell, u128(3), u128(BTT // 2))
    market.buy(DAVE, 2, 1)
    market.next_block()
    assert [order.units for _, order in market.exchange.order_book.orders.items()] == [1]
    market.buy(CAROL, 1, 1)
    market.next_block()
    assert list(market.exchange.order_book.orders.items()) == []


def test_full_auctions_and_all_immediate_orders_leave_half_of_a_block() -> None:
    auctions = weights.hold_auction(MAX_ORDERS_READ) + (MAX_AUCTIONS - 1) * weights.hold_auction(0)
    most = weights.open_block(100, 0) + auctions + weights.end_immediate(MAX_IMMEDIATE)
    assert most <= block_weights(6_000).max_block.ref_time // 2


def test_a_block_holds_no_auction_that_might_look_at_too_many_orders(market: Market) -> None:
    assets = [SCANNER]
    for number in range(2):
        assets.append(market.issue(documents=type(OTHERS)(bytes((number,)) * 32)))
        market.exchange.list_asset(signed(ALICE), assets[-1])
    market.next_block()
    crowd = [AccountId(number.to_bytes(32, "big")) for number in range(1, 5)]
    for who in crowd:
        market.balances.transfer(ALICE, who, 10_000 * BTT)
    for asset in assets:
        for who in crowd:
            for _ in range(32):
                market.order(who, Side.Buy, 1, 20, asset=asset)
        market.order(ALICE, Side.Sell, MAX_MATCHES, 10, asset=asset)
    market.next_block()
    crossing = market.exchange.auctions.crossing
    waiting = [asset for asset in assets if crossing.get(asset) is not None]
    assert waiting == assets[2:]
    market.next_block()
    assert list(market.exchange.auctions.crossing.items()) == []


def test_an_order_is_weighed_by_what_it_is_compared_with(market: Market) -> None:
    def placed(price: int, force: TimeInForce = TimeInForce.UntilCancelled) -> int:
        post = market.exchange.place_order(
            signed(DAVE), SCANNER, Side.Buy, u128(1), price * BTT, force, None
        )
        assert post.weight is not None
        return post.weight

    for price in (20, 21, 22):
        market.sell(BOB, 1, price)
    assert placed(10) == weights.place_order(0, 0, 0)
    assert placed(21) == weights.place_order(1, 2, 0)
    assert placed(20, TimeInForce.Immediate) == weights.place_order(2, 2, 0)
    assert placed(10, TimeInForce.Immediate) == weights.place_order(3, 0, 1)
    most = weights.place_order(MAX_OWN_ORDERS, 2 * MAX_LEVELS, 0)
    assert deepest(immediate=False) == most < deepest(immediate=True)


def test_an_auction_looks_at_so_many_orders_and_goes_on_in_the_next_block(market: Market) -> None:
    crowd = [AccountId(number.to_bytes(32, "big")) for number in range(1, 9)]
    for who in crowd:
        market.balances.transfer(ALICE, who, 5_000 * BTT)
        for _ in range(32):
            market.order(who, Side.Buy, 1, 20)
    assert len(crowd) * 32 == 2 * MAX_MATCHES
    market.next_block()
    market.sell(BOB, 200, 10)
    busy = market.next_block()
    assert market.units(BOB) == 200 - MAX_MATCHES
    assert market.next_block() <= busy
    assert market.units(BOB) == 0
    assert market.next_block() < busy // 50


def test_so_many_auctions_are_held_in_a_block(market: Market) -> None:
    assets = [SCANNER]
    for number in range(MAX_AUCTIONS):
        documents = type(OTHERS)(bytes((number,)) * 32)
        assets.append(market.issue(documents=documents))
        market.exchange.list_asset(signed(ALICE), assets[-1])
    market.next_block()
    for asset in assets:
        market.order(ALICE, Side.Sell, 10, 20, asset=asset)
        market.order(DAVE, Side.Buy, 10, 20, asset=asset)
    market.next_block()
    held = [asset for asset in assets if market.assets.balance(asset, DAVE)]
    assert len(held) == MAX_AUCTIONS
    [late] = [asset for asset in assets if asset not in held]
    # Others cross again in every block: who waits has the next turn nevertheless.
    for asset in held:
        market.order(ALICE, Side.Sell, 10, 20, asset=asset)
        market.order(DAVE, Side.Buy, 10, 20, asset=asset)
    market.next_block()
    assert market.assets.balance(late, DAVE) == 10
    filled = [one for one in market.announced() if isinstance(one, exchange_events.OrderFilled)]
    [fill] = [one for one in filled if one.asset == late]
    assert fill.buyer_fee == 2 * BTT, "who came with it is a taker, however late it is"


def test_depth_shows_levels_best_first(market: Market) -> None:
    for price, units in ((20, 3), (22, 5), (20, 4), (25, 1)):
        market.sell(BOB, units, price)
    market.buy(DAVE, 7, 18)
    market.buy(DAVE, 2, 19)
    asks = market.exchange.depth(SCANNER, Side.Sell, 2)
    assert asks == [(20 * BTT, 7, 2), (22 * BTT, 5, 1)]
    assert market.exchange.depth(SCANNER, Side.Buy, 5) == [(19 * BTT, 2, 1), (18 * BTT, 7, 1)]


@pytest.mark.parametrize(
    "wrong",
    [
        {"maker_bps": u16(49)},
        {"taker_bps": u16(101)},
        {"maker_bps": u16(90), "taker_bps": u16(80)},
        {"premium_bps": u16(101)},
        {"least_notional": u128(0)},
    ],
)
def test_parameters_outside_of_the_documents_are_refused(
    market: Market, wrong: dict[str, object]
) -> None:
    with refused(market, exchange_errors.InvalidParams):
        market.exchange.set_params(ROOT, Params(**wrong))  # type: ignore[arg-type]
    with refused(market, BadOrigin):
        market.exchange.set_params(signed(ALICE), Params())


class Bourse(History):
    """Whatever is ordered, escrows are those of the orders, and no money is lost."""

    def __init__(self) -> None:
        self.market = Market()
        super().__init__(self.market)
        info = self.market.registry.info(SCANNER)
        assert info is not None
        info.restricted = True  # that only those with a judged identity may hold it
        self.market.registry.registrations.registered[SCANNER] = info
        self.begun = self.market.issuance()
        self.burned = self._burned()

    def _burned(self) -> int:
        return sum(int(amount) for _, amount in self.market.tokenomics.burned_by.items())

    def step(self) -> None:
        if not self.market.exchange.is_traded(SCANNER):
            self.list_again()
        if self.one_in(4):
            self.attempt(self.market.registry.thaw_asset, ROOT, SCANNER)
        steps = (
            *[self.order] * 10, *[self.cancel] * 2, *[self.block] * 5, self.give, self.police,
            self.judge, self.listing,
        )  # fmt: skip
        self.one_of(steps)()

    def any_account(self) -> AccountId:
        return self.one_of((ALICE, BOB, CAROL, DAVE))

    def order(self) -> None:
        who, side = self.any_account(), self.one_of(list(Side))
        most = 60 if side is Side.Buy else min(60, int(self.market.assets.free(SCANNER, who)))
        life = self.one_of((None, None, 2, 4))
        until = None if life is None else u64(self.market.clock.slot + life)
        price = self.rng.randint(*((17, 22) if side is Side.Buy else (18, 23)))
        force = self.one_of(list(TimeInForce))
        units = self.rng.randint(0, most + 1)
        self.attempt(
            self.market.exchange.place_order, signed(who), SCANNER, side, u128(units), price * BTT,
            force, until,
        )  # fmt: skip

    def cancel(self) -> None:
        orders = list(self.market.exchange.order_book.orders.items())
        if orders:
            id, order = self.one_of(orders)
            who = self.any_account() if self.one_in(4) else order.owner
            self.attempt(self.market.exchange.cancel_order, signed(who), id)

    def block(self) -> None:
        self.market.next_block(self.rng.randint(1, 4))

    def give(self) -> None:
        who, other = self.any_account(), self.any_account()
        units = u128(self.up_to(int(self.market.assets.free(SCANNER, who))))
        self.attempt(self.market.assets.move, SCANNER, who, other, units)

    def police(self) -> None:
        self.attempt(self.market.registry.freeze_asset, ROOT, SCANNER)

    def judge(self) -> None:
        people, who = self.market.people.judged, self.any_account()
        if who not in people:
            people.append(who)
        elif self.one_in(3):
            people.remove(who)

    def listing(self) -> None:
        exchange = self.market.exchange
        self.attempt(exchange.list_premium, signed(ALICE), SCANNER)
        rates = self.one_of((50, 60)), self.one_of((60, 100))
        params = Params(maker_bps=u16(rates[0]), taker_bps=u16(rates[1]))
        self.attempt(exchange.set_params, ROOT, params)
        if self.one_in(3):
            self.attempt(exchange.delist, ROOT, SCANNER)

    def list_again(self) -> None:
        self.attempt(self.market.exchange.readmit, ROOT, SCANNER)
        self.attempt(self.market.exchange.list_asset, signed(ALICE), SCANNER)

    def check(self) -> None:
        self.money_is_whole()
        self.escrows_are_those_of_the_orders()
        self.what_crosses_has_an_auction_coming()
        self.units_add_up()

    def money_is_whole(self) -> None:
        market = self.market
        assert market.issuance() + self._burned() == self.begun + self.burned
        assert market.money(COLLECTOR) == 0

    def escrows_are_those_of_the_orders(self) -> None:
        market = self.market
        orders: dict[u64, Order] = dict(market.exchange.order_book.orders.items())
        for who in PEOPLE:
            own = [order for order in orders.values() if order.owner == who]
            assert market.escrow(who) == sum(int(order.escrow) for order in own)
            for_sale = sum(int(order.units) for order in own if order.side is Side.Sell)
            assert market.assets.held[SCANNER, who] == for_sale
            numbers = [id for id, order in orders.items() if order.owner == who]
            assert sorted(market.exchange.order_book.own[SCANNER, who]) == sorted(numbers)
            for order in own:
                assert order.units
                worth = int(order.price) * int(order.units)
                assert order.side is Side.Sell or order.escrow >= worth
        assert sorted(id for _, id in market.exchange.order_book.book.items()) == sorted(orders)
        totals: dict[bytes, Total] = {}
        for order in orders.values():
            total = totals.setdefault(level_key(order.side, int(order.price)), Total())
            total.units += order.units
            total.orders += 1
        assert dict(market.exchange.order_book.levels.under(SCANNER)) == totals

    def what_crosses_has_an_auction_coming(self) -> None:
        exchange = self.market.exchange
        bids, asks = (exchange.depth(SCANNER, side, 1) for side in Side)
        if bids and asks and bids[0].price >= asks[0].price and exchange.is_traded(SCANNER):
            assert SCANNER in exchange.auctions.crossing

    def units_add_up(self) -> None:
        held = [int(one.balance) for _, one in self.market.assets.account.under(SCANNER)]
        assert sum(held) == UNITS


@settings(max_examples=settings().max_examples // 2)
@given(seeds(30, 80))
def test_escrows_are_those_of_the_orders_whatever_is_ordered(steps: list[int]) -> None:
    Bourse().run(steps)


def test_random_orders_reach_all_calls_and_events() -> None:
    assert unreached(Bourse, Exchange, runs=4, steps=100) == set()
