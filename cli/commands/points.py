"""`btt-chain points`: the public statistics of points, and a patient's vouchers."""

from __future__ import annotations

from typing import Annotated, Final

import click

from btt_chain.client.views import ViewClient
from btt_chain.present import Context, rule
from btt_chain.primitives.iso3166 import ALPHA_2
from btt_chain.scale import u32
from cli.common import show
from cli.common.care import current
from cli.common.errors import NotFound
from cli.common.options import Group
from cli.declared import query
from cli.parameters import Input
from runtime.pallets.facilities.types import Kind
from runtime.pallets.incentives.api import IncentivesApi
from runtime.pallets.incentives.stats import Statistics

HIDDEN: Final = "< 11"


@click.group(cls=Group)
def points() -> None:
    """Collect points for what you did for your health, and spend them.

    The chain does not show who you are: a facility signs your vouchers without seeing them,
    and each is redeemed for an account of its own, at a random time of the next month.
    """


points.add_parts({"points_vouchers:vouchers": ("cash", "earn", "list", "redeem")})


# ---- statistics


def print_statistics(statistics: Statistics, context: Context) -> None:
    """Print the statistics of a month as a table."""
    if not statistics.rows:
        show.note(f"month {statistics.month}: fewer than five facilities, so nothing is shown")
        return
    kinds = [f">{rule(Kind).text(cell.kind, context)}" for cell in statistics.rows[0].cells]
    show.table(
        ["countries", ">facilities", *kinds],
        [
            [
                " ".join(ALPHA_2.get(int(region), "?") for region in row.regions),
                str(row.facilities),
                *(HIDDEN if cell.points is None else str(cell.points) for cell in row.cells),
            ]
            for row in statistics.rows
        ],
    )


@query(
    points, "btt-chain points stats", "btt-chain points stats --month 4 --json",
    view=print_statistics,
)  # fmt: skip
async def stats(
    chain: ViewClient,
    month: Annotated[u32 | None, Input(help="[default: the last settled one]")],
) -> Statistics:
    """Show the public statistics of a month. Numbers below 11 are never shown."""
    last = int((await current(chain)).month)
    wanted = range(last, max(-1, last - 3), -1) if month is None else (int(month),)
    for number in wanted:
        statistics = await chain.api(IncentivesApi.stats, u32(number))
        if statistics is not None:
            return statistics
    raise NotFound(f"month {wanted[0]} has no statistics: months appear once they are settled")
