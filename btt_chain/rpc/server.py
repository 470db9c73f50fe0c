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
from typing import Any

import orjson
from aiohttp import hdrs
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http_parser import RawRequestMessage
from aiohttp.http_websocket import WebSocketReader, WSCloseCode, WSMsgType
from aiohttp.streams import StreamReader
from aiohttp.web_protocol import RequestHandler, RequestPayloadError
from aiohttp.web_request import BaseRequest
from aiohttp.web_response import Response, StreamResponse
from aiohttp.web_server import Server
from aiohttp.web_ws import WebSocketResponse

from btt_chain.lazyclass import dataclass
from btt_chain.rpc.access import (
    DEFAULT_ORIGINS,
    LOCAL_HOSTS,
    HostCheck,
    MethodPolicy,
    OriginCheck,
)
from btt_chain.rpc.backend import Health
from btt_chain.rpc.calls import Caller
from btt_chain.rpc.connection import Connection, Tally
from btt_chain.rpc.conversation import Conversation
from btt_chain.rpc.dispatch import Dispatcher
from btt_chain.rpc.frames import FrameBoundaries
from btt_chain.rpc.heartbeat import Heartbeats
from btt_chain.rpc.limits import ConnectionLimiter, Limits
from btt_chain.rpc.listener import Listener
from btt_chain.rpc.protocol import NULL, refusal
from btt_chain.rpc.quiet import LIMIT
from btt_chain.rpc.registry import Registry
from btt_chain.rpc.system import health_document
from btt_chain.rpc.throttle import Throttle, try_later
from btt_chain.rpc.visitors import Phase, Visitor, Visitors
from btt_chain.web.budget import Bill
from btt_chain.web.memory import Released
from btt_chain.web.proxies import Proxies, is_forwarded

log = logging.getLogger(__name__)
log.addFilter(LIMIT)
http_log = logging.getLogger(f"{__name__}.http")
http_log.addFilter(LIMIT)

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
LINGERING = 2.0
"""Seconds for which the rest of a refused body is read, so that the client reads the refusal."""
SWEEP_EVERY = 5.0
"""Seconds between two searches for connections that take too long."""
OF_CONNECTION = 65_536
"""Bytes that a connection with its subscriptions took up, by estimate."""
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
        self.limiter = ConnectionLimiter(config.limits)
        names = frozenset(name.lower() for name in config.hosts)
        self.hosts = HostCheck(None if config.external else LOCAL_HOSTS | names)
        self.origins = OriginCheck(config.origins)
        self.sockets: dict[WebSocketResponse, Connection] = {}
        self.proxies = Proxies(config.trusted_proxies)
        self.visitors = Visitors(config.limits, self.limiter, self.proxies)
        self.heartbeats = Heartbeats(config.limits.ping)
        self.callers: dict[RequestHandler, Visitor] = {}
        self._subscriptions = Tally()
        self._acceptor: _Acceptor | None = None
        self.released = Released()
        self._listeners: list[Listener] = []
        self._sweeper: asyncio.Task[None] | None = None

    # ---- start and stop

    async def start(self) -> None:
        """Open the port, on IPv4 and if possible on IPv6.

        Raises:
            OSError: if the port is taken.

        """
        acceptor = self._acceptor = _Acceptor(self)
        make_room = self.visitors.make_room
        v4, v6 = ("0.0.0.0", "::") if self.config.external else ("127.0.0.1", "::1")  # noqa: S104
        self._listeners.append(Listener(v4, self.port, acceptor, make_room))
        self.port = self._listeners[0].port
        try:
            self._listeners.append(Listener(v6, self.port, acceptor, make_room))
        except OSError as problem:
            log.debug("no JSON-RPC over IPv6: %s", problem)
        for listener in self._listeners:
            listener.start()
        self._sweeper = asyncio.ensure_future(self._sweep())
        log.info("JSON-RPC on %s:%d (HTTP and WebSocket)", v4, self.port)

    async def stop(self) -> None:
        """Stop accepting connections, notify WebSocket clients, and close."""
        for listener in self._listeners:
            listener.close()
        if self._sweeper is not None:
            self._sweeper.cancel()
        farewell = [
            socket.close(code=WSCloseCode.GOING_AWAY, message=b"the node stops")
            for socket in list(self.sockets)
        ]
        if farewell:
            await asyncio.wait([asyncio.ensure_future(bye) for bye in farewell], timeout=FAREWELL)
        if self._acceptor is not None:
            self._acceptor.pre_shutdown()  # idle HTTP connections
            await self._acceptor.shutdown(FAREWELL)
        self._listeners.clear()

    # ---- requests

    async def handle(self, request: BaseRequest) -> StreamResponse:
        """Answer an HTTP request, or upgrade it to a WebSocket."""
        visitor = self.callers.get(request.protocol)
        if visitor is None:
            raise ConnectionResetError("the connection was cut")
        self.visitors.enter(visitor, Phase.BUSY)
        if not visitor.external and is_forwarded(request.headers):
            self.visitors.forward(visitor)
        bill = self.visitors.bill(visitor, self._address(request, visitor), is_websocket=False)
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
            self.visitors.enter(visitor, Phase.IDLE)

    async def _answer(self, request: BaseRequest, visitor: Visitor, bill: Bill) -> StreamResponse:
        if visitor.turned_away:
            return Response(status=429, text="Too many connections", headers=CLOSE)
        host = request.headers.get(hdrs.HOST)
        if not self.hosts.allows(host):
            return Response(status=403, text="Provided Host header is not whitelisted.\n")
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

    def unsafe_allowed(self, visitor: Visitor) -> bool:
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
        self, request: BaseRequest, visitor: Visitor, bill: Bill, cors: dict[str, str]
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
        self.visitors.read(visitor)
        # The budget of the address may have been used up while the body was received.
        wait = 0.0 if bill.is_free else await Throttle(bill).admit()
        if wait:
            return _too_early(wait)
        address = self._address(request, visitor)
        bucket = self.limiter.bucket(address) if visitor.external else None
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

    def _address(self, request: BaseRequest, visitor: Visitor) -> str:
        """Return the address of a caller: that of the connection, or the one a proxy names."""
        return self.proxies.caller(visitor.address, request.headers)

    async def _websocket(self, request: BaseRequest, visitor: Visitor) -> StreamResponse:
        address = self._address(request, visitor)
        if not visitor.is_proxy:
            return await self._open(request, visitor, address)
        if not self.visitors.admit(visitor, address):
            return Response(status=429, text="Too many connections", headers=CLOSE)
        try:
            return await self._open(request, visitor, address)
        finally:
            self.visitors.release(visitor)

    async def _open(
        self, request: BaseRequest, visitor: Visitor, address: str
    ) -> WebSocketResponse:
        limits = self.config.limits
        socket = WebSocketResponse(
            max_msg_size=limits.request_size,
            compress=False,  # costs more than it saves, and is inflated before it can be priced
            autoping=False,  # pings have a price, too
            timeout=CLOSING,
        )
        await socket.prepare(request)
        self.visitors.enter(visitor, Phase.OPEN)
        bucket = self.limiter.new_bucket(monotonic()) if visitor.external else None
        bill = self.visitors.bill(visitor, address, is_websocket=True)
        wire = _Socket(socket, request)
        connection = Connection(wire, limits, address, bucket, bill, self._subscriptions)
        caller = Caller(self.unsafe_allowed(visitor), bucket, connection, bill, address)
        self.sockets[socket] = connection
        self.heartbeats.add(socket, visitor)
        visitor.subscriptions = connection.subscriptions
        conversation = Conversation(
            socket, connection, caller, self.dispatcher, visitor, self.visitors
        )
        handler = request.protocol
        frames = FrameBoundaries()
        if isinstance(handler, _Handler):
            handler.conversation, frames = conversation, handler.frames
        try:
            # A task of its own: a message wakes it without passing the six frames above it.
            await asyncio.ensure_future(conversation.run(frames))
        except ConnectionError as gone:
            log.debug("%s disconnected: %s", address, gone)
        except Exception:
            # A client that waits for an answer must not wait for ever.
            log.exception("the connection of %s failed", address)
            connection.wire.cut()
        finally:
            if isinstance(handler, _Handler):
                handler.conversation = None
            del self.sockets[socket]
            self.heartbeats.remove(socket)
            connection.close()
        return socket

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_EVERY)
            self.visitors.sweep()
            for visitor in self.heartbeats.sweep(monotonic()):
                self.visitors.drop(visitor)
            self.released.sweep()


