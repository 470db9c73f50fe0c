"""Weights of Multisig. Written by `make weights`: do not edit.

Measured on 2 x AMD EPYC, CPython 3.11.7,
on 2026-11-22, at commit 50de7bc0.
Picoseconds, with a margin of 30 percent, and keys that are written.
"""

from __future__ import annotations


def as_multi_threshold_1(others: int) -> int:
    """0 keys written.

    `others` 1 to 99.
    """
    return 17_600_000 + 686_000 * others


def as_multi(others: int) -> int:
    """3 keys written.

    `others` 1 to 99.
    """
    return 263_000_000 + 1_790_000 * others


def approve_as_multi(others: int) -> int:
    """1 key written.

    `others` 1 to 99.
    """
    return 115_000_000 + 1_640_000 * others


def cancel_as_multi(others: int) -> int:
    """3 keys written.

    `others` 1 to 99.
    """
    return 259_000_000 + 1_320_000 * others


def poke_deposit(others: int) -> int:
    """3 keys written.

    `others` 1 to 99.
    """
    return 262_000_000 + 1_830_000 * others
