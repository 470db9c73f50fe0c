"""`btt-chain payfi`: how payments settle."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from cli.common import show
from cli.common.errors import Refused
from cli.common.options import Group, examples, query_options
from cli.common.session import open_chain, run

if TYPE_CHECKING:
    from btt_chain.client.chain import Chain

BAR: Final = 32
"""Width of the longest bar."""
_MINUTES: Final = 60
"""Minutes of an hour of payments, however short the chain's hour is."""


@click.group(cls=Group)
def payfi() -> None:
    """See how payments settle."""


@examples("btt-chain payfi queue", "btt-chain payfi queue --json")
@payfi.command()
@query_options
def queue(url: str, timeout: float, as_json: bool) -> None:
    """Show what waits for settlement, as a histogram of the time that is left.

    A payment settles in the batch of its merchant and bucket, one to two hours after it was made.
    Minutes are those of the chain's hour, which is shorter on development chains.
    """
    from cli.common.merchants import span_of

    async def work() -> None:
        async with open_chain(url, timeout) as chain:
            rows = await _rows(chain)
            if as_json:
                show.document(rows)
                return
            if not rows:
                show.note("nothing waits for settlement")
                return
            money = chain.metadata.currency
            most = max(int(str(row["payments"])) for row in rows)
            hour = await span_of(chain, hours=1)
            show.table(
                [">bucket", ">due in", ">merchants", ">payments", ">gross", ""],
                [
                    [
                        str(row["bucket"]),
                        f"{row['minutes']} min",
                        f"{int(str(row['merchants'])):_}",
                        f"{int(str(row['payments'])):_}",
                        money.format(int(str(row["gross"]))),
                        "█" * max(1, BAR * int(str(row["payments"])) // most),
                    ]
                    for row in rows
                ],
            )
            if hour != "1 hour":
                show.note(f"an hour of payments is {hour} on this chain, and has these 60 min")

    run(work())


async def _rows(chain: Chain) -> list[dict[str, str | int]]:
    """Return the buckets with batches: merchants, payments, gross, minutes that are left."""
    from cli.common.merchants import bucket_ms, fields, number, time_of

    length = await bucket_ms(chain)
    best = await chain.best()
    now = await time_of(chain, best.hash)
    found: dict[int, list[int]] = {}
    async for keys, batch in chain.entries("PayFi.Batches", at=best.hash):
        values = fields(batch)
        row = found.setdefault(number(keys[0]), [0, 0, 0])
        row[0] += 1
        row[1] += number(values["count"])
        row[2] += number(fields(values["legs"])["gross"])
    if length <= 0:
        raise Refused("the chain's hour of payments is too short")
    minute = length * 6 / _MINUTES
    return [
        {"bucket": bucket, "minutes": max(0, round((bucket * length - now) / minute)),
         "merchants": merchants, "payments": payments, "gross": str(gross)}
        for bucket, (merchants, payments, gross) in sorted(found.items())
    ]  # fmt: skip
