"""Weights of Models. Written by `make weights`: do not edit.

Measured on 2 x Intel(R) Xeon(R) Processor, CPython 3.11.2,
on 2026-11-27; `git log` of this file names the commit.
Picoseconds, with a margin of 15 percent, and keys that are written.
"""

from __future__ import annotations

from typing import Final


def register(nodes: int, tables: int) -> int:
    """3 keys written.

    `nodes` 1 to 512, `tables` 0 to 16.
    """
    return 375_000_000 + 99_400_000 * nodes + 120_000_000 * tables


RETIRE: Final = 257_000_000
"""3 keys written."""
SUSPEND: Final = 93_300_000
"""1 key written."""
RESUME: Final = 318_000_000
"""4 keys written."""
REVOKE: Final = 519_000_000
"""7 keys written."""
SET_CLASS: Final = 79_100_000
"""1 key written."""
SET_PARAMS: Final = 67_000_000
"""1 key written."""
SET_ENDPOINTS: Final = 103_000_000
"""1 key written."""
SET_LICENCE: Final = 103_000_000
"""1 key written."""
DESCRIBE: Final = 103_000_000
"""1 key written."""
