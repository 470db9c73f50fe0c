"""Weights of Incentives. Written by `make weights`: do not edit.

Measured on 2 x AMD EPYC, CPython 3.11.7,
on 2026-11-23; `git log` of this file names the commit.
Picoseconds, with a margin of 15 percent, and keys that are written.
"""

from __future__ import annotations

from typing import Final

SET_RULE: Final = 73_400_000
"""1 key written."""


def subscribe(months: int) -> int:
    """30 keys written.

    `months` 1 to 12.
    """
    return 545_000_000 + 136_000_000 * months


PUBLISH_KEYS: Final = 1_850_000_000
"""6 keys written."""
CLOSE_MONTH: Final = 236_000_000
"""3 keys written."""


def redeem(vouchers: int) -> int:
    """75 keys written.

    `vouchers` 1 to 64.
    """
    return 863_000_000 + 121_000_000 * vouchers


def credit(accounts: int) -> int:
    """136 keys written.

    `accounts` 1 to 64.
    """
    return 563_000_000 + 156_000_000 * accounts


def load_epochs(epochs: int) -> int:
    """49 keys written.

    `epochs` 1 to 16.
    """
    return 91_000_000 + 214_000_000 * epochs


REDEEM_FOR_BTT: Final = 600_000_000
"""8 keys written."""
REDEEM_AT_PARTNER: Final = 718_000_000
"""8 keys written."""
PLACE: Final = 583_000_000
"""6 keys written."""
CONTRIBUTE_SAVINGS: Final = 206_000_000
"""2 keys written."""
ATTEST_CREDENTIAL: Final = 275_000_000
"""3 keys written."""
END_AUDIT: Final = 1_320_000_000
"""15 keys written."""
REPORT_AUDIT: Final = 441_000_000
"""1 key written."""
ANSWER_AUDIT: Final = 225_000_000
"""3 keys written."""
SETTLE_AUDIT: Final = 1_940_000_000
"""15 keys written."""
ENLIST: Final = 356_000_000
"""1 key written."""
RETIRE: Final = 197_000_000
"""1 key written."""
SET_PLACEMENT_FEE: Final = 70_000_000
"""1 key written."""
LOOK: Final = 8_550_000
"""0 keys written."""
STEP: Final = 154_000_000
"""2 keys written."""


def select(auditors: int) -> int:
    """3 keys written.

    `auditors` 0 to 256.
    """
    return 281_000_000 + 60_700_000 * auditors


def reselect(auditors: int) -> int:
    """3 keys written.

    `auditors` 0 to 256.
    """
    return 326_000_000 + 1_260_000 * auditors


def remove(entries: int) -> int:
    """256 keys written.

    `entries` 0 to 32.
    """
    return 233_000_000 + 526_000_000 * entries
