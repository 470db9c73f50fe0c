"""The table of payment URIs, `tests/vectors/payments/uris.json`, and the library's verdicts."""

from __future__ import annotations

import json
from pathlib import Path

from btt_chain.payments.errors import PaymentError
from btt_chain.payments.request import read_request

TABLE = Path(__file__).parents[1] / "vectors" / "payments" / "uris.json"
CASES = [(case["text"], case["refused"]) for case in json.loads(TABLE.read_text())]
"""Texts, and a part of the reason for those that are refused."""


def verdict(text: str) -> str | None:
    """Return the library's reason for refusing a text; None if it reads it."""
    try:
        read_request(text)
    except PaymentError as error:
        return str(error)
    return None
