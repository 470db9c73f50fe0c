"""The page of the statistics of points: months as the chain published them, without small cells.

A month is published once and does not change, and months have no points in common: a reader who
asks every day learns no more than one who asks once.
"""

from __future__ import annotations

from typing import Final

from btt_chain.explorer import apis
from btt_chain.explorer.apis import Record, ask
from btt_chain.explorer.context import Context
from btt_chain.explorer.pages.forms import Fields, Json, NoSuchPage, index_of

MONTHS: Final = 24
"""Number of months among which published ones are looked for."""
SMALLEST: Final = 11
"""Smallest number of points that a page shows, besides zero, whatever the node says."""


async def statistics_page(context: Context, month: str | None) -> Fields:
    """Return the published months with their sums, and the table of one: the last by default."""
    months = await published(context)
    chosen = months[-1] if months else None
    if month:
        wanted = index_of(month, "a month")
        chosen = next((each for each in months if each["month"] == wanted), None)
        if chosen is None:
            raise NoSuchPage(f"Month {wanted} is not published, or no longer stored.")
    return {
        "at": context.index.final()[0],
        "months": [*months],
        "statistics": chosen,
    }


async def latest(context: Context) -> Json:
    """Return the last published month; None if there is none."""
    months = await published(context, only_last=True)
    return months[-1] if months else None


async def published(context: Context, *, only_last: bool = False) -> list[Fields]:
    """Return the published months that the chain still has, the first one first."""
    found: list[Fields] = []
    try:
        current = apis.record(await ask(context, "IncentivesApi.current"))
        month = apis.number(current, "month")
        for number in range(month, max(month - MONTHS, -1), -1):
            table = apis.optional(await ask(context, "IncentivesApi.stats", number))
            if table is not None:
                found.insert(0, _table(table))
                if only_last:
                    break
    except NoSuchPage:
        return []  # a chain without points
    return found


def _table(found: Record) -> Fields:
    return {
        "month": apis.number(found, "month"),
        "shown": apis.number(found, "shown"),
        "rows": [_row(each) for each in apis.records(found.get("rows"))],
    }


def _row(each: Record) -> Fields:
    return {
        "regions": [apis.whole(one) for one in apis.items(each.get("regions"))],
        "facilities": apis.number(each, "facilities"),
        "cells": [_cell(cell) for cell in apis.records(each.get("cells"))],
    }


def _cell(each: Record) -> Fields:
    points = each.get("points")
    if not isinstance(points, int) or 0 < points < SMALLEST:
        points = None
    return {"kind": apis.text(each, "kind"), "points": points}
