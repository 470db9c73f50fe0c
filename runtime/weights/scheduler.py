"""Weights of Scheduler. Written by `make weights`: do not edit.

Measured on 2 x AMD EPYC, CPython 3.11.7,
on 2026-11-22, at commit a5bb4641.
Picoseconds, with a margin of 30 percent, and keys that are written.
"""

from __future__ import annotations

from typing import Final


def schedule_named(length: int) -> int:
    """5 keys written.

    `length` 0 to 1_048_576.
    """
    return 997_000_000 + 11_400 * length


def schedule(length: int) -> int:
    """4 keys written.

    `length` 0 to 1_048_576.
    """
    return 887_000_000 + 9_460 * length


def schedule_after(length: int) -> int:
    """4 keys written.

    `length` 0 to 1_048_576.
    """
    return 612_000_000 + 9_930 * length


def schedule_named_after(length: int) -> int:
    """5 keys written.

    `length` 0 to 1_048_576.
    """
    return 979_000_000 + 9_750 * length


CANCEL: Final = 1_860_000_000
"""5 keys written."""
CANCEL_NAMED: Final = 1_970_000_000
"""6 keys written."""
SET_RETRY: Final = 320_000_000
"""1 key written."""
SET_RETRY_NAMED: Final = 321_000_000
"""1 key written."""
CANCEL_RETRY: Final = 313_000_000
"""1 key written."""
CANCEL_RETRY_NAMED: Final = 324_000_000
"""1 key written."""


def look(tasks: int) -> int:
    """3 keys written.

    `tasks` 1 to 100.
    """
    return 200_000_000 + 4_570_000 * tasks


def task(length: int) -> int:
    """4 keys written.

    `length` 0 to 1_048_576.
    """
    return 288_000_000 + 347 * length
