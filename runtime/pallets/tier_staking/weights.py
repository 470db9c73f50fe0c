"""Weights of TierStaking. Written by `make weights`: do not edit.

Measured on 2 x AMD EPYC, CPython 3.11.7,
on 2026-11-22; `git log` of this file names the commit.
Picoseconds, with a margin of 15 percent, and keys that are written.
"""

from __future__ import annotations

from typing import Final

STAKE: Final = 663_000_000
"""8 keys written."""
CLAIM: Final = 532_000_000
"""7 keys written."""
UNSTAKE: Final = 1_210_000_000
"""15 keys written."""
FORCE_UNSTAKE: Final = 1_200_000_000
"""15 keys written."""
EXTEND: Final = 1_150_000_000
"""14 keys written."""
CLAIM_DIVIDEND: Final = 429_000_000
"""6 keys written."""
CLAIM_CONTRIBUTION: Final = 467_000_000
"""6 keys written."""
BUY_PREMIUM: Final = 682_000_000
"""8 keys written."""
TOP_UP: Final = 144_000_000
"""2 keys written."""
SET_TIER: Final = 83_400_000
"""1 key written."""
SET_DIVIDEND_BPS: Final = 69_300_000
"""1 key written."""
SET_PREMIUM: Final = 274_000_000
"""1 key written."""
SET_CONTRIBUTION_BUDGET: Final = 69_500_000
"""1 key written."""
FEED: Final = 408_000_000
"""6 keys written."""
