"""Vesting as commands show it: the same figures as the pallet's."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest

from btt_chain.client.amount import BTT
from btt_chain.client.chain import Chain
from btt_chain.client.views import ViewClient, plain
from btt_chain.present import Context
from btt_chain.scale import u32, u128
from btt_chain.scale.portable import Plain
from cli.commands.vesting import Vested, next_dates, print_vested, read_vested
from runtime.pallets.vesting import LOCK_ID
from runtime.schedules import Schedule

CONTEXT = Context(currency=BTT, slot_ms=6_000)


def schedule(locked: int, start: int, length: int, cliff: int) -> Schedule:
    return Schedule(u128(locked), u32(start), u32(length), u32(cliff))


class StoredSchedules:
    """A chain with the schedules of one account, and its lock."""

    def __init__(self, lock: int, *schedules: Schedule) -> None:
        self.stored: dict[str, Plain] = {
            "Vesting.SchedulesExt": plain(schedules),
            "Balances.Locks": [
                {"id": plain(LOCK_ID), "amount": lock, "reasons": "Fee"},
                {"id": plain(b"stakes  "), "amount": 10**9, "reasons": "All"},
            ],
        }

    async def storage(self, path: str, *_: Plain) -> Plain:
        return self.stored[path]

    def constant(self, _: str) -> Plain:
        return 6_000


def read(chain: StoredSchedules, slot: int, months: int = 0) -> Vested:
    client = ViewClient(cast("Chain", chain))
    return asyncio.run(read_vested(client, bytes(32), slot, months))


def test_what_can_be_unlocked_is_the_lock_without_the_unvested_part() -> None:
    chain = StoredSchedules(150, schedule(100, 0, 10, 0), schedule(50, 5, 5, 8))
    assert [read(chain, slot).claimable for slot in (0, 1, 8, 10)] == [0, 10, 80 + 30, 150]
    assert read(StoredSchedules(20, schedule(100, 0, 10, 0)), 1).claimable == 0


def test_each_schedule_and_each_date_has_its_amounts(capsys: pytest.CaptureFixture[str]) -> None:
    unit = 10**18
    vested = read(StoredSchedules(100 * unit, schedule(100 * unit, 0, 10, 2)), 4, months=3)
    (row,) = vested.schedules
    assert (row.vested, row.unvested) == (40 * unit, 60 * unit)
    assert [(date.slot, date.unvested) for date in vested.dates] == [(10, 0)]
    print_vested(vested, CONTEXT)
    shown = capsys.readouterr().out
    assert "to unlock  40 BTT" in shown
    assert "100 BTT     40 BTT   60 BTT   slot 2          in 36 seconds" in shown


def test_the_next_dates_are_steps_cliffs_and_the_end() -> None:
    rows = [schedule(100, 0, 100, 0), schedule(100, 0, 50, 25)]
    assert next_dates(rows, 10, 30, 2) == [25, 40, 70, 100]
    assert next_dates(rows, 10, 30, 9) == [25, 40, 70, 100]
    assert next_dates(rows, 100, 30, 3) == []
    assert next_dates([], 7, 30, 3) == []
