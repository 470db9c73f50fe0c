"""Lighthouse's scores of the explorer's pages, as on a phone: `make lighthouse` prints them."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from compat.client import HERE, browser
from support.explorer_served import served_economy

pytestmark = [pytest.mark.compat, pytest.mark.full, pytest.mark.timeout(1800)]

FOLDER = HERE / "lighthouse"
PATHS = [
    "", "blocks", "block/2", "tx/2-1", "accounts", "account/Alice", "validators", "governance",
    "referendum/0", "jobs", "tokenomics", "market/0",
]  # fmt: skip


def test_twelve_pages_have_the_full_scores_of_lighthouse(tmp_path: Path) -> None:
    program = browser()
    if not (FOLDER / "node_modules" / "lighthouse").is_dir():
        pytest.skip("no lighthouse, `make lighthouse`: the pages were NOT rated")
    with served_economy(tmp_path) as address:
        run = subprocess.run(
            ["node", FOLDER / "pages.mjs", program, address, json.dumps(PATHS)],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
    rated = {each["path"]: each for each in map(json.loads, run.stdout.splitlines())}
    for path, each in rated.items():
        print(f"{each['scores']} index {each['index']}, x {each['multiplier']} /{path}")
    assert list(rated) == PATHS, run.stderr
    for path, each in rated.items():
        assert each["scores"] == [100, 100, 100, 100], (path, each["lost"], each["metrics"])
