"""Weights of Tokenomics. Written by `make weights`: do not edit.

Measured on 2 x AMD EPYC, CPython 3.11.7,
on 2026-11-22, at commit 281f74ca.
Picoseconds, with a margin of 15 percent, and keys that are written.
"""

from __future__ import annotations

from typing import Final

RELEASE_DISCRETIONARY: Final = 651_000_000
"""5 keys written."""
ATTEST_MILESTONE: Final = 181_000_000
"""1 key written."""
OBJECT_MILESTONE: Final = 175_000_000
"""1 key written."""
CONFIRM_MILESTONE: Final = 173_000_000
"""1 key written."""
CLAIM_PROGRAMME: Final = 922_000_000
"""6 keys written."""
UNLOCK_RESERVE: Final = 118_000_000
"""1 key written."""
SPEND_RESERVE: Final = 723_000_000
"""6 keys written."""
EXECUTE_MILESTONE_BURN: Final = 715_000_000
"""6 keys written."""
ATTEST_CROSS_CHAIN: Final = 106_000_000
"""1 key written."""
PAUSE_DISCRETIONARY: Final = 106_000_000
"""1 key written."""
SET_CEILING_MODE: Final = 105_000_000
"""1 key written."""
TOP_UP_POOL: Final = 231_000_000
"""2 keys written."""
