"""`make chaos`: the fault scenarios F1 to F34 of consensus.md 6.4, many times, with a report.

Most are played by the simulator (docs/simulator.md): the real engine under seeded time, wires and
disks. What needs a real disk, socket or process is run by the suites that have them. The report
says for each scenario by what it was covered, and what is left out; nothing is called passed that
was not run.

    CHAOS_RUNS=20       how often each simulated scenario is played, with other luck each time
    CHAOS_SEEDS=10000   random scenarios besides
    CHAOS_HOURS=0       go on with fresh seeds and with real processes for so long
    CHAOS_REAL=1        0: leave out the suites with real processes
    CHAOS_ROUNDS=5      how often these repeat what they do to their nodes; CI does it once
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from xml.etree import ElementTree as ET

ROOT: Final = Path(__file__).resolve().parents[2]
SIM: Final = "tests/sim/test_scenarios.py"


@dataclass(frozen=True, slots=True)
class Row:
    """A scenario, and what covers it."""

    name: str
    what: str
    simulated: str | tuple[str, ...] = ()
    """How the names of its tests in SIM begin."""
    suites: Sequence[str] = ()
    """Paths of suites with real disks, sockets or processes."""
    left: str = ""
    """What is not covered."""


ROWS: Final = (
    Row("F1", "one of 4 killed", "test_f1_", ["tests/devnet/test_devnet_crashes.py"]),
    Row("F2", "all killed at once", "test_f2_", ["tests/devnet/test_devnet_crashes.py"]),
    Row("F3", "SIGSTOP", "test_f3_", ["tests/devnet/test_devnet_crashes.py"]),
    Row("F4", "disconnected for 10 s", "test_f4_", ["tests/devnet/test_devnet_partitions.py"]),
    Row("F5", "crash at named points", "test_f5_", ["tests/devnet/test_devnet_fail_points.py"]),
    Row("F6", "f offline", "test_f6_", ["tests/devnet/test_devnet_crashes.py"]),
    Row("F7", "more than a third offline", "test_f7_", left="2 minutes in place of 10"),
    Row(
        "F8",
        "partitions",
        "test_f8_",
        ["tests/devnet/test_devnet_partitions.py"],
        left="80 s in place of 10 minutes",
    ),
    Row("F9", "loss, delay, one way", "test_f9_"),
    Row("F10", "BABE equivocator", "test_f10_", ["tests/devnet/test_devnet_cheats.py"]),
    Row(
        "F11",
        "GRANDPA equivocator",
        ("test_f10_f11_", "test_f11_"),
        ["tests/devnet/test_devnet_cheats.py"],
    ),
    Row("F12", "more than a third equivocate", "test_f12_", left="reports of them on chain"),
    Row("F13", "one key, two machines", "test_f13_", ["tests/devnet/test_devnet_keys.py"]),
    Row("F14", "signing record gone", suites=["tests/devnet/test_devnet_keys.py"]),
    Row("F15", "wrong clocks", "test_f15_", ["tests/devnet/test_devnet_clocks.py"]),
    Row(
        "F16",
        "set changes",
        "test_f16_",
        ["tests/devnet/test_devnet_sets.py"],
        left="weights times ten",
    ),
    Row("F17", "deep and wide forks", "test_f17_", left="32 siblings: at three heights"),
    Row("F18", "rounds behind", "test_f18_", ["tests/devnet/test_devnet_sets.py"]),
    Row(
        "F19",
        "late joiner",
        "test_f19_",
        ["tests/devnet/test_devnet_sync.py", "tests/unit/p2p/sync"],
        left="a chain of 10,000 blocks: `make bench` measures it",
    ),
    Row("F20", "damaged databases", suites=["tests/crash"]),
    Row("F21", "pool spam", suites=["tests/unit/txpool"], left="as a load on real nodes"),
    Row("F22", "full blocks for 10 minutes", left="`make bench` measures it"),
    Row("F23", "peer denial of service", suites=["tests/unit/p2p"]),
    Row("F24", "fuzzing of decoders", suites=["tests/fuzz"], left="10^7 inputs: `make fuzz`"),
    Row("F25", "eclipse", suites=["tests/unit/p2p"], left="as a net of real nodes"),
    Row("F26", "RPC flood", suites=["tests/unit/rpc"], left="as a load on real nodes"),
    Row("F27", "rolling upgrade", left="there is one version yet"),
    Row("F28", "epochs without anybody", "test_f28_"),
    Row("F29", "72 h soak", left="random scenarios for CHAOS_HOURS in place of it"),
    Row("F30", "work weights", suites=["tests/sim/test_lottery_shares.py"]),
    Row("F31", "pruning and restart", suites=["tests/crash/test_node_pruning.py"]),
    Row("F32", "differential", suites=["tests/vectors"]),
    Row("F33", "warp proofs", suites=["tests/unit/p2p/sync"], left="8 MiB and more"),
    Row("F34", "graceful stop", suites=["tests/devnet/test_devnet_crashes.py"]),
)


@dataclass(slots=True)
class Tally:
    """What came of a scenario or suite."""

    runs: int = 0
    failed: list[str] = field(default_factory=list)
    skipped: int = 0
    worst: int = 0
    """Slots of the slowest recovery."""

    def add(self, other: Tally) -> None:
        """Add another one's."""
        self.runs += other.runs
        self.failed += other.failed
        self.skipped += other.skipped
        self.worst = max(self.worst, other.worst)

    def __str__(self) -> str:
        if not self.runs:
            return "not run"
        verdict = f"{len(self.failed)} FAILED" if self.failed else "ok"
        return f"{verdict}, {self.runs} runs" + (f", {self.skipped} skipped" * bool(self.skipped))


