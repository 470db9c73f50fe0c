"""Weights of Babe. Written by `make weights`: do not edit.

Measured on 2 x AMD EPYC, CPython 3.11.7,
on 2026-11-22, at commit 281f74ca.
Picoseconds, with a margin of 15 percent, and keys that are written.
"""

from __future__ import annotations

from typing import Final


def report_equivocation(validators: int) -> int:
    """610 keys written.

    `validators` 1 to 100.
    """
    return 1_190_000_000 + 671_000_000 * validators


def report_equivocation_unsigned(validators: int) -> int:
    """610 keys written.

    `validators` 1 to 100.
    """
    return 1_130_000_000 + 669_000_000 * validators


PLAN_CONFIG_CHANGE: Final = 101_000_000
"""1 key written."""
