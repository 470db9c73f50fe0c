"""`btt-chain history`: the transactions of an account, from an explorer or by reading blocks."""

from __future__ import annotations

import csv
import io
import time
from datetime import UTC, datetime
from typing import Final

import click

from btt_chain.client.amount import Currency
from btt_chain.client.chain import Chain
from btt_chain.present.times import date, read_date, read_span
from btt_chain.primitives.csv_cells import text_cell
from btt_chain.primitives.digits import to_hex
from cli.common import show
from cli.common.account_history import Entry, document, entries
from cli.common.block_scan import BlockScan
from cli.common.errors import CannotConnect, Mistyped, Refused
from cli.common.explorer_index import FOUND_AT, ExplorerIndex, is_here, session
from cli.common.options import examples, query_options
from cli.common.session import open_chain, run
from cli.common.working import account

BLOCKS: Final = 1_000
"""Number of blocks that are read unless said otherwise."""


class Since(click.ParamType[int]):
    """A date in UTC, or a time back from now such as `7d`; the value is in Unix ms."""

    name = "TIME"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """Return the time."""
        if isinstance(value, int):
            return value
        ms, back = read_date(str(value)), read_span(str(value))
        if back is not None:
            ms = max(0, int(time.time() * 1_000) - back)
        if ms is None:
            self.fail(f"{value!r} is not a time: write 7d, 12h or 2026-11-22", param, ctx)
        return ms


@examples(
    "btt-chain history //Alice",
    "btt-chain history 5FHneW46... --since 7d --json",
    "btt-chain history //Bob --explorer http://127.0.0.1:4480 --limit 1000 --csv",
)
@click.command()
@click.argument("who", metavar="ACCOUNT")
@click.option(
    "--limit", type=click.IntRange(1, 100_000), default=50, show_default=True,
    help="The most rows, the newest ones.",
)  # fmt: skip
@click.option(
    "--blocks", type=click.IntRange(1), default=BLOCKS, show_default=True,
    help="Without an explorer: how many blocks to read, back from the best one.",
)  # fmt: skip
@click.option("--since", type=Since(), help="Read back to this time instead: 7d, 12h, 2026-11-22.")
@click.option(
    "--explorer", metavar="URL", envvar="BTT_EXPLORER", show_envvar=True,
    help="Find the blocks in the index of this explorer. [default: one on this machine, if it has "
    "this chain]",
)  # fmt: skip
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV, amounts in planck.")
@query_options
def history(
    who: str, limit: int, blocks: int, since: int | None, explorer: str | None, as_csv: bool,
    url: str, timeout: float, as_json: bool,
) -> None:  # fmt: skip
    """Show what ACCOUNT sent and what happened to it, the newest first.

    `change` is that of its whole balance, fees counted. Blocks come from the node; an explorer's
    index says which. A node that prunes its states shows no amounts of old blocks.
    """
    if as_csv and as_json:
        raise Mistyped("give one of --csv and --json")
    ctx = click.get_current_context()
    if since is not None and ctx.get_parameter_source("blocks") is not _DEFAULT:
        raise Mistyped("give one of --blocks and --since")

    async def ask() -> tuple[list[Entry], Currency, str, str]:
        async with open_chain(url, timeout) as chain:
            key = account(who, chain.metadata.prefix)
            numbers, source = await _numbers(chain, key, limit, blocks, since, explorer)
            rows = await _rows(chain, key, numbers, limit)
            return rows, chain.metadata.currency, chain.metadata.address(key), source

    rows, currency, address, source = run(ask())
    if since is not None:
        rows = [row for row in rows if row.ms >= since or not row.ms]
    if as_json:
        show.document([document(row) for row in rows])
    elif as_csv:
        click.echo(_csv(rows), nl=False)
    else:
        _print(rows, currency, address)
    show.note(source)


_DEFAULT: Final = click.core.ParameterSource.DEFAULT


