"""Useful work in numbers: python bench/bench_work.py [--quick] [--rounds N]

The same as `btt-chain work bench`, beside the other benches: see `btt_chain/work/bench.py`.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

if __name__ == "__main__":
    # Before numpy is loaded: BLAS reads it once.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from btt_chain.work.bench import heading, rows  # noqa: E402


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the report."""
    parser = argparse.ArgumentParser(description=__doc__, add_help=True)
    parser.add_argument("--quick", action="store_true", help="small nets only")
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args(arguments)
    print(heading())
    for row in rows(quick=chosen.quick, rounds=chosen.rounds):
        print(row, flush=True)


if __name__ == "__main__":
    main()
