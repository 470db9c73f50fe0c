"""Weights of Providers. Written by `make weights`: do not edit.

Measured on 2 x AMD EPYC, CPython 3.11.7,
on 2026-11-22, at commit 1cb4f7f9.
Picoseconds, with a margin of 30 percent, and keys that are written.
"""

from __future__ import annotations

from typing import Final


def joining(classes: int, members: int) -> int:
    """18 keys written.

    `classes` 0 to 16, `members` 0 to 2_048.
    """
    return 727_000_000 + 280_000_000 * classes + 57_400_000 * members


REGISTER: Final = 108_000_000_000
"""13 keys written."""
UPDATE: Final = 169_000_000_000
"""18 keys written."""
BOND_EXTRA: Final = 527_000_000
"""3 keys written."""
UNBOND: Final = 256_000_000
"""1 key written."""
WITHDRAW: Final = 476_000_000
"""3 keys written."""
CHILL: Final = 3_410_000_000
"""11 keys written."""
RESUME: Final = 178_000_000_000
"""11 keys written."""
SET_AVAILABILITY: Final = 705_000_000
"""3 keys written."""
HEARTBEAT: Final = 693_000_000
"""3 keys written."""
LEND_SCORE: Final = 412_000_000
"""2 keys written."""
DISMISS_LENDER: Final = 132_000_000
"""1 key written."""
DEREGISTER: Final = 3_380_000_000
"""15 keys written."""
SET_PARAMS: Final = 115_000_000
"""1 key written."""


def draw(members: int) -> int:
    """0 keys written.

    `members` 0 to 256.
    """
    return 32_400_000 + 115_000_000 * members


def offered(members: int) -> int:
    """0 keys written.

    `members` 0 to 256.
    """
    return 22_400_000 + 89_600_000 * members
