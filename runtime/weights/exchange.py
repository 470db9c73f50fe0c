"""Weights of Exchange. Written by `make weights`: do not edit.

Measured on 2 x AMD EPYC, CPython 3.11.7,
on 2026-11-22, at commit 1cb4f7f9.
Picoseconds, with a margin of 30 percent, and keys that are written.
"""

from __future__ import annotations

from typing import Final

LIST_ASSET: Final = 291_000_000
"""2 keys written."""
LIST_PREMIUM: Final = 1_020_000_000
"""8 keys written."""
DELIST: Final = 325_000_000
"""3 keys written."""


def place_order(own: int, levels: int, immediate: int) -> int:
    """9 keys written.

    `own` 0 to 31, `levels` 0 to 255, `immediate` 0 to 255.
    """
    return 973_000_000 + 10_900_000 * own + 4_210_000 * levels + 1_100_000 * immediate


CANCEL_ORDER: Final = 742_000_000
"""6 keys written."""
SET_PARAMS: Final = 117_000_000
"""1 key written."""
READMIT: Final = 115_000_000
"""1 key written."""


def open_block(assets: int, retired: int) -> int:
    """100 keys written.

    `assets` 0 to 100, `retired` 0 to 100.
    """
    return 170_000_000 + 29_100_000 * assets + 136_000_000 * retired


def hold_auction(orders: int) -> int:
    """2057 keys written.

    `orders` 2 to 256.
    """
    return 2_970_000_000 + 1_190_000_000 * orders


def end_immediate(orders: int) -> int:
    """1537 keys written.

    `orders` 0 to 256.
    """
    return 110_000_000 + 724_000_000 * orders
