"""Peers without a key that flood one node or two: cut off, and consensus does not notice."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Final

import pytest

from btt_chain.primitives.digest import H256
from btt_chain.primitives.extrinsic import bare, opaque
from btt_chain.primitives.header import Header
from btt_chain.scale import u32
from btt_chain.txpool import Limits
from p2p.network import ANNOUNCE, GRANDPA, TX
from p2p.networks import NETWORK
from p2p.protocols.messages import Announce, TxBatch
from support.sim import accounts
from support.sim.byzantine import Byzantine, corrupt
from support.sim.images import SLOT_MS
from support.sim.plays import Payers, final, lag, make, settle, watched
from support.sim.wires import Links
from support.sim.world import World

EVERY_MS: Final = 10
"""A flooder sends a hundred messages a second."""
ATTACKERS: Final = (4, 5)
PAYERS: Final = 5
"""Accounts of an attacker that pays."""

Message = Callable[[World, int], tuple[str, bytes]]


def malformed(world: World, number: int) -> tuple[str, bytes]:
    wires = [opaque(number.to_bytes(4, "big") + bytes((n & 255, n >> 8))) for n in range(1_000)]
    return TX, TxBatch(wires).encode()


def unsigned(world: World, number: int) -> tuple[str, bytes]:
    wires = [opaque(bare(bytes((0, 0, n)) + number.to_bytes(4, "big"))) for n in range(200)]
    return TX, TxBatch(wires).encode()


def forged(world: World, number: int) -> tuple[str, bytes]:
    wire = bytearray(accounts.transfer(0, 0, 1, 10**15, world.genesis.hash))
    wires = []
    for n in range(40):
        wire[40:48] = (number * 64 + n).to_bytes(8, "little")
        wires.append(bytes(wire))
    return TX, TxBatch(wires).encode()


def stale_announce(world: World, number: int) -> tuple[str, bytes]:
    root = H256(number.to_bytes(32, "big"))
    return ANNOUNCE, Announce(Header(root, u32(0), root, root), is_best=True).encode()


def broken_announce(world: World, number: int) -> tuple[str, bytes]:
    return ANNOUNCE, number.to_bytes(40, "big")


def broken_vote(world: World, number: int) -> tuple[str, bytes]:
    return GRANDPA, number.to_bytes(40, "big")


FLOODS: Final[dict[str, Message]] = {
    "malformed transactions": malformed,
    "unsigned transactions": unsigned,
    "forged transactions": forged,
    "announces below the final block": stale_announce,
    "malformed announces": broken_announce,
    "malformed votes": broken_vote,
}


def flood(world: World, attacker: int, victim: int, message: Message) -> None:
    """Let a node send messages to another one for as long as they are connected."""
    node, numbers = world.nodes[attacker], itertools.count(attacker * 100_000)

    def send() -> None:
        if victim in node.connected:
            topic, data = message(world, next(numbers))
            world.wires.publish(node, topic, data, [victim])
            world.later(EVERY_MS, send)

    send()


@pytest.mark.parametrize("message", FLOODS.values(), ids=FLOODS)
def test_flooders_of_two_nodes_are_cut_off_and_blocks_become_final_all_the_while(
    message: Message,
) -> None:
    world = make(401, observers=2)
    with watched(world):
        for attacker in ATTACKERS:
            corrupt(world, attacker, Byzantine)
        payers, lags = Payers(world), []
        world.run(5)
        before = [final(node) for node in world.honest]
        for attacker, victim in zip(ATTACKERS, (0, 1), strict=True):
            flood(world, attacker, victim, message)
        for slot in range(10_000 // SLOT_MS):
            payers.pay(slot % 4, 5)
            world.run(1)
            lags.append(lag(world))
        for attacker, victim in zip(ATTACKERS, (0, 1), strict=True):
            assert victim not in world.nodes[attacker].connected
            spent = world.nodes[victim].accounts
            assert sum(spent.useless.values()) <= NETWORK.burst
        assert max(lags) <= 4
        settle(world, 10)
        assert all(final(node) >= was + 4 for node, was in zip(world.honest, before, strict=True))
        assert all(map(payers.level, world.honest))


@pytest.mark.parametrize("seed", [0, 1, pytest.param(2, marks=pytest.mark.full)])
def test_honest_nodes_under_load_use_little_of_what_they_may_cost_each_other(seed: int) -> None:
    world = make(410 + seed, room=60)
    with watched(world):
        payers = Payers(world)
        for slot in range(12):
            for index in range(4):
                payers.pay((slot + index) % 4, 10)
            world.run(1)
        settle(world, 10)


def test_honest_nodes_that_come_back_under_load_are_not_cut_off() -> None:
    world = make(420, room=40)
    with watched(world):
        payers = Payers(world)
        for slot in range(24):
            payers.pay(slot % 3, 20)
            world.run(1)
            if slot in (6, 14):
                world.kill(3)
            if slot in (8, 18):
                world.start(3)
        settle(world, 20)


def conflict(seed: int, pairs: int, seconds: int) -> World:
    """Hand pairs of conflicting transactions, of equal priority, to two nodes at the same time."""
    world = make(seed)
    with watched(world):
        nonces = [0] * PAYERS
        world.run(4)
        for number in range(pairs * seconds):
            world.run_until(world.now + 1_000 // pairs)
            who = number % PAYERS
            one, two = (
                accounts.transfer(who, nonces[who], PAYERS, 10**15 + n, world.genesis.hash)
                for n in range(2)
            )
            assert world.submit(number % 4, one) is not None
            assert world.submit((number + 1) % 4, two) is not None
            nonces[who] += 1
        settle(world, 10)
    return world


@pytest.mark.parametrize(
    ("pairs", "seconds"), [(20, 25), pytest.param(20, 300, marks=pytest.mark.full)]
)
def test_conflicting_transactions_do_not_make_honest_neighbours_cut_each_other_off(
    pairs: int, seconds: int
) -> None:
    world = conflict(430, pairs, seconds)
    for node in world.nodes:
        assert sum(node.accounts.cut_off.values()) == 0
        assert max(node.accounts.used(other.name) for other in world.nodes) < 0.1
        assert node.watcher.penalties == []


def test_neighbours_at_400_transfers_a_second_may_send_nonces_before_earlier_ones() -> None:
    # Batches overtake each other, and a node that starts amid a backlog lacks what was sent before.
    world = make(440, links=Links(least=5, most=600), room=60, gossip_ms=100)
    with watched(world):
        world.run(4)
        early = 0
        for tick in range(60):
            for who in range(4):
                for nonce in range(5 * tick, 5 * tick + 5):
                    wire = accounts.transfer(who, nonce, 5, 10**15, world.genesis.hash)
                    assert world.submit(who % 3, wire) is not None
            world.run_until(world.now + 50)
            if tick == 20:
                world.kill(3)
            if tick == 30:
                world.start(3)
            pools = [node.running.parts.pool.pool for node in world.nodes if node.engine]
            early = max(early, *(pool.status().future for pool in pools))
        settle(world, 20)
    assert early >= Limits().future_sender.count  # it did happen
    for node in world.nodes:
        assert max(node.accounts.used(other.name) for other in world.nodes) < 0.1
        assert node.watcher.penalties == []
