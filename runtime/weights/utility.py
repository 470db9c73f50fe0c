"""Weights of Utility. Written by `make weights`: do not edit.

Measured on 2 x AMD EPYC, CPython 3.11.7,
on 2026-11-22; `git log` of this file names the commit.
Picoseconds, with a margin of 30 percent, and keys that are written.
"""

from __future__ import annotations

from typing import Final


def batch(calls: int) -> int:
    """0 keys written.

    `calls` 0 to 1_000.
    """
    return 14_000_000 + 1_730_000 * calls


def batch_all(calls: int) -> int:
    """0 keys written.

    `calls` 0 to 1_000.
    """
    return 15_100_000 + 3_710_000 * calls


def force_batch(calls: int) -> int:
    """0 keys written.

    `calls` 0 to 1_000.
    """
    return 9_330_000 + 5_720_000 * calls


AS_DERIVATIVE: Final = 9_700_000
"""0 keys written."""
DISPATCH_AS: Final = 7_580_000
"""0 keys written."""
DISPATCH_AS_FALLIBLE: Final = 7_530_000
"""0 keys written."""
WITH_WEIGHT: Final = 3_040_000
"""0 keys written."""
IF_ELSE: Final = 4_090_000
"""0 keys written."""


def carrying(calls: int, length: int) -> int:
    """0 keys written.

    `calls` 1 to 1_000, `length` 0 to 1_048_576.
    """
    return 5_050_000 + 3_550_000 * calls + 7_520 * length
