"""Nodes find each other on the local network, and nothing that happens there reaches the node."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Sequence
from dataclasses import replace

import pytest
from zeroconf import ServiceInfo, ServiceStateChange, Zeroconf

from p2p.address import Address, parse
from p2p.dial_plan import BookConfig
from p2p.host import mdns
from p2p.host.containment import contained
from p2p.host.libp2p_network import Libp2pNetwork
from p2p.host.mdns import MAX_RESOLVED, Found, LocalNodes, addresses, reachable, service
from p2p.settings import NetworkSettings
from support.p2p_attack import GENESIS, running, settings

PEER = Libp2pNetwork(settings(seed=bytes(32))).local_peer
LOOPBACK = "127.0.0.1"


def info(
    genesis: str = GENESIS.hex(), peer: str = PEER, host: str = "10.0.0.7", port: int = 30_333
) -> ServiceInfo:
    kind = service(GENESIS)
    return ServiceInfo(
        kind,
        f"x.{kind}",
        port=port,
        properties={"peer": peer, "genesis": genesis},
        parsed_addresses=[host],
    )


def multicast_works() -> bool:
    """Return True if a datagram to the group comes back over the loopback."""
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender,
    ):
        receiver.bind(("", 0))
        receiver.settimeout(2)
        way = socket.inet_aton(LOOPBACK)
        try:
            group = socket.inet_aton(mdns.MULTICAST[0])
            receiver.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, group + way)
            sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, way)
            sender.sendto(b"?", (mdns.MULTICAST[0], receiver.getsockname()[1]))
            return receiver.recv(1) == b"?"
        except OSError:
            return False


def test_the_service_is_the_chains_own() -> None:
    assert service(b"\x1a\x2b\x3c\x4d" + bytes(28)) == "_btt-1a2b3c4d._tcp.local."


def test_a_service_of_our_chain_is_an_address() -> None:
    assert addresses(info(), GENESIS) == [Address("ip4", "10.0.0.7", 30_333, PEER)]
    assert addresses(info(genesis="08" * 32), GENESIS) == []
    assert addresses(info(port=0), GENESIS) == []
    assert addresses(info(host="fe80::1"), GENESIS) == []
    before = contained["address: ValueError"]
    for invalid in ("", "no peer"):
        assert addresses(info(peer=invalid), GENESIS) == []
    assert contained["address: ValueError"] == before + 2


class Answers:
    """A zeroconf that knows one service."""

    def __init__(self, found: ServiceInfo | None) -> None:
        self.found = found
        self.asked = 0

    def get_service_info(self, kind: str, name: str, timeout: int) -> ServiceInfo | None:
        self.asked += 1
        return self.found


def change(nodes: LocalNodes, source: Answers, name: str) -> None:
    nodes._changed(source, service(GENESIS), name, ServiceStateChange.Added)  # type: ignore[arg-type]


def test_answers_of_unknown_hosts_end_nothing_and_are_bounded() -> None:
    found: list[object] = []
    nodes = LocalNodes(GENESIS, PEER, [], found.append)
    before = contained["address: ValueError"]
    change(nodes, Answers(info(peer="no peer")), "a")
    change(nodes, Answers(None), "b")
    assert contained["address: ValueError"] == before + 1
    assert found == []
    itself = Answers(info())
    change(nodes, itself, f"{PEER}-0")
    assert itself.asked == 0
    flood = Answers(info())
    for number in range(2 * MAX_RESOLVED):
        change(nodes, flood, f"name {number}")

    assert flood.asked == MAX_RESOLVED - 2
    assert len(found) == flood.asked


def test_a_machine_without_a_network_runs_a_node_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def none(*_: object, **__: object) -> Zeroconf:
        raise OSError(19, "No such device")

    monkeypatch.setattr(mdns, "Zeroconf", none)
    nodes = LocalNodes(GENESIS, PEER, [], lambda _: None)
    nodes.start()
    nodes.stop()
    assert not nodes._thread.is_alive()
    LocalNodes(GENESIS, PEER, [], lambda _: None).stop()  # never started


def test_everywhere_becomes_the_address_that_others_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mdns, "MULTICAST", (LOOPBACK, 5353))

    assert reachable("10.1.2.3") == "10.1.2.3"
    assert reachable("0.0.0.0") == LOOPBACK


async def test_two_nodes_on_one_network_find_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    if not multicast_works():
        pytest.skip("multicast does not work on the loopback here: mDNS is NOT tested")
    begin = LocalNodes.__init__

    def on_loopback(
        self: LocalNodes, genesis: bytes, peer: str, listen: Sequence[Address], found: Found
    ) -> None:
        begin(self, genesis, peer, listen, found, [LOOPBACK])

    monkeypatch.setattr(LocalNodes, "__init__", on_loopback)
    genesis = os.urandom(32)
    book = BookConfig(allow_private=True)

    def one_of(chain: bytes) -> NetworkSettings:
        return replace(settings(genesis=chain, book=book), mdns=True)

    async with (
        running(one_of(genesis)) as alice,
        running(one_of(b"\x01" * 32)) as foreign,
        running(one_of(genesis)) as bob,
    ):
        await alice.connected()
        await bob.connected()
        assert parse(bob.address).peer == alice.network.peers()[0].peer
        assert not foreign.network.peers()
    assert not [one.name for one in threading.enumerate() if one.name.startswith("mdns ")]
