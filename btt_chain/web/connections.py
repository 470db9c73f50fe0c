"""TCP connections to a server: their number, their time, their bytes and budgets.

| phase | begins with | ends with | limit |
|---|---|---|---|
| IDLE | the connection, or an answer | the first byte of a request | `idle_seconds` |
| HEAD | that byte | the request, read by the parser | `head_seconds` |
| BUSY | the request | its answer | `busy_seconds`, and the limit of the handler |
| OPEN | the upgrade to a WebSocket | its end | `busy_seconds` for a message, `ping_seconds` |

In every phase a peer may leave bytes that it was sent unread for `answer_seconds`. One periodic
`sweep` ends what is late: no connection has a timer of its own, and nothing refers to a closed one.
If there is no room for another connection, the one longest without a complete request is ended,
else the WebSocket silent longest. `admission.py` assigns places to callers from other machines.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection
from enum import Enum, auto
from time import monotonic
from typing import Final, cast

from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.http_websocket import WebSocketReader
from aiohttp.web_protocol import RequestHandler, RequestPayloadError
from aiohttp.web_server import Server

from btt_chain.web.addresses import is_loopback, network_of
from btt_chain.web.admission import MIN_SILENCE, Admission, select_victim
from btt_chain.web.bodies import Bodies, Body
from btt_chain.web.budget import BYTES_PER_SECOND, EXTERNAL, LOCAL, Accounts, Bill, CostAccount
from btt_chain.web.frames import FrameBoundaries
from btt_chain.web.limits import HttpLimits
from btt_chain.web.memory import Released
from btt_chain.web.proxies import Proxies
from btt_chain.web.quiet import LIMIT

log = logging.getLogger(__name__)
log.addFilter(LIMIT)


class _NoFaultsOfPeers(logging.Filter):
    """Drops the reports of malformed and interrupted requests: no caller may fill the log."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if isinstance(record.exc_info, tuple) else None
        return not isinstance(error, (HttpProcessingError, ConnectionError, RequestPayloadError))


log.addFilter(_NoFaultsOfPeers())

PROXIES: Final = ("127.0.0.1", "::1")
"""Addresses of which one program may have all places: those of a proxy on this machine."""
THIS_MACHINE: Final = "this machine"
"""Address under which all local callers are charged."""
FREE_UNREAD: Final = 65_536
"""Bytes of an incomplete request that are not charged when its connection ends."""
OF_CONNECTION: Final = 65_536
"""Bytes that a connection took up, by estimate."""
LINGER_SECONDS: Final = 2.0
"""Seconds in which the rest of a refused body is read and dropped, so that the refusal is read."""
SCAN_EVERY: Final = 0.1
"""Seconds between two searches for a silent WebSocket to end."""

NO_ACCESS_LOG: Final = logging.getLogger(f"{__name__}.access")
NO_ACCESS_LOG.setLevel(logging.CRITICAL + 1)


class Phase(Enum):
    """The phase of a connection."""

    IDLE = auto()
    HEAD = auto()
    BUSY = auto()
    OPEN = auto()


