"""docs/economy.md agrees with the program's output, and its command lines are valid."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from cli.program import program
from genesis.allocation import Kind
from genesis.holders import table
from genesis.schedule import release
from runtime.pallets.tier_staking.formulas import TIERS
from runtime.splits import BPS

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "economy.md"
TEXT = PAGE.read_text(encoding="utf-8")
BTT = 10**18


def typed() -> list[str]:
    """Every command line of the page, in blocks and in the text."""
    fences = re.findall(r"```(?:sh|console)\n(.*?)```", TEXT, re.DOTALL)
    lines = [line.removeprefix("$ ") for fence in fences for line in fence.splitlines()]
    inline = re.findall(r"`(btt-chain [^`\n]+)`", TEXT)
    return sorted({line for line in [*lines, *inline] if line.startswith("btt-chain ")})


@pytest.mark.parametrize("line", typed())
def test_every_line_of_the_page_can_be_typed(line: str) -> None:
    command: click.Command = program
    words = shlex.split(line)[1:]
    while isinstance(command, click.Group):
        child = command.get_command(click.Context(command), words.pop(0))
        assert child is not None
        command = child
    command.make_context("btt-chain", words)


def rows_below(heading: str) -> list[list[str]]:
    """The cells of the table whose header line begins so."""
    _, _, rest = TEXT.partition(heading)
    assert rest, f"no table {heading!r}"
    lines = rest.splitlines()[2:]
    end = next(place for place, line in enumerate(lines) if not line.startswith("|"))
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[:end]]


def test_the_release_table_of_the_page_is_the_programs() -> None:
    shown = rows_below("| year | table | vesting")
    supply = table("seed-000").supply

    def cell(planck: int) -> float:
        return round(100 * planck / supply, 3)

    def number(text: str) -> float:
        return float(text.replace("−", "-").replace(",", "") or 0)

    for cells, year in zip(shown, release("seed-000"), strict=True):
        assert cells[0] == year.year
        assert [number(text) for text in cells[1:8]] == [
            cell(year.table_planck),
            cell(year.vesting_planck),
            cell(year.mining_planck),
            cell(year.immediate_planck),
            cell(year.foundation_cap_planck),
            cell(year.rows_planck),
            cell(year.gap_planck),
        ]
        assert int(number(cells[8])) * BTT == year.headroom_planck


def test_every_linear_row_of_the_main_network_is_on_the_page() -> None:
    shown = {cells[0].split("`")[1]: cells for cells in rows_below("| row | amount, BTT")}
    linear = {row.key: row for row in table("seed-000").linear()}
    assert set(shown) == set(linear)
    for key, row in linear.items():
        assert row.lock_months is not None
        assert row.months is not None
        half, end = row.lock_months + row.months // 2, row.lock_months + row.months
        reported = [f"{row.amount // BTT:,}", *map(str, (row.lock_months, row.months, half, end))]
        assert shown[key][1:] == reported


def test_the_shares_of_the_page_are_those_of_the_main_network() -> None:
    rows = table("seed-000").rows
    shares: dict[str, int] = {}
    for row in rows:
        shares[row.group] = shares.get(row.group, 0) + row.percent
    shown = [int(cells[1].removesuffix(" %")) for cells in rows_below("| part | share |")]
    assert shown == list(shares.values())
    assert sum(shown) == 100
    assert [row.kind for row in rows].count(Kind.MILESTONE) == 4


def test_the_tiers_of_the_page_are_the_runtimes() -> None:
    for cells, tier in zip(rows_below("| tier | term, days"), TIERS, strict=True):
        burn = f"{int(tier.burn_bps) * 100 // BPS} % of the reward" if tier.burn_bps else ""
        assert cells[1:5] == [
            f"{int(tier.days):,}",
            f"{int(tier.reward_bps) // 100} %",
            burn,
            f"{int(tier.minimum) // BTT:,}",
        ]


@pytest.mark.parametrize("name", ["supply", "release", "emission", "staking"])
def test_every_picture_is_there_in_both_forms(name: str) -> None:
    assert f"](economy/{name}.png)" in TEXT
    for kind in ("png", "svg"):
        assert (PAGE.parent / "economy" / f"{name}.{kind}").stat().st_size > 10_000


def test_every_choice_that_the_documents_left_open_is_reported() -> None:
    listed = {
        number
        for cells in rows_below("| # | question |")
        for number in re.findall(r"C(\d+)", cells[0])
    }
    assert listed == {str(number) for number in range(1, 33)}
