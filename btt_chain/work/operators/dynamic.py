"""Operators that make rows with scales of their own (kinds D8 and D16).

Static scales fail for transformers: some channels are 30 to 100 times larger than others, and rows
differ in norm. Here each row is divided by its own largest number, which is found when the row is
computed. All numbers are integers; `base.RowOperator` has the rules of judgement.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isqrt
from operator import mul
from typing import ClassVar, Final, Self

from btt_chain.scale import i16, u8, u16
from btt_chain.work.arithmetic import ROW_MANTISSA, RowScale, narrowed, shifted
from btt_chain.work.errors import ModelRefused
from btt_chain.work.operators.base import (
    Inputs,
    RowOperator,
    check_accumulator,
    elements_of_row,
    expect,
    whole_row,
)
from btt_chain.work.tensors import (
    RECORD_TAIL,
    ROWS,
    SMALL,
    Kind,
    Tensor,
    TensorId,
    Weights,
)

BIAS_BITS: Final = 20
"""Fraction bits of biases and offsets: they are real numbers up to 2,048."""
MAX_WEIGHT_SHIFT: Final = 63
MAX_CHANNEL_FACTOR: Final = 1 << 15
MAX_ALIGNED: Final = 14
"""Maximum bits by which the larger of two terms is shifted to the scale of the smaller one."""
PART_BITS: Final = 16
"""Fraction bits of an element of a row over the root of the row's mean square."""
GAIN_BITS: Final = 12
MAX_NORMALIZED: Final = 1 << 13
"""Maximum length of a normalised row: its sums fit 64 bits."""


def narrow_row(read: Inputs, tensor: int, row: int) -> Sequence[int]:
    """Return the elements of a row as numbers of 8 bits, as products read them."""
    elements = read.row(tensor, row)
    wide = read.tensor(tensor).kind is Kind.D16
    return [narrowed(element) for element in elements] if wide else elements


def narrow_scale(read: Inputs, tensor: int, row: int) -> RowScale:
    """Return the scale of these elements."""
    mantissa, exponent = read.scale(tensor, row)
    return RowScale(mantissa, exponent + 8 * (read.tensor(tensor).kind is Kind.D16))


class RowLinear(RowOperator, index=24):
    """Each row, as numbers of 8 bits, times the weights, plus bias.

    A record is the column's weights (int8), its bias (int32, in 2^-20) and its factor (u32, 1 to
    2^15): the scale of a channel is factor / 2^shift.
    """

    x: TensorId
    weights: Weights
    """The limit is that of the sums of products, without bias."""
    shift: u8

    reads: ClassVar[frozenset[Kind]] = ROWS

    @property
    def inputs(self) -> tuple[int, ...]:
        """The input."""
        return (int(self.x),)

    @property
    def constants(self) -> Weights:
        """The weights, biases and factors."""
        return self.weights

    def with_constants(self, constants: Weights) -> Self:
        """Return the layer with other weights."""
        return type(self)(self.x, constants, self.shift)

    def check(self, name: str, inputs: Sequence[Tensor], out: Tensor) -> None:
        """Check that rows become rows of any other length."""
        expect(name, out, (*inputs[0].dims[:-1], out.dims[-1]))
        check_accumulator(name, int(self.weights.limit))
        if self.shift > MAX_WEIGHT_SHIFT:
            raise ModelRefused.at(name, f"a shift of {int(self.shift)}, allowed are up to 63")

    def macs(self, inputs: Sequence[Tensor], out: Tensor) -> int:
        """Return one multiplication for each weight of each output element."""
        return out.size * inputs[0].dims[-1]

    def record_bytes(self, inputs: Sequence[Tensor]) -> int:
        """Return the length of a column, its bias and its factor."""
        return inputs[0].dims[-1] + RECORD_TAIL

    def openings(self, tensor: Tensor) -> tuple[int, int]:
        """Return the openings of one row."""
        return whole_row(tensor)

    @property
    def checked_by_vectors(self) -> bool:
        """True if random vectors can check it: always."""
        return True

    def accumulator_limit(self, inputs: Sequence[Tensor]) -> int:
        """Return the limit of the weights."""
        return int(self.weights.limit)

    def exact(self, index: int, out: Tensor, read: Inputs) -> int:
        """Multiply a row by one column, and add the bias in the same unit."""
        row, channel = divmod(index, out.dims[-1])
        weights, bias, factor = read.record(channel)
        total: int = sum(map(mul, narrow_row(read, self.x, row), weights))
        mantissa, exponent = narrow_scale(read, self.x, row)
        lift = self._lift(exponent)
        inverse = (1 << 40) // mantissa
        return shifted(total * factor, max(lift, 0)) + shifted(bias * inverse, max(-lift, 0))

    def unit(self, row: int, out: Tensor, read: Inputs) -> RowScale:
        """Return the scale of the input's row over 2^shift, or that of the biases if it is less."""
        mantissa, exponent = narrow_scale(read, self.x, row)
        return RowScale(mantissa, exponent - int(self.shift) + max(self._lift(exponent), 0))

    def _lift(self, exponent: int) -> int:
        """Return the bits by which sums are shifted to the unit of the biases; negative: these."""
        return int(self.shift) - exponent - 40 - BIAS_BITS


