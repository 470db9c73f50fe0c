"""The explorer's budgets: bytes, catch-up, index, pages, news and idle memory."""

from __future__ import annotations

import asyncio
import gzip
import json
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import aiohttp
import psutil

from bench.bench_explorer import PATHS, TRANSFERS, Recorded, catch_up, page_times
from bench.report import Row
from btt_chain.client.jsonrpc import WebSocket
from btt_chain.explorer.render import STATIC, static
from support.explorer import ChainConnection, explorer_process, index_chain, pages_of
from support.explorer_economy import economy_chain
from support.instant_node import instant_node

VISITED: Final = (
    "/", "/block/2", "/tx/1-1", "/account/Alice", "/validators", "/governance", "/referendum/0",
    "/jobs", "/tokenomics", "/staking", "/market/0", "/payfi",
)  # fmt: skip
PATIENCE: Final = 120.0
"""Seconds that anything may take before it is a failure."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Amount of work of the measurement."""

    blocks: int = 5_000
    """Number of recorded blocks, of `TRANSFERS` each."""
    news: int = 40
    """Number of blocks whose way to an open page is measured."""


QUICK: Final = Plan(6, 3)


def explorer_rows(folder: Path, plan: Plan) -> Iterator[Row]:
    """Yield the rows 13a to 13g."""
    first, scripts = asyncio.run(_bytes(folder / "economy.db"))
    yield Row(
        "13a", "explorer: first visit, compressed", f"{first / 1_000:.1f} kB", value=first / 1_000,
        note=f"the largest of {len(VISITED)} pages, with style and scripts",
    )  # fmt: skip
    yield Row(
        "13b", "explorer: scripts, compressed", f"{scripts / 1_000:.1f} kB", value=scripts / 1_000
    )
    yield from _index_rows(folder, plan)
    milliseconds, memory = _process(folder, plan.news)
    yield Row(
        "13f", "explorer: a new final block on an open page", f"{max(milliseconds):.0f} ms",
        value=max(milliseconds),
        note=f"the slowest of {len(milliseconds)}, after the node's notice; median "
        f"{statistics.median(milliseconds):.0f} ms",
    )  # fmt: skip
    yield Row(
        "13g", "explorer: memory when idle", f"{memory / 1e6:.1f} MB", value=memory / 1e6,
        note="resident set after the first audit",
    )  # fmt: skip


async def _bytes(file: Path) -> tuple[int, int]:
    """Return the largest first visit of some pages, and the scripts, compressed."""
    connection = ChainConnection(economy_chain(), kind="Development")
    await index_chain(connection, file)
    files = {name: len(gzip.compress(static(name)[0])) for name in STATIC}
    async with pages_of(connection, file, burst=1e9) as (client, _):
        pages = [len(gzip.compress(await (await client.get(each)).read())) for each in VISITED]
    scripts = sum(size for name, size in files.items() if name.endswith(".js"))
    return max(pages) + sum(files.values()), scripts


def _index_rows(folder: Path, plan: Plan) -> Iterator[Row]:
    connection, file = Recorded(plan.blocks), folder / "recorded.db"
    count = plan.blocks * (TRANSFERS + 1)
    rate = count / asyncio.run(catch_up(connection, file))
    note = f"{count:_} extrinsics, by processor time of one thread"
    yield Row("13c", "explorer: catching up", f"{rate:,.0f} /s", value=rate, note=note)
    size = file.stat().st_size / count
    yield Row("13d", "explorer: index of an extrinsic", f"{size:.0f} bytes", value=size)
    times = asyncio.run(page_times(connection, file))
    slowest = max(PATHS, key=lambda path: times[path])
    yield Row(
        "13e", "explorer: a page, 95th percentile", f"{times[slowest]:.1f} ms",
        value=times[slowest], note=f"the slowest of {len(PATHS)}, {slowest}; processor time",
    )  # fmt: skip


def _process(folder: Path, news: int) -> tuple[list[float], int]:
    """Return how long final blocks take from the node to a page, and the memory when idle."""
    with (
        instant_node(folder / "node") as url,
        explorer_process(url, folder / "index") as (process, address),
    ):
        asyncio.run(_audited(address))
        memory = psutil.Process(process.pid).memory_info().rss
        return asyncio.run(_news(url, address, news)), memory


async def _audited(address: str) -> None:
    """Wait until the index was audited."""
    async with asyncio.timeout(PATIENCE), aiohttp.ClientSession() as session:
        while True:
            async with session.get(f"{address}audit.json") as answer:
                if (await answer.json())["audits"]:
                    break
            await asyncio.sleep(0.2)


async def _news(url: str, address: str, count: int) -> list[float]:
    """Return the milliseconds from the node's notice of a final block to that of the pages."""
    noticed: dict[int, float] = {}
    shown: dict[int, float] = {}
    changed = asyncio.Event()

    async def receive(node: WebSocket) -> None:
        async with node.subscribe(
            "chain_subscribeFinalizedHeads", "chain_unsubscribeFinalizedHeads"
        ) as heads:
            async for head in heads:
                if isinstance(head, dict):
                    noticed.setdefault(int(str(head["number"]), 16), time.perf_counter())
                    changed.set()

    async def see(live: aiohttp.ClientResponse) -> None:
        async for line in live.content:
            if line.startswith(b"data: "):
                final = "".join(filter(str.isdigit, json.loads(line[6:])["final"]))
                shown.setdefault(int(final or 0), time.perf_counter())
                changed.set()

    async with (
        asyncio.timeout(PATIENCE),
        aiohttp.ClientSession() as session,
        await WebSocket.connect(url) as node,
        session.get(f"{address}live") as live,
    ):
        tasks = [asyncio.create_task(receive(node)), asyncio.create_task(see(live))]
        for number in range(1, count + 1):
            await node.call("engine_createBlock", True, True)
            while number not in noticed or number not in shown:
                changed.clear()
                await changed.wait()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return [max(shown[at] - noticed[at], 0) * 1_000 for at in range(1, count + 1)]
