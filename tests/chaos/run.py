"""`make chaos`: the fault scenarios F1 to F34 of docs/simulator.md, many times, with a report.

Most are played by the simulator (docs/simulator.md): the real engine under seeded time, wires and
disks. What needs a real disk, socket or process is run by the suites that have them. The report
says for each scenario by what it was covered, and what is left out; nothing is called passed that
was not run. It is printed whatever fails, and then the exit code is 1.

    CHAOS_RUNS=3        runs of each simulated scenario, each with another seed
    CHAOS_SEEDS=1000    random scenarios besides: others than CI plays
    CHAOS_DAYS=3        how long the soak of F29 lasts; the silence of F28 lasts a third of it
    CHAOS_REAL=1        0: leave out the suites with real disks, sockets and processes
    CHAOS_ROUNDS=1      how often nets of real nodes repeat what they do to them; CI does it once
    CHAOS_CRASHES=40    kills of a real node
    CHAOS_HOURS=0       go on with fresh seeds and with nets of real nodes for so long
    CHAOS_JOBS=2        parts that run side by side; nets of real nodes always run alone

With what stands here it takes about half an hour on two quiet cores. Each part has a bound, many
times what it needs: a part that hangs is ended, fails, and the rest goes on.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final
from xml.etree import ElementTree as ET

ROOT: Final = Path(__file__).resolve().parents[2]
NAMED: Final = ("tests/sim/test_scenarios.py", "tests/sim/test_scenarios_load.py")
SOAK: Final = "tests/sim/test_sim_soak.py"
FIRST: Final = 1_000
"""The first random scenario: those before it are CI's."""
BATCH: Final = 250
"""Random scenarios that one process plays."""
GRACE: Final = 60
"""Seconds in which a part that is ended may clean up."""


def number(name: str, default: float) -> float:
    """Return a number of the environment. SystemExit if it is not a number, or negative."""
    text = os.environ.get(name, "")
    try:
        value = float(text) if text else default
    except ValueError:
        value = -1.0
    if value < 0:
        sys.exit(f"{name} is {text!r}: give a number, 0 or more")
    return value


@dataclass(frozen=True, slots=True)
class Row:
    """A scenario, and what covers it."""

    name: str
    what: str
    simulated: str | tuple[str, ...] = ()
    """Prefix of the names of its tests in NAMED and SOAK."""
    suites: Sequence[str] = ()
    """Paths of suites with real disks, sockets or processes."""
    left: str = ""
    """Parts that are not covered."""


ROWS: Final = (
    Row("F1", "one of 4 killed", "test_f1_", ["tests/devnet/test_devnet_crashes.py"]),
    Row("F2", "all killed at once", "test_f2_", ["tests/devnet/test_devnet_crashes.py"]),
    Row("F3", "SIGSTOP", "test_f3_", ["tests/devnet/test_devnet_crashes.py"]),
    Row("F4", "disconnected for 10 s", "test_f4_", ["tests/devnet/test_devnet_partitions.py"]),
    Row("F5", "crash at named points", "test_f5_", ["tests/devnet/test_devnet_fail_points.py"]),
    Row("F6", "f offline", "test_f6_", ["tests/devnet/test_devnet_crashes.py"]),
    Row("F7", "more than a third offline", "test_f7_", ["tests/devnet/test_devnet_crashes.py"]),
    Row("F8", "partitions", "test_f8_", ["tests/devnet/test_devnet_partitions.py"]),
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
    Row(
        "F22",
        "full blocks for 10 minutes",
        "test_f22_",
        left="400 transfers a second on real nodes: `make bench` measures it",
    ),
    Row("F23", "peer denial of service", suites=["tests/unit/p2p"]),
    Row("F24", "fuzzing of decoders", suites=["tests/fuzz"], left="10^7 inputs: `make fuzz`"),
    Row("F25", "eclipse", suites=["tests/unit/p2p"], left="as a net of real nodes"),
    Row("F26", "RPC flood", suites=["tests/unit/rpc"], left="as a load on real nodes"),
    Row(
        "F27",
        "rolling upgrade",
        "test_f27_",
        ["tests/unit/storage", "tests/programs/storage"],
        left="a migration: there is one layout yet, others are refused",
    ),
    Row("F28", "epochs without a validator, idle day", "test_f28_"),
    Row(
        "F29",
        "72 h soak",
        "test_f29_",
        left="memory and files of real processes: `make bench` and CHAOS_HOURS",
    ),
    Row("F30", "work weights", suites=["tests/sim/test_lottery_shares.py"]),
    Row("F31", "pruning and restart", suites=["tests/crash/test_node_pruning.py"]),
    Row("F32", "differential", suites=["tests/vectors"]),
    Row("F33", "warp proofs", suites=["tests/unit/p2p/sync"], left="8 MiB and more"),
    Row("F34", "graceful stop", suites=["tests/devnet/test_devnet_crashes.py"]),
)


