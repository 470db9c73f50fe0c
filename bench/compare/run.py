"""Compare the speed of two trees on one machine, by processor time: `make bench-compare BASE=...`.

    python bench/compare/run.py BASE [--parts import,vrf] [--rounds 5] [--repeats 3] [--quick]

BASE is a commit; the other tree is this checkout as it lies here. Three programs take turns: BASE,
BASE once more, and this tree. The second BASE shows the noise: its ratio would be 1 on a machine
without any. A round starts a process of each program anew and measures it `--repeats` times in
turn; the next round begins with another program. A ratio is that of speeds: below 1 this tree is
slower. The workloads are those of this tree (workloads.py) and run on both; each tree has
an environment of its own, so that BASE's code runs with BASE's packages. Dependencies are shared:
what the checkout's environment has installed.

Exits with 1 if a workload broke in this tree, or if nothing could be compared.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import venv
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests"))
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from rich.console import Console
from rich.table import Table

from bench import machine
from bench.compare.intervals import Interval, speed_ratio
from bench.compare.workloads import WORKLOADS

ROOT: Final = machine.ROOT
BASE: Final = "base"
AGAIN: Final = "base again"
HERE: Final = "this tree"
ARMS: Final = (BASE, AGAIN, HERE)
SLOWER: Final = 0.95
"""Ratio below which the cause of a lower speed must be found."""
PATIENCE: Final = 600.0
"""Seconds until a worker that does not answer is ended."""
WIDTH: Final = 160
WORKER: Final = Path(__file__).with_name("worker.py")
ATTEMPTS: Final = 2
"""Attempts to prepare a workload: on a shared machine a node may find its port taken."""
FEW: Final = 3
"""Minimum number of rounds for a verdict."""


class AbsentError(Exception):
    """A tree lacks something that a workload needs."""


# --- trees --------------------------------------------------------------------------


def git(*arguments: str) -> str:
    """Run git in this checkout and return its output; CalledProcessError if it fails."""
    done = subprocess.run(
        ["git", *arguments], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True
    )
    return done.stdout.strip()


@contextmanager
def checkout(commit: str, folder: Path) -> Iterator[Path]:
    """Check a commit out beside this tree; remove it when the body ends."""
    git("worktree", "add", "--quiet", "--detach", str(folder), commit)
    try:
        yield folder
    finally:
        git("worktree", "remove", "--force", str(folder))


def environment(tree: Path, folder: Path) -> Path:
    """Make an interpreter whose packages are those of `tree`; the dependencies are shared."""
    venv.EnvBuilder(with_pip=False, symlinks=True).create(folder)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    site = folder / "lib" / version / "site-packages"
    shared = [place for place in sys.path if place.rstrip("/").endswith("-packages")]
    places = [str(tree), str(tree / "tests"), *shared]
    (site / "a_tree.pth").write_text("\n".join(places) + "\n", encoding="utf-8")
    return folder / "bin" / "python"


# --- workers ------------------------------------------------------------------------


class Worker:
    """A process that measures one workload of one tree on request."""

    def __init__(self, python: Path, tree: Path, name: str, *, quick: bool, seed: int) -> None:
        command = [str(python), "-P", str(WORKER), str(tree), name]
        surroundings = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        # An empty value lets Python keep compiled modules: a start is measured with them.
        surroundings |= {"PYTHONHASHSEED": str(seed), "PYTHONDONTWRITEBYTECODE": ""}
        self._process = subprocess.Popen(
            [*command, "quick" if quick else "full"],
            cwd=tree,
            env=surroundings,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._read()

    def measure(self) -> float:
        """Measure once; return the processor time of a unit, in seconds."""
        if self._process.stdin is None:
            raise RuntimeError("the worker has no input")
        self._process.stdin.write("measure\n")
        self._process.stdin.flush()
        found = self._read()
        return float(found["cpu"]) / int(found["units"])

    def _read(self) -> dict[str, str]:
        """Return the next answer. Raises AbsentError or RuntimeError if it contains no figures."""
        if self._process.stdout is None:
            raise RuntimeError("the worker has no output")
        watchdog = threading.Timer(PATIENCE, self._process.kill)
        watchdog.start()
        try:
            line = self._process.stdout.readline()
        finally:
            watchdog.cancel()
        if not line:
            raise RuntimeError(f"the worker ended with {self._process.wait()}")
        answer: dict[str, str] = json.loads(line)
        if "absent" in answer:
            raise AbsentError(answer["absent"])
        if "failed" in answer:
            raise RuntimeError(answer["failed"])
        return answer

    def close(self) -> None:
        """End the process; its own child processes end when its input closes."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


@dataclass(slots=True)
class Outcome:
    """The measurements of one workload, by arm."""

    name: str
    times: dict[str, list[list[float]]] = field(default_factory=lambda: {arm: [] for arm in ARMS})
    """Seconds a unit, by arm and round."""
    trouble: dict[str, str] = field(default_factory=dict)
    """Why an arm has no figures."""

    def ratio(self, arm: str) -> Interval:
        """Return the speed of an arm against that of the base."""
        return speed_ratio(self.times[BASE], self.times[arm])


@dataclass(frozen=True, slots=True)
class Plan:
    """Number of rounds and repeats, and the size of the workloads."""

    rounds: int
    repeats: int
    quick: bool


