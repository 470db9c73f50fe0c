"""Weights of Treasury. Written by `make weights`: do not edit.

Measured on 2 x AMD EPYC, CPython 3.11.7,
on 2026-11-22; `git log` of this file names the commit.
Picoseconds, with a margin of 15 percent, and keys that are written.
"""

from __future__ import annotations

from typing import Final

SPEND_LOCAL: Final = 242_000_000
"""3 keys written."""
REMOVE_APPROVAL: Final = 162_000_000
"""2 keys written."""
SPEND: Final = 155_000_000
"""2 keys written."""
PAYOUT: Final = 245_000_000
"""3 keys written."""
CHECK_STATUS: Final = 79_000_000
"""1 key written."""
VOID_SPEND: Final = 78_000_000
"""1 key written."""


def pay_approved(payments: int) -> int:
    """202 keys written.

    `payments` 0 to 100.
    """
    return 21_400_000 + 172_000_000 * payments
