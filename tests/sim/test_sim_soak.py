"""Days of a chain with slots of six seconds: F28, with nothing to do, and F29, with all that fails.

BTT_HOURS says how long; `make chaos` plays the whole 24 and 72 hours.
"""

from __future__ import annotations

import os
import random
from functools import partial

import pytest

from runtime.pallets.babe.pallet import Babe
from support.sim.nodes import SimNode
from support.sim.plays import Payers, best, final, make, settle, watched
from support.sim.scenario import CLOCKS, Scenario, Stage

HOURS = float(os.environ.get("BTT_HOURS", "0.15"))
SLOT_MS = 6_000
HOUR = 3_600_000 // SLOT_MS
"""Slots of an hour."""
CALM = 20
"""Slots at the end of each part of the soak in which nothing goes wrong."""
BEHIND = 2


@pytest.mark.full
def test_f28_a_day_with_nothing_to_do_and_then_work() -> None:
    world = make(281, slot_ms=SLOT_MS, gossip_ms=1_000, behind=BEHIND, pruning=256)
    with watched(world):
        slots = round(HOURS * HOUR)
        for _ in range(slots // 20):
            world.run(20)
            assert all(best(node) - final(node) <= BEHIND + 3 for node in world.nodes)
        assert best(world.nodes[0]) >= world.slot * 95 // 100
        node = world.nodes[0]
        head = node.client.best().hash
        runtime = node.client.runtime_at(head).queries.runtime
        runtime.enter(node.client.overlay(head))
        babe = runtime.pallet(Babe)
        passed = int(babe.current_slot.value) - int(babe.genesis_slot.value)
        assert int(babe.epochs.epoch_index.value) == passed // int(babe.epoch_duration)
        payers = Payers(world)
        for slot in range(10):
            payers.pay(slot % 4, 20)
            world.run(1)
        settle(world, 10)
        assert all(map(payers.level, world.nodes))


def disk_of(node: SimNode) -> int:
    """Return the bytes that a node has on its disk."""
    return sum(len(key) + len(value) for key, value in node.disk.kv.iterate())


@pytest.mark.full
def test_f29_days_in_which_everything_fails_now_and_then_leave_no_trace() -> None:
    quarters, rng = max(1, round(4 * HOURS)), random.Random(29)
    scenario = Scenario(29, slot_ms=SLOT_MS, gossip_ms=1_000, behind=BEHIND, pruning=256)
    stage = Stage(scenario, errors=CLOCKS)
    world, sizes = stage.world, list[tuple[int, int]]()
    try:
        for _ in range(quarters):
            play_part(stage, rng)
            sizes.append((final(world.nodes[0]), disk_of(world.nodes[0])))
        stage.invariants.conclude()
    finally:
        stage.invariants.close()
    if quarters >= 96:  # less than a day says little: a state that many accounts share is uneven
        (begun, small), (half, more), (end, most) = sizes[3], sizes[quarters // 2], sizes[-1]
        early, late = (more - small) / (half - begun), (most - more) / (end - half)
        assert 0.9 <= late / early <= 1.1, (early, late)


def play_part(stage: Stage, rng: random.Random) -> None:
    """Play a quarter of an hour: faults, then calm, in which all must meet again."""
    world = stage.world
    length = HOUR // 4 * SLOT_MS
    begin, end = world.now, world.now + length - CALM * SLOT_MS
    at = rng.randint(0, 60_000)
    last = end
    while begin + at < end:
        for fault in stage.scenario.fault(rng, at):
            world.later(at, partial(stage.befall, fault))
            last = max(last, begin + at + fault.span)
        at += rng.randint(20_000, 180_000)
    for slot in range(HOUR // 4):
        for _ in range(2):
            world.later(slot * SLOT_MS, lambda: stage.pay(rng))
    world.run_until(last + 1)
    stage.heal()
    for node in world.nodes:
        node.scores.clear()  # as reputation recovers: blame for what wires lost would add up
    stage.recover()
    world.run(5)
