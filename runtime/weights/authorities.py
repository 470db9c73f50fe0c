"""Weights of Authorities. Written by `make weights`: do not edit.

Measured on 2 x AMD EPYC, CPython 3.11.7,
on 2026-11-22, at commit 8f828b1b.
Picoseconds, with a margin of 30 percent, and keys that are written.
"""

from __future__ import annotations

from typing import Final


def plan(candidates: int, seats: int) -> int:
    """103 keys written.

    `candidates` 0 to 256, `seats` 1 to 100.
    """
    return 221_000_000 + 36_900_000 * candidates + 127_000 * seats


BOND: Final = 249_000_000
"""3 keys written."""
BOND_EXTRA: Final = 446_000_000
"""4 keys written."""


def unbond(elections: int) -> int:
    """4 keys written.

    `elections` 1 to 147.
    """
    return 383_000_000 + 4_450_000 * elections


def withdraw_unbonded(elections: int) -> int:
    """4 keys written.

    `elections` 1 to 147.
    """
    return 423_000_000 + 7_380_000 * elections


def validate(candidates: int) -> int:
    """4 keys written.

    `candidates` 0 to 256.
    """
    return 226_000_000 + 6_150_000 * candidates


CHILL: Final = 132_000_000
"""2 keys written."""
CHILL_OTHER: Final = 138_000_000
"""2 keys written."""
SET_MINIMUM_BOND: Final = 68_100_000
"""1 key written."""
SET_VALIDATOR_COUNT: Final = 68_800_000
"""1 key written."""
