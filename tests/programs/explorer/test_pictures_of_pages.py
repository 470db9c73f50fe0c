"""The pictures of docs/explorer.md: `BTT_PICTURES=docs/explorer` makes them anew.

They are for a person's eye; this test checks their sizes, which readers of the page load.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from btt_chain.scale import u128
from compat.client import HERE
from runtime.constants import BTT
from support.chain import ALICE, BOB, CHARLIE, DAVE, DevChain, address
from support.explorer_economy import JOBS, economy_chain
from support.explorer_served import served_economy

pytestmark = [pytest.mark.compat, pytest.mark.full, pytest.mark.timeout(600)]

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
MAX_BYTES = 150_000
NAMES = ["home", "job", "referendum", "market", "tokenomics"]


def busy_chain() -> DevChain:
    """The chain of the economy's pages, with some more blocks."""
    chain = economy_chain()
    for number, (who, to) in enumerate([(ALICE, BOB), (BOB, CHARLIE), (CHARLIE, ALICE)] * 3):
        dest, value = address(to), u128((number + 2) * BTT)
        chain.send(who, chain.call("Balances", "transfer_keep_alive", dest=dest, value=value))
        if number % 3 == 2:
            chain.send(DAVE, chain.call("Balances", "burn", value=u128(BTT), keep_alive=True))
        chain.seal()
    return chain


def test_the_pictures_of_the_page_are_made_and_small(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None or not (HERE / "node_modules" / "playwright-core").is_dir():
        pytest.skip("no chromium, or no playwright-core, `make compat-setup`: NO pictures")
    folder = Path(os.environ.get("BTT_PICTURES", tmp_path)).resolve()
    monkeypatch.setattr("support.explorer_economy.HOSTILE_NAME", b"Lung scanner")
    with served_economy(tmp_path, busy_chain, "BTT Development") as pages:
        words = [browser, str(pages), str(folder), "0x" + bytes(JOBS[2]).hex()]
        run = subprocess.run(
            ["node", HERE / "js" / "explorer_pictures.mjs", *words],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
    made = [json.loads(line) for line in run.stdout.splitlines()]
    assert [each["name"] for each in made] == NAMES, run.stderr
    for each in made:
        assert each["status"] == 200, each
        assert 5_000 < each["bytes"] <= MAX_BYTES, each
