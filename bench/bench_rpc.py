"""A tiny RPC call against a bare aiohttp + orjson server: docs/performance.md, row 8.

    python bench/bench_rpc.py [calls]

Our side is a real node on the development chain; the other side is the least that answers. The
same client asks both in turn. What counts is requests per second of the server's CPU time, which
other load on the machine disturbs least.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Final

if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).resolve().parents[1] / part) for part in ("", "tests")]

import orjson
import uvloop
from aiohttp import ClientSession, ClientWebSocketResponse, WSMsgType, web

from bench.machine import ROOT, precise_cpu_of
from bench.nodes import Node, free_port, our_node, running
from bench.report import Row, ratio, show

CONNECTIONS: Final = 8
CALLS: Final = 16_000
METHODS: Final = ("system_chain", "chain_getFinalizedHead")
ANSWERS: Final = {"system_chain": "Bare", "chain_getFinalizedHead": "0x" + "5a" * 32}


# --- the bare server ------------------------------------------------------------


async def bare_ws(request: web.Request) -> web.WebSocketResponse:
    """The least that answers: parse, look up, write."""
    socket = web.WebSocketResponse(compress=False)
    await socket.prepare(request)
    async for message in socket:
        if message.type is not WSMsgType.TEXT:
            break
        call = orjson.loads(message.data)
        body = {"jsonrpc": "2.0", "id": call["id"], "result": ANSWERS[call["method"]]}
        await socket.send_frame(orjson.dumps(body), WSMsgType.TEXT)
    return socket


async def bare_post(request: web.Request) -> web.Response:
    """The least that answers a POST."""
    call = orjson.loads(await request.read())
    body = {"jsonrpc": "2.0", "id": call["id"], "result": ANSWERS[call["method"]]}
    return web.Response(body=orjson.dumps(body), content_type="application/json")


async def serve_bare(port: int) -> None:
    """Serve until killed."""
    app = web.Application()
    app.router.add_get("/", bare_ws)
    app.router.add_post("/", bare_post)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await asyncio.Event().wait()


# --- the client -----------------------------------------------------------------


async def ask_ws(session: ClientSession, port: int, request: bytes, calls: int) -> None:
    """Closed loop over several WebSockets."""

    async def one(socket: ClientWebSocketResponse) -> None:
        for _ in range(calls // CONNECTIONS):
            await socket.send_frame(request, WSMsgType.TEXT)
            await socket.receive()

    sockets = [await session.ws_connect(f"ws://127.0.0.1:{port}/") for _ in range(CONNECTIONS)]
    await asyncio.gather(*(one(socket) for socket in sockets))
    for socket in sockets:
        await socket.close()


async def ask_post(session: ClientSession, port: int, request: bytes, calls: int) -> None:
    """Closed loop over several kept-alive HTTP connections."""
    headers = {"content-type": "application/json"}

    async def one() -> None:
        for _ in range(calls // CONNECTIONS):
            url = f"http://127.0.0.1:{port}/"
            async with session.post(url, data=request, headers=headers) as answer:
                await answer.read()

    await asyncio.gather(*(one() for _ in range(CONNECTIONS)))


Ask = Callable[[ClientSession, int, bytes, int], Awaitable[None]]


async def compare(
    ours: Node, bare: Node, ask: Ask, method: str, calls: int, rounds: int
) -> tuple[list[float], list[float]]:
    """Ask both in turn; return their rates per second of CPU, by round."""
    request = orjson.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": []})
    rates: tuple[list[float], list[float]] = ([], [])
    async with ClientSession() as session:
        for _ in range(rounds):
            for node, rate in zip((ours, bare), rates, strict=True):
                before = precise_cpu_of(node.pid)
                await ask(session, node.port, request, calls)
                rate.append(calls / (precise_cpu_of(node.pid) - before))
    return rates


def rpc_rows(folder: Path, calls: int = CALLS, rounds: int = 5) -> Iterator[Row]:
    """Row 8 over WebSocket; the rest as own numbers."""
    port = free_port()
    command = (sys.executable, __file__, "serve", str(port))
    with (
        our_node(folder / "rpc", "--sealing", "manual") as ours,
        running("bare", command, port, "system_chain", cwd=ROOT) as bare,
    ):
        for method in METHODS:
            for way, ask, count in (("WebSocket", ask_ws, calls), ("HTTP", ask_post, calls // 4)):
                mine, other = uvloop.run(compare(ours, bare, ask, method, count, rounds))
                judged = method == METHODS[0] and way == "WebSocket"
                yield Row(
                    "8" if judged else "-",
                    f"{method} over {way} vs a bare aiohttp + orjson server",
                    f"{statistics.median(mine):,.0f}/CPU-s",
                    f"{statistics.median(other):,.0f}/CPU-s",
                    ratio(mine, other),
                )


def main(arguments: list[str]) -> None:
    """Serve as the bare server, or measure."""
    if arguments[:1] == ["serve"]:
        uvloop.run(serve_bare(int(arguments[1])))
        return
    with tempfile.TemporaryDirectory(prefix="btt-bench-") as folder:
        show(list(rpc_rows(Path(folder), *map(int, arguments[:1]))), "RPC")


if __name__ == "__main__":
    main(sys.argv[1:])
