"""Costs of a batch of transactions, for its sender and for this node."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import pytest

from btt_chain.crypto.hashing import blake2_256
from btt_chain.node.transactions import intake as tx_intake
from btt_chain.node.transactions.gossip import LARGE_EVERY_MS
from btt_chain.node.transactions.intake import MAX_FORGED, TX_COST
from btt_chain.node.transactions.pool import MAX_UNCHECKED
from btt_chain.primitives.validity import TransactionSource
from btt_chain.txpool import Status, StatusEvent, TransactionInvalid
from p2p.limits import Rate
from p2p.network import TX, GossipReceived, Penalise
from p2p.protocols.messages import TX_BYTES, TxBatch
from support.sim.accounts import nonce_of, runtime, sign, transfer
from support.sim.images import SLOT_MS
from support.sim.nodes import SimNode
from support.sim.world import World

SIGNATURE: Final = slice(40, 48)
"""Bytes within the signature of a transfer."""
WHOLE_BATCH: Final = 60


@pytest.fixture
def world() -> World:
    world = World(seed=2, validators=2)
    world.run(4)
    return world


def good(world: World, count: int) -> list[bytes]:
    return [transfer(0, nonce, 1, 10**15, world.genesis.hash) for nonce in range(count)]


def forged(world: World, count: int) -> list[bytes]:
    honest = transfer(1, 0, 2, 10**15, world.genesis.hash)
    found = []
    for number in range(count):
        wire = bytearray(honest)
        wire[SIGNATURE] = number.to_bytes(8, "little")
        found.append(bytes(wire))
    return found


def unpaid(world: World, count: int) -> list[bytes]:
    # Keys without accounts: their signatures are valid, and there is no money.
    return [transfer(100 + index, 0, 1, 10**15, world.genesis.hash) for index in range(count)]


def gossip(world: World, wires: Sequence[bytes]) -> tuple[list[Penalise], int]:
    """Hand a batch over; return what it cost the peer, and how many were looked at."""
    engine = world.nodes[0].running
    pool, looked = engine.parts.pool, []
    plain = pool.admit

    def submit(wire: bytes, source: TransactionSource) -> bytes:
        looked.append(wire)
        return plain(wire, source)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pool, "admit", submit)
        actions = engine.handle(GossipReceived(TX, "n1", TxBatch(list(wires)).encode()), world.now)
        while engine.busy:
            actions += engine.work(world.now)
    return [action for action in actions if isinstance(action, Penalise)], len(looked)


def test_forged_transactions_cost_their_sender_and_are_not_all_looked_at(world: World) -> None:
    blames, looked = gossip(world, forged(world, WHOLE_BATCH))
    assert [(blame.peer, blame.cost) for blame in blames] == [("n1", TX_COST)]
    assert looked == MAX_FORGED


def test_unpaid_transactions_are_not_all_validated_either(world: World) -> None:
    blames, looked = gossip(world, unpaid(world, WHOLE_BATCH))
    assert [blame.cost for blame in blames] == [TX_COST]
    assert looked == MAX_FORGED


def test_one_forged_transaction_keeps_no_other_out(world: World) -> None:
    wires = good(world, 20)
    blames, looked = gossip(world, [*wires[:10], *forged(world, 1), *wires[10:]])
    assert [blame.cost for blame in blames] == [TX_COST]
    assert looked == 21
    pool = world.nodes[0].running.parts.pool.pool
    assert all(blake2_256(wire) in pool for wire in wires)


def test_an_account_that_was_emptied_meanwhile_is_not_the_peers_fault(world: World) -> None:
    blames, _ = gossip(world, [*unpaid(world, 3), *good(world, 3)])
    assert blames == []


def test_transactions_whose_nonce_is_used_up_are_not_the_peers_fault(world: World) -> None:
    wires = good(world, WHOLE_BATCH)
    gossip(world, wires)
    world.run(3)
    again = [transfer(0, nonce, 1, 2 * 10**15, world.genesis.hash) for nonce in range(WHOLE_BATCH)]
    blames, looked = gossip(world, again)
    assert blames == []
    assert looked == WHOLE_BATCH


def test_transactions_of_a_block_are_not_validated_when_others_gossip_them(world: World) -> None:
    wires = good(world, 400)
    node, other = world.nodes
    for wire in wires:
        other.running.parts.pool.submit(wire)
    world.run(6)
    assert nonce_of(node, 0) == len(wires)
    node.running._gossip.received.clear()
    blames, looked = gossip(world, wires)
    assert (blames, looked) == ([], 0)


def test_a_node_that_starts_knows_what_its_last_blocks_held(world: World) -> None:
    wires = good(world, 20)
    gossip(world, wires)
    world.run(3)
    world.kill(0)
    world.start(0)
    blames, looked = gossip(world, wires)
    assert (blames, looked) == ([], 0)


def test_endless_transactions_whose_nonce_is_used_up_cost_their_sender(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = Rate(20, 300)
    monkeypatch.setattr(tx_intake, "TOLERATED", few)
    gossip(world, good(world, 1))
    world.run(3)
    late = [transfer(0, 0, 1, 10**15 + n, world.genesis.hash) for n in range(1, 401)]
    first, looked = gossip(world, late[:200])
    assert (first, looked) == ([], 200)
    blames, looked = gossip(world, late[200:])
    assert [(blame.peer, blame.cost) for blame in blames] == [("n1", TX_COST)]
    assert looked == few.burst - 200 + 1
    world.time.now += 60_000
    blames, _ = gossip(world, late[350:])
    assert blames == []


def test_rivals_are_not_the_peers_fault_and_most_fail_before_their_signature(
    world: World,
) -> None:
    gossip(world, good(world, 1))
    rivals = [transfer(0, 0, 1, 10**15 + n, world.genesis.hash) for n in range(1, 801)]
    for first in range(0, 800, 200):
        assert gossip(world, rivals[first : first + 200]) == ([], 0)
    # Those that pay more are judged, and take the place of the one before.
    better = transfer(0, 0, 1, 10**15, world.genesis.hash, tip=10**15)
    assert gossip(world, [better]) == ([], 1)
    assert blake2_256(better) in world.nodes[0].running.parts.pool.pool


def test_a_rival_that_is_refused_unchecked_leaves_no_trace(world: World) -> None:
    [holder] = good(world, 1)
    gossip(world, [holder])
    parts = world.nodes[0].running.parts
    rival = bytearray(transfer(0, 0, 1, 10**15 + 1, world.genesis.hash))
    rival[SIGNATURE] = bytes(8)
    assert gossip(world, [bytes(rival)]) == ([], 0)
    assert blake2_256(bytes(rival)) not in world.nodes[0].running._gossip.received
    assert parts.pool.pool.get(blake2_256(holder)) is not None
    with pytest.raises(TransactionInvalid):  # by RPC it is judged in full
        parts.pool.submit(bytes(rival))


def test_a_forged_rival_with_a_long_call_is_charged_as_forged(world: World) -> None:
    gossip(world, good(world, 1))
    call = runtime().call("System", "remark", remark=bytes(MAX_UNCHECKED))
    rival = bytearray(sign(0, 0, call, world.genesis.hash))
    rival[SIGNATURE] = bytes(8)
    penalties, _ = gossip(world, [bytes(rival)])
    assert [penalty.cost for penalty in penalties] == [tx_intake.TX_COST]


def test_endless_rivals_cost_their_sender(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tx_intake, "TOLERATED", Rate(20, 30))
    gossip(world, good(world, 1))
    rivals = [transfer(0, 0, 1, 10**15 + n, world.genesis.hash) for n in range(1, 41)]
    penalties, _ = gossip(world, rivals)
    assert [penalty.cost for penalty in penalties] == [tx_intake.TX_COST]


def test_a_transaction_that_is_too_large_for_gossip_is_said_to_stay_here(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    call = runtime().call("System", "remark", remark=bytes(1 << 20))
    seen: list[StatusEvent] = []
    pool = world.nodes[0].running.parts.pool
    large = sign(0, 0, call, world.genesis.hash)
    pool.watch(blake2_256(large), seen.append)
    with caplog.at_level("WARNING"):
        assert world.submit(0, large) is not None
    world.run_until(world.now + SLOT_MS)
    assert f"it has {len(large)} bytes" in caplog.text
    assert Status.BROADCAST not in {event.status for event in seen}
    world.run(6)
    assert Status.IN_BLOCK in {event.status for event in seen}  # a block of this node took it


def test_transactions_that_are_too_large_for_others_travel_alone_one_a_second(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    node, other = world.nodes
    seen: list[tuple[int, int]] = []
    publish = world.wires.publish

    def spy(sender: SimNode, topic: str, data: bytes, only: Sequence[int] | None = None) -> None:
        if topic == TX and sender is node:
            seen.append((world.now, len(data)))
        publish(sender, topic, data, only)

    monkeypatch.setattr(world.wires, "publish", spy)
    sizes = (100, 70_000, 1_000_000, 200, 80_000)
    wires = []
    for nonce, size in enumerate(sizes):
        call = runtime().call("System", "remark", remark=bytes(size))
        wires.append(sign(0, nonce, call, world.genesis.hash))
        assert world.submit(0, wires[-1]) is not None
    world.run_until(world.now + 4_000)
    taken = other.running.parts.pool.pool
    assert all(
        blake2_256(wire) in taken or int(nonce_of(other, 0)) > nonce
        for nonce, wire in enumerate(wires)
    )
    alone = [at for at, size in seen if size > TX_BYTES]
    assert len(alone) >= 2
    assert all(late - early >= LARGE_EVERY_MS for early, late in pairwise(alone))
