"""The pictures of docs/explorer.md: `BTT_PICTURES=docs/explorer` makes them anew.

They are for a person's eye; this test checks their sizes, which readers of the page load.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from btt_chain.scale import u128
from compat.client import browser_script
from runtime.constants import BTT
from support.chain import ALICE, BOB, CHARLIE, DAVE, DevChain, address
from support.explorer_economy import JOBS, economy_chain
from support.explorer_served import served_economy

pytestmark = [pytest.mark.compat, pytest.mark.full, pytest.mark.timeout(600)]

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
    script = browser_script("explorer_pictures")
    folder = Path(os.environ.get("BTT_PICTURES", tmp_path)).resolve()
    monkeypatch.setattr("support.explorer_economy.HOSTILE_NAME", b"Lung scanner")
    with served_economy(tmp_path, busy_chain, "BTT Development") as pages:
        words = (str(pages), str(folder), "0x" + bytes(JOBS[2]).hex())
        run = subprocess.run(
            script.on(*words).command, cwd=script.cwd, capture_output=True, text=True, check=False
        )
    made = [json.loads(line) for line in run.stdout.splitlines()]
    assert [each["name"] for each in made] == NAMES, run.stderr
    for each in made:
        assert each["status"] == 200, each
        assert 5_000 < each["bytes"] <= MAX_BYTES, each
