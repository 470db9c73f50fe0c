"""The routing table: which nodes enter, are reported, and leave."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator

import pytest

from btt_chain.primitives.ss58 import from_base58
from p2p.address import Address
from p2p.kademlia.table import (
    FAILURES,
    PER_BUCKET,
    PER_TABLE,
    STALE_MS,
    K,
    RoutingTable,
    key_of,
    network_of,
)
from support.kademlia import node_at, somewhere

LOCAL = node_at("1.1.1.1", "local").peer


def crowd(count: int, bucket: int | None = None, host: str = "10.0.0.1") -> list[Address]:
    """Nodes of a local network, of one bucket if it is named."""
    found: list[Address] = []
    number = 0
    while len(found) < count:
        address = node_at(host, f"node {number}")
        number += 1
        if bucket in (None, (key_of(address.peer) ^ key_of(LOCAL)).bit_length() - 1):
            found.append(address)
    return found


def filled(nodes: list[Address]) -> RoutingTable:
    table = RoutingTable(LOCAL)
    for when, address in enumerate(nodes):
        table.add(address, address.host, when)
    return table


def test_a_key_is_the_hash_of_the_peer_ids_bytes() -> None:
    raw = from_base58(LOCAL, 64)

    assert key_of(LOCAL) == int.from_bytes(hashlib.sha256(raw).digest(), "big")


@pytest.mark.parametrize(
    ("host", "network"),
    [
        ("8.8.4.4", "8.8.4"),
        ("::ffff:8.8.4.4", "8.8.4"),
        ("2a00:1450:4001:82a::1", "2a00:1450:4001"),
        ("Node.Example.org", "node.example.org"),
        ("127.0.0.1", ""),
        ("192.168.1.7", ""),
        ("fe80::1", ""),
    ],
)
def test_a_network_is_a_24_or_a_48_and_none_at_home(host: str, network: str) -> None:
    assert network_of(host) == network


def test_the_nodes_nearest_to_a_key_are_reported_but_not_to_themselves() -> None:
    nodes = crowd(60)
    table = filled(nodes)
    target = random.Random(1).getrandbits(256)
    inside = [address for address in nodes if address.peer in table]
    nearest = sorted(inside, key=lambda address: key_of(address.peer) ^ target)

    assert table.closest(target) == nearest[:K]
    assert table.closest(target, 2, spare=nearest[0].peer) == nearest[1:3]


def test_a_node_is_not_in_its_own_table() -> None:
    table = RoutingTable(LOCAL)

    assert not table.add(node_at("10.0.0.1", "local"), "10.0.0.1", 0)
    assert len(table) == 0


def test_in_a_full_bucket_the_old_stay_while_they_answer() -> None:
    *old, fresh = crowd(K + 1, bucket=255)
    table = filled(old)

    assert not table.add(fresh, fresh.host, 100)
    assert table.doubtful(100, ()) == old[0].peer
    table.seen(old[0].peer, 101)
    assert fresh.peer not in table
    assert table.doubtful(102, ()) is None


def test_a_silent_node_gives_its_place_to_one_that_waits() -> None:
    *old, fresh = crowd(K + 1, bucket=255)
    table = filled(old)
    table.add(fresh, fresh.host, 100)

    table.failed(old[0].peer)

    assert old[0].peer not in table
    assert fresh.peer in table
    assert len(table) == K


def test_a_newcomer_takes_the_place_of_one_who_was_silent_before() -> None:
    *old, fresh = crowd(K + 1, bucket=255)
    table = filled(old)
    table.failed(old[3].peer)

    assert table.add(fresh, fresh.host, 100)
    assert old[3].peer not in table


def test_a_silent_node_is_not_reported_and_dropped_in_the_end() -> None:
    one, other = crowd(2)
    table = filled([one, other])
    table.failed(one.peer)

    assert table.closest(0) == [other]
    table.seen(one.peer, 50)
    assert len(table.closest(0)) == 2
    for _ in range(FAILURES):
        table.failed(one.peer)
    assert one.peer not in table


def test_connected_nodes_are_present_and_others_are_checked_after_a_while() -> None:
    one, other = crowd(2)
    table = filled([one, other])

    assert table.doubtful(STALE_MS - 1, ()) is None
    assert table.doubtful(2 * STALE_MS, (one.peer,)) == other.peer


def test_no_network_has_more_than_its_places() -> None:
    """An eclipse by one /24: thousands of nodes, whose keys may lie wherever they like."""
    table = RoutingTable(LOCAL)
    rented = [node_at(f"66.6.6.{number % 256}", f"rented {number}") for number in range(3_000)]
    for address in rented:
        table.add(address, address.host, 0)

    assert len(table) <= PER_TABLE
    buckets = [(key_of(a.peer) ^ key_of(LOCAL)).bit_length() for a in rented if a.peer in table]
    assert max(map(buckets.count, buckets)) == PER_BUCKET

    rng = random.Random(2)
    honest = [node_at(somewhere(rng), f"honest {number}") for number in range(60)]
    for address in honest:
        table.add(address, address.host, 0)
    assert len(table) > 40


def test_a_name_counts_by_where_it_led() -> None:
    table = RoutingTable(LOCAL)
    for number in range(100):
        name = node_at("", f"named {number}")._replace(kind="dns", host=f"n{number}.example.org")
        table.add(name, "66.6.6.6", 0)

    assert len(table) <= PER_TABLE


def test_a_waiting_node_is_held_to_the_limits_too() -> None:
    rented = crowd(2, bucket=255, host="66.6.6.6")
    old = [a for a in crowd(K + 4, bucket=255) if a.peer not in {r.peer for r in rented}][: K - 2]
    more = node_at("66.6.6.9", next(_names(255)))
    table = filled([*old, *rented])

    table.add(more, more.host, 100)
    table.failed(old[0].peer)

    assert more.peer not in table
    table.remove(rented[0].peer)
    assert table.add(more, more.host, 101)


def test_a_node_that_moved_is_reported_at_its_new_address() -> None:
    (one,) = crowd(1)
    table = filled([one])
    moved = one._replace(port=1_234)

    assert not table.add(moved, moved.host, 5)
    assert table.closest(0) == [moved]
    assert table.address(one.peer) == moved


def _names(bucket: int) -> Iterator[str]:
    number = 0
    while True:
        name = f"one more {number}"
        number += 1
        key = key_of(node_at("1.1.1.1", name).peer)
        if (key ^ key_of(LOCAL)).bit_length() - 1 == bucket:
            yield name
