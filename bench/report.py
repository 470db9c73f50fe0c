"""The report: each figure with its target, its ratio to a peer, and a verdict.

Targets are those of docs/performance.md, rows 1-12. A ratio is how many times faster
we are, so more is better, unless the target says `at most`.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from rich.console import Console
from rich.table import Table

from bench.machine import Spent

WIDTH: Final = 200


@dataclass(frozen=True, slots=True)
class Target:
    """Required and desired values of a figure; `at_most` where less is better."""

    must: float
    aim: float
    unit: str = "x"
    at_most: bool = False

    def verdict(self, value: float) -> str:
        """Judge a figure."""
        sign = -1 if self.at_most else 1
        if sign * value >= sign * self.aim:
            return "aim met"
        return "must met" if sign * value >= sign * self.must else "MISSED"

    def written(self, bound: float) -> str:
        """Return a bound as the report prints it."""
        return f"{'<=' if self.at_most else '>='} {bound:g} {self.unit}".replace(" x", "x")


TARGETS: Final = {
    "1": Target(0.4, 1.0),
    "2a": Target(1.0, 2.0),
    "2b": Target(5.0, 15.0),
    "3": Target(3.0, 6.0),
    "4": Target(6.0, 4.0, at_most=True),
    "5": Target(2.0, 1.0, "s", at_most=True),
    "6": Target(0.4, 0.7),
    "7a": Target(200, 120, "MB", at_most=True),
    "7b": Target(3.0, 1.5, "s", at_most=True),
    "8": Target(0.4, 0.7),
    "9": Target(400, 1_500, "/s"),
    "9a": Target(95, 99, "%"),
    "9b": Target(2, 1.5, "slots", at_most=True),
    "9c": Target(4, 2, "slots", at_most=True),
    "10a": Target(250, 290, "/s"),
    "10b": Target(100, 200, "/s"),
    "10c": Target(60, 30, "s", at_most=True),
    "11": Target(100, 300, "/s"),
    "12a": Target(400, 800, "/s"),
    "12b": Target(0.8, 0.95),
}


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the report. `value` is what the target of `number` judges."""

    number: str
    what: str
    ours: str
    peer: str = ""
    value: float | None = None
    note: str = ""

    @property
    def verdict(self) -> str:
        """The judgement, empty where there is no target or nothing was measured."""
        target = TARGETS.get(self.number)
        return "" if target is None or self.value is None else target.verdict(self.value)


# --- figures of rounds ----------------------------------------------------------


def ratio(these: Sequence[float], those: Sequence[float]) -> float:
    """Return the median of the ratios of rounds that were measured side by side."""
    return statistics.median(this / that for this, that in zip(these, those, strict=True))


def compared(
    these: Sequence[Spent], those: Sequence[Spent], *, at_most: bool = False
) -> tuple[float, str]:
    """Return how many times longer these rounds took than those; with all readings as a note.

    Other load moves a ratio either way: of clock and CPU the one less in our favour is judged.
    The best rounds, least disturbed, are nearest to a quiet machine.
    """
    by_clock = ratio([one.wall for one in these], [one.wall for one in those])
    by_cpu = ratio([one.cpu for one in these], [one.cpu for one in those])
    best = min(one.cpu for one in these) / min(one.cpu for one in those)
    value = max(by_clock, by_cpu) if at_most else min(by_clock, by_cpu)
    return value, f"clock {by_clock:.2f}, CPU {by_cpu:.2f}, CPU of the best rounds {best:.2f}"


def per_second(count: int, spent: Sequence[Spent]) -> str:
    """Return a rate by the clock and by the CPU, medians of rounds of `count`."""
    wall = count / statistics.median(one.wall for one in spent)
    cpu = count / statistics.median(one.cpu for one in spent)
    return f"{wall:,.0f}/s ({cpu:,.0f}/CPU-s)"


# --- printing -------------------------------------------------------------------


def show(rows: Sequence[Row], title: str, *, judged: bool = True) -> None:
    """Print the table; without verdicts where too little was measured to give any."""
    table = Table(title=title, title_justify="left")
    for name in ("row", "what", "ours", "peer", "ratio", "must", "aim", "verdict", "note"):
        table.add_column(name, overflow="fold")
    for row in rows:
        target = TARGETS.get(row.number)
        is_ratio = row.value is not None and (target is None or target.unit == "x")
        bounds = ("", "")
        if target is not None:
            bounds = (target.written(target.must), target.written(target.aim))
        table.add_row(
            row.number,
            row.what,
            row.ours,
            row.peer,
            f"{row.value:.2f}" if is_ratio else "",
            *bounds,
            row.verdict if judged else "",
            row.note,
        )
    Console(width=WIDTH).print(table)
