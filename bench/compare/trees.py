"""The trees that are compared, and the processes that measure them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TypeAlias

from bench import machine

ROOT: Final = machine.ROOT
PATIENCE: Final = 900.0
"""Seconds until a worker that does not answer is ended."""
WORKER: Final = Path(__file__).with_name("worker.py")
ATTEMPTS: Final = 2
"""Attempts to prepare a workload: on a shared machine a node may find its port taken."""

ProfileRow: TypeAlias = tuple[str, float, float]
"""A function, its calls and microseconds of its own for a unit of work."""


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

    def __init__(self, python: Path, tree: Path, name: str, size: str, *, seed: int) -> None:
        self._process = subprocess.Popen(
            [str(python), "-P", str(WORKER), str(tree), name, size],
            cwd=tree,
            env=surroundings(seed=seed),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._read()

    def measure(self) -> float:
        """Measure once; return the cost of a unit."""
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


def started(name: str, program: tuple[Path, Path], size: str, seed: int) -> Worker:
    """Start a worker; once more if preparing its workload failed."""
    for attempt in range(ATTEMPTS):
        try:
            return Worker(*program, name, size, seed=seed)
        except RuntimeError as error:
            if attempt == ATTEMPTS - 1:
                raise
            print(f"[{name}] again, because it failed: {error}", flush=True)
    raise AssertionError("unreachable")


def profile(name: str, program: tuple[Path, Path], size: str) -> list[ProfileRow]:
    """Return the functions of a workload that take the most time; none if it cannot be profiled."""
    python, tree = program
    done = subprocess.run(
        [str(python), "-P", str(WORKER), str(tree), name, size, "profile"],
        cwd=tree,
        env=surroundings(seed=0),
        stdout=subprocess.PIPE,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    lines = done.stdout.splitlines()
    answer: dict[str, list[ProfileRow]] = json.loads(lines[-1]) if lines else {}
    return [(function, calls, own) for function, calls, own in answer.get("profile", [])]


def surroundings(*, seed: int) -> dict[str, str]:
    """Return the environment variables of a worker."""
    kept = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    # An empty value lets Python keep compiled modules: a start is measured with them.
    return kept | {"PYTHONHASHSEED": str(seed), "PYTHONDONTWRITEBYTECODE": ""}
