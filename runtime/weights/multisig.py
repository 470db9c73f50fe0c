"""Weights of Multisig. Written by `make weights`: do not edit.

Measured on 2 x AMD EPYC, CPython 3.11.7,
on 2026-11-22, at commit 281f74ca.
Picoseconds, with a margin of 15 percent, and keys that are written.
"""

from __future__ import annotations


def as_multi_threshold_1(others: int) -> int:
    """0 keys written.

    `others` 1 to 99.
    """
    return 13_400_000 + 662_000 * others


def as_multi(others: int) -> int:
    """3 keys written.

    `others` 1 to 99.
    """
    return 352_000_000 + 1_100_000 * others


def approve_as_multi(others: int) -> int:
    """1 key written.

    `others` 1 to 99.
    """
    return 132_000_000 + 1_400_000 * others


def cancel_as_multi(others: int) -> int:
    """3 keys written.

    `others` 1 to 99.
    """
    return 344_000_000 + 1_130_000 * others


def poke_deposit(others: int) -> int:
    """3 keys written.

    `others` 1 to 99.
    """
    return 350_000_000 + 1_360_000 * others
