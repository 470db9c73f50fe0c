"""A network of addresses cannot hold all places of peers that dial in."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from p2p.host.sessions import InboundPeer, select_to_evict
from p2p.networks import network_of


def peers(*addresses: str) -> list[InboundPeer]:
    return [InboundPeer(f"p{index}", ip, index) for index, ip in enumerate(addresses)]


def test_a_newcomer_takes_the_newest_place_of_the_network_with_the_most_peers() -> None:
    taken = peers("1.2.3.4", "5.6.7.8", "1.2.3.5", "1.2.3.6", "5.6.7.9")
    assert select_to_evict(taken, "9.9.9.9") == "p3"


def test_a_newcomer_of_the_largest_network_is_refused() -> None:
    taken = peers("1.2.3.4", "1.2.3.5", "5.6.7.8")
    assert select_to_evict(taken, "1.2.3.99") is None


def test_a_network_with_one_peer_less_gains_nothing() -> None:
    taken = peers("1.2.3.4", "1.2.3.5", "5.6.7.8")
    assert select_to_evict(taken, "5.6.7.9") is None


def test_peers_of_different_networks_stay() -> None:
    assert select_to_evict(peers("1.2.3.4", "5.6.7.8"), "9.9.9.9") is None
    assert select_to_evict([], "9.9.9.9") is None


def test_a_network_of_ipv6_is_a_48() -> None:
    taken = peers("2001:db8:1:1::1", "2001:db8:1:2::1", "2001:db8:1:3::1")
    assert select_to_evict(taken, "2001:db8:1:4::1") is None
    assert select_to_evict(taken, "2001:db8:2::1") == "p2"


@given(
    st.lists(st.integers(0, 5), max_size=40),
    st.integers(0, 7),
)
def test_the_newcomer_never_gets_more_places_than_the_evicted_network_keeps(
    networks: list[int], newcomer: int
) -> None:
    taken = peers(*(f"10.0.{network}.{index}" for index, network in enumerate(networks)))
    ip = f"10.0.{newcomer}.250"
    evicted = select_to_evict(taken, ip)
    if evicted is None:
        largest = max((networks.count(network) for network in networks), default=0)
        assert largest <= networks.count(newcomer) + 1
        return
    victim = next(one for one in taken if one.peer == evicted)
    kept = [
        one for one in taken if one is not victim and network_of(one.ip) == network_of(victim.ip)
    ]
    assert network_of(victim.ip) != network_of(ip)
    assert networks.count(newcomer) + 1 <= len(kept)
