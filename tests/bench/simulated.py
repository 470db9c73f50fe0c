"""How fast the simulator plays: four honest validators, all invariants checked each step."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from typing import Final

from bench.machine import timed
from bench.report import Row
from btt_chain.chain.memory import settle_memory
from support.sim.invariants import Invariants
from support.sim.world import World

WARM: Final = 5
"""Slots before the clock starts: laws are built, caches are filled."""


def simulator_rows(slots: int, rounds: int) -> Iterator[Row]:
    """Row 11: slots for a second of CPU."""
    spent = []
    for seed in range(rounds):
        world = World(seed, 4)
        invariants = Invariants(world)
        world.run(WARM)
        settle_memory()
        spent.append(timed(lambda played=world: played.run(slots)))  # type: ignore[misc]
        invariants.conclude()
        invariants.close()
    rate = slots / statistics.median(one.cpu for one in spent)
    yield Row("11", "the simulator: slots of 4 validators, per CPU-s", f"{rate:,.0f}/s",
              value=rate,
              note=f"{slots / statistics.median(one.wall for one in spent):,.0f}/s by the clock",
              )  # fmt: skip
