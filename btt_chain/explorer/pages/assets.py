"""The page of an asset: its registration, its verifiers' reports, and the history of its value."""

from __future__ import annotations

from typing import Final

from btt_chain.explorer import apis
from btt_chain.explorer.context import Context
from btt_chain.explorer.pages.clock import slot_clock, time_of_slot
from btt_chain.explorer.pages.exchange import asset_json
from btt_chain.explorer.pages.forms import Fields, Json, account_json, index_of
from btt_chain.explorer.pictures.steps import Step

ROLES: Final = {"Regulatory": "regulation", "Technical": "technology"}
"""Roles of verifiers in words."""


async def asset_page(context: Context, text: str) -> Fields:
    """Return an asset with its reports and its valuations, the newest last."""
    id = index_of(text, "an asset")
    found = await apis.find(context, "AssetsApi.asset", id, missing=f"There is no asset {id}.")
    clock = await slot_clock(context)
    info, poll = apis.record(found.get("info")), apis.optional(found.get("poll"))
    registered = apis.number(info, "registered")
    return {
        **asset_json(context, found),
        "at": context.index.final()[0],
        "clock": clock,
        "description": apis.text(info, "description"),
        "complexity": apis.number(info, "complexity") or None,
        "registered": registered,
        "time": time_of_slot(clock, registered),
        "poll": None if poll is None else {
            name: str(apis.number(poll, name)) for name in ("ayes", "nays", "reward")
        } | {"ends": apis.number(poll, "ends")},
        "reports": await _reports(context, id, clock),
        "valuations": await _valuations(context, id, clock),
    }  # fmt: skip


async def _reports(context: Context, id: int, clock: Json) -> list[Json]:
    found: list[Json] = []
    for key, value in await apis.entries(context, "AssetRegistry.Reports", id):
        each, role = apis.record(value), key[-1] if key else None
        slot = apis.number(each, "slot")
        found.append(
            {
                "role": role if isinstance(role, str) else "?",
                "verifier": account_json(context.data, apis.account(context, each.get("verifier"))),
                "approved": each.get("approved") is True,
                "complexity": apis.number(each, "complexity"),
                "report": apis.text(each, "report"),
                "slot": slot,
                "time": time_of_slot(clock, slot),
            }
        )
    return found


async def _valuations(context: Context, id: int, clock: Json) -> list[Json]:
    rows = apis.records(await apis.stored(context, "AssetRegistry.Valuations", id))
    return [
        {
            "slot": apis.number(each, "slot"),
            "time": time_of_slot(clock, apis.number(each, "slot")),
            "value": str(apis.number(each, "value")),
        }
        for each in rows
    ]


def valuation_steps(rows: list[Fields]) -> list[Step]:
    """Return the history of values from the numbers of its table."""
    return [Step(str(at + 1), int(str(each["value"]))) for at, each in enumerate(rows)]
