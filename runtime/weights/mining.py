"""Weights of Mining. Written by `make weights`: do not edit.

Measured on 2 x AMD EPYC, CPython 3.11.7,
on 2026-11-22, at commit ad301d81.
Picoseconds, with a margin of 30 percent, and keys that are written.
"""

from __future__ import annotations

from typing import Final


def claim_rewards(eras: int) -> int:
    """134 keys written.

    `eras` 1 to 64.
    """
    return 734_000_000 + 464_000_000 * eras


ATTEST_REGION: Final = 146_000_000
"""1 key written."""
ATTEST_ENERGY: Final = 139_000_000
"""1 key written."""
SET_PARAMS: Final = 140_000_000
"""1 key written."""
CLOSE: Final = 1_390_000_000
"""11 keys written."""
EXPIRE: Final = 2_400_000_000
"""19 keys written."""
