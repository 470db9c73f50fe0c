"""Every page in a real browser, in both themes and languages: fits its width, and is accessible."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from compat.client import browser_script, report
from support.explorer_economy import JOBS, MODEL, RECEIPT
from support.explorer_served import served_economy

pytestmark = [pytest.mark.compat, pytest.mark.full, pytest.mark.timeout(2_100)]

SECONDS = 1_800
"""Limit for a hanging script: forty pages take minutes on a busy machine."""
PATHS = [
    "", "blocks", "block/2", "txs", "tx/1-1", "accounts", "account/Alice", "validators",
    "validator/Alice", "calls", "pallet/Balances", "storage/System.Account?key=//Alice",
    "events/Balances.Transfer", "upgrades", "audit", "doctor", "search?q=transfer", "export",
    "nothing", "governance", "referendum/0", "chambers", "jobs", "job/0x" + bytes(JOBS[2]).hex(),
    "receipt/0x" + bytes(RECEIPT).hex(), "providers", "provider/Bob", "models",
    "model/0x" + bytes(MODEL).hex(), "tokenomics", "vesting", "staking?amount=100000&tier=4",
    "exchange", "market/0", "order/7", "asset/0", "payfi", "merchant/Bob", "facilities",
    "statistics", "oracle",
]  # fmt: skip
FORMS = ("light,en,1100", "dark,zh-CN,360")
"""Theme, language and width: each theme and each language once."""


@pytest.mark.parametrize("form", FORMS)
def test_every_page_fits_its_width_and_is_accessible(
    tmp_path: Path, form: str, subtests: pytest.Subtests
) -> None:
    script = browser_script("explorer_pages")
    with served_economy(tmp_path) as address:
        words = (address, json.dumps(PATHS), form, os.environ.get("BTT_PICTURES", ""))
        run = script.on(*words).run([], SECONDS)
    report(run, subtests, least=len(PATHS))
