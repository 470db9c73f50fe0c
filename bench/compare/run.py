"""Compare the speed of two trees on one machine, in pairs: `make bench-compare BASE=...`.

    python bench/compare/run.py BASE [--mode quick|whole|tiny] [--parts import,vrf] [--rounds 5]
                                     [--repeats 3] [--targets all] [--record FILE]

BASE is a commit; the other tree is this checkout as it lies here. Three programs take turns: BASE,
BASE once more, and this tree. The second BASE shows the noise: its ratio would be 1 on a machine
without any (the quick mode leaves it out). A round starts a process of each program anew and
measures it `--repeats` times in turn; the next round begins with another program. A ratio is that
of speeds: below 1 this tree is slower. The workloads are those of this tree (workloads.py) and run
on both; each tree has an environment of its own, so that BASE's code runs with BASE's packages.
Dependencies are shared: what the checkout's environment has installed.

Where this tree is slower than 0.98, both sides are profiled. `--targets` measures parts of
`bench/run.py` besides, against peers and targets. `--record` writes all of it to a file, of which
`bench/compare/page.py` makes docs/performance.md.

Exits with 1 if a workload broke in this tree, or if nothing could be compared.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests"))
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from bench import machine
from bench.compare.outcome import AGAIN, ARMS, BASE, HERE, PROFILED, Outcome, show
from bench.compare.record import Record, TargetRow, recorded
from bench.compare.trees import (
    ROOT,
    AbsentError,
    checkout,
    environment,
    git,
    profile,
    started,
)
from bench.compare.workloads import WORKLOADS, Size

TARGETS: Final = {
    Size.TINY: "",
    Size.QUICK: "standing,rpc,submit,simulator",
    Size.WHOLE: "standing,rpc,submit,imports,sync,network,simulator,payments",
}
"""Parts of `bench/run.py` that `--targets all` stands for."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Number of rounds and repeats, and the size of the workloads."""

    rounds: int
    repeats: int
    size: Size

    @property
    def arms(self) -> tuple[str, ...]:
        """The programs that take turns."""
        return ARMS if self.size is Size.WHOLE else (BASE, HERE)


ROUNDS: Final = {Size.TINY: (1, 1), Size.QUICK: (3, 3), Size.WHOLE: (5, 3)}
"""Rounds, and repeats in each, by mode."""

Trees = dict[str, tuple[Path, Path]]
"""Interpreter and folder of each arm."""


def compare(name: str, trees: Trees, plan: Plan) -> Outcome:
    """Measure one workload with all arms in turn."""
    outcome, arms = Outcome(name), plan.arms
    for number in range(plan.rounds):
        # Another arm goes first each round, so that heating of the machine affects all of them.
        first = number % len(arms)
        order = [*arms[first:], *arms[:first]]
        arm = order[0]
        times: dict[str, list[float]] = {arm: [] for arm in arms}
        try:
            with ExitStack() as stack:
                workers = {}
                for arm in order:
                    workers[arm] = started(name, trees[arm], plan.size.value, number)
                    stack.callback(workers[arm].close)
                for _ in range(plan.repeats):
                    for arm in order:
                        times[arm].append(workers[arm].measure())
        except AbsentError as error:
            outcome.trouble[arm] = f"absent: {error}"
            return outcome
        except (RuntimeError, OSError) as error:
            outcome.trouble[arm] = f"FAILED: {error}"
            return outcome
        for arm in arms:
            outcome.times[arm].append(times[arm])
    if outcome.ratio(HERE).ratio < PROFILED and WORKLOADS[name].cost == "s":
        for arm in (BASE, HERE):
            outcome.profiles[arm] = profile(name, trees[arm], plan.size.value)
    return outcome


def targets(part: str, size: Size) -> list[TargetRow]:
    """Measure a part of `bench/run.py` and return its rows; none if the program broke."""
    with tempfile.TemporaryDirectory(prefix="btt-compare-") as name:
        file = Path(name) / "rows.json"
        program = [sys.executable, str(ROOT / "bench/run.py"), "--only", part, "--json", str(file)]
        subprocess.run([*program, *(["--brief"] if size is Size.QUICK else [])], check=False)
        if not file.exists():
            return []
        rows: list[TargetRow] = json.loads(file.read_text(encoding="utf-8"))
    return rows


def options_of(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Compare the speed of two trees.")
    parser.add_argument("base", help="the commit to compare with")
    parser.add_argument("--mode", choices=[size.value for size in Size], default="whole")
    parser.add_argument("--parts", default="", help=f"some of {', '.join(WORKLOADS)}")
    parser.add_argument("--rounds", type=int, help="processes of each program")
    parser.add_argument("--repeats", type=int, help="measurements of each process")
    parser.add_argument("--targets", default="", help="all, or parts of bench/run.py")
    parser.add_argument("--record", type=Path, help="write the figures to this file (JSON)")
    options = parser.parse_args(arguments)
    size = Size(options.mode)
    usual = [one for one in WORKLOADS if size is Size.WHOLE or not WORKLOADS[one].is_network]
    options.parts = list(filter(None, options.parts.split(","))) or usual
    if unknown := set(options.parts) - set(WORKLOADS):
        parser.error(f"--parts: unknown {', '.join(sorted(unknown))}; use {', '.join(WORKLOADS)}")
    rounds, repeats = ROUNDS[size]
    options.rounds = rounds if options.rounds is None else options.rounds
    options.repeats = repeats if options.repeats is None else options.repeats
    if options.rounds < 1 or options.repeats < 1:
        parser.error("--rounds and --repeats are at least 1")
    if options.targets == "all":
        options.targets = TARGETS[size]
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare, print the report, and return the exit code."""
    options = options_of(arguments)
    machine.end_in_order()
    plan = Plan(options.rounds, options.repeats, Size(options.mode))
    base = git("rev-parse", "--short", "--verify", f"{options.base}^{{commit}}")
    outcomes: list[Outcome] = []
    rows: list[TargetRow] = []
    before = machine.load()

    def keep() -> None:
        """Write what there is: a run that is interrupted is a shorter one."""
        if options.record is not None:
            found = Record.of(options, base, (before, machine.load()), outcomes, rows)
            options.record.write_text(recorded(found), encoding="utf-8")

    with tempfile.TemporaryDirectory(prefix="btt-compare-") as name:
        folder = Path(name)
        with checkout(base, folder / "base") as tree:
            there = (environment(tree, folder / "env-base"), tree)
            here = (environment(ROOT, folder / "env-here"), ROOT)
            trees: Trees = {BASE: there, AGAIN: there, HERE: here}
            for part in options.parts:
                outcome = compare(part, trees, plan)
                outcomes.append(outcome)
                line = outcome.trouble or f"{outcome.ratio(HERE)} (noise {outcome.noise or 'none'})"
                print(f"[{part}] {line}", flush=True)
                keep()
    for part in filter(None, options.targets.split(",")):
        rows += targets(part, plan.size)
        keep()
    show(outcomes, f"speed of {machine.commit()} over {base}: {plan.rounds} x {plan.repeats}")
    print("\n".join(machine.describe()))
    print(f"load before {before}, after {machine.load()}")
    broken = any(why.startswith("FAILED") for one in outcomes for why in one.trouble.values())
    return int(broken or all(one.trouble for one in outcomes))


if __name__ == "__main__":
    sys.exit(main())
