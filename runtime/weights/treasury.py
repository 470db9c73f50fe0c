"""Weights of Treasury. Written by `make weights`: do not edit.

Measured on 2 x AMD EPYC, CPython 3.11.7,
on 2026-11-22, at commit ad301d81.
Picoseconds, with a margin of 30 percent, and keys that are written.
"""

from __future__ import annotations

from typing import Final

SPEND_LOCAL: Final = 414_000_000
"""3 keys written."""
REMOVE_APPROVAL: Final = 284_000_000
"""2 keys written."""
SPEND: Final = 267_000_000
"""2 keys written."""
PAYOUT: Final = 427_000_000
"""3 keys written."""
CHECK_STATUS: Final = 138_000_000
"""1 key written."""
VOID_SPEND: Final = 135_000_000
"""1 key written."""


def pay_approved(payments: int) -> int:
    """202 keys written.

    `payments` 0 to 100.
    """
    return 30_700_000 + 306_000_000 * payments
