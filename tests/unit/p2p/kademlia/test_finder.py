"""The schedule of discovery: lookups, checks of nodes, and probes of claimed addresses."""

from __future__ import annotations

import random
from itertools import pairwise

from p2p.address import Address
from p2p.kademlia.finder import FEW, MAX_PROBES, MAX_UNCONNECTED, SLOWEST, Find, Finder, Probe
from p2p.kademlia.table import STALE_MS, K, key_of
from support.kademlia import node_at, somewhere

LOCAL = node_at("10.0.0.1", "local").peer
EVERY = 1_000


def crowd(count: int) -> list[Address]:
    return [node_at("10.0.0.1", f"node {number}") for number in range(count)]


def finder(*guides: str) -> Finder:
    return Finder(LOCAL, random.Random(3), EVERY, lambda: guides)


def finds(actions: object) -> list[Find]:
    assert isinstance(actions, list | tuple)
    return [action for action in actions if isinstance(action, Find)]


def probes(actions: object) -> list[Address]:
    assert isinstance(actions, list | tuple)
    return [action.address for action in actions if isinstance(action, Probe)]


def with_neighbours(*nodes: Address) -> Finder:
    one = finder()
    for address in nodes:
        one.connected(address.peer, 0)
        one.reached(address, address.host, 0)
    return one


def walk(one: Finder, now: int, named: list[Address] | None = None) -> list[Find]:
    """Answer all that is asked now, until nothing is."""
    asked: list[Find] = []
    while actions := finds(one.todo(now)):
        for find in actions:
            asked.append(find)
            one.answered(find, named or [], now)
    return asked


def next_walk(one: Finder, now: int) -> int:
    """Return when the next lookup begins."""
    while not (actions := [find for find in finds(one.todo(now)) if not find.check]):
        now += 100
    for find in actions:
        one.answered(find, [], now)
    walk(one, now)
    return now


def test_the_first_neighbour_is_asked_at_once_and_for_our_own_key() -> None:
    (one,) = crowd(1)
    here = with_neighbours(one)

    assert walk(here, 0) == [Find(one.peer, key_of(LOCAL), check=False)]


def test_a_named_node_is_asked_in_the_same_lookup() -> None:
    one, *others = crowd(10)
    asked = walk(with_neighbours(one), 0, others)

    assert {find.peer for find in asked} == {address.peer for address in (one, *others)}


def test_later_walks_go_to_each_bucket_in_turn_and_home_again() -> None:
    here = with_neighbours(*crowd(30))
    now, targets = 0, []
    for _ in range(2 + 256 - here.table.lowest):
        asked = [find.target for find in walk(here, now) if not find.check]
        targets += asked[:1]
        now += SLOWEST * EVERY

    buckets = [(target ^ key_of(LOCAL)).bit_length() - 1 for target in targets]
    assert buckets == [-1, *range(255, here.table.lowest - 1, -1), -1]


def test_pauses_grow_while_nothing_is_new_and_shrink_when_something_is() -> None:
    here = with_neighbours(*crowd(FEW + 1))
    walk(here, 0)
    begun, now = [], 0
    for _ in range(9):
        now = next_walk(here, now)
        begun.append(now)
    pauses = [later - earlier for earlier, later in pairwise(begun)]
    assert pauses == sorted(pauses)
    assert pauses[-1] == SLOWEST * EVERY

    # One more, during a walk.
    fresh = node_at("10.0.0.1", "fresh")
    now += SLOWEST * EVERY
    first = [find for find in finds(here.todo(now)) if not find.check]
    here.reached(fresh, fresh.host, now)
    for find in first:
        here.answered(find, [], now)
    walk(here, now)
    assert next_walk(here, now) - now <= EVERY + 100


def test_a_node_with_few_neighbours_looks_for_more_at_the_shortest_pause() -> None:
    one, other, *rest = crowd(FEW + 1)
    lonely = with_neighbours(one, other)
    walk(lonely, 0)
    assert next_walk(lonely, 1) <= EVERY + 100

    left = with_neighbours(one, other, *rest)
    now = 0
    for _ in range(8):
        now = next_walk(left, now)
    for address in rest:
        left.left(address.peer, now)
    assert next_walk(left, now) - now <= EVERY + 100


def test_guides_are_asked_when_no_near_node_is_known() -> None:
    boot = crowd(1)[0].peer
    alone = finder(boot)

    assert not alone.todo(0)
    assert [find.peer for find in finds(alone.todo(EVERY))] == [boot]


