"""Weights of Mining. Written by `make weights`: do not edit.

Measured on 2 x AMD EPYC, CPython 3.11.7,
on 2026-11-26; `git log` of this file names the commit.
Picoseconds, with a margin of 15 percent, and keys that are written.
"""

from __future__ import annotations

from typing import Final


def claim_rewards(eras: int) -> int:
    """133 keys written.

    `eras` 1 to 64.
    """
    return 392_000_000 + 304_000_000 * eras


ATTEST_REGION: Final = 88_500_000
"""1 key written."""
ATTEST_ENERGY: Final = 84_700_000
"""1 key written."""
SET_PARAMS: Final = 94_000_000
"""1 key written."""
CLOSE: Final = 969_000_000
"""14 keys written."""
EXPIRE: Final = 1_260_000_000
"""19 keys written."""
