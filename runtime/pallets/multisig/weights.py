"""Weights of Multisig. Written by `make weights`: do not edit.

Measured on 2 x AMD EPYC, CPython 3.11.7,
on 2026-11-25; `git log` of this file names the commit.
Picoseconds, with a margin of 15 percent, and keys that are written.
"""

from __future__ import annotations


def as_multi_threshold_1(others: int) -> int:
    """1 key written.

    `others` 1 to 99.
    """
    return 75_800_000 + 766_000 * others


def as_multi(others: int) -> int:
    """4 keys written.

    `others` 1 to 99.
    """
    return 309_000_000 + 1_270_000 * others


def approve_as_multi(others: int) -> int:
    """1 key written.

    `others` 1 to 99.
    """
    return 96_000_000 + 1_600_000 * others


def cancel_as_multi(others: int) -> int:
    """2 keys written.

    `others` 1 to 99.
    """
    return 190_000_000 + 378_000 * others


def poke_deposit(others: int) -> int:
    """2 keys written.

    `others` 1 to 99.
    """
    return 162_000_000 + 1_030_000 * others
