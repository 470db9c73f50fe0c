"""The HTTP server under attack: silent, slow and many connections, and floods of bodies."""

from __future__ import annotations

import asyncio
import gc
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import pytest
from aiohttp import ClientSession, web

from btt_chain.web.bounds import RequestBounds, application_server
from btt_chain.web.connections import HttpConnection
from btt_chain.web.limits import HttpLimits
from btt_chain.web.listener import REFUSAL

PATIENCE = 200
LIMITS = HttpLimits(
    connections=6, connections_per_address=3, body_bytes=200_000, all_body_bytes=500_000,
    idle_seconds=30, head_seconds=10, request_seconds=20, answer_seconds=120,
)  # fmt: skip
HEAD = b"GET / HTTP/1.1\r\nHost: x\r\n"


@dataclass
class Served:
    """A server with a clock of its own, and callers with addresses of their own."""

    limits: HttpLimits = LIMITS
    now: float = 1_000.0
    port: int = 0
    entered: asyncio.Event = field(default_factory=asyncio.Event)
    release: asyncio.Event = field(default_factory=asyncio.Event)
    callers: list[Caller] = field(default_factory=list)
    bounds: RequestBounds = field(init=False)

    def __post_init__(self) -> None:
        self.bounds = RequestBounds(self.limits, clock=lambda: self.now)
        self.bounds.streams = (self.stream,)

    def application(self) -> web.Application:
        app = web.Application(middlewares=[self.bounds.middleware])
        app.router.add_get("/", self.hello)
        app.router.add_post("/", self.size)
        app.router.add_post("/held", self.held)
        app.router.add_get("/wait", self.wait)
        app.router.add_get("/stream", self.stream)
        return app

    async def hello(self, request: web.Request) -> web.Response:
        return web.Response(text="hello")

    async def size(self, request: web.Request) -> web.Response:
        return web.Response(text=str(len(await self.bounds.read(request))))

    async def held(self, request: web.Request) -> web.Response:
        body = await self.bounds.read(request)
        await self.wait(request)
        return web.Response(text=str(len(body)))

    async def wait(self, request: web.Request) -> web.Response:
        self.entered.set()
        await self.release.wait()
        return web.Response(text="done")

    async def stream(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        self.entered.set()
        while True:
            await response.write(bytes(1 << 20))

    def later(self, seconds: float) -> None:
        """Let time pass, and end what is late."""
        self.now += seconds
        self.bounds.connections.sweep()

    @property
    def open(self) -> int:
        return len(self.bounds.connections.all)

    async def dial(self, first: bytes = b"", address: str = "127.0.0.1") -> Caller:
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", self.port, local_addr=(address, 0)
        )
        writer.write(first)
        self.callers.append(Caller(reader, writer))
        return self.callers[-1]

    async def until(self, count: int) -> None:
        """Wait until so many connections are open."""
        async with asyncio.timeout(PATIENCE):
            while self.open != count:
                await asyncio.sleep(0.001)


