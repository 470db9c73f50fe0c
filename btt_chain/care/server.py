"""The HTTP endpoint of `facility serve`: wallets collect vouchers, auditors fetch what is sealed.

    POST /sign                       a `Request` in JSON; answers an `Answer`
    GET  /audit/<month>/<account>    what is sealed to an auditor

Every input is bounded before it is read: bodies have 1 MiB, a request 20 s, a connection 60 s.
There are 64 connections at once; an address makes 4 requests a second and 16 at once. One thread
reads and writes the folder: one request is signed at a time, also if its caller is gone. Only
the reason of a refusal is answered; nothing is logged about callers. TLS, and an address without a
patient's name in its logs, are the work of the proxy in front of it.
"""

from __future__ import annotations

import asyncio
import re
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Final, Protocol, TypeVar

from aiohttp import web

from btt_chain.care.errors import CareError, Refusal
from btt_chain.care.messages import MAX_BYTES, Answer, Request
from btt_chain.primitives.token_bucket import TokenBucket

MAX_CONNECTIONS: Final = 64
REQUEST_SECONDS: Final = 20.0
CONNECTION_SECONDS = 60.0
"""Maximum seconds of a connection, with all its requests."""
LOOKS: Final = 60
"""Number of times in that period that connections are looked at."""
RATE: Final = 4.0
BURST: Final = 16.0
MAX_ADDRESSES: Final = 4_096
"""Number of addresses whose rates are remembered; the one that was silent longest is forgotten."""
HEADERS: Final = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
_MONTH: Final = re.compile("[0-9]{1,9}")
_ACCOUNT: Final = re.compile("[0-9a-f]{64}")


Result = TypeVar("Result")


class Signer(Protocol):
    """The service of the endpoint; `FacilityFolder` implements it."""

    def sign(self, request: Request) -> Answer:
        """Sign a request. Raises Refusal."""

    def opening(self, month: int, auditor: bytes) -> bytes | None:
        """Return what is sealed to an auditor; None if there is nothing."""


class Gate:
    """Rates by address, and the number of requests under way."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._buckets: OrderedDict[str, TokenBucket] = OrderedDict()
        self.open = 0

    def admits(self, address: str) -> bool:
        """Return True if an address may make a request now; it is counted."""
        now = self._clock()
        bucket = self._buckets.pop(address, None) or TokenBucket(RATE, BURST, now)
        self._buckets[address] = bucket
        if len(self._buckets) > MAX_ADDRESSES:
            self._buckets.popitem(last=False)
        return bucket.take(now)


class Endpoint:
    """The handlers of one facility."""

    def __init__(self, signer: Signer, gate: Gate, worker: ThreadPoolExecutor) -> None:
        self._signer = signer
        self._gate = gate
        self._worker = worker

    def app(self) -> web.Application:
        """Return the application."""
        app = web.Application(client_max_size=MAX_BYTES, middlewares=[self._bounded])
        app.router.add_post("/sign", self._sign)
        app.router.add_get("/audit/{month}/{account}", self._opening)
        return app

    @web.middleware
    async def _bounded(
        self,
        request: web.Request,
        handler: Callable[[web.Request], Awaitable[web.StreamResponse]],
    ) -> web.StreamResponse:
        gate = self._gate
        if not gate.admits(request.remote or ""):
            return _refused(429, "too many requests: wait a second")
        if gate.open >= MAX_CONNECTIONS:
            return _refused(503, "too many requests at once")
        gate.open += 1
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                return await handler(request)
        except TimeoutError:
            return _refused(408, "the request took too long")
        except CareError as error:
            return _refused(409, str(error))
        finally:
            gate.open -= 1

    async def _sign(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        asked = Request.decode(body)
        answer = await self._in_order(lambda: self._signer.sign(asked))
        return web.Response(text=answer.encode(), content_type="application/json", headers=HEADERS)

    async def _opening(self, request: web.Request) -> web.StreamResponse:
        month, account = request.match_info["month"], request.match_info["account"]
        if not _MONTH.fullmatch(month) or not _ACCOUNT.fullmatch(account):
            raise Refusal("write the month as a number and the account as 64 hex digits")
        place = int(month), bytes.fromhex(account)
        sealed = await self._in_order(lambda: self._signer.opening(*place))
        if sealed is None:
            return _refused(404, "nothing is sealed to this auditor")
        return web.Response(body=sealed, content_type="application/octet-stream", headers=HEADERS)

    async def _in_order(self, work: Callable[[], Result]) -> Result:
        """Return the result of some work in the thread; one whose caller gave up is not begun."""
        return await asyncio.get_running_loop().run_in_executor(self._worker, work)


@asynccontextmanager
async def serving(
    signer: Signer, host: str, port: int, clock: Callable[[], float]
) -> AsyncIterator[tuple[str, int]]:
    """Serve on an address; yield it with its port (0 takes a free one). CareError if taken."""
    worker = ThreadPoolExecutor(1, "facility-serve")
    app = Endpoint(signer, Gate(clock), worker).app()
    runner = web.AppRunner(app, access_log=None, keepalive_timeout=5, shutdown_timeout=1)
    await runner.setup()
    loop, server = asyncio.get_running_loop(), runner.server
    if server is None:
        raise RuntimeError("the runner is set up")

    def accept() -> asyncio.Protocol:
        return server() if len(server.connections) < MAX_CONNECTIONS else _Full()

    ending = asyncio.create_task(_end_old(server))
    try:
        try:
            listener = await loop.create_server(accept, host, port, backlog=MAX_CONNECTIONS)
        except OSError as error:
            raise CareError(f"{host}:{port} cannot be served: {error.strerror}") from None
        async with listener:
            address = listener.sockets[0].getsockname()
            yield str(address[0]), int(address[1])
    finally:
        ending.cancel()
        await runner.cleanup()
        # The folder is closed next: what is being signed is recorded before.
        await asyncio.to_thread(worker.shutdown, cancel_futures=True)


async def _end_old(server: web.Server) -> None:
    """End connections after their time, silent ones too; none that is gone is remembered."""
    since: dict[web.RequestHandler, float] = {}
    loop = asyncio.get_running_loop()
    while True:
        now = loop.time()
        since = {each: since.get(each, now) for each in server.connections}
        for each, begin in since.items():
            if now - begin >= CONNECTION_SECONDS:
                each.force_close()
        await asyncio.sleep(CONNECTION_SECONDS / LOOKS)


class _Full(asyncio.Protocol):
    """A connection above the maximum: it is closed at once."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.close()


def _refused(status: int, reason: str) -> web.Response:
    return web.json_response({"error": reason}, status=status, headers=HEADERS)
