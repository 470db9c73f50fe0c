"""An HTTP server for unknown callers: all that they can use up has a limit (`HttpLimits`)."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Container
from contextlib import suppress
from typing import Final, TypeAlias

from aiohttp import hdrs, web
from aiohttp.http_exceptions import HttpProcessingError

from btt_chain.web.bodies import Bodies, Body
from btt_chain.web.connections import Connection, Connections
from btt_chain.web.limits import HttpLimits
from btt_chain.web.proxies import Proxies
from btt_chain.web.rates import Rates

log = logging.getLogger(__name__)


class _NoFaultsOfPeers(logging.Filter):
    """Drops the reports of malformed and interrupted requests: no caller may fill the log."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if isinstance(record.exc_info, tuple) else None
        return not isinstance(
            error, (HttpProcessingError, ConnectionError, web.RequestPayloadError)
        )


log.addFilter(_NoFaultsOfPeers())

SWEEP_SECONDS: Final = 0.5
"""Seconds between two searches for connections that are late."""
LINGER_SECONDS: Final = 2.0
"""Seconds in which the rest of a refused body is read and dropped."""
BACKLOG: Final = 128

Handler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]
Refusal: TypeAlias = Callable[[int, str], web.StreamResponse]
"""Makes the answer to a refused request, of its status and reason."""


class RequestRefused(Exception):
    """A request exceeds a limit."""

    def __init__(self, status: int, reason: str, retry: int = 1) -> None:
        """`retry` is in seconds."""
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.retry = retry


def _plain(status: int, reason: str) -> web.StreamResponse:
    return web.Response(status=status, text=f"{reason}\n")


def _too_large(limit: int) -> RequestRefused:
    return RequestRefused(413, f"a body has at most {limit} bytes")


class RequestBounds:
    """The limits of requests: a middleware, and the only way to read a body."""

    def __init__(
        self,
        limits: HttpLimits,
        refuse: Refusal = _plain,
        streams: Container[object] = (),
        clock: Callable[[], float] = time.monotonic,
        proxies: Proxies | None = None,
    ) -> None:
        """`streams` are handlers that answer for as long as the caller listens.

        Requests by one of the `proxies` count for the caller that it names.
        """
        self._proxies = proxies or Proxies()
        self.limits = limits
        self.clock = clock
        self.bodies = Bodies(limits.all_body_bytes)
        self.rates = Rates(limits.rate, limits.burst, limits.addresses)
        self.connections = Connections(limits, clock, self._proxies.trusts)
        self._refuse = refuse
        self._streams = streams
        self._reading: dict[int, tuple[Body, Bodies]] = {}
        """By the identity of the request, which has no hash."""

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer a request within the limits."""
        connection = self.connections.of(request.protocol)
        if connection is not None:
            connection.begin()
        try:
            response = await self._bounded(request, handler)
            self.connections.released.add(response.content_length or 0)
            return response
        except RequestRefused as refused:
            response = self._refuse(refused.status, refused.reason)
            if refused.status in (429, 503):
                response.headers[hdrs.RETRY_AFTER] = str(refused.retry)
            return response
        finally:
            reading = self._reading.pop(id(request), None)
            if reading is not None:
                body, bodies = reading
                bodies.end(body)
            if connection is not None:
                connection.finish()

    def caller(self, request: web.Request) -> str:
        """Return the address for which a request counts."""
        return self._proxies.caller(request.remote or "", request.headers)

    async def read(
        self, request: web.Request, limit: int | None = None, bodies: Bodies | None = None
    ) -> bytes:
        """Return the body of a request. Raises RequestRefused, which the middleware answers.

        A caller that is known may send more: `limit`, counted with other `bodies`.
        """
        limit, bodies = limit or self.limits.body_bytes, bodies or self.bodies
        if (request.content_length or 0) > limit:
            raise _too_large(limit)
        address = self.caller(request)

        def cut() -> None:
            if request.transport is not None:
                request.transport.abort()

        body = bodies.begin(address, cut)
        self._reading[id(request)] = body, bodies
        try:
            async for part in request.content.iter_any():
                if body.size + len(part) > limit:
                    raise _too_large(limit)
                if not bodies.receive(body, len(part)):
                    raise RequestRefused(503, "too many bytes of requests at once: try again")
                body.data += part
        except (ConnectionError, web.RequestPayloadError):
            raise RequestRefused(400, "the body is incomplete") from None
        body.is_complete = True
        found = bytes(body.data)
        body.data.clear()
        return found

    async def _bounded(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if not self.rates.admits(self.caller(request), self.clock()):
            raise RequestRefused(429, "too many requests: wait a second")
        if hdrs.CONTENT_ENCODING in request.headers:
            raise RequestRefused(415, "send the body without compression")
        if request.match_info.handler in self._streams:
            return await handler(request)
        timer = asyncio.timeout(self.limits.request_seconds)
        try:
            async with timer:
                return await handler(request)
        except TimeoutError:
            if not timer.expired():
                raise
            raise RequestRefused(408, "the request took too long") from None


class HttpServer:
    """One listening socket with an application that has the middleware of `RequestBounds`."""

    def __init__(
        self,
        app: web.Application,
        bounds: RequestBounds,
        *,
        shutdown_seconds: float = 1.0,
    ) -> None:
        """`shutdown_seconds` is the time of requests in progress at the end."""
        self._bounds = bounds
        self._runner = web.AppRunner(
            app,
            handle_signals=False,
            access_log=None,
            auto_decompress=False,
            # The sweep ends idle connections.
            keepalive_timeout=2 * bounds.limits.idle_seconds,
            lingering_time=LINGER_SECONDS,
            shutdown_timeout=shutdown_seconds,
            logger=log,
        )
        self._listener: asyncio.Server | None = None
        self._sweeping: asyncio.Task[None] | None = None

    async def start(self, host: str, port: int) -> tuple[str, int]:
        """Listen; return the address and the port, a free one for 0. Raises OSError."""
        await self._runner.setup()
        loop = asyncio.get_running_loop()
        try:
            self._listener = await loop.create_server(self._accept, host, port, backlog=BACKLOG)
        except BaseException:
            await self._runner.cleanup()
            raise
        self._sweeping = asyncio.create_task(self._sweep())
        name = self._listener.sockets[0].getsockname()
        return str(name[0]), int(name[1])

    async def stop(self) -> None:
        """Stop listening, let requests in progress end, and close all connections. Idempotent."""
        if self._listener is None or self._sweeping is None:
            return
        self._listener.close()
        self._sweeping.cancel()
        with suppress(asyncio.CancelledError):
            await self._sweeping
        await self._runner.cleanup()
        self._bounds.connections.close()
        self._listener = self._sweeping = None

    def _accept(self) -> asyncio.Protocol:
        server = self._runner.server
        if server is None:
            raise RuntimeError("the runner is set up")
        return Connection(self._bounds.connections, server())

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            self._bounds.connections.sweep()
