"""Addresses of bootnodes: which are taken, and why others are not."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genesis.bootnodes import BadAddress, check_address
from genesis.catalogue import make
from genesis.spec import SpecError, read_spec

PEER = "12D3KooWJWEKvSFbben74C7H4YtKjhPMTDxd7gP7zxWkUEeF27st"
RSA_PEER = "QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N"
HERE = f"/ip4/10.0.0.1/tcp/30333/p2p/{PEER}"


@pytest.mark.parametrize(
    "text",
    [
        HERE,
        f"/ip6/::1/tcp/30333/p2p/{PEER}",
        f"/dns/boot.example/tcp/443/wss/p2p/{PEER}",
        f"/dns4/boot-1.example./tcp/30333/ws/p2p/{PEER}",
        f"/dns/boot.example/tcp/443/x-parity-wss/%2F/p2p/{PEER}",
        f"/ip4/10.0.0.1/udp/30333/quic-v1/p2p/{PEER}",
        f"/ip4/10.0.0.1/tcp/30333/ipfs/{RSA_PEER}",
    ],
)
def test_an_address_with_a_peer_id_is_taken(text: str) -> None:
    check_address(text)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "does not begin with /ip4"),
        ("10.0.0.1:30333", "does not begin with /ip4"),
        ("/ip4/10.0.0.1", "host, port and peer id are needed"),
        (f"/ip4/10.0.0.256/tcp/30333/p2p/{PEER}", "'10.0.0.256' is no ip4 address"),
        (f"/ip6/10.0.0.1/tcp/30333/p2p/{PEER}", "'10.0.0.1' is no ip6 address"),
        (f"/dns/boot example/tcp/30333/p2p/{PEER}", "is no name of a host"),
        (f"/onion/boot/tcp/30333/p2p/{PEER}", "/onion is not one of"),
        (f"/ip4/10.0.0.1/sctp/30333/p2p/{PEER}", "not /sctp"),
        (f"/ip4/10.0.0.1/tcp/0/p2p/{PEER}", "'0' is no port"),
        (f"/ip4/10.0.0.1/tcp/65536/p2p/{PEER}", "'65536' is no port"),
        (f"/ip4/10.0.0.1/tcp/+1/p2p/{PEER}", "'+1' is no port"),
        ("/ip4/10.0.0.1/tcp/30333", "does not end with /p2p"),
        (f"{HERE}/p2p-circuit", "does not end with /p2p"),
        (f"/ip4/10.0.0.1/tcp/30333/smoke/p2p/{PEER}", "/smoke is no transport"),
        (f"/ip4/10.0.0.1/tcp/30333/p2p/{PEER[:-1]}0", "bad character '0'"),
        (f"/ip4/10.0.0.1/tcp/30333/p2p/{PEER[:-1]}", "is no peer id"),
        ("/ip4/10.0.0.1/tcp/30333/p2p/12D3KooW", "is no peer id"),
        ("/" + "x" * 600, "601 characters are too many"),
    ],
)
def test_what_is_no_address_is_reported_why(text: str, why: str) -> None:
    with pytest.raises(BadAddress) as caught:
        check_address(text)
    assert why in str(caught.value)


@given(st.text(alphabet="/ip4dnstc2p0.:1é\0", max_size=60))
def test_whatever_text_is_an_address_or_refused(text: str) -> None:
    with suppress(BadAddress):
        check_address(text)


def test_a_specification_carries_its_bootnodes_each_once() -> None:
    other = f"/dns/boot.example/tcp/30333/p2p/{PEER}"
    spec = make("local", boot_nodes=[HERE, other, HERE])
    assert spec.boot_nodes == (HERE, other)
    assert read_spec(spec.dumps()).boot_nodes == (HERE, other)


def test_a_bad_bootnode_is_refused_when_a_specification_is_made() -> None:
    with pytest.raises(SpecError, match=r"10\.0\.0\.1: no address of a node: it does not begin"):
        make("local", boot_nodes=["10.0.0.1"])
