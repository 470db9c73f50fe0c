"""Weights of Jobs. Written by `make weights`: do not edit.

Measured on 2 x AMD EPYC, CPython 3.11.7,
on 2026-11-22; `git log` of this file names the commit.
Picoseconds, with a margin of 15 percent, and keys that are written.
"""

from __future__ import annotations

from typing import Final

POST: Final = 755_000_000
"""9 keys written."""
CANCEL: Final = 1_450_000_000
"""17 keys written."""
ACCEPT: Final = 388_000_000
"""5 keys written."""
DECLINE: Final = 2_020_000_000
"""21 keys written."""
REFUSE_PAYLOAD: Final = 2_020_000_000
"""21 keys written."""
ADD_PROTOCOL_SET: Final = 226_000_000
"""2 keys written."""
REMOVE_PROTOCOL_SET: Final = 73_100_000
"""1 key written."""
SET_PARAMS: Final = 71_200_000
"""1 key written."""
LOOK: Final = 89_900_000
"""1 key written."""


def move_price(members: int) -> int:
    """1 key written.

    `members` 0 to 256.
    """
    return 86_400_000 + 44_100_000 * members


POST_PROTOCOL: Final = 590_000_000
"""6 keys written."""
EXPIRE: Final = 2_910_000_000
"""21 keys written."""


def select(members: int) -> int:
    """9 keys written.

    `members` 0 to 256.
    """
    return 427_000_000 + 159_000_000 * members


def forget(jobs: int) -> int:
    """1025 keys written.

    `jobs` 1 to 256.
    """
    return 132_000_000 + 280_000_000 * jobs
