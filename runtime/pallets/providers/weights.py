"""Weights of Providers. Written by `make weights`: do not edit.

Measured on 2 x AMD EPYC, CPython 3.11.7,
on 2026-11-22; `git log` of this file names the commit.
Picoseconds, with a margin of 15 percent, and keys that are written.
"""

from __future__ import annotations

from typing import Final


def joining(classes: int, members: int) -> int:
    """18 keys written.

    `classes` 0 to 16, `members` 0 to 2_048.
    """
    return 524_000_000 + 328_000_000 * classes + 73_200_000 * members


REGISTER: Final = 161_000_000_000
"""13 keys written."""
UPDATE: Final = 155_000_000_000
"""18 keys written."""
BOND_EXTRA: Final = 357_000_000
"""3 keys written."""
UNBOND: Final = 193_000_000
"""1 key written."""
WITHDRAW: Final = 333_000_000
"""3 keys written."""
CHILL: Final = 2_510_000_000
"""11 keys written."""
RESUME: Final = 153_000_000_000
"""11 keys written."""
SET_AVAILABILITY: Final = 551_000_000
"""3 keys written."""
HEARTBEAT: Final = 543_000_000
"""3 keys written."""
DELEGATE_SCORE: Final = 294_000_000
"""2 keys written."""
DISMISS_DELEGATOR: Final = 87_100_000
"""1 key written."""
DEREGISTER: Final = 2_430_000_000
"""15 keys written."""
SET_PARAMS: Final = 74_800_000
"""1 key written."""
