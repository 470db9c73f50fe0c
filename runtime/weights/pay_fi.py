"""Weights of PayFi. Written by `make weights`: do not edit.

Measured on 2 x AMD EPYC, CPython 3.11.7,
on 2026-11-22; `git log` of this file names the commit.
Picoseconds, with a margin of 15 percent, and keys that are written.
"""

from __future__ import annotations

from typing import Final

REGISTER: Final = 358_000_000
"""5 keys written."""
CONFIGURE: Final = 162_000_000
"""2 keys written."""
BOND_EXTRA: Final = 243_000_000
"""3 keys written."""
CLOSE: Final = 486_000_000
"""7 keys written."""


def pay(policies: int, opens: int) -> int:
    """9 keys written.

    `policies` 0 to 3, `opens` 0 to 1.
    """
    return 623_000_000 + 32_100_000 * policies + 139_000_000 * opens


REFUND: Final = 451_000_000
"""5 keys written."""
SETTLE: Final = 949_000_000
"""12 keys written."""
SET_RATES: Final = 72_200_000
"""1 key written."""
SUSPEND: Final = 85_000_000
"""1 key written."""


def settle_due(batches: int) -> int:
    """1033 keys written.

    `batches` 0 to 256.
    """
    return 5_180_000 + 385_000_000 * batches


def prune(payments: int) -> int:
    """1537 keys written.

    `payments` 0 to 512.
    """
    return 13_200_000 + 206_000_000 * payments


REGISTER_CARD: Final = 466_000_000
"""4 keys written."""
SET_CARD: Final = 86_100_000
"""1 key written."""
DROP_CARD: Final = 351_000_000
"""5 keys written."""
FREEZE_CARD: Final = 81_700_000
"""1 key written."""
CHARGE_CARD: Final = 1_140_000_000
"""10 keys written."""
CAPTURE: Final = 1_140_000_000
"""14 keys written."""
VOID: Final = 527_000_000
"""7 keys written."""


def void_expired(auths: int) -> int:
    """449 keys written.

    `auths` 0 to 64.
    """
    return 6_650_000 + 539_000_000 * auths


def end_retired(cards: int) -> int:
    """257 keys written.

    `cards` 0 to 64.
    """
    return 6_390_000 + 296_000_000 * cards


DISPUTE: Final = 771_000_000
"""9 keys written."""
ANSWER: Final = 676_000_000
"""8 keys written."""
WITHDRAW_DISPUTE: Final = 1_560_000_000
"""19 keys written."""
RESOLVE: Final = 1_710_000_000
"""19 keys written."""


def end_phases(disputes: int) -> int:
    """49 keys written.

    `disputes` 0 to 16.
    """
    return 6_510_000 + 316_000_000 * disputes


def end_judgements(disputes: int) -> int:
    """249 keys written.

    `disputes` 0 to 16.
    """
    return 6_600_000 + 1_890_000_000 * disputes


def end_answers(disputes: int) -> int:
    """130 keys written.

    `disputes` 0 to 16.
    """
    return 9_470_000 + 909_000_000 * disputes


SET_POLICY: Final = 111_000_000
"""1 key written."""
SET_OWN_POLICY: Final = 109_000_000
"""1 key written."""
SET_ARBITERS: Final = 824_000_000
"""1 key written."""
BOND_ARBITER: Final = 227_000_000
"""3 keys written."""
UNBOND_ARBITER: Final = 304_000_000
"""4 keys written."""
