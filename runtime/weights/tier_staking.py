"""Weights of TierStaking. Written by `make weights`: do not edit.

Measured on 2 x AMD EPYC, CPython 3.11.7,
on 2026-11-22; `git log` of this file names the commit.
Picoseconds, with a margin of 15 percent, and keys that are written.
"""

from __future__ import annotations

from typing import Final

STAKE: Final = 751_000_000
"""8 keys written."""
CLAIM: Final = 592_000_000
"""7 keys written."""
UNSTAKE: Final = 1_410_000_000
"""15 keys written."""
FORCE_UNSTAKE: Final = 1_360_000_000
"""15 keys written."""
EXTEND: Final = 1_320_000_000
"""14 keys written."""
CLAIM_DIVIDEND: Final = 453_000_000
"""6 keys written."""
CLAIM_CONTRIBUTION: Final = 512_000_000
"""6 keys written."""
REQUEST_PREMIUM: Final = 98_500_000
"""0 keys written."""
TOP_UP: Final = 153_000_000
"""2 keys written."""
SET_TIER: Final = 95_100_000
"""1 key written."""
SET_DIVIDEND_BPS: Final = 73_000_000
"""1 key written."""
SET_PREMIUM: Final = 74_300_000
"""1 key written."""
SET_CONTRIBUTION_BUDGET: Final = 73_100_000
"""1 key written."""
FEED: Final = 424_000_000
"""6 keys written."""
