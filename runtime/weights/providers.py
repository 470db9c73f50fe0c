"""Weights of Providers. Written by `make weights`: do not edit.

Measured on 2 x AMD EPYC, CPython 3.11.7,
on 2026-11-22, at commit 5db23968.
Picoseconds, with a margin of 30 percent, and keys that are written.
"""

from __future__ import annotations

from typing import Final


def joining(classes: int, members: int) -> int:
    """18 keys written.

    `classes` 0 to 16, `members` 0 to 2_048.
    """
    return 694_000_000 + 249_000_000 * classes + 51_200_000 * members


REGISTER: Final = 122_000_000_000
"""13 keys written."""
UPDATE: Final = 114_000_000_000
"""18 keys written."""
BOND_EXTRA: Final = 517_000_000
"""3 keys written."""
UNBOND: Final = 224_000_000
"""1 key written."""
WITHDRAW: Final = 427_000_000
"""3 keys written."""
CHILL: Final = 3_340_000_000
"""11 keys written."""
RESUME: Final = 107_000_000_000
"""11 keys written."""
SET_AVAILABILITY: Final = 586_000_000
"""3 keys written."""
HEARTBEAT: Final = 590_000_000
"""3 keys written."""
LEND_SCORE: Final = 327_000_000
"""2 keys written."""
DISMISS_LENDER: Final = 121_000_000
"""1 key written."""
DEREGISTER: Final = 2_980_000_000
"""15 keys written."""
SET_PARAMS: Final = 112_000_000
"""1 key written."""
