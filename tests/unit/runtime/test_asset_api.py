"""The runtime APIs of assets and their exchange return the state of the pallets, in pages."""

from __future__ import annotations

from dataclasses import astuple

from btt_chain.scale import u32, u64
from runtime.constants import BTT
from runtime.frame import signed
from runtime.pallets.asset_registry.api import AssetsApi, AssetView
from runtime.pallets.asset_registry.types import State
from runtime.pallets.exchange.api import PAGE, Book, ExchangeApi
from runtime.pallets.exchange.types import Listing
from support.asset_runtime import ALICE, BOB, CAROL, DAVE
from support.market_floor import SCANNER, Market


def asked(market: Market, api: type[AssetsApi | ExchangeApi], name: str, *args: object) -> object:
    """Ask as a client does: everything goes through SCALE."""
    asking = api.__new__(api)
    asking._runtime = market
    method = api.METHODS[name]
    arguments = [
        part.decode_all(part.encode(arg))
        for (_, part), arg in zip(method.inputs, args, strict=True)
    ]
    return method.output.decode_all(method.output.encode(method.run(asking, *arguments)))


def test_what_paid_for_it_is_listed_first_however_much_is_listed() -> None:
    market = Market()
    scanner = market.registry.registrations.registered[SCANNER]
    for number in range(1, 2 * PAGE):
        market.registry.registrations.registered[u32(number)] = scanner
        market.exchange.listings[u32(number)] = Listing(u64(1))
    late = u64(market.clock.slot + 1)
    for number in (77, 150):
        market.exchange.listings[u32(number)] = Listing(u64(1), late)
    found = asked(market, ExchangeApi, "listings")
    assert isinstance(found, list)
    assert [id for id, _ in found[:4]] == [77, 150, 0, 1]
    assert len(found) == PAGE


def test_a_book_shows_every_order_of_a_level() -> None:
    market = Market()
    for who in (BOB, CAROL):
        for _ in range(32):
            market.sell(who, 3, 20)
    market.sell(ALICE, 5, 21)
    market.buy(DAVE, 2, 19)
    book = asked(market, ExchangeApi, "book", SCANNER, u32(10))
    assert isinstance(book, Book)
    sides = [[astuple(level) for level in side] for side in (book.bids, book.asks)]
    assert sides == [[(19 * BTT, 2, 1)], [(20 * BTT, 192, 64), (21 * BTT, 5, 1)]]
    assert book.last is None


def test_a_retired_asset_is_still_returned() -> None:
    market = Market()
    for who in (BOB, CAROL):
        market.assets.move(SCANNER, who, ALICE, market.assets.balance(SCANNER, who))
    market.registry.retire(signed(ALICE), SCANNER)
    view = asked(market, AssetsApi, "asset", SCANNER)
    assert isinstance(view, AssetView)
    assert (view.info.state, view.holders, view.frozen) == (State.Retired, 0, False)
    assert view.listing is None
    assert asked(market, ExchangeApi, "listings") == []
