"""The driver: an engine on a real clock and a real network.

One task on the event loop. It hands events and ticks to the engine, carries out what comes back,
and lets the loop turn between two blocks, so that RPC is answered while the node catches up. What
the network tells faster than it can be handled waits in a bounded queue, and behind that in the
network's own, which drops gossip first.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from typing import Final

from btt_chain.node.engine import Engine
from p2p import network
from p2p.network import Answered, Ask, Event, Failed, Network

log = logging.getLogger(__name__)

QUEUE: Final = 1_024
_FAILURES: Final = {
    "not connected": "not_connected",
    "it left": "not_connected",
    "refused": "refused",
    "no answer in time": "timeout",
    "we ask it too much": "limited",
}
"""Words for the ways a request ends without an answer; all others are `broken`."""
EVENTS_AT_ONCE: Final = 32
"""Events handled before imports and the rest of the loop get their turn again."""


def unix_ms() -> int:
    """Return the time in milliseconds since 1970."""
    return time.time_ns() // 1_000_000


class Driver:
    """Runs an engine until it is cancelled."""

    def __init__(
        self,
        engine: Engine,
        network: Network | None,
        clock: Callable[[], int] = unix_ms,
        on_request: Callable[[str, float | None, str], None] = lambda *_: None,
    ) -> None:
        """`network` is None for a node that runs alone.

        `on_request` is told how each request of ours ended: its protocol, the seconds until the
        answer (None if there was none), and why not, in a word.
        """
        self._on_request: Final = on_request
        self._asked: dict[int, tuple[str, int]] = {}
        """Protocol and time of the requests that are out."""
        self._engine: Final = engine
        self._network: Final = network
        self._clock: Final = clock
        self._queue: asyncio.Queue[Event] = asyncio.Queue(QUEUE)
        self._wake = asyncio.Event()
        engine.parts.pool.on_arrival(lambda _: self._wake.set())

    async def run(self) -> None:
        """Run for ever; the network must have been started.

        Raises StorageError, RecordNotWritten or NoLaw when the node cannot go on, NetworkError when
        the network has ended.
        """
        reader = None
        if self._network is not None:
            reader = asyncio.create_task(self._read(self._network), name="network")
            reader.add_done_callback(lambda _: self._wake.set())
        try:
            self._carry_out(self._engine.start(self._clock()))
            while True:
                if reader is not None and reader.done():
                    await reader
                    raise network_ended()
                await self._turn()
        finally:
            if reader is not None:
                reader.cancel()
                await asyncio.wait([reader])

    async def _turn(self) -> None:
        engine, queue = self._engine, self._queue
        self._wake.clear()
        for _ in range(EVENTS_AT_ONCE):
            if queue.empty():
                break
            event = queue.get_nowait()
            if isinstance(event, Answered | Failed):
                self._count(event)
            self._carry_out(engine.hear(event, self._clock()))
            self._keep_time()
        self._keep_time()
        if engine.busy:
            self._carry_out(engine.work(self._clock()))
        if engine.busy or not queue.empty():
            await asyncio.sleep(0)
            return
        self._carry_out(engine.flush(self._clock()))
        delay = (engine.due - self._clock()) / 1000
        alarm = asyncio.get_running_loop().call_later(max(delay, 0), self._wake.set)
        try:
            await self._wake.wait()
        finally:
            alarm.cancel()

    def _keep_time(self) -> None:
        """Do what is due: a slot does not wait until all questions of others are answered."""
        if self._clock() >= self._engine.due:
            self._carry_out(self._engine.tick(self._clock()))

    async def _read(self, source: Network) -> None:
        async for event in source.events():
            await self._queue.put(event)
            self._wake.set()

    def _count(self, outcome: Answered | Failed) -> None:
        protocol, asked = self._asked.pop(outcome.id, ("", 0))
        if not protocol:
            return
        if isinstance(outcome, Answered):
            self._on_request(protocol, (self._clock() - asked) / 1_000, "")
        else:
            self._on_request(protocol, None, _FAILURES.get(outcome.why, "broken"))

    def _carry_out(self, actions: Iterable[network.Action]) -> None:
        if self._network is None:
            return
        for action in actions:
            try:
                self._network.do(action)
            except ValueError as error:
                # Larger than what the wire takes: others miss it, the node goes on.
                log.error("%s is not sent: %s", type(action).__name__, error)  # noqa: TRY400
                continue
            if isinstance(action, Ask):
                self._asked[action.id] = action.protocol, self._clock()


def network_ended() -> Exception:
    """Return what to raise when the network tells nothing any more."""
    from p2p.errors import NetworkError

    return NetworkError("the network has stopped")
