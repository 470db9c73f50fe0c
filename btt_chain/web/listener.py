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
from typing import Final, TypeAlias

from btt_chain.web.quiet import LIMIT

Address: TypeAlias = tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]
"""Address of a socket, as `getaddrinfo` returns it."""

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
        family: int,
        address: Address,
        factory: Callable[[], asyncio.Protocol],
        make_room: Callable[[str], bool],
    ) -> None:
        """Open the socket, on port 0 a free one; no connection is accepted before `start`.

        `make_room` returns True if a connection of an IP address may be accepted. Raises OSError
        if the port is taken or the address does not exist.
        """
        self._factory = factory
        self._make_room = make_room
        self._socket = _bound(family, address)
        self._task: asyncio.Task[None] | None = None
        self._complained = -COMPLAIN_EVERY

    @property
    def address(self) -> tuple[str, int]:
        """The listening address and port."""
        name = self._socket.getsockname()
        return str(name[0]), int(name[1])

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
                connection, peer = await loop.sock_accept(self._socket)
            except OSError as problem:
                if problem.errno not in GONE:
                    self._complain(problem)
                    await asyncio.sleep(PAUSE)
                continue
            if not self._make_room(str(peer[0])):
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
            log.warning("cannot accept connections just now: %s", problem)


def _bound(family: int, address: Address) -> socket.socket:
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setblocking(False)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listening.bind(address)
        listening.listen(BACKLOG)
    except BaseException:
        listening.close()
        raise
    return listening


def _refuse(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.setblocking(False)
        connection.send(REFUSAL)
    connection.close()
