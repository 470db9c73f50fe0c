"""Weights of System. Written by `make weights`: do not edit.

Measured on 2 x AMD EPYC, CPython 3.11.7,
on 2026-11-22, at commit ad301d81.
Picoseconds, with a margin of 30 percent, and keys that are written.
"""

from __future__ import annotations

from typing import Final

REMARK: Final = 7_610_000
"""0 keys written."""


def remark_with_event(length: int) -> int:
    """0 keys written.

    `length` 0 to 1_048_576.
    """
    return 15_800_000 + 2_110 * length
