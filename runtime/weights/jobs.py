"""Weights of Jobs. Written by `make weights`: do not edit.

Measured on 2 x AMD EPYC, CPython 3.11.7,
on 2026-11-22, at commit 5db23968.
Picoseconds, with a margin of 30 percent, and keys that are written.
"""

from __future__ import annotations

from typing import Final

POST: Final = 1_160_000_000
"""9 keys written."""
CANCEL: Final = 2_260_000_000
"""17 keys written."""
ACCEPT: Final = 608_000_000
"""5 keys written."""
DECLINE: Final = 3_350_000_000
"""21 keys written."""
REFUSE_PAYLOAD: Final = 3_400_000_000
"""21 keys written."""
ADD_PROTOCOL_SET: Final = 320_000_000
"""2 keys written."""
REMOVE_PROTOCOL_SET: Final = 115_000_000
"""1 key written."""
SET_PARAMS: Final = 113_000_000
"""1 key written."""
LOOK: Final = 152_000_000
"""1 key written."""


def move_price(members: int) -> int:
    """1 key written.

    `members` 0 to 256.
    """
    return 130_000_000 + 50_500_000 * members


POST_PROTOCOL: Final = 770_000_000
"""6 keys written."""
EXPIRE: Final = 3_070_000_000
"""21 keys written."""


def draw(members: int) -> int:
    """9 keys written.

    `members` 0 to 256.
    """
    return 599_000_000 + 172_000_000 * members


def forget(jobs: int) -> int:
    """1025 keys written.

    `jobs` 1 to 256.
    """
    return 167_000_000 + 438_000_000 * jobs
