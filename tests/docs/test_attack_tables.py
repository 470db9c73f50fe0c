"""Tables of attacks name tests that exist, and leave none of the known attacks out."""

from __future__ import annotations

import re
from pathlib import Path

TESTS = Path(__file__).parents[1]
TABLE = TESTS.parent / "docs" / "payfi-attacks.md"
NAMED = re.compile(r"`((?:unit|devnet|compat|programs)/[\w/]+\.py)::(\w+)`")
ATTACKS = {f"P{number}" for number in range(1, 23)} | {"C10", "C11", "C12"}


def test_each_named_test_exists() -> None:
    named = NAMED.findall(TABLE.read_text())
    assert len(named) > 60
    sources = {path: (TESTS / path).read_text() for path, _ in named}
    missing = [
        (path, name)
        for path, name in named
        if not re.search(rf"^(?:async )?(?:def|class) {name}\b", sources[path], re.MULTILINE)
    ]
    assert missing == []


def test_each_test_that_the_page_on_evaluation_names_exists() -> None:
    page = (TABLE.parent / "evaluation.md").read_text()
    named = set(re.findall(r"`(test_\w+)`", page))
    sources = "".join(path.read_text() for path in TESTS.rglob("test_evaluation*.py"))
    assert len(named) > 12
    assert {name for name in named if f"def {name}(" not in sources} == set()
    rows = page.split("## Attacks")[1].split("\n\n")[1].splitlines()[2:]
    assert [row for row in rows if "`test_" not in row] == []


def test_each_attack_has_a_row_with_a_test() -> None:
    rows = [line.split("|") for line in TABLE.read_text().splitlines() if line.startswith("| ")]
    shown = {row[1].strip() for row in rows if NAMED.search(row[-2])}
    assert shown >= ATTACKS
