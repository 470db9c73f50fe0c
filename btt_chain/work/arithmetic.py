"""The basic formulas, in integers.

Requantising is ONNX's: the accumulator and its product with the scale are each rounded to binary32,
then to an integer, halves to even. Here that is done on mantissas, with the same result as on an
IEEE machine (property-tested against numpy). The others are integers by definition.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from math import isqrt
from typing import Final, NamedTuple

MANTISSA_BITS: Final = 24
_FRACTION_BITS: Final = 23
_EXPONENT_BIAS: Final = 150
"""Exponent bias of a mantissa that is read as an integer of 24 bits."""
MIN_EXPONENT: Final = 64
MAX_EXPONENT: Final = 190
"""Limits of scales, 2^-63 to 2^64: no product with an accumulator is subnormal or infinite."""

SHARE_BITS: Final = 32
BYTE_SHARES: Final = 8
"""Fraction bits of shares in elements of 8 bits."""
WIDE_SHARES: Final = 15
"""Fraction bits of shares in elements of 16 bits."""
ROOT_BITS: Final = 8
INVERSE_BITS: Final = 44
PART_BITS: Final = 12
"""Fraction bits of a deviation in a normalised row: it is 2^12 parts."""
ROW_BITS: Final = 24
"""Significant bits of numbers of which the elements of a row with a scale of its own are made."""
RECIPROCAL_BITS: Final = 40
"""Fraction bits of the reciprocal of a row's largest number: with 24, it missed the peak."""
ROW_MANTISSA: Final = 16
MAX_ROW_NUMBER: Final = 1 << 62
"""Bound of the absolute value of an exact number of a row: it fits 64 bits with every rounding."""
MAX_ROW_EXPONENT: Final = (1 << 15) - 1
FIXED_BOUND: Final = 1 << 30
"""Numbers in fixed point are between this and its negative."""
FIXED_BITS: Final = 46
"""Significant bits of numbers that are multiplied by a mantissa."""
_PART_SHIFT: Final = INVERSE_BITS - ROOT_BITS // 2 - PART_BITS
_NARROWED: Final = (*range(128), 127, -127, *range(-127, 0))
"""Elements of 8 bits by rounded ones, -128 to 128: negative places count from the end."""

GATE_BITS: Final = 9
"""Fraction bits of the argument of a gate: it is in 1/512."""
GATE_LIMIT: Final = 8 << GATE_BITS
"""Arguments of a gate are -8 to just below 8; those beyond are clamped."""
GATE_ONE: Final = (1 << 15) - 1
"""The value 1 of a gate."""
_SERIES_BITS: Final = 128
"""Fraction bits of the series that `gate_table` is made of."""


def usable_scale(bits: int) -> bool:
    """Return True if these are the bits of a positive scale in the range of exact computation."""
    return MIN_EXPONENT <= bits >> _FRACTION_BITS <= MAX_EXPONENT


def shifted(value: int, shift: int) -> int:
    """Return `value / 2^shift`, rounded, halves to even."""
    if shift <= 0:
        return value << -shift
    quotient = value >> shift
    rest = value - (quotient << shift)
    half = 1 << (shift - 1)
    return quotient + (rest > half or (rest == half and quotient & 1 == 1))


def scaled(accumulator: int, bits: int) -> int:
    """Return the product with a scale, rounded as in binary32 arithmetic and then to an integer.

    `bits` must be a `usable_scale`, the accumulator fit 64 bits.
    """
    size = abs(accumulator)
    exponent = max(0, size.bit_length() - MANTISSA_BITS)
    size = shifted(size, exponent)
    scale = (bits & ((1 << _FRACTION_BITS) - 1)) | 1 << _FRACTION_BITS
    product = size * scale
    exponent += (bits >> _FRACTION_BITS) - _EXPONENT_BIAS
    surplus = max(0, product.bit_length() - MANTISSA_BITS)
    rounded = shifted(shifted(product, surplus), -(exponent + surplus))
    return -rounded if accumulator < 0 else rounded


def requantised(accumulator: int, bits: int, zero: int, low: int, high: int) -> int:
    """Return the element of an accumulator: scaled, shifted by the zero, clamped to the bounds."""
    return min(max(scaled(accumulator, bits) + zero, low), high)


def shares(row: Sequence[int], table: Sequence[int], bits: int = BYTE_SHARES) -> list[int]:
    """Return the softmax of a row in 2^-bits, each element below 1.

    There is one division for each row: `2^(32 + bits) // sum` is used for all its elements.
    """
    top = max(row)
    # There are at most 256 different elements, for any length of the row.
    weights = {element: int(table[top - element]) for element in dict.fromkeys(row)}
    inverse = (1 << (bits + SHARE_BITS)) // sum(map(weights.__getitem__, row))
    half = 1 << (SHARE_BITS - 1)
    found = {
        element: min((weight * inverse + half) >> SHARE_BITS, (1 << bits) - 1)
        for element, weight in weights.items()
    }
    return list(map(found.__getitem__, row))


