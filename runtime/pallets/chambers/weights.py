"""Weights of Chambers. Written by `make weights`: do not edit.

Measured on 2 x AMD EPYC, CPython 3.11.7,
on 2026-11-22; `git log` of this file names the commit.
Picoseconds, with a margin of 15 percent, and keys that are written.
"""

from __future__ import annotations

from typing import Final

ADD_INSTITUTION: Final = 1_030_000_000
"""14 keys written."""
REMOVE_INSTITUTION: Final = 121_000_000
"""1 key written."""
SUBMIT_CANDIDACY: Final = 344_000_000
"""4 keys written."""
WITHDRAW_CANDIDACY: Final = 254_000_000
"""3 keys written."""


def vote_representative(old: int, names: int) -> int:
    """22 keys written.

    `old` 0 to 10, `names` 1 to 10.
    """
    return 397_000_000 + 69_200_000 * old + 73_500_000 * names


def remove_rep_vote(names: int) -> int:
    """13 keys written.

    `names` 0 to 10.
    """
    return 255_000_000 + 64_800_000 * names


SET_MODE: Final = 69_100_000
"""1 key written."""
REMOVE_REPRESENTATIVE: Final = 304_000_000
"""4 keys written."""
OBJECT_TO_MILESTONE: Final = 1_330_000_000
"""4 keys written."""
WITHDRAW_OBJECTION: Final = 401_000_000
"""3 keys written."""
UNLOCK_OBJECTIONS: Final = 572_000_000
"""2 keys written."""
OPEN_BLOCK: Final = 6_960_000
"""0 keys written."""


def clear(ballots: int) -> int:
    """50 keys written.

    `ballots` 0 to 50.
    """
    return 477_000_000 + 67_900_000 * ballots


def conclude(candidates: int, sitting: int) -> int:
    """196 keys written.

    `candidates` 0 to 64, `sitting` 0 to 10.
    """
    return 280_000_000 + 257_000_000 * candidates + 155_000_000 * sitting