class HttpConnection(RequestHandler):
    """One TCP connection: the parser of its requests, and its state in `Connections`."""

    __slots__ = (
        "_connections", "account", "address", "bill", "blocked", "body", "external", "frames",
        "received", "is_proxy", "is_turned_away", "network", "phase", "ping", "pinged", "pinging",
        "placed", "reader", "since", "subscriptions",
    )  # fmt: skip

    def __init__(self, server: Server, connections: Connections) -> None:
        """`server` has the handler of the requests."""
        super().__init__(
            server,
            loop=asyncio.get_running_loop(),
            keepalive_timeout=2 * connections.limits.idle_seconds,  # the sweep ends idle ones
            lingering_time=LINGER_SECONDS,
            auto_decompress=False,
            access_log=NO_ACCESS_LOG,
            logger=log,
        )
        now = connections.clock()
        self._connections = connections
        self.address = self.network = ""
        self.is_proxy = self.external = self.is_turned_away = False
        self.placed = ""
        """Network whose place it occupies; empty if it needs none."""
        self.account = EXTERNAL.account(now)
        """Its own budget; for a local caller at most the remaining one of the address."""
        self.bill: Bill | None = None
        """The accounts that pay, where they are the same for all its requests."""
        self.phase = Phase.IDLE
        self.since = self.received = now
        """Time of entering its phase, of a WebSocket that of its last message; of its last byte."""
        self.blocked: float | None = None
        """Time since which the peer has left what it was sent unread."""
        self.body = Body("", self._end_for_bytes)
        """Counts the bytes received since the last complete request."""
        self.subscriptions: Collection[object] = ()
        """Subscriptions of a WebSocket, for which a client may be silent."""
        self.frames = FrameBoundaries()
        """Follows what the parser of a WebSocket receives."""
        self.reader: Callable[[bytes], bool] | None = None
        """Takes received bytes of a WebSocket; returns False if they are for its parser."""
        self.ping: Callable[[], Awaitable[None]] | None = None
        """Sends a ping over a WebSocket."""
        self.pinged: float | None = None
        """Time of the last ping that was not answered."""
        self.pinging: asyncio.Task[None] | None = None

    @property
    def is_waiting(self) -> bool:
        """True if it has subscriptions."""
        return bool(self.subscriptions)

    def complete(self) -> None:
        """Record that a message of a WebSocket is complete."""
        self.since = self._connections.clock()
        if self.body.size:
            self._connections.unread.empty(self.body)

    # ---- events of the transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Register the connection from its start."""
        super().connection_made(transport)
        # The transports of other event loops have the methods, and not the class.
        peer = cast("asyncio.Transport", transport).get_extra_info("peername")
        self._connections.arrive(self, str(peer[0]) if peer else "?")

    def set_parser(
        self, parser: WebSocketReader, data_received_cb: Callable[[], None] | None = None
    ) -> None:
        """Begin a WebSocket."""
        # What came with the request, or since.
        self.frames.feed(self._message_tail)
        self._connections.enter(self, Phase.OPEN)
        super().set_parser(parser, data_received_cb)

    def data_received(self, data: bytes) -> None:
        """Pass bytes on; the first ones after an answer begin the next request."""
        if self.phase is Phase.OPEN:
            if self.reader is not None and self.reader(data):
                return
            self.frames.feed(data)
        if data:  # else the parser goes on with what it has
            self._connections.receive(self, len(data))
        super().data_received(data)

    def pause_writing(self) -> None:
        """Record that the peer reads too slowly."""
        self.blocked = self._connections.clock()
        super().pause_writing()

    def resume_writing(self) -> None:
        """Record that the peer reads again."""
        self.blocked = None
        if self.phase in (Phase.IDLE, Phase.HEAD):
            self.since = self._connections.clock()
        super().resume_writing()

    def connection_lost(self, exc: BaseException | None) -> None:
        """Release the place."""
        super().connection_lost(exc)
        self._connections.leave(self)

    def _end_for_bytes(self) -> None:
        log.info("%s is disconnected: too many bytes of incomplete requests", self.address)
        self._connections.drop(self)