@dataclass(slots=True)
class Tally:
    """The result of a scenario or suite."""

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
        skipped = f", {self.skipped} skipped" * bool(self.skipped)
        if not self.runs:
            return "not run" + skipped
        verdict = f"{len(self.failed)} FAILED" if self.failed else "ok"
        return f"{verdict}, {self.runs} runs{skipped}"


# ---- parts


@dataclass(slots=True)
class Ended:
    """The end of a process."""

    code: int
    output: str
    late: bool


RUNNING: Final[list[subprocess.Popen[str]]] = []
"""The processes of the parts that are under way."""


def run(command: Sequence[str], extra: Mapping[str, str], seconds: float) -> Ended:
    """Run a process and all that it starts; end them when the time is over."""
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, **extra},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        late = False
        RUNNING.append(process)
        try:
            output, _ = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            late = True
            output = _end(process)
        finally:
            RUNNING.remove(process)
        return Ended(process.returncode, output, late)


def _end(process: subprocess.Popen[str]) -> str:
    """End a process group; as by Ctrl-C first: pytest takes down its nets and writes its report."""
    process.send_signal(signal.SIGINT)
    try:
        output, _ = process.communicate(timeout=GRACE)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        output, _ = process.communicate()
    return output


def pytest(paths: Sequence[str], extra: Mapping[str, str], seconds: float) -> dict[str, Tally]:
    """Run tests; return what came of each, by its name without parameters."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        # Properties of tests, which the report reads, are not in pytest's own kind of XML.
        options = ["-o", "timeout=0", "-o", "junit_family=xunit1", "-p", "no:cacheprovider"]
        command = [sys.executable, "-m", "pytest", "-q", *options, *paths]
        ended = run([*command, f"--junitxml={report}"], extra, seconds)
        found = _read(report) if report.exists() else {}
    what = " ".join(paths)
    if ended.late:
        found["time"] = Tally(runs=1, failed=[f"{what}: not done in {seconds:.0f} s"])
    elif ended.code and not any(tally.failed for tally in found.values()):
        found["pytest"] = Tally(runs=1, failed=[f"{what}: pytest ended with {ended.code}"])
    failed = [name for tally in found.values() for name in tally.failed]
    if failed:
        print(f"--- FAILED: {', '.join(failed)}, with {dict(extra)}\n{ended.output[-20_000:]}")
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
        for entry in case.iter("property"):
            if entry.get("name") == "recovery":
                tally.worst = max(tally.worst, int(entry.get("value", "0")))
    return found


def play_seeds(first: int, count: int) -> Tally:
    """Play random scenarios; the tally counts seeds."""
    ended = run(
        [sys.executable, "-m", "support.sim.scenario", str(first), str(count)],
        {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}"},
        seconds=600 + 5 * count,
    )
    tally = Tally(runs=count)
    summary = re.search(r"failed \[(.*)\];.*slowest recovery (\d+)", ended.output)
    if ended.code or summary is None:
        print(ended.output)
    if summary is None:
        tally.failed.append(f"{first} to {first + count - 1}: the player ended with {ended.code}")
        return tally
    tally.failed += [seed for seed in summary[1].split(", ") if seed]
    tally.worst = int(summary[2])
    return tally


class Chaos:
    """A whole run, and what came of it."""

    def __init__(self) -> None:
        self.runs = int(number("CHAOS_RUNS", 3))
        self.seeds = int(number("CHAOS_SEEDS", 1_000))
        self.days = number("CHAOS_DAYS", 3)
        self.real = os.environ.get("CHAOS_REAL", "1") != "0"
        self.rounds = int(number("CHAOS_ROUNDS", 1))
        self.crashes = int(number("CHAOS_CRASHES", 40))
        self.hours = number("CHAOS_HOURS", 0)
        self.jobs = max(1, int(number("CHAOS_JOBS", 2)))
        self.began = time.monotonic()
        self.simulated: dict[str, Tally] = {}
        self.suites: dict[str, Tally] = {}
        self.random = Tally()

    def run(self) -> None:
        """Run all parts."""
        paths = sorted({path for row in ROWS for path in row.suites})
        nets = [path for path in paths if "devnet" in path]
        alone = [path for path in paths if path not in nets]
        parts: list[Callable[[], None]] = []
        if self.days:
            hours = {"test_f29_": 24 * self.days, "test_f28_": 8 * self.days}
            parts += [partial(self._soak, name, some) for name, some in hours.items()]
        parts += [partial(self._named, shift) for shift in range(self.runs)]
        parts += self._random(FIRST, self.seeds)
        if self.real:
            parts += [partial(self._suite, path) for path in alone]
        self._side_by_side(parts)
        if self.real:
            self._nets(nets)
        first = FIRST + self.seeds
        while time.monotonic() < self.began + 3_600 * self.hours:
            self._side_by_side(self._random(first, 2 * BATCH))
            first += 2 * BATCH
            if self.real:
                self._nets(nets)

    def _side_by_side(self, parts: Iterable[Callable[[], None]]) -> None:
        with ThreadPoolExecutor(self.jobs) as pool:
            waiting = [pool.submit(part) for part in parts]
            try:
                for done in waiting:
                    done.result()
            except BaseException:  # Ctrl-C, too: what runs is ended, then the report is printed
                for part in waiting:
                    part.cancel()
                for process in RUNNING:
                    process.send_signal(signal.SIGINT)
                raise

    def _say(self, what: str, began: float) -> None:
        now = time.monotonic()
        print(f"{now - self.began:6.0f} s: {what}, in {now - began:.0f} s", flush=True)

    def _soak(self, name: str, hours: float) -> None:
        began = time.monotonic()
        # An hour takes about a quarter of a minute.
        found = pytest([SOAK, "-k", name], {"BTT_HOURS": str(hours)}, 600 + 120 * hours)
        self._count(found)
        self._say(f"{hours:g} hours of {name}", began)

    def _named(self, shift: int) -> None:
        began = time.monotonic()
        self._count(pytest(NAMED, {"BTT_SHIFT": str(shift), "BTT_LONG": "1"}, seconds=1_200))
        self._say(f"named scenarios, seed {shift + 1} of {self.runs}", began)

    def _count(self, found: Mapping[str, Tally]) -> None:
        for name, tally in found.items():
            self.simulated.setdefault(name, Tally()).add(tally)

    def _random(self, first: int, count: int) -> list[Callable[[], None]]:
        end = first + count
        return [partial(self._seeds, at, min(BATCH, end - at)) for at in range(first, end, BATCH)]

    def _seeds(self, first: int, count: int) -> None:
        began = time.monotonic()
        self.random.add(play_seeds(first, count))
        self._say(f"seeds {first} to {first + count - 1}", began)

    def _nets(self, paths: Sequence[str]) -> None:
        for path in paths:
            self._side_by_side([partial(self._suite, path)])

    def _suite(self, path: str) -> None:
        began = time.monotonic()
        extra = {"BTT_ROUNDS": str(self.rounds), "BTT_CRASHES": str(self.crashes)}
        seconds = 900 + 300 * max(self.rounds, self.crashes / 10)
        tally = self.suites.setdefault(path, Tally())
        for found in pytest([path], extra, seconds).values():
            tally.add(found)
        self._say(f"suite {path}: {tally}", began)

    @property
    def failed(self) -> bool:
        """True if any part failed."""
        tallies = [*self.simulated.values(), *self.suites.values(), self.random]
        return any(tally.failed for tally in tallies)

    def report(self) -> None:
        """Print the table."""
        print(
            f"\n{'':4} {'scenario':34} {'simulated':20} {'slots':>5}  "
            "real, or a suite's / not covered"
        )
        for row in ROWS:
            mine, real = Tally(), Tally()
            for name, tally in self.simulated.items():
                if row.simulated and name.startswith(row.simulated):
                    mine.add(tally)
            for path in row.suites:
                real.add(self.suites.get(path, Tally()))
            says = str(mine) if row.simulated else "-"
            rest = [f"{real} ({', '.join(row.suites)})"] if row.suites else []
            rest += [f"left out: {row.left}"] if row.left else []
            worst = str(mine.worst) if mine.worst else ""
            print(f"{row.name:4} {row.what:34} {says:20} {worst:>5}  {'; '.join(rest)}")
        print(
            f"\n{self.random.runs} random scenarios: {self.random}; "
            f"slowest recovery {self.random.worst} slots"
        )
        failed = {
            **{name: tally for name, tally in self.simulated.items() if tally.failed},
            **{path: tally for path, tally in self.suites.items() if tally.failed},
            **({"seeds": self.random} if self.random.failed else {}),
        }
        for name, tally in failed.items():
            print(f"FAILED {name}: {', '.join(dict.fromkeys(tally.failed))}")
        print(f"{(time.monotonic() - self.began) / 60:.0f} minutes in all")


def main() -> None:
    """Run all and print the report; the exit code is 0 if all that ran has passed."""
    # A shell that starts this in the background ignores the signal, and parts are ended by it.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    chaos = Chaos()
    try:
        chaos.run()
    finally:
        chaos.report()
    sys.exit(chaos.failed)


if __name__ == "__main__":
    main()
