"""The progress of sync as text."""

from __future__ import annotations

import pytest

from p2p.sync.machine import Speed, describe, duration
from p2p.sync.types import Phase, Progress

IDLE = Progress(Phase.FULL, 0, 1_234, 1_234, 0.2, None, 0, 0, 3, syncing=False)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (59, "59s"), (61, "1m 1s"), (3_600, "1h 0m"), (200_000, "2d 7h")],
)
def test_a_duration_has_two_units(seconds: int, text: str) -> None:
    assert duration(seconds) == text


def test_each_phase_has_its_line() -> None:
    assert describe(IDLE) == "idle: 1,234, 3 peers"
    syncing = Progress(Phase.FULL, 0, 1_234, 10_000, 143.21, 61, 0, 0, 3, syncing=True)
    assert describe(syncing) == "syncing: 1,234 of 10,000, 143.2 blocks/s, 1m 1s left, 3 peers"
    state = Progress(Phase.STATE, 0, 0, 10_000, 0, None, 55_000, 0, 3, syncing=True)
    assert describe(state) == "state: 55,000 entries, 3 peers"
    history = Progress(Phase.FULL, 0, 9, 9, 0, None, 0, 7_000, 1, syncing=False)
    assert describe(history) == "idle: 9, history: 7,000 blocks to go, 1 peers"


def test_speed_is_that_of_the_last_half_minute() -> None:
    speed = Speed()
    assert speed.rate(5, 1_000) == 0
    for second in range(60):
        speed.note(second * (1 if second < 20 else 10), second * 1_000)
    assert speed.rate(590, 59_000) == pytest.approx(10)
