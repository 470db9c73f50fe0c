"""Places for callers from other machines: who is silent makes room for who has fewer."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

from btt_chain.rpc.limits import HTTP_LIMITS
from btt_chain.web.addresses import network_of
from btt_chain.web.admission import MIN_SILENCE, Admission, select_victim
from btt_chain.web.connections import Connections, HttpConnection, Phase
from support.http_connection import Transport, arrive

MAX_PLACES = 10
LONG_AGO = -2 * MIN_SILENCE


@dataclass(eq=False)
class Occupant:
    """A connection that has a place."""

    network: str
    since: float
    is_waiting: bool


def victim(places: list[tuple[str, float, bool]], network: str) -> int | None:
    """Return the index of the connection that makes room at time zero."""
    counts = Counter(name for name, _, _ in places)
    rows = [Occupant(*place) for place in places]
    selected = select_victim(rows, counts, network, MAX_PLACES, 0.0)
    return None if selected is None else rows.index(selected)


def test_the_connection_silent_longest_of_the_network_with_the_most_goes() -> None:
    places = [("a", LONG_AGO - 9, False)] + [("b", LONG_AGO - age, False) for age in (1, 3, 2)]
    assert victim(places, "new") == 2


def test_no_network_takes_a_place_from_one_that_has_no_more_than_itself() -> None:
    places = [("a", LONG_AGO, False), ("a", LONG_AGO, False), ("b", LONG_AGO, False)]
    assert victim(places, "a") is None
    assert victim(places, "b") == 0
    assert victim([*places, ("b", LONG_AGO, False)], "b") is None


def test_a_connection_that_is_used_or_waits_keeps_its_place() -> None:
    places = [("a", -1.0, False), ("a", LONG_AGO, True), ("b", -1.0, False)]
    assert victim(places, "new") is None


def test_a_network_with_more_than_half_of_what_it_may_have_loses_used_ones_too() -> None:
    half = [("a", LONG_AGO, True)] * (MAX_PLACES // 2)
    assert victim(half, "new") is None
    assert victim([*half, ("a", -1.0, False)], "new") == 0
    # Idle ones of others go before that.
    assert victim([*half, ("a", -1.0, False), ("b", LONG_AGO, False)], "new") == MAX_PLACES // 2 + 1


# ---- connections


def crowd(
    connections: Connections, phase: Phase = Phase.OPEN
) -> list[tuple[Transport, HttpConnection]]:
    """Take all places from ten addresses, with connections that were silent for long."""
    holders = []
    for number in range(100):
        transport, connection = arrive(connections, f"203.0.113.{number // 10}")
        assert not connection.is_turned_away
        connections.enter(connection, phase)
        connection.since += LONG_AGO
        holders.append((transport, connection))
    return holders


async def test_ten_addresses_with_ten_idle_websockets_each_do_not_keep_others_out() -> None:
    connections = Connections(HTTP_LIMITS)
    admission = connections.admission
    holders = crowd(connections)
    honest = [arrive(connections, f"198.51.100.{number}") for number in range(20)]
    assert not any(connection.is_turned_away for _, connection in honest)
    assert not any(transport.is_cut for transport, _ in honest)
    assert sum(transport.is_cut for transport, _ in holders) == 20
    assert max(admission.by_address.values()) == 8  # shared out
    assert admission.total == HTTP_LIMITS.connections_external
    # Those that were cut do not push out who came instead.
    assert arrive(connections, "203.0.113.3")[1].is_turned_away
    for _, connection in holders + honest:
        connections.leave(connection)
    assert admission.total == 0


async def test_a_request_that_is_worked_on_is_not_cut_off() -> None:
    connections = Connections(HTTP_LIMITS)
    crowd(connections, Phase.BUSY)
    assert arrive(connections, "198.51.100.1")[1].is_turned_away


async def test_a_bounded_number_of_connections_waits_for_a_refusal() -> None:
    limits = replace(HTTP_LIMITS, connections_per_address=2, answered_refusals=3)
    connections = Connections(limits)
    arrived = [arrive(connections, "198.51.100.1") for _ in range(6)]
    assert [each.is_turned_away for _, each in arrived] == [False] * 2 + [True] * 4
    assert [transport.is_cut for transport, _ in arrived] == [False] * 5 + [True]
    assert not connections.make_room("198.51.100.1")
    assert connections.make_room("198.51.100.2")
    assert connections.make_room("127.0.0.1")


# ---- counts


def test_addresses_are_counted_each_and_together() -> None:
    admission = Admission(3, 2)
    assert [admission.admit(name) for name in "aaabbc"] == [True, True, False, True, False, False]
    admission.leave("a")
    assert admission.admit("c")
    assert not admission.admit("d")


def test_a_network_of_ipv6_has_no_more_connections_than_one_address() -> None:
    admission = Admission(100, 3)
    admitted = [admission.admit(f"2001:db8:1:2::{number:x}") for number in range(5)]
    assert admitted == [True, True, True, False, False]
    assert admission.admit("2001:db8:1:3::1")
    admission.leave("2001:db8:1:2::2")
    assert admission.admit("2001:db8:1:2::9")
    for address in ("2001:db8:1:2::0", "2001:db8:1:2::1", "2001:db8:1:2::9", "2001:db8:1:3::1"):
        admission.leave(address)
    assert admission.total == 0
    assert not admission.by_address


def test_a_48_of_ipv6_has_no_more_connections_than_four_addresses() -> None:
    admission = Admission(100, 3)
    networks = [f"2001:db8:1:{number:x}::1" for number in range(5)]
    admitted = [sum(admission.admit(address) for _ in range(3)) for address in networks]
    assert admitted == [3, 3, 3, 3, 0]
    assert admission.admit("2001:db8:2:0::1")
    assert admission.admit("203.0.113.1")
    admission.leave(network_of(networks[0]))
    assert admission.admit(networks[4])
    assert not admission.admit(networks[4])
