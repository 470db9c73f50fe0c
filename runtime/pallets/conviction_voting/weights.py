"""Weights of ConvictionVoting. Written by `make weights`: do not edit.

Measured on 2 x AMD EPYC, CPython 3.11.7,
on 2026-11-22; `git log` of this file names the commit.
Picoseconds, with a margin of 15 percent, and keys that are written.
"""

from __future__ import annotations


def vote(votes: int, opens: int, moved: int) -> int:
    """11 keys written.

    `votes` 1 to 512, `opens` 0 to 1, `moved` 0 to 1.
    """
    return 1_080_000_000 + 4_550_000 * votes + 983_000_000 * opens + 3_020_000_000 * moved


def delegate(over: int, counted: int, moved: int) -> int:
    """757 keys written.

    `over` 0 to 150, `counted` 0 to 150, `moved` 0 to 50.
    """
    return 664_000_000 + 13_200_000 * over + 389_000_000 * counted + 1_850_000_000 * moved


def undelegate(over: int, counted: int, moved: int) -> int:
    """754 keys written.

    `over` 0 to 150, `counted` 0 to 150, `moved` 0 to 50.
    """
    return 179_000_000 + 15_300_000 * over + 467_000_000 * counted + 2_090_000_000 * moved


def unlock(votes: int) -> int:
    """3 keys written.

    `votes` 0 to 512.
    """
    return 294_000_000 + 4_790_000 * votes


def remove_vote(votes: int, moved: int) -> int:
    """9 keys written.

    `votes` 1 to 512, `moved` 0 to 1.
    """
    return 437_000_000 + 3_600_000 * votes + 2_690_000_000 * moved


def remove_other_vote(votes: int, moved: int) -> int:
    """9 keys written.

    `votes` 1 to 512, `moved` 0 to 1.
    """
    return 438_000_000 + 3_580_000 * votes + 3_380_000_000 * moved
