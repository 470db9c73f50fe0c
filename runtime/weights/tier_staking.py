"""Weights of TierStaking. Written by `make weights`: do not edit.

Measured on 2 x AMD EPYC, CPython 3.11.7,
on 2026-11-22, at commit 281f74ca.
Picoseconds, with a margin of 15 percent, and keys that are written.
"""

from __future__ import annotations

from typing import Final

STAKE: Final = 1_060_000_000
"""8 keys written."""
CLAIM: Final = 820_000_000
"""7 keys written."""
UNSTAKE: Final = 1_910_000_000
"""15 keys written."""
FORCE_UNSTAKE: Final = 1_890_000_000
"""15 keys written."""
EXTEND: Final = 1_820_000_000
"""14 keys written."""
CLAIM_DIVIDEND: Final = 659_000_000
"""6 keys written."""
CLAIM_CONTRIBUTION: Final = 727_000_000
"""6 keys written."""
REQUEST_PREMIUM: Final = 102_000_000
"""0 keys written."""
TOP_UP: Final = 220_000_000
"""2 keys written."""
SET_TIER: Final = 127_000_000
"""1 key written."""
SET_DIVIDEND_BPS: Final = 107_000_000
"""1 key written."""
SET_PREMIUM: Final = 108_000_000
"""1 key written."""
SET_CONTRIBUTION_BUDGET: Final = 105_000_000
"""1 key written."""
FEED: Final = 618_000_000
"""6 keys written."""
