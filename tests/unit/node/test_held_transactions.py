"""Transactions of peers that wait for a block: without room in the pool, or too far ahead."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from btt_chain.crypto.hashing import blake2_256
from btt_chain.node.transactions.backpressure import Backpressure
from btt_chain.node.transactions.held import MAX_BYTES, MAX_TRIES, Held, HeldTransactions
from btt_chain.node.transactions.intake import MAX_FORGED
from btt_chain.primitives.validity import Future, Invalid, Payment, TransactionSource
from btt_chain.txpool import BlockRef, Limit, Limits, Validated
from p2p.fair_queue import OVERHEAD
from p2p.network import TX, Action, Disconnected, GossipReceived, Penalise
from p2p.protocols.messages import TxBatch
from support.sim.accounts import nonce_of, transfer
from support.sim.nodes import SimNode
from support.sim.world import World

WIRE = bytes(150)
SIZE = len(WIRE) + OVERHEAD
LIMITS = Limits(ready=Limit(20, 1 << 20), future=Limit(8, 1 << 20), future_sender=Limit(4, 1 << 20))


def one(peer: str, wire: bytes = WIRE, *, is_early: bool = False, tries: int = 0) -> Held:
    return Held(peer, wire, is_early, tries)


def fill(held: HeldTransactions, peer: str) -> int:
    """Keep transactions of a peer until there is no room for it; return their number."""
    count = 0
    while held.keep(f"{peer} {count}".encode(), one(peer)):
        count += 1
    return count


def test_they_leave_in_the_order_of_arrival_and_make_room() -> None:
    held = HeldTransactions()
    for at in range(5):
        assert held.keep(bytes((at,)), one(f"n{at % 2}", bytes((at,))))
    assert [each.wire for each in held.take(3)] == [b"\0", b"\1", b"\2"]
    assert (held.sender(b"\0"), held.sender(b"\3")) == (None, "n1")
    assert held.take(-5) == []
    assert [each.peer for each in held.take(9)] == ["n1", "n0"]
    assert len(held) == 0
    assert fill(held, "n1") == MAX_BYTES // SIZE // 2


def test_early_ones_take_no_room_of_others() -> None:
    held = HeldTransactions()
    for at in range(6):
        assert held.keep(bytes((at,)), one("n1", bytes((at,)), is_early=at % 2 == 0))
    assert [each.wire for each in held.take(1)] == [b"\0", b"\1", b"\2", b"\4"]
    assert [each.wire for each in held.take(5)] == [b"\3", b"\5"]


def test_peers_that_send_too_much_leave_room_for_others() -> None:
    held = HeldTransactions()
    counts = [fill(held, f"n{at}") for at in range(9)]
    assert counts == sorted(counts, reverse=True)
    assert counts[0] == MAX_BYTES // SIZE // 2
    left = MAX_BYTES - sum(counts) * SIZE
    assert left > 0
    # The share is of what is free, so a peer that comes after all of them gets half of it.
    late = fill(held, "late")
    assert late == left // SIZE // 2 > 0
    assert {each.peer for each in held.take(sum(counts))} == {f"n{at}" for at in range(9)}
    assert len(held) == late


def test_one_that_was_early_after_all_its_blocks_is_not_kept() -> None:
    held = HeldTransactions()
    assert held.keep(b"a", one("n1", is_early=True, tries=MAX_TRIES - 1))
    assert not held.keep(b"b", one("n1", is_early=True, tries=MAX_TRIES))


# ---- in a node


@pytest.fixture
def world() -> World:
    world = World(seed=2, validators=2)
    world.run(4)
    for node in world.nodes:
        service = node.running.parts.pool
        base = service.pool._base
        service.pool.limits = base._limits = base._admission._limits = LIMITS
        service.backpressure = Backpressure(LIMITS.ready.count)
    return world


def wires(world: World, nonces: Sequence[int]) -> list[bytes]:
    return [transfer(0, nonce, 1, 10**15, world.genesis.hash) for nonce in nonces]


def receive(world: World, batch: Sequence[bytes], peer: str = "n1") -> list[Action]:
    """Hand a batch of a peer to node 0; return what the node does, gossip left out."""
    engine, data = world.nodes[0].running, TxBatch(list(batch)).encode()
    actions = [*engine.handle(GossipReceived(TX, peer, data), world.now)]
    while engine.busy:
        actions += engine.work(world.now)
    return actions


def queues(node: SimNode) -> tuple[int, int, int]:
    """Return how many are ready, wait in the pool, and are held."""
    engine = node.running
    status = engine.parts.pool.pool.status()
    return status.ready, status.future, len(engine._intake._held)


def test_what_a_full_pool_has_no_room_for_comes_after_a_block(world: World) -> None:
    node = world.nodes[0]
    batch = wires(world, range(50))
    actions = receive(world, batch)
    assert queues(node) == (20, 0, 30)
    assert not any(isinstance(action, Penalise) for action in actions)
    room = node.running.parts.pool.backpressure.room
    assert room < Backpressure(LIMITS.ready.count).room
    # Another peer has them, too, and they are held once.
    receive(world, batch, "n5")
    assert queues(node) == (20, 0, 30)
    world.run(8)
    assert nonce_of(node, 0) == 50
    assert queues(node) == (0, 0, 0)
    assert node.running.parts.pool.backpressure.room == Backpressure(LIMITS.ready.count).room


def test_what_pays_more_does_not_wait_for_a_block(world: World) -> None:
    receive(world, wires(world, range(30)))
    better = transfer(2, 0, 1, 10**15, world.genesis.hash, tip=10**15)
    receive(world, [better])
    assert world.nodes[0].running.parts.pool.pool.is_ready(blake2_256(better))


def test_what_is_too_far_ahead_waits_for_the_nonces_before(world: World) -> None:
    node = world.nodes[0]
    ahead = wires(world, range(5, 15))
    receive(world, ahead)
    assert queues(node) == (0, 4, 6)
    receive(world, wires(world, range(5)))
    # Not before a block: those that wait in the pool are enough until then.
    assert queues(node) == (9, 0, 6)
    world.run(4)
    assert nonce_of(node, 0) == 15
    assert queues(node) == (0, 0, 0)


def test_what_stays_too_far_ahead_is_dropped_after_a_few_blocks(world: World) -> None:
    node = world.nodes[0]
    receive(world, wires(world, range(5, 15)))
    before = node.client.best().number
    held = [queues(node)[2]]
    while node.client.best().number < before + MAX_TRIES:
        world.run_until(world.now + 100)
        held.append(queues(node)[2])
    assert set(held[:-1]) == {6}
    assert held[-1] == 0
    assert queues(node)[1] == 4


def test_the_next_nonce_is_not_too_far_ahead_though_others_wait(world: World) -> None:
    node = world.nodes[0]
    receive(world, wires(world, range(3)))
    world.run(4)  # the tags of its last block are forgotten
    receive(world, wires(world, range(5, 9)))
    assert queues(node) == (0, 4, 0)
    receive(world, wires(world, range(3, 5)))
    assert queues(node) == (6, 0, 0)


def test_a_peer_that_sends_what_is_held_again_is_late(world: World) -> None:
    engine = world.nodes[0].running
    ahead = wires(world, range(5, 15))
    receive(world, ahead)
    intake = engine._intake

    def left() -> float:
        return intake._tolerated["n1"].level

    before = left()
    receive(world, ahead, "n5")
    assert left() == before
    receive(world, ahead)
    assert left() < before


def full(world: World, batch: Sequence[bytes], *peers: str) -> list[bytes]:
    """Let peers send what the full pool of node 0 has no room for; return what fills it."""
    receive(world, ahead := wires(world, range(20)))
    for peer in peers:
        world.nodes[0].running._intake.connected(peer)
        receive(world, batch, peer)
    assert queues(world.nodes[0]) == (20, 0, len(batch))
    return ahead


def free(world: World, gone: Sequence[bytes]) -> None:
    """Make room in node 0, as a block would."""
    engine = world.nodes[0].running
    engine.parts.pool.remove(dict.fromkeys(map(blake2_256, gone), "for room"))
    engine._intake.retry_held()


def others(world: World, count: int = 3) -> list[bytes]:
    """Return transfers of another account."""
    return [transfer(2, nonce, 1, 10**15, world.genesis.hash) for nonce in range(count)]


@pytest.mark.parametrize("is_queued", [False, True])
def test_what_two_peers_sent_is_not_lost_when_the_first_one_leaves(
    world: World, is_queued: bool
) -> None:
    engine = world.nodes[0].running
    ahead = full(world, others(world), "n9", "n1")
    if not is_queued:
        engine.handle(Disconnected("n9"), world.now)
    free(world, ahead[-3:])
    if is_queued:
        engine.handle(Disconnected("n9"), world.now)
    while engine.busy:
        engine.work(world.now)
    pool = engine.parts.pool.pool
    assert all(pool.is_ready(blake2_256(wire)) for wire in others(world))


def test_what_only_a_peer_that_left_has_sent_is_not_validated(world: World) -> None:
    engine = world.nodes[0].running
    ahead = full(world, others(world), "n9")
    engine.handle(Disconnected("n9"), world.now)
    free(world, ahead[-3:])
    assert not engine.busy
    assert queues(world.nodes[0]) == (17, 0, 0)


def test_forged_transactions_do_not_take_along_what_an_honest_peer_has_sent(world: World) -> None:
    engine = world.nodes[0].running
    forged = [bytearray(wire) for wire in others(world, MAX_FORGED)]
    for number, wire in enumerate(forged):
        wire[40:48] = number.to_bytes(8, "little")
    ahead = full(world, [*map(bytes, forged), *others(world)], "n9")
    receive(world, others(world))
    free(world, ahead)
    while engine.busy:
        engine.work(world.now)
    pool = engine.parts.pool.pool
    assert all(pool.is_ready(blake2_256(wire)) for wire in others(world))


def test_an_account_that_cannot_pay_any_more_is_no_fault_of_a_peer(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = world.nodes[0].running
    ahead = full(world, others(world, MAX_FORGED), "n1")

    def unpaid(*_: object) -> None:
        raise Invalid(Payment())

    monkeypatch.setattr(engine.parts.pool, "_validate_new", unpaid)
    free(world, ahead)
    actions: list[Action] = []
    while engine.busy:
        actions += engine.work(world.now)
    assert not any(isinstance(action, Penalise) for action in actions)
    assert queues(world.nodes[0]) == (0, 0, 0)


@pytest.mark.parametrize("blocks", [1, 9])
def test_what_the_runtime_finds_early_is_validated_again_after_a_block(
    world: World, monkeypatch: pytest.MonkeyPatch, blocks: int
) -> None:
    """A verdict is revealed from a slot on, and a node may be a block behind its peers."""
    node, (wire,) = world.nodes[0], wires(world, [0])
    pool, begun = node.running.parts.pool, node.client.best().number
    valid = pool._validate_new

    def early(wire: bytes, source: TransactionSource, at: BlockRef) -> Validated:
        if node.client.best().number < begun + blocks:
            raise Invalid(Future())
        return valid(wire, source, at)

    monkeypatch.setattr(pool, "_validate_new", early)
    actions = receive(world, [wire])
    assert queues(node) == (0, 0, 1)
    assert not any(isinstance(action, Penalise) for action in actions)
    world.run(blocks + 3)
    assert nonce_of(node, 0) == (blocks == 1)
    assert queues(node) == (0, 0, 0)
