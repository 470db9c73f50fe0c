"""Weights of Scheduler. Written by `make weights`: do not edit.

Measured on 2 x AMD EPYC, CPython 3.11.7,
on 2026-11-22; `git log` of this file names the commit.
Picoseconds, with a margin of 15 percent, and keys that are written.
"""

from __future__ import annotations

from typing import Final


def schedule_named(length: int) -> int:
    """5 keys written.

    `length` 0 to 1_048_576.
    """
    return 923_000_000 + 9_310 * length


def schedule(length: int) -> int:
    """4 keys written.

    `length` 0 to 1_048_576.
    """
    return 555_000_000 + 8_140 * length


def schedule_after(length: int) -> int:
    """4 keys written.

    `length` 0 to 1_048_576.
    """
    return 562_000_000 + 8_160 * length


def schedule_named_after(length: int) -> int:
    """5 keys written.

    `length` 0 to 1_048_576.
    """
    return 627_000_000 + 8_150 * length


CANCEL: Final = 2_000_000_000
"""5 keys written."""
CANCEL_NAMED: Final = 1_940_000_000
"""6 keys written."""
SET_RETRY: Final = 422_000_000
"""1 key written."""
SET_RETRY_NAMED: Final = 458_000_000
"""1 key written."""
CANCEL_RETRY: Final = 493_000_000
"""1 key written."""
CANCEL_RETRY_NAMED: Final = 497_000_000
"""1 key written."""


def look(tasks: int) -> int:
    """3 keys written.

    `tasks` 1 to 100.
    """
    return 220_000_000 + 7_030_000 * tasks


def task(length: int) -> int:
    """4 keys written.

    `length` 0 to 1_048_576.
    """
    return 313_000_000 + 332 * length
