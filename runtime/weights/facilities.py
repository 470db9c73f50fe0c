"""Weights of Facilities. Written by `make weights`: do not edit.

Measured on 2 x AMD EPYC, CPython 3.11.7,
on 2026-11-22; `git log` of this file names the commit.
Picoseconds, with a margin of 15 percent, and keys that are written.
"""

from __future__ import annotations

from typing import Final

APPLY: Final = 394_000_000
"""4 keys written."""
CONFIRM: Final = 342_000_000
"""4 keys written."""
REFUSE: Final = 289_000_000
"""4 keys written."""
UPDATE: Final = 73_900_000
"""1 key written."""
LEAVE: Final = 550_000_000
"""8 keys written."""
SUSPEND: Final = 410_000_000
"""6 keys written."""
SET_BONDS: Final = 70_600_000
"""1 key written."""


def open_block(removals: int, reviews: int) -> int:
    """46 keys written.

    `removals` 0 to 8, `reviews` 0 to 2.
    """
    return 7_050_000 + 368_000_000 * removals + 235_000_000 * reviews
