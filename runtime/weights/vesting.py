"""Weights of Vesting. Written by `make weights`: do not edit.

Measured on 2 x AMD EPYC, CPython 3.11.7,
on 2026-11-22, at commit ad301d81.
Picoseconds, with a margin of 30 percent, and keys that are written.
"""

from __future__ import annotations

from typing import Final


def vest(schedules: int) -> int:
    """4 keys written.

    `schedules` 1 to 28.
    """
    return 554_000_000 + 13_700_000 * schedules


def vest_other(schedules: int) -> int:
    """4 keys written.

    `schedules` 1 to 28.
    """
    return 551_000_000 + 13_400_000 * schedules


def vested_transfer(schedules: int) -> int:
    """5 keys written.

    `schedules` 0 to 27.
    """
    return 739_000_000 + 14_000_000 * schedules


def force_vested_transfer(schedules: int) -> int:
    """5 keys written.

    `schedules` 0 to 27.
    """
    return 713_000_000 + 16_800_000 * schedules


def merge_schedules(schedules: int) -> int:
    """3 keys written.

    `schedules` 2 to 28.
    """
    return 467_000_000 + 4_200_000 * schedules


FORCE_REMOVE_VESTING_SCHEDULE: Final = 876_000_000
"""5 keys written."""
