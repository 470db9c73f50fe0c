"""Orders in the explorer's pages, in a browser: placed and cancelled by two kinds of signers."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from compat.client import browser_script, report
from support.explorer_served import served_economy

pytestmark = [pytest.mark.compat, pytest.mark.full, pytest.mark.timeout(600)]


def test_orders_are_placed_and_cancelled_in_a_browser(
    tmp_path: Path, subtests: pytest.Subtests
) -> None:
    script = browser_script("explorer_market")
    with served_economy(tmp_path) as address:
        run = script.on(address, os.environ.get("BTT_PICTURES", "")).run([])
    report(run, subtests, least=2)
