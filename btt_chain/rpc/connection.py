"""A WebSocket connection: the order of its messages, and the objects that end with it.

Everything written passes through one queue. An answer is queued before the subscription it
announces is opened, and a subscription that is not open holds its notifications back: so a client
never receives a notification before the id of its subscription.

Answers wait for the reader: the next request is read when the last answer is sent. Notifications
cannot wait, so their bytes are counted: a reader that is more than `Limits.unsent` bytes behind is
disconnected.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import deque
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Final, Protocol

import orjson

from btt_chain.primitives.token_bucket import TokenBucket
from btt_chain.rpc.limits import Limits
from btt_chain.rpc.protocol import TOO_MANY_SUBSCRIPTIONS, RpcError
from btt_chain.web.addresses import network_of
from btt_chain.web.admission import Admission
from btt_chain.web.budget import BYTES_PER_SECOND, Bill
from btt_chain.web.quiet import LIMIT

log = logging.getLogger(__name__)
log.addFilter(LIMIT)

Work = Callable[[], Awaitable[None]]

DELIVERY_PRICE: Final = 20e-6
"""Seconds of processor time charged for a notification of a subscription, besides its bytes."""
MIN_CHARGE: Final = 0.001
"""Seconds below which charges are accumulated."""


class Wire(Protocol):
    """The socket of a connection."""

    def write(self, frame: bytes) -> Awaitable[None]:
        """Send one text frame; done when the peer has read enough of the earlier ones."""

    def cut(self) -> None:
        """Drop the connection at once, without a close frame."""


class Tally:
    """Counts the subscriptions on all connections together."""

    __slots__ = ("count", "external", "in_all")

    def __init__(self, limits: Limits) -> None:
        self.count = 0
        self.in_all = limits.subscriptions_in_all
        self.external = Admission(limits.subscriptions_external, limits.subscriptions_per_address)
        """Subscriptions of callers from other machines."""

    def full(self, connection: Connection) -> int | None:
        """Return the limit that forbids another subscription of a connection; None if none does.

        The limits on callers from other machines leave room for each other and for local callers.
        """
        external = self.external
        if self.count >= self.in_all:
            return self.in_all
        if connection.bucket is None:
            return None
        if external.is_full:
            return external.limit
        return None if external.allows(connection.network) else external.of_address

    def add(self, connection: Connection, change: int) -> None:
        """Add (1) or remove (-1) a subscription of a connection."""
        self.count += change
        if connection.bucket is not None:
            self.external.add(connection.network, change)


class Connection:
    """One client on one socket; all its methods run on the event loop's thread."""

    def __init__(
        self,
        wire: Wire,
        limits: Limits,
        peer: str,
        bucket: TokenBucket | None = None,
        bill: Bill | None = None,
        tally: Tally | None = None,
    ) -> None:
        self.wire = wire
        self.limits = limits
        self.peer = peer
        self.network = network_of(peer)
        """Its address, or the /64 of IPv6 that counts as one."""
        self.bucket = bucket
        self.bill = Bill.unlimited() if bill is None else bill
        self.tally = tally or Tally(limits)
        self.subscriptions: dict[str, Subscription] = {}
        self.closed = False
        self._unsent: deque[bytes] = deque()
        self._unsent_size = 0
        self._uncharged = 0.0
        self._corked = False
        self._wake = asyncio.Event()
        self._writing = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._on_close: list[Callable[[], object]] = []
        self._slots = asyncio.Semaphore(limits.pending_calls)
        self.spawn(self._write_notifications)

    # ---- sending

    def send(self, frame: bytes) -> None:
        """Queue a frame; a reader too far behind is disconnected instead."""
        if self.closed:
            return
        if self._unsent_size > self.limits.unsent:
            log.info(
                "%s is disconnected: it reads too slowly, %d bytes wait",
                self.peer,
                self._unsent_size,
            )
            self.cut()
            return
        self._unsent.append(frame)
        self._unsent_size += len(frame)
        if not self._corked:
            self._wake.set()

    def charge_delivery(self, size: int) -> None:
        """Charge the caller for a notification of one of its subscriptions."""
        self._uncharged += DELIVERY_PRICE + size / BYTES_PER_SECOND
        if self._uncharged > MIN_CHARGE:
            self.bill.charge(self._uncharged, monotonic())
            self._uncharged = 0.0

    @property
    def is_idle(self) -> bool:
        """True if a frame written now overtakes no other."""
        return not self._unsent and not self._writing.locked()

    def cork(self) -> None:
        """Leave queued frames to the following `flush`: it is cheaper than waking a task."""
        self._corked = True

    async def flush(self) -> None:
        """Write everything queued so far, at the peer's pace."""
        self._corked = False
        async with self._writing:
            while self._unsent:
                frame = self._unsent.popleft()
                self._unsent_size -= len(frame)
                await self.wire.write(frame)

    async def deliver(self, frame: bytes, after: Callable[[], None]) -> None:
        """Write the answer of a slow call when the peer has read the rest; then run `after`."""
        await self.flush()
        self.send(frame)
        after()
        await self.flush()

    async def _write_notifications(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            await self.flush()

    # ---- tasks of the connection

    def spawn(self, work: Work) -> asyncio.Task[None]:
        """Run work while the connection lives; a failure of it ends the connection."""
        task = asyncio.ensure_future(self._guard(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _guard(self, work: Work) -> None:
        try:
            await work()
        except ConnectionError as problem:
            log.debug("%s disconnected: %s", self.peer, problem)
            self.cut()
        except Exception:
            log.exception("work for %s failed", self.peer)
            self.cut()

    async def run_slow(self, work: Work) -> None:
        """Start a slow call; waits while too many are in progress."""
        await self._slots.acquire()
        self.spawn(work).add_done_callback(lambda _: self._slots.release())

    # ---- closing

    def cut(self) -> None:
        """Drop the peer; the reading loop detects it and calls `close`."""
        self.closed = True
        self._unsent.clear()
        self._unsent_size = 0
        self.wire.cut()

    def on_close(self, action: Callable[[], object]) -> None:
        """Call `action` when the connection ends, for any reason."""
        self._on_close.append(action)

    def close(self) -> None:
        """End everything that belongs to the connection. Idempotent."""
        self.closed = True
        for subscription in list(self.subscriptions.values()):
            subscription.end()
        for action in self._on_close:
            action()
        self._on_close.clear()
        for task in list(self._tasks):
            task.cancel()
        self._unsent.clear()
        self._unsent_size = 0


class Subscription:
    """A stream of notifications under one id, until either side ends it."""

    __slots__ = (
        "_held",
        "_on_end",
        "_opening",
        "_work",
        "alive",
        "connection",
        "event",
        "id",
        "task",
    )

    def __init__(self, connection: Connection, event: str) -> None:
        """Start closed: notifications are held until `open`.

        Raises:
            RpcError: -32006 if the connection has too many already.

        """
        limit = connection.limits.subscriptions
        if len(connection.subscriptions) >= limit:
            message = "Too many subscriptions on the connection"
            raise RpcError(TOO_MANY_SUBSCRIPTIONS, message, f"Exceeded max limit of {limit}")
        full = connection.tally.full(connection)
        if full is not None:
            message = "Too many subscriptions on the node"
            raise RpcError(TOO_MANY_SUBSCRIPTIONS, message, f"Exceeded max limit of {full}")
        self.id = secrets.token_urlsafe(12)
        self.event = event
        self.connection = connection
        self.alive = True
        self.task: asyncio.Task[None] | None = None
        self._opening = (
            f'{{"jsonrpc":"2.0","method":"{event}","params":{{"subscription":"{self.id}","result":'
        ).encode()
        self._work: Work | None = None
        self._held: list[bytes] | None = []
        self._on_end: list[Callable[[], object]] = []
        connection.subscriptions[self.id] = self
        connection.tally.add(connection, 1)

    def notify(self, result: object) -> None:
        """Send one notification, unless ended; `result` is anything orjson writes."""
        if not self.alive:
            return
        frame = self._opening + orjson.dumps(result) + b"}}"
        self.connection.charge_delivery(len(frame))
        if self._held is None:
            self.connection.send(frame)
        else:
            self._held.append(frame)

    def open(self) -> None:
        """Send the held notifications: the answer with the id is queued."""
        held, self._held = self._held, None
        for frame in held or ():
            self.connection.send(frame)
        if self._work is not None and self.alive:
            self.task = self.connection.spawn(self._work)

    def run(self, work: Work) -> None:
        """Let `work` feed the subscription from its opening, until it ends."""
        self._work = work

    def on_end(self, action: Callable[[], object]) -> None:
        """Call `action` once when the subscription ends, for any reason; now, if it has ended."""
        if self.alive:
            self._on_end.append(action)
        else:
            action()

    def end(self) -> None:
        """Stop notifications and run the `on_end` actions. Idempotent."""
        if not self.alive:
            return
        self.alive = False
        # Held notifications precede the end: they still follow the answer.
        self.connection.subscriptions.pop(self.id, None)
        self.connection.tally.add(self.connection, -1)
        if self.task is not None and self.task is not asyncio.current_task():
            self.task.cancel()
        for action in self._on_end:
            action()
        self._on_end.clear()


class Call:
    """A call on a connection, for methods that need it; see `registry.Kind.CONNECTED`."""

    __slots__ = ("_actions", "connection")

    def __init__(self, connection: Connection, actions: list[Callable[[], None]]) -> None:
        self.connection = connection
        self._actions = actions

    def after(self, action: Callable[[], None]) -> None:
        """Run `action` once the answer is queued: its notifications follow the answer."""
        self._actions.append(action)
