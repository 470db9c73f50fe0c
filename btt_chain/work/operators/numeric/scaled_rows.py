"""Rows with scales of their own in int64: roundings, and the making of such rows.

Exact numbers are below 2^62, so that roundings do not overflow.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, TypeAlias

import numpy as np

from btt_chain.work.arithmetic import (
    FIXED_BITS,
    FIXED_BOUND,
    MAX_ROW_EXPONENT,
    RECIPROCAL_BITS,
    ROW_BITS,
    ROW_MANTISSA,
)
from btt_chain.work.model import Elements, Float32s, Int64s, Rows, rows_of, store_rows
from btt_chain.work.operators.numeric import blocks
from btt_chain.work.operators.numeric.kernel import Kernel, O_co
from btt_chain.work.tensors import Kind, Tensor

Units: TypeAlias = tuple[Int64s, Int64s]
"""Mantissas and exponents of rows."""

_MAX_SHIFT: Final = 63
"""From here on numbers up to 2^62 are rounded to 0."""


def rounded(numbers: Int64s, shift: Int64s | int) -> Int64s:
    """Return `arithmetic.shifted` of numbers up to 2^62, for shifts of 0 or more."""
    if not np.any(shift):
        return numbers.copy()
    shift = np.minimum(shift, _MAX_SHIFT)
    # Just below a half, and the rest of it where the quotient is odd.
    half = np.where(shift > 0, (np.int64(1) << np.maximum(shift, 1) - 1) - 1, 0)
    quotient = numbers >> shift
    quotient &= np.minimum(shift, 1)
    quotient += numbers
    quotient += half
    quotient >>= shift
    return quotient


def bit_lengths(numbers: Int64s) -> Int64s:
    """Return the number of bits of each number, from 0 to 2^62."""
    high = numbers >> 31
    lengths: Int64s = np.where(
        high > 0, 31 + np.frexp(high.astype(np.float64))[1], np.frexp(numbers.astype(np.float64))[1]
    ).astype(np.int64)
    return lengths


def fixed_points(numbers: Int64s, exponents: Int64s | int) -> Int64s:
    """Return `arithmetic.fixed_point` of numbers up to 2^62."""
    up = np.clip(exponents, 0, 31)
    bound = FIXED_BOUND >> up
    moved = np.clip(rounded(numbers, np.maximum(-exponents, 0)), -bound - 1, bound + 1)
    fixed: Int64s = np.clip(moved << up, -FIXED_BOUND, FIXED_BOUND)
    return fixed


def fixed_values(numbers: Int64s, units: Units, bits: int) -> Int64s:
    """Return `arithmetic.fixed_value` of the numbers of rows."""
    mantissa, exponent = units
    surplus = np.maximum(bit_lengths(np.abs(numbers)) - FIXED_BITS, 0)
    products = rounded(numbers, surplus) * mantissa[:, None]
    return fixed_points(products, exponent[:, None] + bits + surplus)


EXACT_LENGTH: Final = 1 << 10
"""Up to this length float32 adds products of two numbers of 7 bits exactly."""


def exact_products(a: Float32s, b: Float32s) -> Int64s:
    """Return rows of `a` times rows of `b`, all numbers of at most 7 bits and a sign."""
    total = np.zeros((*a.shape[:-1], b.shape[-2]), np.int64)
    for at in range(0, a.shape[-1], EXACT_LENGTH):
        part = slice(at, at + EXACT_LENGTH)
        total += np.matmul(a[..., part], b[..., part].swapaxes(-1, -2)).astype(np.int64)
    return total


def quantise_rows(numbers: Int64s, units: Units, out: Tensor) -> Rows:
    """Return rows of exact numbers (`arithmetic.row_element`, `row_scale`); the rows are an axis.

    `units` are the values of the number 1 in each row.
    """
    peak = out.kind.high
    sizes = np.abs(numbers)
    top = sizes.argmax(axis=1)
    largest = np.take_along_axis(sizes, top[:, None], axis=1)
    surplus = np.maximum(bit_lengths(largest) - ROW_BITS, 0)
    head = np.maximum(rounded(largest, surplus), 1)
    elements = rounded(numbers, surplus)
    elements *= np.int64(peak << RECIPROCAL_BITS) // head
    elements += np.int64(1 << (RECIPROCAL_BITS - 1))
    elements >>= RECIPROCAL_BITS
    np.clip(elements, -peak, peak, out=elements)
    mantissa, exponent = units
    product = mantissa * ((head[:, 0] << ROW_MANTISSA) // peak)
    excess = bit_lengths(product) - ROW_MANTISSA
    product = (product << np.maximum(-excess, 0)) >> np.maximum(excess, 0)
    exponent = exponent + surplus[:, 0] + excess - ROW_MANTISSA
    exponent = np.clip(exponent, -MAX_ROW_EXPONENT - 1, MAX_ROW_EXPONENT)
    return Rows(
        elements.astype(f"<i{out.kind.width}"),
        top.astype(np.uint32),
        product.astype(np.uint16),
        exponent.astype(np.int16),
    )


def narrow(tensor: Tensor, rows: Rows) -> tuple[Int64s, Units]:
    """Return the elements of rows as products read them, in 8 bits, and their scales."""
    elements, exponent = rows.elements.astype(np.int64), rows.exponent.astype(np.int64)
    if tensor.kind is Kind.D16:
        elements = np.clip(rounded(elements, 8), -127, 127)
        exponent += 8
    return elements, (rows.mantissa.astype(np.int64), exponent)


def pieces(count: int, length: int) -> Iterator[slice]:
    """Yield the rows to process at a time."""
    step = max(1, blocks.BLOCK_ELEMENTS // length)
    for at in range(0, count, step):
        yield slice(at, at + step)


def flat_rows(tensor: Tensor, stored: Elements) -> Rows:
    """Return rows of which the tails have one axis."""
    return rows_of(tensor, stored.reshape(-1, tensor.row_bytes))


class RowKernel(Kernel[O_co]):
    """An operator that makes rows with scales of their own, prepared for execution."""

    def write(
        self, made: Elements, count: int, numbers: Callable[[slice], tuple[Int64s, Units]]
    ) -> None:
        """Store rows: `numbers` returns the exact numbers and units of some of the `count` rows."""
        flat = made.reshape(-1, made.shape[-1])
        for part in pieces(count, self.out.dims[-1]):
            store_rows(self.out, quantise_rows(*numbers(part), self.out), flat[part])

    @staticmethod
    def wrong_claim(
        out: Tensor, right: Elements, said: Elements, first: int
    ) -> tuple[int, int | None]:
        """Return the tail of the first wrong row if that is wrong, or its first wrong element."""
        row = first // out.row_bytes
        honest, wrong = (rows_of(out, one.reshape(-1, out.row_bytes)[row]) for one in (right, said))
        if honest.top != wrong.top:
            return out.size + row, int(honest.top)
        if (honest.mantissa, honest.exponent) != (wrong.mantissa, wrong.exponent):
            return out.size + row, None
        at = int(np.flatnonzero(honest.elements != wrong.elements)[0])
        return row * out.dims[-1] + at, None
