"""Scenarios of docs/simulator.md that last, or change what nodes are: F19 by a state, F22, F27."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial

import pytest

from btt_chain.chain.runtimes import Release, RuntimeRegistry
from btt_chain.primitives.digest import RuntimeEnvironmentUpdated
from btt_chain.scale import u64, u128
from runtime import VERSION, BttRuntime
from runtime.constants import BTT
from runtime.frame import Runtime
from runtime.frame.version import CODE_KEY
from runtime.pallets.babe.pallet import Babe
from runtime.pallets.upgrade.pallet import SCHEDULED_KEY
from runtime.params import RuntimeParams
from support.next_runtime.btt_next_runtime import NEXT, NextRuntime
from support.sim import accounts
from support.sim.byzantine import BadAuthor, Byzantine, Liar, corrupt
from support.sim.images import SLOT_MS, simulated
from support.sim.nodes import SimNode
from support.sim.plays import LONG, Payers, best, final, full, make, settle, watched
from support.sim.sharing import SharedRuntimes
from support.sim.world import World

# ---- F19: a late node that begins with a state


def bond_more(world: World, index: int, amount: int) -> None:
    """Raise a validator's bond, so that the next session's voters are others."""
    node = world.nodes[1]
    call = accounts.runtime().call("Authorities", "bond_extra", amount=u128(amount * int(BTT)))
    nonce = accounts.nonce_of(node, index)
    world.submit(1, accounts.sign(index, nonce, call, world.genesis.hash))


def until(world: World, holds: Callable[[], bool], slots: int) -> None:
    """Let time go by until something holds."""
    end = world.now + slots * SLOT_MS
    while not holds():
        assert world.now < end, "it takes too long"
        world.run_until(world.now + 20)


def has_all(world: World, node: SimNode) -> bool:
    """Return True if a late node has the final head of the others, and every block below."""
    if node.engine is None or node.client.store.state_import.missing is not None:
        return False
    return final(node) >= max(final(other) for other in world.honest if other.engine) - 1


def asked_by(world: World, node: SimNode) -> list[int]:
    """Return the peers that have not yet answered a node."""
    return [asked for asker, life, _, asked in world.wires.open.values() if asker == node.index]


@pytest.mark.parametrize("cheat", [None, Liar, full(BadAuthor)])
def test_f19_a_late_joiner_that_begins_with_a_state_gets_it_though_one_peer_lies(
    cheat: type[Byzantine] | None,
) -> None:
    world = make(191, observers=1, late=[4], warp=8)
    with watched(world):
        if cheat is not None:
            corrupt(world, 0, cheat)
        grow(world)
        begin(world)
        until(world, lambda: has_all(world, world.nodes[4]), slots=60)
        settle(world, 30)
        lied = {peer for peer, _, why in world.nodes[4].watcher.penalties if "bad" in why}
        assert lied <= {0}


def grow(world: World) -> None:
    """Let the chain pass two changes of the voters."""
    for session in range(2):
        world.run(3)
        bond_more(world, 2 + session, 100 + session)
        world.run(20)


def begin(world: World) -> None:
    """Start the late node, and see that it fetches a state."""
    node = world.nodes[4]
    world.start(4)
    until(world, lambda: node.client.store.state_import.progress is not None, slots=60)


@pytest.mark.parametrize("times", [full(1), 4])
def test_f19_the_peer_that_serves_a_state_may_vanish_midway_again_and_again(times: int) -> None:
    world = make(192, observers=1, late=[4], warp=8)
    with watched(world):
        grow(world)
        begin(world)
        node = world.nodes[4]
        for _ in range(times):
            until(world, lambda: bool(asked_by(world, node)) or has_all(world, node), slots=60)
            for source in asked_by(world, node)[:1]:
                world.kill(source)
                world.later(3 * SLOT_MS, partial(world.start, source))
            world.run_until(world.now + 200)
        until(world, lambda: has_all(world, node), slots=90)
        settle(world, 30)


@pytest.mark.parametrize(
    ("point", "passes"),
    [
        ("send", 0),
        full("send", 1),
        ("write block", 2),
        full("written block", 0),
    ],
)
def test_f19_the_late_joiner_itself_may_die_on_its_way(point: str, passes: int) -> None:
    world = make(193, observers=1, late=[4], warp=8)
    with watched(world):
        grow(world)
        world.start(4)
        world.doom(4, point, passes)
        until(world, lambda: has_all(world, world.nodes[4]), slots=90)
        assert world.deaths == [(4, point)]
        settle(world, 30)


def test_f19_without_a_peer_that_serves_the_state_the_late_joiner_proves_a_later_block() -> None:
    world = make(194, observers=1, late=[4], warp=8, pruning=1)
    with watched(world):
        grow(world)
        begin(world)
        node = world.nodes[4]
        world.links.partition([[0, 1, 2, 3], [4]])
        world.cut()
        world.run(12)  # the state that it fetches is thrown away by all others
        world.links.heal()
        world.cut()
        until(world, lambda: has_all(world, node), slots=120)
        settle(world, 30)


# ---- F22: full blocks


def test_f22_full_blocks_come_in_every_slot_and_are_final_soon() -> None:
    slots, room, more = (300 if LONG else 45), 8, 10
    world = make(22, room=room)
    with watched(world):
        payers, lags, full = Payers(world), list[int](), Counter[bool]()
        began = best(world.nodes[0])
        for slot in range(slots):
            payers.pay(slot % 4, more)
            world.run(1)
            lags.append(max(best(node) - final(node) for node in world.nodes))
        node = world.nodes[0]
        made = best(node) - began
        assert made >= slots * 95 // 100
        for height in range(began + 5, best(node) + 1):
            body = node.client.body(node.client.block_hash(height) or b"") or []
            full[len(body) >= room] += 1
        assert full[True] >= 95 * sum(full.values()) // 100
        assert sorted(lags)[len(lags) * 95 // 100] * SLOT_MS <= 18_000
        waiting = payers.sent - made * room
        for _ in range(waiting // room + 10):
            world.run(1)
            if all(map(payers.level, world.nodes)):
                break
        assert all(map(payers.level, world.nodes))  # nothing was lost on the way
        settle(world, 10)


# ---- F27: one machine after the other gets a new program

CHANGE = 70
"""Slot since genesis at which the next version of the runtime comes into force."""


@lru_cache
def program(*, new: bool) -> RuntimeRegistry:
    """Return the runtimes in a release of the program."""
    builders: dict[Release, Callable[[RuntimeParams], Runtime]] = {
        Release("btt", 100): lambda params: BttRuntime(params, vrf=simulated())
    }
    if new:
        builders[Release("btt", 101)] = lambda params: NextRuntime(params, vrf=simulated())
    return RuntimeRegistry(builders)


@lru_cache
def installed(index: int, *, new: bool) -> RuntimeRegistry:
    """Return the runtimes of a release on the machine of a node."""
    return SharedRuntimes(program(new=new))


def decide(world: World) -> None:
    """Let the holder of the sudo key schedule the next version, and wait for it."""
    build = accounts.runtime().call
    plan = build("Upgrade", "schedule", code=NEXT.encoded(), slot=u64(CHANGE))
    world.submit(0, accounts.sign(0, 0, build("Sudo", "sudo", call=plan), world.genesis.hash))
    node = world.nodes[1]
    until(world, lambda: node.client.state(node.client.best().hash).get(SCHEDULED_KEY) is not None,
          slots=6)  # fmt: skip


def now(node: SimNode) -> int:
    """Return the slot since genesis of a node's best block."""
    best_hash = node.client.best().hash
    runtime = node.client.runtime_at(best_hash).queries.runtime
    runtime.enter(node.client.overlay(best_hash))
    return runtime.pallet(Babe).now()


