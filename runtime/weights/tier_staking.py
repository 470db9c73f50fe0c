"""Weights of TierStaking. Written by `make weights`: do not edit.

Measured on 2 x AMD EPYC, CPython 3.11.7,
on 2026-11-22, at commit a5bb4641.
Picoseconds, with a margin of 30 percent, and keys that are written.
"""

from __future__ import annotations

from typing import Final

STAKE: Final = 895_000_000
"""8 keys written."""
CLAIM: Final = 663_000_000
"""7 keys written."""
UNSTAKE: Final = 1_220_000_000
"""15 keys written."""
FORCE_UNSTAKE: Final = 1_430_000_000
"""15 keys written."""
EXTEND: Final = 1_310_000_000
"""14 keys written."""
CLAIM_DIVIDEND: Final = 457_000_000
"""6 keys written."""
CLAIM_CONTRIBUTION: Final = 531_000_000
"""6 keys written."""
REQUEST_PREMIUM: Final = 144_000_000
"""0 keys written."""
TOP_UP: Final = 157_000_000
"""2 keys written."""
SET_TIER: Final = 110_000_000
"""1 key written."""
SET_DIVIDEND_BPS: Final = 73_400_000
"""1 key written."""
SET_PREMIUM: Final = 76_000_000
"""1 key written."""
SET_CONTRIBUTION_BUDGET: Final = 74_300_000
"""1 key written."""
FEED: Final = 415_000_000
"""6 keys written."""
