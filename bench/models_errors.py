"""Errors at every node of every model: python bench/models_errors.py [MODEL|PACKAGE.btt ...]

Plants one wrong element at each node, computes everything after it, lets the check of a verifier
find it, and judges the proof by the runtime's judgement (`btt_chain/work/planted.py`). Without
names: all models of the tests. Exit code 1 if an error is not refuted.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

if __name__ == "__main__":
    # Before numpy is loaded: BLAS reads it once.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from bench.tested_models import chosen  # noqa: E402
from btt_chain.work.graph import PROOF_BYTES  # noqa: E402
from btt_chain.work.planted import Refutations, refutations  # noqa: E402

HEADING: Final = (
    f"{'model':<20}{'nodes':>7}{'planted':>9}{'refuted':>9}{'proof B':>9}{'judge ms':>10}"
)


def line_of(name: str, found: Refutations) -> str:
    """Return the line of a model, and one for each error that was not refuted."""
    passed = "".join(f"\n  not refuted: {one}" for one in found.passed)
    return (
        f"{name:<20}{found.nodes:>7}{found.planted:>9}{found.refuted:>9}{found.largest:>9}"
        f"{found.slowest:>10.2f}{passed}"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; return 0 if every error is refuted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="*", metavar="MODEL", help="name or package; all if none")
    parser.add_argument("--seed", type=int, default=1, help="which elements are wrong")
    options = parser.parse_args(arguments)
    print(HEADING)
    failed = 0
    for name, make in chosen(options.models).items():
        subject = make()
        found = refutations(subject.model, subject.inputs, options.seed)
        failed += found.refuted < found.planted or found.largest > PROOF_BYTES
        print(line_of(name, found), flush=True)
    print(f"{failed} models with an error that is not refuted within {PROOF_BYTES} bytes")
    return int(failed > 0)


if __name__ == "__main__":
    raise SystemExit(main())
