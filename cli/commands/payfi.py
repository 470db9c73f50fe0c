"""`btt-chain payfi`: how payments settle."""

from __future__ import annotations

from collections import defaultdict
from typing import Final

from btt_chain.client.views import ViewClient, shaped
from btt_chain.lazyclass import dataclass
from btt_chain.present import Context, rule_of
from btt_chain.scale import u32, u128
from cli.common import show
from cli.common.errors import Refused
from cli.common.merchants import bucket_ms, number, span_of, time_of
from cli.common.options import Group
from cli.declared import Column, print_value, query
from runtime.frame.aliases import Balance
from runtime.pallets.payfi.types import Batch

BAR: Final = 32
"""Width of the longest bar."""
MINUTES: Final = 60
"""Minutes of an hour of payments, however short the chain's hour is."""

payfi = Group("payfi", help="See how payments settle.")


@dataclass(frozen=True, slots=True)
class Waiting:
    """The payments that settle in one bucket."""

    bucket: u32
    minutes: u32
    """Minutes of the chain's hour that are left."""
    merchants: u32
    payments: u32
    gross: Balance


def print_queue(rows: list[Waiting], context: Context) -> None:
    """Print the buckets with a bar for their payments."""
    most = max(int(row.payments) for row in rows)
    columns: dict[str, Column] = {
        ">bucket": lambda row, _: str(row.bucket),
        ">due in": lambda row, _: f"{row.minutes} min",
        **{name: name for name in ("merchants", "payments", "gross")},
        "": lambda row, _: "█" * max(1, BAR * int(row.payments) // most),
    }
    print_value(rule_of(list[Waiting]), rows, columns, context)


@query(
    payfi, "btt-chain payfi queue", "btt-chain payfi queue --json", view=print_queue,
    empty="nothing waits for settlement",
)  # fmt: skip
async def queue(chain: ViewClient) -> list[Waiting]:
    """Show what waits for settlement, as a histogram of the time that is left.

    A payment settles in the batch of its merchant and bucket, one to two hours after it was made.
    Minutes are those of the chain's hour, which is shorter on development chains.
    """
    length, best = await bucket_ms(chain.chain), await chain.chain.best()
    if length <= 0:
        raise Refused("the chain's hour of payments is too short")
    now, minute = await time_of(chain.chain, best.hash), length * 6 / MINUTES
    batches: dict[int, list[Batch]] = defaultdict(list)
    async for keys, batch in chain.chain.entries("PayFi.Batches", at=best.hash):
        batches[number(keys[0])].append(shaped(Batch, batch))
    hour = await span_of(chain.chain, hours=1)
    if batches and hour != "1 hour":
        show.note(f"an hour of payments is {hour} on this chain, and has these 60 min")
    return [
        Waiting(
            u32(bucket),
            u32(max(0, round((bucket * length - now) / minute))),
            u32(len(rows)),
            u32(sum(int(row.count) for row in rows)),
            u128(sum(int(row.legs.gross) for row in rows)),
        )
        for bucket, rows in sorted(batches.items())
    ]
