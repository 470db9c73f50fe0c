"""Vesting by the month, against the documents' own words."""

from __future__ import annotations

import csv
import io

import pytest

from genesis.presets import CHAINS, DOCUMENTS
from genesis.schedule import MONTHS, schedule, schedule_csv
from genesis.spec import SpecError
from genesis.tables import table

BTT = 10**18


def vested(preset: str, key: str) -> dict[int, int]:
    return {row.month: row.vested_planck for row in schedule(preset) if row.key == key}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_month_is_what_the_formula_in_months_says(name: str) -> None:
    rows = table(name)
    linear = {row.key: row for row in rows.linear()}
    seen = 0
    for preset, key, month, planck in schedule(name):
        row = linear[key]
        assert row.months is not None
        assert row.lock_months is not None
        begin = row.lock_months if rows.reading == "B" else 0
        past = min(max(month - begin, 0), row.months)
        due = row.amount * past // row.months
        assert (preset, planck) == (name, due if month >= row.lock_months else 0)
        seen += 1
    assert seen == len(linear) * (MONTHS + 1)


# economy.md 3.1, the monthly curve in BTT.
@pytest.mark.parametrize(
    ("key", "curve"),
    [
        ("bitwave", {0: 0, 6: 0, 12: 350_000, 24: 1_050_000, 36: 1_750_000, 42: 2_100_000}),
        ("cdhg", {3: 0, 4: 35_000, 7: 140_000, 24: 735_000, 33: 1_050_000, 96: 1_050_000}),
        ("mdao", {4: 21_000, 6: 63_000, 12: 189_000, 33: 630_000}),
        ("cryptoseed_an", {4: 14_000, 7: 56_000, 13: 140_000, 33: 420_000}),
        ("team_core", {12: 0, 24: 262_500, 60: 1_050_000}),
    ],
)
def test_the_first_document_vests_as_its_table_says(key: str, curve: dict[int, int]) -> None:
    found = vested("seed-000", key)
    assert {month: found[month] for month in curve} == {m: v * BTT for m, v in curve.items()}


def test_fractions_are_rounded_down_to_the_planck() -> None:
    found = vested("seed-000", "bitwave")
    assert found[7] == 58333333333333333333333
    assert found[8] == 116666666666666666666666


def test_a_cliff_frees_at_once_what_has_vested_since_genesis() -> None:
    found = vested("seed-002", "china_oral")
    assert found[5] == 0
    assert found[6] == 3_500_000 * BTT
    assert found[36] == 21_000_000 * BTT


def test_the_length_of_a_slot_changes_nothing() -> None:
    months = [row[1:] for row in schedule("seed-000")]
    for preset in ("dev", "local", "testnet", "mainnet"):
        assert [row[1:] for row in schedule(preset)] == months


def test_the_csv_has_a_header_and_a_line_for_each_row_and_month() -> None:
    lines = list(csv.reader(io.StringIO(schedule_csv("seed-004"))))
    assert lines[0] == ["preset", "key", "month", "vested_planck"]
    assert len(lines) == 1 + 6 * 97
    assert lines[1] == ["seed-004", "bithive", "0", "0"]
    assert lines[97] == ["seed-004", "bithive", "96", str(2_100_000 * BTT)]


def test_an_unknown_preset_is_told_with_the_known_ones() -> None:
    with pytest.raises(SpecError, match=f"seed-003: no preset; there are {', '.join(CHAINS)}"):
        schedule_csv("seed-003")
