"""What a batch of transactions costs who handed it over, and us."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import pytest

from btt_chain.crypto.hashing import blake2_256
from btt_chain.node.engine import MAX_FORGED, TX_COST
from btt_chain.primitives.validity import TransactionSource
from btt_chain.txpool import Status, StatusEvent
from p2p.network import TX, GossipHeard, Penalise
from p2p.protocols.messages import TxBatch
from support.sim.accounts import runtime, sign, transfer
from support.sim.world import SLOT_MS, World

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
    [honest] = good(world, 1)
    found = []
    for number in range(count):
        wire = bytearray(honest)
        wire[SIGNATURE] = number.to_bytes(8, "little")
        found.append(bytes(wire))
    return found


def unpaid(world: World, count: int) -> list[bytes]:
    # Keys of nobody: their signatures hold, and there is no money.
    return [transfer(100 + index, 0, 1, 10**15, world.genesis.hash) for index in range(count)]


def hear(world: World, wires: Sequence[bytes]) -> tuple[list[Penalise], int]:
    """Hand a batch over; return what it cost the peer, and how many were looked at."""
    engine = world.nodes[0].running
    pool, looked = engine.parts.pool, []
    plain = pool.submit

    def submit(wire: bytes, source: TransactionSource) -> bytes:
        looked.append(wire)
        return plain(wire, source)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pool, "submit", submit)
        actions = engine.hear(GossipHeard(TX, "n1", TxBatch(list(wires)).encode()), world.now)
    return [action for action in actions if isinstance(action, Penalise)], len(looked)


def test_forged_transactions_cost_their_sender_and_are_not_all_looked_at(world: World) -> None:
    blames, looked = hear(world, forged(world, WHOLE_BATCH))
    assert [(blame.peer, blame.cost) for blame in blames] == [("n1", TX_COST)]
    assert looked == MAX_FORGED


def test_transactions_that_nobody_pays_for_are_not_all_looked_at_either(world: World) -> None:
    blames, looked = hear(world, unpaid(world, WHOLE_BATCH))
    assert [blame.cost for blame in blames] == [TX_COST]
    assert looked == MAX_FORGED


def test_one_forged_transaction_keeps_no_other_out(world: World) -> None:
    wires = good(world, 20)
    blames, looked = hear(world, [*wires[:10], *forged(world, 1), *wires[10:]])
    assert [blame.cost for blame in blames] == [TX_COST]
    assert looked == 21
    pool = world.nodes[0].running.parts.pool.pool
    assert all(blake2_256(wire) in pool for wire in wires)


def test_an_account_that_was_emptied_meanwhile_is_nobodys_fault(world: World) -> None:
    blames, _ = hear(world, [*unpaid(world, 3), *good(world, 3)])
    assert blames == []


def test_transactions_whose_nonce_is_used_up_are_nobodys_fault(world: World) -> None:
    wires = good(world, WHOLE_BATCH)
    hear(world, wires)
    world.run(3)
    again = [transfer(0, nonce, 1, 2 * 10**15, world.genesis.hash) for nonce in range(WHOLE_BATCH)]
    blames, looked = hear(world, again)
    assert blames == []
    assert looked == WHOLE_BATCH


def test_a_transaction_that_is_too_large_for_gossip_is_said_to_stay_here(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    call = runtime().call("System", "remark", remark=bytes(70_000))
    told: list[StatusEvent] = []
    pool = world.nodes[0].running.parts.pool
    large = sign(0, 0, call, world.genesis.hash)
    pool.watch(blake2_256(large), told.append)
    with caplog.at_level("WARNING"):
        assert world.submit(0, large) is not None
    world.run_until(world.now + SLOT_MS)
    assert f"it has {len(large)} bytes" in caplog.text
    assert Status.BROADCAST not in {event.status for event in told}
    world.run(6)
    assert Status.IN_BLOCK in {event.status for event in told}  # a block of this node took it
