"""Four validators of the presets with slots of half a second, as real processes."""

from __future__ import annotations

import pytest

from btt_chain.testing.plugin import DevnetFactory
from genesis.catalogue import make

pytestmark = [pytest.mark.devnet, pytest.mark.full]


@pytest.mark.parametrize("preset", ["local", "fast"])
def test_a_network_with_half_second_slots_finalizes_and_goes_on_without_a_node(
    devnet: DevnetFactory, preset: str
) -> None:
    net = devnet(validators=4, slot_ms=500, spec=make(preset, validators=4).dumps())
    net.wait_for_finality(20)
    net.kill(3)
    net.wait_for_finality(net[0].rpc.finalized() + 6)
    net.restart(3)
    net.wait_for_finality(net[0].rpc.finalized() + 20)
    assert net.check_agreement() >= 40
    # A round lasts no longer than a slot: on a slow machine blocks come late, and so do both.
    assert net[0].rpc.best() - net[0].rpc.finalized() <= 10
    assert net.down() == []
