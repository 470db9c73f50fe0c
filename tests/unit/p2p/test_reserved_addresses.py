"""Reserved peers come in where others of their network are refused."""

from __future__ import annotations

import asyncio

import pytest

from p2p.address import parse
from p2p.dial_plan import BookConfig
from p2p.limits import LOCAL_GATE, Gate, GateLimits
from p2p.network import TX
from p2p.networks import NETWORK
from p2p.reserved import MAX_ADDRESSES, PER_ADDRESS, TOTAL, ReservedAddresses
from support.p2p_attack import Witness, running, settings, turned_away

PEER = "12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp"
NOW = 1_000_000
CLOSED = "network 10.0.0.0/24 is closed"


def at(ip: str, peer: str = PEER) -> ReservedAddresses:
    kind = "ip6" if ":" in ip else "ip4"
    return ReservedAddresses([parse(f"/{kind}/{ip}/tcp/30333/p2p/{peer}")])


def gate(reserved: ReservedAddresses, limits: GateLimits = LOCAL_GATE) -> Gate:
    return Gate(limits, lambda ip, now: CLOSED, reserved.admits)


def test_the_address_of_a_reserved_peer_is_let_in_while_its_network_is_closed() -> None:
    closed = gate(at("10.0.0.1"))
    assert closed.enter("10.0.0.2", NOW) == CLOSED
    assert closed.enter("10.0.0.1", NOW) is None
    assert closed.open_connections == 1


def test_all_of_a_64_of_ipv6_counts_as_one_address() -> None:
    assert at("2001:db8::1").admits("2001:db8::77", NOW)
    assert not at("2001:db8::1").admits("2001:db8:1::1", NOW)


def test_it_is_let_in_when_others_have_taken_all_places() -> None:
    limits = GateLimits(total=2, half_open=2)
    full = Gate(limits, reserved=at("10.0.0.1").admits)
    assert [full.enter(f"10.0.1.{n}", NOW) for n in range(3)] == [None, None, "full"]
    assert full.enter("10.0.0.1", NOW) is None


def test_handshakes_of_such_addresses_are_few() -> None:
    closed = gate(at("10.0.0.1"))
    entered = [closed.enter("10.0.0.1", NOW) for _ in range(20)]
    assert entered.count(None) == PER_ADDRESS.burst
    many = ReservedAddresses(
        [parse(f"/ip4/10.0.0.{n}/tcp/30333/p2p/{PEER}") for n in range(MAX_ADDRESSES)]
    )
    came = [many.admits(f"10.0.0.{n % MAX_ADDRESSES}", NOW) for n in range(100)]
    assert came.count(True) == min(TOTAL.burst, MAX_ADDRESSES * PER_ADDRESS.burst)
    assert many.admits("10.0.0.1", NOW + 2_000)


def test_the_address_that_a_reserved_peer_was_seen_at_is_remembered_and_no_others() -> None:
    known = ReservedAddresses([parse(f"/dns4/example.org/tcp/30333/p2p/{PEER}")])
    known.seen("another", "10.0.0.2")
    assert not known.admits("10.0.0.2", NOW)
    known.seen(PEER, "10.0.0.1")
    assert known.admits("10.0.0.1", NOW)
    for number in range(2, 100):
        known.seen(PEER, f"10.0.0.{number}")
    assert not known.admits("10.0.0.1", NOW)
    assert known.admits("10.0.0.99", NOW)
    assert len(known._rates) <= MAX_ADDRESSES
    known.unreserve(PEER)
    assert not known.admits("10.0.0.99", NOW)


def close(victim: Witness) -> None:
    """Close the network of the loopback."""
    guard = victim.network._node.guard
    guard.accounts.opened("spender", "127.0.0.1", guard._clock())
    guard.charge("spender", TX, NETWORK.burst, NETWORK.burst)


async def test_a_reserved_peer_that_only_dials_in_comes_in_while_its_network_is_closed() -> None:
    # No node listens at the address that the operator named: the peer must come by itself.
    seed = b"\x21" * 32
    async with running(settings(seed=seed)) as first:
        name = first.network.local_peer
    reserved = parse(f"/ip4/127.0.0.1/tcp/9/p2p/{name}")
    book = BookConfig(reserved=(reserved,), allow_private=True)
    config = settings(book=book, handshake_ms=120_000)
    async with running(config) as victim:
        close(victim)
        # A foreign peer at the same address is disconnected behind the handshake.
        await turned_away(victim)
        assert victim.network.peers() == ()
        async with running(settings(victim.address, seed=seed)), asyncio.timeout(30):
            await victim.connected()
            assert [view.peer for view in victim.network.peers()] == [name]


@pytest.mark.parametrize("reserve", [True, False])
async def test_a_peer_that_is_reserved_at_run_time_comes_in_as_well(reserve: bool) -> None:
    seed = b"\x22" * 32
    async with running(settings(seed=seed)) as first:
        name = first.network.local_peer
    async with running(settings()) as victim:
        close(victim)
        if reserve:
            victim.network.reserve(f"/ip4/127.0.0.1/tcp/9/p2p/{name}")
            await asyncio.sleep(0.2)
        async with running(settings(victim.address, seed=seed)) as peer:
            if reserve:
                await peer.connected()
            else:
                await asyncio.sleep(1.5)
                assert peer.network.peers() == ()
