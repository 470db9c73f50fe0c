"""Weights of Tokenomics. Written by `make weights`: do not edit.

Measured on 2 x AMD EPYC, CPython 3.11.7,
on 2026-11-22, at commit ad301d81.
Picoseconds, with a margin of 30 percent, and keys that are written.
"""

from __future__ import annotations

from typing import Final

RELEASE_DISCRETIONARY: Final = 825_000_000
"""5 keys written."""
ATTEST_MILESTONE: Final = 210_000_000
"""1 key written."""
OBJECT_MILESTONE: Final = 218_000_000
"""1 key written."""
CONFIRM_MILESTONE: Final = 209_000_000
"""1 key written."""
CLAIM_PROGRAMME: Final = 1_090_000_000
"""6 keys written."""
UNLOCK_RESERVE: Final = 143_000_000
"""1 key written."""
SPEND_RESERVE: Final = 904_000_000
"""6 keys written."""
EXECUTE_MILESTONE_BURN: Final = 876_000_000
"""6 keys written."""
ATTEST_CROSS_CHAIN: Final = 129_000_000
"""1 key written."""
PAUSE_DISCRETIONARY: Final = 129_000_000
"""1 key written."""
SET_CEILING_MODE: Final = 127_000_000
"""1 key written."""
TOP_UP_POOL: Final = 279_000_000
"""2 keys written."""
