"""The documents' tables: exact to the planck, and refused by row and field."""

from __future__ import annotations

import copy
import json
from importlib.resources import files
from typing import Any

import pytest

from genesis.allocation import Kind, Table, check_slot, read_table, slots
from genesis.holders import table
from genesis.presets import DOCUMENTS
from runtime.frame import GenesisError, Section

BTT = 10**18

# docs/economy.md: sums of each document's rows, in percent, and its supply in million BTT.
STATED = {
    "seed-000": (100, 21),
    "seed-001": (100, 210),
    "seed-002": (85, 210),
    "seed-004": (89, 21),
}


def document(name: str = "seed-000") -> dict[str, Any]:
    text = files("genesis.presets").joinpath(f"{name}.json").read_text(encoding="utf-8")
    return dict(json.loads(text))


def refusal(changed: dict[str, Any]) -> str:
    with pytest.raises(GenesisError) as caught:
        read_table(Section(changed, "table"))
    return str(caught.value)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_rows_of_a_document_are_its_supply_to_the_last_planck(name: str) -> None:
    rows = table(name)
    percent, millions = STATED[name]
    assert rows.supply == millions * 10**6 * BTT
    assert sum(row.amount for row in rows.rows) == rows.supply
    stated = sum(row.percent for row in rows.rows if row.kind is not Kind.TREASURY)
    assert stated == percent


@pytest.mark.parametrize(("name", "rest"), [("seed-002", 31_500_000), ("seed-004", 2_310_000)])
def test_what_a_document_gives_to_no_account_is_the_treasurys(name: str, rest: int) -> None:
    row = table(name).row_of(Kind.TREASURY)
    assert row is not None
    assert row.amount == rest * BTT


def test_every_document_gives_mining_thirty_percent() -> None:
    for name in DOCUMENTS:
        row = table(name).row_of(Kind.MINING)
        assert row is not None
        assert row.amount * 10 == table(name).supply * 3


@pytest.mark.parametrize("place", range(17))
def test_one_planck_too_many_is_reported_with_its_row(place: int) -> None:
    changed = document()
    row = changed["allocations"][place]
    row["amount"] = str(int(row["amount"]) + 1)
    assert f"table.allocations[{place}].amount: row {row['key']} is" in refusal(changed)


def test_a_row_that_is_missing_is_reported_with_the_sum() -> None:
    changed = document("seed-004")
    changed["allocations"].pop()
    assert f"{2_310_000 * BTT} less than the supply" in refusal(changed)


def test_the_stated_percentage_is_checked() -> None:
    assert "table.stated_pct: expected 89" in refusal(document("seed-004") | {"stated_pct": 90})


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("key", "Bit Wave", "[0].key: expected lower-case"),
        ("key", "cdhg", "[1].key: there is a row cdhg already"),
        ("pct", "ten", "[0].pct: expected a whole number from 0 to 100"),
        ("pct", 11, "[0].amount: row bitwave is 11 %"),
        ("kind", "sudden", "[0].kind: expected one of linear"),
        ("kind", "mining", "[0].lock_m: row bitwave is mining and has no such field"),
        ("dur_m", 0, "[0].dur_m: expected 1 to"),
        ("lock_m", -1, "[0].lock_m: expected a whole number"),
        ("amount", 2.1e24, "[0].amount: expected a whole number"),
        ("surprise", 1, "[0].surprise: unknown field"),
    ],
)
def test_a_wrong_field_is_named(field: str, value: object, message: str) -> None:
    changed = document()
    changed["allocations"][0][field] = value
    assert message in refusal(changed)


@pytest.mark.parametrize(
    "field", ["key", "holder", "pct", "kind", "group", "amount", "dur_m", "lock_m"]
)
def test_a_missing_field_is_named(field: str) -> None:
    changed = document()
    del changed["allocations"][0][field]
    assert f"[0].{field}: missing" in refusal(changed)


def test_a_cliff_behind_the_end_is_refused() -> None:
    changed = document("seed-002")
    changed["allocations"][0]["lock_m"] = 37
    assert "[0].lock_m: row china_oral ends before its cliff" in refusal(changed)


def test_a_month_is_a_whole_number_of_slots() -> None:
    assert slots(1, 6_000) == 438_300
    assert slots(12, 1_000) == 31_557_600


@pytest.mark.parametrize("slot_ms", [0, -1, 7, 7_000, 2_629_800_000])
def test_a_slot_that_does_not_divide_day_and_month_is_refused(slot_ms: int) -> None:
    with pytest.raises(GenesisError, match="does not divide a"):
        check_slot(slot_ms)


def test_a_lock_up_delays_or_cuts_as_the_document_reads() -> None:
    delayed = schedule_of(table("seed-000"), "bitwave")
    assert delayed == (6 * 438_300, 36 * 438_300, 6 * 438_300)
    cut = schedule_of(table("seed-002"), "china_oral")
    assert cut == (0, 36 * 438_300, 6 * 438_300)


def test_a_schedule_that_ends_beyond_32_bits_is_refused() -> None:
    rows = table("seed-000")
    team = next(row for row in rows.rows if row.key == "team_core")
    with pytest.raises(GenesisError, match="row team_core: ends at slot"):
        rows.schedule(team, 1)


def test_only_linear_rows_have_a_schedule() -> None:
    rows = table("seed-000")
    mining = rows.row_of(Kind.MINING)
    assert mining is not None
    with pytest.raises(GenesisError, match="a mining row has no vesting schedule"):
        rows.schedule(mining, 6_000)


def test_reading_a_table_changes_nothing_of_it() -> None:
    raw = document()
    before = copy.deepcopy(raw)
    read_table(Section(raw, "table"))
    assert raw == before


def schedule_of(rows: Table, key: str) -> tuple[int, int, int]:
    row = next(row for row in rows.rows if row.key == key)
    schedule = rows.schedule(row, 6_000)
    return int(schedule.start), int(schedule.length), int(schedule.cliff)
