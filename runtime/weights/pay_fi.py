"""Weights of PayFi. Written by `make weights`: do not edit.

Measured on 2 x AMD EPYC, CPython 3.11.7,
on 2026-11-22; `git log` of this file names the commit.
Picoseconds, with a margin of 15 percent, and keys that are written.
"""

from __future__ import annotations

from typing import Final

REGISTER: Final = 359_000_000
"""5 keys written."""
CONFIGURE: Final = 162_000_000
"""2 keys written."""
BOND_EXTRA: Final = 243_000_000
"""3 keys written."""
CLOSE: Final = 488_000_000
"""7 keys written."""


def pay(policies: int, opens: int) -> int:
    """9 keys written.

    `policies` 0 to 3, `opens` 0 to 1.
    """
    return 626_000_000 + 29_700_000 * policies + 131_000_000 * opens


REFUND: Final = 449_000_000
"""5 keys written."""
SETTLE: Final = 958_000_000
"""12 keys written."""
SET_RATES: Final = 72_100_000
"""1 key written."""
SUSPEND: Final = 85_100_000
"""1 key written."""


def settle_due(batches: int) -> int:
    """1033 keys written.

    `batches` 0 to 256.
    """
    return 5_100_000 + 382_000_000 * batches


def prune(payments: int) -> int:
    """1537 keys written.

    `payments` 0 to 512.
    """
    return 13_700_000 + 205_000_000 * payments


REGISTER_CARD: Final = 332_000_000
"""4 keys written."""
SET_CARD: Final = 85_500_000
"""1 key written."""
DROP_CARD: Final = 503_000_000
"""7 keys written."""
FREEZE_CARD: Final = 81_000_000
"""1 key written."""
CHARGE_CARD: Final = 1_170_000_000
"""10 keys written."""
CAPTURE: Final = 1_130_000_000
"""14 keys written."""
VOID: Final = 525_000_000
"""7 keys written."""


def void_expired(auths: int) -> int:
    """449 keys written.

    `auths` 0 to 64.
    """
    return 6_490_000 + 534_000_000 * auths


def end_retired(cards: int) -> int:
    """129 keys written.

    `cards` 0 to 64.
    """
    return 6_260_000 + 140_000_000 * cards


DISPUTE: Final = 806_000_000
"""10 keys written."""
ANSWER: Final = 904_000_000
"""11 keys written."""
WITHDRAW_DISPUTE: Final = 988_000_000
"""13 keys written."""
RESOLVE: Final = 1_300_000_000
"""15 keys written."""


def end_phases(disputes: int) -> int:
    """49 keys written.

    `disputes` 0 to 16.
    """
    return 6_970_000 + 317_000_000 * disputes


def end_judgements(disputes: int) -> int:
    """214 keys written.

    `disputes` 0 to 16.
    """
    return 6_860_000 + 1_540_000_000 * disputes


def end_answers(disputes: int) -> int:
    """148 keys written.

    `disputes` 0 to 16.
    """
    return 6_410_000 + 1_100_000_000 * disputes


SET_POLICY: Final = 111_000_000
"""1 key written."""
SET_OWN_POLICY: Final = 110_000_000
"""1 key written."""
SET_ARBITERS: Final = 825_000_000
"""1 key written."""
BOND_ARBITER: Final = 222_000_000
"""3 keys written."""
UNBOND_ARBITER: Final = 304_000_000
"""4 keys written."""
