"""Weights of Authorities. Written by `make weights`: do not edit.

Measured on 2 x AMD EPYC, CPython 3.11.7,
on 2026-11-22, at commit 281f74ca.
Picoseconds, with a margin of 15 percent, and keys that are written.
"""

from __future__ import annotations

from typing import Final


def plan(candidates: int, seats: int) -> int:
    """103 keys written.

    `candidates` 0 to 256, `seats` 1 to 100.
    """
    return 274_000_000 + 46_300_000 * candidates + 1_010_000 * seats


BOND: Final = 324_000_000
"""3 keys written."""
BOND_EXTRA: Final = 489_000_000
"""4 keys written."""


def unbond(elections: int) -> int:
    """4 keys written.

    `elections` 1 to 147.
    """
    return 481_000_000 + 3_820_000 * elections


def withdraw_unbonded(elections: int) -> int:
    """4 keys written.

    `elections` 1 to 147.
    """
    return 471_000_000 + 3_810_000 * elections


def validate(candidates: int) -> int:
    """4 keys written.

    `candidates` 0 to 256.
    """
    return 310_000_000 + 6_130_000 * candidates


CHILL: Final = 205_000_000
"""2 keys written."""
CHILL_OTHER: Final = 214_000_000
"""2 keys written."""
SET_MINIMUM_BOND: Final = 105_000_000
"""1 key written."""
SET_VALIDATOR_COUNT: Final = 104_000_000
"""1 key written."""
