"""Log lines that callers can cause are limited."""

from __future__ import annotations

import logging

import pytest

from btt_chain.web import quiet
from btt_chain.web.quiet import LimitRepeats


def record(text: str, *args: object) -> logging.LogRecord:
    return logging.LogRecord("web", logging.INFO, "", 0, text, args, None)


def test_lines_of_one_kind_are_left_out_after_a_while_and_come_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [0.0]
    monkeypatch.setattr(quiet, "monotonic", lambda: now[0])
    limit = LimitRepeats(lines=3, window=60)
    records = [record("%s is cut", number) for number in range(10)]
    assert [limit.filter(one) for one in records] == [True] * 4 + [False] * 6
    assert records[3].getMessage() == "3 is cut (more lines like this are left out for a while)"
    assert limit.filter(record("another"))
    now[0] = 61.0
    assert limit.filter(record("%s is cut", 1))


def test_kinds_are_not_remembered_without_end() -> None:
    limit = LimitRepeats()
    for number in range(10_000):
        limit.filter(record(f"text {number}"))
    assert len(limit._seen) <= quiet.KINDS
