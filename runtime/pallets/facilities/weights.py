"""Weights of Facilities. Written by `make weights`: do not edit.

Measured on 2 x AMD EPYC, CPython 3.11.7,
on 2026-11-22; `git log` of this file names the commit.
Picoseconds, with a margin of 15 percent, and keys that are written.
"""

from __future__ import annotations

from typing import Final

APPLY: Final = 537_000_000
"""6 keys written."""
CONFIRM: Final = 342_000_000
"""4 keys written."""
REFUSE: Final = 288_000_000
"""4 keys written."""
UPDATE: Final = 234_000_000
"""3 keys written."""
LEAVE: Final = 549_000_000
"""8 keys written."""
SUSPEND: Final = 410_000_000
"""6 keys written."""
SET_BONDS: Final = 70_500_000
"""1 key written."""


def open_block(removals: int, reviews: int) -> int:
    """46 keys written.

    `removals` 0 to 8, `reviews` 0 to 2.
    """
    return 6_980_000 + 367_000_000 * removals + 235_000_000 * reviews


TOP_UP: Final = 297_000_000
"""4 keys written."""
