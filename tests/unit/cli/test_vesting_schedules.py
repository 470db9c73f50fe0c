"""Vesting as commands show it: the same figures as the pallet's."""

from __future__ import annotations

from btt_chain.scale import u32, u128
from cli.common.schedules import Vested, next_dates
from runtime.schedules import Schedule


def schedule(locked: int, start: int, length: int, cliff: int) -> Schedule:
    return Schedule(u128(locked), u32(start), u32(length), u32(cliff))


def test_what_can_be_unlocked_is_the_lock_without_the_unvested_part() -> None:
    found = Vested((schedule(100, 0, 10, 0), schedule(50, 5, 5, 8)), 150)
    assert [found.claimable(slot) for slot in (0, 1, 8, 10)] == [0, 10, 80 + 30, 150]
    assert Vested((schedule(100, 0, 10, 0),), 20).claimable(1) == 0


def test_the_next_dates_are_steps_cliffs_and_the_end() -> None:
    rows = [schedule(100, 0, 100, 0), schedule(100, 0, 50, 25)]
    assert next_dates(rows, 10, 30, 2) == [25, 40, 70, 100]
    assert next_dates(rows, 10, 30, 9) == [25, 40, 70, 100]
    assert next_dates(rows, 100, 30, 3) == []
    assert next_dates([], 7, 30, 3) == []