class AddRows(RowOperator, index=25):
    """Sums of rows with scales of their own, aligned to the smaller scale.

    If that is more than 2^14 times smaller, they are aligned to 2^-14 of the larger one.
    """

    a: TensorId
    b: TensorId

    reads: ClassVar[frozenset[Kind]] = ROWS

    @property
    def inputs(self) -> tuple[int, ...]:
        """Both terms."""
        return int(self.a), int(self.b)

    def check(self, name: str, inputs: Sequence[Tensor], out: Tensor) -> None:
        """Check that all shapes are equal."""
        for tensor in inputs:
            expect(name, out, tensor.dims)

    def openings(self, tensor: Tensor) -> tuple[int, int]:
        """Return the openings of an element, of the largest one, and of the tail of their row."""
        return elements_of_row(tensor, 2)

    def exact(self, index: int, out: Tensor, read: Inputs) -> int:
        """Add two elements."""
        row = index // out.dims[-1]
        _, to = self.unit(row, out, read)
        total = 0
        for tensor in self.inputs:
            mantissa, exponent = read.scale(tensor, row)
            total += shifted(read.one(tensor, index) * mantissa, to - exponent)
        return total

    def unit(self, row: int, out: Tensor, read: Inputs) -> RowScale:
        """Return the power of two to which both are aligned."""
        exponents = [read.scale(tensor, row).exponent for tensor in self.inputs]
        return RowScale(1, max(min(exponents), max(exponents) - MAX_ALIGNED))


class Norm(RowOperator, index=21):
    """Each row, minus its mean if `centred`, over its root mean square; times gain, plus offset.

    A record is the offset (int32, in 2^-20) and the gain (int32, in 2^-12) of a channel. The result
    does not depend on the scale of the input's rows. A row of equal elements has no deviation: its
    centred result is the offset.
    """

    x: TensorId
    weights: Weights
    centred: bool

    reads: ClassVar[frozenset[Kind]] = ROWS | {Kind.I16}

    @property
    def inputs(self) -> tuple[int, ...]:
        """The rows."""
        return (int(self.x),)

    @property
    def constants(self) -> Weights:
        """The offsets and gains."""
        return self.weights

    def with_constants(self, constants: Weights) -> Self:
        """Return the normalisation with other offsets and gains."""
        return type(self)(self.x, constants, self.centred)

    def check(self, name: str, inputs: Sequence[Tensor], out: Tensor) -> None:
        """Check that the sums of a row are exact."""
        expect(name, out, inputs[0].dims)
        if out.dims[-1] > MAX_NORMALIZED:
            raise ModelRefused.at(name, f"rows of {out.dims[-1]}, allowed are {MAX_NORMALIZED}")

    def record_bytes(self, inputs: Sequence[Tensor]) -> int:
        """Return the length of an offset and a gain."""
        return RECORD_TAIL

    def openings(self, tensor: Tensor) -> tuple[int, int]:
        """Return the openings of one row."""
        return whole_row(tensor)

    def exact(self, index: int, out: Tensor, read: Inputs) -> int:
        """Normalise one element by its row."""
        row, at = divmod(index, out.dims[-1])
        _, offset, bits = read.record(at)
        gain = bits - (1 << 32) if bits >> 31 else bits
        elements = read.row(self.x, row)
        count, total = len(elements), sum(elements) if self.centred else 0
        root = isqrt(count * sum(map(mul, elements, elements)) - total * total)
        part = ((count * elements[at] - total) << PART_BITS) // max(root, 1)
        return part * gain + (offset << PART_BITS + GAIN_BITS - BIAS_BITS)

    def unit(self, row: int, out: Tensor, read: Inputs) -> RowScale:
        """Return 2^-28: that of parts and gains."""
        return RowScale(1, -PART_BITS - GAIN_BITS)


class ToRows(RowOperator, index=26):
    """Rows of elements with one scale, each with a scale of its own."""

    x: TensorId
    mantissa: u16
    """The scale of the input is mantissa * 2^exponent."""
    exponent: i16

    reads: ClassVar[frozenset[Kind]] = SMALL | {Kind.I32}

    @property
    def inputs(self) -> tuple[int, ...]:
        """The rows."""
        return (int(self.x),)

    def check(self, name: str, inputs: Sequence[Tensor], out: Tensor) -> None:
        """Check the shape and the scale."""
        expect(name, out, inputs[0].dims)
        if self.mantissa >> ROW_MANTISSA - 1 != 1:
            raise ModelRefused.at(name, f"the mantissa {int(self.mantissa)} is below 2^15")

    def openings(self, tensor: Tensor) -> tuple[int, int]:
        """Return the openings of an element and of the largest one."""
        return elements_of_row(tensor, 2)

    def exact(self, index: int, out: Tensor, read: Inputs) -> int:
        """Return one element, counted from its zero."""
        return read.one(self.x, index) - read.zero(self.x)

    def unit(self, row: int, out: Tensor, read: Inputs) -> RowScale:
        """Return the scale of the input."""
        return RowScale(int(self.mantissa), int(self.exponent))
