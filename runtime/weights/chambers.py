"""Weights of Chambers. Written by `make weights`: do not edit.

Measured on 2 x AMD EPYC, CPython 3.11.7,
on 2026-11-22, at commit a4d531c4.
Picoseconds, with a margin of 30 percent, and keys that are written.
"""

from __future__ import annotations

from typing import Final

ADD_INSTITUTION: Final = 1_700_000_000
"""14 keys written."""
REMOVE_INSTITUTION: Final = 176_000_000
"""1 key written."""
SUBMIT_CANDIDACY: Final = 574_000_000
"""4 keys written."""
WITHDRAW_CANDIDACY: Final = 382_000_000
"""3 keys written."""


def vote_representative(old: int, names: int) -> int:
    """22 keys written.

    `old` 0 to 10, `names` 1 to 10.
    """
    return 580_000_000 + 98_400_000 * old + 113_000_000 * names


def remove_rep_vote(names: int) -> int:
    """13 keys written.

    `names` 0 to 10.
    """
    return 378_000_000 + 111_000_000 * names


SET_MODE: Final = 112_000_000
"""1 key written."""
REMOVE_REPRESENTATIVE: Final = 500_000_000
"""4 keys written."""
OPEN_BLOCK: Final = 10_300_000
"""0 keys written."""


def clear(ballots: int) -> int:
    """50 keys written.

    `ballots` 0 to 50.
    """
    return 439_000_000 + 109_000_000 * ballots


def conclude(candidates: int, sitting: int) -> int:
    """196 keys written.

    `candidates` 0 to 64, `sitting` 0 to 10.
    """
    return 439_000_000 + 388_000_000 * candidates + 239_000_000 * sitting
