"""Weights of TierStaking. Written by `make weights`: do not edit.

Measured on 2 x AMD EPYC, CPython 3.11.7,
on 2026-11-22, at commit ad301d81.
Picoseconds, with a margin of 30 percent, and keys that are written.
"""

from __future__ import annotations

from typing import Final

STAKE: Final = 1_220_000_000
"""8 keys written."""
CLAIM: Final = 994_000_000
"""7 keys written."""
UNSTAKE: Final = 2_380_000_000
"""15 keys written."""
FORCE_UNSTAKE: Final = 2_490_000_000
"""15 keys written."""
EXTEND: Final = 2_230_000_000
"""14 keys written."""
CLAIM_DIVIDEND: Final = 798_000_000
"""6 keys written."""
CLAIM_CONTRIBUTION: Final = 842_000_000
"""6 keys written."""
REQUEST_PREMIUM: Final = 132_000_000
"""0 keys written."""
TOP_UP: Final = 272_000_000
"""2 keys written."""
SET_TIER: Final = 163_000_000
"""1 key written."""
SET_DIVIDEND_BPS: Final = 131_000_000
"""1 key written."""
SET_PREMIUM: Final = 130_000_000
"""1 key written."""
SET_CONTRIBUTION_BUDGET: Final = 128_000_000
"""1 key written."""
FEED: Final = 745_000_000
"""6 keys written."""
