"""Weights of Mining. Written by `make weights`: do not edit.

Measured on 2 x AMD EPYC, CPython 3.11.7,
on 2026-11-22, at commit 281f74ca.
Picoseconds, with a margin of 15 percent, and keys that are written.
"""

from __future__ import annotations

from typing import Final


def claim_rewards(eras: int) -> int:
    """134 keys written.

    `eras` 1 to 64.
    """
    return 606_000_000 + 391_000_000 * eras


ATTEST_REGION: Final = 115_000_000
"""1 key written."""
ATTEST_ENERGY: Final = 112_000_000
"""1 key written."""
SET_PARAMS: Final = 113_000_000
"""1 key written."""
CLOSE: Final = 1_140_000_000
"""11 keys written."""
EXPIRE: Final = 1_950_000_000
"""19 keys written."""
