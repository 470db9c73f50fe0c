"""`btt-chain points stats`: the public statistics of a month."""

from __future__ import annotations

from typing import Final

import click

from btt_chain.primitives.iso3166 import ALPHA_2
from btt_chain.scale import u32
from cli.common import show
from cli.common.care import current
from cli.common.errors import NotFound
from cli.common.options import examples, query_options
from cli.common.session import run
from cli.common.types import kebab
from cli.common.working import view_chain
from runtime.pallets.incentives.api import IncentivesApi
from runtime.pallets.incentives.stats import Statistics

HIDDEN: Final = "< 11"


@examples("btt-chain points stats", "btt-chain points stats --month 4 --json")
@click.command("stats")
@click.option("--month", type=click.IntRange(0, 1 << 31), help="[default: the last settled one]")
@query_options
def stats(month: int | None, url: str, timeout: float, as_json: bool) -> None:
    """Show the public statistics of a month. Numbers below 11 are never shown."""

    async def ask() -> tuple[int, Statistics | None]:
        async with view_chain(url, timeout) as chain:
            last = int((await current(chain)).month)
            wanted = range(last, max(-1, last - 3), -1) if month is None else (month,)
            for number in wanted:
                found = await chain.api(IncentivesApi.stats, u32(number))
                if found is not None:
                    return number, found
            return last if month is None else month, None

    number, found = run(ask())
    if found is None:
        raise NotFound(f"month {number} has no statistics: months appear once they are settled")
    print_stats(found, as_json)


def print_stats(found: Statistics, as_json: bool) -> None:
    """Print the statistics of a month."""
    if as_json:
        show.document(
            {
                "month": found.month,
                "shown": found.shown,
                "rows": [
                    {
                        "countries": [ALPHA_2.get(int(each), "?") for each in row.regions],
                        "facilities": int(row.facilities),
                        "points": {
                            kebab(cell.kind.name): None if cell.points is None else int(cell.points)
                            for cell in row.cells
                        },
                    }
                    for row in found.rows
                ],
            }
        )
        return
    if not found.rows:
        show.note(f"month {found.month}: fewer than five facilities, so nothing is shown")
        return
    kinds = [kebab(cell.kind.name) for cell in found.rows[0].cells]
    show.table(
        ["countries", ">facilities", *(f">{kind}" for kind in kinds)],
        [
            [
                " ".join(ALPHA_2.get(int(each), "?") for each in row.regions),
                str(int(row.facilities)),
                *(HIDDEN if cell.points is None else str(int(cell.points)) for cell in row.cells),
            ]
            for row in found.rows
        ],
    )
