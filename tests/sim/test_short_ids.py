"""Wrong answers to requests for compact blocks: blocks arrive, and who lies is charged."""

from __future__ import annotations

import pytest

from support.sim.plays import SHIFT
from support.sim.short_ids import CHARGED, TWISTS, play

QUICK = ("moved", "65,536 ids", "missing, and wrong")


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in QUICK else pytest.mark.full) for name in TWISTS]
)
def test_blocks_arrive_whatever_a_peer_answers(name: str) -> None:
    played = play(621 + SHIFT, name)
    assert played.cheat.done >= 1
    assert played.paid
    assert played.blocks >= played.slots - 1
    assert (played.costs > 0) == (name in CHARGED)
    assert played.others == 0
