"""The part of computation that a paying party asked for, for `btt-chain work usefulness`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Final

from btt_chain.client.chain import Chain
from btt_chain.client.errors import RpcError
from btt_chain.client.views import ViewClient
from btt_chain.client.wire import to_bytes
from btt_chain.compute.usefulness import (
    KEYS,
    Computation,
    Occurrence,
    UnknownWork,
    Usefulness,
)
from btt_chain.present import Context, rule_of
from btt_chain.primitives.digest import H256
from btt_chain.primitives.meaning import MILLIONTHS
from btt_chain.scale import u32
from cli.common import show
from cli.common.block_scan import BlockScan
from cli.common.errors import Mistyped, NotFound, Refused
from cli.common.working import view_chain
from runtime.constants import DAY_MS
from runtime.pallets.jobs.api import WorkApi
from runtime.pallets.jobs.views import JobView, ModelView

BLOCKS: Final = 600
"""Number of blocks that are read unless said otherwise."""
PRUNED: Final = (
    "the node has not the state of block {number} any more: give a later --from, or ask a node "
    "that keeps all states (`--pruning archive`)"
)


class StateBefore:
    """The state before a block, by the runtime API at its parent."""

    def __init__(self, chain: ViewClient, parent: bytes) -> None:
        self._chain = chain
        self._parent = parent

    async def job(self, id: H256) -> JobView | None:
        """Return a job."""
        return await self._chain.api(WorkApi.job, id, at=self._parent)

    async def job_of(self, receipt: H256) -> JobView | None:
        """Return the job of a receipt."""
        return await self._chain.api(WorkApi.receipt, receipt, at=self._parent)

    async def model(self, id: H256) -> ModelView | None:
        """Return a model."""
        return await self._chain.api(WorkApi.model, id, at=self._parent)


async def print_usefulness(
    first: int | None, last: int | None, days: int | None, url: str, timeout: float,
    as_json: bool,
) -> None:  # fmt: skip
    """Read a range of final blocks, and print the sums. Raises Mistyped, NotFound, Refused."""
    async with view_chain(url, timeout) as chain:
        begin, end = await block_range(chain.chain, first, last, days)
        with show.progress(silent=as_json) as bar:
            task = bar.add_task("reading blocks", total=end - begin + 1)
            sums = await measure(chain, begin, end, lambda: bar.advance(task))
    if as_json:
        show.document(as_document(sums, begin, end))
        return
    share = "nothing was computed" if sums.share is None else percent(sums.share)
    show.record({"blocks": f"{begin:_} to {end:_}", "all MACs": f"{sums.total:_}",
                 "usefulness": share})  # fmt: skip
    show.table(["", ">paid jobs", ">the chain's own"], table_rows(sums))


async def block_range(
    chain: Chain, first: int | None, last: int | None, days: int | None
) -> tuple[int, int]:
    """Return the first and last block to read, both final. Raises Mistyped, NotFound."""
    if days is not None and first is not None:
        raise Mistyped("give one of --from and --days")
    final = (await chain.finalized()).number
    end = final if last is None else last
    if end > final:
        raise Mistyped(f"--to: block {end} is not final yet, the last one is {final}")
    begin = max(1, end - BLOCKS + 1) if first is None else first
    if days is not None:
        scan = BlockScan(chain)
        newest = (await scan.decode(await scan.fetch(end))).ms
        begin = await scan.first_since(newest - days * DAY_MS, end)
    if not 1 <= begin <= end:
        why = f"no final block lies between {begin} and {end}"
        raise NotFound(why) if first is None and last is None else Mistyped(why)
    return begin, end


async def measure(
    chain: ViewClient, begin: int, end: int, advance: Callable[[], None]
) -> Usefulness:
    """Return the sums over the final blocks from `begin` to `end`. Raises Refused."""
    scan, sums = BlockScan(chain.chain), Usefulness()
    for number in range(begin, end + 1):
        raw = await scan.fetch(number)
        block = await scan.decode(raw)
        if block.events is None:
            raise Refused(PRUNED.format(number=number))
        found = [
            Occurrence(event.name, H256(to_bytes(str(event.fields[KEYS[event.name]]))))
            for event in block.events
            if event.name in KEYS
        ]
        try:
            await sums.add(found, StateBefore(chain, to_bytes(raw.parent)))
        except (RpcError, UnknownWork):
            raise Refused(PRUNED.format(number=number - 1)) from None
        advance()
    return sums


def as_document(sums: Usefulness, begin: int, end: int) -> dict[str, object]:
    """Return the sums as JSON; MACs are decimal text, the share is in millionths."""
    return {
        "from": begin,
        "to": end,
        "usefulness": sums.share,
        "macs": str(sums.total),
        "paid": _side(sums.paid),
        "own": _side(sums.own),
    }


def _side(side: Computation) -> dict[str, object]:
    return {
        "jobs": side.jobs,
        "items": side.items,
        "finalized": str(side.finalized),
        "lost": str(side.lost),
        "checked": str(side.checked),
        "leaves": str(side.leaves),
    }


def table_rows(sums: Usefulness) -> list[list[str]]:
    """Return the rows of the table."""
    paid, own = sums.paid, sums.own
    return [
        [title, f"{mine:_}", f"{others:_}"]
        for title, mine, others in (
            ("jobs with a receipt", paid.jobs, own.jobs),
            ("items", paid.items, own.items),
            ("MACs of finalized jobs", paid.finalized, own.finalized),
            ("MACs of jobs that were not paid", paid.lost, own.lost),
            ("MACs that verifiers checked", paid.checked, own.checked),
            ("MACs for bytes of leaves", paid.leaves, own.leaves),
        )
    ]


def percent(share: int) -> str:
    """Return a share in millionths as a percentage."""
    return rule_of(Annotated[u32, MILLIONTHS]).text(u32(share), Context())
