"""Scenarios from seeds, part 1 of 4 (support/sim/seeds.py, docs/simulator.md)."""

from __future__ import annotations

import pytest

from support.sim.scenario import Scenario, play
from support.sim.seeds import IN_CI, batches, name


@pytest.mark.parametrize(
    "seeds",
    [
        pytest.param(each, id=name(each), marks=() if place < IN_CI else pytest.mark.full)
        for place, each in enumerate(batches(0))
    ],
)
def test_whatever_befalls_them_honest_nodes_agree_and_go_on(seeds: range) -> None:
    for seed in seeds:
        play(Scenario.of(seed))
