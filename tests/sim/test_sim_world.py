"""The simulator itself: it repeats itself, sharing changes nothing, and it finds what is wrong."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from types import SimpleNamespace

import pytest

from btt_chain.chain.client import Client, Made
from btt_chain.primitives.header import Header
from support.sim.byzantine import BlockEquivocator, corrupt
from support.sim.disk import SimDisk
from support.sim.errors import Violation
from support.sim.invariants import SIZES, Invariants
from support.sim.plays import watched
from support.sim.scenario import Scenario, Stage
from support.sim.sharing import AGAIN
from support.sim.vault import Witness
from support.sim.world import World


def trace(world: World) -> list[object]:
    """Return the facts in which runs differ."""
    return [
        world.steps,
        [(node.client.best(), node.client.finalized()) for node in world.nodes],
        [node.watcher.own for node in world.nodes],
        [node.watcher.penalties for node in world.nodes],
    ]


def run(seed: int, *, share: bool) -> list[object]:
    world = World(seed, share=share, observers=1)
    corrupt(world, 2, BlockEquivocator)
    world.run(3)
    world.kill(1)
    world.links.loss = 0.2
    world.run(2)
    world.start(1)
    world.run(5)
    return trace(world)


def test_a_seed_gives_the_same_run_each_time() -> None:
    assert run(7, share=True) == run(7, share=True)
    assert run(7, share=True) != run(8, share=True)


def test_shared_execution_changes_nothing() -> None:
    assert run(9, share=True) == run(9, share=False)


def test_a_node_with_other_results_is_found_though_execution_is_shared(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    execute = Client.execute

    def strange(client: Client, header: Header, body: Sequence[bytes]) -> Made:
        made = execute(client, header, body)
        if client is not world.nodes[1].client:
            return made
        other = replace(made.pending, changes={**made.pending.changes, b"a dice": b"six"})
        return Made(made.header, made.body, other)

    monkeypatch.setattr(Client, "execute", strange)
    world = World(seed=7)
    with pytest.raises(Violation, match="gave other changes when it was executed again"):
        world.run(6 * AGAIN)


def test_each_node_executes_blocks_whose_result_is_known() -> None:
    world = World(seed=6)
    world.run(4 * AGAIN)  # for about twelve such blocks: their hashes decide
    shared = world.engines.shared
    assert shared is not None
    blocks = world.nodes[0].client.best().number
    assert 3 < shared.executed < blocks / 2
    assert shared.spared > 2 * blocks


def test_a_scenario_is_decided_by_its_seed() -> None:
    assert Scenario.of(4711) == Scenario.of(4711)
    kinds = {fault.name for seed in range(60) for fault in Scenario.of(seed).faults}
    assert kinds == {"crash", "crash at", "partition", "one way", "weather", "pause", "clock"}


def test_a_fifth_of_the_seeds_has_cheats_below_a_third() -> None:
    scenarios = [Scenario.of(seed) for seed in range(1_000)]
    cheating = [scenario for scenario in scenarios if scenario.cheats]
    assert 150 <= len(cheating) <= 250
    assert all(3 * len(one.cheats) < one.validators for one in cheating)
    assert sum(one.real_vrf for one in scenarios) == 10


def test_a_crash_loses_what_was_not_synced_from_some_batch_on() -> None:
    world = World(seed=0)
    disk = SimDisk({b"a": b"0"})
    kv = disk.open(lambda _: None)
    kv.write({b"a": b"1"}, sync=True)
    for value in range(2, 30):
        kv.write({b"a": bytes([value])})
    disk.crash(world.rng)
    left = disk.open(lambda _: None).get(b"a")
    assert left == bytes([29 - disk.torn])


def test_after_a_crash_a_disk_has_what_it_had_after_the_last_batch_that_is_left() -> None:
    rng, keys = random.Random(5), [bytes([key]) for key in range(6)]
    seen, torn = set(), 0
    disk, before = SimDisk({b"\0": b"image"}), {b"\0": b"image"}
    for _ in range(200):
        kv, states = disk.open(lambda _: None), [before]
        for value in range(rng.randrange(6)):
            batch = {rng.choice(keys): rng.choice([None, b"%d" % value]) for _ in range(3)}
            sync = rng.random() < 0.2
            kv.write(batch, sync=sync)
            after = {key: value for key, value in (states[-1] | batch).items() if value is not None}
            states = [after] if sync else [*states, after]
            assert dict(kv.iterate()) == after
        disk.crash(rng)
        lost, torn = disk.torn - torn, disk.torn
        before = states[-1 - lost]
        assert dict(disk.kv.iterate()) == before
        seen.add(lost)
    assert seen >= {0, 1, 2, 3}


def test_a_second_block_of_a_slot_and_a_second_vote_of_a_step_are_noticed() -> None:
    witness = Witness()
    witness.block(b"key", 5, b"one")
    witness.block(b"key", 5, b"one")
    with pytest.raises(Violation, match="I2"):
        witness.block(b"key", 5, b"two")


def test_nodes_that_forget_all_they_signed_are_caught() -> None:
    world = World(seed=3)
    world.run(4)
    for index in range(4):
        world.kill(index)
        world.nodes[index].disk = SimDisk(world.image)
        vault = world.nodes[index].vault
        assert vault is not None
        vault._records.clear()
    with pytest.raises(Violation, match="I2"):
        revive(world)


def test_each_size_of_what_a_node_holds_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(seed=1)
    for name in SIZES:
        with monkeypatch.context() as patch:
            patch.setitem(SIZES, name, -1)
            with pytest.raises(Violation, match=rf"I6: n\d: {name}: \d+, -1 allowed"):
                run_watched(world, slots=1)


def test_sizes_are_measured_once_a_slot() -> None:
    world = World(seed=1)
    invariants = Invariants(world)
    held = world.nodes[2].running.parts.gadget._held
    try:
        world.run(2)
        later = [SimpleNamespace(round=10**6)]  # which no round drops
        vars(held)["_votes"] = dict.fromkeys(range(5_000), later)
        with pytest.raises(Violation, match=r"I6: n2: votes until imported: 500\d, 4096"):
            world.run(1)
    finally:
        invariants.close()


def run_watched(world: World, slots: int) -> None:
    with watched(world):
        world.run(slots)


def revive(world: World) -> None:
    """Start all nodes and let them go on as if nothing had been."""
    for node in world.nodes:
        world.start(node.index)
    world.run(8)


def test_a_state_that_was_tampered_with_is_found_at_the_end() -> None:
    stage = Stage(Scenario(seed=1, slots=1))
    stage.world.run(4)
    client = stage.world.nodes[0].client
    key = next(iter(client.state(client.best().hash).keys(b"")))
    client.store._kv.write({b"s" + key: b"\x01"})
    try:
        with pytest.raises(Violation, match="I3"):
            stage.invariants.conclude()
    finally:
        stage.invariants.close()
