"""The promises by the month and by the year, against the documents' own words."""

from __future__ import annotations

import csv
import io

import pytest

from genesis.presets import CHAINS
from genesis.schedule import (
    emission_csv,
    release,
    release_csv,
    schedule,
    schedule_csv,
    year_named,
)
from genesis.spec import SpecError

BTT = 10**18


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


def test_the_emission_as_csv_has_three_columns() -> None:
    lines = emission_csv("seed-000").splitlines()
    assert lines[:2] == ["preset,month,cumulative_planck", "seed-000,0,0"]
    assert lines[-1] == f"seed-000,96,{6_300_000 * BTT}"
    assert len(lines) == 98


# ---- releases


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
