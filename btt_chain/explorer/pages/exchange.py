"""Pages of the exchange: the traded assets, and the order book of one."""

from __future__ import annotations

from typing import Annotated, Final, TypedDict

from btt_chain.explorer import apis
from btt_chain.explorer.apis import ask
from btt_chain.explorer.context import Context
from btt_chain.explorer.pages.clock import Clock, slot_clock
from btt_chain.explorer.pages.forms import PAGE, BadRequest, index_of
from btt_chain.present.visible import shown
from btt_chain.primitives.digits import whole_number
from btt_chain.primitives.meaning import FLAT, Flat
from btt_chain.scale import u32, u64
from runtime.pallets.asset_registry.api import AssetsApi, AssetView
from runtime.pallets.exchange.api import ExchangeApi, PriceLevel
from runtime.pallets.exchange.types import Order, Trade

LEVELS: Final = 50
"""Maximum number of price levels of a side."""
TRADES: Final = 20
"""Number of auctions on the page of a market."""

ASSET_STATES: Final = {
    "Registered": "waits for its verifiers", "Voting": "stakers vote on it",
    "Issued": "its units exist", "Rejected": "rejected or withdrawn", "Retired": "retired",
}  # fmt: skip


class AssetRow(TypedDict):
    """An asset of a list."""

    asset: Annotated[AssetView, Flat(("info",))]
    isTraded: bool


class ExchangePage(TypedDict):
    """The registered assets; those that are traded have a market."""

    at: int
    assets: list[AssetRow]
    next: int | None


class MarketPage(AssetRow):
    """An asset with its order book and its last auctions, the newest first."""

    at: int
    clock: Clock | None
    bids: list[PriceLevel]
    asks: list[PriceLevel]
    trades: list[Trade]


class OrderPage(TypedDict):
    """An open order."""

    order: Annotated[Order, FLAT]
    id: int
    at: int
    clock: Clock | None


async def exchange_page(context: Context, begin: str | None) -> ExchangePage:
    """Return the registered assets with their state."""
    first = index_of(begin, "an asset") if begin else u32(0)
    assets = await ask(context, AssetsApi.assets, first, u32(PAGE + 1))
    return {
        "at": context.index.final()[0],
        "assets": [asset_row(asset) for asset in assets[:PAGE]],
        "next": int(assets[PAGE].id) if len(assets) > PAGE else None,
    }


async def market_page(context: Context, text: str) -> MarketPage:
    """Return an asset with its order book and its last auctions."""
    id = index_of(text, "an asset")
    asset = await apis.find(context, AssetsApi.asset, id, missing=f"There is no asset {id}.")
    book = await ask(context, ExchangeApi.book, id, u32(LEVELS))
    trades = await ask(context, ExchangeApi.trades, id)
    return {
        **asset_row(asset),
        "at": context.index.final()[0],
        "clock": await slot_clock(context),
        "bids": book.bids,
        "asks": book.asks,
        "trades": trades[: -TRADES - 1 : -1],
    }


async def order_page(context: Context, text: str) -> OrderPage:
    """Return an open order by its number."""
    id = whole_number(text, u64.MAX)
    if id is None:
        raise BadRequest(f"{shown(text)} is not a number of an order")
    missing = f"There is no open order {id}."
    order = await apis.find(context, ExchangeApi.order, u64(id), missing=missing)
    return {
        "order": order,
        "id": id,
        "at": context.index.final()[0],
        "clock": await slot_clock(context),
    }


def asset_row(asset: AssetView) -> AssetRow:
    """Return an asset of a list."""
    return {"asset": asset, "isTraded": asset.listing is not None}
