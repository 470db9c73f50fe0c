"""`btt-chain work`: check the results of providers, and measure the cost of checks here.

libp2p takes seconds to import, and numpy may be missing: they are imported where they are used.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from cli.commands.work_usefulness import print_usefulness
from cli.common import show
from cli.common.computing import lacks_extra
from cli.common.engines import engine_of, engine_options
from cli.common.ids import RECEIPT, read_beginning
from cli.common.options import (
    Group,
    examples,
    json_option,
    query_options,
)
from cli.common.sending import Sender, optional_sending_options
from cli.common.session import run

if TYPE_CHECKING:
    from btt_chain.work.bench import Row

work = Group("work", help="Check what others computed, and measure this machine.")


@examples(
    "btt-chain work verify 0x4fd3...",
    "btt-chain work verify 0x4fd3... --items 8 --json",
    "btt-chain work verify 0x4fd3... --from //Alice      # and send the proof of what is wrong",
)
@work.command()
@click.argument("receipt_id", metavar="RECEIPT")
@click.option(
    "--items",
    type=click.IntRange(min=1),
    metavar="N",
    help="Number of items to check, selected at random. [default: all]",
)
@optional_sending_options
@query_options
def verify(
    receipt_id: str, items: int | None, url: str, timeout: float, as_json: bool, **options: object
) -> int:
    """Check a receipt again, from what its provider serves.

    Fetches model, inputs and roots, computes the items again, and compares every tensor with what
    the receipt commits to. Trusts the node with what stands on the chain, the provider with
    nothing. Providers serve for seven days after the last day of dispute. With --from, a proof of
    what is wrong is sent. Exit code 1 if something is wrong.
    """
    read_beginning(receipt_id, RECEIPT)
    sender = None if options["uri"] is None else Sender.of(options, as_json)
    try:
        from cli.commands.work_check import verify_receipt
    except ImportError as missing:
        raise lacks_extra(missing) from None
    return run(verify_receipt(receipt_id, items, sender, url, timeout, as_json))


@examples(
    "btt-chain work usefulness",
    "btt-chain work usefulness --from 1_000 --to 2_000 --json",
    "btt-chain work usefulness --days 7",
)
@work.command()
@click.option("--from", "first", type=click.IntRange(1), help="The first block.")
@click.option(
    "--to", "last", type=click.IntRange(1), help="The last block. [default: the last final]"
)
@click.option(
    "--days", type=click.IntRange(1, 3_650),
    help="The blocks of so many days instead of --from.",
)  # fmt: skip
@query_options
def usefulness(
    first: int | None, last: int | None, days: int | None, url: str, timeout: float,
    as_json: bool,
) -> None:  # fmt: skip
    """Show which part of all computation a paying party asked for, over a range of final blocks.

    MACs of the finalized items of paid jobs, over those of all items that were computed or checked,
    and 64 MACs for each byte that was committed to. The last 600 final blocks unless said.
    """
    run(print_usefulness(first, last, days, url, timeout, as_json))


# ---- bench


@examples(
    "btt-chain work bench --quick",
    "btt-chain work bench --rounds 5 --json",
    "btt-chain work bench --engine btt_chain.work.engines.cuda:Cuda",
)
@work.command()
@click.option("--quick", is_flag=True, help="Small nets only: whether it works, not how fast.")
@click.option(
    "--rounds", type=click.IntRange(1, 100), default=3, show_default=True,
    help="Number of measurements of each part; their median counts.",
)  # fmt: skip
@engine_options
@json_option
def bench(
    quick: bool, rounds: int, engine: str | None, fast: bool, engine_memory: int, as_json: bool
) -> None:
    """Measure computing, committing, checking and judging, as ratios in one run.

    One thread. Processor times, medians of some rounds taken in turns: other programs add to all.
    With an engine there are four columns more: elapsed times of numpy and of the engine for the
    same items, each in its turn, and the engine's speed without and with the commitment. The
    engine takes the threads that it wants.
    """
    # Before numpy is loaded: BLAS reads it once.
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    try:
        from btt_chain.work.bench import heading, rows
    except ImportError as missing:
        raise lacks_extra(missing) from None

    is_chosen = fast or engine is not None
    chosen = engine_of(engine, engine_memory, fast=fast) if is_chosen else None
    done: list[Row] = []
    if not as_json:
        click.echo(heading(with_engine=is_chosen))
    for row in rows(quick=quick, rounds=rounds, engine=chosen):
        done.append(row)
        if not as_json:
            click.echo(str(row))
    if as_json:
        show.document([row.as_json() for row in done])
        return
    show.note(
        "targets: x f32 <= 1.3 (the same graph in float32 by numpy); commit <= 10 %; the cheaper\n"
        "check <= 5 %; proof <= 24576 B; judge <= 1 ms"
    )
