"""Vesting as commands show it: the same figures as the pallet's."""

from __future__ import annotations

import pytest

from btt_chain.client.amount import BTT
from btt_chain.present import Context
from btt_chain.scale import u32, u128
from cli.commands.vesting import next_dates, print_vested, vested_at
from runtime.schedules import Schedule


def schedule(locked: int, start: int, length: int, cliff: int) -> Schedule:
    return Schedule(u128(locked), u32(start), u32(length), u32(cliff))


def test_what_can_be_unlocked_is_the_lock_without_the_unvested_part() -> None:
    rows = [schedule(100, 0, 10, 0), schedule(50, 5, 5, 8)]
    assert [vested_at(rows, 150, slot).claimable for slot in (0, 1, 8, 10)] == [0, 10, 110, 150]
    assert vested_at(rows[:1], 20, 1).claimable == 0


def test_each_schedule_and_each_date_has_its_amounts(capsys: pytest.CaptureFixture[str]) -> None:
    unit = 10**18
    vested = vested_at([schedule(100 * unit, 0, 10, 2)], 100 * unit, 4, [7, 10])
    assert [(row.vested, row.unvested) for row in vested.schedules] == [(40 * unit, 60 * unit)]
    print_vested(vested, Context(currency=BTT, slot_ms=6_000))
    shown = capsys.readouterr().out
    assert "to unlock  40 BTT" in shown
    assert "100 BTT     40 BTT   60 BTT   slot 2          in 36 seconds" in shown
    assert [line.split()[-2:] for line in shown.splitlines()[-3:-1]] == [
        ["30", "BTT"],
        ["0", "BTT"],
    ]


def test_the_next_dates_are_steps_cliffs_and_the_end() -> None:
    rows = [schedule(100, 0, 100, 0), schedule(100, 0, 50, 25)]
    assert next_dates(rows, 10, 30, 2) == [25, 40, 70, 100]
    assert next_dates(rows, 10, 30, 9) == [25, 40, 70, 100]
    assert next_dates(rows, 100, 30, 3) == []
    assert next_dates([], 7, 30, 3) == []
