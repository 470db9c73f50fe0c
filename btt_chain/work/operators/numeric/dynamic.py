"""Operators that make rows with scales of their own, in numpy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Final, TypeAlias

import numpy as np
from numpy.random import Generator

from btt_chain.scale import i16, u16
from btt_chain.work.errors import ModelRefused
from btt_chain.work.functions import (
    FUNCTION_BITS,
    HALF_STEPS,
    STEP_BITS,
    Function,
    table_of,
)
from btt_chain.work.model import (
    Bytes2D,
    Constants,
    Elements,
    Float32s,
    Float64s,
    Int8s,
    Int32s,
    Int64s,
    Rows,
    records_of_factors,
)
from btt_chain.work.operators import AddRows, FromRows, Norm, Rotate, RowLinear, ToRows
from btt_chain.work.operators.dynamic import (
    ANGLE_BITS,
    BIAS_BITS,
    GAIN_BITS,
    MAX_ALIGNED,
    MAX_CHANNEL_FACTOR,
    PART_BITS,
)
from btt_chain.work.operators.numeric.blocks import evenly, matrix_rows
from btt_chain.work.operators.numeric.columns import Columns, float_columns
from btt_chain.work.operators.numeric.kernel import FloatFunction, Kernel, NodeOf
from btt_chain.work.operators.numeric.products import ProductKernel
from btt_chain.work.operators.numeric.rows import EPSILON, whole_roots
from btt_chain.work.operators.numeric.scaled_rows import (
    RowKernel,
    Units,
    fixed_points,
    fixed_values,
    flat_rows,
    narrow,
    pieces,
    rounded,
)
from btt_chain.work.operators.numeric.vectors import Vectors, times
from btt_chain.work.operators.numeric.weights import check_weights
from btt_chain.work.tensors import ROWS, Kind, Tensor


class RowLinearKernel(RowKernel[RowLinear], ProductKernel[RowLinear]):
    """A dense layer of rows with scales of their own, prepared for execution."""

    def __init__(self, node: NodeOf[RowLinear], constants: Constants | None) -> None:
        super().__init__(node, constants)
        if constants is None:
            raise TypeError(f"node {node.name!r} needs its weights")
        self._constants = constants
        self._bias = constants.first.astype(np.int64) if constants.first.any() else None
        self._columns = Columns(_without_bias(constants), narrow_tensor(node), node.out, (0, 0))

    def multiply(self, inputs: Sequence[Elements], made: Elements, sink: Int32s | None) -> None:
        """Multiply some rows at a time by all columns."""
        x, width = self.node.inputs[0], len(self._constants.columns)
        stored = inputs[0].reshape(-1, x.row_bytes)
        flat = made.reshape(-1, self.out.row_bytes)
        step = evenly(len(stored), matrix_rows(max(width, x.dims[-1])))
        room = np.empty((step, width), np.float32)
        for first in range(0, len(stored), step):
            part = slice(first, first + step)
            elements, units = narrow(x, flat_rows(x, stored[part]))
            matrix = np.ones((len(elements), x.dims[-1] + 1), np.float32)
            matrix[:, :-1] = elements
            sums = self._columns.sums(matrix, room[: len(matrix)])
            if sink is not None:
                sink.reshape(-1, width)[part] = sums
            self._quantise(sums, units, flat[part])

    def finish(self, accumulators: Int32s, made: Elements, inputs: Sequence[Elements] = ()) -> None:
        """Add the biases, and quantise the rows, whose scales are those of the input."""
        x = self.node.inputs[0]
        _, units = narrow(x, flat_rows(x, inputs[0]))
        self._quantise(accumulators.reshape(-1, len(self._constants.columns)), units, made)

    def _quantise(self, sums: Float32s | Int32s, units: Units, made: Elements) -> None:
        """Write rows of sums."""
        mantissa, exponent = units
        lift = int(self.op.shift) - exponent - 40 - BIAS_BITS
        inverse = np.int64(1 << 40) // mantissa
        up, down = np.maximum(lift, 0), np.maximum(-lift, 0)

        def numbers(part: slice) -> tuple[Int64s, Units]:
            total = sums[part].astype(np.int64)
            total *= self._constants.second
            total = rounded(total, up[part, None])
            if self._bias is not None:
                total += rounded(self._bias * inverse[part, None], down[part, None])
            return self._apply(total, (mantissa[part], (exponent - int(self.op.shift) + up)[part]))

        self.write(made, len(sums), numbers)

    def _apply(self, sums: Int64s, units: Units) -> tuple[Int64s, Units]:
        """Return a function of sums, and the unit of its results."""
        op = self.op
        if not op.in_fixed_point:
            return sums, units
        numbers = fixed_values(sums, units, FUNCTION_BITS)
        result = apply_function(op.then, numbers[:, :: op.products])
        if op.gated:
            result = rounded(result * numbers[:, 1::2], FUNCTION_BITS)
        ones = np.ones(len(sums), np.int64)
        return result, (ones, ones * -FUNCTION_BITS)

    @staticmethod
    def by_vectors(
        node: NodeOf[RowLinear], inputs: Sequence[Elements], vectors: Vectors
    ) -> Float64s:
        """Multiply rows by the weights' products."""
        x = node.inputs[0]
        elements, _ = narrow(x, flat_rows(x, inputs[0]))
        return times(elements.astype(np.int8), vectors.of_weights)

    @staticmethod
    def accumulator_limit(node: NodeOf[RowLinear], constants: Constants) -> int:
        """Return the largest sum of a channel's products."""
        return int(constants.sums.max()) * Kind.D8.high

    @staticmethod
    def check_constants(node: NodeOf[RowLinear], constants: Constants) -> None:
        """Check that weights are work, and that all factors have 1 to 15 bits."""
        check_weights(node.name, constants.columns)
        factors = constants.second
        if factors.min() < 1 or factors.max() > MAX_CHANNEL_FACTOR:
            raise ModelRefused.at(node.name, "a channel's factor is not between 1 and 2^15")

    @staticmethod
    def in_floats(node: NodeOf[RowLinear], rng: Generator) -> FloatFunction:
        """Return rows times weights, plus bias."""
        columns, bias = float_columns(node.inputs[0].dims[-1], node.out, rng)
        gates = columns[:, ::-1].copy() if node.op.gated else None

        def run(inputs: Sequence[Float32s]) -> Float32s:
            result: Float32s = np.matmul(inputs[0], columns)
            result += bias
            if node.op.then is not Function.IDENTITY:
                result /= 1 + np.exp(-result)
            if gates is not None:
                result *= np.matmul(inputs[0], gates)
            return result

        return run