@dataclass
class Caller:
    """One connection of a caller."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def ended(self) -> bytes:
        """Return the bytes until the end of the connection."""
        try:
            async with asyncio.timeout(PATIENCE):
                return await self.reader.read()
        except ConnectionError:
            return b""
        finally:
            self.writer.close()

    async def status(self) -> int:
        """Return the status of the next answer, which has a short body."""
        async with asyncio.timeout(PATIENCE):
            head = await self.reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
            await self.reader.readexactly(length)
        return int(head.split()[1])


@asynccontextmanager
async def serving(limits: HttpLimits = LIMITS) -> AsyncIterator[Served]:
    served = Served(limits)
    server = application_server(served.application(), served.bounds)
    _, served.port = await server.start("127.0.0.1", 0)
    try:
        yield served
    finally:
        served.release.set()
        for each in served.callers:
            each.writer.close()
        await server.stop()
        for each in served.callers:
            with suppress(ConnectionError):
                await each.writer.wait_closed()
    assert served.open == 0
    assert served.bounds.bodies.total == 0


# ---- connections


async def test_a_name_is_served_on_its_addresses_that_the_machine_has(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names = socket.getaddrinfo("127.0.0.1", 0, type=socket.SOCK_STREAM)
    elsewhere = [(*names[0][:4], ("192.0.2.1", 0))]  # of no machine: RFC 5737
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [*elsewhere, *names])
    served = Served()
    server = application_server(served.application(), served.bounds)
    host, port = await server.start("localhost", 0)
    monkeypatch.undo()
    async with ClientSession() as session, session.get(f"http://{host}:{port}/") as answer:
        assert await answer.text() == "hello"
    other = application_server(served.application(), served.bounds)
    with pytest.raises(OSError, match=rf"in use: '127\.0\.0\.1:{port}'"):
        await other.start("127.0.0.1", port)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: elsewhere)
    with pytest.raises(OSError, match="localhost:0"):
        await other.start("localhost", 0)
    await server.stop()


async def test_silent_connections_end_and_the_others_stay() -> None:
    async with serving() as served:
        silent = await served.dial()
        await served.until(1)
        served.later(LIMITS.idle_seconds - 1)
        busy = await served.dial(HEAD + b"\r\n")
        assert await busy.status() == 200
        served.later(1)
        assert await silent.ended() == b""
        busy.writer.write(HEAD + b"\r\n")
        assert await busy.status() == 200
        busy.writer.close()


async def test_a_head_that_comes_byte_by_byte_ends_its_connection() -> None:
    async with serving() as served:
        slow = await served.dial(b"G")
        await served.until(1)
        for byte in HEAD[1:10]:
            slow.writer.write(bytes([byte]))
            await slow.writer.drain()
            await asyncio.sleep(0.005)
            served.later(1)
        served.later(1)
        assert await slow.ended() == b""


async def test_the_second_head_of_a_connection_has_no_more_time() -> None:
    async with serving() as served:
        caller = await served.dial(HEAD + b"\r\n")
        assert await caller.status() == 200
        caller.writer.write(HEAD)
        await asyncio.sleep(0.05)
        served.later(LIMITS.head_seconds)
        assert await caller.ended() == b""


async def test_an_address_has_a_bounded_number_of_connections_and_others_have_theirs() -> None:
    async with serving() as served:
        flood = [await served.dial(address="127.0.0.2") for _ in range(3)]
        await served.until(3)
        refused = await served.dial(address="127.0.0.2")
        assert await refused.ended() == REFUSAL
        honest = await served.dial(HEAD + b"\r\n", "127.0.0.3")
        assert await honest.status() == 200
        for each in (*flood, honest):
            each.writer.close()
        await served.until(0)


async def test_a_full_server_ends_the_connection_idle_longest_and_none_that_works() -> None:
    async with serving() as served:
        working = await served.dial(b"GET /wait HTTP/1.1\r\nHost: x\r\n\r\n")
        await served.entered.wait()
        idle = []
        for count in range(2, 7):
            idle.append(await served.dial())
            await served.until(count)
            served.now += 1
        served.now += LIMITS.min_idle_seconds
        new = await served.dial(HEAD + b"\r\n")
        assert await new.status() == 200
        assert await idle[0].ended() == b""
        assert served.open == LIMITS.connections
        served.release.set()
        assert await working.status() == 200


async def test_a_full_server_of_busy_connections_refuses_another_one() -> None:
    async with serving() as served:
        callers = [await served.dial(b"GET /wait HTTP/1.1\r\nHost: x\r\n\r\n") for _ in range(6)]
        await served.until(6)
        await asyncio.sleep(0.05)
        assert await (await served.dial()).ended() == REFUSAL
        served.release.set()
        assert [await each.status() for each in callers] == [200] * 6


async def test_a_connection_that_ended_is_not_kept() -> None:
    async with serving() as served:
        caller = await served.dial(HEAD + b"\r\n")
        assert await caller.status() == 200
        caller.writer.close()
        await served.until(0)
        async with asyncio.timeout(PATIENCE):
            while any(type(kept) is HttpConnection for kept in gc.get_objects()):
                gc.collect()
                await asyncio.sleep(0.01)


async def test_a_caller_that_does_not_read_ends_also_in_a_stream() -> None:
    async with serving() as served:
        deaf = await served.dial(b"GET /stream HTTP/1.1\r\nHost: x\r\n\r\n")
        await served.entered.wait()
        async with asyncio.timeout(PATIENCE):
            while next(iter(served.bounds.connections.all)).blocked is None:
                await asyncio.sleep(0.001)
        served.later(LIMITS.answer_seconds - 1)
        assert served.open == 1
        served.later(1)
        await served.until(0)
        deaf.writer.close()


# ---- requests


async def test_an_address_is_slowed_down() -> None:
    async with serving() as served, ClientSession(f"http://127.0.0.1:{served.port}") as session:

        async def answer() -> tuple[int, str | None]:
            async with session.get("/") as response:
                return response.status, response.headers.get("Retry-After")

        found = [await answer() for _ in range(int(LIMITS.burst) + 1)]
        assert found == [(200, None)] * int(LIMITS.burst) + [(429, "1")]
        served.now += 1
        assert await answer() == (200, None)


async def test_a_request_that_takes_too_long_is_refused() -> None:
    limits = HttpLimits(request_seconds=0.05)
    async with serving(limits) as served:
        caller = await served.dial(b"GET /wait HTTP/1.1\r\nHost: x\r\n\r\n")
        assert await caller.status() == 408


async def test_a_body_that_comes_slowly_is_refused() -> None:
    limits = HttpLimits(request_seconds=0.05)
    async with serving(limits) as served:
        caller = await served.dial(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc")
        assert await caller.status() == 408
        caller.writer.close()


@pytest.mark.parametrize("size", [0, 1, LIMITS.body_bytes])
async def test_a_body_of_the_maximum_is_read(size: int) -> None:
    async with serving() as served, ClientSession(f"http://127.0.0.1:{served.port}") as session:
        async with session.post("/", data=bytes(size)) as response:
            assert (response.status, await response.text()) == (200, str(size))
        assert served.bounds.bodies.total == 0


async def test_a_larger_body_is_refused_by_its_length_or_as_it_comes() -> None:
    async with serving() as served:
        head = b"POST / HTTP/1.1\r\nHost: x\r\n"
        declared = await served.dial(head + b"Content-Length: 200001\r\n\r\n")
        assert await declared.status() == 413
        chunked = await served.dial(head + b"Transfer-Encoding: chunked\r\n\r\n")
        for _ in range(5):
            chunked.writer.write(b"C350\r\n" + bytes(50_000) + b"\r\n")
        assert await chunked.status() == 413
        assert served.bounds.bodies.total == 0


async def test_a_compressed_body_is_refused_before_it_is_inflated() -> None:
    async with serving() as served:
        caller = await served.dial(
            b"POST / HTTP/1.1\r\nHost: x\r\nContent-Encoding: gzip\r\nContent-Length: 0\r\n\r\n"
        )
        assert await caller.status() == 415


async def test_bodies_of_a_flood_hold_no_more_than_the_sum_and_make_room_for_others() -> None:
    async with serving() as served:
        head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\n\r\n"
        flood = [await served.dial(head + bytes(190_000), "127.0.0.2") for _ in range(3)]
        async with asyncio.timeout(PATIENCE):
            # Of three times 190,000 bytes, 500,000 are held at most: one is refused.
            while served.bounds.bodies.total < 2 * 190_000 or served.open == 0:
                assert served.bounds.bodies.total <= LIMITS.all_body_bytes
                await asyncio.sleep(0.001)
        honest = await served.dial(head + bytes(200_000))
        assert await honest.status() == 200
        assert served.bounds.bodies.total <= LIMITS.all_body_bytes
        for each in (*flood, honest):
            each.writer.close()
        await served.until(0)


async def test_a_caller_that_leaves_in_the_middle_of_a_body_is_no_error_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with serving() as served:
        head = b"POST / HTTP/1.1\r\nHost: x\r\n"
        gone = await served.dial(head + b"Content-Length: 9\r\n\r\nabc")
        broken = await served.dial(head + b"Transfer-Encoding: chunked\r\n\r\nnonsense\r\n")
        async with asyncio.timeout(PATIENCE):
            while served.bounds.bodies.total < 3:
                await asyncio.sleep(0.001)
        gone.writer.transport.abort()
        await broken.ended()
        await served.until(0)
    assert not caplog.records


async def test_bodies_that_are_being_answered_count() -> None:
    async with serving(HttpLimits(body_bytes=300, all_body_bytes=500)) as served:
        head = b"POST /held HTTP/1.1\r\nHost: x\r\nContent-Length: 300\r\n\r\n"
        held = await served.dial(head + bytes(300))
        await served.entered.wait()
        refused = await served.dial(head.replace(b"/held", b"/") + bytes(300))
        assert await refused.status() == 503
        served.release.set()
        assert await held.status() == 200
        again = await served.dial(head + bytes(300))
        assert await again.status() == 200
        for each in (held, refused, again):
            each.writer.close()
