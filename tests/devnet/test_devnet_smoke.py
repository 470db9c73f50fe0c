"""Validators as real processes: they agree, and go on without one."""

from __future__ import annotations

import pytest

from btt_chain.testing.plugin import DevnetFactory

pytestmark = pytest.mark.devnet


def test_a_network_finalizes_loses_a_node_and_takes_it_back(devnet: DevnetFactory) -> None:
    net = devnet(validators=4, slot_ms=1_000)
    net.wait_for_finality(2)
    net.kill(3)
    net.wait_for_finality(net[0].rpc.finalized() + 2)
    net.restart(3)
    observer = net.add_node()
    net.wait_for_finality(net[0].rpc.finalized() + 2)
    assert net.check_agreement() >= 4
    assert observer.rpc.call("system_nodeRoles") == ["Full"]
    assert net.down() == []
