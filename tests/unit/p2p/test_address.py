"""Addresses of nodes, read without the network library."""

from __future__ import annotations

from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multiaddr import Multiaddr

from btt_chain.primitives.ss58 import to_base58
from p2p.address import HOSTS, MAX_CHARACTERS, PEER_ID_PREFIX, parse, parse_listen, parse_public
from p2p.kademlia.table import network_of

PEER = to_base58(PEER_ID_PREFIX + bytes(range(32)))
OTHER = to_base58(PEER_ID_PREFIX + bytes(32))


@pytest.mark.parametrize(
    ("text", "public", "group"),
    [
        (f"/ip4/8.8.4.4/tcp/30333/p2p/{PEER}", True, "8.8"),
        (f"/ip4/192.168.1.1/tcp/1/p2p/{PEER}", False, "192.168"),
        (f"/ip6/2001:4860::1/tcp/30333/p2p/{PEER}", True, "2001:4860"),
        (f"/ip6/::1/tcp/30333/p2p/{PEER}", False, "0000:0000"),
        (f"/dns4/boot.example.org/tcp/30333/p2p/{PEER}", True, "boot.example.org"),
    ],
)
def test_an_address_is_read_and_written(text: str, public: bool, group: str) -> None:
    address = parse(text)

    assert (str(address), address.public, address.group) == (text, public, group)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "8.8.4.4:30333",
        f"/ip4/8.8.4.4/tcp/30333/ws/p2p/{PEER}",
        f"/ip4/8.8.4/tcp/30333/p2p/{PEER}",
        f"/ip4/::1/tcp/30333/p2p/{PEER}",
        f"/ip4/8.8.4.4/tcp/0/p2p/{PEER}",
        f"/ip4/8.8.4.4/tcp/65536/p2p/{PEER}",
        f"/ip4/8.8.4.4/tcp/٣/p2p/{PEER}",
        f"/dns4/-bad/tcp/1/p2p/{PEER}",
        f"/unix/x/tcp/1/p2p/{PEER}",
        f"/ip4/8.8.4.4/tcp/30333/p2p/{PEER[:-1]}",
        "/ip4/8.8.4.4/tcp/30333/p2p/0OIl",
        "/ip4/8.8.4.4/tcp/30333/p2p/" + "1" * 1_000,
    ],
)
def test_invalid_addresses_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"not|none"):
        parse(text)


def test_any_port_may_be_listened_on() -> None:
    assert parse_listen("/ip4/0.0.0.0/tcp/0") == ("ip4", "0.0.0.0", 0)
    with pytest.raises(ValueError, match="form"):
        parse_listen(f"/ip4/0.0.0.0/tcp/0/p2p/{PEER}")


@pytest.mark.parametrize("host", ["fe80::1%eth0", "2606:4700::1%x", "::%1", "::1%"])
def test_an_address_with_a_zone_is_refused_wherever_addresses_are_read(host: str) -> None:
    for read in (
        partial(parse, f"/ip6/{host}/tcp/30333/p2p/{PEER}"),
        partial(parse_listen, f"/ip6/{host}/tcp/30333"),
        partial(parse_public, PEER, f"/ip6/{host}/tcp/30333"),
    ):
        with pytest.raises(ValueError, match="zone"):
            read()


@pytest.mark.parametrize(
    "host", ["boot_node", "project_node_1", "boot-node.example.", "_btt.x", "XN--abc", "a" * 63]
)
def test_a_name_that_resolvers_take_is_accepted(host: str) -> None:
    assert parse(f"/dns4/{host}/tcp/30333/p2p/{PEER}").host == host


@pytest.mark.parametrize(
    "host",
    [
        "a..b", ".", "..", "-a", "a-", "a" * 64, "é", "a b", "10.0.0.1", "10.0.0.1.",
        "2130706433", "0x7f.1", "127.1", "0177.0.0.1",
    ],
)  # fmt: skip
def test_a_name_that_resolvers_refuse_or_read_as_a_number_is_refused(host: str) -> None:
    with pytest.raises(ValueError, match="name"):
        parse(f"/dns/{host}/tcp/30333/p2p/{PEER}")


def test_an_address_is_accepted_only_if_messages_to_other_nodes_have_room_for_it() -> None:
    """Longer ones would be refused by all peers, and this node banned by them."""
    room = MAX_CHARACTERS - len(f"/dns4//tcp/30333/p2p/{PEER}") - 1
    longest = ("a" * (room // 2) + "." + "b" * (room - room // 2))[:room]
    assert parse(f"/dns4/{longest}/tcp/30333/p2p/{PEER}").host == longest
    with pytest.raises(ValueError, match="160 characters"):
        parse(f"/dns4/{longest}cc/tcp/30333/p2p/{PEER}")


@given(st.text(alphabet="0123456789abcdef:.%x_-GZ", max_size=40), st.sampled_from(HOSTS))
def test_whatever_is_accepted_is_usable_everywhere(host: str, kind: str) -> None:
    try:
        address = parse(f"/{kind}/{host}/tcp/30333/p2p/{PEER}")
    except ValueError:
        return
    assert parse(str(address)) == address
    assert address.group
    assert isinstance(address.public, bool)
    assert isinstance(network_of(address.host), str)
    if not address.is_name:
        Multiaddr(address.socket)


def test_a_node_reports_names_and_addresses_with_or_without_its_own_peer_id() -> None:
    assert parse_public(PEER, "/dns/node.example/tcp/30333") == "/dns/node.example/tcp/30333"
    assert parse_public(PEER, f"/ip4/8.8.4.4/tcp/1/p2p/{PEER}") == "/ip4/8.8.4.4/tcp/1"
    for text in (f"/ip4/8.8.4.4/tcp/1/p2p/{OTHER}", "/ip4/0.0.0.0/tcp/1", "/ip4/8.8.4.4/tcp/0"):
        with pytest.raises(ValueError, match="not"):
            parse_public(PEER, text)