Trees = dict[str, tuple[Path, Path]]
"""Interpreter and folder of each arm."""


def compare(name: str, trees: Trees, plan: Plan) -> Outcome:
    """Measure one workload with all arms in turn."""
    outcome = Outcome(name)
    for number in range(plan.rounds):
        # Another arm goes first each round, so that heating of the machine affects all of them.
        order = [*ARMS[number % len(ARMS) :], *ARMS[: number % len(ARMS)]]
        arm = order[0]
        times: dict[str, list[float]] = {arm: [] for arm in ARMS}
        try:
            with ExitStack() as stack:
                workers = {}
                for arm in order:
                    workers[arm] = started(name, trees[arm], plan, number)
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
        for arm in ARMS:
            outcome.times[arm].append(times[arm])
    return outcome


def started(name: str, program: tuple[Path, Path], plan: Plan, seed: int) -> Worker:
    """Start a worker; once more if preparing its workload failed."""
    for attempt in range(ATTEMPTS):
        try:
            return Worker(*program, name, quick=plan.quick, seed=seed)
        except RuntimeError as error:
            if attempt == ATTEMPTS - 1:
                raise
            print(f"[{name}] again, because it failed: {error}", flush=True)
    raise AssertionError("unreachable")


# --- report -------------------------------------------------------------------------


def show(outcomes: Sequence[Outcome], title: str) -> None:
    """Print the table of all workloads."""
    table = Table(title=title, title_justify="left")
    for column in ("workload", "unit", "base", "here", "base again / base", "here / base", "note"):
        table.add_column(column, overflow="fold")
    for outcome in outcomes:
        unit = WORKLOADS[outcome.name].unit
        if outcome.trouble:
            note = "; ".join(f"{arm} {why}" for arm, why in outcome.trouble.items())
            table.add_row(outcome.name, unit, "", "", "", "", note)
            continue
        table.add_row(
            outcome.name,
            unit,
            duration(outcome.times[BASE]),
            duration(outcome.times[HERE]),
            str(outcome.ratio(AGAIN)),
            str(outcome.ratio(HERE)),
            verdict(outcome),
        )
    Console(width=WIDTH).print(table)


def duration(rounds: Sequence[Sequence[float]]) -> str:
    """Return the median processor time of a unit."""
    seconds = median(time for one in rounds for time in one)
    return f"{seconds * 1e6:,.2f} us" if seconds < 0.01 else f"{seconds * 1e3:,.1f} ms"


def verdict(outcome: Outcome) -> str:
    """Return an assessment of a ratio compared with the noise."""
    here, noise = outcome.ratio(HERE), outcome.ratio(AGAIN)
    if len(outcome.times[BASE]) < FEW:
        return "too few rounds for a verdict"
    if not here.significant:
        return "no difference seen"
    if noise.low <= here.ratio <= noise.high:
        return "within the noise"
    if here.ratio < SLOWER:
        return "SLOWER: find the cause"
    return "faster" if here.ratio > 1 else "a little slower"


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare, print the report, and return the exit code."""
    usual = [name for name, workload in WORKLOADS.items() if not workload.optional]
    parser = argparse.ArgumentParser(description="Compare the speed of two trees.")
    parser.add_argument("base", help="the commit to compare with")
    parser.add_argument("--parts", default="", help=f"some of {', '.join(WORKLOADS)}")
    parser.add_argument("--rounds", type=int, default=5, help="processes of each program")
    parser.add_argument("--repeats", type=int, default=3, help="measurements of each process")
    parser.add_argument("--quick", action="store_true", help="tiny workloads: shows that they run")
    options = parser.parse_args(arguments)
    parts = list(filter(None, options.parts.split(","))) or usual
    if unknown := set(parts) - set(WORKLOADS):
        parser.error(f"--parts: unknown {', '.join(sorted(unknown))}; use {', '.join(WORKLOADS)}")
    if options.rounds < 1 or options.repeats < 1:
        parser.error("--rounds and --repeats are at least 1")
    machine.end_in_order()
    plan = Plan(options.rounds, options.repeats, options.quick)
    base = git("rev-parse", "--short", "--verify", f"{options.base}^{{commit}}")
    outcomes = []
    before = machine.load()
    with tempfile.TemporaryDirectory(prefix="btt-compare-") as name:
        folder = Path(name)
        with checkout(base, folder / "base") as tree:
            there = (environment(tree, folder / "env-base"), tree)
            here = (environment(ROOT, folder / "env-here"), ROOT)
            trees: Trees = {BASE: there, AGAIN: there, HERE: here}
            for part in parts:
                outcome = compare(part, trees, plan)
                outcomes.append(outcome)
                line = outcome.trouble or f"{outcome.ratio(HERE)} (noise {outcome.ratio(AGAIN)})"
                print(f"[{part}] {line}", flush=True)
    show(outcomes, f"speed of {machine.commit()} over {base}: {plan.rounds} x {plan.repeats}")
    print("\n".join(machine.describe()))
    print(f"load before {before}, after {machine.load()}")
    broken = any(why.startswith("FAILED") for one in outcomes for why in one.trouble.values())
    return int(broken or all(one.trouble for one in outcomes))


if __name__ == "__main__":
    sys.exit(main())
