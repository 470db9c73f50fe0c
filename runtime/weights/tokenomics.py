"""Weights of Tokenomics. Written by `make weights`: do not edit.

Measured on 2 x AMD EPYC, CPython 3.11.7,
on 2026-11-22, at commit a5bb4641.
Picoseconds, with a margin of 30 percent, and keys that are written.
"""

from __future__ import annotations

from typing import Final

RELEASE_DISCRETIONARY: Final = 429_000_000
"""5 keys written."""
ATTEST_MILESTONE: Final = 124_000_000
"""1 key written."""
OBJECT_MILESTONE: Final = 119_000_000
"""1 key written."""
CONFIRM_MILESTONE: Final = 118_000_000
"""1 key written."""
CLAIM_PROGRAMME: Final = 589_000_000
"""6 keys written."""
UNLOCK_RESERVE: Final = 77_000_000
"""1 key written."""
SPEND_RESERVE: Final = 458_000_000
"""6 keys written."""
EXECUTE_MILESTONE_BURN: Final = 473_000_000
"""6 keys written."""
ATTEST_CROSS_CHAIN: Final = 67_800_000
"""1 key written."""
PAUSE_DISCRETIONARY: Final = 67_600_000
"""1 key written."""
SET_CEILING_MODE: Final = 66_700_000
"""1 key written."""
TOP_UP_POOL: Final = 150_000_000
"""2 keys written."""
