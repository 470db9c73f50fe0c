"""Heartbeats of WebSockets: a silent one is pinged, and cut off if it does not answer.

The library's own heartbeat sets a timer for every message received, which takes a fifth of the
time of a small call. Here one search every few seconds finds the silent ones.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Protocol

from btt_chain.rpc.visitors import Visitor

log = logging.getLogger(__name__)


class Socket(Protocol):
    """An open WebSocket."""

    async def ping(self, message: bytes = b"") -> None:
        """Send a ping."""


class _Watched:
    """An open WebSocket, and the time of the last ping that it has not answered."""

    __slots__ = ("received", "pinged", "task", "unread", "visitor")

    def __init__(self, visitor: Visitor) -> None:
        self.visitor = visitor
        self.received = visitor.since
        """When it last sent anything, as far as is known."""
        self.unread = visitor.unread
        self.pinged: float | None = None
        self.task: asyncio.Task[None] | None = None

    def silence(self, now: float) -> float:
        """Return the seconds since it sent anything, parts of a message included."""
        visitor = self.visitor
        received = visitor.since if visitor.unread == self.unread else now
        if received > self.received:
            self.received, self.unread, self.pinged = received, visitor.unread, None
        return now - self.received


class Heartbeats:
    """The open WebSockets of a server. Anything that a client sends shows that it is there."""

    def __init__(self, interval: float) -> None:
        """`interval` is the silence in seconds after which a ping is sent; its half is the time
        for an answer.
        """
        self._interval = interval
        self._open: dict[Socket, _Watched] = {}

    def add(self, socket: Socket, visitor: Visitor) -> None:
        """Watch a WebSocket that was opened."""
        self._open[socket] = _Watched(visitor)

    def remove(self, socket: Socket) -> None:
        """Watch a WebSocket no more."""
        watched = self._open.pop(socket)
        if watched.task is not None:
            watched.task.cancel()

    def sweep(self, now: float) -> list[Visitor]:
        """Ping silent WebSockets; return those that did not answer."""
        gone: list[Visitor] = []
        for socket, watched in self._open.items():
            if watched.silence(now) < self._interval:
                continue
            if watched.pinged is None:
                watched.pinged = now
                watched.task = asyncio.ensure_future(self._ping(socket))
            elif now - watched.pinged >= self._interval / 2:
                log.debug("%s does not answer a ping", watched.visitor.address)
                gone.append(watched.visitor)
        return gone

    async def _ping(self, socket: Socket) -> None:
        try:
            await socket.ping()
        except ConnectionError as problem:
            log.debug("a ping was not sent: %s", problem)
