"""A server for unknown callers: its listening sockets, its connections, and their end."""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

from aiohttp.web_server import Server

from btt_chain.web.connections import Connections, HttpConnection
from btt_chain.web.listener import Listener

log = logging.getLogger(__name__)

NO_ADDRESS: Final = {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}
"""Errors of an address that this machine does not have."""
SWEEP_SECONDS: Final = 0.5
"""Seconds between two searches for connections that are late."""


class HttpServer:
    """Serves HTTP on one port until stopped, with `Connections` of a bounded number and time."""

    def __init__(
        self,
        prepare: Callable[[], Awaitable[Server]],
        connections: Connections,
        shutdown_seconds: float = 1.0,
    ) -> None:
        """`prepare` returns the library's server, which has the handler of requests.

        `shutdown_seconds` is the time of requests in progress at the end.
        """
        self._prepare = prepare
        self._connections = connections
        self._shutdown_seconds = shutdown_seconds
        self._server: Server | None = None
        self._listeners: list[Listener] = []
        self._sweeping: asyncio.Task[None] | None = None

    async def start(self, host: str, port: int, also: str | None = None) -> tuple[str, int]:
        """Listen; return the address and the port, a free one for 0. Raises OSError.

        `also` is the name of a second address with the same port, which may be missing.
        """
        server = self._server = await self._prepare()
        await self._listen(server, host, port)
        address, port = self._listeners[0].address
        if also is not None:
            try:
                await self._listen(server, also, port)
            except OSError as problem:
                log.debug("nothing is served on %s: %s", also, problem)
        for listener in self._listeners:
            listener.start()
        self._sweeping = asyncio.create_task(self._sweep())
        return address, port

    def close(self) -> None:
        """Stop accepting connections. Idempotent."""
        for listener in self._listeners:
            listener.close()
        self._listeners.clear()

    async def stop(self) -> None:
        """Stop listening, let requests in progress end, and close all connections. Idempotent."""
        self.close()
        if self._server is None or self._sweeping is None:
            return
        self._sweeping.cancel()
        with suppress(asyncio.CancelledError):
            await self._sweeping
        await asyncio.sleep(0)  # requests that have arrived begin
        self._server.pre_shutdown()
        await self._server.shutdown(self._shutdown_seconds)
        self._connections.close()
        self._server = self._sweeping = None

    async def _listen(self, server: Server, host: str, port: int) -> None:
        """Open a socket on each address of a host. Raises OSError."""
        kind, flags = socket.SOCK_STREAM, socket.AI_PASSIVE
        try:  # an address needs no thread, and as bytes no tables of Unicode
            numeric = flags | socket.AI_NUMERICHOST
            infos = socket.getaddrinfo(host.encode() or None, port, type=kind, flags=numeric)
        except socket.gaierror:
            loop = asyncio.get_running_loop()
            infos = await loop.getaddrinfo(host, port, type=kind, flags=flags)
        opened: list[Listener] = []
        failure: OSError | None = None
        for family, _, _, _, address in dict.fromkeys(infos):
            same_port = opened[0].address[1] if opened else port
            try:
                opened.append(
                    Listener(
                        family,
                        (*address[:1], same_port, *address[2:]),
                        lambda: HttpConnection(server, self._connections),
                        self._connections.make_room,
                    )
                )
            except OSError as problem:
                failure = problem
                if problem.errno not in NO_ADDRESS:
                    break
        # A name may have an address of IPv6 on a machine without it.
        if failure is not None and (not opened or failure.errno not in NO_ADDRESS):
            for listener in opened:
                listener.close()
            raise OSError(failure.errno, failure.strerror, f"{host}:{port}") from failure
        self._listeners += opened

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            self._connections.sweep()
