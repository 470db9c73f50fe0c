"""The driver: an engine on a real clock and a real network.

One task on the event loop. It passes events and ticks to the engine, carries out the returned
actions, and yields to the loop between two blocks, so that RPC is served while the node catches up;
after long work it yields several times (`yielding.py`). Events wait in queues (`event_queues.py`),
each of which has a share of the time of a turn; the rest waits for the next turn, in which votes
come first again. Requests of other nodes come last and share a budget (`p2p/protocols/budget.py`).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import Final

from btt_chain.node.blocks.clock_watch import ClockWatch
from btt_chain.node.engine.engine import Engine
from btt_chain.node.engine.event_queues import EventQueues, GossipQueue
from btt_chain.node.engine.faults import contain, report
from btt_chain.node.engine.unix_clock import unix_ms
from btt_chain.node.engine.yielding import LoopYield
from p2p import network
from p2p.errors import NetworkError
from p2p.network import (
    Answer,
    Answered,
    Ask,
    Asked,
    ClockReceived,
    Disconnected,
    Event,
    Failed,
    Network,
    Penalise,
)
from p2p.protocols.budget import Budget

log = logging.getLogger(__name__)

VOTES_MS: Final = 50.0
"""Time per turn for votes and notes of GRANDPA."""
ANNOUNCES_MS: Final = 20.0
TRANSACTIONS_MS: Final = 20.0
FAULT_COST: Final = 50
"""The price of a message that led to an unexpected error here."""
FAULT_PAUSE: Final = 0.1
"""Seconds until work goes on that has failed."""
_FAILURES: Final = {
    network.NOT_CONNECTED: "not_connected",
    network.LEFT: "not_connected",
    network.REFUSED: "refused",
    network.LATE: "timeout",
    network.LIMITED: "limited",
}
"""Metric labels for requests that end without an answer; all others are `broken`."""


class Driver:
    """Runs an engine until cancelled."""

    def __init__(
        self,
        engine: Engine,
        network: Network | None,
        clock: Callable[[], int] = unix_ms,
        on_request: Callable[[str, float | None, str], None] = lambda *_: None,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        """`network` is None for a stand-alone node.

        `on_request` is called at the end of each request of ours: its protocol, the seconds until
        the answer (None if there was none), and a word for the failure. `steady` returns the
        seconds of a monotonic clock.
        """
        self._on_request: Final = on_request
        self._asked: dict[int, tuple[str, int]] = {}
        """Protocol and time of the pending requests."""
        self._engine: Final = engine
        self._network: Final = network
        self._clock: Final = clock
        self._queues = EventQueues()
        self._sender = ""
        """Sender of the last transaction handled."""
        self._wake = asyncio.Event()
        self._clocks = ClockWatch(engine.settings.slot_ms)
        self._steady: Final = steady
        self._questions = Budget(steady() * 1_000)
        self._loop = LoopYield(self._steady_ms)
        engine.parts.pool.on_arrival(lambda _: self._wake.set())

    async def run(self) -> None:
        """Run for ever; the network must have been started.

        Raises StorageError, RecordNotWritten or UnsupportedRuntime when the node cannot go on,
        NetworkError when the network has ended.
        """
        reader = None
        if self._network is not None:
            reader = asyncio.create_task(self._read(self._network), name="network")
            reader.add_done_callback(lambda _: self._wake.set())
        try:
            self._do(self._engine.start(self._clock()))
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
        engine, queues = self._engine, self._queues
        self._wake.clear()
        self._loop.begin()
        while (event := queues.control()) is not None:
            self._handle(event)
        self._gossip(GossipQueue.VOTES, VOTES_MS)
        self._keep_time()
        await self._loop.after_long_work()
        if engine.busy:
            if not self._try("work", "", engine.work):
                await asyncio.sleep(FAULT_PAUSE)
            await self._loop.after_long_work()
            self._keep_time()
        if (event := queues.answer()) is not None:
            self._handle(event)
        self._gossip(GossipQueue.ANNOUNCES, ANNOUNCES_MS)
        self._gossip(GossipQueue.TRANSACTIONS, TRANSACTIONS_MS)
        engine.parts.pool.backpressure.record_waiting(queues.size_of(GossipQueue.TRANSACTIONS))
        pause = self._answer_one()
        await self._loop.after_long_work()
        if engine.busy or len(queues) or pause == 0:
            await asyncio.sleep(0)
            return
        self._do(engine.flush(self._clock()))
        delay = (engine.due - self._clock()) / 1000
        if pause is not None:
            delay = min(delay, pause / 1000)
        alarm = asyncio.get_running_loop().call_later(max(delay, 0), self._wake.set)
        try:
            await self._wake.wait()
        finally:
            alarm.cancel()

    def _keep_time(self) -> None:
        """Do what is due: a slot does not wait until all requests of peers are answered."""
        if self._clock() >= self._engine.due:
            self._do(self._engine.tick(self._clock()))

    async def _read(self, source: Network) -> None:
        async for event in source.events():
            with contain("event"):
                self._put(event)
            self._wake.set()

    def _put(self, event: Event) -> None:
        """Queue an event for its turn."""
        if isinstance(event, Disconnected):
            self._questions.gone(event.peer)
        if not isinstance(event, Asked):
            self._queues.put(event)
        elif not self._questions.put(event, self._steady_ms()):
            self._do([Answer(event.id, None)])

    def _handle(self, event: Event) -> None:
        """Pass an event to the engine."""
        with contain("note"):
            self._note(event)
        sender = getattr(event, "peer", "")
        self._try(type(event).__name__, sender, partial(self._engine.handle, event))
        self._keep_time()

    def _try(self, what: str, sender: str, step: Callable[[int], Iterable[network.Action]]) -> bool:
        """Let the engine do a step that data of a peer have led to. Return True if it succeeded.

        An unexpected error is the end of that step only. Its sender is charged a little: it may be
        honest, but it must not repeat this for ever.
        """
        try:
            actions = step(self._clock())
        except Exception as error:  # noqa: BLE001  (fatal ones are raised again)
            report(what, error)
            self._do([Penalise(sender, FAULT_COST, "an error here")] if sender else [])
            return False
        self._do(actions)
        return True

    def _gossip(self, queue: GossipQueue, budget_ms: float) -> None:
        """Handle messages of a queue until its time of this turn is over."""
        begun = now = self._steady_ms()
        while now - begun < budget_ms:
            if queue is GossipQueue.TRANSACTIONS and not self._engine.takes_transactions:
                if self._engine.has_blocks:
                    return  # they come first, one a turn, and their time is not the sender's
                peer = self._sender
                self._try("transactions", peer, self._engine.work)
                self._keep_time()
            elif (found := self._queues.gossip(queue)) is not None:
                peer, event = found
                self._handle(event)
            else:
                return
            if queue is GossipQueue.TRANSACTIONS:
                self._sender = peer
            before, now = now, self._steady_ms()
            self._queues.spent(queue, peer, now - before)

    def _answer_one(self) -> float | None:
        """Answer one request if the budget allows it.

        Return the milliseconds until the next may be answered, None if no request waits.
        """
        budget, begun = self._questions, self._steady_ms()
        asked = budget.take(begun)
        if asked is not None:
            if not self._try(asked.protocol, asked.peer, partial(self._engine.handle, asked)):
                self._do([Answer(asked.id, None)])
            budget.spent(asked.peer, self._steady_ms() - begun)
        now = self._steady_ms()
        due = budget.due(now)
        return None if due is None else due - now

    def _steady_ms(self) -> float:
        return self._steady() * 1_000

    def _note(self, event: Event) -> None:
        """Process the parts of an event that the engine does not handle."""
        match event:
            case Answered() | Failed():
                self._count(event)
            case ClockReceived():
                news = self._clocks.received(event)
                if news is not None:
                    log.log(logging.WARNING if news.ahead_ms else logging.INFO, "%s", news)
            case Disconnected(peer):
                self._clocks.gone(peer)
            case _:
                pass

    def _count(self, outcome: Answered | Failed) -> None:
        protocol, asked = self._asked.pop(outcome.id, ("", 0))
        if not protocol:
            return
        if isinstance(outcome, Answered):
            self._on_request(protocol, (self._clock() - asked) / 1_000, "")
        else:
            self._on_request(protocol, None, _FAILURES.get(outcome.why, "broken"))

    def _do(self, actions: Iterable[network.Action]) -> None:
        if self._network is None:
            return
        for action in actions:
            try:
                self._network.do(action)
            except ValueError as error:
                # Too large for the wire: it is lost, and the node goes on.
                log.error("%s is not sent: %s", type(action).__name__, error)  # noqa: TRY400
                continue
            if isinstance(action, Ask):
                self._asked[action.id] = action.protocol, self._clock()


def network_ended() -> Exception:
    """Return the exception for a network that has ended."""
    return NetworkError("the network has stopped")
