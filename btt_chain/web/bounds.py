"""The limits of requests to an application for unknown callers (`HttpLimits`)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Container
from time import monotonic
from typing import TypeAlias

from aiohttp import hdrs, web
from aiohttp.web_server import Server

from btt_chain.web.access import REFUSED_HOST, HostCheck
from btt_chain.web.bodies import Bodies, Body
from btt_chain.web.connections import Connections, HttpConnection, Phase
from btt_chain.web.limits import HttpLimits
from btt_chain.web.proxies import Proxies
from btt_chain.web.rates import Rates
from btt_chain.web.server import HttpServer

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
        clock: Callable[[], float] = monotonic,
        proxies: Proxies | None = None,
        hosts: HostCheck | None = None,
    ) -> None:
        """Requests by one of the `proxies` count for the caller that it names.

        None for `hosts`: requests to any host are answered.
        """
        self.limits = limits
        self.clock = clock
        self.bodies = Bodies(limits.all_body_bytes)
        self.rates = Rates(limits.rate, limits.burst, limits.addresses)
        self.connections = Connections(limits, clock, proxies)
        self._hosts = hosts or HostCheck(None)
        self._refuse = refuse
        self.streams: Container[object] = ()
        """Handlers that answer for as long as the caller listens."""
        self._reading: dict[int, tuple[Body, Bodies]] = {}
        """By the identity of the request, which has no hash."""

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer a request within the limits."""
        connection = request.protocol
        if isinstance(connection, HttpConnection):
            self.connections.enter(connection, Phase.BUSY)
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
            if isinstance(connection, HttpConnection):
                self.connections.enter(connection, Phase.IDLE)

    def caller(self, request: web.Request) -> str:
        """Return the address for which a request counts."""
        return self.connections.proxies.caller(request.remote or "", request.headers)

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
        content = bytes(body.data)
        body.data.clear()
        return content

    async def _bounded(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if not self.rates.admits(self.caller(request), self.clock()):
            raise RequestRefused(429, "too many requests: wait a second")
        if not self._hosts.allows(request.headers.get(hdrs.HOST)):
            raise RequestRefused(403, REFUSED_HOST)
        if hdrs.CONTENT_ENCODING in request.headers:
            raise RequestRefused(415, "send the body without compression")
        if request.match_info.handler in self.streams:
            return await handler(request)
        timer = asyncio.timeout(self.limits.request_seconds)
        try:
            async with timer:
                return await handler(request)
        except TimeoutError:
            if not timer.expired():
                raise
            raise RequestRefused(408, "the request took too long") from None


def application_server(
    app: web.Application, bounds: RequestBounds, shutdown_seconds: float = 1.0
) -> HttpServer:
    """Return the server of an application that has the middleware of `bounds`.

    Its signals at the end are not sent. `shutdown_seconds` is the time of requests in progress.
    """

    async def prepared() -> Server:
        runner = web.AppRunner(app, handle_signals=False)
        await runner.setup()
        if runner.server is None:
            raise RuntimeError("the runner is set up")
        return runner.server

    return HttpServer(prepared, bounds.connections, shutdown_seconds)
