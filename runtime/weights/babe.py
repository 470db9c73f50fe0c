"""Weights of Babe. Written by `make weights`: do not edit.

Measured on 2 x AMD EPYC, CPython 3.11.7,
on 2026-11-22, at commit ad301d81.
Picoseconds, with a margin of 30 percent, and keys that are written.
"""

from __future__ import annotations

from typing import Final


def report_equivocation(validators: int) -> int:
    """610 keys written.

    `validators` 1 to 100.
    """
    return 1_040_000_000 + 815_000_000 * validators


def report_equivocation_unsigned(validators: int) -> int:
    """610 keys written.

    `validators` 1 to 100.
    """
    return 1_240_000_000 + 793_000_000 * validators


PLAN_CONFIG_CHANGE: Final = 112_000_000
"""1 key written."""
