"""Weights of Mining. Written by `make weights`: do not edit.

Measured on 2 x AMD EPYC, CPython 3.11.7,
on 2026-11-22, at commit c1a60cf1.
Picoseconds, with a margin of 30 percent, and keys that are written.
"""

from __future__ import annotations

from typing import Final


def claim_rewards(eras: int) -> int:
    """134 keys written.

    `eras` 1 to 64.
    """
    return 634_000_000 + 259_000_000 * eras


ATTEST_REGION: Final = 75_100_000
"""1 key written."""
ATTEST_ENERGY: Final = 73_700_000
"""1 key written."""
SET_PARAMS: Final = 75_900_000
"""1 key written."""
CLOSE: Final = 719_000_000
"""11 keys written."""
EXPIRE: Final = 1_240_000_000
"""19 keys written."""
