"""Statements of the index: no page walks over a whole table."""

from __future__ import annotations

import sqlite3

import pytest

from btt_chain.explorer.index import schema

WHOLE = {
    "SPECS", "FIRST", "TIP", "ACCOUNT_COUNT", "LAST_ACCOUNT", "AUDITS", "OPEN", "CLEARS",
}  # fmt: skip
"""Statements over few rows, or over one index whose first or last entry is enough."""


@pytest.mark.parametrize("name", sorted(schema.QUERIES.keys() - WHOLE))
def test_a_statement_searches_by_an_index(name: str) -> None:
    text = schema.QUERIES[name]
    db = sqlite3.connect(":memory:")
    db.executescript(schema.SCHEMA)
    values = [0] * text.count("?")
    plan = [row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {text}", values)]
    for step in plan:
        assert not step.startswith("SCAN"), f"{name}: {step}"
    db.close()
