"""Weights of Scheduler. Written by `make weights`: do not edit.

Measured on 2 x AMD EPYC, CPython 3.11.7,
on 2026-11-22, at commit 50de7bc0.
Picoseconds, with a margin of 30 percent, and keys that are written.
"""

from __future__ import annotations

from typing import Final


def schedule_named(length: int) -> int:
    """5 keys written.

    `length` 0 to 1_048_576.
    """
    return 1_020_000_000 + 9_360 * length


def schedule(length: int) -> int:
    """4 keys written.

    `length` 0 to 1_048_576.
    """
    return 604_000_000 + 10_100 * length


def schedule_after(length: int) -> int:
    """4 keys written.

    `length` 0 to 1_048_576.
    """
    return 618_000_000 + 10_700 * length


def schedule_named_after(length: int) -> int:
    """5 keys written.

    `length` 0 to 1_048_576.
    """
    return 979_000_000 + 10_800 * length


CANCEL: Final = 2_260_000_000
"""5 keys written."""
CANCEL_NAMED: Final = 2_440_000_000
"""6 keys written."""
SET_RETRY: Final = 507_000_000
"""1 key written."""
SET_RETRY_NAMED: Final = 496_000_000
"""1 key written."""
CANCEL_RETRY: Final = 490_000_000
"""1 key written."""
CANCEL_RETRY_NAMED: Final = 495_000_000
"""1 key written."""
LOOK: Final = 905_000_000
"""3 keys written."""


def task(length: int) -> int:
    """4 keys written.

    `length` 0 to 1_048_576.
    """
    return 312_000_000 + 406 * length
