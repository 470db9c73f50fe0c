"""Orders in the explorer's pages, in a browser: placed and cancelled by two kinds of signers."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from compat.client import HERE, Script, node_script, report
from support.explorer_served import served_economy

pytestmark = [pytest.mark.compat, pytest.mark.full, pytest.mark.timeout(600)]

BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def test_orders_are_placed_and_cancelled_in_a_browser(
    tmp_path: Path, subtests: pytest.Subtests
) -> None:
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        pytest.skip("no chromium: orders in the browser did NOT run")
    script = node_script("explorer_market")
    if not (HERE / "node_modules" / "playwright-core").is_dir():
        pytest.skip("playwright-core is missing, `make compat-setup`: the browser did NOT run")
    with served_economy(tmp_path) as address:
        words = [browser, address, os.environ.get("BTT_PICTURES", "")]
        run = Script([*script.command, *words], script.cwd).run([])
    report(run, subtests, least=2)
