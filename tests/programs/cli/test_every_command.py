"""Every command in environments other than a developer's: it ends with a code and a line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "support" / "every_command.py"
CASES = ["no-home", "no-stdin", "no-stdout", "no-streams", "odd-paths"]


def check(case: str, step: int) -> None:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), case, str(step)],
        capture_output=True, text=True, cwd=SCRIPT.parents[2], stdin=subprocess.DEVNULL,
        check=True,
    )  # fmt: skip
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(rows) > 250 // step
    bad = [row for row in rows if row["code"] not in range(6) or "Traceback" in row["said"]]
    assert not bad, bad[:5]


@pytest.mark.parametrize("case", CASES[:1] + CASES[-2:-1])
def test_a_sample_of_commands_survives(case: str) -> None:
    check(case, 40)


@pytest.mark.full
@pytest.mark.parametrize("case", CASES)
def test_every_command_survives(case: str) -> None:
    check(case, 1)