class Connections:
    """All connections of a server."""

    def __init__(
        self,
        limits: HttpLimits,
        clock: Callable[[], float] = monotonic,
        proxies: Proxies | None = None,
    ) -> None:
        """Requests by one of the `proxies` are those of the callers that it names."""
        self.limits = limits
        self.clock = clock
        self.proxies = proxies or Proxies()
        self.released = Released()
        """Counts what connections, requests and answers take up until they are done."""
        self.all: dict[HttpConnection, None] = {}
        external = limits.connections_external
        self.admission = Admission(
            limits.connections if external is None else external, limits.connections_per_address
        )
        self.unread = Bodies(limits.unread_bytes)
        self._idle: OrderedDict[HttpConnection, None] = OrderedDict()
        """Connections without a complete request, in the order in which they became idle."""
        self._placed: dict[HttpConnection, None] = {}
        """Connections with a place for callers from other machines."""
        self._turned_away = 0
        self._scanned = 0.0
        self._external = Accounts(EXTERNAL)
        self._local = Accounts(LOCAL)

    # ---- coming and going

    def make_room(self, address: str) -> bool:
        """Return True if a connection of an address may be accepted; end an idle one if needed."""
        if (
            self._needs_place(address)
            and not self.admission.allows(address)
            and self._turned_away >= self.limits.answered_refusals
        ):
            return False
        if len(self.all) < self.limits.connections:
            return True
        victim = self._idle_longest() or self._silent()
        if victim is None:
            return False
        log.debug("%s is disconnected to admit another connection", victim.address)
        self.drop(victim)
        return True

    def arrive(self, connection: HttpConnection, address: str) -> None:
        """Register a connection; one over the limit of its kind is turned away, or ended."""
        now = self.clock()
        connection.address, connection.network = address, network_of(address)
        connection.is_proxy = self.proxies.trusts(address)
        connection.external = connection.is_proxy or not is_loopback(address)
        if not connection.external:
            connection.account = LOCAL.account(now)
            connection.account.part_of(self._local.of(THIS_MACHINE, now), now)
        connection.body = self.unread.begin(connection.network, connection.body.cut)
        self.all[connection] = None
        self.enter(connection, Phase.IDLE)
        if self._needs_place(address):
            self._place_or_turn_away(connection)

    def forward(self, connection: HttpConnection) -> None:
        """Treat a local connection as external: a proxy that is not trusted passes requests on.

        Its callers share the limits of one external address: what it reports is not believed.
        """
        connection.external = True
        connection.bill, connection.account = None, EXTERNAL.account(self.clock())
        if not connection.placed and not connection.is_turned_away:
            self._place_or_turn_away(connection)

    def admit(self, connection: HttpConnection, address: str) -> bool:
        """Assign a connection a place for callers from other machines.

        End another one if necessary; return True if it has a place.
        """
        admission, network = self.admission, network_of(address)
        if admission.is_full and admission.allows(address):
            # A request that is being answered is not cut off.
            occupants = [other for other in self._placed if other.phase is not Phase.BUSY]
            victim = select_victim(
                occupants, admission.by_address, network, admission.of_address, self.clock()
            )
            if victim is not None:
                log.debug("%s is disconnected to admit %s", victim.address, address)
                self.drop(victim)
        if not admission.admit(address):
            return False
        connection.network = connection.placed = network
        self._placed[connection] = None
        return True

    def release(self, connection: HttpConnection) -> None:
        """Release a connection's place. Idempotent."""
        if connection.placed:
            self.admission.leave(connection.placed)
            connection.placed = ""
            del self._placed[connection]

    def drop(self, connection: HttpConnection) -> None:
        """Abort a connection and remove it."""
        self.leave(connection)
        if connection.transport is not None:
            connection.transport.abort()

    def leave(self, connection: HttpConnection) -> None:
        """Remove a closed connection. Idempotent."""
        if connection not in self.all:
            return
        del self.all[connection]
        self._idle.pop(connection, None)
        if connection.pinging is not None:
            connection.pinging.cancel()
        self._charge_unread(connection)
        self.unread.end(connection.body)
        self._turned_away -= connection.is_turned_away
        self.release(connection)
        self.released.add(OF_CONNECTION)

    def close(self) -> None:
        """Abort all connections."""
        for connection in list(self.all):
            self.drop(connection)

    # ---- requests

    def enter(self, connection: HttpConnection, phase: Phase) -> None:
        """Record that a connection enters a phase."""
        if connection not in self.all:
            return
        connection.phase, connection.since = phase, self.clock()
        if phase is Phase.IDLE:
            self.unread.empty(connection.body)
            self._idle[connection] = None
        elif phase is not Phase.HEAD:
            self._idle.pop(connection, None)

    def receive(self, connection: HttpConnection, size: int) -> None:
        """Count bytes of an incomplete request.

        Too many in total end a connection of the address with the most, so that no caller can have
        another one dropped.
        """
        if connection not in self.all:
            return
        if connection.phase is Phase.IDLE:
            self.enter(connection, Phase.HEAD)
        connection.received = self.clock()
        self.released.add(size)
        if not self.unread.receive(connection.body, size):
            connection.body.cut()

    def bill(self, connection: HttpConnection, address: str, *, is_websocket: bool) -> Bill:
        """Return the accounts that pay for the requests of a caller."""
        if connection.bill is not None:
            return connection.bill
        own: CostAccount | None = connection.account
        if connection.is_proxy and not is_websocket:
            own = None  # the proxy's connection has requests of many callers
        bill = self._bill(own, connection, address)
        if not connection.is_proxy:
            connection.bill = bill
        return bill

    # ---- time

    def sweep(self) -> None:
        """End connections that are late, ping silent WebSockets, and return memory."""
        now = self.clock()
        for connection in [other for other in self.all if self._is_late(other, now)]:
            self.drop(connection)
        self.released.sweep()

    def _is_late(self, connection: HttpConnection, now: float) -> bool:
        """Return True if a connection exceeds the time of its phase, or is not read."""
        limits, passed = self.limits, now - connection.since
        if connection.blocked is not None and now - connection.blocked >= limits.answer_seconds:
            return True
        match connection.phase:
            case Phase.OPEN:
                is_incomplete = connection.body.size > 0
                is_late = is_incomplete and passed >= limits.busy_seconds
                return is_late or self._is_gone(connection, now)
            case Phase.BUSY:
                return passed >= limits.busy_seconds
            case Phase.HEAD:
                return connection.blocked is None and passed >= limits.head_seconds
            case Phase.IDLE:
                return connection.blocked is None and passed >= limits.idle_seconds

    def _is_gone(self, connection: HttpConnection, now: float) -> bool:
        """Ping a silent WebSocket; return True if it did not answer."""
        limit = self.limits.ping_seconds
        if connection.ping is None or now - max(connection.since, connection.received) < limit:
            connection.pinged = None
            return False
        if connection.pinged is None:
            connection.pinged = now
            connection.pinging = asyncio.ensure_future(_sent(connection.ping))
        return now - connection.pinged >= limit / 2

    # ---- internals

    def _needs_place(self, address: str) -> bool:
        """Return True if connections of an address have a limit."""
        return address not in PROXIES and not self.proxies.trusts(address)

    def _place_or_turn_away(self, connection: HttpConnection) -> None:
        if self.admit(connection, connection.address):
            return
        connection.is_turned_away = True
        self._turned_away += 1
        if self._turned_away > self.limits.answered_refusals:
            # So many connections wait for their refusal that they need too much room.
            self.drop(connection)

    def _bill(self, own: CostAccount | None, connection: HttpConnection, address: str) -> Bill:
        accounts = self._external if connection.external else self._local
        name = address if connection.external else THIS_MACHINE
        account = accounts.of(name, self.clock())
        return Bill(own, account, is_shared=not connection.external)

    def _charge_unread(self, connection: HttpConnection) -> None:
        """Charge for bytes of an incomplete request when its connection ends."""
        size = connection.body.size
        if size > FREE_UNREAD:
            bill = connection.bill or self._bill(None, connection, connection.address)
            bill.charge(size / BYTES_PER_SECOND, self.clock(), is_waste=True)

    def _idle_longest(self) -> HttpConnection | None:
        """Return the connection longest without a complete request that may be ended."""
        since = self.clock() - self.limits.min_idle_seconds
        ended = (other for other in self._idle if other.blocked is None and other.since <= since)
        return next(ended, None)

    def _silent(self) -> HttpConnection | None:
        """Return the WebSocket without subscriptions that has been silent longest."""
        now = self.clock()
        if now - self._scanned < SCAN_EVERY:
            return None
        self._scanned = now
        silent = [
            connection
            for connection in self.all
            if connection.phase is Phase.OPEN
            and not connection.subscriptions
            and now - connection.since > MIN_SILENCE
        ]
        return min(silent, key=lambda connection: connection.since, default=None)


async def _sent(ping: Callable[[], Awaitable[None]]) -> None:
    try:
        await ping()
    except ConnectionError as problem:
        log.debug("a ping was not sent: %s", problem)
