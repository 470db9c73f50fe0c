"""Weights of Incentives. Written by `make weights`: do not edit.

Measured on 2 x AMD EPYC, CPython 3.11.7,
on 2026-11-22; `git log` of this file names the commit.
Picoseconds, with a margin of 15 percent, and keys that are written.
"""

from __future__ import annotations

from typing import Final

SET_RULE: Final = 73_000_000
"""1 key written."""


def subscribe(months: int) -> int:
    """30 keys written.

    `months` 1 to 12.
    """
    return 558_000_000 + 134_000_000 * months


PUBLISH_KEYS: Final = 1_800_000_000
"""6 keys written."""
CLOSE_MONTH: Final = 236_000_000
"""3 keys written."""


def redeem(vouchers: int) -> int:
    """75 keys written.

    `vouchers` 1 to 64.
    """
    return 860_000_000 + 113_000_000 * vouchers


def credit(accounts: int) -> int:
    """198 keys written.

    `accounts` 1 to 64.
    """
    return 402_000_000 + 258_000_000 * accounts


def load_epochs(epochs: int) -> int:
    """65 keys written.

    `epochs` 1 to 64.
    """
    return 76_000_000 + 75_900_000 * epochs


REDEEM_FOR_BTT: Final = 664_000_000
"""9 keys written."""
REDEEM_AT_PARTNER: Final = 796_000_000
"""9 keys written."""
PLACE: Final = 594_000_000
"""6 keys written."""
CONTRIBUTE_SAVINGS: Final = 218_000_000
"""2 keys written."""
ATTEST_CREDENTIAL: Final = 359_000_000
"""4 keys written."""
END_AUDIT: Final = 1_320_000_000
"""15 keys written."""
REPORT_AUDIT: Final = 278_000_000
"""1 key written."""
ANSWER_AUDIT: Final = 226_000_000
"""3 keys written."""
SETTLE_AUDIT: Final = 1_460_000_000
"""15 keys written."""
ENLIST: Final = 371_000_000
"""1 key written."""
RETIRE: Final = 196_000_000
"""1 key written."""
SET_PLACEMENT_FEE: Final = 69_700_000
"""1 key written."""
LOOK: Final = 8_340_000
"""0 keys written."""
STEP: Final = 153_000_000
"""2 keys written."""


def select(auditors: int) -> int:
    """3 keys written.

    `auditors` 0 to 256.
    """
    return 280_000_000 + 105_000_000 * auditors


def reselect(auditors: int) -> int:
    """3 keys written.

    `auditors` 0 to 256.
    """
    return 298_000_000 + 718_000 * auditors


def remove(entries: int) -> int:
    """256 keys written.

    `entries` 0 to 32.
    """
    return 242_000_000 + 528_000_000 * entries
