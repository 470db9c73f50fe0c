"""Weights of Mining. Written by `make weights`: do not edit.

Measured on 2 x AMD EPYC, CPython 3.11.7,
on 2026-11-22; `git log` of this file names the commit.
Picoseconds, with a margin of 15 percent, and keys that are written.
"""

from __future__ import annotations

from typing import Final


def claim_rewards(eras: int) -> int:
    """134 keys written.

    `eras` 1 to 64.
    """
    return 485_000_000 + 303_000_000 * eras


ATTEST_REGION: Final = 80_700_000
"""1 key written."""
ATTEST_ENERGY: Final = 78_500_000
"""1 key written."""
SET_PARAMS: Final = 78_900_000
"""1 key written."""
CLOSE: Final = 773_000_000
"""11 keys written."""
EXPIRE: Final = 1_330_000_000
"""19 keys written."""
