"""The page on the economy names each invariant that the audit can find broken."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_each_finding_of_the_audit_is_in_the_table() -> None:
    audits = sorted((ROOT / "runtime" / "audits").glob("*.py"))
    source = "".join(path.read_text() for path in audits)
    found = set(re.findall(r'Finding\(\s*f?"(I\d+)', source))
    assert len(found) > 20
    table = (ROOT / "docs" / "economy.md").read_text().split("what `audit` checks")[1]
    rows = re.findall(r"^\| (I\d+(?:, I\d+)*) \|", table, re.MULTILINE)
    listed = {name for row in rows for name in row.split(", ")}
    assert found <= listed, sorted(found - listed)
