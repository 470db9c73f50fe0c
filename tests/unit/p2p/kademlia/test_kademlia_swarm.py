"""Many virtual nodes that found each other by walks alone, and liars among them."""

from __future__ import annotations

import copy
import math
import random

import pytest

from p2p.address import Address
from p2p.kademlia.finder import ALPHA, QUESTIONS
from p2p.kademlia.table import PER_TABLE, K, RoutingTable, key_of, network_of
from support.kademlia import Answer, Swarm, Walk, fakes, node_at, somewhere

NODES = 160
BOOT = node_at("50.50.50.50", "boot").peer


@pytest.fixture(scope="module")
def whole_swarm() -> Swarm:
    """Each came knowing the boot node only."""
    rng = random.Random(7)
    grown = Swarm(rng)
    grown.add(node_at("50.50.50.50", "boot"))
    for number in range(NODES):
        grown.join(node_at(somewhere(rng), f"node {number}"), BOOT)
    return grown


@pytest.fixture
def swarm(whole_swarm: Swarm) -> Swarm:
    """The same for each test; tests take back what they change."""
    whole_swarm.lies.clear()
    whole_swarm.rng = random.Random(8)
    return whole_swarm


def lying(swarm: Swarm, answer: Answer, share: int = 5) -> dict[str, Answer]:
    """One in `share` nodes, by lot, gives this answer; the boot node is honest."""
    others = [peer for peer in swarm.nodes if peer != BOOT]
    return dict.fromkeys(swarm.rng.sample(others, len(others) // share), answer)


def hits(swarm: Swarm, walk: Walk) -> int:
    """Return how many of the K nearest nodes a lookup found."""
    return len({*walk.lookup.closest()} & {*swarm.truth(walk.lookup.target)})


def test_a_newcomer_finds_those_nearest_to_any_key_in_few_rounds(swarm: Swarm) -> None:
    walks = [swarm.found(swarm.rng.getrandbits(256), BOOT) for _ in range(10)]

    assert all(hits(swarm, walk) == K for walk in walks)
    assert max(walk.rounds for walk in walks) <= math.log2(NODES)
    assert max(walk.asked for walk in walks) <= ALPHA * QUESTIONS
    assert not any(walk.missed for walk in walks)


def test_tables_stay_small(swarm: Swarm) -> None:
    assert max(map(len, swarm.tables.values())) <= K * math.log2(NODES)


@pytest.mark.parametrize("kind", ["fakes", "nothing", "each other", "junk"])
def test_one_liar_in_five_does_not_stop_a_new_node(swarm: Swarm, kind: str) -> None:
    gang: list[Address] = []
    answers: dict[str, Answer] = {
        "fakes": fakes(swarm.rng, 4_000),
        "nothing": lambda _: [],
        "each other": lambda target: sorted(gang, key=lambda a: key_of(a.peer) ^ target)[:K],
        "junk": lambda _: [node_at(somewhere(swarm.rng), str(swarm.rng.random()))] * 50,
    }
    swarm.lies = lying(swarm, answers[kind])
    gang += [swarm.nodes[peer] for peer in swarm.lies]
    walks = [swarm.found(swarm.rng.getrandbits(256), BOOT) for _ in range(15)]

    assert sum(hits(swarm, walk) for walk in walks) >= 0.95 * K * len(walks)
    assert max(walk.asked for walk in walks) <= ALPHA * QUESTIONS


def test_one_rented_network_cannot_surround_a_newcomer(swarm: Swarm) -> None:
    """Its nodes are there, more than all others, and a fifth of the others names only them."""
    rented = [node_at(f"66.6.6.{i % 256}", f"rented {i}") for i in range(2 * NODES)]
    room = network_of("66.6.6.6")

    def only_us(target: int) -> list[Address]:
        return sorted(rented, key=lambda address: key_of(address.peer) ^ target)[:K]

    swarm.lies = lying(swarm, only_us) | {address.peer: only_us for address in rented}
    for address in rented:
        swarm.add(address)
    found = []
    for number in range(5):
        victim = swarm.add(node_at("1.1.1.1", f"victim {number}"))
        walk = swarm.walk(victim, swarm.rng.getrandbits(256), [BOOT])
        found.append((walk.lookup.closest(), swarm.tables[victim]))
        swarm.leave(victim)

    for closest, table in found:
        assert sum(network_of(_host(swarm, peer)) == room for peer in closest) <= PER_TABLE
        assert _inside(table, room) <= PER_TABLE
        assert len(table) > _inside(table, room)
    for address in rented:
        swarm.leave(address.peer)


def test_lookups_go_on_when_a_third_of_all_nodes_went_away(swarm: Swarm) -> None:
    swarm = copy.deepcopy(swarm)
    for peer in swarm.rng.sample([peer for peer in swarm.nodes if peer != BOOT], NODES // 3):
        del swarm.nodes[peer], swarm.tables[peer]
    walks = [swarm.found(swarm.rng.getrandbits(256), BOOT) for _ in range(15)]

    assert sum(hits(swarm, walk) for walk in walks) >= 0.9 * K * len(walks)


def _host(swarm: Swarm, peer: str) -> str:
    return swarm.nodes[peer].host


def _inside(table: RoutingTable, room: str) -> int:
    return sum(network_of(address.host) == room for address in table.closest(0, 10_000))