async def _numbers(
    chain: Chain, who: bytes, limit: int, blocks: int, since: int | None, explorer: str | None
) -> tuple[list[int], str]:
    """Return the blocks to read, newest first, and where they are from."""
    best = (await chain.best()).number
    indexed = await _indexed(chain, who, limit, explorer)
    if indexed is not None:
        heights, top, where = indexed
        newer = range(best, top, -1)[:blocks]
        found = f"blocks found by {where}"
        if best - top > blocks:
            found += (
                f", which is behind: blocks {top + 1:_} to {best - blocks:_} are missing; read "
                "more with --blocks"
            )
        return [*newer, *(each for each in heights if each <= top)], found

    wanted = max(1, best - blocks + 1)
    scan = BlockScan(chain)
    if since is None:
        first = await scan.oldest(wanted, best)
    else:
        wanted = first = await scan.first_since(since, best)
    if first > best:
        return [], "there is no block of that time"
    more = "" if first == 1 else "; older ones: --blocks, --since, or an explorer"
    if first != wanted:
        more = "; the node has none before them"
    return list(range(best, first - 1, -1)), f"blocks {first:_} to {best:_} were read{more}"


async def _indexed(
    chain: Chain, who: bytes, limit: int, explorer: str | None
) -> tuple[list[int], int, str] | None:
    """Return the blocks of an account in an explorer's index; None if there is no explorer."""
    if explorer is None and not await is_here():
        return None
    where, own = explorer or FOUND_AT, to_hex(chain.genesis)
    async with session() as connection:
        index = ExplorerIndex(connection, where)
        try:
            if await index.genesis() == own:
                heights, top = await index.heights(chain.metadata.address(who), limit)
                return heights, top, f"the explorer at {where}"
        except (CannotConnect, Refused):
            if explorer is not None:
                raise
            return None
    if explorer is not None:
        raise Refused(f"the explorer at {where} shows another chain than the node")
    return None


async def _rows(chain: Chain, who: bytes, numbers: list[int], limit: int) -> list[Entry]:
    """Read blocks until there are enough rows."""
    address = chain.metadata.address(who)
    rows: list[Entry] = []
    with show.progress() as bars:
        bar = bars.add_task("reading blocks", total=len(numbers))
        async for block in BlockScan(chain).find(who, numbers, lambda n: bars.advance(bar, n)):
            rows += entries(block, address)
            if len(rows) >= limit:
                break
    return rows[:limit]


def _print(rows: list[Entry], currency: Currency, address: str) -> None:
    """Print the rows as a table."""
    if not rows:
        show.note(f"nothing of {address} was found")
        return
    changes = show.amounts(currency, [row.change for row in rows])
    fees = show.amounts(currency, [row.fee for row in rows])
    show.table(
        ["time", ">block", "what", "by", "result", ">change", ">fee"],
        [
            [
                date(row.ms) if row.ms else "-",
                f"{row.number}" if row.index is None else f"{row.number}-{row.index}",
                row.call,
                "the chain" if row.index is None else _by(row, address),
                {True: "done", False: "failed", None: "-"}[row.success],
                change,
                fee,
            ]
            for row, change, fee in zip(rows, changes, fees, strict=True)
        ],
    )


def _by(row: Entry, address: str) -> str:
    """Return the signer of an extrinsic, from the account's side."""
    if row.signer is None:
        return "unsigned"
    return "itself" if row.signer == address else row.signer


def _csv(rows: list[Entry]) -> str:
    """Return the rows as CSV; amounts in planck."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(
        ["block", "index", "time", "call", "signer", "success", "fee_planck", "change_planck",
         "hash"]
    )  # fmt: skip
    for row in rows:
        at = datetime.fromtimestamp(row.ms / 1_000, UTC).isoformat() if row.ms else ""
        writer.writerow(
            [row.number, row.index, at, text_cell(row.call), row.signer, row.success, row.fee,
             row.change, row.hash]
        )  # fmt: skip
    return out.getvalue()
