"""Compact blocks and forwarded batches in a simulated network."""

from __future__ import annotations

from collections import Counter

from p2p import network
from p2p.network import COMPACT, TX
from support.sim.nodes import SimNode
from support.sim.plays import Payers, best, settle, watched
from support.sim.world import World

SENT = 60


def play(world: World) -> tuple[Counter[str], int]:
    """Let transfers go through a network; return requests by protocol, and the bytes of batches."""
    asked: Counter[str] = Counter()
    sent = 0
    act = world.act

    def watch(node: SimNode, *actions: network.Action) -> None:
        nonlocal sent
        for action in actions:
            if isinstance(action, network.Ask):
                asked[action.protocol] += 1
            if isinstance(action, network.Publish) and action.topic == TX:
                key = action.topic, action.data
                if key not in node.said:
                    ways = [one for one in node.connected if key not in world.nodes[one].seen]
                    sent += len(ways) * len(action.data)
            act(node, action)

    setattr(world, "act", watch)  # noqa: B010
    payers = Payers(world)
    world.run(2)
    for slot in range(3):
        payers.pay(slot % 4, SENT)
        world.run(1)
    settle(world, 12)
    assert all(payers.level(node) for node in world.nodes)
    return asked, sent


def test_blocks_of_transfers_are_fetched_with_short_ids() -> None:
    world = World(seed=610, bodies=False)
    with watched(world):
        asked, sent = play(world)
    assert asked[COMPACT] >= 6
    # Each transfer of about 150 bytes goes to three neighbours once.
    assert 0 < sent < 3 * SENT * 150 * 3 * 1.3
    assert best(world.nodes[0]) >= 5
    assert all(not node.watcher.penalties for node in world.nodes)
