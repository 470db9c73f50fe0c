"""Metrics of GRANDPA's rounds."""

from __future__ import annotations

import re

from btt_chain.node.service.service import Service
from btt_chain.telemetry.metrics import Metrics
from btt_chain.telemetry.voter_participation import VoterParticipation
from support.sim.world import World


def test_the_reported_round_is_the_highest_complete_one() -> None:
    world = World(seed=4, validators=2)
    world.run(5)
    gadget, metrics = world.nodes[0].running.parts.gadget, Metrics("n", "1", is_authority=True)
    service = Service.__new__(Service)  # all that it takes besides is a network and ports
    service._participation = VoterParticipation()
    service._look_at_voters(gadget, metrics)
    found = re.search(
        r"^substrate_finality_grandpa_round (\d+)", metrics.text().decode(), re.MULTILINE
    )
    assert found is not None
    assert gadget.round > 2
    assert int(found[1]) == gadget.round - 1
