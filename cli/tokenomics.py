"""`btt-chain tokenomics`: the promises of the token, month by month."""

from __future__ import annotations

import click

from cli import show
from cli.errors import Mistyped, NotFound
from cli.options import Group, json_option


@click.group(cls=Group)
def tokenomics() -> None:
    """Look at the token's schedules."""


@tokenomics.command()
@click.option("--preset", required=True, metavar="NAME", help="The chain's preset: seed-000 ...")
@click.option("--csv", "as_csv", is_flag=True, help="Print preset,key,month,vested_planck.")
@json_option
def schedule(preset: str, as_csv: bool, as_json: bool) -> None:
    """Show how much of each linear row is free, by the month.

    The months go from 0 to 96. The numbers are those of the runtime's own functions, not of a
    table beside it.
    """
    if as_csv and as_json:
        raise Mistyped("give --csv or --json, not both")
    from genesis.catalogue import chain_named
    from genesis.presets import ALIASES, CHAINS

    if chain_named(preset) is None:
        raise NotFound(f"there is no preset {preset!r}; known are {', '.join((*CHAINS, *ALIASES))}")
    from genesis.schedule import schedule as months
    from genesis.schedule import schedule_csv

    if as_csv:
        click.echo(schedule_csv(preset), nl=False)
        return
    rows = list(months(preset))
    if as_json:
        show.document(
            [
                {
                    "preset": row.preset,
                    "key": row.key,
                    "month": row.month,
                    # Text, because many programs would round the number.
                    "vested_planck": str(row.vested_planck),
                }
                for row in rows
            ]
        )
        return
    from cli.amount import BTT

    keys = list(dict.fromkeys(row.key for row in rows))
    by_month: dict[int, dict[str, int]] = {}
    for row in rows:
        by_month.setdefault(row.month, {})[row.key] = row.vested_planck
    show.table(
        [">month", *(f">{key}" for key in keys)],
        [
            [str(month), *(BTT.format(amounts[key]) for key in keys)]
            for month, amounts in by_month.items()
            # For people the quarters; --csv has every month.
            if month % 3 == 0
        ],
        title=f"Vested by the end of the month, {preset}",
    )
