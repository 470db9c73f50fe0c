"""Weights of Grandpa. Written by `make weights`: do not edit.

Measured on 2 x AMD EPYC, CPython 3.11.7,
on 2026-11-22; `git log` of this file names the commit.
Picoseconds, with a margin of 15 percent, and keys that are written.
"""

from __future__ import annotations

from typing import Final


def report_equivocation(validators: int) -> int:
    """610 keys written.

    `validators` 1 to 100.
    """
    return 762_000_000 + 545_000_000 * validators


def report_equivocation_unsigned(validators: int) -> int:
    """610 keys written.

    `validators` 1 to 100.
    """
    return 1_060_000_000 + 544_000_000 * validators


NOTE_STALLED: Final = 8_310_000
"""0 keys written."""
