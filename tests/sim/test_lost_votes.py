"""A third of all gossip is lost: finality takes no longer than with votes that go to all peers."""

from __future__ import annotations

import statistics
from typing import NamedTuple

import pytest

from support.sim.nodes import SimNode
from support.sim.plays import SHIFT, watched
from support.sim.wires import Links
from support.sim.world import World

SLOTS, SEEDS = 40, 6
GOSSIP_MS = 250


class Outcome(NamedTuple):
    """Figures of several worlds."""

    rounds: float
    """Rounds for each final block."""
    delay: float
    """Milliseconds from the first import of a block until a node has made it final, on average."""


TO_ALL = {4: Outcome(1.189, 442), 7: Outcome(1.145, 186)}
"""The same where each node forwarded each vote to all peers, by the number of validators."""


def play(world: World) -> tuple[int, list[int]]:
    """Return the number of rounds, and the delay of each final block at each node."""
    made: dict[int, int] = {}
    finals: dict[int, int] = {node.index: 0 for node in world.nodes}
    delays: list[int] = []

    def look(node: SimNode) -> None:
        made.setdefault(node.client.best().number, world.now)
        height = node.client.finalized().number
        new = range(finals[node.index] + 1, height + 1)
        delays.extend(world.now - made.get(number, world.now) for number in new)
        finals[node.index] = max(finals[node.index], height)

    world.checks.append(look)
    with watched(world):
        world.run(SLOTS)
    return max(node.running.parts.gadget.round for node in world.nodes), delays


@pytest.mark.parametrize("validators", sorted(TO_ALL))
def test_a_lost_third_of_the_messages_delays_finality_no_more_than_before(validators: int) -> None:
    rounds, blocks, delays = 0, 0, list[int]()
    for seed in range(SEEDS):
        world = World(seed + SHIFT, validators, links=Links(loss=1 / 3), gossip_ms=GOSSIP_MS)
        reached, delayed = play(world)
        rounds += reached
        blocks += min(node.client.finalized().number for node in world.nodes)
        delays += delayed
    before = TO_ALL[validators]
    assert rounds / blocks <= before.rounds + 0.05
    assert statistics.mean(delays) <= before.delay + GOSSIP_MS / 2
