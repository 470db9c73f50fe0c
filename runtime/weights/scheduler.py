"""Weights of Scheduler. Written by `make weights`: do not edit.

Measured on 2 x AMD EPYC, CPython 3.11.7,
on 2026-11-22, at commit 281f74ca.
Picoseconds, with a margin of 15 percent, and keys that are written.
"""

from __future__ import annotations

from typing import Final


def schedule_named(length: int) -> int:
    """5 keys written.

    `length` 0 to 1_048_576.
    """
    return 992_000_000 + 11_500 * length


def schedule(length: int) -> int:
    """4 keys written.

    `length` 0 to 1_048_576.
    """
    return 899_000_000 + 11_800 * length


def schedule_after(length: int) -> int:
    """4 keys written.

    `length` 0 to 1_048_576.
    """
    return 909_000_000 + 11_300 * length


def schedule_named_after(length: int) -> int:
    """5 keys written.

    `length` 0 to 1_048_576.
    """
    return 1_010_000_000 + 11_300 * length


CANCEL: Final = 2_220_000_000
"""5 keys written."""
CANCEL_NAMED: Final = 2_280_000_000
"""6 keys written."""
SET_RETRY: Final = 449_000_000
"""1 key written."""
SET_RETRY_NAMED: Final = 488_000_000
"""1 key written."""
CANCEL_RETRY: Final = 431_000_000
"""1 key written."""
CANCEL_RETRY_NAMED: Final = 513_000_000
"""1 key written."""


def look(tasks: int) -> int:
    """3 keys written.

    `tasks` 1 to 100.
    """
    return 311_000_000 + 6_710_000 * tasks


def task(length: int) -> int:
    """4 keys written.

    `length` 0 to 1_048_576.
    """
    return 433_000_000 + 332 * length
