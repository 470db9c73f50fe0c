"""The few formulas that everything rests on, in whole numbers.

Requantising is ONNX's: the accumulator and its product with the scale are each rounded to binary32,
then to a whole number, halves to even. Here that is done on mantissas, with the same result as an
IEEE machine gives (property-tested against numpy). The others are integers by definition.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isqrt
from typing import Final

MANTISSA_BITS: Final = 24
_FRACTION_BITS: Final = 23
_EXPONENT_BIAS: Final = 150
"""Of a mantissa that is read as a whole number of 24 bits."""
LEAST_EXPONENT: Final = 64
MOST_EXPONENT: Final = 190
"""Scales from 2^-63 to 2^64: no product with an accumulator is subnormal or infinite."""

SHARE_BITS: Final = 32
ROOT_BITS: Final = 8
INVERSE_BITS: Final = 44
PART_BITS: Final = 12
"""A deviation in a normalised row is 2^12 parts."""
_PART_SHIFT: Final = INVERSE_BITS - ROOT_BITS // 2 - PART_BITS


def usable_scale(bits: int) -> bool:
    """Whether these are the bits of a positive scale in the range that is computed exactly."""
    return LEAST_EXPONENT <= bits >> _FRACTION_BITS <= MOST_EXPONENT


def shifted(value: int, shift: int) -> int:
    """`value / 2^shift`, rounded, halves to even."""
    if shift <= 0:
        return value << -shift
    quotient = value >> shift
    rest = value - (quotient << shift)
    half = 1 << (shift - 1)
    return quotient + (rest > half or (rest == half and quotient & 1 == 1))


def scaled(accumulator: int, bits: int) -> int:
    """The product with a scale, rounded as binary32 arithmetic does and then to a whole number.

    `bits` must be a `usable_scale`, the accumulator fit 32 bits.
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
    """The element that an accumulator becomes: scaled, moved to the zero, kept within bounds."""
    return min(max(scaled(accumulator, bits) + zero, low), high)


def shares(row: Sequence[int], table: Sequence[int]) -> list[int]:
    """The softmax of a row in 1/256, each element at most 255.

    Row by row one division: `2^40 // sum` stands for all its elements.
    """
    top = max(row)
    # There are at most 256 different elements, however long the row is.
    weights = {element: int(table[top - element]) for element in dict.fromkeys(row)}
    inverse = (1 << (8 + SHARE_BITS)) // sum(map(weights.__getitem__, row))
    half = 1 << (SHARE_BITS - 1)
    found = {
        element: min((weight * inverse + half) >> SHARE_BITS, 255)
        for element, weight in weights.items()
    }
    return list(map(found.__getitem__, row))


def normalised(
    row: Sequence[int], at: int, epsilon: int, factor: int, offset: int, shift: int
) -> int:
    """One element of a row less the mean and over the deviation, times factor, plus offset.

    With n elements, `n * x - sum` is n times the distance from the mean, and `n * sum of squares -
    sum^2` is n^2 times the variance: no division loses anything before the root.
    """
    count, total = len(row), sum(row)
    spread = count * sum(element * element for element in row) - total * total + epsilon
    root = max(isqrt(spread << ROOT_BITS), 1)
    parts = ((count * row[at] - total) * ((1 << INVERSE_BITS) // root)) >> _PART_SHIFT
    return shifted(parts * factor + offset, shift)
