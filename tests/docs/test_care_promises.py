"""Every test that docs/care-promises.md names exists, and every line of it has one."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "care-promises.md"
LINES = [*(f"I{number}" for number in range(40, 50)), *(f"C{number}" for number in range(1, 23))]


def test_every_invariant_and_attack_of_care_has_tests_that_exist() -> None:
    files = (ROOT / "tests").rglob("test_*.py")
    known = {
        name
        for path in files
        if "node_modules" not in path.parts
        for name in re.findall(r"def (test_\w+)\(", path.read_text())
    }
    rows = re.findall(r"^\| (\w*) ?\|? ?.*$", PAGE.read_text(), re.MULTILINE)
    assert [row for row in rows if re.fullmatch(r"[IC]\d+", row)] == LINES
    for row in PAGE.read_text().splitlines():
        if re.match(r"\| [IC]\d+ ", row):
            assert "`test_" in row, row
    named = set(re.findall(r"`(test_\w+)`", PAGE.read_text()))
    assert named - known == set()
