"""Weights of Utility. Written by `make weights`: do not edit.

Measured on 2 x AMD EPYC, CPython 3.11.7,
on 2026-11-22, at commit 50de7bc0.
Picoseconds, with a margin of 30 percent, and keys that are written.
"""

from __future__ import annotations

from typing import Final


def batch(calls: int) -> int:
    """0 keys written.

    `calls` 0 to 1_000.
    """
    return 16_800_000 + 2_840_000 * calls


def batch_all(calls: int) -> int:
    """0 keys written.

    `calls` 0 to 1_000.
    """
    return 17_900_000 + 3_810_000 * calls


def force_batch(calls: int) -> int:
    """0 keys written.

    `calls` 0 to 1_000.
    """
    return 11_400_000 + 3_390_000 * calls


AS_DERIVATIVE: Final = 19_200_000
"""0 keys written."""
DISPATCH_AS: Final = 16_700_000
"""0 keys written."""
DISPATCH_AS_FALLIBLE: Final = 15_700_000
"""0 keys written."""
WITH_WEIGHT: Final = 5_630_000
"""0 keys written."""
IF_ELSE: Final = 30_700_000
"""0 keys written."""


def carrying(calls: int, length: int) -> int:
    """0 keys written.

    `calls` 1 to 1_000, `length` 0 to 1_048_576.
    """
    return 9_680_000 + 4_400_000 * calls + 12_000 * length
