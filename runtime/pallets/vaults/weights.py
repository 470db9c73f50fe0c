"""Weights of Vaults. Written by `make weights`: do not edit.

Measured on 2 x AMD EPYC, CPython 3.11.7,
on 2026-11-22; `git log` of this file names the commit.
Picoseconds, with a margin of 15 percent, and keys that are written.
"""

from __future__ import annotations

from typing import Final

CREATE_VAULT: Final = 835_000_000
"""11 keys written."""
DEPOSIT_VAULT: Final = 1_220_000_000
"""13 keys written."""


def withdraw_vault(orders: int) -> int:
    """111 keys written.

    `orders` 0 to 32.
    """
    return 1_310_000_000 + 285_000_000 * orders


def place_vault_order(own: int, levels: int) -> int:
    """9 keys written.

    `own` 0 to 31, `levels` 0 to 255.
    """
    return 743_000_000 + 8_130_000 * own + 3_970_000 * levels


CANCEL_VAULT_ORDER: Final = 498_000_000
"""6 keys written."""
ACCRUE_FEE: Final = 643_000_000
"""7 keys written."""
