"""Weights of Models. Written by `make weights`: do not edit.

Measured on 2 x AMD EPYC, CPython 3.11.7,
on 2026-11-22; `git log` of this file names the commit.
Picoseconds, with a margin of 15 percent, and keys that are written.
"""

from __future__ import annotations

from typing import Final


def register(nodes: int, tables: int) -> int:
    """4 keys written.

    `nodes` 1 to 512, `tables` 0 to 16.
    """
    return 470_000_000 + 103_000_000 * nodes + 313_000_000 * tables


RETIRE: Final = 332_000_000
"""4 keys written."""
SUSPEND: Final = 92_600_000
"""1 key written."""
RESUME: Final = 316_000_000
"""4 keys written."""
REVOKE: Final = 514_000_000
"""7 keys written."""
SET_CLASS: Final = 78_400_000
"""1 key written."""
SET_PARAMS: Final = 70_000_000
"""1 key written."""
SET_ENDPOINTS: Final = 101_000_000
"""1 key written."""
SET_LICENCE: Final = 110_000_000
"""1 key written."""
DESCRIBE: Final = 130_000_000
"""1 key written."""
