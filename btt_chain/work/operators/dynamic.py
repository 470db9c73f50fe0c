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
from btt_chain.work.arithmetic import (
    ROW_MANTISSA,
    RowScale,
    fixed_point,
    fixed_value,
    narrowed,
    shifted,
)
from btt_chain.work.errors import ModelRefused
from btt_chain.work.functions import FUNCTION_BITS, Function, applied
from btt_chain.work.operators.base import (
    Inputs,
    Operator,
    RowOperator,
    check_accumulator,
    elements_of_row,
    expect,
    offset_and_factor,
    whole_row,
    within,
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
ANGLE_BITS: Final = 14
"""Fraction bits of cosines and sines."""
MAX_NORMALIZED: Final = 1 << 13
"""Maximum length of a normalised row: its sums fit 64 bits."""


def narrow_row(read: Inputs, tensor: int, row: int) -> Sequence[int]:
    """Return the elements of a row as numbers of 8 bits, as products read them."""
    width = read.tensor(tensor).dims[-1]
    return narrow_numbers(read, tensor, row * width, width)


def narrow_numbers(read: Inputs, tensor: int, start: int, length: int) -> Sequence[int]:
    """Return successive elements of a row as numbers of 8 bits."""
    elements = read.numbers(tensor, start, length)
    wide = read.tensor(tensor).kind is Kind.D16
    return narrowed(elements) if wide else elements


def narrow_scale(read: Inputs, tensor: int, row: int) -> RowScale:
    """Return the scale of these elements."""
    mantissa, exponent = read.scale(tensor, row)
    return RowScale(mantissa, exponent + 8 * (read.tensor(tensor).kind is Kind.D16))


class RowLinear(RowOperator, index=24):
    """Each row, as numbers of 8 bits, times the weights, plus bias; then a function of that.

    A record is the column's weights (int8), its bias (int32, in 2^-20) and its factor (u32, 1 to
    2^15): the scale of a channel is factor / 2^shift. A gated layer has two records for each
    channel: the function of the first product is multiplied by the second one.
    """

    x: TensorId
    weights: Weights
    """The limit is that of the sums of products, without bias."""
    shift: u8
    then: Function
    gated: bool

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
        return type(self)(self.x, constants, self.shift, self.then, self.gated)

    def check(self, name: str, inputs: Sequence[Tensor], out: Tensor) -> None:
        """Check that rows become rows of any other length."""
        expect(name, out, (*inputs[0].dims[:-1], out.dims[-1]))
        check_accumulator(name, int(self.weights.limit))
        if self.shift > MAX_WEIGHT_SHIFT:
            raise ModelRefused.at(name, f"a shift of {int(self.shift)}, allowed are up to 63")

    def macs(self, inputs: Sequence[Tensor], out: Tensor) -> int:
        """Return one multiplication for each weight of each output element."""
        return out.size * inputs[0].dims[-1] * self.products

    def record_bytes(self, inputs: Sequence[Tensor]) -> int:
        """Return the length of a column, its bias and its factor."""
        return inputs[0].dims[-1] + RECORD_TAIL

    def record_count(self, out: Tensor) -> int:
        """Return the number of products of a row."""
        return out.dims[-1] * self.products

    def accumulators(self, out: Tensor) -> tuple[int, ...]:
        """Return one for each product."""
        return (*out.dims[:-1], self.record_count(out))

    @property
    def products(self) -> int:
        """The number of products for each channel."""
        return 2 if self.gated else 1

    @property
    def in_fixed_point(self) -> bool:
        """True if results are in fixed point, no more in the unit of their row."""
        return self.gated or self.then is not Function.IDENTITY

    @property
    def records_opened(self) -> int:
        """The records of an element and of the largest one."""
        return 2 * self.products

    def numbers_of_exact(self, inputs: Sequence[Tensor]) -> int:
        """Return the length of a row, for each product."""
        return inputs[0].dims[-1] * self.products

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
        """Multiply a row by one column, or by two, and apply the function."""
        row, channel = divmod(index, out.dims[-1])
        taps, scale = narrow_row(read, self.x, row), narrow_scale(read, self.x, row)
        first, *others = (
            self._sum(taps, scale, read.record(record))
            for record in range(channel * self.products, (channel + 1) * self.products)
        )
        if not self.in_fixed_point:
            return first
        unit = self._scale(scale)
        result = applied(self.then, fixed_value(first, unit, FUNCTION_BITS))
        for other in others:
            result = shifted(result * fixed_value(other, unit, FUNCTION_BITS), FUNCTION_BITS)
        return result

    def unit(self, row: int, out: Tensor, read: Inputs) -> RowScale:
        """Return the unit of the sums, or that of results of a function."""
        if self.in_fixed_point:
            return RowScale(1, -FUNCTION_BITS)
        return self._scale(narrow_scale(read, self.x, row))

    def _sum(
        self, taps: Sequence[int], scale: RowScale, record: tuple[Sequence[int], int, int]
    ) -> int:
        """Multiply a row by one column, and add the bias in the same unit."""
        weights, bias, factor = record
        total: int = sum(map(mul, taps, weights))
        lift = self._lift(scale.exponent)
        inverse = (1 << 40) // scale.mantissa
        return shifted(total * factor, max(lift, 0)) + shifted(bias * inverse, max(-lift, 0))

    def _scale(self, scale: RowScale) -> RowScale:
        """Return the scale of the input's row over 2^shift, or that of the biases if it is less."""
        mantissa, exponent = scale
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

    def numbers_of_exact(self, inputs: Sequence[Tensor]) -> int:
        """Return the length of a row."""
        return inputs[0].dims[-1]

    def openings(self, tensor: Tensor) -> tuple[int, int]:
        """Return the openings of one row."""
        return whole_row(tensor)

    def exact(self, index: int, out: Tensor, read: Inputs) -> int:
        """Normalise one element by its row."""
        row, at = divmod(index, out.dims[-1])
        offset, gain = offset_and_factor(read, at)
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
        check_mantissa(name, int(self.mantissa))

    def openings(self, tensor: Tensor) -> tuple[int, int]:
        """Return the openings of an element and of the largest one."""
        return elements_of_row(tensor, 2)

    def exact(self, index: int, out: Tensor, read: Inputs) -> int:
        """Return one element, counted from its zero."""
        return read.one(self.x, index) - read.zero(self.x)

    def unit(self, row: int, out: Tensor, read: Inputs) -> RowScale:
        """Return the scale of the input."""
        return RowScale(int(self.mantissa), int(self.exponent))


class FromRows(Operator, index=27):
    """Elements with one scale, of rows that have scales of their own."""

    x: TensorId
    mantissa: u16
    """The steps of the output in 1 are mantissa * 2^exponent."""
    exponent: i16

    reads: ClassVar[frozenset[Kind]] = ROWS
    makes: ClassVar[frozenset[Kind]] = SMALL

    @property
    def inputs(self) -> tuple[int, ...]:
        """The rows."""
        return (int(self.x),)

    def check(self, name: str, inputs: Sequence[Tensor], out: Tensor) -> None:
        """Check the shape and the scale."""
        expect(name, out, inputs[0].dims)
        check_mantissa(name, int(self.mantissa))

    def openings(self, tensor: Tensor) -> tuple[int, int]:
        """Return the openings of an element and of the tail of its row."""
        return elements_of_row(tensor, 1)

    def element(self, index: int, out: Tensor, read: Inputs) -> int:
        """Return an element times the scale of its row and that of the output."""
        mantissa, exponent = read.scale(self.x, index // out.dims[-1])
        number = read.one(self.x, index) * mantissa * int(self.mantissa)
        return within(fixed_point(number, exponent + int(self.exponent)) + int(out.zero), out)


class Rotate(RowOperator, index=29):
    """Pairs of each head's elements turned by the angles of the row's position (RoPE).

    A record holds a row's cosines, then its sines, for the first half of a head: int16 in 2^-14,
    the lower byte first. Element j of that half makes a pair with element j of the second half.
    """

    x: TensorId
    weights: Weights
    heads: u16

    reads: ClassVar[frozenset[Kind]] = ROWS

    @property
    def inputs(self) -> tuple[int, ...]:
        """The rows."""
        return (int(self.x),)

    @property
    def constants(self) -> Weights:
        """The cosines and sines."""
        return self.weights

    def with_constants(self, constants: Weights) -> Self:
        """Return the rotation with other angles."""
        return type(self)(self.x, constants, self.heads)

    def check(self, name: str, inputs: Sequence[Tensor], out: Tensor) -> None:
        """Check that rows have whole heads of pairs."""
        expect(name, out, inputs[0].dims)
        if self.heads < 1 or out.dims[-1] % (2 * int(self.heads)):
            raise ModelRefused.at(name, f"{int(self.heads)} heads in rows of {out.dims[-1]}")

    def record_bytes(self, inputs: Sequence[Tensor]) -> int:
        """Return the length of two bytes for each element of a head, and an empty tail."""
        return 2 * inputs[0].dims[-1] // int(self.heads) + RECORD_TAIL

    def record_count(self, out: Tensor) -> int:
        """Return one record for each row."""
        return out.rows

    @property
    def records_opened(self) -> int:
        """One: that of the row."""
        return 1

    def numbers_of_exact(self, inputs: Sequence[Tensor]) -> int:
        """Return the two elements of a pair."""
        return 2

    def openings(self, tensor: Tensor) -> tuple[int, int]:
        """Return the openings of two pairs and of the tail of their row."""
        return elements_of_row(tensor, 4)

    def exact(self, index: int, out: Tensor, read: Inputs) -> int:
        """Turn one element with the other one of its pair."""
        angles, _, _ = read.record(index // out.dims[-1])
        half = out.dims[-1] // (2 * int(self.heads))
        at = index % out.dims[-1] % (2 * half)
        cosine, sine = _int16(angles, at % half), _int16(angles, half + at % half)
        if at < half:
            other, sine = index + half, -sine
        else:
            other = index - half
        return read.one(self.x, index) * cosine + read.one(self.x, other) * sine

    def unit(self, row: int, out: Tensor, read: Inputs) -> RowScale:
        """Return the scale of the row in 2^-14."""
        mantissa, exponent = read.scale(self.x, row)
        return RowScale(mantissa, exponent - ANGLE_BITS)


def _int16(raw: Sequence[int], at: int) -> int:
    """Return a number of two bytes, which are read as signed ones."""
    return (raw[2 * at] & 255) + (raw[2 * at + 1] << 8)


def check_mantissa(name: str, mantissa: int) -> None:
    """Raise ModelRefused unless a mantissa has 16 bits."""
    if mantissa >> ROW_MANTISSA - 1 != 1:
        raise ModelRefused.at(name, f"the mantissa {mantissa} is not between 2^15 and 2^16")
