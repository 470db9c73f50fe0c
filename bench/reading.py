"""Processor time of the commands that only read a chain, each a process of its own.

    PYTHONPATH=.:tests python -m bench.reading
    PYTHONPATH=.:tests python -m bench.reading --base ../other/tree --rounds 5 --only "gov status"

Starts a development node, runs every command against it, and prints user and system time: the
minimum of some rounds. `--base` is another tree of this project, whose commands are measured in
turns with these.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from support.instant_node import instant_node
from support.reading import READING

ROOT = Path(__file__).parents[1]
TARGET = 0.4
"""Seconds that a query may take."""


def spent(tree: Path, words: Sequence[str], home: str) -> float:
    """Return the processor time of a command in a tree, in seconds."""
    env = {**os.environ, "PYTHONPATH": str(tree), "BTT_WALLET": home, "BTT_GATEWAY": home}
    # A user's second command finds everything compiled.
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    process = subprocess.Popen(
        [sys.executable, "-m", "cli.main", *words],
        cwd=tree, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return usage.ru_utime + usage.ru_stime


def measured(
    trees: Sequence[Path], line: str, url: str, home: str, rounds: int
) -> list[tuple[float, ...]]:
    """Return the times of each round, one for each tree."""
    words = [*line.split(), "--url", url]
    return [tuple(spent(tree, words, home) for tree in trees) for _ in range(rounds)]


def main() -> None:
    """Measure, and print a row for each command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--base", type=Path, help="another tree, measured first in each round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="", help="commands that begin so")
    given = parser.parse_args()
    trees = [ROOT] if given.base is None else [given.base.resolve(), ROOT]
    heads = ["CPU s"] if given.base is None else ["before, s", "now, s"]
    print("| command |", " | ".join(heads), "|")
    print("|---|" + "---|" * len(heads))
    worst = 0.0
    with TemporaryDirectory() as folder, instant_node(Path(folder) / "node") as url:
        for line in READING:
            if not line.startswith(given.only):
                continue
            rounds = measured(trees, line, url, folder, given.rounds)
            best = [min(times) for times in zip(*rounds, strict=True)]
            worst = max(worst, best[-1])
            print(f"| `{line[:60]}` |", " | ".join(f"{time:.2f}" for time in best), "|", flush=True)
    print(f"\nthe slowest: {worst:.2f} s; at most {TARGET} s are promised")


if __name__ == "__main__":
    main()
