"""
A tiny RPC call against a bare aiohttp + orjson server: performance.md, row 8.

    python tests/bench/bench_rpc.py [calls]

Both servers run in one process of their own, in turn, and the same client asks both; what counts
is requests per second of the server's CPU time, which other load on the machine disturbs least.
Prints one line per way with the ratio ours : bare (minimum 0.4, aim 0.7).
"""

from __future__ import annotations

import asyncio
import multiprocessing
import statistics
import sys
import time
from multiprocessing.connection import Connection
from pathlib import Path

import orjson
import uvloop
from aiohttp import ClientSession, ClientWebSocketResponse, WSMsgType, web

ROOT = Path(__file__).resolve().parents[2]
REQUEST = b'{"jsonrpc":"2.0","id":1,"method":"system_name","params":[]}'
CONNECTIONS = 8
ROUNDS = 5


async def bare_ws(request: web.Request) -> web.WebSocketResponse:
    """The least that answers: parse, look up, write."""
    socket = web.WebSocketResponse(compress=False)
    await socket.prepare(request)
    async for message in socket:
        if message.type is not WSMsgType.TEXT:
            break
        call = orjson.loads(message.data)
        body = {"jsonrpc": "2.0", "id": call["id"], "result": METHODS[call["method"]]()}
        await socket.send_frame(orjson.dumps(body), WSMsgType.TEXT)
    return socket


async def bare_post(request: web.Request) -> web.Response:
    """The least that answers a POST."""
    call = orjson.loads(await request.read())
    body = {"jsonrpc": "2.0", "id": call["id"], "result": METHODS[call["method"]]()}
    return web.Response(body=orjson.dumps(body), content_type="application/json")


METHODS = {"system_name": lambda: "model node"}


async def serve_bare() -> int:
    """Start the bare server; its port."""
    app = web.Application()
    app.router.add_get("/", bare_ws)
    app.router.add_post("/", bare_post)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return int(runner.addresses[0][1])


async def serve_ours() -> int:
    """Start our server over the model chain; its port."""
    from btt_chain.rpc.api import RpcService
    from btt_chain.rpc.server import RpcConfig
    from support.rpc_backend import ModelBackend

    service = RpcService(ModelBackend(), RpcConfig(port=0))
    await service.start()
    return service.port


def server(pipe: Connection, ours: bool) -> None:
    """The server process: tells its port, then its CPU time whenever asked, until told to stop."""
    sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

    async def main() -> None:
        pipe.send(await (serve_ours() if ours else serve_bare()))
        loop = asyncio.get_running_loop()
        stop = asyncio.Event()

        def asked() -> None:
            if pipe.recv() == "cpu":
                pipe.send(time.process_time())
            else:
                stop.set()

        loop.add_reader(pipe.fileno(), asked)
        await stop.wait()
        loop.remove_reader(pipe.fileno())

    uvloop.run(main())


async def ask_ws(session: ClientSession, port: int, calls: int) -> None:
    """Closed loop over several WebSockets."""

    async def one(socket: ClientWebSocketResponse) -> None:
        for _ in range(calls // CONNECTIONS):
            await socket.send_frame(REQUEST, WSMsgType.TEXT)
            await socket.receive()

    sockets = [await session.ws_connect(f"ws://127.0.0.1:{port}/") for _ in range(CONNECTIONS)]
    await asyncio.gather(*(one(socket) for socket in sockets))
    for socket in sockets:
        await socket.close()


async def ask_post(session: ClientSession, port: int, calls: int) -> None:
    """Closed loop over several kept-alive HTTP connections."""

    async def one() -> None:
        for _ in range(calls // CONNECTIONS):
            async with session.post(f"http://127.0.0.1:{port}/", data=REQUEST) as answer:
                await answer.read()

    await asyncio.gather(*(one() for _ in range(CONNECTIONS)))


async def measure(calls: int) -> None:
    """Ask both servers in turn, and print medians and ratios."""
    pipes: list[Connection] = []
    ports: list[int] = []
    context = multiprocessing.get_context("spawn")
    for ours in (False, True):
        here, there = context.Pipe()
        context.Process(target=server, args=(there, ours), daemon=True).start()
        pipes.append(here)
        ports.append(here.recv())

    def cpu(which: int) -> float:
        pipes[which].send("cpu")
        return float(pipes[which].recv())

    async with ClientSession() as session:
        for name, ask, count in (("WebSocket", ask_ws, calls), ("HTTP POST", ask_post, calls // 4)):
            rates: list[list[float]] = [[], []]
            for _ in range(ROUNDS):
                for which in (0, 1):
                    before = cpu(which)
                    await ask(session, ports[which], count)
                    rates[which].append(count / (cpu(which) - before))
            bare, ours_rate = (statistics.median(rate) for rate in rates)
            ratio = statistics.median(o / b for b, o in zip(*rates, strict=True))
            print(
                f"rpc {name}: ours {ours_rate:,.0f}/CPU-s, bare {bare:,.0f}/CPU-s, "
                f"ratio {ratio:.2f} (minimum 0.40, aim 0.70)"
            )
    for pipe in pipes:
        pipe.send("stop")


if __name__ == "__main__":
    uvloop.run(measure(int(sys.argv[1]) if len(sys.argv) > 1 else 8_000))
