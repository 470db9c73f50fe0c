"""Weights of Scheduler. Written by `make weights`: do not edit.

Measured on 2 x AMD EPYC, CPython 3.11.7,
on 2026-11-22, at commit ad301d81.
Picoseconds, with a margin of 30 percent, and keys that are written.
"""

from __future__ import annotations

from typing import Final


def schedule_named(length: int) -> int:
    """5 keys written.

    `length` 0 to 1_048_576.
    """
    return 1_280_000_000 + 16_100 * length


def schedule(length: int) -> int:
    """4 keys written.

    `length` 0 to 1_048_576.
    """
    return 1_090_000_000 + 15_500 * length


def schedule_after(length: int) -> int:
    """4 keys written.

    `length` 0 to 1_048_576.
    """
    return 1_220_000_000 + 16_000 * length


def schedule_named_after(length: int) -> int:
    """5 keys written.

    `length` 0 to 1_048_576.
    """
    return 1_110_000_000 + 15_600 * length


CANCEL: Final = 2_630_000_000
"""5 keys written."""
CANCEL_NAMED: Final = 3_110_000_000
"""6 keys written."""
SET_RETRY: Final = 604_000_000
"""1 key written."""
SET_RETRY_NAMED: Final = 597_000_000
"""1 key written."""
CANCEL_RETRY: Final = 583_000_000
"""1 key written."""
CANCEL_RETRY_NAMED: Final = 516_000_000
"""1 key written."""


def look(tasks: int) -> int:
    """3 keys written.

    `tasks` 1 to 100.
    """
    return 383_000_000 + 8_800_000 * tasks


def task(length: int) -> int:
    """4 keys written.

    `length` 0 to 1_048_576.
    """
    return 552_000_000 + 429 * length
