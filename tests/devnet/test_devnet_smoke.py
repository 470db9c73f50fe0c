"""Validators as real processes: they agree, go on without one, and have half-second slots."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from btt_chain.client.blocking import BlockingChain
from btt_chain.testing import Devnet
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


@pytest.mark.full
@pytest.mark.usefixtures("btt_warm_starts")
def test_a_network_has_slots_of_half_a_second_unless_said(tmp_path: Path) -> None:
    with Devnet.create(tmp_path / "net", validators=2) as net:
        net.up()
        net.wait_for_finality(8)
        with BlockingChain.connect(net[0].ws) as chain:
            assert chain.constant("Babe.ExpectedBlockTime") == 500
            assert chain.constant("Babe.EpochDuration") == 40
            times = [
                int(str(chain.storage("Timestamp.Now", at=chain.block_hash(number))))
                for number in range(1, 9)
            ]
        steps = [after - before for before, after in pairwise(times)]
        # A slot stays empty where the machine is slow.
        assert all(step % 500 == 0 for step in steps)
        assert min(steps) == 500
        assert net.check_agreement() >= 8
