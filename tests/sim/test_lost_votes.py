"""A third of all gossip is lost: finality takes no longer than with votes that go to all peers."""

from __future__ import annotations

import statistics
from typing import NamedTuple

import pytest

from btt_chain.consensus.finality import outbox
from support.sim.nodes import SimNode
from support.sim.plays import SHIFT, watched
from support.sim.wires import Links
from support.sim.world import World

SLOTS, SEEDS = 40, 3
GOSSIP_MS = 250


class Outcome(NamedTuple):
    """Figures of several worlds."""

    rounds: float
    """Rounds for each final block."""
    delay: float
    """Milliseconds from the first import of a block until a node has made it final, on average."""


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


def outcome(validators: int) -> Outcome:
    """Play some worlds."""
    rounds, blocks, delays = 0, 0, list[int]()
    for seed in range(SEEDS):
        world = World(seed + SHIFT, validators, links=Links(loss=1 / 3), gossip_ms=GOSSIP_MS)
        reached, delayed = play(world)
        rounds += reached
        blocks += min(node.client.finalized().number for node in world.nodes)
        delays += delayed
    return Outcome(rounds / blocks, statistics.mean(delays))


@pytest.mark.parametrize("validators", [4, pytest.param(7, marks=pytest.mark.full)])
def test_a_lost_third_delays_finality_no_more_than_with_votes_to_all(
    validators: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = outcome(validators)
    monkeypatch.setattr(outbox, "FORWARDED", validators)
    to_all = outcome(validators)
    assert few.rounds <= to_all.rounds + 0.04
    assert few.delay <= to_all.delay + GOSSIP_MS / 4
