"""Weights of HealthRecords. Written by `make weights`: do not edit.

Measured on 2 x AMD EPYC, CPython 3.11.7,
on 2026-11-23; `git log` of this file names the commit.
Picoseconds, with a margin of 15 percent, and keys that are written.
"""

from __future__ import annotations

from typing import Final

REGISTER_CUSTODIAN: Final = 312_000_000
"""3 keys written."""
ANCHOR: Final = 337_000_000
"""4 keys written."""
REVOKE: Final = 731_000_000
"""10 keys written."""
REGISTER_SCHEMA: Final = 69_800_000
"""1 key written."""
REPORT_OMISSION: Final = 898_000_000
"""8 keys written."""
REPORT_DOUBLE: Final = 757_000_000
"""8 keys written."""
BOND_EXTRA: Final = 229_000_000
"""3 keys written."""
LEAVE: Final = 74_400_000
"""1 key written."""
WITHDRAW: Final = 225_000_000
"""3 keys written."""
DEMAND: Final = 306_000_000
"""3 keys written."""
ANSWER: Final = 375_000_000
"""4 keys written."""
SETTLE_DEMAND: Final = 761_000_000
"""10 keys written."""
SET_TERMS: Final = 71_100_000
"""1 key written."""


def expire(handles: int) -> int:
    """33 keys written.

    `handles` 0 to 16.
    """
    return 5_370_000 + 143_000_000 * handles
