"""Weights of Authorities. Written by `make weights`: do not edit.

Measured on 2 x AMD EPYC, CPython 3.11.7,
on 2026-11-22; `git log` of this file names the commit.
Picoseconds, with a margin of 15 percent, and keys that are written.
"""

from __future__ import annotations

from typing import Final


def plan(candidates: int, seats: int) -> int:
    """137 keys written.

    `candidates` 0 to 256, `seats` 1 to 100.
    """
    return 281_000_000 + 79_600_000 * candidates + 92_900 * seats


BOND: Final = 239_000_000
"""3 keys written."""
BOND_EXTRA: Final = 418_000_000
"""4 keys written."""


def unbond(elections: int) -> int:
    """4 keys written.

    `elections` 1 to 147.
    """
    return 419_000_000 + 6_340_000 * elections


def withdraw_unbonded(elections: int) -> int:
    """4 keys written.

    `elections` 1 to 147.
    """
    return 396_000_000 + 6_770_000 * elections


def validate(candidates: int) -> int:
    """4 keys written.

    `candidates` 0 to 256.
    """
    return 228_000_000 + 7_960_000 * candidates


CHILL: Final = 142_000_000
"""2 keys written."""
CHILL_OTHER: Final = 148_000_000
"""2 keys written."""
SET_MINIMUM_BOND: Final = 72_700_000
"""1 key written."""
SET_VALIDATOR_COUNT: Final = 72_000_000
"""1 key written."""
SET_WORK_FACTOR: Final = 72_700_000
"""1 key written."""
