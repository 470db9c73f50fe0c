"""A walk: whom it asks, whom it stops believing, and that it ends."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from p2p.address import Address
from p2p.kademlia.finder import ALPHA, PATIENCE, QUESTIONS, Lookup
from p2p.kademlia.table import PER_TABLE, K, key_of
from support.kademlia import node_at, somewhere

LOCAL = node_at("1.1.1.1", "local").peer
TARGET = key_of(node_at("1.1.1.1", "target").peer)


def by_distance(nodes: Sequence[Address]) -> list[Address]:
    return sorted(nodes, key=lambda address: key_of(address.peer) ^ TARGET)


def crowd(count: int, name: str = "node") -> list[Address]:
    rng = random.Random(name)
    return by_distance([node_at(somewhere(rng), f"{name} {i}") for i in range(count)])


def run(lookup: Lookup, answer: Callable[[str], Sequence[Address] | None]) -> list[str]:
    """Walk to the end; returns who was asked. None is silence."""
    asked: list[str] = []
    while peers := lookup.next():
        for peer in peers:
            asked.append(peer)
            named = answer(peer)
            if named is None:
                lookup.failed(peer)
            else:
                lookup.answered(peer, named)
    assert lookup.over
    return asked


def test_three_are_asked_at_a_time_and_the_nearest_first() -> None:
    nodes = crowd(10)
    lookup = Lookup(TARGET, [address.peer for address in nodes], LOCAL)

    assert set(lookup.next()) == {address.peer for address in nodes[:ALPHA]}
    assert not lookup.next()
    assert not lookup.over
    lookup.answered(nodes[1].peer, [])
    assert lookup.next() == [nodes[4].peer]  # the same path goes on


def test_a_walk_ends_when_the_nearest_have_answered() -> None:
    nodes = crowd(200)
    asked = run(Lookup(TARGET, [nodes[-1].peer], LOCAL), lambda _: nodes[:K])

    assert set(asked) == {nodes[-1].peer, *(address.peer for address in nodes[:K])}


def test_a_small_network_is_asked_completely_and_no_node_twice() -> None:
    nodes = crowd(6)
    asked = run(Lookup(TARGET, [nodes[0].peer], LOCAL), lambda _: nodes)

    assert sorted(asked) == sorted(address.peer for address in nodes)


def test_oneself_is_not_asked() -> None:
    asked = run(Lookup(TARGET, [crowd(1)[0].peer], LOCAL), lambda _: [node_at("9.9.9.9", "local")])

    assert LOCAL not in asked


def test_of_one_answer_no_more_than_twenty_are_looked_at() -> None:
    start, *nodes = crowd(100)
    asked = run(Lookup(TARGET, [start.peer], LOCAL), lambda p: nodes if p == start.peer else [])

    assert len(asked) == 1 + K


def test_a_node_that_names_nonexistent_nodes_is_soon_distrusted() -> None:
    liar, honest = crowd(2, "start")
    fakes, real = crowd(K, "fake"), crowd(10, "real")

    def answer(peer: str) -> Sequence[Address] | None:
        if peer == liar.peer:
            return fakes
        return None if peer in {fake.peer for fake in fakes} else real

    lookup = Lookup(TARGET, [liar.peer, honest.peer], LOCAL)
    asked = run(lookup, answer)

    assert len([peer for peer in asked if peer in {fake.peer for fake in fakes}]) <= PATIENCE + 2
    assert {address.peer for address in real} <= {*lookup.closest()}


def test_a_node_named_by_a_liar_and_by_another_is_asked() -> None:
    liar, honest = crowd(2, "start")
    (real,) = crowd(1, "real")
    fakes = crowd(K - 1, "fake")

    def answer(peer: str) -> Sequence[Address] | None:
        if peer in {fake.peer for fake in fakes}:
            return None
        return [*fakes, real] if peer == liar.peer else [real]

    lookup = Lookup(TARGET, [liar.peer, honest.peer], LOCAL)
    run(lookup, answer)

    assert real.peer in lookup.closest()


def test_endless_referrals_end() -> None:
    """Each node that is asked answers, and names twenty that are nearer than all before."""
    pool = crowd(4_000)
    named = 0

    def nearer(_: str) -> Sequence[Address]:
        nonlocal named
        named += K
        return pool[-named - K : -named]

    assert len(run(Lookup(TARGET, [pool[-1].peer], LOCAL), nearer)) == ALPHA * QUESTIONS


def test_nodes_of_one_network_are_not_all_there_is_to_ask() -> None:
    rented = [node_at(f"66.6.6.{i}", f"rented {i}") for i in range(200)]
    start = crowd(1)[0]
    asked = run(Lookup(TARGET, [start.peer], LOCAL), lambda _: by_distance(rented)[:K])

    assert len(asked) == 1 + PER_TABLE


def test_a_node_that_must_not_be_dialled_costs_nothing() -> None:
    nodes = crowd(100)
    lookup = Lookup(TARGET, [address.peer for address in nodes], LOCAL)
    skipped = 0
    while peers := lookup.next():
        for peer in peers:
            lookup.skipped(peer)
            skipped += 1

    assert skipped == 100
    assert not lookup.closest()
