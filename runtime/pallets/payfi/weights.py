"""Weights of PayFi. Written by `make weights`: do not edit.

Measured on 2 x AMD EPYC, CPython 3.11.7,
on 2026-11-23; `git log` of this file names the commit.
Picoseconds, with a margin of 15 percent, and keys that are written.
"""

from __future__ import annotations

from typing import Final

REGISTER: Final = 359_000_000
"""5 keys written."""
CONFIGURE: Final = 162_000_000
"""2 keys written."""
BOND_EXTRA: Final = 244_000_000
"""3 keys written."""
CLOSE: Final = 488_000_000
"""7 keys written."""


def pay(policies: int, first: int, converts: int) -> int:
    """5 keys written.

    `policies` 0 to 3, `first` 0 to 1, `converts` 0 to 1.
    """
    return 300_000_000 + 18_600_000 * policies + 247_000_000 * first + 16_000_000 * converts


SHARED_KEYS: Final = 519_000_000
"""8 keys written."""
REFUND: Final = 457_000_000
"""5 keys written."""
SETTLE: Final = 954_000_000
"""12 keys written."""
SET_RATES: Final = 72_000_000
"""1 key written."""
SUSPEND: Final = 84_800_000
"""1 key written."""


def settle_due(batches: int) -> int:
    """1033 keys written.

    `batches` 1 to 256.
    """
    return 650_000_000 + 386_000_000 * batches


NOTHING_DUE: Final = 20_700_000
"""0 keys written."""


def prune(undisputed: int, disputed: int) -> int:
    """1281 keys written.

    `undisputed` 1 to 256, `disputed` 0 to 256.
    """
    return 78_700_000 + 141_000_000 * undisputed + 206_000_000 * disputed


REGISTER_CARD: Final = 474_000_000
"""4 keys written."""
SET_CARD: Final = 86_100_000
"""1 key written."""
DROP_CARD: Final = 350_000_000
"""5 keys written."""
FREEZE_CARD: Final = 81_500_000
"""1 key written."""


def charge_card(policies: int, first: int, converts: int, is_p256: int) -> int:
    """6 keys written.

    `policies` 0 to 3, `first` 0 to 1, `converts` 0 to 1, `is_p256` 0 to 1.
    """
    return (
        484_000_000
        + 20_700_000 * policies
        + 232_000_000 * first
        + 26_400_000 * converts
        + 87_500_000 * is_p256
    )


def authorise(policies: int, converts: int, is_p256: int) -> int:
    """9 keys written.

    `policies` 0 to 3, `converts` 0 to 1, `is_p256` 0 to 1.
    """
    return 792_000_000 + 31_600_000 * policies + 20_000_000 * converts + 85_800_000 * is_p256


def capture(first: int, closes: int) -> int:
    """10 keys written.

    `first` 0 to 1, `closes` 0 to 1.
    """
    return 471_000_000 + 193_000_000 * first + 215_000_000 * closes


VOID: Final = 529_000_000
"""7 keys written."""


def void_expired(auths: int) -> int:
    """449 keys written.

    `auths` 1 to 64.
    """
    return 96_200_000 + 529_000_000 * auths


def end_retired(cards: int) -> int:
    """257 keys written.

    `cards` 1 to 64.
    """
    return 90_800_000 + 288_000_000 * cards


DISPUTE: Final = 766_000_000
"""9 keys written."""
ANSWER: Final = 683_000_000
"""8 keys written."""
WITHDRAW_DISPUTE: Final = 1_560_000_000
"""19 keys written."""
RESOLVE: Final = 1_730_000_000
"""19 keys written."""


def end_phases(disputes: int) -> int:
    """49 keys written.

    `disputes` 1 to 16.
    """
    return 117_000_000 + 270_000_000 * disputes


def end_judgements(disputes: int) -> int:
    """249 keys written.

    `disputes` 1 to 16.
    """
    return 597_000_000 + 1_680_000_000 * disputes


def end_answers(disputes: int) -> int:
    """130 keys written.

    `disputes` 1 to 16.
    """
    return 429_000_000 + 832_000_000 * disputes


SET_POLICY: Final = 113_000_000
"""1 key written."""
SET_OWN_POLICY: Final = 110_000_000
"""1 key written."""
SET_ARBITERS: Final = 830_000_000
"""1 key written."""
BOND_ARBITER: Final = 223_000_000
"""3 keys written."""
UNBOND_ARBITER: Final = 305_000_000
"""4 keys written."""
