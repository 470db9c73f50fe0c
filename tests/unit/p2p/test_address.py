"""Addresses of nodes, read without the network library."""

from __future__ import annotations

import pytest

from btt_chain.primitives.ss58 import to_base58
from p2p.address import PEER_ID_PREFIX, parse, parse_listen

PEER = to_base58(PEER_ID_PREFIX + bytes(range(32)))


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
