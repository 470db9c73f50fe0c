"""Currencies of invoices: ISO 4217 codes and numbers, minor units, and amounts as text.

Amounts are integers in minor units (fen, cents, planck). Text has digits and one point at most: no
exponent, no sign, no separator, so that it cannot be read in two ways.
Source: ISO 4217; the number 999 means "no currency" there and stands for BTT here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from btt_chain.lazyclass import dataclass
from btt_chain.scale import u128

MAX_UNITS: Final = 2**128 - 1
MAX_AMOUNT_LENGTH: Final = 40
"""Characters of an amount: 2^128 planck in BTT have 21 before the point and 18 after it."""

_AMOUNT: Final = r"(0|[1-9][0-9]*)(?:\.([0-9]+))?"


class CurrencyError(ValueError):
    """A currency is unknown, or an amount cannot be expressed in it."""


@dataclass(frozen=True, slots=True)
class Currency:
    """A currency: its letters, its number in ISO 4217, and the decimals of its minor unit."""

    code: str
    number: int
    decimals: int

    def parse(self, text: str) -> u128:
        """Return a decimal amount in minor units. Raises CurrencyError with the reason."""
        if len(text) > MAX_AMOUNT_LENGTH:
            raise CurrencyError(f"amount: {len(text)} characters, at most {MAX_AMOUNT_LENGTH}")
        match = re.fullmatch(_AMOUNT, text)
        if match is None:
            raise CurrencyError(f"amount {text!r}: write digits with one point, such as 0.50")
        whole, part = match[1], match[2] or ""
        if len(part) > self.decimals:
            raise CurrencyError(f"amount {text!r}: {self.code} has {self.decimals} decimals")
        units = int(whole + part.ljust(self.decimals, "0"))
        if units > MAX_UNITS:
            raise CurrencyError(f"amount {text!r}: above the maximum of 2^128 - 1 minor units")
        return u128(units)

    def format(self, units: int) -> str:
        """Return minor units as a decimal amount; all decimals but those of BTT are written."""
        if not 0 <= units <= MAX_UNITS:
            raise CurrencyError(f"amount: {units} minor units are out of range")
        if not self.decimals:
            return str(units)
        whole, part = divmod(units, 10**self.decimals)
        digits = str(part).zfill(self.decimals)
        if self.code == BTT:
            digits = digits.rstrip("0")
        return f"{whole}.{digits}" if digits else str(whole)


BTT: Final = "BTT"
CURRENCIES: Final[Mapping[str, Currency]] = MappingProxyType(
    {
        each.code: each
        for each in (
            Currency(BTT, 999, 18),
            Currency("CNY", 156, 2),
            Currency("EUR", 978, 2),
            Currency("HKD", 344, 2),
            Currency("JPY", 392, 0),
            Currency("USD", 840, 2),
        )
    }
)
"""Currencies by their letters."""


def currency(code: str) -> Currency:
    """Return the currency with these letters. Raises CurrencyError for others."""
    found = CURRENCIES.get(code)
    if found is None:
        raise CurrencyError(f"currency {code!r}: use one of {', '.join(CURRENCIES)}")
    return found


def currency_by_number(number: int) -> Currency:
    """Return the currency with this number of ISO 4217. Raises CurrencyError for others."""
    for each in CURRENCIES.values():
        if each.number == number:
            return each
    known = ", ".join(f"{each.number:03} ({each.code})" for each in CURRENCIES.values())
    raise CurrencyError(f"currency {number:03}: use one of {known}")
