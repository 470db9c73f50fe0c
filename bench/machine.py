"""The machine a bench runs on: its load, its versions, and what a process has used of it."""

from __future__ import annotations

import os
import platform
import re
import signal
import subprocess
import sys
import sysconfig
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
PEERS: Final = ROOT / ".bench"
"""Folder of the peers that `make bench-setup` installs."""
RECORD: Final = "bench/compare/recorded.json"
"""Path of the record of the last run, of which docs/performance.md is made."""

TICKS: Final = os.sysconf("SC_CLK_TCK")
PACKAGES: Final = (
    "aiohttp",
    "orjson",
    "uvloop",
    "plyvel",
    "plyvel-next",
    "py-ed25519-zebra-bindings",
    "py-sr25519-bindings",
    "coincurve",
    "pynacl",
    "rbcl",
    "xxhash",
)


WATCHED: Final = 0.25
"""Seconds without work after which a process is at rest."""


@dataclass(slots=True)
class Spent:
    """Cost of a piece of work: seconds of the clock, seconds of CPU.

    In this process it is the CPU of the thread that worked: LevelDB sorts beside it when it likes,
    and with two chains open it is unknown for which.
    """

    wall: float = 0.0
    cpu: float = 0.0


@contextmanager
def stopwatch() -> Iterator[Spent]:
    """Time the body; the figures are there once it is left."""
    spent = Spent()
    wall, cpu = time.perf_counter(), time.thread_time()
    yield spent
    spent.wall, spent.cpu = time.perf_counter() - wall, time.thread_time() - cpu


def timed(work: Callable[[], object]) -> Spent:
    """Time a call."""
    with stopwatch() as spent:
        work()
    return spent


def rest(limit: float = 60.0) -> None:
    """Wait until this process has nothing to do any more in other threads, or for `limit` seconds.

    LevelDB goes on sorting what a genesis wrote; that is not part of the blocks that follow.
    """
    end = time.monotonic() + limit
    while time.monotonic() < end:
        before = time.process_time()
        time.sleep(WATCHED)
        if time.process_time() - before < WATCHED / 20:
            return


def end_in_order() -> None:
    """Let SIGTERM and SIGHUP end this process as ctrl-C does: the nodes it started end, too."""
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda caught, _: sys.exit(128 + caught))


def load() -> str:
    """Return the load averages of the last 1, 5 and 15 minutes."""
    return " ".join(f"{average:.2f}" for average in os.getloadavg())


def describe() -> list[str]:
    """Return the lines that say where figures come from."""
    processor = platform.processor() or platform.machine()
    for line in Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace").splitlines():
        if line.startswith("model name"):
            processor = line.partition(":")[2].strip()
            break
    return [
        f"{os.cpu_count()} x {processor}",
        f"{platform.system()} {platform.release()}",
        interpreter(),
        "  ".join(f"{package} {version_of(package)}" for package in PACKAGES),
        f"commit {commit()}",
    ]


def interpreter() -> str:
    """Return the interpreter's version and how it was built: both move figures by a third."""
    flags = " ".join(
        str(sysconfig.get_config_var(name) or "") for name in ("CONFIG_ARGS", "PY_CFLAGS")
    )
    profiled = "PGO" if "--enable-optimizations" in flags else "no PGO"
    linked = "LTO" if "--with-lto" in flags or "-flto" in flags else "no LTO"
    levels = re.findall(r"-O\w", flags)
    built = f"{profiled}, {linked}, {levels[-1] if levels else 'no -O'}"
    return f"{platform.python_implementation()} {sys.version.replace(chr(10), ' ')}; {built}"


def version_of(package: str) -> str:
    """Return the installed version of a distribution."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "absent"


def commit() -> str:
    """Return the commit that is measured, with a plus if the checkout differs from it.

    The record of a run does not count as a difference: it is written while the run goes on.
    """
    name = _git("describe", "--always")
    changed = _git("status", "--porcelain", "-uno", "--", ".", f":!{RECORD}")
    return name + "+" * bool(changed) if name else "unknown"


def _git(*words: str) -> str:
    done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip()


# --- other processes ------------------------------------------------------------


def family(pid: int) -> list[int]:
    """Return a process and its descendants."""
    found = [pid]
    for parent in found:
        for children in Path(f"/proc/{parent}/task").glob("*/children"):
            found += map(int, children.read_text(encoding="ascii").split())
    return found


def cpu_of(pid: int) -> float:
    """Return the seconds of CPU that a process and its living descendants have used."""
    return sum(map(own_cpu_of, family(pid)))


def own_cpu_of(pid: int) -> float:
    """Return the same without its descendants."""
    # The name, in parentheses, may hold blanks; user and system time are 14th and 15th.
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def memory_of(pid: int, field: str = "VmRSS") -> float:
    """Return MiB that a process and its descendants hold; `VmHWM` for the most it ever held."""
    total = 0
    for member in family(pid):
        for line in Path(f"/proc/{member}/status").read_text(encoding="utf-8").splitlines():
            if line.startswith(field):
                total += int(line.split()[1])
    return total / 1024


def precise_cpu_of(pid: int) -> float:
    """Return the same for the living threads of one process, to the nanosecond."""
    tasks = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(task.read_text(encoding="ascii").split()[0]) for task in tasks) / 1e9