class _Acceptor(Server):
    """aiohttp's server, extended to register every connection from its start."""

    def __init__(self, server: RpcServer) -> None:
        super().__init__(
            server.handle,
            request_factory=self._request,
            keepalive_timeout=server.config.limits.idle,
            lingering_time=LINGERING,
            auto_decompress=False,
            access_log=None,
            logger=http_log,
        )
        self.server = server

    def __call__(self) -> _Handler:
        return _Handler(self, loop=self._loop, **self._kwargs)

    def connection_made(self, handler: RequestHandler, transport: asyncio.Transport) -> None:
        super().connection_made(handler, transport)
        visitor = self.server.visitors.arrive(transport)
        self.server.callers[handler] = visitor
        if isinstance(handler, _Handler):
            handler.visitor = visitor

    def connection_lost(self, handler: RequestHandler, exc: BaseException | None = None) -> None:
        super().connection_lost(handler, exc)
        visitor = self.server.callers.pop(handler, None)
        if isinstance(handler, _Handler):
            handler.visitor = None
        if visitor is not None:
            self.server.visitors.leave(visitor)
            self.server.released.add(OF_CONNECTION)

    def _request(
        self,
        message: RawRequestMessage,
        payload: StreamReader,
        protocol: RequestHandler,
        writer: AbstractStreamWriter,
        task: asyncio.Task[None],
    ) -> BaseRequest:
        size = self.server.config.limits.request_size
        loop = asyncio.get_running_loop()
        return BaseRequest(message, payload, protocol, writer, task, loop, client_max_size=size)


class _Handler(RequestHandler):
    """aiohttp's connection, extended to count the received bytes and to answer small calls."""

    __slots__ = ("_is_upgraded", "_visitors", "conversation", "frames", "visitor")

    def __init__(self, manager: _Acceptor, **options: Any) -> None:
        super().__init__(manager, **options)
        self._visitors = manager.server.visitors
        self._is_upgraded = False
        self.visitor: Visitor | None = None
        self.conversation: Conversation | None = None
        """The conversation over an open WebSocket."""
        self.frames = FrameBoundaries()
        """Follows what the parser of the WebSocket receives."""

    def set_parser(
        self, parser: WebSocketReader, data_received_cb: Callable[[], None] | None = None
    ) -> None:
        # What came with the request, or since.
        self.frames.feed(self._message_tail)
        self._is_upgraded = True
        super().set_parser(parser, data_received_cb)

    def data_received(self, data: bytes) -> None:
        if self._is_upgraded:
            conversation = self.conversation
            if conversation is not None and conversation.answer(data):
                return
            self.frames.feed(data)
        if self.visitor is not None:
            self._visitors.receive(self.visitor, len(data))
        super().data_received(data)


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
