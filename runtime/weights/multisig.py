"""Weights of Multisig. Written by `make weights`: do not edit.

Measured on 2 x AMD EPYC, CPython 3.11.7,
on 2026-11-22, at commit ad301d81.
Picoseconds, with a margin of 30 percent, and keys that are written.
"""

from __future__ import annotations


def as_multi_threshold_1(others: int) -> int:
    """0 keys written.

    `others` 1 to 99.
    """
    return 18_300_000 + 729_000 * others


def as_multi(others: int) -> int:
    """3 keys written.

    `others` 1 to 99.
    """
    return 462_000_000 + 1_310_000 * others


def approve_as_multi(others: int) -> int:
    """1 key written.

    `others` 1 to 99.
    """
    return 151_000_000 + 1_200_000 * others


def cancel_as_multi(others: int) -> int:
    """3 keys written.

    `others` 1 to 99.
    """
    return 400_000_000 + 810_000 * others


def poke_deposit(others: int) -> int:
    """3 keys written.

    `others` 1 to 99.
    """
    return 452_000_000 + 1_820_000 * others
