"""The server: JSON-RPC over HTTP POST and over WebSocket, on one port.

It listens on this machine only, unless told otherwise. Each request passes the same three doors:
room for the connection, a Host that is ours, an Origin that is allowed. The rest is the
dispatcher's.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from dataclasses import dataclass, field
from functools import partial
from time import monotonic

import orjson
from aiohttp import WSCloseCode, WSMsgType, hdrs, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http_parser import RawRequestMessage
from aiohttp.streams import StreamReader
from aiohttp.web_protocol import RequestHandler

from btt_chain.rpc.access import (
    DEFAULT_ORIGINS,
    LOCAL_HOSTS,
    HostCheck,
    MethodPolicy,
    OriginCheck,
    is_loopback,
)
from btt_chain.rpc.connection import Connection
from btt_chain.rpc.dispatch import SLICE, Caller, Dispatcher
from btt_chain.rpc.limits import Doorman, Limits, TokenBucket
from btt_chain.rpc.registry import Registry

log = logging.getLogger(__name__)

JSON = {hdrs.CONTENT_TYPE: "application/json"}
HELLO = """This is the JSON-RPC server of a BTT Chain node.

WebSocket: connect to this very address.   HTTP: POST a request, for example
  curl -H 'content-type: application/json' -d '{"jsonrpc":"2.0","id":1,"method":"rpc_methods"}' URL