def version_of(node: SimNode) -> bytes | None:
    """Return the version by a node's final state."""
    return node.client.state(node.client.finalized().hash).get(CODE_KEY)


@dataclass
class Load:
    """Transfers in each slot, while finality must not stall; a slot may be empty."""

    world: World
    payers: Payers
    stalled: int = 0
    """Slots for which a block has waited for finality."""

    def run(self, slots: int) -> None:
        """Let slots pass, with transfers; finality must not miss three rounds of 1 s."""
        for _ in range(slots):
            self.payers.pay(self.world.slot % 3)
            before = self._top(final)
            self.world.run(1)
            is_waiting = self._top(best) > self._top(final) == before
            self.stalled = self.stalled + 1 if is_waiting else 0
            assert self.stalled <= 3

    def _top(self, height: Callable[[SimNode], int]) -> int:
        return max(height(node) for node in self.world.nodes if node.engine is not None)


def test_f27_machines_are_upgraded_one_by_one_and_the_runtime_changes_at_its_slot() -> None:
    new = dict.fromkeys(range(4), False)
    world = make(27, share=False, runtimes=lambda node: installed(node.index, new=new[node.index]))
    with watched(world):
        payers = Payers(world)
        load = Load(world, payers)
        decide(world)
        payers.recall(world.nodes[1])
        load.run(4)
        for index in range(3):  # the operator of the fourth sleeps
            world.kill(index)
            new[index] = True
            load.run(2)
            world.start(index)
            load.run(4)
            settle(world, 10)
        payers.recall(world.nodes[1])
        until(world, lambda: all(now(node) >= CHANGE for node in world.nodes[:3]), slots=60)
        payers.spec = 101
        payers.recall(world.nodes[1])
        load.run(14)
        stale, at = world.nodes[3], best(world.nodes[3])
        assert now(stale) < CHANGE
        assert stale.client.state(stale.client.best().hash).get(CODE_KEY) == VERSION.encoded()
        assert final(stale) == at < final(world.nodes[0])
        header = world.nodes[0].client.header_of(world.nodes[0].client.block_hash(at + 1) or b"")
        assert RuntimeEnvironmentUpdated() in header.digest.logs
        # Payments there are not received, and the node is not blamed for it.
        world.submit(3, accounts.transfer(5, accounts.nonce_of(stale, 5), 0, 1, world.genesis.hash))
        load.run(3)
        assert not stale.watcher.penalties
        world.kill(3)
        new[3] = True
        world.start(3)
        load.run(6)
        settle(world, 10)
        assert {version_of(node) for node in world.nodes} == {NEXT.encoded()}
        assert payers.level(world.nodes[3])
        # And no way back.
        world.kill(3)
        new[3] = False
        world.start(3)
        world.run(2)
        [(stopped, why)] = world.stops
        assert stopped == 3
        assert "101" in why
        assert "install a release" in why
        new[3] = True
        world.start(3)
        settle(world, 10)