def apply_function(function: Function, numbers: Int64s) -> Int64s:
    """Return `functions.applied` of numbers."""
    if function is Function.IDENTITY:
        return numbers
    step = rounded(numbers, FUNCTION_BITS - STEP_BITS)
    table = np.array(table_of(function), np.int64)
    values = table[np.clip(step, -HALF_STEPS, HALF_STEPS - 1) + HALF_STEPS]
    return np.where(step >= HALF_STEPS, numbers, np.where(step < -HALF_STEPS, 0, values))


def narrow_tensor(node: NodeOf[RowLinear]) -> Tensor:
    """Return the input as products read it."""
    return replace(node.inputs[0], kind=Kind.D8)


def _without_bias(constants: Constants) -> Constants:
    """Return the constants for sums of products alone."""
    return replace(constants, first=np.zeros_like(constants.first))


WEIGHT_BITS: Final = 15
"""Bits of the largest factor of a channel."""


RowWeights: TypeAlias = tuple[Int8s, Int32s, Int32s, int]
"""Columns, biases, factors and the shift of a `RowLinear`."""


def row_weights(weights: Float64s, bias: Float64s) -> RowWeights:
    """Return columns, biases, factors and the shift of a `RowLinear`, of real numbers."""
    scales = np.maximum(np.abs(weights).max(axis=1) / 127, 1e-12)
    columns = np.rint(weights / scales[:, None]).astype(np.int8)
    shift = WEIGHT_BITS - int(np.ceil(np.log2(scales.max())))
    factors = np.maximum(np.rint(np.ldexp(scales, shift)), 1).astype(np.int32)
    return columns, np.rint(np.ldexp(bias, BIAS_BITS)).astype(np.int32), factors, shift


