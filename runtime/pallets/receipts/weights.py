"""Weights of Receipts. Written by `make weights`: do not edit.

Measured on 2 x Intel(R) Xeon(R) Processor, CPython 3.11.2,
on 2026-11-27; `git log` of this file names the commit.
Picoseconds, with a margin of 15 percent, and keys that are written.
"""

from __future__ import annotations

from typing import Final

SUBMIT: Final = 397_000_000
"""5 keys written."""
ATTEST_COMMIT: Final = 543_000_000
"""1 key written."""
ATTEST_REVEAL: Final = 1_990_000_000
"""1 key written."""


def prove_fraud(nodes: int, judged: int) -> int:
    """117 keys written.

    `nodes` 8 to 512, `judged` 2_055 to 20_487.
    """
    return 26_700_000_000 + 20_000_000 * nodes + 210_000 * judged


def prove_edge(nodes: int) -> int:
    """117 keys written.

    `nodes` 8 to 512.
    """
    return 15_900_000_000 + 18_500_000 * nodes


REVEAL_PLANTED_ERROR: Final = 8_770_000_000
"""11 keys written."""
ACCEPT_RESULT: Final = 2_590_000_000
"""26 keys written."""
CHALLENGE_DATA: Final = 4_920_000_000
"""4 keys written."""
ANSWER_DATA: Final = 7_590_000_000
"""36 keys written."""
DISPUTE_DIGEST: Final = 14_400_000_000
"""85 keys written."""
JOIN: Final = 493_000_000
"""3 keys written."""
BOND_EXTRA: Final = 496_000_000
"""3 keys written."""
LEAVE: Final = 395_000_000
"""2 keys written."""
WITHDRAW: Final = 189_000_000
"""2 keys written."""


def expose_voters(items: int) -> int:
    """1 key written.

    `items` 1 to 256.
    """
    return 3_260_000_000 + 7_720_000 * items


LOOK: Final = 9_270_000
"""0 keys written."""
SELECT: Final = 7_810_000_000
"""19 keys written."""
CLOSE_ROUND: Final = 10_300_000_000
"""28 keys written."""
CONVICT: Final = 15_700_000_000
"""117 keys written."""
DISPUTE: Final = 11_600_000_000
"""113 keys written."""
WITHHOLD: Final = 7_430_000_000
"""86 keys written."""
FINALIZE: Final = 8_420_000_000
"""74 keys written."""
EXPIRE: Final = 7_420_000_000
"""87 keys written."""


def forget(receipts: int) -> int:
    """17 keys written.

    `receipts` 1 to 8.
    """
    return 91_800_000 + 124_000_000 * receipts
