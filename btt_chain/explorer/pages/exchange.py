"""Pages of the exchange: the traded assets, and the order book of one."""

from __future__ import annotations

from typing import Final

from btt_chain.explorer import apis
from btt_chain.explorer.apis import Record, ask
from btt_chain.explorer.context import Context
from btt_chain.explorer.pages.clock import slot_clock
from btt_chain.explorer.pages.forms import (
    PAGE,
    Fields,
    Json,
    account_json,
    index_of,
)
from btt_chain.explorer.pictures.depth import Level
from btt_chain.present.visible import shown

LEVELS: Final = 50
"""Maximum number of price levels of a side."""
TRADES: Final = 20
"""Number of auctions on the page of a market."""

ASSET_STATES: Final = {
    "Registered": "waits for its verifiers", "Voting": "stakers vote on it",
    "Issued": "its units exist", "Rejected": "rejected or withdrawn", "Retired": "retired",
}  # fmt: skip
ASSET_KINDS: Final = {
    "Equipment": "equipment", "RealEstate": "real estate",
    "IntellectualProperty": "intellectual property", "MedicalData": "medical data",
    "ServiceRight": "right to services",
}  # fmt: skip
RIGHTS: Final = {
    "Ownership": "share of the property", "Usage": "share of the use",
    "Revenue": "share of the revenue",
}  # fmt: skip


async def exchange_page(context: Context, begin: str | None) -> Fields:
    """Return the registered assets with their state; those that are traded have a market."""
    first = index_of(begin, "an asset") if begin else 0
    found = apis.records(await ask(context, "AssetsApi.assets", first, PAGE + 1))
    return {
        "at": context.index.final()[0],
        "assets": [asset_json(context, each) for each in found[:PAGE]],
        "next": apis.number(found[PAGE], "id") if len(found) > PAGE else None,
    }


async def market_page(context: Context, text: str) -> Fields:
    """Return an asset with its order book and its last auctions, the newest first."""
    id = index_of(text, "an asset")
    found = await apis.find(context, "AssetsApi.asset", id, missing=f"There is no asset {id}.")
    book = apis.record(await ask(context, "ExchangeApi.book", id, LEVELS))
    trades = apis.records(await ask(context, "ExchangeApi.trades", id))
    return {
        **asset_json(context, found),
        "at": context.index.final()[0],
        "clock": await slot_clock(context),
        "bids": [_level(each) for each in apis.records(book.get("bids"))],
        "asks": [_level(each) for each in apis.records(book.get("asks"))],
        "trades": [_trade(each) for each in trades[: -TRADES - 1 : -1]],
    }


def asset_json(context: Context, each: Record) -> Fields:
    """Return an asset of a list. Raises NodeGone."""
    info = apis.record(each.get("info"))
    return {
        "id": apis.number(each, "id"),
        "name": shown(apis.words(info.get("name"))),
        "symbol": shown(apis.words(info.get("symbol"))),
        "kind": apis.text(info, "kind"),
        "right": apis.text(info, "right"),
        "state": apis.text(info, "state"),
        "issuer": account_json(context.data, apis.account(context, info.get("issuer"))),
        "units": str(apis.number(info, "units")),
        "value": str(apis.number(info, "value")),
        "documents": apis.text(info, "documents"),
        "restricted": info.get("restricted") is True,
        "frozen": each.get("frozen") is True,
        "holders": apis.number(each, "holders"),
        "distributed": str(apis.number(each, "distributed")),
        "isTraded": each.get("listing") is not None,
    }


def _level(each: Record) -> Json:
    return {
        "price": str(apis.number(each, "price")),
        "units": str(apis.number(each, "units")),
        "orders": apis.number(each, "orders"),
    }


def _trade(each: Record) -> Json:
    return {
        "slot": apis.number(each, "slot"),
        "price": str(apis.number(each, "price")),
        "units": str(apis.number(each, "units")),
    }


def levels(rows: list[Fields]) -> list[Level]:
    """Return the numbers of the picture from those of the page."""
    return [Level(int(str(each["price"])), int(str(each["units"]))) for each in rows]
