"""Weights of Facilities. Written by `make weights`: do not edit.

Measured on 2 x AMD EPYC, CPython 3.11.7,
on 2026-11-22; `git log` of this file names the commit.
Picoseconds, with a margin of 15 percent, and keys that are written.
"""

from __future__ import annotations

from typing import Final

APPLY: Final = 536_000_000
"""6 keys written."""
CONFIRM: Final = 343_000_000
"""4 keys written."""
REFUSE: Final = 289_000_000
"""4 keys written."""
UPDATE: Final = 234_000_000
"""3 keys written."""
LEAVE: Final = 549_000_000
"""8 keys written."""
SUSPEND: Final = 411_000_000
"""6 keys written."""
SET_BONDS: Final = 70_800_000
"""1 key written."""


def open_block(removals: int, reviews: int) -> int:
    """46 keys written.

    `removals` 0 to 8, `reviews` 0 to 2.
    """
    return 7_030_000 + 368_000_000 * removals + 236_000_000 * reviews
