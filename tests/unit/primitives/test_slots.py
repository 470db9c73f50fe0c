"""Numbers of slots that last as long as with slots of a second."""

from __future__ import annotations

import pytest

from btt_chain.primitives.slots import slots_in_time


@pytest.mark.parametrize(
    ("slot_ms", "count"),
    [(60_000, 20), (2_000, 20), (1_000, 20), (999, 21), (500, 40), (300, 67), (250, 80)],
)
def test_shorter_slots_than_a_second_are_more(slot_ms: int, count: int) -> None:
    assert slots_in_time(20, slot_ms) == count
    assert count * slot_ms >= 20_000


@pytest.mark.parametrize("slot_ms", [100, 250, 500, 1_000, 6_000])
def test_numbers_come_back_from_other_lengths(slot_ms: int) -> None:
    for count in (1, 3, 20):
        there = slots_in_time(count, slot_ms)
        assert slots_in_time(there, 1_000, slot_ms) == count
        assert slots_in_time(there, slot_ms, slot_ms) == there
