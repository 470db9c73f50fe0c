"""Weights of Incentives. Written by `make weights`: do not edit.

Measured on 2 x AMD EPYC, CPython 3.11.7,
on 2026-11-23; `git log` of this file names the commit.
Picoseconds, with a margin of 15 percent, and keys that are written.
"""

from __future__ import annotations

from typing import Final

SET_RULE: Final = 73_200_000
"""1 key written."""


def subscribe(months: int) -> int:
    """30 keys written.

    `months` 1 to 12.
    """
    return 545_000_000 + 135_000_000 * months


PUBLISH_KEYS: Final = 1_880_000_000
"""6 keys written."""
CLOSE_MONTH: Final = 286_000_000
"""3 keys written."""


def redeem(vouchers: int) -> int:
    """75 keys written.

    `vouchers` 1 to 64.
    """
    return 886_000_000 + 115_000_000 * vouchers


def credit(accounts: int) -> int:
    """136 keys written.

    `accounts` 1 to 64.
    """
    return 518_000_000 + 154_000_000 * accounts


def load_epochs(epochs: int) -> int:
    """49 keys written.

    `epochs` 1 to 16.
    """
    return 77_900_000 + 215_000_000 * epochs


REDEEM_FOR_BTT: Final = 600_000_000
"""8 keys written."""
REDEEM_AT_PARTNER: Final = 717_000_000
"""8 keys written."""
PLACE: Final = 583_000_000
"""6 keys written."""
CONTRIBUTE_SAVINGS: Final = 206_000_000
"""2 keys written."""
ATTEST_CREDENTIAL: Final = 669_000_000
"""8 keys written."""
END_AUDIT: Final = 1_330_000_000
"""15 keys written."""
REPORT_AUDIT: Final = 461_000_000
"""1 key written."""
ANSWER_AUDIT: Final = 228_000_000
"""3 keys written."""
SETTLE_AUDIT: Final = 1_660_000_000
"""15 keys written."""
ENLIST: Final = 356_000_000
"""1 key written."""
RETIRE: Final = 198_000_000
"""1 key written."""
SET_PLACEMENT_FEE: Final = 69_900_000
"""1 key written."""
LOOK: Final = 8_320_000
"""0 keys written."""
STEP: Final = 154_000_000
"""2 keys written."""


def settle(auditors: int) -> int:
    """3 keys written.

    `auditors` 0 to 256.
    """
    return 217_000_000 + 57_200_000 * auditors


def reselect(auditors: int) -> int:
    """3 keys written.

    `auditors` 0 to 256.
    """
    return 328_000_000 + 1_380_000 * auditors


def remove(entries: int) -> int:
    """256 keys written.

    `entries` 0 to 32.
    """
    return 232_000_000 + 527_000_000 * entries
