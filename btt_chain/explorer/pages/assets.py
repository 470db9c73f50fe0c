"""The page of an asset: its registration, its verifiers' reports, and the history of its value."""

from __future__ import annotations

from typing import Annotated, TypedDict

from btt_chain.explorer import apis
from btt_chain.explorer.context import Context
from btt_chain.explorer.pages.clock import Clock, slot_clock, time_of_slot
from btt_chain.explorer.pages.exchange import AssetRow, asset_row
from btt_chain.explorer.pages.forms import index_of
from btt_chain.primitives.meaning import FLAT
from runtime.pallets.asset_registry.api import AssetsApi
from runtime.pallets.asset_registry.types import Report, Valuation


class ReportRow(TypedDict):
    """The report of a verifier."""

    record: Annotated[Report, FLAT]
    role: str
    time: int | None


class ValuationRow(TypedDict):
    """A valuation."""

    record: Annotated[Valuation, FLAT]
    time: int | None


class AssetPage(AssetRow):
    """An asset with its reports and its valuations, the newest last."""

    at: int
    clock: Clock | None
    complexity: int | None
    time: int | None
    reports: list[ReportRow]
    valuations: list[ValuationRow]


async def asset_page(context: Context, text: str) -> AssetPage:
    """Return an asset with its reports and its valuations."""
    id = index_of(text, "an asset")
    asset = await apis.find(context, AssetsApi.asset, id, missing=f"There is no asset {id}.")
    clock = await slot_clock(context)
    reports = await apis.entries(context, Report, "AssetRegistry.Reports", id)
    valuations = await apis.stored(context, list[Valuation], "AssetRegistry.Valuations", id)
    return {
        **asset_row(asset),
        "at": context.index.final()[0],
        "clock": clock,
        "complexity": int(asset.info.complexity) or None,
        "time": time_of_slot(clock, asset.info.registered),
        "reports": [
            {"record": report, "role": str(role), "time": time_of_slot(clock, report.slot)}
            for role, report in reports
        ],
        "valuations": [
            {"record": valuation, "time": time_of_slot(clock, valuation.slot)}
            for valuation in valuations or []
        ],
    }
