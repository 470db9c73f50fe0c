"""A worker of `make bench-compare` measures the tree that it is given."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def test_a_worker_measures_the_tree_it_is_given_and_no_other(tmp_path: Path) -> None:
    worker = [sys.executable, "-P", str(ROOT / "bench" / "compare" / "worker.py")]
    right = subprocess.run(
        [*worker, str(ROOT), "vrf", "tiny"],
        input="measure\n", capture_output=True, text=True, check=True,
        env={"PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"},
    )  # fmt: skip
    ready, figures = right.stdout.splitlines()
    assert ready == '{"ready": true}'
    assert '"units": 20' in figures
    wrong = subprocess.run(
        [*worker, str(tmp_path), "vrf", "tiny"],
        input="measure\n", capture_output=True, text=True, check=True,
        env={"PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"},
    )  # fmt: skip
    assert '{"failed": "RuntimeError: btt_chain comes from' in wrong.stdout
