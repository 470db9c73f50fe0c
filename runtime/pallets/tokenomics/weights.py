"""Weights of Tokenomics. Written by `make weights`: do not edit.

Measured on 2 x AMD EPYC, CPython 3.11.7,
on 2026-11-22; `git log` of this file names the commit.
Picoseconds, with a margin of 15 percent, and keys that are written.
"""

from __future__ import annotations

from typing import Final

RELEASE_DISCRETIONARY: Final = 489_000_000
"""5 keys written."""
ATTEST_MILESTONE: Final = 142_000_000
"""1 key written."""
OBJECT_MILESTONE: Final = 137_000_000
"""1 key written."""
CONFIRM_MILESTONE: Final = 148_000_000
"""1 key written."""
CLAIM_PROGRAMME: Final = 732_000_000
"""6 keys written."""
UNLOCK_RESERVE: Final = 87_800_000
"""1 key written."""
SPEND_RESERVE: Final = 529_000_000
"""6 keys written."""
EXECUTE_MILESTONE_BURN: Final = 521_000_000
"""6 keys written."""
ATTEST_CROSS_CHAIN: Final = 73_500_000
"""1 key written."""
PAUSE_DISCRETIONARY: Final = 75_200_000
"""1 key written."""
SET_CEILING_MODE: Final = 71_600_000
"""1 key written."""
END_TREASURY_SEAT: Final = 80_000_000
"""1 key written."""
TOP_UP_POOL: Final = 164_000_000
"""2 keys written."""