Explorer: https://polkadot.js.org/apps/?rpc=ws://127.0.0.1:PORT
"""
CLOSE = {hdrs.CONNECTION: "close"}
PREFLIGHT = {
    hdrs.ACCESS_CONTROL_ALLOW_METHODS: "POST, OPTIONS",
    hdrs.ACCESS_CONTROL_ALLOW_HEADERS: "content-type",
    hdrs.ACCESS_CONTROL_MAX_AGE: "3600",
}
FAREWELL = 3.0
"""Seconds that clients have to say goodbye when the node stops."""


@dataclass(slots=True)
class RpcConfig:
    """Where to listen and whom to answer."""

    port: int = 9944
    """0 takes a free one; `RpcServer.port` tells which."""
    external: bool = False
    """Listen on every interface, and answer under every host name."""
    origins: tuple[str, ...] = DEFAULT_ORIGINS
    """`--rpc-cors`: web pages that may call; `("all",)` for any."""
    hosts: tuple[str, ...] = ()
    """Further host names under which a local node is reached, such as that of a tunnel."""
    methods: MethodPolicy = MethodPolicy.AUTO
    limits: Limits = field(default_factory=Limits)


class RpcServer:
    """Serves a registry until stopped."""

    def __init__(self, registry: Registry, config: RpcConfig) -> None:
        """Prepare; nothing is opened before `start`.

        Raises:
            ValueError: if an origin in the configuration is none.

        """
        self.config = config
        self.port = config.port
        self.dispatcher = Dispatcher(registry, config.limits)
        self.doorman = Doorman(config.limits)
        names = frozenset(name.lower() for name in config.hosts)
        self.hosts = HostCheck(None if config.external else LOCAL_HOSTS | names)
        self.origins = OriginCheck(config.origins)
        self.sockets: dict[web.WebSocketResponse, Connection] = {}
        self.visitors: dict[RequestHandler, Visitor] = {}
        self._acceptor: _Acceptor | None = None
        self._listeners: list[asyncio.Server] = []

    # ---- life

    async def start(self) -> None:
        """Open the port, on IPv4 and where there is one on IPv6.

        Raises:
            OSError: if the port is taken.

        """
        acceptor = self._acceptor = _Acceptor(self)
        loop = asyncio.get_running_loop()
        v4, v6 = ("0.0.0.0", "::") if self.config.external else ("127.0.0.1", "::1")  # noqa: S104
        listener = await loop.create_server(acceptor, v4, self.port, backlog=128)
        self._listeners.append(listener)
        self.port = listener.sockets[0].getsockname()[1]
        try:
            self._listeners.append(await loop.create_server(acceptor, v6, self.port, backlog=128))
        except OSError as problem:
            log.debug("no JSON-RPC over IPv6: %s", problem)
        log.info("JSON-RPC on %s:%d (HTTP and WebSocket)", v4, self.port)

    async def stop(self) -> None:
        """Accept nothing more, tell WebSocket clients, and close."""
        for listener in self._listeners:
            listener.close()
        farewell = [
            socket.close(code=WSCloseCode.GOING_AWAY, message=b"the node stops")
            for socket in list(self.sockets)
        ]
        if farewell:
            await asyncio.wait([asyncio.ensure_future(bye) for bye in farewell], timeout=FAREWELL)
        if self._acceptor is not None:
            self._acceptor.pre_shutdown()  # connections that wait for a next request
            await self._acceptor.shutdown(FAREWELL)
        self._listeners.clear()

    # ---- requests

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer an HTTP request, or turn it into a WebSocket."""
        visitor = self.visitors[request.protocol]
        visitor.has_spoken()
        if visitor.turned_away:
            return web.Response(status=429, text="Too many connections", headers=CLOSE)
        host = request.headers.get(hdrs.HOST)
        if not self.hosts.allows(host):
            return web.Response(status=403, text="Provided Host header is not whitelisted.\n")
        origin = request.headers.get(hdrs.ORIGIN)
        if not self.origins.allows(origin, host):
            return web.Response(status=403, text="This Origin is not allowed (see --rpc-cors).\n")
        if request.method == hdrs.METH_GET:
            if request.headers.get(hdrs.UPGRADE, "").lower() == "websocket":
                return await self._websocket(request, visitor)
            return await self._page(request)
        cors = {} if origin is None else _cors(origin)
        if request.method == hdrs.METH_OPTIONS:
            return web.Response(status=204, headers=cors | PREFLIGHT)
        if request.method != hdrs.METH_POST:
            return web.Response(status=405, headers={hdrs.ALLOW: "GET, POST, OPTIONS"})
        return await self._post(request, visitor, cors)

    def unsafe_allowed(self, visitor: Visitor) -> bool:
        """Whether a visitor may call unsafe methods."""
        return self.config.methods.allows_unsafe(
            external=visitor.external, listening_externally=self.config.external
        )

    async def _page(self, request: web.BaseRequest) -> web.Response:
        """GET: words for people, and the health for machines that watch."""
        if request.path != "/health":
            return web.Response(text=HELLO.replace("PORT", str(self.port)))
        caller = Caller(unsafe_allowed=False)
        raw = b'{"jsonrpc":"2.0","id":0,"method":"system_health"}'
        answer = orjson.loads(await self.dispatcher.respond(caller, raw) or b"{}")
        status = 200 if "result" in answer else 500
        body = orjson.dumps(answer.get("result", answer.get("error")))
        return web.Response(status=status, body=body, headers=JSON)

    async def _post(
        self, request: web.BaseRequest, visitor: Visitor, cors: dict[str, str]
    ) -> web.Response:
        try:
            async with asyncio.timeout(self.config.limits.call_timeout):
                raw = await request.read()
        except TimeoutError:
            return web.Response(status=408, headers=cors | CLOSE)
        bucket = self.doorman.bucket(visitor.address) if visitor.external else None
        caller = Caller(self.unsafe_allowed(visitor), bucket)
        answer = await self.dispatcher.respond(caller, raw)
        return web.Response(body=answer or b"", headers=cors | JSON)

    async def _websocket(self, request: web.BaseRequest, visitor: Visitor) -> web.WebSocketResponse:
        limits = self.config.limits
        socket = web.WebSocketResponse(
            heartbeat=limits.ping,
            max_msg_size=limits.request_size,
            compress=False,  # costs more than a local network or a proxy would save
        )
        await socket.prepare(request)
        bucket = TokenBucket(limits.calls_per_second, monotonic()) if visitor.external else None
        connection = Connection(_Socket(socket, request), limits, visitor.address, bucket)
        caller = Caller(self.unsafe_allowed(visitor), bucket, connection)
        self.sockets[socket] = connection
        try:
            await self._converse(socket, caller, connection)
        except ConnectionError as gone:
            log.debug("%s is gone: %s", visitor.address, gone)
        except Exception:
            # A client that waits for an answer must not wait for ever.
            log.exception("the conversation with %s broke off", visitor.address)
            connection.wire.cut()
        finally:
            del self.sockets[socket]
            connection.close()
        return socket

    async def _converse(
        self, socket: web.WebSocketResponse, caller: Caller, connection: Connection
    ) -> None:
        """Answer message after message, giving others a turn now and then."""
        handle = partial(self.dispatcher.handle, caller, connection)
        turn = monotonic()
        while not connection.closed:
            message = await socket.receive()
            if message.type is not WSMsgType.TEXT and message.type is not WSMsgType.BINARY:
                return
            await handle(message.data)
            # Reading does not wait while messages are there already: a client that never
            # pauses would have the whole process to itself.
            if monotonic() - turn > SLICE:
                await asyncio.sleep(0)
                turn = monotonic()


