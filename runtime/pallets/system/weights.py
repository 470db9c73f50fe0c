"""Weights of System. Written by `make weights`: do not edit.

Measured on 2 x AMD EPYC, CPython 3.11.7,
on 2026-11-22; `git log` of this file names the commit.
Picoseconds, with a margin of 15 percent, and keys that are written.
"""

from __future__ import annotations

from typing import Final

REMARK: Final = 4_670_000
"""0 keys written."""


def remark_with_event(length: int) -> int:
    """0 keys written.

    `length` 0 to 1_048_576.
    """
    return 8_920_000 + 1_440 * length