def test_guides_are_asked_again_on_each_way_home() -> None:
    """A node surrounded by liars still finds others by those that the operator named."""
    boot, *liars = crowd(8)
    here = finder(boot.peer)
    for address in liars:
        here.connected(address.peer, 0)
        here.reached(address, address.host, 0)
    now, asked = 0, 0
    for _ in range(2 + 256 - here.table.lowest):
        asked += boot.peer in {find.peer for find in walk(here, now)}
        now += SLOWEST * EVERY

    assert asked == 2


def test_a_lookup_that_finds_no_node_ends_and_another_begins() -> None:
    (one,) = crowd(1)
    here = with_neighbours(one)
    for find in finds(here.todo(0)):
        here.failed(find)

    assert not finds(here.todo(0))
    assert next_walk(here, 1) <= EVERY + 100
    assert here.lookups == 2


def test_claimed_addresses_are_probed_before_they_are_reported() -> None:
    inbound, other = crowd(2)
    here = with_neighbours(other)
    here.connected(inbound.peer, 0)
    here.add_claim(inbound, "10.0.0.1")

    assert probes(here.todo(0)) == [inbound]
    assert inbound not in here.table.closest(0)
    here.reached(inbound, "10.0.0.1", 1)
    assert inbound in here.table.closest(0)
    here.add_claim(inbound, "10.0.0.1")
    assert not probes(here.todo(2))


def test_a_shut_door_of_a_neighbour_is_tried_again_ever_later_and_a_passers_is_not() -> None:
    inbound, passer = crowd(2)
    here = finder()
    here.connected(inbound.peer, 0)
    here.add_claim(inbound, "10.0.0.1")
    here.add_claim(passer, "10.0.0.1")
    for address in probes(here.todo(0)):
        here.unreachable(Probe(address), 0)

    tries: list[int] = []
    now = 0
    while len(tries) < 4:
        now += 500
        for address in probes(here.todo(now)):
            assert address == inbound
            tries.append(now)
            here.unreachable(Probe(address), now)
    pauses = [later - earlier for earlier, later in pairwise([0, *tries])]
    assert pauses == sorted(pauses)
    here.left(inbound.peer, now)
    assert not probes(here.todo(now + 1_000 * EVERY))


def test_passers_by_cannot_keep_neighbours_waiting_or_fill_the_memory() -> None:
    rng = random.Random(4)
    here = finder()
    for number in range(1_000):
        passer = node_at(somewhere(rng), f"passer {number}")
        here.add_claim(passer, passer.host)
    (inbound,) = crowd(1)
    here.connected(inbound.peer, 0)
    here.add_claim(inbound, "10.0.0.1")

    first = probes(here.todo(0))
    assert len(first) == MAX_PROBES
    assert first[0] == inbound
    knocked = len(first)
    while first:
        for address in first:
            here.unreachable(Probe(address), 0)
        first = probes(here.todo(0))
        knocked += len(first)
    assert knocked <= MAX_UNCONNECTED + 1


def test_unconnected_nodes_of_one_network_have_one_probe_at_a_time() -> None:
    here = finder()
    for number in range(50):
        here.add_claim(node_at(f"66.6.6.{number}", f"rented {number}"), f"66.6.6.{number}")

    assert len(probes(here.todo(0))) == 1


def test_a_node_that_has_not_answered_for_long_is_checked_and_dropped_in_the_end() -> None:
    gone, *others = crowd(5)
    here = with_neighbours(*others)
    here.reached(gone, gone.host, 0)
    now = STALE_MS
    while gone.peer in here.table:
        now += EVERY
        for find in finds(here.todo(now)):
            assert find.peer == gone.peer or not find.check
            if find.peer == gone.peer:
                here.failed(find)
            else:
                here.answered(find, [], now)

    assert len(here.table) == len(others)


def test_a_banned_node_is_dropped_from_the_table() -> None:
    (one,) = crowd(1)
    here = with_neighbours(one)
    here.add_claim(node_at("10.0.0.9", "node 9"), "10.0.0.9")
    here.forget(one.peer)
    here.forget(node_at("10.0.0.9", "node 9").peer)

    assert not here.table.closest(0)
    assert not probes(here.todo(0))


def test_no_node_enters_the_table_by_being_named() -> None:
    one, *others = crowd(3 * K)
    here = with_neighbours(one)
    walk(here, 0, others)

    assert len(here.table) == 1  # answers alone add no node: a dial calls `reached`
