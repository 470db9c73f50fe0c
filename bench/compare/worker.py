"""Measure one workload of one tree: a process of `bench/compare/run.py`, queried in turn.

    python bench/compare/worker.py TREE WORKLOAD quick|full

The interpreter belongs to the tree: its packages are found there before any installed one. The
workloads are those beside this file, whatever the tree has under the same name. The worker
prints one JSON object a line: {"ready": true} once the workload is prepared, then for each
line it reads {"cpu": seconds, "units": count}. {"absent": reason} says that the tree does not have
what the workload needs, {"failed": reason} that the workload broke.
"""

from __future__ import annotations

import gc
import importlib
import importlib.util
import json
import os
import sys
import tempfile
import traceback
from pathlib import Path
from types import ModuleType
from typing import Final

PACKAGES: Final = ("btt_chain", "runtime", "storage", "p2p", "genesis", "cli")


def main(tree: str, name: str, size: str) -> None:
    """Prepare the workload and measure it once for each line of standard input."""
    # The output of a workload goes to standard error: standard output carries the figures.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def answer(**what: object) -> None:
        print(json.dumps(what), file=answers, flush=True)

    try:
        check_source(Path(tree))
        workloads = load(Path(__file__).with_name("workloads.py")).WORKLOADS
        with (
            tempfile.TemporaryDirectory(prefix="btt-compare-") as folder,
            workloads[name].open(Path(folder), size == "quick") as measure,
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
