"""The server: JSON-RPC over HTTP POST and over WebSocket, on one port.

By default it listens on this machine only. Each request passes the same checks: room for the
connection, an allowed Host, an allowed Origin, a body without content encoding, and a caller whose
budget is not used up. The rest is the dispatcher's.

Of aiohttp's server the parts are imported, not `aiohttp.web`, which imports routes and files too.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import field
from math import ceil
from time import monotonic
from typing import cast

import orjson
from aiohttp import hdrs
from aiohttp.http_websocket import WSCloseCode, WSMsgType
from aiohttp.web_protocol import RequestPayloadError
from aiohttp.web_request import BaseRequest
from aiohttp.web_response import Response, StreamResponse
from aiohttp.web_server import Server
from aiohttp.web_ws import WebSocketResponse

from btt_chain.lazyclass import dataclass
from btt_chain.primitives.token_bucket import TokenBucket
from btt_chain.rpc.access import DEFAULT_ORIGINS, MethodPolicy
from btt_chain.rpc.backend import Health
from btt_chain.rpc.calls import Caller
from btt_chain.rpc.connection import Connection, Tally
from btt_chain.rpc.conversation import Conversation
from btt_chain.rpc.dispatch import Dispatcher
from btt_chain.rpc.limits import HTTP_LIMITS, Limits
from btt_chain.rpc.protocol import NULL, refusal, try_later
from btt_chain.rpc.registry import Registry
from btt_chain.rpc.system import health_document
from btt_chain.web.access import LOCAL_HOSTS, REFUSED_HOST, HostCheck, OriginCheck
from btt_chain.web.budget import Bill
from btt_chain.web.connections import Connections, HttpConnection, Phase
from btt_chain.web.limits import HttpLimits
from btt_chain.web.proxies import Proxies, is_forwarded
from btt_chain.web.quiet import LIMIT
from btt_chain.web.rates import Rates
from btt_chain.web.server import HttpServer
from btt_chain.web.throttle import Throttle

log = logging.getLogger(__name__)
log.addFilter(LIMIT)

JSON = {hdrs.CONTENT_TYPE: "application/json"}
HELLO = """This is the JSON-RPC server of a BTT Chain node.

WebSocket: connect to this very address.   HTTP: POST a request, for example
  curl -H 'content-type: application/json' -d '{"jsonrpc":"2.0","id":1,"method":"rpc_methods"}' URL
Explorer: https://polkadot.js.org/apps/?rpc=ws://127.0.0.1:PORT
"""
NOT_THERE = "Nothing is here: GET / /health /health/readiness, or POST JSON-RPC.\n"
CLOSE = {hdrs.CONNECTION: "close"}
PREFLIGHT = {
    hdrs.ACCESS_CONTROL_ALLOW_METHODS: "POST, OPTIONS",
    hdrs.ACCESS_CONTROL_ALLOW_HEADERS: "content-type",
    hdrs.ACCESS_CONTROL_MAX_AGE: "3600",
}
FAREWELL = 3.0
"""Seconds for clients to close their connections when the node stops."""
CLOSING = 1.0
"""Seconds for a client to confirm the close of its WebSocket."""
SMALL_ANSWER = 65_536
"""Bytes of an answer that is not waited for: the connection's buffer takes it at once."""
REQUEST_PRICE = 0.0002
"""Seconds of processor time charged for any HTTP request."""
PLAIN_ENCODINGS = {"", "identity"}


@dataclass(slots=True)
class RpcConfig:
    """Settings of the server: addresses, access, limits."""

    port: int = 9944
    """0 picks a free port, which is then in `RpcServer.port`."""
    external: bool = False
    """Listen on every interface, and answer under every host name."""
    origins: tuple[str, ...] = DEFAULT_ORIGINS
    """`--rpc-cors`: web pages that may call; `("all",)` for any."""
    hosts: tuple[str, ...] = ()
    """Further host names under which a local node is reached, such as that of a tunnel."""
    methods: MethodPolicy = MethodPolicy.AUTO
    trusted_proxies: tuple[str, ...] = ()
    """`--rpc-trusted-proxy`: addresses and networks whose headers about the caller are trusted."""
    limits: Limits = field(default_factory=Limits)
    http: HttpLimits = HTTP_LIMITS


