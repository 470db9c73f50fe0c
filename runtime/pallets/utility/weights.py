"""Weights of Utility. Written by `make weights`: do not edit.

Measured on 2 x AMD EPYC, CPython 3.11.7,
on 2026-11-25; `git log` of this file names the commit.
Picoseconds, with a margin of 15 percent, and keys that are written.
"""

from __future__ import annotations

from typing import Final


def batch(calls: int) -> int:
    """0 keys written.

    `calls` 0 to 1_000.
    """
    return 10_100_000 + 27_500 * calls


def batch_all(calls: int) -> int:
    """0 keys written.

    `calls` 0 to 1_000.
    """
    return 11_300_000 + 269_000 * calls


def force_batch(calls: int) -> int:
    """0 keys written.

    `calls` 0 to 1_000.
    """
    return 9_560_000 + 1_750_000 * calls


AS_DERIVATIVE: Final = 71_400_000
"""1 key written."""
DISPATCH_AS: Final = 69_400_000
"""1 key written."""
DISPATCH_AS_FALLIBLE: Final = 68_500_000
"""1 key written."""
WITH_WEIGHT: Final = 3_910_000
"""0 keys written."""
IF_ELSE: Final = 8_540_000
"""0 keys written."""


def carrying(calls: int, length: int) -> int:
    """0 keys written.

    `calls` 1 to 1_000, `length` 0 to 1_048_576.
    """
    return 5_770_000 + 5_810_000 * calls + 92_700 * length
