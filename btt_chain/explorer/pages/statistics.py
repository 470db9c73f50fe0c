"""The page of the statistics of points: months as the chain published them, without small cells.

A month is published once and does not change, and months have no points in common: a reader who
asks every day learns no more than one who asks once.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final, TypedDict

from btt_chain.explorer.apis import ask
from btt_chain.explorer.context import Context
from btt_chain.explorer.pages.forms import NoSuchPage, index_of
from btt_chain.scale import u32
from runtime.pallets.incentives.api import IncentivesApi
from runtime.pallets.incentives.stats import Statistics

MONTHS: Final = 24
"""Number of months among which published ones are looked for."""
SMALLEST: Final = 11
"""Smallest number of points that a page shows, besides zero, whatever the node says."""


class StatisticsPage(TypedDict):
    """The published months, and the one that is shown."""

    at: int
    months: list[Statistics]
    statistics: Statistics | None


async def statistics_page(context: Context, month: str | None) -> StatisticsPage:
    """Return the published months with their sums, and the table of one: the last by default."""
    months = await published(context)
    chosen = months[-1] if months else None
    if month:
        wanted = index_of(month, "a month")
        chosen = next((table for table in months if table.month == wanted), None)
        if chosen is None:
            raise NoSuchPage(f"Month {wanted} is not published, or no longer stored.")
    return {"at": context.index.final()[0], "months": months, "statistics": chosen}


async def latest(context: Context) -> Statistics | None:
    """Return the last published month; None if there is none."""
    months = await published(context, only_last=True)
    return months[-1] if months else None


async def published(context: Context, *, only_last: bool = False) -> list[Statistics]:
    """Return the published months that the chain still has, the first one first."""
    months: list[Statistics] = []
    try:
        month = int((await ask(context, IncentivesApi.current)).month)
        for number in range(month, max(month - MONTHS, -1), -1):
            table = await ask(context, IncentivesApi.stats, u32(number))
            if table is not None:
                months.insert(0, _without_small_cells(table))
                if only_last:
                    break
    except NoSuchPage:
        return []  # a chain without points
    return months


def _without_small_cells(table: Statistics) -> Statistics:
    rows = [
        replace(row, cells=[
            replace(cell, points=None) if 0 < (cell.points or 0) < SMALLEST else cell
            for cell in row.cells
        ])
        for row in table.rows
    ]  # fmt: skip
    return replace(table, rows=rows)
