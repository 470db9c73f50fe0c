"""Weights of Exchange. Written by `make weights`: do not edit.

Measured on 2 x AMD EPYC, CPython 3.11.7,
on 2026-11-22; `git log` of this file names the commit.
Picoseconds, with a margin of 15 percent, and keys that are written.
"""

from __future__ import annotations

from typing import Final

LIST_ASSET: Final = 198_000_000
"""2 keys written."""
LIST_PREMIUM: Final = 668_000_000
"""8 keys written."""
DELIST: Final = 204_000_000
"""3 keys written."""


def place_order(own: int, levels: int, immediate: int) -> int:
    """9 keys written.

    `own` 0 to 31, `levels` 0 to 255, `immediate` 0 to 255.
    """
    return 648_000_000 + 7_750_000 * own + 3_550_000 * levels + 964_000 * immediate


CANCEL_ORDER: Final = 472_000_000
"""6 keys written."""
SET_PARAMS: Final = 73_700_000
"""1 key written."""
READMIT: Final = 74_100_000
"""1 key written."""


def open_block(assets: int, retired: int) -> int:
    """100 keys written.

    `assets` 0 to 100, `retired` 0 to 100.
    """
    return 267_000_000 + 24_900_000 * assets + 89_900_000 * retired


def hold_auction(orders: int) -> int:
    """2057 keys written.

    `orders` 2 to 256.
    """
    return 2_900_000_000 + 869_000_000 * orders


def end_immediate(orders: int) -> int:
    """1537 keys written.

    `orders` 0 to 256.
    """
    return 70_000_000 + 475_000_000 * orders
