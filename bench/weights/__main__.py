"""`make weights` and `make weights-check`: measure, write, compare.

python -m bench.weights [--check] [--only Balances,Utility] [--stubs]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from bench.weights import stubs


def main() -> int:
    """Run the program; return its exit code."""
    parser = argparse.ArgumentParser(prog="make weights", description=__doc__)
    parser.add_argument("--only", default="", help="pallets, or single calls, with commas")
    parser.add_argument("--check", action="store_true", help="print real / declared, write nothing")
    parser.add_argument("--fill", action="store_true", help="import blocks that are full by weight")
    parser.add_argument("--stubs", action="store_true", help="only add names that are missing")
    options = parser.parse_args()
    added = stubs.add()
    if added:
        print(f"{len(added)} weights that were never measured: {', '.join(added)}")
    if options.stubs:
        return 0
    begun = time.process_time()
    with tempfile.TemporaryDirectory(prefix="weights-") as folder:
        code = measure(Path(folder) / "db", options)
    print(f"{time.process_time() - begun:.0f} s of processor time")
    return code


def measure(path: Path, options: argparse.Namespace) -> int:
    """Measure over a new database in `path`; return an exit code."""
    # Import here: the runtime can only be imported once every name is defined.
    from bench.weights import fill, run
    from bench.weights.pace import REFERENCE_NS, check_ns
    from bench.weights.state import Bench

    only = [name for name in options.only.split(",") if name]
    wrong = run.unknown(only)
    if wrong:
        print(f"no benchmark in bench/weights/pallets: {', '.join(wrong)}")
        return 1
    slower = REFERENCE_NS / check_ns()
    print(f"the reference machine takes {slower:.2f} times as long as this one")
    bench = Bench(path)
    try:
        if options.fill:
            return fill.fill(bench)
        return (run.check if options.check else run.write)(bench, only)
    finally:
        bench.close()


if __name__ == "__main__":
    sys.exit(main())
