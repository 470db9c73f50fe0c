"""Nodes in a row: messages of one reach all, because each gossips what it found valid."""

from __future__ import annotations

from btt_chain.crypto.hashing import blake2_256
from p2p import network
from p2p.protocols.messages import Announce, TxBatch
from support.sim import accounts
from support.sim.invariants import Invariants
from support.sim.nodes import SimNode
from support.sim.world import World

COUNT = 5


def row() -> World:
    """Validators of which each knows the one before and the one after it."""
    world = World(seed=11, validators=COUNT)
    world.links.cut = {(a, b) for a in range(COUNT) for b in range(COUNT) if abs(a - b) > 1}
    world.cut()
    return world


def said(world: World, topic: str) -> dict[int, list[bytes]]:
    """Listen to what every node publishes on a topic from now on."""
    words: dict[int, list[bytes]] = {index: [] for index in range(COUNT)}
    publish = world.wires.publish

    def listen(node: SimNode, about: str, data: bytes, *rest: object) -> None:
        if about == topic:
            words[node.index].append(data)
        publish(node, about, data, *rest)  # type: ignore[arg-type]

    vars(world.wires)["publish"] = listen
    return words


def test_a_row_of_validators_makes_blocks_final_and_blames_no_peer() -> None:
    world = row()
    invariants = Invariants(world)
    try:
        world.run(slots=30)
        invariants.conclude()
    finally:
        invariants.close()

    for node in world.nodes:
        assert len(node.connected) <= 2
        assert node.client.finalized().number > 10
        assert not node.watcher.penalties


def test_a_transaction_goes_down_the_row_and_each_node_sends_it_once() -> None:
    world = row()
    words = said(world, network.TX)
    world.run(slots=2)
    wires = [
        accounts.transfer(0, nonce, 1, 10**18, world.genesis.hash) for nonce in (1, 0, 2)
    ]  # the first must wait for the second
    for wire in wires:
        world.submit(0, wire)
    world.run(slots=4)

    for index, batches in words.items():
        sent = [wire for raw in batches for wire in TxBatch.decode(raw).transactions]
        assert sorted(sent) == sorted(wires), index
    assert accounts.nonce_of(world.nodes[-1], 0) == 3


def test_an_invalid_transaction_is_not_sent_on_and_costs_no_honest_peer() -> None:
    world = row()
    words = said(world, network.TX), said(world, network.ANNOUNCE)
    world.run(slots=5)
    liar, last = world.nodes[0], world.nodes[-1]
    best = liar.client.best()
    header = liar.client.header(best.hash)
    assert header is not None
    unsealed, _ = header.unsealed()
    forged = Announce(unsealed, is_best=True).encode()
    broke = accounts.transfer(5, 9, 1, 10**18, b"\x01" * 32)  # signed for another chain
    for topic, data in (
        (network.TX, TxBatch([broke]).encode()),
        (network.TX, b"\xff"),
        (network.ANNOUNCE, forged),
        (network.ANNOUNCE, b"\xff"),
        (network.GRANDPA, b"\xff"),
    ):
        world.wires.publish(liar, topic, data, [1])
    world.run(slots=3)

    seen = {data for topic, data in last.seen}
    assert not {forged, b"\xff", TxBatch([broke]).encode()} & seen
    assert {peer for peer, _, _ in world.nodes[1].watcher.penalties} == {0}
    assert not any(node.watcher.penalties for node in world.nodes[2:])
    hash = blake2_256(broke)
    assert all(hash not in node.running.parts.pool.pool for node in world.nodes)
    assert not [raw for raw in words[0][1] if broke in TxBatch.decode(raw).transactions]
    assert forged not in words[1][1]


def test_a_node_that_joins_late_at_the_end_of_the_row_receives_waiting_transactions() -> None:
    world = World(seed=12, validators=1, observers=4, late=[4])
    world.links.cut = {(a, b) for a in range(COUNT) for b in range(COUNT) if abs(a - b) > 1}
    world.cut()
    world.run(slots=1)
    world.kill(0)  # no node makes blocks any more: it has to wait
    hash = world.submit(1, accounts.transfer(0, 0, 1, 10**18, world.genesis.hash))
    world.run(slots=3)
    assert hash is not None
    assert hash in world.nodes[3].running.parts.pool.pool
    world.start(4)
    world.run(slots=3)
    assert hash not in world.nodes[4].running.parts.pool.pool

    words = said(world, network.TX)
    world.run(slots=60)  # the same bytes are not said twice within a minute
    assert hash in world.nodes[4].running.parts.pool.pool
    assert all(1 <= len(words[index]) <= 3 for index in (1, 2, 3, 4)), words
