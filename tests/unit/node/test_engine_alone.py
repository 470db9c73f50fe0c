"""An engine without peers, whose clock goes back, or with too many blocks at one height."""

from __future__ import annotations

import pytest

from btt_chain.chain import client as client_module
from btt_chain.node.transactions import pool as pool_module
from btt_chain.txpool import Status, StatusEvent
from p2p.sync.types import Block, BlocksImported, ImportBlocks, Refusal
from support.sim.accounts import transfer
from support.sim.world import World

HOUR_MS = 3_600_000


def test_the_only_validator_makes_blocks_without_peers() -> None:
    world = World(seed=1, validators=1)
    world.run(6)
    assert world.nodes[0].client.best().number >= 4
    assert world.nodes[0].client.finalized().number >= 3


def test_one_of_several_validators_makes_none_without_peers() -> None:
    world = World(seed=1, validators=2, late=[1])
    world.run(6)
    assert world.nodes[0].client.best().number == 0


def test_a_slot_that_another_call_is_the_first_to_see_is_due_at_once() -> None:
    world = World(seed=1, validators=2)
    world.run(3)
    engine, slot_ms = world.nodes[0].running, world.slot_ms
    begins = (world.now // slot_ms + 1) * slot_ms
    engine.tick(begins - 1)
    assert engine.due == begins
    engine.flush(begins)  # as an event that comes before the tick
    assert engine.due == begins
    engine.tick(begins)
    assert engine.due > begins


def test_what_waits_is_done_in_time_though_the_clock_goes_back() -> None:
    world = World(seed=2, validators=2)
    world.run(4)
    other = world.nodes[1]
    arrived: list[bytes] = []
    other.running.parts.pool.on_arrival(arrived.extend)
    hash = world.submit(0, transfer(0, 0, 1, 10**15, world.genesis.hash))
    world.turn_clock(0, -HOUR_MS)
    world.run_until(world.now + 1_500)
    assert arrived == [hash]


def test_a_watcher_of_a_transaction_receives_the_peers_it_was_gossiped_to() -> None:
    world = World(seed=2, validators=2)
    world.run(4)
    events: list[StatusEvent] = []
    hash = world.submit(0, transfer(0, 0, 1, 10**15, world.genesis.hash))
    assert hash is not None
    world.nodes[0].running.parts.pool.watch(hash, events.append)
    world.run_until(world.now + 1_500)
    assert [event.peers for event in events if event.status is Status.BROADCAST] == [("n1",)]


def test_the_pool_is_rechecked_in_the_turns_after_a_block(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool_module, "RECHECKS", 2)
    world = World(seed=2, validators=1)
    world.run(2)
    engine = world.nodes[0].running
    pool = engine.parts.pool
    for nonce in range(1, 6):
        world.submit(0, transfer(0, nonce, 1, 10**15, world.genesis.hash))
    assert pool.pool.status().future == 5
    turns: list[bool] = []
    whole = pool.recheck_some

    def counted() -> bool:
        turns.append(whole())
        return turns[-1]

    monkeypatch.setattr(pool, "recheck_some", counted)
    before = engine.parts.client.best().number
    world.run(1)
    assert engine.parts.client.best().number == before + 1
    assert turns == [True, True, False]
    assert not engine.busy


def test_a_block_too_many_for_its_height_is_no_fault_of_a_peer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = World(seed=3, validators=2, observers=1, late=[2])
    world.run(5)
    maker = world.nodes[0].client
    blocks = []
    for number in (1, 2):
        header = maker.header_of(maker.block_hash(number) or b"")
        body = maker.body(header.hash()) or []
        blocks.append(Block(bytes(header.hash()), header, body, None, ("n0",)))
    world.links.partition([[0, 1], [2]])
    world.start(2)
    engine = world.nodes[2].running
    reports: list[BlocksImported] = []

    def handle(report: BlocksImported, now: int) -> list[ImportBlocks]:
        reports.append(report)
        return []

    monkeypatch.setattr(engine.parts.sync, "handle", handle)
    monkeypatch.setattr(engine.parts.sync, "tick", lambda now: [])
    monkeypatch.setattr(client_module, "MAX_FORKS", 0)
    for order in (ImportBlocks(1, tuple(blocks[:1])), ImportBlocks(2, tuple(blocks))):
        monkeypatch.setattr(engine.parts.sync, "tick", lambda now, order=order: [order])
        world.time.now += 1_000
        engine.tick(world.now)
        monkeypatch.setattr(engine.parts.sync, "tick", lambda now: [])
        while engine.busy:
            engine.work(world.now)
    assert [(report.done, report.refused) for report in reports] == [
        (0, Refusal.TOO_MANY_FORKS),
        (1, Refusal.TOO_MANY_FORKS),
    ]
