"""`btt-chain tokenomics`: what people and programs see of the promises, without a node."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from cli.commands.tokenomics import coins, percent
from cli.program import program
from genesis.presets import DOCUMENTS

BTT = 10**18


def run(*args: str) -> Result:
    return CliRunner().invoke(program, ["tokenomics", *args], prog_name="btt-chain")


def lines(*args: str) -> list[dict[str, str]]:
    result = run(*args, "--csv")
    assert result.exit_code == 0, result.stderr
    return list(csv.DictReader(io.StringIO(result.stdout)))


def document(*args: str) -> Any:
    result = run(*args, "--json")
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


# ---- promises


@pytest.mark.parametrize("preset", DOCUMENTS)
def test_schedule_and_emission_agree_on_mining(preset: str) -> None:
    mined = {
        row["month"]: row["vested_planck"]
        for row in lines("schedule", "--preset", preset)
        if row["key"] == "mining"
    }
    emitted = lines("emission", "--preset", preset)
    assert mined == {row["month"]: row["cumulative_planck"] for row in emitted}
    assert {row["preset"] for row in emitted} == {preset}


@pytest.mark.parametrize("command", ["schedule", "emission", "release"])
def test_csv_and_json_say_the_same_to_the_planck(command: str) -> None:
    text = [list(row.values()) for row in lines(command)]
    rows = document(command)
    assert [[str(value) for value in row.values()] for row in rows] == text
    amounts = {name for name in rows[0] if name.endswith("_planck")}
    assert amounts
    assert all(isinstance(row[name], str) for row in rows for name in amounts)


def test_an_alias_is_reported_by_the_name_of_its_preset() -> None:
    assert {row["preset"] for row in lines("emission", "--preset", "mainnet")} == {"seed-000"}


def test_people_see_the_schedule_with_a_row_for_each_row() -> None:
    shown = run("schedule")
    assert "foundation_core_protocol" in shown.stdout
    assert "6_300_000" in shown.stdout
    assert "--csv has every month" in shown.stderr


def test_people_see_a_simulated_economy_with_a_row_for_each_month() -> None:
    shown = run("simulate", "--months", "2", "--step", "month", "--demand", "1_000BTT")
    assert shown.exit_code == 0
    assert "assumed" in shown.stderr
    for column in ("circulating", "released", "promised", "lasts"):
        assert column in shown.stdout
    firsts = [line.split()[:2] for line in shown.stdout.splitlines() if line.strip()[:1].isdigit()]
    assert [first[0] for first in firsts] == ["0", "1", "2"] * 2
    assert firsts[0][1] == "20_970_000.00"


def test_a_simulation_as_csv_and_json_is_the_same_to_the_planck() -> None:
    args = ("simulate", "--preset", "seed-004", "--months", "1", "--step", "month")
    text = lines(*args)
    rows = document(*args)
    assert [row["month"] for row in rows] == [0, 1]
    assert [row["supply_planck"] for row in rows] == [row["supply_planck"] for row in text]
    assert text[0]["runway_months"] == ""
    assert rows[0]["runway_months"] is None


def test_people_see_the_table_beside_the_rows() -> None:
    shown = run("release").stdout
    first = next(line for line in shown.splitlines() if line.strip().startswith("2025"))
    assert first.split() == [
        "2025", "22.000", "5.567", "6.000", "2.000", "4.250", "17.817", "4.183", "8.433", "4.183",
    ]  # fmt: skip
    assert "-2.783" in shown


def test_one_year_is_shown_with_every_planck() -> None:
    shown = run("release", "--preset", "seed-002", "--year", "2026").stdout
    assert "the table's share     37_800_000 BTT" in shown
    (only,) = document("release", "--year", "2031")
    assert only["year"] == "2030+"


@pytest.mark.parametrize(
    ("args", "code", "why"),
    [
        (["release", "--year", "1999"], 2, "it begins with 2025"),
        (["release", "--csv", "--json"], 2, "not both"),
        (["emission", "--csv", "--json"], 2, "not both"),
        (["emission", "--preset", "nowhere"], 4, "known are dev, dev-manual, local"),
        (["plot"], 2, "Missing option '--out'"),
        (["simulate", "--months", "0"], 2, "1<=x<=96"),
        (["simulate", "--staked-share", "20"], 2, "'20' is not a percentage"),
        (["simulate", "--staked-share", "0.00001%"], 2, "4 decimals at most"),
        (["simulate", "--staked-share", "130%"], 2, "more than the whole"),
        (["simulate", "--demand", "100"], 2, "has no unit"),
        (["simulate", "--step", "hour"], 2, "'hour' is not one of 'day', 'month'"),
        (["audit", "--at", "yesterday", "--url", "nowhere"], 2, "is not a URL of a node"),
        (["supply", "--url", "ws://127.0.0.1:1"], 3, "nothing listens there"),
        (["supplies"], 2, "did you mean supply?"),
    ],
)
def test_what_is_typed_wrongly_is_said_in_one_line(args: list[str], code: int, why: str) -> None:
    result = run(*args)
    assert result.exit_code == code
    assert why in result.stderr
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1
    assert result.stdout == ""


# ---- how amounts and shares look


@pytest.mark.parametrize(
    ("planck", "text"),
    [
        (0, "0.00"),
        (1, "<0.01"),
        (-1, "-<0.01"),
        (10**16, "0.01"),
        (1_234_567 * BTT + 899 * 10**15, "1_234_567.89"),
        (-5 * BTT, "-5.00"),
    ],
)
def test_tables_round_amounts_down_to_a_hundredth(planck: int, text: str) -> None:
    assert coins(planck) == text


def test_percents_are_to_the_nearest_thousandth() -> None:
    assert percent(1, 3) == "33.333"
    assert percent(2, 3) == "66.667"
    assert percent(-1, 3) == "-33.333"
    assert percent(-1, 10**9) == "0.000"


# ---- pictures


@pytest.fixture
def a_short_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Months of a simulation that is quick."""
    from cli.commands import tokenomics_plot
    from genesis.simulate import Month

    def simulated(chain: object, plan: object) -> Iterator[Month]:
        for month in range(97):
            free, committed = (1_008_000 - 10_000 * month) * BTT, 5_000 * month * BTT
            yield Month._make(["seed-002", month, *([0] * 11), free, committed, 7])

    monkeypatch.setattr(tokenomics_plot, "simulated", simulated)


def test_every_picture_is_written_as_png_and_svg(tmp_path: Path, a_short_run: None) -> None:
    pytest.importorskip("matplotlib")
    out = tmp_path / "new" / "pictures"
    result = run("plot", "--preset", "seed-002", "--out", str(out))
    assert result.exit_code == 0, result.stderr
    names = [f"{name}.{kind}" for name in ("supply", "release", "emission", "staking")
             for kind in ("png", "svg")]  # fmt: skip
    assert result.stdout.splitlines() == [str(out / name) for name in names]
    for name in names:
        raw = (out / name).read_bytes()
        assert raw.startswith(b"\x89PNG" if name.endswith("png") else b"<?xml")
        assert len(raw) > 10_000


def test_without_matplotlib_the_command_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    result = run("plot", "--out", str(tmp_path))
    assert result.exit_code == 1
    assert result.stderr.startswith("error: plotting needs matplotlib from the extra `plot`: pip ")
    assert list(tmp_path.iterdir()) == []
