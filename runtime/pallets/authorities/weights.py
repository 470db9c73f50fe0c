"""Weights of Authorities. Written by `make weights`: do not edit.

Measured on 2 x AMD EPYC, CPython 3.11.7,
on 2026-11-26; `git log` of this file names the commit.
Picoseconds, with a margin of 15 percent, and keys that are written.
"""

from __future__ import annotations

from typing import Final


def plan(candidates: int, seats: int) -> int:
    """137 keys written.

    `candidates` 0 to 256, `seats` 1 to 100.
    """
    return 281_000_000 + 79_600_000 * candidates + 92_900 * seats


BOND: Final = 196_000_000
"""2 keys written."""
BOND_EXTRA: Final = 365_000_000
"""3 keys written."""


def unbond(elections: int) -> int:
    """3 keys written.

    `elections` 1 to 147.
    """
    return 367_000_000 + 5_980_000 * elections


def withdraw_unbonded(elections: int) -> int:
    """3 keys written.

    `elections` 1 to 147.
    """
    return 345_000_000 + 5_920_000 * elections


def validate(candidates: int) -> int:
    """4 keys written.

    `candidates` 0 to 256.
    """
    return 230_000_000 + 5_910_000 * candidates


CHILL: Final = 141_000_000
"""2 keys written."""
CHILL_OTHER: Final = 151_000_000
"""2 keys written."""
SET_MINIMUM_BOND: Final = 74_200_000
"""1 key written."""
SET_VALIDATOR_COUNT: Final = 73_200_000
"""1 key written."""
SET_WORK_FACTOR: Final = 74_200_000
"""1 key written."""