class RpcServer:
    """Serves a registry until stopped."""

    def __init__(
        self, registry: Registry, config: RpcConfig, health: Callable[[], Health] | None = None
    ) -> None:
        """Prepare; nothing is opened before `start`. `health` is served as pages, None: it is not.

        Raises:
            ValueError: if an origin or a proxy in the configuration is invalid.

        """
        self.config = config
        self._health = health
        self.port = config.port
        self.dispatcher = Dispatcher(registry, config.limits)
        http = config.http
        self.buckets = Rates(http.rate, http.burst, http.addresses)
        """Rate budgets of addresses over HTTP, which outlive connections."""
        names = frozenset(name.lower() for name in config.hosts)
        self.hosts = HostCheck(None if config.external else LOCAL_HOSTS | names)
        self.origins = OriginCheck(config.origins)
        self.sockets: dict[WebSocketResponse, Connection] = {}
        self.connections = Connections(http, proxies=Proxies(config.trusted_proxies))
        self._http = HttpServer(self._prepare, self.connections, FAREWELL)
        self._subscriptions = Tally(config.limits)
        self._has_warned = False

    # ---- start and stop

    async def start(self) -> None:
        """Open the port, on IPv4 and if possible on IPv6. Raises OSError if it is taken."""
        v4, v6 = ("0.0.0.0", "::") if self.config.external else ("127.0.0.1", "::1")  # noqa: S104
        _, self.port = await self._http.start(v4, self.port, also=v6)
        log.info("JSON-RPC on %s:%d (HTTP and WebSocket)", v4, self.port)

    async def stop(self) -> None:
        """Stop accepting connections, notify WebSocket clients, and close."""
        self._http.close()
        farewell = [
            socket.close(code=WSCloseCode.GOING_AWAY, message=b"the node stops")
            for socket in list(self.sockets)
        ]
        if farewell:
            await asyncio.wait([asyncio.ensure_future(bye) for bye in farewell], timeout=FAREWELL)
        await self._http.stop()

    async def _prepare(self) -> Server:
        return Server(self.handle)

    # ---- requests

    async def handle(self, request: BaseRequest) -> StreamResponse:
        """Answer an HTTP request, or upgrade it to a WebSocket."""
        visitor = cast("HttpConnection", request.protocol)
        self.connections.enter(visitor, Phase.BUSY)
        if not visitor.external and is_forwarded(request.headers):
            self._forward(visitor)
        bill = self.connections.bill(visitor, self._address(request, visitor), is_websocket=False)
        wait = 0.0 if bill.is_free else await Throttle(bill).admit()
        response: StreamResponse | None = None
        try:
            response = _too_early(wait) if wait else await self._answer(request, visitor, bill)
            return response
        except (ConnectionError, RequestPayloadError) as broken:
            log.debug("%s sent a broken request: %s", visitor.address, broken)
            response = Response(status=400, headers=CLOSE)
            return response
        finally:
            is_waste = response is None or response.status >= 400
            bill.charge(REQUEST_PRICE, monotonic(), is_waste=is_waste)
            self.connections.enter(visitor, Phase.IDLE)

    def _forward(self, visitor: HttpConnection) -> None:
        """Treat the callers of a proxy on this machine that is not trusted as external."""
        if not self._has_warned:
            self._has_warned = True
            log.warning(
                "a proxy on this machine passes requests on (X-Forwarded-For or the like): its "
                "callers are external, and share one address. Name it by --rpc-trusted-proxy %s",
                visitor.address,
            )
        self.connections.forward(visitor)

    async def _answer(
        self, request: BaseRequest, visitor: HttpConnection, bill: Bill
    ) -> StreamResponse:
        if visitor.is_turned_away:
            return Response(status=429, text="Too many connections", headers=CLOSE)
        host = request.headers.get(hdrs.HOST)
        if not self.hosts.allows(host):
            return Response(status=403, text=f"{REFUSED_HOST}\n")
        origin = request.headers.get(hdrs.ORIGIN)
        if not self.origins.allows(origin, host):
            return Response(status=403, text="This Origin is not allowed (see --rpc-cors).\n")
        if request.method == hdrs.METH_GET:
            if request.headers.get(hdrs.UPGRADE, "").lower() == "websocket":
                return await self._websocket(request, visitor)
            return self._page(request.path)
        if request.method == hdrs.METH_HEAD:  # as many monitors ask
            return self._page(request.path)
        cors = {} if origin is None else _cors(origin)
        if request.method == hdrs.METH_OPTIONS:
            return Response(status=204, headers=cors | PREFLIGHT)
        if request.method != hdrs.METH_POST:
            return Response(status=405, headers={hdrs.ALLOW: "GET, HEAD, POST, OPTIONS"})
        encoding = request.headers.get(hdrs.CONTENT_ENCODING, "").strip().lower()
        if encoding not in PLAIN_ENCODINGS:
            text = "Content-Encoding is not supported: send the body as it is\n"
            return Response(status=415, text=text, headers=cors | CLOSE)
        return await self._post(request, visitor, bill, cors)

    def unsafe_allowed(self, visitor: HttpConnection) -> bool:
        """Return True if a visitor may call unsafe methods."""
        return self.config.methods.allows_unsafe(
            external=visitor.external, listening_externally=self.config.external
        )

    def _page(self, path: str) -> Response:
        """Answer GET: a page for people, `/health` and `/health/readiness` for monitoring."""
        if path == "/":
            return Response(text=HELLO.replace("PORT", str(self.port)))
        if self._health is None or path not in {"/health", "/health/readiness"}:
            return Response(status=404, text=NOT_THERE)
        health = self._health()
        document = health_document(health)
        if path == "/health":
            return Response(body=orjson.dumps(document), headers=JSON)
        why = health.objection()
        body = orjson.dumps(document | {"ready": why is None, "why": why})
        return Response(status=200 if why is None else 503, body=body, headers=JSON)

    async def _post(
        self, request: BaseRequest, visitor: HttpConnection, bill: Bill, cors: dict[str, str]
    ) -> Response:
        limit = self.config.limits.request_size
        too_large = f"The body is larger than {limit} bytes\n"
        if (request.content_length or 0) > limit:
            return Response(status=413, text=too_large, headers=cors | CLOSE)
        raw: bytes | None
        if request.content.is_eof():  # nearly always the body came with the head
            raw = request.content.read_nowait()
            raw = raw if len(raw) <= limit else None
        else:
            try:
                async with asyncio.timeout(self.config.limits.call_timeout):
                    raw = await _read_body(request, limit)
            except TimeoutError:
                return Response(status=408, headers=cors | CLOSE)
        if raw is None:
            return Response(status=413, text=too_large, headers=cors | CLOSE)
        self.connections.unread.empty(visitor.body)
        # The budget of the address may have been used up while the body was received.
        wait = 0.0 if bill.is_free else await Throttle(bill).admit()
        if wait:
            return _too_early(wait)
        address = self._address(request, visitor)
        bucket = self.buckets.of(address, monotonic()) if visitor.external else None
        caller = Caller(self.unsafe_allowed(visitor), bucket, bill=bill, address=address)
        answer = await self.dispatcher.respond(caller, raw)
        bill.charge(caller.uncharged, monotonic())
        response = Response(body=answer or b"", headers=cors | JSON)
        if caller.claim is not None:
            try:
                if caller.claim.size > SMALL_ANSWER:
                    await response.prepare(request)
                    await response.write_eof()
            finally:
                caller.claim.release()
        return response

    def _address(self, request: BaseRequest, visitor: HttpConnection) -> str:
        """Return the address of a caller: that of the connection, or the one a proxy names."""
        return self.connections.proxies.caller(visitor.address, request.headers)

    async def _websocket(self, request: BaseRequest, visitor: HttpConnection) -> StreamResponse:
        address = self._address(request, visitor)
        if not visitor.is_proxy:
            return await self._open(request, visitor, address)
        if not self.connections.admit(visitor, address):
            return Response(status=429, text="Too many connections", headers=CLOSE)
        try:
            return await self._open(request, visitor, address)
        finally:
            self.connections.release(visitor)

    async def _open(
        self, request: BaseRequest, visitor: HttpConnection, address: str
    ) -> WebSocketResponse:
        limits = self.config.limits
        socket = WebSocketResponse(
            max_msg_size=limits.request_size,
            compress=False,  # costs more than it saves, and is inflated before it can be priced
            autoping=False,  # pings have a price, too
            timeout=CLOSING,
        )
        await socket.prepare(request)
        bucket = None
        if visitor.external:
            bucket = TokenBucket(self.config.http.rate, self.config.http.burst, monotonic())
        bill = self.connections.bill(visitor, address, is_websocket=True)
        wire = _Socket(socket, request)
        connection = Connection(wire, limits, address, bucket, bill, self._subscriptions)
        caller = Caller(self.unsafe_allowed(visitor), bucket, connection, bill, address)
        self.sockets[socket] = connection
        visitor.subscriptions = connection.subscriptions
        conversation = Conversation(socket, connection, caller, self.dispatcher, visitor)
        visitor.reader, visitor.ping = conversation.answer, socket.ping
        try:
            # A task of its own: a message wakes it without passing the six frames above it.
            await asyncio.ensure_future(conversation.run())
        except ConnectionError as gone:
            log.debug("%s disconnected: %s", address, gone)
        except Exception:
            # A client that waits for an answer must not wait for ever.
            log.exception("the connection of %s failed", address)
            connection.wire.cut()
        finally:
            # They would keep what belongs to the connection in a cycle.
            visitor.reader = visitor.ping = None
            del self.sockets[socket]
            connection.close()
        return socket


