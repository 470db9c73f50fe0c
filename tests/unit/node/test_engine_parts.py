"""The drivers of sync and of GRANDPA, and the status of a node, over parts that record calls."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import pytest

from btt_chain.chain.notify import BlockRef, ChainEvent, Finalized, NewBlock
from btt_chain.consensus.finality.environment import ArmTimer
from btt_chain.node.blocks.import_queue import ImportQueue
from btt_chain.node.blocks.prechecks import Prechecks
from btt_chain.node.blocks.sync_driver import SYNC_EVERY, SYNC_IDLE, SyncDriver
from btt_chain.node.engine.parts import Parts, Watcher
from btt_chain.node.engine.steady_clock import SteadyClock
from btt_chain.node.finality.grandpa import BAD_PROOF, FinalityDriver
from btt_chain.node.finality.head_status import HeadStatus
from btt_chain.node.finality.offences import OffenceReporter
from p2p import network
from p2p.network import AUTHORITY, Penalise, Status
from p2p.sync.types import Action, Block, BlockId, ImportBlocks, PrecheckBlocks

BEST, FINAL = BlockRef(9, b"best"), BlockRef(7, b"final")


class Sync:
    """A sync machine whose answer to a tick is set by the test."""

    def __init__(self) -> None:
        self.ticks: list[int] = []
        self.idle = True
        self.retry_at: int | None = None
        self.actions: list[Action] = []

    def tick(self, now: int) -> list[Action]:
        self.ticks.append(now)
        return self.actions


class Gadget:
    """A gadget that wants to be woken at a time."""

    def __init__(self) -> None:
        self.ticks: list[int] = []
        self.unproven: SimpleNamespace | None = None

    def tick(self, now: int) -> list[ArmTimer]:
        self.ticks.append(now)
        return [ArmTimer(now + 100)]

    def must_be_proven(self) -> SimpleNamespace | None:
        return self.unproven


class Case:
    """Parts of an engine, and the actions that its drivers send."""

    def __init__(self) -> None:
        self.sync, self.gadget, self.sent = Sync(), Gadget(), list[network.Action]()
        self.listeners: list[object] = []
        client = SimpleNamespace(
            best=lambda: BEST,
            finalized=lambda: FINAL,
            listen=self.listeners.append,
            store=SimpleNamespace(state_import=SimpleNamespace(lowest=3)),
        )
        parts = SimpleNamespace(sync=self.sync, gadget=self.gadget, client=client)
        self.parts = cast("Parts", parts)
        self.clock, self.queue = SteadyClock(), ImportQueue(2_000)
        self.finality = FinalityDriver(
            self.parts,
            cast("OffenceReporter", None),
            cast("Watcher", None),
            send=self.sent.append,
            want=lambda block, peer: None,
            peers=(),
        )
        self.driver = SyncDriver(
            self.parts,
            self.queue,
            self.clock,
            self.finality,
            send=self.sent.append,
            on_history=lambda: None,
        )


@pytest.fixture
def case() -> Case:
    return Case()


def test_sync_is_checked_rarely_while_it_waits_for_nothing_and_often_otherwise(case: Case) -> None:
    case.clock.advance(5_000)
    case.driver.start()
    case.driver.tick()
    case.driver.tick()
    assert case.sync.ticks == [5_000]
    assert case.driver.due == 5_000 + SYNC_IDLE
    case.sync.idle = False
    case.driver.follow([])
    assert case.driver.due == 5_000 + SYNC_EVERY


def test_an_answer_in_time_and_a_retry_without_need_cause_no_check(case: Case) -> None:
    case.clock.advance(5_400)
    case.driver.start()
    case.driver.tick()
    assert case.driver.due == 6_000  # when a slot begins
    case.sync.idle, case.sync.retry_at = False, 5_500
    case.driver.follow([])
    assert case.driver.due == 5_500
    case.clock.advance(5_450)
    case.sync.retry_at = None
    case.driver.follow([])
    assert case.driver.due == 5_400 + SYNC_EVERY  # events do not postpone it
    case.sync.idle = True
    case.driver.follow([])
    assert case.driver.due == 6_000


def test_blocks_of_sync_wait_in_the_queue_and_penalties_are_sent(case: Case) -> None:
    penalty = Penalise("a", 10, "a lie")
    case.driver.follow([ImportBlocks(1, ()), penalty])
    assert len(case.queue) == 1
    assert case.sent == [penalty]


def test_blocks_to_precheck_are_offered_to_the_helper_if_there_is_one(case: Case) -> None:
    offered: list[tuple[Block, ...]] = []
    blocks = (cast("Block", "a block"), cast("Block", "the next"))
    case.parts.prechecks = None
    case.driver.follow([PrecheckBlocks(blocks)])
    case.parts.prechecks = cast("Prechecks", SimpleNamespace(offer=offered.append))
    case.driver.follow([PrecheckBlocks(blocks)])
    assert offered == [blocks]
    assert len(case.queue) == 0
    assert case.sent == []


def test_the_gadget_is_woken_at_its_time_and_after_the_clock_went_back(case: Case) -> None:
    case.finality.tick(1_000)
    assert case.gadget.ticks == []
    case.finality.apply([ArmTimer(1_000)], 0)
    case.finality.tick(999)
    case.finality.tick(1_000)
    assert (case.gadget.ticks, case.finality.due) == ([1_000], 1_100)
    case.finality.clock_went_back(300)
    assert case.finality.due == 300


def test_a_malformed_justification_costs_the_peer_that_sent_it(case: Case) -> None:
    case.finality.process_proof(b"\xff", None, 0)
    assert case.sent == []
    case.finality.process_proof(b"\xff", "a", 0)
    [penalty] = case.sent
    assert isinstance(penalty, Penalise)
    assert (penalty.peer, penalty.cost) == ("a", BAD_PROOF)


def test_the_status_changes_with_the_heads_and_the_lowest_block(case: Case) -> None:
    status = HeadStatus(case.parts, validator=True)
    assert status.has_changed
    assert status.take() == Status(AUTHORITY, 9, b"best", 7, b"final", 3)
    assert not status.has_changed
    events: list[tuple[ChainEvent, bool]] = [
        (NewBlock(b"new", b"best", 10, is_best=False), False),
        (Finalized((b"final",), ()), True),
    ]
    for event, changes in events:
        status._on_chain_event(event)
        assert status.has_changed is changes
    status.take()
    status.mark_changed()
    assert status.has_changed


def test_a_missing_proof_is_asked_for_once(case: Case) -> None:
    status = HeadStatus(case.parts, validator=False)
    assert status.unproven() is None
    case.gadget.unproven = SimpleNamespace(number=7, hash=b"final")
    assert status.unproven() == BlockId(7, b"final")
    assert status.unproven() is None
