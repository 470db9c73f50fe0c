"""Weights of Receipts. Written by `make weights`: do not edit.

Measured on 2 x AMD EPYC, CPython 3.11.7,
on 2026-11-22, at commit fd053775.
Picoseconds, with a margin of 30 percent, and keys that are written.
"""

from __future__ import annotations

from typing import Final

SUBMIT: Final = 636_000_000
"""5 keys written."""
ATTEST_COMMIT: Final = 893_000_000
"""1 key written."""
ATTEST_REVEAL: Final = 3_790_000_000
"""1 key written."""
PROVE_FRAUD: Final = 70_500_000_000
"""117 keys written."""
PROVE_EDGE: Final = 55_700_000_000
"""117 keys written."""
REVEAL_TRAP: Final = 21_300_000_000
"""11 keys written."""
ACCEPT_RESULT: Final = 4_820_000_000
"""27 keys written."""
CHALLENGE_DATA: Final = 13_800_000_000
"""5 keys written."""
ANSWER_DATA: Final = 18_400_000_000
"""36 keys written."""
DISPUTE_DIGEST: Final = 32_800_000_000
"""86 keys written."""
JOIN: Final = 946_000_000
"""4 keys written."""
BOND_EXTRA: Final = 932_000_000
"""4 keys written."""
LEAVE: Final = 681_000_000
"""2 keys written."""
WITHDRAW: Final = 391_000_000
"""3 keys written."""


def expose_voters(items: int) -> int:
    """1 key written.

    `items` 1 to 256.
    """
    return 7_560_000_000 + 16_000_000 * items


LOOK: Final = 13_100_000
"""0 keys written."""
DRAW: Final = 6_300_000_000
"""19 keys written."""
CLOSE_ROUND: Final = 15_500_000_000
"""28 keys written."""
CONVICT: Final = 24_300_000_000
"""117 keys written."""
DISPUTE: Final = 18_500_000_000
"""113 keys written."""
WITHHOLD: Final = 12_600_000_000
"""86 keys written."""
FINALISE: Final = 14_700_000_000
"""73 keys written."""
EXPIRE: Final = 11_700_000_000
"""87 keys written."""


def forget(receipts: int) -> int:
    """17 keys written.

    `receipts` 1 to 8.
    """
    return 127_000_000 + 215_000_000 * receipts