class _Socket:
    """The socket of a connection: an aiohttp WebSocket that takes encoded text."""

    __slots__ = ("socket", "transport")

    def __init__(self, socket: WebSocketResponse, request: BaseRequest) -> None:
        self.socket = socket
        self.transport = request.transport

    def write(self, frame: bytes) -> Awaitable[None]:
        return self.socket.send_frame(frame, WSMsgType.TEXT)

    def cut(self) -> None:
        if self.transport is not None:
            self.transport.abort()


async def _read_body(request: BaseRequest, limit: int) -> bytes | None:
    """Return the body of a request; None if it is larger than `limit`."""
    pieces: list[bytes] = []
    size = 0
    try:
        while piece := await request.content.readany():
            size += len(piece)
            if size > limit:
                return None
            pieces.append(piece)
        return b"".join(pieces)
    finally:
        # The exception of a connection that ends early refers to this frame, and is part of a
        # cycle: the pieces would be kept until the collector runs, which is rarely.
        pieces.clear()


def _too_early(wait: float) -> Response:
    headers = CLOSE | JSON | {hdrs.RETRY_AFTER: str(ceil(wait))}
    return Response(status=429, body=refusal(NULL, try_later(wait)), headers=headers)


def _cors(origin: str) -> dict[str, str]:
    return {hdrs.ACCESS_CONTROL_ALLOW_ORIGIN: origin, hdrs.VARY: "Origin"}
