"""Benchmarks of Exchange: deep order books, and owners that are parts of another account."""

from __future__ import annotations

from bench.weights.declare import Case, benchmark
from bench.weights.pallets.assets import ID, UNITS, VALUE, issued
from bench.weights.pallets.identity import LONG
from bench.weights.state import BLOCK, Bench
from btt_chain.crypto.hashing import blake2_256
from btt_chain.primitives.account import AccountId
from btt_chain.scale import u16, u32, u64, u128
from runtime.constants import BTT
from runtime.pallets.asset_registry.types import State
from runtime.pallets.exchange.auctions import MAX_MATCHES
from runtime.pallets.exchange.book import MAX_LEVELS
from runtime.pallets.exchange.types import (
    MAX_IMMEDIATE,
    MAX_OWN_ORDERS,
    MAX_TRADES,
    Crossing,
    Listing,
    Order,
    Params,
    Side,
    TimeInForce,
    Trade,
    book_key,
    max_fee,
)

PRICE = int(VALUE) // int(UNITS)
"""The middle of the book, in planck: the registered value of one unit."""
STEP = BTT // 1_000
MAKER, TAKER = u16(50), u16(100)
REVENUE = u128(BTT)
LAST, MAX_WAITING = MAX_OWN_ORDERS - 1, MAX_IMMEDIATE - 1
DEEP = 2 * MAX_LEVELS - 1
"""Maximum levels that one order passes: all of the other side, and all but one of its own."""


def traded(b: Bench) -> AccountId:
    """List an asset with the maximum number of past auctions; return the issuer."""
    who, exchange = issued(b), b.runtime.exchange
    exchange.listings[ID] = Listing(u64(1))
    past = Trade(u64(1), u128(PRICE), u128(1))
    exchange.auctions.trades[ID] = [past] * MAX_TRADES
    b.endow(exchange.collector)
    return who


def owner(b: Bench, number: int, units: int = 0) -> AccountId:
    """Return a verified part of the issuer, which has a fee discount and units."""
    who, main = b.endow(AccountId(blake2_256(b"owner %d" % number))), b.account(0)
    b.runtime.identity.subs.super_of[who] = (main, LONG)
    b.runtime.identity.subs.agreed[who] = ()
    window = b.runtime.tier_staking.positions.discounts.get(main)
    if window is not None:
        b.runtime.tier_staking.positions.discounts[who] = window
    if units:
        b.runtime.assets.move(ID, main, who, u128(units))
    return who


def stand(b: Bench, who: AccountId, side: Side, price: int, units: int = 1) -> u64:
    """Put an order into the book without the exchange's checks; return its number."""
    exchange = b.runtime.exchange
    escrow = u128(0)
    if side is Side.Buy:
        escrow = u128(price * units + max_fee(price * units, TAKER))
        exchange.currency.hold(exchange.reason, who, escrow)
    else:
        b.runtime.assets.hold(ID, who, u128(units))
    id = exchange.order_book.next_order.value
    exchange.order_book.next_order.value = u64(id + 1)
    exchange.order_book.orders[id] = Order(
        who, ID, side, u128(price), u64(BLOCK), u128(units), escrow, MAKER, TAKER, None
    )
    exchange.order_book.book[ID, book_key(side, price, int(id))] = id
    exchange.order_book.own[ID, who] = [*exchange.order_book.own[ID, who], id]
    exchange.order_book.count(ID, side, u128(price), units, 1)
    return id


def deep(b: Bench, levels: int) -> None:
    """Fill the book, so that a bid at the middle price passes that many levels.

    The first ones are of asks; the others are of bids that match the best of them.
    """
    asks = min(levels, MAX_LEVELS)
    for place in range(asks):
        stand(b, owner(b, place, 1), Side.Sell, PRICE - place * STEP)
    for place in range(levels - asks):
        stand(b, owner(b, 1_000 + place), Side.Buy, PRICE - (place + 1) * STEP)


