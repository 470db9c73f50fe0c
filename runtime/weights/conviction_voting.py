"""Weights of ConvictionVoting. Written by `make weights`: do not edit.

Measured on 2 x AMD EPYC, CPython 3.11.7,
on 2026-11-22, at commit a4d531c4.
Picoseconds, with a margin of 30 percent, and keys that are written.
"""

from __future__ import annotations


def vote(votes: int, opens: int, moved: int) -> int:
    """11 keys written.

    `votes` 1 to 512, `opens` 0 to 1, `moved` 0 to 1.
    """
    return 1_430_000_000 + 6_920_000 * votes + 952_000_000 * opens + 6_080_000_000 * moved


def delegate(over: int, counted: int, moved: int) -> int:
    """757 keys written.

    `over` 0 to 150, `counted` 0 to 150, `moved` 0 to 50.
    """
    return 885_000_000 + 14_000_000 * over + 476_000_000 * counted + 2_180_000_000 * moved


def undelegate(over: int, counted: int, moved: int) -> int:
    """754 keys written.

    `over` 0 to 150, `counted` 0 to 150, `moved` 0 to 50.
    """
    return 263_000_000 + 17_700_000 * over + 635_000_000 * counted + 2_590_000_000 * moved


def unlock(votes: int) -> int:
    """3 keys written.

    `votes` 0 to 512.
    """
    return 390_000_000 + 6_340_000 * votes


def remove_vote(votes: int, moved: int) -> int:
    """9 keys written.

    `votes` 1 to 512, `moved` 0 to 1.
    """
    return 553_000_000 + 4_390_000 * votes + 4_270_000_000 * moved


def remove_other_vote(votes: int, moved: int) -> int:
    """9 keys written.

    `votes` 1 to 512, `moved` 0 to 1.
    """
    return 636_000_000 + 4_960_000 * votes + 4_850_000_000 * moved
