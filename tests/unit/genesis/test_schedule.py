"""The promises by the month and by the year, against the documents' own words."""

from __future__ import annotations

import csv
import io

import pytest

from genesis.allocation import Kind
from genesis.presets import CHAINS, DOCUMENTS
from genesis.schedule import (
    MONTHS,
    emission,
    emission_csv,
    release,
    release_csv,
    schedule,
    schedule_csv,
    year_named,
)
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
        row = linear.get(key)
        if row is None:
            continue
        assert row.months is not None
        assert row.lock_months is not None
        begin = row.lock_months if rows.reading == "B" else 0
        past = min(max(month - begin, 0), row.months)
        due = row.amount * past // row.months
        assert (preset, planck) == (name, due if month >= row.lock_months else 0)
        seen += 1
    assert seen == len(linear) * (MONTHS + 1)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_programme_may_have_a_forty_eighth_after_each_full_month(name: str) -> None:
    programmes = [row for row in table(name).rows if row.kind is Kind.MILESTONE]
    assert len(programmes) == (4 if name in {"seed-000", "seed-001"} else 1)
    for row in programmes:
        found = vested(name, row.key)
        assert found == {month: row.amount * min(month, 48) // 48 for month in range(MONTHS + 1)}


# docs/economy.md, the monthly curve in BTT.
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
    # Six rows vest; there is one programme, and mining.
    assert len(lines) == 1 + (6 + 1 + 1) * 97
    assert lines[1] == ["seed-004", "bithive", "0", "0"]
    assert lines[97] == ["seed-004", "bithive", "96", str(2_100_000 * BTT)]


def test_an_unknown_preset_is_reported_with_the_known_ones() -> None:
    with pytest.raises(SpecError, match=f"seed-003: no preset; there are {', '.join(CHAINS)}"):
        schedule_csv("seed-003")


# ---- emission


@pytest.mark.parametrize("name", DOCUMENTS)
def test_mining_is_emitted_in_four_bands_and_ends_at_the_pool(name: str) -> None:
    pool = table(name).row_of(Kind.MINING)
    assert pool is not None
    found = {row.month: row.cumulative_planck for row in emission(name)}
    shares = {0: 0, 24: 40, 48: 70, 72: 90, 96: 100}
    assert {month: found[month] for month in shares} == {
        month: pool.amount * percent // 100 for month, percent in shares.items()
    }
    assert found == vested(name, "mining")


def test_the_emission_as_csv_has_three_columns() -> None:
    lines = emission_csv("seed-000").splitlines()
    assert lines[:2] == ["preset,month,cumulative_planck", "seed-000,0,0"]
    assert lines[-1] == f"seed-000,96,{6_300_000 * BTT}"
    assert len(lines) == 98


# ---- releases


def percent(planck: int, name: str = "seed-000") -> float:
    return round(100 * planck / table(name).supply, 3)


def test_the_table_of_releases_is_the_documents() -> None:
    for name in DOCUMENTS:
        shares = [percent(row.table_planck, name) for row in release(name)]
        assert shares == [22, 18, 15, 12, 10, 23]
        assert sum(row.table_planck for row in release(name)) == table(name).supply


def test_the_rows_of_a_year_are_what_the_schedule_frees_in_it() -> None:
    """Twelve months of protocol time: calendar years, as in docs/economy.md, differ by hours."""
    years = list(release("seed-000"))
    assert [year.year for year in years] == ["2025", "2026", "2027", "2028", "2029", "2030+"]
    assert [percent(year.rows_planck) for year in years] == [
        17.817, 20.783, 17.983, 12.417, 5.0, 6.0
    ]  # fmt: skip
    liquidity = 420_000 * BTT
    for year, month in zip(years, (12, 24, 36, 48, 60, 96), strict=True):
        free = sum(row.vested_planck for row in schedule("seed-000") if row.month == month)
        assert year.cumulative_rows_planck == free + liquidity


def test_the_ceiling_leaves_what_vesting_and_mining_do_not_take() -> None:
    for year in release("seed-000"):
        taken = year.cumulative_table_planck - year.headroom_planck
        assert year.headroom_planck >= 0
        assert taken == year.cumulative_rows_planck - programmes_until(year.year)
    left = {year.year: year.headroom_after_foundation_planck for year in release("seed-000")}
    assert left["2026"] == 294_000 * BTT
    assert left["2027"] == left["2028"] == 0


def programmes_until(last: str) -> int:
    paid = 0
    for year in release("seed-000"):
        paid += year.foundation_cap_planck
        if year.year == last:
            break
    return paid


def test_a_table_without_a_liquidity_row_begins_with_nothing() -> None:
    first = next(release("seed-002"))
    assert first.immediate_planck == 0
    # A cliff: what has vested since genesis is free at once when the lock-up ends.
    assert first.vesting_planck == sum(
        row.vested_planck
        for row in schedule("seed-002")
        if row.month == 12 and not row.key.startswith(("foundation", "mining"))
    )


def test_one_year_can_be_asked_for_alone() -> None:
    lines = release_csv("seed-000", "2026").splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("preset,year,table_planck,vesting_planck,mining_planck,")
    assert lines[1].startswith(f"seed-000,2026,{3_780_000 * BTT},")


@pytest.mark.parametrize(
    ("text", "year"),
    [
        ("2025", "2025"),
        ("2029", "2029"),
        ("2030", "2030+"),
        ("2030+", "2030+"),
        ("2041", "2030+"),
        ("2024", None),
        ("2026+", None),
        ("26", None),
        ("x", None),
        ("٢٠٢٦", None),
    ],
)
def test_years_are_named_by_four_digits(text: str, year: str | None) -> None:
    assert year_named(text) == year
