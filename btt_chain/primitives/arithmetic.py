"""Proportions in whole numbers.

Products are computed in plain ints, which cannot overflow; only results are checked. The rounding
is stated by each function. The newtypes hold raw parts: `Perbill(500_000_000)` is a half.
Source: sp_arithmetic (per_things, fixed_point) for names and units.
"""

from __future__ import annotations

from enum import Enum
from typing import ClassVar, Self

from btt_chain.primitives.meaning import BILLIONTHS, means
from btt_chain.scale import DivisionByZero, u32, u128


class Rounding(Enum):
    """The rounding of a division."""

    DOWN = "down"
    UP = "up"


def mul_div(a: int, b: int, c: int, rounding: Rounding = Rounding.DOWN) -> int:
    """Return `a * b / c` for numbers that are not negative; `DivisionByZero` if `c` is zero."""
    if c == 0:
        raise DivisionByZero
    # Plain ints: the product may well be larger than the type of its factors.
    product, divisor = int(a) * int(b), int(c)
    if rounding is Rounding.DOWN:
        return product // divisor
    return -(-product // divisor)


@means(BILLIONTHS)
class Perbill(u32, path="sp_arithmetic::per_things::Perbill", top=1_000_000_000):
    """Parts of a billion, at most a billion."""

    __slots__ = ()
    WHOLE: ClassVar[int] = 1_000_000_000

    @classmethod
    def from_rational(cls, part: int, whole: int) -> Self:
        """Return `part / whole`, rounded down; one if it is more than one."""
        return cls.saturated(mul_div(part, cls.WHOLE, whole))

    def of(self, amount: int, rounding: Rounding = Rounding.DOWN) -> int:
        """Return the share of `amount`."""
        return mul_div(amount, self, self.WHOLE, rounding)


class Permill(u32, path="sp_arithmetic::per_things::Permill", top=1_000_000):
    """Parts of a million, at most a million."""

    __slots__ = ()
    WHOLE: ClassVar[int] = 1_000_000

    @classmethod
    def from_rational(cls, part: int, whole: int) -> Self:
        """Return `part / whole`, rounded down; one if it is more than one."""
        return cls.saturated(mul_div(part, cls.WHOLE, whole))

    def of(self, amount: int, rounding: Rounding = Rounding.DOWN) -> int:
        """Return the share of `amount`."""
        return mul_div(amount, self, self.WHOLE, rounding)


class FixedU128(u128, path="sp_arithmetic::fixed_point::FixedU128"):
    """A number with eighteen decimals, from 0 to about 3.4 * 10^20."""

    __slots__ = ()
    ONE: ClassVar[int] = 10**18

    @classmethod
    def from_rational(cls, a: int, b: int, rounding: Rounding = Rounding.DOWN) -> Self:
        """Return `a / b`; `Overflow` if it does not fit."""
        return cls(mul_div(a, cls.ONE, b, rounding))

    def of(self, amount: int, rounding: Rounding = Rounding.DOWN) -> int:
        """Return the number times `amount`."""
        return mul_div(amount, self, self.ONE, rounding)
