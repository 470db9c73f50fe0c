"""The page of the chambers: weights by year, members, and the election of representatives."""

from __future__ import annotations

import asyncio
from typing import Final

from btt_chain.explorer import apis
from btt_chain.explorer.apis import Record, ask, ask_each
from btt_chain.explorer.context import Context
from btt_chain.explorer.pages.clock import slot_clock, time_of_slot
from btt_chain.explorer.pages.forms import Fields, Json, account_json
from btt_chain.explorer.pages.governance import CHAMBERS, WHOLE, chambers_json
from btt_chain.explorer.pictures.svg import share
from btt_chain.scale.portable import Plain

FIRST_YEAR: Final = 2025
YEARS: Final = 10
"""Number of years whose weights are shown."""
MAX_MEMBERS: Final = 100


async def chambers_page(context: Context) -> Fields:
    """Return the chambers with their weights by year, their members, and the election."""
    state = apis.record(await ask(context, "ChambersApi.state"))
    election, clock = await asyncio.gather(
        ask(context, "ChambersApi.election"), slot_clock(context)
    )
    years: list[Plain] = [FIRST_YEAR + n for n in range(YEARS)]
    weights = await ask_each(context, "ChambersApi.weights", years)
    return {
        "at": context.index.final()[0],
        "clock": clock,
        "year": apis.number(state, "year"),
        "mode": apis.text(state, "mode"),
        "chambers": chambers_json(state),
        "names": [*CHAMBERS],
        "years": _changes([
            {"year": year, "shares": [share(apis.whole(each), WHOLE) for each in apis.items(row)]}
            for year, row in zip(years, weights, strict=True) if isinstance(year, int)
        ]),
        "institutions": _members(context, state.get("institutions")),
        "representatives": _members(context, state.get("representatives")),
        "election": _election(context, apis.record(election), clock),
    }  # fmt: skip


def _changes(rows: list[Fields]) -> list[Json]:
    """Return the years up to the last one with other weights than the year before."""
    last = max(
        (at for at in range(1, len(rows)) if rows[at]["shares"] != rows[at - 1]["shares"]),
        default=0,
    )
    return [*rows[: last + 1]]


def _members(context: Context, rows: Plain) -> list[Json]:
    return [
        {
            "account": account_json(context.data, apis.account(context, each.get("who"))),
            "amount": str(apis.number(each, "amount")),
        }
        for each in apis.records(rows)[:MAX_MEMBERS]
    ]


def _election(context: Context, found: Record, clock: Json) -> Fields:
    ends = apis.number(found, "ends")
    return {
        "number": apis.number(found, "number"),
        "ends": ends,
        "time": time_of_slot(clock, ends),
        "seats": apis.number(found, "seats"),
        "candidates": _members(context, found.get("candidates")),
    }
