"""The report: each figure with its target, its ratio to a peer, and a verdict.

Targets are those of docs/performance.md, rows 1-13. A ratio is how many times faster
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
    "1": Target(1.0, 1.3),
    "2a": Target(2.0, 2.5),
    "2b": Target(10.0, 15.0),
    "3": Target(3.0, 6.0),
    "4": Target(4.5, 3.5, at_most=True),
    "5": Target(1.4, 1.0, "s", at_most=True),
    "6": Target(0.4, 0.7),
    "7a": Target(80, 70, "MB", at_most=True),
    "7b": Target(1.0, 0.7, "s", at_most=True),
    "8": Target(0.7, 0.8),
    "9": Target(1_000, 1_500, "/s"),
    "9a": Target(95, 99, "%"),
    "9b": Target(2, 1.5, "slots", at_most=True),
    "9c": Target(4, 2, "slots", at_most=True),
    "9d": Target(90, 95, "%"),
    "9e": Target(97, 99, "%"),
    "9f": Target(2, 1.5, "s", at_most=True),
    "10a": Target(900, 1_200, "/s"),
    "10b": Target(220, 300, "/s"),
    "10c": Target(60, 30, "s", at_most=True),
    "11": Target(200, 300, "/s"),
    "12a": Target(400, 800, "/s"),
    "12b": Target(0.8, 0.95),
    "13a": Target(20, 10, "kB", at_most=True),
    "13b": Target(6, 5, "kB", at_most=True),
    "13c": Target(2_000, 8_000, "/s"),
    "13d": Target(400, 350, "bytes", at_most=True),
    "13e": Target(25, 20, "ms", at_most=True),
    "13f": Target(300, 100, "ms", at_most=True),
    "13g": Target(60, 50, "MB", at_most=True),
}
WHAT: Final = {
    "1": "submit by RPC until included, transfers/s, against anvil 1.7.1 (Rust)",
    "2a": "the same against hardhat 2.29.1",
    "2b": "the same against ganache 7.9.2",
    "3": "block import, signatures included, against py-evm with coincurve",
    "4": "import of N transfers over N ed25519 verifications on one core",
    "5": "import of a full block of 5,150 transfers (what Substrate's weights allow in 6 s)",
    "6": "import rate with 1,000,000 accounts over that with 100,000",
    "7a": "idle memory of a development node",
    "7b": "start of a development node to its first RPC answer",
    "8": "a tiny RPC call against a bare aiohttp + orjson server",
    "9": "4 validators on 2 cores, slots of 2 s: transfers made final, sustained",
    "9a": "the same, idle: slots with a block",
    "9b": "the same, idle: from a block's slot until it is final, p50",
    "9c": "the same, idle: p95",
    "9d": "offered twice the highest rate, three minutes: final transfers/s as a share of it",
    "9e": "4 validators, slots of 500 ms, idle: slots with a block",
    "9f": "the same: from a block's slot until it is final, p95",
    "10a": "headers with VRF checked, per second of CPU",
    "10b": "full sync of small blocks, per second of the joiner's CPU",
    "10c": "warp sync to the head of a chain of 10,000 blocks",
    "11": "the simulator: slots of 4 validators with all invariants, per second of CPU",
    "12a": "4 validators, slots of 2 s: payments to merchants made final, 450/s offered",
    "12b": "the same against transfers, by turns on the same network",
    "13a": "explorer: the largest first visit, compressed",
    "13b": "explorer: scripts of all pages, compressed",
    "13c": "explorer: extrinsics indexed per second of one core",
    "13d": "explorer: size of the index per extrinsic",
    "13e": "explorer: the slowest page, 95th percentile",
    "13f": "explorer: from a final block's notice until it is on an open page",
    "13g": "explorer: idle memory",
}
"""The measurement of each row."""


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