def pytest(paths: Sequence[str], extra: Mapping[str, str]) -> dict[str, Tally]:
    """Run tests; return what came of each, by its name without parameters."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        # Properties of tests, which the report reads, are not in pytest's own kind of XML.
        options = ["-o", "timeout=0", "-o", "junit_family=xunit1"]
        command = [sys.executable, "-m", "pytest", "-q", *options, *paths]
        done = subprocess.run(
            [*command, f"--junitxml={report}"],
            cwd=ROOT,
            env={**os.environ, **extra},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if not report.exists():
            print(done.stdout)
            return {"pytest": Tally(runs=1, failed=["pytest did not run"])}
        found = _read(report)
        if any(tally.failed for tally in found.values()):
            print(done.stdout[-20_000:])
        return found


def _read(report: Path) -> dict[str, Tally]:
    found: dict[str, Tally] = {}
    for case in ET.parse(report).iter("testcase"):
        name = case.get("name", "")
        tally = found.setdefault(name.partition("[")[0], Tally())
        if case.find("skipped") is not None:
            tally.skipped += 1
            continue
        tally.runs += 1
        if case.find("failure") is not None or case.find("error") is not None:
            tally.failed.append(name)
        for told in case.iter("property"):
            if told.get("name") == "recovery":
                tally.worst = max(tally.worst, int(told.get("value", "0")))
    return found


def main() -> None:
    """Run all, print the report; the exit code tells whether all that ran has passed."""
    runs = int(os.environ.get("CHAOS_RUNS", "20"))
    seeds = int(os.environ.get("CHAOS_SEEDS", "10000"))
    until = time.monotonic() + 3_600 * float(os.environ.get("CHAOS_HOURS", "0"))
    simulated: dict[str, Tally] = {}
    for shift in range(runs):
        print(f"simulated scenarios, luck {shift + 1} of {runs}", flush=True)
        for name, tally in pytest([SIM], {"BTT_SHIFT": str(shift)}).items():
            simulated.setdefault(name, Tally()).add(tally)
    suites: dict[str, Tally] = {}
    if os.environ.get("CHAOS_REAL", "1") != "0":
        _run_suites(suites)
    random = _random(0, seeds)
    first = seeds
    while time.monotonic() < until:
        random.add(_random(first, 1_000))
        first += 1_000
        if os.environ.get("CHAOS_REAL", "1") != "0":
            _run_suites(suites, devnets_only=True)
    failed = report(simulated, suites, random)
    sys.exit(failed)


def _run_suites(into: dict[str, Tally], *, devnets_only: bool = False) -> None:
    rounds = os.environ.get("CHAOS_ROUNDS", "5")
    for path in sorted({path for row in ROWS for path in row.suites}):
        if not (ROOT / path).exists() or (devnets_only and "devnet" not in path):
            continue
        print(f"suite {path}", flush=True)
        for tally in pytest([path], {"BTT_ROUNDS": rounds, "BTT_CRASHES": "100"}).values():
            into.setdefault(path, Tally()).add(tally)


def _random(first: int, count: int) -> Tally:
    """Play seeds, in two processes; the tally counts seeds."""
    if not count:
        return Tally()
    print(f"seeds {first} to {first + count - 1}", flush=True)
    parts = [(first, count // 2), (first + count // 2, count - count // 2)]
    playing = [
        subprocess.Popen(
            [sys.executable, "-m", "support.sim.scenario", str(begin), str(many)],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}"},
            stdout=subprocess.PIPE,
            text=True,
        )
        for begin, many in parts
        if many
    ]
    tally = Tally(runs=count)
    for process in playing:
        told, _ = process.communicate()
        if process.returncode:
            print(told)
        summary = re.search(r"failed \[(.*)\];.*slowest recovery (\d+)", told)
        if summary is None:
            tally.failed.append(f"the player ended with {process.returncode}")
            continue
        tally.failed += [seed for seed in summary[1].split(", ") if seed]
        tally.worst = max(tally.worst, int(summary[2]))
    return tally


def report(simulated: Mapping[str, Tally], suites: Mapping[str, Tally], random: Tally) -> bool:
    """Print the table; return whether anything failed."""
    print(
        f"\n{'':4} {'scenario':30} {'simulated':24} {'slots':>5}  real, or a suite's / not covered"
    )
    failed = bool(random.failed)
    for row in ROWS:
        mine, real = Tally(), Tally()
        if row.simulated:
            for name, tally in simulated.items():
                if name.startswith(row.simulated):
                    mine.add(tally)
        for path in row.suites:
            real.add(suites.get(path, Tally()))
        failed = failed or bool(mine.failed or real.failed)
        says = str(mine) if row.simulated else "-"
        rest = [f"{real} ({', '.join(row.suites)})"] if row.suites else []
        rest += [f"left out: {row.left}"] if row.left else []
        worst = str(mine.worst) if mine.worst else ""
        print(f"{row.name:4} {row.what:30} {says:24} {worst:>5}  {'; '.join(rest)}")
    print(
        f"\n{random.runs} random scenarios: {random}; slowest recovery {random.worst} slots"
        + (f"; failed seeds {', '.join(random.failed)}" if random.failed else "")
    )
    return failed


if __name__ == "__main__":
    main()
