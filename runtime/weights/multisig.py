"""Weights of Multisig. Written by `make weights`: do not edit.

Measured on 2 x AMD EPYC, CPython 3.11.7,
on 2026-11-22; `git log` of this file names the commit.
Picoseconds, with a margin of 15 percent, and keys that are written.
"""

from __future__ import annotations


def as_multi_threshold_1(others: int) -> int:
    """0 keys written.

    `others` 1 to 99.
    """
    return 11_700_000 + 574_000 * others


def as_multi(others: int) -> int:
    """3 keys written.

    `others` 1 to 99.
    """
    return 253_000_000 + 941_000 * others


def approve_as_multi(others: int) -> int:
    """1 key written.

    `others` 1 to 99.
    """
    return 96_100_000 + 1_240_000 * others


def cancel_as_multi(others: int) -> int:
    """3 keys written.

    `others` 1 to 99.
    """
    return 242_000_000 + 984_000 * others


def poke_deposit(others: int) -> int:
    """3 keys written.

    `others` 1 to 99.
    """
    return 251_000_000 + 1_230_000 * others
