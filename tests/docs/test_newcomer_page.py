"""docs/newcomer.md has each journey and each obstacle, and names tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

TESTS = Path(__file__).parents[1]
PAGE = TESTS.parent / "docs" / "newcomer.md"
NAMED = re.compile(r"`((?:unit|devnet|docs|programs)/[\w/]+\.py)::(\w+)`")
ROWS = [
    *("developer", "operator", "holder", "provider", "voter", "trader"),
    *(f"M{number}" for number in range(1, 17)),
    *(f"L{number}" for number in range(1, 16)),
]


def rows() -> dict[str, list[str]]:
    """Return the rows with a test, by what stands in front."""
    lines = [line.split("|") for line in PAGE.read_text().splitlines() if line.startswith("| ")]
    return {row[1].strip(): row for row in lines if NAMED.search(row[-2])}


def test_each_journey_and_each_obstacle_has_a_row_with_a_test() -> None:
    assert list(rows()) == ROWS


def test_each_named_test_exists() -> None:
    missing = [
        (path, name)
        for path, name in NAMED.findall(PAGE.read_text())
        if not re.search(rf"^(?:async )?def {name}\(", (TESTS / path).read_text(), re.MULTILINE)
    ]
    assert missing == []


def test_each_journey_of_the_folder_is_on_the_page() -> None:
    files = {path.name for path in (TESTS / "programs" / "newcomer").glob("test_*.py")}
    assert {Path(path).name for path, _ in NAMED.findall(PAGE.read_text())} >= files
