"""TCP connections to an HTTP server: their number, and how long each phase may take.

| phase | begins with | ends with | limit |
|---|---|---|---|
| IDLE | the connection, or an answer | the first byte of a request | `idle_seconds` |
| HEAD | that byte | the request, read by the parser | `head_seconds` |
| BUSY | the request | its answer | the limit of the handler |

In every phase a peer may leave bytes that it was sent unread for `answer_seconds`. One periodic
`sweep` ends what is late: no connection has a timer of its own, and nothing refers to a closed one.
Where all places are taken, a new connection takes that of the one idle longest.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from enum import Enum, auto
from typing import Final, cast

from btt_chain.web.addresses import network_of
from btt_chain.web.limits import HttpLimits
from btt_chain.web.memory import Released

REFUSAL: Final = (
    b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: 5\r\n"
    b"Content-Length: 21\r\n\r\nToo many connections\n"
)


PROXIES: Final = ("127.0.0.1", "::1")
"""Addresses of which one program may have all places: those of a proxy on this machine."""
MIN_IDLE: Final = 1.0
"""Minimum seconds after which an idle connection may be ended for a new one."""


class Phase(Enum):
    """The phase of a connection."""

    IDLE = auto()
    HEAD = auto()
    BUSY = auto()


class Connections:
    """All connections of a server."""

    def __init__(
        self,
        limits: HttpLimits,
        clock: Callable[[], float],
        trusts: Callable[[str], bool] = lambda _address: False,
    ) -> None:
        """`trusts` returns True for a proxy of another machine, which may have all places."""
        self.limits = limits
        self.trusts = trusts
        self.clock = clock
        self.released = Released()
        """Counts what requests and answers take up until they are done."""
        self._all: dict[Connection, None] = {}
        self._idle: OrderedDict[Connection, None] = OrderedDict()
        self._by_address: dict[str, int] = {}
        self._by_parser: dict[asyncio.Protocol, Connection] = {}

    def __len__(self) -> int:
        """Return the number of open connections."""
        return len(self._all)

    def arrive(self, connection: Connection) -> bool:
        """Return True if there is a place for a connection; it has it then."""
        limits, address = self.limits, connection.network
        if (
            not connection.is_local
            and self._by_address.get(address, 0) >= limits.connections_per_address
        ):
            return False
        if len(self._all) >= limits.connections:
            victim = next((each for each in self._idle if each.blocked is None), None)
            if victim is None or self.clock() - victim.since < MIN_IDLE:
                return False
            victim.abort()
        self._all[connection] = None
        self._by_parser[connection.parser] = connection
        self._by_address[address] = self._by_address.get(address, 0) + 1
        self.enter(connection, Phase.IDLE)
        return True

    def of(self, parser: asyncio.Protocol) -> Connection | None:
        """Return the connection of a parser."""
        return self._by_parser.get(parser)

    def leave(self, connection: Connection) -> None:
        """Remove a closed connection. Idempotent."""
        if connection not in self._all:
            return
        del self._all[connection], self._by_parser[connection.parser]
        self._idle.pop(connection, None)
        left = self._by_address[connection.network] - 1
        if left:
            self._by_address[connection.network] = left
        else:
            del self._by_address[connection.network]

    def enter(self, connection: Connection, phase: Phase) -> None:
        """Record that a connection enters a phase."""
        if connection not in self._all:
            return
        connection.phase, connection.since = phase, self.clock()
        self._idle.pop(connection, None)
        if phase is Phase.IDLE:
            self._idle[connection] = None

    def sweep(self) -> None:
        """Abort connections that are late, and return memory."""
        now = self.clock()
        for each in [one for one in self._all if self._is_late(one, now)]:
            each.abort()
        self.released.sweep()

    def close(self) -> None:
        """Abort all connections."""
        for each in list(self._all):
            each.abort()

    def _is_late(self, connection: Connection, now: float) -> bool:
        """Return True if a connection exceeds the time of its phase, or is not read."""
        limits = self.limits
        if connection.blocked is not None:
            return now - connection.blocked >= limits.answer_seconds
        if connection.phase is Phase.BUSY:
            return False
        is_idle = connection.phase is Phase.IDLE
        most = limits.idle_seconds if is_idle else limits.head_seconds
        return now - connection.since >= most


class Connection(asyncio.Protocol):
    """One TCP connection, between its transport and the HTTP parser."""

    def __init__(self, connections: Connections, parser: asyncio.Protocol) -> None:
        self.parser = parser
        self.phase = Phase.IDLE
        self.since = 0.0
        """Time at which the phase began."""
        self.blocked: float | None = None
        """Time since which the peer has left what it was sent unread."""
        self.network = ""
        self.is_local = False
        self._connections = connections
        self._transport: asyncio.Transport | None = None
        self._is_refused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Hand the connection to the parser, or refuse it."""
        # The transports of other event loops have the methods, and not the class.
        stream = cast("asyncio.Transport", transport)
        peer = stream.get_extra_info("peername")
        address = str(peer[0]) if isinstance(peer, tuple) else ""
        self.network = network_of(address)
        self.is_local = address in PROXIES or self._connections.trusts(address)
        self._transport = stream
        self._is_refused = not self._connections.arrive(self)
        if self._is_refused:
            stream.write(REFUSAL)
            stream.close()
            return
        self.parser.connection_made(stream)

    def data_received(self, data: bytes) -> None:
        """Pass bytes on; the first ones after a request begin the next one."""
        if self._is_refused:
            return
        self._connections.released.add(len(data))
        if self.phase is Phase.IDLE:
            self._connections.enter(self, Phase.HEAD)
        self.parser.data_received(data)

    def eof_received(self) -> bool | None:
        """Pass the end of the stream on."""
        return None if self._is_refused else self.parser.eof_received()

    def pause_writing(self) -> None:
        """Pass on that the peer reads too slowly."""
        self.blocked = self._connections.clock()
        self.parser.pause_writing()

    def resume_writing(self) -> None:
        """Pass on that the peer reads again."""
        self.blocked, self.since = None, self._connections.clock()
        self.parser.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Release the place."""
        self._connections.leave(self)
        if not self._is_refused:
            self.parser.connection_lost(exc)
        self._transport = None

    def begin(self) -> None:
        """Record that a request was read, and is being answered."""
        self._connections.enter(self, Phase.BUSY)

    def finish(self) -> None:
        """Record that the answer is ready to be sent."""
        self._connections.enter(self, Phase.IDLE)

    def abort(self) -> None:
        """End the connection at once."""
        self._connections.leave(self)
        if self._transport is not None:
            self._transport.abort()