def busy(b: Bench, who: AccountId, orders: int) -> AccountId:
    """Give an account that many bids far below the middle price."""
    for place in range(orders):
        stand(b, who, Side.Buy, PRICE // 2 - place * STEP)
    return who


def waiting_ends(b: Bench, count: int) -> None:
    """Queue that many immediate orders, of different owners and prices, to end with the block."""
    exchange = b.runtime.exchange
    exchange.auctions.immediate.value = [
        stand(b, owner(b, 2_000 + place), Side.Buy, PRICE // 3 - place * STEP)
        for place in range(count)
    ]


@benchmark("Exchange.list_asset")
def list_asset(b: Bench) -> Case:
    """List an asset with earlier orders that cross."""
    who, exchange = traded(b), b.runtime.exchange
    del exchange.listings[ID]
    stand(b, owner(b, 0, 1), Side.Sell, PRICE)
    stand(b, owner(b, 1), Side.Buy, PRICE)
    return b.signed(who, "Exchange", "list_asset", asset=ID)


@benchmark("Exchange.list_premium")
def list_premium(b: Bench) -> Case:
    """Pay for a premium listing."""
    return b.signed(traded(b), "Exchange", "list_premium", asset=ID)


@benchmark("Exchange.delist")
def delist(b: Bench) -> Case:
    """Delist an asset that waits for its auction."""
    traded(b)
    b.runtime.exchange.auctions.crossing[ID] = Crossing(u64(1), u64(1))
    return b.root("Exchange", "delist", asset=ID)


@benchmark(
    "Exchange.place_order", own=(0, LAST), levels=(0, DEEP), immediate=(0, MAX_IMMEDIATE - 1)
)
def place_order(b: Bench, own: int, levels: int, immediate: int) -> Case:
    """Bid with that many own orders, over that many levels, behind that many immediate orders."""
    traded(b)
    who = busy(b, owner(b, 5_000), own)
    deep(b, levels)
    exchange = b.runtime.exchange
    exchange.auctions.immediate.value = [u64(1_000_000 + place) for place in range(immediate)]
    force = TimeInForce.Immediate if immediate else TimeInForce.UntilCancelled
    return b.signed(
        who, "Exchange", "place_order", asset=ID, side=Side.Buy, units=u128(1),
        price=u128(PRICE), time_in_force=force, until=u64(BLOCK * 100),
    )  # fmt: skip


@benchmark("Exchange.cancel_order")
def cancel_order(b: Bench) -> Case:
    """Cancel the last of all orders of an account."""
    traded(b)
    who = busy(b, owner(b, 0), MAX_OWN_ORDERS)
    last = u64(b.runtime.exchange.order_book.next_order.value - 1)
    return b.signed(who, "Exchange", "cancel_order", id=last)


@benchmark("Exchange.set_params")
def set_params(b: Bench) -> Case:
    """Set all parameters."""
    return b.root("Exchange", "set_params", params=Params(maker_bps=u16(60)))


@benchmark("Exchange.readmit")
def readmit(b: Bench) -> Case:
    """Allow an asset to be listed again."""
    b.runtime.exchange.barred[ID] = True
    return b.root("Exchange", "readmit", asset=ID)


# ---- the hook


@benchmark("Exchange.open_block", assets=(0, 100), retired=(0, 100))
def open_block(b: Bench, assets: int, retired: int) -> Case:
    """Skip that many frozen assets that wait, and remove retired ones."""
    traded(b)
    pallet, registry = b.runtime.exchange, b.runtime.asset_registry
    info = registry.registrations.registered.get(ID)
    assert info is not None
    b.runtime.assets.freeze(ID)
    details = b.runtime.assets.asset.get(ID)
    assert details is not None
    for number in range(assets + retired):
        id = u32(1_000 + number)
        info.state = State.Issued if number < assets else State.Retired
        registry.registrations.registered[id] = info
        b.runtime.assets.asset[id] = details
        pallet.auctions.crossing[id] = Crossing(u64(1), u64(number))
    return Case(run=lambda: pallet.on_initialize(BLOCK))


@benchmark("Exchange.hold_auction", orders=(2, 2 * MAX_MATCHES))
def hold_auction(b: Bench, orders: int) -> Case:
    """Match all orders, each with two others, at distinct levels and of distinct owners.

    The buyers receive their first units and the sellers transfer their last; revenue is due to
    them.
    """
    who = traded(b)
    half = orders // 2
    for place in range(half):
        units = 1 if place == 0 and half > 1 else 2
        seller = owner(b, place, units)
        stand(b, seller, Side.Sell, PRICE - place * STEP, units)
        stand(b, owner(b, 1_000 + place), Side.Buy, PRICE + place * STEP, 2)
    b.does(who, "AssetRegistry", "distribute_revenue", id=ID, amount=REVENUE)
    pallet = b.runtime.exchange
    pallet.auctions.crossing[ID] = Crossing(u64(1), u64(1))
    return Case(run=lambda: pallet.auctions.hold_auction(ID, u64(1)))


@benchmark("Exchange.end_immediate", orders=(0, MAX_IMMEDIATE))
def end_immediate(b: Bench, orders: int) -> Case:
    """Cancel that many immediate orders."""
    traded(b)
    waiting_ends(b, orders)
    return Case(run=b.runtime.exchange.auctions.end_immediate)