class FromRowsKernel(Kernel[FromRows]):
    """Elements with one scale, prepared for execution."""

    def run(self, inputs: Sequence[Elements], made: Elements) -> None:
        """Scale some rows at a time."""
        rows, out = flat_rows(self.node.inputs[0], inputs[0]), self.out
        flat = made.reshape(-1, out.dims[-1])
        for part in pieces(len(flat), flat.shape[1]):
            mantissa = rows.mantissa[part, None] * np.int64(self.op.mantissa)
            exponent = rows.exponent[part, None] + np.int64(self.op.exponent)
            numbers = fixed_points(rows.elements[part] * mantissa, exponent)
            flat[part] = np.clip(numbers + int(out.zero), out.kind.low, out.kind.high)

    @staticmethod
    def in_floats(node: NodeOf[FromRows], rng: Generator) -> FloatFunction:
        """Return the rows."""
        return lambda inputs: inputs[0].copy()


class RotateKernel(RowKernel[Rotate]):
    """A rotation of pairs, prepared for execution."""

    def __init__(self, node: NodeOf[Rotate], constants: Constants | None) -> None:
        super().__init__(node, constants)
        if constants is None:
            raise TypeError(f"node {node.name!r} needs its cosines and sines")
        angles = constants.columns.view("<i2").astype(np.int64)
        half = angles.shape[1] // 2
        self._cosines, self._sines = angles[:, None, :half], angles[:, None, half:]

    def run(self, inputs: Sequence[Elements], made: Elements) -> None:
        """Turn the pairs of one item at a time."""
        for at, item in enumerate(inputs[0]):
            self.write(made[at], self.out.rows, partial(self._turned, item))

    def _turned(self, item: Elements, part: slice) -> tuple[Int64s, Units]:
        x = self.node.inputs[0]
        rows = flat_rows(x, item)
        cosines, sines = self._cosines[part], self._sines[part]
        elements = rows.elements[part].astype(np.int64)
        pairs = elements.reshape(len(elements), int(self.op.heads), 2, -1)
        first, second = pairs[:, :, 0], pairs[:, :, 1]
        turned = np.stack(
            (first * cosines - second * sines, second * cosines + first * sines), axis=2
        )
        exponent = rows.exponent[part].astype(np.int64) - ANGLE_BITS
        return turned.reshape(elements.shape), (rows.mantissa[part].astype(np.int64), exponent)

    @staticmethod
    def in_floats(node: NodeOf[Rotate], rng: Generator) -> FloatFunction:
        """Return the rows, with two multiplications for each element."""
        return lambda inputs: inputs[0] * np.float32(0.6) + inputs[0] * np.float32(0.8)


