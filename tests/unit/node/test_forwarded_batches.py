"""Batches of transactions that a node forwards: with the same bytes where most is new."""

from __future__ import annotations

import pytest

from btt_chain.node.transactions import gossip as tx_gossip
from p2p.network import TX, Disconnected, GossipReceived, Publish
from p2p.protocols.messages import TxBatch
from support.sim.accounts import transfer
from support.sim.world import World


@pytest.fixture
def world() -> World:
    world = World(seed=3, validators=2)
    world.run(2)
    return world


def wires(world: World, count: int, who: int = 0, first: int = 0) -> list[bytes]:
    return [transfer(who, first + nonce, 1, 10**15, world.genesis.hash) for nonce in range(count)]


def hand(world: World, batch: list[bytes], peer: str = "n1") -> bytes:
    """Hand a batch over to node 0; return its bytes."""
    data, engine = TxBatch(batch).encode(), world.nodes[0].running
    engine.handle(GossipReceived(TX, peer, data), world.now)
    while engine.busy:
        engine.work(world.now)
    return data


def gossiped(world: World) -> list[bytes]:
    """Return the next messages that node 0 gossips."""
    engine = world.nodes[0].running
    now = world.now + tx_gossip.GATHER_MS
    return [a.data for a in engine.tick(now) if isinstance(a, Publish) and a.topic == TX]


def test_a_large_new_batch_is_forwarded_with_the_same_bytes(world: World) -> None:
    data = hand(world, wires(world, 20))
    assert len(data) >= tx_gossip.MIN_FORWARDED
    assert gossiped(world) == [data]


def test_small_batches_are_collected_into_one(world: World) -> None:
    batch = wires(world, 6)
    for wire in batch:
        hand(world, [wire])
    assert gossiped(world) == [TxBatch(batch).encode()]


def test_of_a_batch_that_is_known_for_the_most_part_only_the_new_ones_are_sent(
    world: World,
) -> None:
    batch = wires(world, 30)
    hand(world, batch[:20])
    gossiped(world)
    hand(world, batch)
    assert gossiped(world) == [TxBatch(batch[20:]).encode()]


def test_of_a_batch_with_a_refused_transaction_only_the_others_are_sent(world: World) -> None:
    batch = wires(world, 20)
    forged = bytearray(batch[-1])
    forged[60] ^= 1
    hand(world, [*batch[:19], bytes(forged)])
    assert gossiped(world) == [TxBatch(batch[:19]).encode()]


def test_a_batch_is_not_forwarded_with_known_ones_that_are_early(world: World) -> None:
    early = wires(world, 10, who=1, first=5)
    hand(world, early)
    assert gossiped(world) == []
    batch = wires(world, 20)
    hand(world, [*batch, *early])
    assert gossiped(world) == [TxBatch(batch).encode()]


def test_more_batches_than_peers_permit_are_collected(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tx_gossip, "MAX_FORWARDS", 1)
    first = hand(world, wires(world, 20))
    later = wires(world, 20, who=1)
    hand(world, later)
    assert gossiped(world) == [first, TxBatch(later).encode()]


def test_what_was_accepted_of_a_batch_is_sent_though_its_peer_leaves(world: World) -> None:
    batch, engine = wires(world, 60), world.nodes[0].running
    engine.handle(GossipReceived(TX, "n1", TxBatch(batch).encode()), world.now)
    assert engine.busy  # a turn takes fewer
    engine.handle(Disconnected("n1"), world.now)
    ready = [tx.raw for tx in engine.parts.pool.pool.ready()]
    assert 0 < len(ready) < 60
    assert gossiped(world) == [TxBatch(ready).encode()]