class Visitor:
    """A TCP connection before and between its requests."""

    __slots__ = ("_silence", "address", "counted", "external", "turned_away")

    def __init__(self, transport: asyncio.Transport, doorman: Doorman) -> None:
        """Count it in, or mark it to be turned away; silence is cut after a while."""
        peer = transport.get_extra_info("peername")
        self.address = str(peer[0]) if peer else "?"
        self.external = not is_loopback(self.address)
        self.counted = self.external and doorman.admit(self.address)
        self.turned_away = self.external and not self.counted
        loop = asyncio.get_running_loop()
        self._silence = loop.call_later(doorman.limits.idle, transport.abort)

    def has_spoken(self) -> None:
        """A whole request head has come: silence is aiohttp's business from now on."""
        self._silence.cancel()

    def leave(self, doorman: Doorman) -> None:
        """The connection is gone."""
        self._silence.cancel()
        if self.counted:
            doorman.leave(self.address)


class _Acceptor(web.Server):
    """aiohttp's server, with our eye on every connection from its first moment."""

    def __init__(self, server: RpcServer) -> None:
        limits = server.config.limits
        super().__init__(
            server.handle,
            request_factory=self._request,
            keepalive_timeout=limits.idle,
            access_log=None,
        )
        self.visitors = server.visitors
        self.doorman = server.doorman

    def connection_made(self, handler: RequestHandler, transport: asyncio.Transport) -> None:
        super().connection_made(handler, transport)
        self.visitors[handler] = Visitor(transport, self.doorman)
        turned_away = sum(visitor.turned_away for visitor in self.visitors.values())
        if turned_away > self.doorman.limits.connections:
            # So many wait to hear that there is no room that telling them takes room.
            transport.abort()

    def connection_lost(self, handler: RequestHandler, exc: BaseException | None = None) -> None:
        super().connection_lost(handler, exc)
        visitor = self.visitors.pop(handler, None)
        if visitor is not None:
            visitor.leave(self.doorman)

    def _request(
        self,
        message: RawRequestMessage,
        payload: StreamReader,
        protocol: RequestHandler,
        writer: AbstractStreamWriter,
        task: asyncio.Task[None],
    ) -> web.BaseRequest:
        size = self.doorman.limits.request_size
        loop = asyncio.get_running_loop()
        return web.BaseRequest(message, payload, protocol, writer, task, loop, client_max_size=size)


class _Socket:
    """The wire of a connection: an aiohttp WebSocket that takes bytes as they are."""

    __slots__ = ("socket", "transport")

    def __init__(self, socket: web.WebSocketResponse, request: web.BaseRequest) -> None:
        self.socket = socket
        self.transport = request.transport

    def write(self, frame: bytes) -> Awaitable[None]:
        return self.socket.send_frame(frame, WSMsgType.TEXT)

    def cut(self) -> None:
        if self.transport is not None:
            self.transport.abort()


def _cors(origin: str) -> dict[str, str]:
    return {hdrs.ACCESS_CONTROL_ALLOW_ORIGIN: origin, hdrs.VARY: "Origin"}
