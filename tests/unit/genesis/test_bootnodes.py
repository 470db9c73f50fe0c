"""Addresses of bootnodes: which are taken, and why others are not."""

from __future__ import annotations

import json

import pytest

from genesis.catalogue import make
from genesis.spec import SpecError, read_spec

PEER = "12D3KooWJWEKvSFbben74C7H4YtKjhPMTDxd7gP7zxWkUEeF27st"
HERE = f"/ip4/10.0.0.1/tcp/30333/p2p/{PEER}"
REFUSED = (
    "10.0.0.1:30333",
    f"/ip6/2606:4700::1%x/tcp/30333/p2p/{PEER}",
    f"/dns/boot.example/tcp/443/wss/p2p/{PEER}",
    f"/ip4/10.0.0.1/udp/30333/quic-v1/p2p/{PEER}",
    f"/dns/{'a' * 64}.example/tcp/30333/p2p/{PEER}",
    f"/ip4/10.0.0.1/tcp/0/p2p/{PEER}",
    "/ip4/10.0.0.1/tcp/30333",
)


@pytest.mark.parametrize("text", REFUSED)
def test_an_address_that_no_node_can_dial_is_refused_in_a_specification(text: str) -> None:
    spec = json.loads(make("local", boot_nodes=[HERE]).dumps())
    spec["bootNodes"] = [text]
    with pytest.raises(SpecError, match="bootNodes"):
        read_spec(json.dumps(spec))


def test_a_specification_carries_its_bootnodes_each_once() -> None:
    other = f"/dns/boot.example/tcp/30333/p2p/{PEER}"
    spec = make("local", boot_nodes=[HERE, other, HERE])
    assert spec.boot_nodes == (HERE, other)
    assert read_spec(spec.dumps()).boot_nodes == (HERE, other)


def test_a_bad_bootnode_is_refused_when_a_specification_is_made() -> None:
    with pytest.raises(SpecError, match=r"not the address of a node: '10\.0\.0\.1'"):
        make("local", boot_nodes=["10.0.0.1"])
