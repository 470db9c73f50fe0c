"""Weights of Vesting. Written by `make weights`: do not edit.

Measured on 2 x AMD EPYC, CPython 3.11.7,
on 2026-11-22; `git log` of this file names the commit.
Picoseconds, with a margin of 15 percent, and keys that are written.
"""

from __future__ import annotations

from typing import Final


def vest(schedules: int) -> int:
    """4 keys written.

    `schedules` 1 to 28.
    """
    return 314_000_000 + 9_690_000 * schedules


def vest_other(schedules: int) -> int:
    """4 keys written.

    `schedules` 1 to 28.
    """
    return 312_000_000 + 7_930_000 * schedules


def vested_transfer(schedules: int) -> int:
    """5 keys written.

    `schedules` 0 to 27.
    """
    return 402_000_000 + 10_200_000 * schedules


def force_vested_transfer(schedules: int) -> int:
    """5 keys written.

    `schedules` 0 to 27.
    """
    return 406_000_000 + 11_000_000 * schedules


def merge_schedules(schedules: int) -> int:
    """3 keys written.

    `schedules` 2 to 28.
    """
    return 269_000_000 + 6_480_000 * schedules


FORCE_REMOVE_VESTING_SCHEDULE: Final = 599_000_000
"""5 keys written."""
