"""Vesting as commands show it: the same figures as the pallet's."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cli.common.schedules import Schedule, Vested, next_dates
from runtime.pallets.vesting import LOCK_ID, vested

SLOTS = st.integers(0, 2**31)


@given(st.integers(1, 10**30), SLOTS, st.integers(1, 2**31), st.integers(0, 2**32), SLOTS)
def test_a_schedule_releases_what_the_pallet_releases(
    locked: int, start: int, length: int, after: int, now: int
) -> None:
    cliff = start + after % (length + 1)
    one = Schedule(locked, start, length, cliff)
    assert one.vested(now) == vested(locked, start, length, cliff, now)
    assert one.vested(now) + one.unvested(now) == locked
    assert one.unvested(one.end) == 0
    assert one.unvested(max(one.first - 1, 0)) == locked or one.first == 0


def test_what_can_be_unlocked_is_the_lock_without_the_unvested_part() -> None:
    found = Vested((Schedule(100, 0, 10, 0), Schedule(50, 5, 5, 8)), 150)
    assert [found.claimable(slot) for slot in (0, 1, 8, 10)] == [0, 10, 80 + 30, 150]
    assert Vested((Schedule(100, 0, 10, 0),), 20).claimable(1) == 0


def test_the_next_dates_are_steps_cliffs_and_the_end() -> None:
    rows = [Schedule(100, 0, 100, 0), Schedule(100, 0, 50, 25)]
    assert next_dates(rows, 10, 30, 2) == [25, 40, 70, 100]
    assert next_dates(rows, 10, 30, 9) == [25, 40, 70, 100]
    assert next_dates(rows, 100, 30, 3) == []
    assert next_dates([], 7, 30, 3) == []


def test_the_lock_has_the_name_of_the_pallet() -> None:
    from cli.common import schedules

    assert "0x" + LOCK_ID.hex() == schedules.LOCK_ID
