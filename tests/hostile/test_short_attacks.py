"""The short form of `make hostile`: one network, some seconds of each kind of attack.

The bounds are wide, because other tests run beside these: what must not happen is that the chain
stops, that a node dies or falls silent, or that an attacker is served until the end.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from hostile.field import Field, details
from hostile.registry import SCENARIOS, Bounds

pytestmark = [pytest.mark.devnet, pytest.mark.timeout(900)]

SECONDS = 8.0
SURVIVAL = Bounds(gap=12.0, missed=0.5, cpu=1.2, memory=200.0, health=5.0, cut=SECONDS, final=0.5)


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Field]:
    """Four validators with slots of a second, for all attacks in turn."""
    field = Field(tmp_path_factory.mktemp("hostile"), slot_ms=1_000)
    try:
        yield field
    finally:
        field.down()


@pytest.mark.parametrize(
    "name",
    [
        "D1-nodes",
        *(pytest.param(name, marks=pytest.mark.full) for name in ("D2-mixed", "D3-old")),
        "rpc-mixed",
    ],
)
def test_a_network_survives_an_attack_and_cuts_the_attacker_off(attacked: Field, name: str) -> None:
    scenario = replace(SCENARIOS[name], bounds=SURVIVAL)
    outcome = attacked.attack(scenario, SECONDS)
    assert outcome.slots > 0
    assert outcome.failures() == [], details(outcome)
