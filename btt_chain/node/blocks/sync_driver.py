"""Sync in a node: carries out the orders of the sync machine, and runs its timer."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from btt_chain.node.blocks.import_queue import ImportQueue
from btt_chain.node.engine.expenses import NEVER
from btt_chain.node.engine.faults import contain
from btt_chain.node.engine.parts import Parts, StateStore
from btt_chain.node.engine.steady_clock import SteadyClock
from btt_chain.node.finality.grandpa import FinalityDriver
from p2p import network
from p2p.network import Event, Penalise
from p2p.sync.types import (
    Action,
    BeginState,
    BlockId,
    FinishState,
    HistoryStored,
    ImportBlocks,
    ImportHistory,
    ImportJustification,
    JustificationJudged,
    PrecheckBlocks,
    Report,
    StateFinished,
    StateStored,
    StoreState,
)

SYNC_EVERY: Final = 250
"""Milliseconds between two checks for overdue requests."""
SYNC_IDLE: Final = 1_000
"""The same while sync waits for nothing."""


class SyncDriver:
    """Drives `parts.sync`."""

    def __init__(
        self,
        parts: Parts,
        queue: ImportQueue,
        clock: SteadyClock,
        finality: FinalityDriver,
        *,
        send: Callable[[network.Action], None],
        on_history: Callable[[], None],
    ) -> None:
        """`send` takes actions for the network; `on_history` is called when lower blocks were
        stored.
        """
        self._parts = parts
        self._queue = queue
        self._clock = clock
        self._finality = finality
        self._send = send
        self._on_history = on_history
        self.due = 0
        """Steady time of the next `tick`."""
        self._idle_due = 0
        """The same if sync waits for nothing until then."""
        self._overdue_at = NEVER
        """Time of the next check for overdue requests; NEVER while sync waits for nothing."""

    def start(self) -> None:
        """Check for the first time at once."""
        self.due = self._idle_due = self._clock.steady

    def handle(self, event: Event | Report) -> None:
        """Pass an event of the network, or the outcome of an order, to sync."""
        self.follow(self._parts.sync.handle(event, self._clock.steady))

    def tick(self) -> None:
        """Check for overdue requests if it is time."""
        steady = self._clock.steady
        if steady >= self.due:
            # At whole seconds, when slots begin: a tick for both costs half of two.
            self._idle_due = steady - steady % SYNC_IDLE + SYNC_IDLE
            self._overdue_at = NEVER
            self.follow(self._parts.sync.tick(steady))

    def want(self, block: BlockId, peer: str) -> None:
        """Request a block that a voter refers to."""
        self.follow(self._parts.sync.want_block(block, peer, self._clock.steady))

    def follow(self, actions: Iterable[Action]) -> None:
        """Carry out orders of sync."""
        sync = self._parts.sync
        if sync.idle:
            self._overdue_at = NEVER
        elif self._overdue_at == NEVER:
            self._overdue_at = self._clock.steady + SYNC_EVERY
        due, retry_at = min(self._idle_due, self._overdue_at), sync.retry_at
        self.due = due if retry_at is None or due < retry_at else retry_at
        for action in actions:
            match action:
                case network.Ask() | Penalise():
                    self._send(action)
                case ImportBlocks():
                    self._queue.put(action)
                case PrecheckBlocks(blocks):
                    if self._parts.prechecks is not None:
                        with contain("prechecks"):
                            self._parts.prechecks.offer(blocks)
                case ImportJustification():
                    self._judge(action)
                case BeginState():
                    self._state.begin(action)
                case StoreState():
                    self._state.store(action)
                    self.handle(StateStored())
                case FinishState():
                    self._state.finish(action)
                    self._finality.restart(self._clock.now)
                    self.handle(StateFinished())
                case ImportHistory(blocks):
                    self._state.history(blocks)
                    self._on_history()
                    self.handle(HistoryStored())

    @property
    def _state(self) -> StateStore:
        """The storage of the state that sync fetches."""
        if self._parts.state is None:
            raise ValueError("sync fetches a state, and nothing stores it")
        return self._parts.state

    def _judge(self, order: ImportJustification) -> None:
        with contain("justification"):  # sync waits for the outcome
            self._finality.process_proof(order.raw, order.peer, self._clock.now)
        accepted = self._parts.client.finalized().number >= order.target.number
        self.handle(JustificationJudged(order.target, order.peer, accepted))
