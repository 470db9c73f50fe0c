"""Weights of Authorities. Written by `make weights`: do not edit.

Measured on 2 x AMD EPYC, CPython 3.11.7,
on 2026-11-22, at commit ad301d81.
Picoseconds, with a margin of 30 percent, and keys that are written.
"""

from __future__ import annotations

from typing import Final


def plan(candidates: int, seats: int) -> int:
    """103 keys written.

    `candidates` 0 to 256, `seats` 1 to 100.
    """
    return 348_000_000 + 57_700_000 * candidates + 256_000 * seats


BOND: Final = 374_000_000
"""3 keys written."""
BOND_EXTRA: Final = 599_000_000
"""4 keys written."""


def unbond(elections: int) -> int:
    """4 keys written.

    `elections` 1 to 147.
    """
    return 586_000_000 + 8_550_000 * elections


def withdraw_unbonded(elections: int) -> int:
    """4 keys written.

    `elections` 1 to 147.
    """
    return 575_000_000 + 6_960_000 * elections


def validate(candidates: int) -> int:
    """4 keys written.

    `candidates` 0 to 256.
    """
    return 335_000_000 + 6_340_000 * candidates


CHILL: Final = 223_000_000
"""2 keys written."""
CHILL_OTHER: Final = 223_000_000
"""2 keys written."""
SET_MINIMUM_BOND: Final = 111_000_000
"""1 key written."""
SET_VALIDATOR_COUNT: Final = 111_000_000
"""1 key written."""
