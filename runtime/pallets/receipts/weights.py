"""Weights of Receipts. Written by `make weights`: do not edit.

Measured on 2 x AMD EPYC, CPython 3.11.7,
on 2026-11-22; `git log` of this file names the commit.
Picoseconds, with a margin of 15 percent, and keys that are written.
"""

from __future__ import annotations

from typing import Final

SUBMIT: Final = 390_000_000
"""5 keys written."""
ATTEST_COMMIT: Final = 520_000_000
"""1 key written."""
ATTEST_REVEAL: Final = 2_070_000_000
"""1 key written."""
PROVE_FRAUD: Final = 39_700_000_000
"""117 keys written."""
PROVE_EDGE: Final = 32_400_000_000
"""117 keys written."""
REVEAL_PLANTED_ERROR: Final = 12_300_000_000
"""11 keys written."""
ACCEPT_RESULT: Final = 2_690_000_000
"""27 keys written."""
CHALLENGE_DATA: Final = 7_660_000_000
"""5 keys written."""
ANSWER_DATA: Final = 10_200_000_000
"""36 keys written."""
DISPUTE_DIGEST: Final = 20_300_000_000
"""86 keys written."""
JOIN: Final = 562_000_000
"""4 keys written."""
BOND_EXTRA: Final = 563_000_000
"""4 keys written."""
LEAVE: Final = 399_000_000
"""2 keys written."""
WITHDRAW: Final = 242_000_000
"""3 keys written."""


def expose_voters(items: int) -> int:
    """1 key written.

    `items` 1 to 256.
    """
    return 3_970_000_000 + 35_100_000 * items


LOOK: Final = 15_800_000
"""0 keys written."""
SELECT: Final = 12_100_000_000
"""19 keys written."""
CLOSE_ROUND: Final = 13_800_000_000
"""28 keys written."""
CONVICT: Final = 18_500_000_000
"""117 keys written."""
DISPUTE: Final = 14_200_000_000
"""113 keys written."""
WITHHOLD: Final = 7_850_000_000
"""86 keys written."""
FINALIZE: Final = 9_760_000_000
"""74 keys written."""
EXPIRE: Final = 8_670_000_000
"""87 keys written."""


def forget(receipts: int) -> int:
    """17 keys written.

    `receipts` 1 to 8.
    """
    return 85_200_000 + 134_000_000 * receipts
