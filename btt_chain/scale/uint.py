"""Integers that raise errors outside of the range of their type.

`u128(5) + 3` is a `u128` again or an error, never a wrapped value and never a plain `int` too large
for the wire. Bit operations, powers and negation return plain ints: they are for arithmetic that is
converted back once, at the end. Division rounds down.
"""

from __future__ import annotations

from operator import index
from typing import ClassVar, Self, TypeVar


class Overflow(ArithmeticError):
    """A result is larger than its type can hold."""


class Underflow(ArithmeticError):
    """A result is smaller than its type can hold."""


class DivisionByZero(ArithmeticError):
    """A division by zero."""


class Integer(int):
    """An integer of fixed width; `Uint` and `Int` say whether it has a sign.

    `path` makes a newtype (`class Perbill(u32, path="sp_arithmetic::per_things::Perbill")`):
    the same bytes with its own name. `top` lowers the largest value allowed.
    """

    __slots__ = ()
    BYTES: ClassVar[int] = 0
    MIN: ClassVar[int] = 0
    MAX: ClassVar[int] = 0
    SIGNED: ClassVar[bool] = False
    PATH: ClassVar[str] = ""
    FULL_RANGE: ClassVar[bool] = True

    def __init_subclass__(
        cls, bits: int | None = None, path: str = "", top: int | None = None
    ) -> None:
        cls.PATH = path
        if bits is not None:
            cls.BYTES = bits // 8
            cls.MIN, cls.MAX = (
                (-(1 << bits - 1), (1 << bits - 1) - 1) if cls.SIGNED else (0, (1 << bits) - 1)
            )
        if top is not None:
            cls.MAX = top
            cls.FULL_RANGE = False

    def __new__(cls, value: int = 0) -> Self:
        """Check that `value` fits; raise `Overflow` or `Underflow` when it does not."""
        n = int.__new__(cls, value if value.__class__ is int else index(value))
        if n > cls.MAX:
            raise Overflow(f"{int(n)} does not fit {cls.__name__}")
        if n < cls.MIN:
            raise Underflow(f"{int(n)} does not fit {cls.__name__}")
        return n

    @classmethod
    def saturated(cls, value: int) -> Self:
        """Return `value`, or the nearest number of this type."""
        return int.__new__(cls, min(max(value, cls.MIN), cls.MAX))

    def __add__(self, other: int) -> Self:
        n, kind = int.__add__(self, other), self.__class__
        if n.__class__ is int and kind.MIN <= n <= kind.MAX:
            return int.__new__(kind, n)
        return _fit(self, n)

    def __radd__(self, other: int) -> Self:
        return _fit(self, int.__add__(self, other))

    def __sub__(self, other: int) -> Self:
        n, kind = int.__sub__(self, other), self.__class__
        if n.__class__ is int and kind.MIN <= n <= kind.MAX:
            return int.__new__(kind, n)
        return _fit(self, n)

    def __rsub__(self, other: int) -> Self:
        return _fit(self, int.__rsub__(self, other))

    def __mul__(self, other: int) -> Self:
        product = int.__mul__(self, other)
        if product is NotImplemented and not isinstance(other, float):
            return NotImplemented  # possibly a list to repeat
        return _fit(self, product)

    def __rmul__(self, other: int) -> Self:
        return self.__mul__(other)

    def __floordiv__(self, other: int) -> Self:
        if other == 0:
            raise DivisionByZero
        return _fit(self, int.__floordiv__(self, other))

    def __rfloordiv__(self, other: int) -> Self:
        if self == 0:
            raise DivisionByZero
        return _fit(self, int.__rfloordiv__(self, other))

    def __mod__(self, other: int) -> Self:
        if other == 0:
            raise DivisionByZero
        return _fit(self, int.__mod__(self, other))

    def __rmod__(self, other: int) -> Self:
        if self == 0:
            raise DivisionByZero
        return _fit(self, int.__rmod__(self, other))

    def __divmod__(self, other: int) -> tuple[Self, Self]:
        return self // other, self % other

    def __rdivmod__(self, other: int) -> tuple[Self, Self]:
        return other // self, other % self


N = TypeVar("N", bound=Integer)


def _fit(like: N, n: int) -> N:
    """Return `n` as a number of the type of `like`.

    Rejects non-integers: otherwise `u128(1) + 0.5` would be a float.
    """
    kind = like.__class__
    if n is NotImplemented:
        raise TypeError(f"{kind.__name__} is counted with whole numbers only")
    if n > kind.MAX:
        raise Overflow(f"{n} does not fit {kind.__name__}")
    if n < kind.MIN:
        raise Underflow(f"{n} does not fit {kind.__name__}")
    return int.__new__(kind, n)


class Uint(Integer):
    """An unsigned integer."""

    __slots__ = ()


class Int(Integer):
    """A signed integer, two's complement on the wire."""

    __slots__ = ()
    SIGNED = True


class u8(Uint, bits=8):
    """0 to 255."""

    __slots__ = ()


class u16(Uint, bits=16):
    """0 to 2^16 - 1."""

    __slots__ = ()


class u32(Uint, bits=32):
    """0 to 2^32 - 1."""

    __slots__ = ()


class u64(Uint, bits=64):
    """0 to 2^64 - 1."""

    __slots__ = ()


class u128(Uint, bits=128):
    """0 to 2^128 - 1: the type of money."""

    __slots__ = ()


class u256(Uint, bits=256):
    """0 to 2^256 - 1: for accumulators of products."""

    __slots__ = ()


class i8(Int, bits=8):
    """-2^7 to 2^7 - 1."""

    __slots__ = ()


class i16(Int, bits=16):
    """-2^15 to 2^15 - 1."""

    __slots__ = ()


class i32(Int, bits=32):
    """-2^31 to 2^31 - 1."""

    __slots__ = ()


class i64(Int, bits=64):
    """-2^63 to 2^63 - 1."""

    __slots__ = ()


class i128(Int, bits=128):
    """-2^127 to 2^127 - 1."""

    __slots__ = ()
