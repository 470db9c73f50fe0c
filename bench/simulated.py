"""Speed of the simulator: honest validators, all invariants checked after each step.

As in the tests nothing looks for cycles meanwhile: a world is small.
"""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Iterator
from typing import Final

from bench.machine import Spent, timed
from bench.report import Row
from btt_chain.chain.gc import NoCollection, settle_memory
from support.sim import accounts
from support.sim.invariants import Invariants
from support.sim.world import World

WARM: Final = 5
"""Slots before the clock starts: runtimes are built, caches are filled."""
TRANSFERS: Final = 4
"""Transfers in a slot, where there are any."""
SENDERS: Final = 6


PACES: Final = (250, 1_000)
"""GRANDPA's T in milliseconds: an eighth and half of a slot."""


def simulator_rows(slots: int, rounds: int) -> Iterator[Row]:
    """Row 11: slots for a second of CPU; for 4 and 7 validators, without and with transfers."""
    for validators, gossip_ms, transfers in itertools.product((4, 7), PACES, (0, TRANSFERS)):
        spent = [_spend(seed, slots, validators, gossip_ms, transfers) for seed in range(rounds)]
        rate = slots / statistics.median(one.cpu for one in spent)
        by_clock = slots / statistics.median(one.wall for one in spent)
        first = (validators, gossip_ms, transfers) == (4, PACES[0], 0)
        what = f"T {gossip_ms} ms" + f", {transfers} transfers a slot" * bool(transfers)
        yield Row("11", f"the simulator: slots of {validators} validators, {what}, per CPU-s",
                  f"{rate:,.0f}/s", value=rate if first else None,
                  note=f"{by_clock:,.0f}/s by the clock")  # fmt: skip


def _spend(seed: int, slots: int, validators: int, gossip_ms: int, transfers: int) -> Spent:
    world = World(seed, validators, gossip_ms=gossip_ms)
    invariants = Invariants(world)
    world.run(WARM)
    settle_memory()
    wires = _wires(world, slots * transfers)

    def play() -> None:
        for slot in range(slots):
            for wire in wires[slot * transfers : (slot + 1) * transfers]:
                world.submit(slot % validators, wire)
            world.run(1)

    with NoCollection():
        spent = timed(play)
    invariants.conclude()
    invariants.close()
    return spent


def _wires(world: World, count: int) -> list[bytes]:
    """Sign transfers beforehand: that is their senders' work, not the nodes'."""
    return [
        accounts.transfer(
            at % SENDERS, at // SENDERS, (at + 1) % SENDERS, 10**18, world.genesis.hash
        )
        for at in range(count)
    ]
