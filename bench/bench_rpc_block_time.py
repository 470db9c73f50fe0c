"""Block time while clients read as fast as they can: RPC reads must not delay a slot.

    python bench/bench_rpc_block_time.py [blocks] [rounds]

A validator on the development chain, with slots of a second, makes its blocks, in turn without
clients and with eight that read without a pause: storage, pages of keys, metadata, runtime calls.
What counts is the time between two blocks as a subscriber sees them, and the processor time that
the node needs for it.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Final

if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).resolve().parents[1] / part) for part in ("", "tests")]

import orjson
import uvloop
from aiohttp import ClientSession, ClientWebSocketResponse, WSMsgType

from bench.machine import precise_cpu_of
from bench.nodes import Node, our_node
from bench.report import Row, show
from genesis.catalogue import make

CLIENTS: Final = 8
SLOT_MS: Final = 1_000
BLOCKS: Final = 30
ROUNDS: Final = 3
READS: Final[tuple[tuple[str, list[object]], ...]] = (
    ("state_getKeysPaged", ["0x", 1_000]),
    ("state_getStorage", ["0x3a636f6465"]),
    ("state_call", ["BabeApi_current_epoch", "0x"]),
    ("state_getMetadata", []),
    ("chain_getBlock", []),
    ("state_call", ["TokenomicsApi_supply", "0x"]),
)
"""Requests that the clients repeat."""


@dataclass(slots=True)
class Seen:
    """One run: seconds between blocks, reads answered, and processor time per second."""

    gaps: list[float]
    reads: int
    load: float


def request(id: int, method: str, params: list[object]) -> bytes:
    """Return a call."""
    return orjson.dumps({"jsonrpc": "2.0", "id": id, "method": method, "params": params})


async def read(socket: ClientWebSocketResponse, seen: Seen) -> None:
    """Read without a pause until cancelled."""
    calls = [request(id, method, params) for id, (method, params) in enumerate(READS)]
    while True:
        for call in calls:
            await socket.send_frame(call, WSMsgType.TEXT)
            await socket.receive()
            seen.reads += 1


async def watch(node: Node, clients: int, blocks: int) -> Seen:
    """Return how `blocks` came while so many clients read."""
    url, seen = f"ws://127.0.0.1:{node.port}/", Seen([], 0, 0.0)
    async with ClientSession() as session:
        heads = await session.ws_connect(url)
        await heads.send_frame(request(0, "chain_subscribeNewHeads", []), WSMsgType.TEXT)
        for _ in range(2):  # the id, and the head of now
            await heads.receive()
        sockets = [await session.ws_connect(url, max_msg_size=0) for _ in range(clients)]
        readers = [asyncio.create_task(read(socket, seen)) for socket in sockets]
        await heads.receive()
        begun = last = perf_counter()
        cpu = precise_cpu_of(node.pid)
        for _ in range(blocks):
            await heads.receive()
            now = perf_counter()
            seen.gaps.append(now - last)
            last = now
        seen.load = (precise_cpu_of(node.pid) - cpu) / (last - begun)
        for reader in readers:
            reader.cancel()
        await asyncio.gather(*readers, return_exceptions=True)
        for socket in (heads, *sockets):
            await socket.close()
    return seen


def p95(gaps: list[float]) -> float:
    """Return the time that one gap in twenty exceeds."""
    return statistics.quantiles(gaps, n=20)[-1]


def block_time_rows(folder: Path, blocks: int = BLOCKS, rounds: int = ROUNDS) -> Iterator[Row]:
    """Rows of own numbers: block times with and without readers, in turn."""
    spec = folder / "dev.json"
    spec.write_text(make("dev", slot_ms=SLOT_MS).dumps())
    with our_node(folder / "readers", "--alice", "--force-authoring", chain=str(spec)) as node:
        runs: dict[int, list[Seen]] = {0: [], CLIENTS: []}
        for _ in range(rounds):
            for clients, seen in runs.items():
                seen.append(uvloop.run(watch(node, clients, blocks)))
    quiet, busy = ([gap for seen in run for gap in seen.gaps] for run in runs.values())
    load = statistics.mean(seen.load for seen in runs[CLIENTS])
    reads = sum(seen.reads for seen in runs[CLIENTS]) / sum(busy)
    yield Row(
        "-",
        f"p95 block time with {CLIENTS} clients that read without a pause vs none",
        f"{p95(busy):.3f} s",
        f"{p95(quiet):.3f} s",
        p95(busy) / p95(quiet),
        f"{reads:,.0f} reads/s, {load:.0%} of a core",
    )


def main(arguments: list[str]) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory(prefix="btt-bench-") as folder:
        show(list(block_time_rows(Path(folder), *map(int, arguments))), "RPC and block time")


if __name__ == "__main__":
    main(sys.argv[1:])
