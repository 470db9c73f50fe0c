"""TCP connections of callers: their number, their phases, and the bytes they have sent.

Life of a connection: *idle* until the head of its first request is complete and between two
requests; *busy* while one is answered; a WebSocket is *open* after the upgrade. If there is no room
for another, the connection idle longest is dropped, else the WebSocket silent longest. The places
of callers from other machines are assigned by `places.py`.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Collection, Iterator
from enum import Enum, auto
from time import monotonic
from typing import Final

from btt_chain.rpc.limits import ConnectionLimiter, Limits
from btt_chain.rpc.places import MIN_SILENCE, Place, select_victim
from btt_chain.rpc.quiet import LIMIT
from btt_chain.web.addresses import is_loopback, network_of
from btt_chain.web.budget import (
    BYTES_PER_SECOND,
    EXTERNAL,
    LOCAL,
    Accounts,
    Bill,
    CostAccount,
)
from btt_chain.web.proxies import Proxies

log = logging.getLogger(__name__)
log.addFilter(LIMIT)

MAX_UNREAD: Final = 48 << 20
"""Maximum bytes of incomplete requests, of all connections together."""
FREE_UNREAD: Final = 65_536
"""Bytes of an incomplete request that are not charged when its connection ends."""
MAX_ANSWER: Final = 120.0
"""Maximum seconds for an HTTP request to arrive and be answered, and for its answer to be read."""
SCAN_EVERY: Final = 0.1
"""Seconds between two searches for such a WebSocket."""


THIS_MACHINE: Final = "this machine"
"""Address under which all local callers are charged."""


class Phase(Enum):
    """The phase of a connection."""

    IDLE = auto()
    BUSY = auto()
    OPEN = auto()


class Visitor:
    """A TCP connection."""

    __slots__ = (
        "account", "address", "bill", "external", "is_proxy", "network", "phase", "since",
        "subscriptions", "transport", "turned_away", "unread",
    )  # fmt: skip

    def __init__(self, transport: asyncio.Transport, proxies: Proxies, now: float) -> None:
        peer = transport.get_extra_info("peername")
        self.transport = transport
        self.address = str(peer[0]) if peer else "?"
        self.is_proxy = proxies.trusts(self.address)
        self.external = self.is_proxy or not is_loopback(self.address)
        self.account: CostAccount = (EXTERNAL if self.external else LOCAL).account(now)
        """Its own budget; for a local caller at most the remaining one of the address."""
        self.bill: Bill | None = None
        """The accounts that pay, where they are the same for all its requests."""
        self.network: str | None = None
        """Network whose place it occupies; None if it needs no place."""
        self.turned_away = False
        self.phase = Phase.IDLE
        self.since = now
        """Time of entering its phase; for a WebSocket, of its last message."""
        self.unread = 0
        """Bytes received since the last complete request."""
        self.subscriptions: Collection[object] = ()
        """Subscriptions of a WebSocket, for which a client may be silent."""

    def is_late(self, now: float) -> bool:
        """Return True if a request in progress takes longer than allowed."""
        is_under_way = self.phase is Phase.BUSY or (self.phase is Phase.OPEN and self.unread > 0)
        return is_under_way and now - self.since > MAX_ANSWER


class Visitors:
    """All connections of a server."""

    def __init__(self, limits: Limits, limiter: ConnectionLimiter, proxies: Proxies) -> None:
        self.limits = limits
        self.limiter = limiter
        self.proxies = proxies
        self.all: dict[Visitor, None] = {}
        self.unread = 0
        self._idle: OrderedDict[Visitor, None] = OrderedDict()
        self._placed: dict[Visitor, None] = {}
        """Connections with a place for callers from other machines."""
        self._turned_away = 0
        self._scanned = 0.0
        self._has_warned = False
        self._external = Accounts(EXTERNAL)
        self._local = Accounts(LOCAL)

    def make_room(self) -> bool:
        """Return True if another connection may be accepted; drop an idle one if necessary."""
        if len(self.all) < self.limits.connections_in_all:
            return True
        victim = next(iter(self._idle), None) or self._silent()
        if victim is None:
            return False
        log.debug("%s is disconnected to admit another connection", victim.address)
        self.drop(victim)
        return True

    def arrive(self, transport: asyncio.Transport) -> Visitor:
        """Register a connection; one over the limit of its kind is marked to be turned away."""
        now = monotonic()
        visitor = Visitor(transport, self.proxies, now)
        if not visitor.external:
            visitor.account.part_of(self._local.of(THIS_MACHINE, now), now)
        if visitor.external and not visitor.is_proxy:
            visitor.turned_away = not self.admit(visitor, visitor.address)
        self.all[visitor] = None
        self._idle[visitor] = None
        self._turned_away += visitor.turned_away
        if self._turned_away > self.limits.connections:
            # So many connections wait for their refusal that they need too much room.
            self.drop(visitor)
        return visitor

    def forward(self, visitor: Visitor) -> None:
        """Treat a local connection as external: a proxy that is not trusted passes requests on.

        Its callers share the limits of one external address: what it reports is not believed.
        """
        if not self._has_warned:
            self._has_warned = True
            log.warning(
                "a proxy on this machine passes requests on (X-Forwarded-For or the like): its "
                "callers are external, and share one address. Name it by --rpc-trusted-proxy %s",
                visitor.address,
            )
        visitor.external = True
        visitor.bill, visitor.account = None, EXTERNAL.account(monotonic())
        visitor.turned_away = not self.admit(visitor, visitor.address)
        self._turned_away += visitor.turned_away

    def admit(self, visitor: Visitor, address: str) -> bool:
        """Assign a connection a place for callers from other machines.

        Drop another one if necessary; return True if it has a place.
        """
        limiter, network = self.limiter, network_of(address)
        if limiter.is_full and limiter.allows(address):
            most = self.limits.connections_per_address
            victim = select_victim(self._places(), limiter.by_address, network, most, monotonic())
            if victim is not None:
                log.debug("%s is disconnected to admit %s", victim.address, address)
                self.drop(victim)
        if not limiter.admit(address):
            return False
        visitor.network = network
        self._placed[visitor] = None
        return True

    def release(self, visitor: Visitor) -> None:
        """Release a connection's place. Idempotent."""
        if visitor.network is not None:
            self.limiter.leave(visitor.network)
            visitor.network = None
            del self._placed[visitor]

    def enter(self, visitor: Visitor, phase: Phase) -> None:
        """Record that a connection enters a phase."""
        visitor.phase, visitor.since = phase, monotonic()
        if phase is Phase.IDLE:
            self.read(visitor)
        if phase is Phase.IDLE and visitor in self.all:
            self._idle[visitor] = None
        else:
            self._idle.pop(visitor, None)

    def receive(self, visitor: Visitor, size: int) -> None:
        """Count bytes of an incomplete request.

        Too many in total end the connection with the most, so that no caller can have another one
        dropped.
        """
        if visitor not in self.all:
            return
        visitor.unread += size
        self.unread += size
        while self.unread > MAX_UNREAD:
            greediest = max(self.all, key=lambda one: one.unread)
            log.info("%s is disconnected: too many bytes of incomplete requests", greediest.address)
            self.drop(greediest)

    def read(self, visitor: Visitor) -> None:
        """Record that a request is complete."""
        self.unread -= visitor.unread
        visitor.unread = 0

    def drop(self, visitor: Visitor) -> None:
        """Abort a connection and remove it."""
        self.leave(visitor)
        visitor.transport.abort()

    def leave(self, visitor: Visitor) -> None:
        """Remove a closed connection. Idempotent."""
        if visitor not in self.all:
            return
        del self.all[visitor]
        self._idle.pop(visitor, None)
        self._charge_unread(visitor)
        self.read(visitor)
        self._turned_away -= visitor.turned_away
        self.release(visitor)

    def sweep(self) -> None:
        """Drop connections that take too long."""
        now = monotonic()
        late = []
        for visitor in self._idle:  # in the order in which they became idle
            if now - visitor.since < self.limits.idle:
                break
            late.append(visitor)
        late += [visitor for visitor in self.all if visitor.is_late(now)]
        for visitor in late:
            self.drop(visitor)

    def bill(self, visitor: Visitor, address: str, *, is_websocket: bool) -> Bill:
        """Return the accounts that pay for the requests of a caller."""
        if visitor.bill is not None:
            return visitor.bill
        now = monotonic()
        accounts = self._external if visitor.external else self._local
        name = address if visitor.external else THIS_MACHINE
        own: CostAccount | None = visitor.account
        if visitor.is_proxy and not is_websocket:
            own = None  # the proxy's connection carries requests of many callers
        bill = Bill(own, accounts.of(name, now), is_shared=not visitor.external)
        if not visitor.is_proxy:
            visitor.bill = bill
        return bill

    def _charge_unread(self, visitor: Visitor) -> None:
        """Charge for bytes of an incomplete request when its connection ends."""
        if visitor.unread <= FREE_UNREAD:
            return
        now = monotonic()
        bill = visitor.bill
        if bill is None:
            accounts = self._external if visitor.external else self._local
            name = visitor.address if visitor.external else THIS_MACHINE
            bill = Bill(None, accounts.of(name, now), is_shared=not visitor.external)
        bill.charge(visitor.unread / BYTES_PER_SECOND, now, is_waste=True)

    def _places(self) -> Iterator[Place[Visitor]]:
        """Yield connections that could be ended, without those whose request is being answered."""
        for visitor in self._placed:
            if visitor.network is not None and visitor.phase is not Phase.BUSY:
                is_waiting = bool(visitor.subscriptions)
                yield Place(visitor, visitor.network, visitor.since, is_waiting)

    def _silent(self) -> Visitor | None:
        """Return the WebSocket without subscriptions that has been silent longest."""
        now = monotonic()
        if now - self._scanned < SCAN_EVERY:
            return None
        self._scanned = now
        silent = [
            visitor
            for visitor in self.all
            if visitor.phase is Phase.OPEN
            and not visitor.subscriptions
            and now - visitor.since > MIN_SILENCE
        ]
        return min(silent, key=lambda visitor: visitor.since, default=None)