def rope_records(rows: int, length: int, base: float = 10_000.0) -> Bytes2D:
    """Return the records of a `Rotate` for positions from 0 on, of heads of this length."""
    angles = np.arange(rows)[:, None] * base ** (-np.arange(length // 2) / (length // 2))
    turns = np.concatenate((np.cos(angles), np.sin(angles)), axis=1)
    numbers = np.rint(np.ldexp(turns, ANGLE_BITS)).astype("<i2")
    nothing = np.zeros(rows, np.int32)
    return records_of_factors(numbers.view(np.int8), nothing, nothing)


class AddRowsKernel(RowKernel[AddRows]):
    """A sum of rows with scales of their own, prepared for execution."""

    def run(self, inputs: Sequence[Elements], made: Elements) -> None:
        """Align some rows at a time."""
        a, b = map(flat_rows, self.node.inputs, inputs)

        def numbers(part: slice) -> tuple[Int64s, Units]:
            first, second = a.exponent[part].astype(np.int64), b.exponent[part].astype(np.int64)
            most = np.maximum(first, second) - MAX_ALIGNED
            to = np.maximum(np.minimum(first, second), most)
            total = _aligned(a, part, to - first)
            total += _aligned(b, part, to - second)
            return total, (np.ones_like(to), to)

        self.write(made, len(a.top), numbers)

    @staticmethod
    def in_floats(node: NodeOf[AddRows], rng: Generator) -> FloatFunction:
        """Return the sum."""
        return lambda inputs: inputs[0] + inputs[1]


def _aligned(rows: Rows, part: slice, shift: Int64s) -> Int64s:
    """Return rows times their mantissas over 2^shift."""
    numbers = rows.elements[part].astype(np.int64) * rows.mantissa[part, None]
    numbers <<= np.maximum(-shift, 0)[:, None]
    return rounded(numbers, np.maximum(shift, 0)[:, None])


class NormKernel(RowKernel[Norm]):
    """A normalisation of rows with scales of their own, prepared for execution."""

    def __init__(self, node: NodeOf[Norm], constants: Constants | None) -> None:
        super().__init__(node, constants)
        if constants is None:
            raise TypeError(f"node {node.name!r} needs its offsets and gains")
        self._gain = constants.second.astype(np.int64)
        self._offset = constants.first.astype(np.int64) << PART_BITS + GAIN_BITS - BIAS_BITS

    def run(self, inputs: Sequence[Elements], made: Elements) -> None:
        """Compute in 64 bits: of 2^13 elements of 16 bits, all sums are below 2^57."""
        x = self.node.inputs[0]
        wide = x.kind in ROWS
        flat = flat_rows(x, inputs[0]).elements if wide else inputs[0].reshape(-1, x.dims[-1])

        def numbers(part: slice) -> tuple[Int64s, Units]:
            elements = flat[part].astype(np.int64)
            count = elements.shape[1]
            squares = np.vecdot(elements, elements)
            total = elements.sum(axis=1) if self.op.centred else np.zeros_like(squares)
            root = np.maximum(whole_roots(count * squares - total * total), 1)
            elements *= count
            elements -= total[:, None]
            elements <<= PART_BITS
            elements //= root[:, None]
            elements *= self._gain
            elements += self._offset
            ones = np.ones_like(root)
            return elements, (ones, ones * (-PART_BITS - GAIN_BITS))

        self.write(made, len(flat), numbers)

    @staticmethod
    def in_floats(node: NodeOf[Norm], rng: Generator) -> FloatFunction:
        """Return normalised rows times one, plus one."""
        ones = np.ones(node.out.dims[-1], np.float32)
        centred = node.op.centred

        def run(inputs: Sequence[Float32s]) -> Float32s:
            mean = inputs[0].mean(-1, keepdims=True) if centred else np.float32(0)
            result: Float32s = inputs[0] - mean
            result /= np.sqrt(np.square(result).mean(-1, keepdims=True) + EPSILON)
            result *= ones
            result += ones
            return result

        return run


class ToRowsKernel(RowKernel[ToRows]):
    """Rows that receive scales of their own, prepared for execution."""

    def run(self, inputs: Sequence[Elements], made: Elements) -> None:
        """Quantise some rows at a time."""
        flat = inputs[0].reshape(-1, self.out.dims[-1])
        zero = int(self.node.inputs[0].zero)
        unit = np.array([[self.op.mantissa], [self.op.exponent]], np.int64)

        def numbers(part: slice) -> tuple[Int64s, Units]:
            elements = flat[part].astype(np.int64)
            elements -= zero
            mantissa, exponent = np.repeat(unit, len(elements), axis=1)
            return elements, (mantissa, exponent)

        self.write(made, len(flat), numbers)

    @staticmethod
    def in_floats(node: NodeOf[ToRows], rng: Generator) -> FloatFunction:
        """Return the rows."""
        return lambda inputs: inputs[0].copy()


def scale_parts(scale: float) -> tuple[u16, i16]:
    """Return the mantissa of 16 bits and the exponent of a scale."""
    fraction, exponent = np.frexp(np.float32(scale))
    return u16(int(np.floor(np.ldexp(fraction, 16)))), i16(int(exponent) - 16)
