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
from p2p.network import Event, Network

log = logging.getLogger(__name__)

QUEUE: Final = 1_024
EVENTS_AT_ONCE: Final = 32
"""Events handled before time and imports get their turn again."""


def unix_ms() -> int:
    """Return the time in milliseconds since 1970."""
    return time.time_ns() // 1_000_000


class Driver:
    """Runs an engine until it is cancelled."""

    def __init__(
        self, engine: Engine, network: Network | None, clock: Callable[[], int] = unix_ms
    ) -> None:
        """`network` is None for a node that runs alone."""
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
            self._carry_out(engine.hear(queue.get_nowait(), self._clock()))
        if self._clock() >= engine.due:
            self._carry_out(engine.tick(self._clock()))
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

    async def _read(self, source: Network) -> None:
        async for event in source.events():
            await self._queue.put(event)
            self._wake.set()

    def _carry_out(self, actions: Iterable[network.Action]) -> None:
        if self._network is None:
            return
        for action in actions:
            try:
                self._network.do(action)
            except ValueError as error:
                # Larger than what the wire takes: others miss it, the node goes on.
                log.error("%s is not sent: %s", type(action).__name__, error)  # noqa: TRY400


def network_ended() -> Exception:
    """Return what to raise when the network tells nothing any more."""
    from p2p.errors import NetworkError

    return NetworkError("the network has stopped")
