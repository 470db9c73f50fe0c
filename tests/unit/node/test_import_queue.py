"""Batches of blocks that wait for import, the clock of an engine, and changes of the runtime."""

from __future__ import annotations

import pytest

from btt_chain.chain.runtimes import RuntimeRegistry
from btt_chain.node.blocks import runtime_change
from btt_chain.node.blocks.import_queue import RETRY_MS, ImportQueue, ImportStep
from btt_chain.node.blocks.runtime_change import CHANGE_SLOTS, RuntimeChanges
from btt_chain.node.engine.steady_clock import SteadyClock
from btt_chain.primitives.babe import SecondaryPlain, SecondaryPlainClaim, Slot, pre_runtime
from btt_chain.primitives.digest import H256, Digest, DigestItem, RuntimeEnvironmentUpdated
from btt_chain.primitives.header import Header
from btt_chain.scale import u32
from p2p.sync.types import Block, BlocksImported, ImportBlocks, Refusal
from support.chain import DevChain

ZERO = H256(bytes(32))
SLOT_MS = 2_000


def block(number: int, *logs: DigestItem) -> Block:
    header = Header(ZERO, u32(number), ZERO, ZERO, Digest(list(logs)))
    return Block(bytes(header.hash()), header, [], None, ())


def filled(*batches: tuple[Block, ...]) -> ImportQueue:
    queue = ImportQueue(SLOT_MS)
    for id, blocks in enumerate(batches):
        queue.put(ImportBlocks(id, blocks))
    return queue


def test_blocks_are_taken_in_order_and_a_batch_is_reported_once_it_is_done() -> None:
    one, two, three = block(1), block(2), block(3)
    queue = filled((one, two), (three,))

    assert queue.next() == ImportStep(one, must_prove=True, is_built_on=True)
    assert queue.advance(None, "", 0) is None
    assert queue.next() == ImportStep(two, must_prove=True, is_built_on=False)
    assert queue.advance(None, "", 0) == BlocksImported(0, 2, None, "", 0)
    assert queue.next() == ImportStep(three, must_prove=True, is_built_on=False)
    assert queue.advance(None, "", 0) == BlocksImported(1, 1, None, "", 0)
    assert not queue


def test_a_refused_block_ends_its_batch() -> None:
    queue = filled((block(1), block(2), block(3)), (block(9),))
    queue.next()
    queue.advance(None, "", 0)

    assert queue.advance(Refusal.BAD, "a bad seal", 0) == BlocksImported(
        0, 1, Refusal.BAD, "a bad seal", 0
    )
    step = queue.next()
    assert step is not None
    assert step.block.header.number == 9


def test_an_empty_batch_is_reported_at_once() -> None:
    queue = filled(())
    assert queue.next() is None
    assert queue.advance(None, "", 0) == BlocksImported(0, 0, None, "", 0)
    assert not queue


def test_an_early_block_is_retried_when_its_slot_may_be_imported() -> None:
    claim = pre_runtime(SecondaryPlain(SecondaryPlainClaim(u32(0), Slot(10))))
    queue = filled((block(1, claim),), (block(1, claim),))

    report = queue.advance(Refusal.EARLY, "its slot has not come", 5 * SLOT_MS)
    assert report is not None
    assert report.wait_ms == 4 * SLOT_MS

    # Its slot has come, so another reason keeps it out: a runtime that is not carried.
    report = queue.advance(Refusal.EARLY, "spec version 9 is not carried", 10 * SLOT_MS)
    assert report is not None
    assert report.wait_ms == RETRY_MS


def test_steady_time_does_not_go_back_with_the_clock() -> None:
    clock = SteadyClock()
    assert not clock.advance(1_000)
    assert clock.advance(400)
    assert (clock.now, clock.steady) == (400, 1_000)
    assert not clock.advance(500)
    assert clock.steady == 1_100


@pytest.fixture
def chain() -> DevChain:
    return DevChain(shared=True)


def test_peers_are_excused_for_some_slots_after_a_block_that_changes_the_runtime(
    chain: DevChain,
) -> None:
    changes = RuntimeChanges(chain.client)
    changes.imported(block(1).header, 3)
    assert not changes.is_near(3)
    changes.imported(block(2, RuntimeEnvironmentUpdated()).header, 4)
    assert changes.is_near(4 + CHANGE_SLOTS)
    assert not changes.is_near(5 + CHANGE_SLOTS)


def test_a_chain_is_stalled_only_at_a_runtime_that_is_not_carried(
    chain: DevChain, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Scheduled:
        in_headers = 20

    monkeypatch.setattr(runtime_change, "coming", lambda _read: Scheduled)
    changes = RuntimeChanges(chain.client)
    assert not changes.is_near(19 - CHANGE_SLOTS)
    assert changes.is_near(20 - CHANGE_SLOTS)
    assert not changes.is_stalled(20)
    monkeypatch.setattr(RuntimeRegistry, "lacks", lambda _self, _read: 9)
    assert not changes.is_stalled(19)
    assert changes.is_stalled(20)
