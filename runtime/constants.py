"""Units of money and time."""

from __future__ import annotations

from typing import Final

from btt_chain.scale import u128

PLANCK: Final = u128(1)
BTT: Final = u128(10**18)
"""One BTT in planck."""
SYMBOL: Final = "BTT"
DECIMALS: Final = 18
"""Decimals of a BTT in planck."""
MILLI_BTT: Final = u128(10**15)

SECOND_MS: Final = 1_000
HOUR_MS: Final = 3_600_000
DAY_MS: Final = 86_400_000
MONTH_MS: Final = 2_629_800_000
"""30.4375 days: a twelfth of 365.25 days."""
YEAR_MS: Final = 12 * MONTH_MS
