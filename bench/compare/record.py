"""A recorded run of `make bench-compare`: what docs/performance.md is made of (page.py)."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from statistics import median
from typing import TypedDict

from bench import machine
from bench.compare.outcome import BASE, HERE, Outcome, verdict
from bench.compare.trees import ProfileRow
from bench.compare.workloads import WORKLOADS


class TargetRow(TypedDict):
    """A row of `bench/run.py`, measured against a target."""

    number: str
    what: str
    ours: str
    peer: str
    value: float | None
    note: str


@dataclass(frozen=True, slots=True)
class Pair:
    """A workload on both trees. Costs are those of a unit, in the workload's own measure."""

    workload: str
    rows: str
    unit: str
    cost: str
    trouble: str = ""
    base: float = 0.0
    here: float = 0.0
    ratio: float = 0.0
    low: float = 0.0
    high: float = 0.0
    pairs: int = 0
    faster: int = 0
    chance: float = 1.0
    noise: tuple[float, float] | None = None
    """Interval of the base against itself."""
    verdict: str = ""
    profiles: Mapping[str, Sequence[ProfileRow]] | None = None

    @classmethod
    def of(cls, outcome: Outcome) -> Pair:
        """Return the figures of an outcome."""
        workload = WORKLOADS[outcome.name]
        names = outcome.name, workload.row, workload.unit, workload.cost
        if outcome.trouble:
            return cls(*names, "; ".join(f"{arm} {why}" for arm, why in outcome.trouble.items()))
        here, noise = outcome.ratio(HERE), outcome.noise
        return cls(
            *names,
            base=round(_middle(outcome.times[BASE]), 9),
            here=round(_middle(outcome.times[HERE]), 9),
            ratio=round(here.ratio, 3),
            low=round(here.low, 3),
            high=round(here.high, 3),
            pairs=here.pairs,
            faster=here.faster,
            chance=round(here.chance, 4),
            noise=None if noise is None else (round(noise.low, 3), round(noise.high, 3)),
            verdict=verdict(outcome),
            profiles={
                arm: [(name, round(calls, 2), round(own, 2)) for name, calls, own in rows]
                for arm, rows in outcome.profiles.items()
            },
        )


@dataclass(frozen=True, slots=True)
class Record:
    """A run, and where it was made."""

    date: str
    commit: str
    base: str
    mode: str
    rounds: int
    repeats: int
    machine: Sequence[str]
    """Processor, system, interpreter and packages."""
    load: tuple[str, str]
    """Load averages before and after."""
    pairs: Sequence[Pair]
    targets: Sequence[TargetRow]

    @classmethod
    def of(
        cls,
        options: argparse.Namespace,
        base: str,
        load: tuple[str, str],
        outcomes: Sequence[Outcome],
        targets: Sequence[TargetRow],
    ) -> Record:
        """Return the record of a run that ends now."""
        return cls(
            datetime.now(UTC).strftime("%Y-%m-%d"),
            machine.commit(),
            base,
            options.mode,
            options.rounds,
            options.repeats,
            machine.describe()[:-1],
            load,
            [Pair.of(outcome) for outcome in outcomes],
            targets,
        )


def recorded(record: Record) -> str:
    """Return the text of a record's file."""
    return json.dumps(asdict(record), indent=1, ensure_ascii=False) + "\n"


def read_record(text: str) -> Record:
    """Return the record that a file holds."""
    fields = json.loads(text)
    pairs = [Pair(**pair) for pair in fields.pop("pairs")]
    return Record(pairs=pairs, **fields)


def _middle(rounds: Sequence[Sequence[float]]) -> float:
    return median(cost for one in rounds for cost in one)
