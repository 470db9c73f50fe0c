"""Weights of PayFi. Written by `make weights`: do not edit.

Measured on 2 x AMD EPYC, CPython 3.11.7,
on 2026-11-22; `git log` of this file names the commit.
Picoseconds, with a margin of 15 percent, and keys that are written.
"""

from __future__ import annotations

from typing import Final

REGISTER: Final = 358_000_000
"""5 keys written."""
CONFIGURE: Final = 154_000_000
"""2 keys written."""
BOND_EXTRA: Final = 245_000_000
"""3 keys written."""
CLOSE: Final = 484_000_000
"""7 keys written."""
PAY: Final = 858_000_000
"""9 keys written."""
REFUND: Final = 451_000_000
"""5 keys written."""
SETTLE: Final = 955_000_000
"""12 keys written."""
SET_RATES: Final = 72_200_000
"""1 key written."""
SUSPEND: Final = 84_900_000
"""1 key written."""


def settle_due(batches: int) -> int:
    """1033 keys written.

    `batches` 0 to 256.
    """
    return 5_080_000 + 384_000_000 * batches


def prune(payments: int) -> int:
    """1537 keys written.

    `payments` 0 to 512.
    """
    return 13_300_000 + 207_000_000 * payments


REGISTER_CARD: Final = 335_000_000
"""4 keys written."""
SET_CARD: Final = 85_900_000
"""1 key written."""
DROP_CARD: Final = 505_000_000
"""7 keys written."""
FREEZE_CARD: Final = 81_700_000
"""1 key written."""
CHARGE_CARD: Final = 1_170_000_000
"""10 keys written."""
CAPTURE: Final = 1_140_000_000
"""14 keys written."""
VOID: Final = 454_000_000
"""6 keys written."""


def void_expired(auths: int) -> int:
    """385 keys written.

    `auths` 0 to 64.
    """
    return 6_550_000 + 467_000_000 * auths


def end_retired(cards: int) -> int:
    """129 keys written.

    `cards` 0 to 64.
    """
    return 6_330_000 + 140_000_000 * cards


DISPUTE: Final = 816_000_000
"""10 keys written."""
ANSWER: Final = 910_000_000
"""11 keys written."""
WITHDRAW_DISPUTE: Final = 986_000_000
"""13 keys written."""
RESOLVE: Final = 1_320_000_000
"""15 keys written."""


def end_phases(disputes: int) -> int:
    """49 keys written.

    `disputes` 0 to 16.
    """
    return 6_540_000 + 320_000_000 * disputes


def end_judgements(disputes: int) -> int:
    """214 keys written.

    `disputes` 0 to 16.
    """
    return 6_710_000 + 1_570_000_000 * disputes


def end_answers(disputes: int) -> int:
    """148 keys written.

    `disputes` 0 to 16.
    """
    return 6_660_000 + 1_130_000_000 * disputes


SET_POLICY: Final = 112_000_000
"""1 key written."""
SET_OWN_POLICY: Final = 109_000_000
"""1 key written."""
SET_ARBITERS: Final = 839_000_000
"""1 key written."""
BOND_ARBITER: Final = 222_000_000
"""3 keys written."""
UNBOND_ARBITER: Final = 305_000_000
"""4 keys written."""
