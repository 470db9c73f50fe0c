"""Amounts of money as typed and printed: exact, and always with a unit.

A number without a unit is refused: a BTT is 10^18 planck. Nothing is ever rounded: an amount with
too many decimals is refused, and every printed amount can be typed again.
"""

from __future__ import annotations

import re
from typing import Final

from btt_chain.lazyclass import dataclass

PLANCK: Final = "planck"
"""The smallest unit, of any chain."""

LARGEST: Final = (1 << 128) - 1
"""Amounts are u128 on the wire."""

# Number of decimals below that of the whole unit. `u` means µ on keyboards without it.
_PREFIXES: Final = {"": 0, "m": 3, "u": 6, "µ": 6, "\u03bc": 6, "n": 9}

_NUMBER: Final = r"([0-9]+(?:_[0-9]+)*)(?:\.([0-9]+(?:_[0-9]+)*))?"
_WORD: Final = r"[^\W\d_]+"
_BARE: Final = r"[0-9][0-9_]*(?:\.[0-9_]+)?"

_MAX_DIGITS: Final = 80
"""More than any amount has, with its underscores; limits hostile input."""


class AmountError(ValueError):
    """The text is not an amount; the message has the reason and the right form."""


@dataclass(frozen=True, slots=True)
class Currency:
    """The money of a chain: its symbol, and how many decimals the whole unit has."""

    symbol: str = "BTT"
    decimals: int = 18

    @property
    def units(self) -> dict[str, int]:
        """Every unit that can be typed, and its decimals in planck."""
        units = {PLANCK: 0}
        for prefix, fewer in _PREFIXES.items():
            if self.decimals >= fewer:
                units[prefix + self.symbol] = self.decimals - fewer
        return units

    def parse(self, text: str) -> int:
        """Return the planck of `text`, such as `1.5BTT`, `20 mBTT` or `1_000 planck`.

        AmountError if the unit is missing or unknown, for more decimals than the unit has, and for
        more than a u128 holds.
        """
        text = text.strip()
        if len(text) > _MAX_DIGITS:
            raise AmountError(f"an amount has at most {_MAX_DIGITS} characters")
        number = re.match(_NUMBER, text)
        unit = text[number.end() :].strip() if number else ""
        if number is None or not (re.fullmatch(_WORD, unit) or unit in self.units):
            raise AmountError(self._what_is_wrong(text))
        whole, fraction = number[1], (number[2] or "").replace("_", "")
        decimals = self._decimals(unit)
        if len(fraction) > decimals:
            raise AmountError(
                f"{text!r} has {len(fraction)} decimals, {unit} has {decimals or 'none'}; "
                "amounts are never rounded"
            )
        planck = int(whole.replace("_", "") + fraction.ljust(decimals, "0"))
        if planck > LARGEST:
            raise AmountError(f"{text!r} is more than any account can hold (2^128 - 1 planck)")
        return planck

    def format(self, planck: int) -> str:
        """Return `planck` exactly, in whole units, or in planck if that is easier to read."""
        if planck < 0:
            return f"-{self.format(-planck)}"
        # Below a millionth, a reader would have to count zeros.
        if 0 < planck < 10 ** max(self.decimals - 6, 0):
            return f"{planck:_} {PLANCK}"
        whole, rest = divmod(planck, 10**self.decimals)
        fraction = f"{rest:0{self.decimals}}".rstrip("0") if rest else ""
        return f"{whole:_}{'.' if fraction else ''}{fraction} {self.symbol}"

    def _decimals(self, unit: str) -> int:
        units = self.units
        if unit in units:
            return units[unit]
        # Only if no other case is another unit: mBTT and MBTT are different.
        for name in (PLANCK, self.symbol):
            if unit.lower() == name.lower():
                return units[name]
        raise AmountError(f"unknown unit {unit!r}; known are {', '.join(units)}")

    def _what_is_wrong(self, text: str) -> str:
        example = f"1.5{self.symbol} or 1_000{PLANCK}"
        if re.fullmatch(_BARE, text):
            return f"{text!r} has no unit; write {text}{self.symbol} or {text}{PLANCK}"
        if text.startswith("-"):
            return f"{text!r} is negative"
        if "," in text:
            return f"{text!r} has a comma; write decimals with a point and thousands with _"
        return f"{text!r} is not an amount; write it like {example}"


BTT: Final = Currency()
"""The money of BTT chains: 1 BTT = 10^18 planck."""
