"""Weights of PayFi. Written by `make weights`: do not edit.

Measured on 2 x AMD EPYC, CPython 3.11.7,
on 2026-11-22; `git log` of this file names the commit.
Picoseconds, with a margin of 15 percent, and keys that are written.
"""

from __future__ import annotations

from typing import Final

REGISTER: Final = 361_000_000
"""5 keys written."""
CONFIGURE: Final = 154_000_000
"""2 keys written."""
BOND_EXTRA: Final = 248_000_000
"""3 keys written."""
CLOSE: Final = 484_000_000
"""7 keys written."""
PAY: Final = 885_000_000
"""9 keys written."""
REFUND: Final = 448_000_000
"""5 keys written."""
SETTLE: Final = 954_000_000
"""12 keys written."""
SET_RATES: Final = 72_100_000
"""1 key written."""
SUSPEND: Final = 85_300_000
"""1 key written."""


def settle_due(batches: int) -> int:
    """1033 keys written.

    `batches` 0 to 256.
    """
    return 4_980_000 + 392_000_000 * batches


def prune(payments: int) -> int:
    """1537 keys written.

    `payments` 0 to 512.
    """
    return 13_100_000 + 206_000_000 * payments


REGISTER_CARD: Final = 330_000_000
"""4 keys written."""
SET_CARD: Final = 85_500_000
"""1 key written."""
DROP_CARD: Final = 506_000_000
"""7 keys written."""
FREEZE_CARD: Final = 81_300_000
"""1 key written."""
CHARGE_CARD: Final = 1_140_000_000
"""10 keys written."""
CAPTURE: Final = 975_000_000
"""12 keys written."""
VOID: Final = 457_000_000
"""6 keys written."""


def void_expired(auths: int) -> int:
    """196 keys written.

    `auths` 0 to 64.
    """
    return 6_400_000 + 272_000_000 * auths


def end_retired(cards: int) -> int:
    """129 keys written.

    `cards` 0 to 64.
    """
    return 6_170_000 + 140_000_000 * cards


DISPUTE: Final = 805_000_000
"""10 keys written."""
ANSWER: Final = 311_000_000
"""4 keys written."""
WITHDRAW_DISPUTE: Final = 981_000_000
"""13 keys written."""
RESOLVE: Final = 1_120_000_000
"""14 keys written."""


def end_phases(disputes: int) -> int:
    """49 keys written.

    `disputes` 0 to 16.
    """
    return 6_440_000 + 316_000_000 * disputes


def end_judgements(disputes: int) -> int:
    """67 keys written.

    `disputes` 0 to 16.
    """
    return 6_490_000 + 684_000_000 * disputes


SET_POLICY: Final = 111_000_000
"""1 key written."""
SET_OWN_POLICY: Final = 109_000_000
"""1 key written."""
SET_ARBITERS: Final = 810_000_000
"""1 key written."""
BOND_ARBITER: Final = 222_000_000
"""3 keys written."""
UNBOND_ARBITER: Final = 305_000_000
"""4 keys written."""
