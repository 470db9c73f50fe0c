"""Measure one workload of one tree: a process of `bench/compare/run.py`, queried in turn.

    python bench/compare/worker.py TREE WORKLOAD tiny|quick|whole [profile]

The interpreter belongs to the tree: its packages are found there before any installed one. The
workloads are those beside this file, whatever the tree has under the same name. The worker
prints one JSON object a line: {"ready": true} once the workload is prepared, then for each
line it reads {"cpu": cost, "units": count}. With `profile` it measures once, under cProfile or
with samples of the node (program.py), and prints {"profile": rows}. {"absent": reason} says that
the tree does not have what the workload needs, {"failed": reason} that the workload broke.
"""

from __future__ import annotations

import cProfile
import gc
import importlib
import importlib.util
import json
import os
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from contextlib import AbstractContextManager
from enum import Enum
from pathlib import Path
from types import CodeType, ModuleType
from typing import Final

PACKAGES: Final = ("btt_chain", "runtime", "storage", "p2p", "genesis", "cli")
TOP: Final = 12
"""Functions of a profile."""

Preparation = Callable[[Path, Enum], AbstractContextManager[Callable[[], tuple[float, int]]]]
Row = tuple[str, float, float]
"""A function, its calls and microseconds of its own for a unit of work; no calls: sampled."""


def main(tree: str, name: str, size: str, *mode: str) -> None:
    """Prepare the workload and measure it once for each line of standard input."""
    # The output of a workload goes to standard error: standard output carries the figures.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def answer(**what: object) -> None:
        print(json.dumps(what), file=answers, flush=True)

    try:
        check_source(Path(tree))
        module = load(Path(__file__).with_name("workloads.py"))
        workload, wanted = module.WORKLOADS[name], module.Size(size)
        if mode:
            answer(profile=profiled(workload.open, wanted, is_process=workload.is_process))
            return
        with (
            tempfile.TemporaryDirectory(prefix="btt-compare-") as folder,
            workload.open(Path(folder), wanted) as measure,
        ):
            answer(ready=True)
            for _ in sys.stdin:
                gc.collect()
                cpu, units = measure()
                answer(cpu=cpu, units=units)
    except (ImportError, AttributeError) as error:
        answer(absent=f"{type(error).__name__}: {error}")
    except Exception as error:  # noqa: BLE001 - one workload never costs the report
        traceback.print_exc()
        answer(failed=f"{type(error).__name__}: {error}")


def profiled(prepare: Preparation, size: Enum, *, is_process: bool) -> list[Row]:
    """Measure once under a profile: in this process, or in those that the workload starts."""
    with tempfile.TemporaryDirectory(prefix="btt-compare-") as name:
        folder, here = Path(name), cProfile.Profile(time.thread_time)
        if is_process:
            # A node is started as `sys.executable -m cli.main ...`.
            wrapper = folder / "python"
            program = Path(__file__).with_name("program.py")
            wrapper.write_text(
                f'#!/bin/sh\nexec "{sys.executable}" -P "{program}" "{folder}/$$.profile" "$@"\n'
            )
            wrapper.chmod(0o755)
            sys.executable = str(wrapper)
        work = folder / "work"
        work.mkdir()
        with prepare(work, size) as measure:
            if not is_process:
                here.enable()
            _, units = measure()
            here.disable()
        if not is_process:
            return top(here, units)
        files = sorted(folder.glob("*.profile"), key=lambda file: file.stat().st_mtime)
        rows: list[tuple[str, float]] = json.loads(files[-1].read_text(encoding="utf-8"))
        return [(name, 0.0, own / units) for name, own in rows[:TOP]]


def top(profile: cProfile.Profile, units: int) -> list[Row]:
    """Return the functions that took the most time of their own."""
    found = [
        (named(entry.code), entry.callcount / units, entry.inlinetime / units * 1e6)
        for entry in profile.getstats()
    ]
    return sorted(found, key=lambda row: -row[2])[:TOP]


def named(code: CodeType | str) -> str:
    """Return the file, line and name of a function; those of C have a name only."""
    if isinstance(code, str):
        return code
    return f"{Path(code.co_filename).name}:{code.co_firstlineno} {code.co_name}"


def load(path: Path) -> ModuleType:
    """Import a module by its file."""
    spec = importlib.util.spec_from_file_location(f"compare_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def check_source(tree: Path) -> None:
    """Raise RuntimeError if a package would come from anywhere but the tree."""
    for package in PACKAGES:
        found = importlib.import_module(package).__path__
        if not all(Path(place).is_relative_to(tree) for place in found):
            raise RuntimeError(f"{package} comes from {list(found)}, not from {tree}")


if __name__ == "__main__":
    main(*sys.argv[1:])
