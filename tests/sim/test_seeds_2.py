"""Scenarios from seeds, part 2 of 4 (support/sim/seeds.py, docs/simulator.md)."""

from __future__ import annotations

import pytest

from support.sim.scenario import Scenario, play
from support.sim.seeds import batches, name


@pytest.mark.parametrize("seeds", batches(1), ids=name)
@pytest.mark.full
def test_whatever_befalls_them_honest_nodes_agree_and_go_on(seeds: range) -> None:
    for seed in seeds:
        play(Scenario.of(seed))
