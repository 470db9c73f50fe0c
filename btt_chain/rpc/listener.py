"""Accepting connections: one at a time, within a limit.

The event loop's own servers accept all connections, and a process without free file descriptors can
open no file of its database. Here a connection beyond the limit is answered with 503 and closed at
once, and a lack of descriptors only delays the next one.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import socket
from collections.abc import Callable
from time import monotonic
from typing import Final

from btt_chain.rpc.quiet import LIMIT

log = logging.getLogger(__name__)
log.addFilter(LIMIT)

BACKLOG: Final = 128
PAUSE: Final = 0.2
"""Seconds before the next attempt after `accept` failed."""
COMPLAIN_EVERY: Final = 60.0
"""Seconds between two log lines about that."""
REFUSAL: Final = (
    b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: 5\r\n"
    b"Content-Length: 21\r\n\r\nToo many connections\n"
)
GONE: Final = {errno.ECONNABORTED, errno.EPROTO, errno.EPERM, errno.EAGAIN, errno.EINTR}
"""Errors of `accept` that concern one connection only."""


class Listener:
    """One listening socket and the task that accepts from it."""

    def __init__(
        self,
        host: str,
        port: int,
        factory: Callable[[], asyncio.Protocol],
        make_room: Callable[[], bool],
    ) -> None:
        """Open the socket, on port 0 a free one; no connection is accepted before `start`.

        Raises:
            OSError: if the port is taken or the address does not exist.

        """
        self._factory = factory
        self._make_room = make_room
        self._socket = _bound(host, port)
        self._task: asyncio.Task[None] | None = None
        self._complained = -COMPLAIN_EVERY

    @property
    def port(self) -> int:
        """The listening port."""
        port: int = self._socket.getsockname()[1]
        return port

    def start(self) -> None:
        """Begin to accept."""
        self._task = asyncio.ensure_future(self._accept())

    def close(self) -> None:
        """Stop accepting connections."""
        if self._task is not None:
            self._task.cancel()
        self._socket.close()

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                connection, _ = await loop.sock_accept(self._socket)
            except OSError as problem:
                if problem.errno not in GONE:
                    self._complain(problem)
                    await asyncio.sleep(PAUSE)
                continue
            if not self._make_room():
                _refuse(connection)
                await asyncio.sleep(0)
                continue
            try:
                await loop.connect_accepted_socket(self._factory, connection)
            except OSError as problem:
                connection.close()
                self._complain(problem)

    def _complain(self, problem: OSError) -> None:
        now = monotonic()
        if now - self._complained >= COMPLAIN_EVERY:
            self._complained = now
            log.warning("cannot accept JSON-RPC connections just now: %s", problem)


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setblocking(False)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.bind((host, port))
        made.listen(BACKLOG)
    except BaseException:
        made.close()
        raise
    return made


def _refuse(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.setblocking(False)
        connection.send(REFUSAL)
    connection.close()