def normalised(
    row: Sequence[int], at: int, epsilon: int, factor: int, offset: int, shift: int
) -> int:
    """Return an element of a row minus the mean, over the deviation, times factor, plus offset.

    With n elements, `n * x - sum` is n times the distance from the mean, and `n * sum of squares -
    sum^2` is n^2 times the variance: no division loses precision before the root.
    """
    count, total = len(row), sum(row)
    deviation = count * sum(element * element for element in row) - total * total + epsilon
    root = max(isqrt(deviation << ROOT_BITS), 1)
    parts = ((count * row[at] - total) * ((1 << INVERSE_BITS) // root)) >> _PART_SHIFT
    return shifted(parts * factor + offset, shift)


@cache
def gate_table() -> tuple[int, ...]:
    """Return the logistic function of -4,096/512 to 4,095/512, in 1/32,767.

    Computed in integers: the series of e^(1/512), and its powers. Their error is below 2^-100, no
    value is as near to a half, but for the argument 0, of which the value is exactly a half.
    """
    one = 1 << _SERIES_BITS
    step = term = one
    divisor = 1
    while term:
        term //= divisor << GATE_BITS
        step += term
        divisor += 1
    power = one
    upper: list[int] = []
    for _ in range(GATE_LIMIT + 1):
        upper.append((2 * GATE_ONE * power + one + power) // (2 * (one + power)))
        power = (power * step) >> _SERIES_BITS
    lower = [GATE_ONE - value for value in reversed(upper[1:])]
    return (*lower, *upper[:-1])


def logistic(argument: int) -> int:
    """Return the logistic function of a number in 1/512, in 1/32,767."""
    return gate_table()[min(max(argument, -GATE_LIMIT), GATE_LIMIT - 1) + GATE_LIMIT]


def hyperbolic(argument: int) -> int:
    """Return the hyperbolic tangent of a number in 1/512, in 1/32,767."""
    return 2 * logistic(2 * argument) - GATE_ONE


class RowScale(NamedTuple):
    """The value of a step of one row: mantissa * 2^exponent."""

    mantissa: int
    exponent: int


def row_element(number: int, largest: int, peak: int) -> int:
    """Return the element of an exact number: `peak` times its part of the row's largest one.

    `largest` is the largest absolute number of the row, below MAX_ROW_NUMBER.
    """
    surplus = max(0, largest.bit_length() - ROW_BITS)
    inverse = (peak << RECIPROCAL_BITS) // max(shifted(largest, surplus), 1)
    half = 1 << (RECIPROCAL_BITS - 1)
    element = (shifted(number, surplus) * inverse + half) >> RECIPROCAL_BITS
    return min(max(element, -peak), peak)


def row_scale(largest: int, unit: RowScale, peak: int) -> RowScale:
    """Return the scale of a row with elements up to `peak`, with a mantissa of 16 bits.

    `largest` is the largest absolute number of the row, `unit` the value of the number 1.
    """
    surplus = max(0, largest.bit_length() - ROW_BITS)
    step = (max(shifted(largest, surplus), 1) << ROW_MANTISSA) // peak
    product = unit.mantissa * step
    excess = product.bit_length() - ROW_MANTISSA
    mantissa = product >> excess if excess >= 0 else product << -excess
    exponent = unit.exponent + surplus + excess - ROW_MANTISSA
    return RowScale(mantissa, min(max(exponent, -MAX_ROW_EXPONENT - 1), MAX_ROW_EXPONENT))


def narrowed(elements: Sequence[int]) -> list[int]:
    """Return elements of 16 bits, of a row with a scale of its own, over 2^8, halves to even."""
    # A single expression: a proof may need it for thousands of elements.
    return [_NARROWED[(element + 127 + (element >> 8 & 1)) >> 8] for element in elements]


def fixed_point(number: int, exponent: int) -> int:
    """Return number * 2^exponent, rounded to an integer, at most FIXED_BOUND and its negative."""
    moved = number << min(exponent, 31) if exponent > 0 else shifted(number, -exponent)
    return min(max(moved, -FIXED_BOUND), FIXED_BOUND)


def fixed_value(number: int, scale: RowScale, bits: int) -> int:
    """Return the value of `number` steps of a scale, in fixed point with so many fraction bits."""
    surplus = max(0, abs(number).bit_length() - FIXED_BITS)
    return fixed_point(shifted(number, surplus) * scale.mantissa, scale.exponent + surplus + bits)
