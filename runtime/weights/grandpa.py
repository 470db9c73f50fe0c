"""Weights of Grandpa. Written by `make weights`: do not edit.

Measured on 2 x AMD EPYC, CPython 3.11.7,
on 2026-11-22, at commit 8f828b1b.
Picoseconds, with a margin of 30 percent, and keys that are written.
"""

from __future__ import annotations

from typing import Final


def report_equivocation(validators: int) -> int:
    """610 keys written.

    `validators` 1 to 100.
    """
    return 646_000_000 + 513_000_000 * validators


def report_equivocation_unsigned(validators: int) -> int:
    """610 keys written.

    `validators` 1 to 100.
    """
    return 822_000_000 + 517_000_000 * validators


NOTE_STALLED: Final = 10_800_000
"""0 keys written."""
