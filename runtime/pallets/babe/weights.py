"""Weights of Babe. Written by `make weights`: do not edit.

Measured on 2 x AMD EPYC, CPython 3.11.7,
on 2026-11-22; `git log` of this file names the commit.
Picoseconds, with a margin of 15 percent, and keys that are written.
"""

from __future__ import annotations

from typing import Final


def report_equivocation(validators: int, logs: int) -> int:
    """610 keys written.

    `validators` 1 to 100, `logs` 4 to 128.
    """
    return 804_000_000 + 525_000_000 * validators + 484_000 * logs


def report_equivocation_unsigned(validators: int, logs: int) -> int:
    """610 keys written.

    `validators` 1 to 100, `logs` 4 to 128.
    """
    return 1_030_000_000 + 539_000_000 * validators + 179_000 * logs


PLAN_CONFIG_CHANGE: Final = 71_200_000
"""1 key written."""


def count_gap(slots: int) -> int:
    """1 key written.

    `slots` 0 to 64.
    """
    return 362_000_000 + 452_000 * slots
