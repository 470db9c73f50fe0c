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
    return 10_900_000 + 2_500 * calls


def batch_all(calls: int) -> int:
    """0 keys written.

    `calls` 0 to 1_000.
    """
    return 10_500_000 + 191_000 * calls


def force_batch(calls: int) -> int:
    """0 keys written.

    `calls` 0 to 1_000.
    """
    return 6_930_000 + 0 * calls


AS_DERIVATIVE: Final = 71_500_000
"""1 key written."""
DISPATCH_AS: Final = 68_700_000
"""1 key written."""
DISPATCH_AS_FALLIBLE: Final = 67_900_000
"""1 key written."""
WITH_WEIGHT: Final = 2_400_000
"""0 keys written."""
IF_ELSE: Final = 0
"""0 keys written."""


def carrying(calls: int, length: int) -> int:
    """0 keys written.

    `calls` 1 to 1_000, `length` 0 to 1_048_576.
    """
    return 6_160_000 + 1_310_000 * calls + 6_980 * length
