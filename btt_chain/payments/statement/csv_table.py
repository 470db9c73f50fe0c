"""Statements as CSV (RFC 4180): exact amounts, a row for each entry."""

from __future__ import annotations

import csv
import io
from typing import Final

from btt_chain.payments.statement.entries import Entry, Statement, moment
from btt_chain.primitives.currency import BTT, Currency, currency

COLUMNS: Final = (
    "id", "time", "kind", "payments", "gross", "fee", "net", "balance", "currency", "payment",
    "bucket",
)  # fmt: skip


def write_csv(statement: Statement) -> str:
    """Return the statement as CSV: a header, an opening row, entries, a closing row.

    Amounts are decimal text with all their digits, negative ones with a minus.
    """
    unit = currency(BTT)
    out = io.StringIO(newline="")
    table = csv.writer(out)
    table.writerow(COLUMNS)
    table.writerow(_balance("OPENING", statement, statement.opening, unit))
    balance = statement.opening
    for entry in statement.entries:
        balance += entry.net
        table.writerow(_row(entry, balance, unit))
    table.writerow(_balance("CLOSING", statement, statement.closing, unit))
    return out.getvalue()


def _row(entry: Entry, balance: int, unit: Currency) -> list[str | int]:
    return [
        entry.id,
        moment(entry.time_ms).isoformat(timespec="milliseconds"),
        entry.kind.value,
        entry.count,
        signed(unit, entry.gross),
        signed(unit, entry.fee),
        signed(unit, entry.net),
        signed(unit, balance),
        BTT,
        "" if entry.payment is None else entry.payment,
        "" if entry.bucket is None else entry.bucket,
    ]


def _balance(word: str, statement: Statement, balance: int, unit: Currency) -> list[str]:
    day = statement.first if word == "OPENING" else statement.last
    return ["", day.isoformat(), word, "", "", "", "", signed(unit, balance), BTT, "", ""]


def signed(unit: Currency, units: int) -> str:
    """Return an amount that may be negative, as decimal text."""
    return f"-{unit.format(-units)}" if units < 0 else unit.format(units)
