"""The measurements of a workload, their verdict, and the table that is printed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Final

from rich.console import Console
from rich.table import Table

from bench.compare.intervals import Interval, speed_ratio
from bench.compare.trees import ProfileRow
from bench.compare.workloads import WORKLOADS

BASE: Final = "base"
AGAIN: Final = "base again"
HERE: Final = "this tree"
ARMS: Final = (BASE, AGAIN, HERE)
SLOWER: Final = 0.95
"""Ratio below which the cause of a lower speed must be found."""
PROFILED: Final = 0.98
"""Ratio below which both sides are profiled."""
FEW: Final = 3
"""Minimum number of rounds for a verdict."""
WIDTH: Final = 180


@dataclass(slots=True)
class Outcome:
    """The measurements of one workload, by arm."""

    name: str
    times: dict[str, list[list[float]]] = field(default_factory=lambda: {arm: [] for arm in ARMS})
    """Cost of a unit, by arm and round."""
    trouble: dict[str, str] = field(default_factory=dict)
    """Why an arm has no figures."""
    profiles: dict[str, list[ProfileRow]] = field(default_factory=dict)
    """The most expensive functions of both sides, if this tree is slower."""

    def ratio(self, arm: str) -> Interval:
        """Return the speed of an arm against that of the base."""
        return speed_ratio(self.times[BASE], self.times[arm])

    @property
    def noise(self) -> Interval | None:
        """The ratio of the base to itself; None if that was not measured."""
        return self.ratio(AGAIN) if self.times[AGAIN] else None


def verdict(outcome: Outcome) -> str:
    """Return an assessment of a ratio compared with the noise."""
    here, noise = outcome.ratio(HERE), outcome.noise
    if len(outcome.times[BASE]) < FEW:
        return "too few rounds for a verdict"
    if not here.significant:
        return "no difference seen"
    if noise is not None and noise.low <= here.ratio <= noise.high:
        return "within the noise"
    if here.ratio < SLOWER:
        return "SLOWER: find the cause"
    return "faster" if here.ratio > 1 else "a little slower"


def written_cost(name: str, rounds: Sequence[Sequence[float]]) -> str:
    """Return the median cost of a unit."""
    cost, unit = median(time for one in rounds for time in one), WORKLOADS[name].cost
    if unit == "MB":
        return f"{cost:,.1f} MB"
    if unit == "share":
        return f"{cost:.3f}"
    return f"{cost * 1e6:,.2f} us" if cost < 0.01 else f"{cost * 1e3:,.1f} ms"


def show(outcomes: Sequence[Outcome], title: str) -> None:
    """Print the table of all workloads, and the profiles of those that are slower."""
    table = Table(title=title, title_justify="left")
    columns = ("rows", "workload", "unit", "base", "here", "base again / base", "here / base")
    for column in (*columns, "pairs, faster, chance", "note"):
        table.add_column(column, overflow="fold")
    for outcome in outcomes:
        workload = WORKLOADS[outcome.name]
        names = workload.row, outcome.name, workload.unit
        if outcome.trouble:
            note = "; ".join(f"{arm} {why}" for arm, why in outcome.trouble.items())
            table.add_row(*names, "", "", "", "", "", note)
            continue
        here = outcome.ratio(HERE)
        table.add_row(
            *names,
            written_cost(outcome.name, outcome.times[BASE]),
            written_cost(outcome.name, outcome.times[HERE]),
            str(outcome.noise or ""),
            str(here),
            f"{here.pairs}, {here.faster}, {here.chance:.3f}",
            verdict(outcome),
        )
    console = Console(width=WIDTH)
    console.print(table)
    for outcome in outcomes:
        for arm, rows in outcome.profiles.items():
            profile = Table(title=f"{outcome.name}, {arm}", title_justify="left")
            for column in ("function", "calls a unit", "us of its own a unit"):
                profile.add_column(column)
            for function, calls, own in rows:
                profile.add_row(function, f"{calls:,.1f}", f"{own:,.1f}")
            console.print(profile)
