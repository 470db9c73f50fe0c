"""Functions of one element, and of two tensors element by element, in numpy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import prod
from typing import Final

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from btt_chain.scale import i32, u8
from btt_chain.work.errors import ModelRefused
from btt_chain.work.model import Constants, Elements, Float32s, Int32s, Int64s, elements_of
from btt_chain.work.operators import Add, Affine, Hypot, Mul, Table, WideTable
from btt_chain.work.operators.elementwise import (
    ENTRY_SHIFT,
    MAX_FACTOR,
    MAX_OFFSET,
    MAX_SHIFT,
    MAX_WIDE_FACTOR,
    ROOT_SQUARE,
    TABLE_ENTRIES,
)
from btt_chain.work.operators.numeric import blocks
from btt_chain.work.operators.numeric.kernel import FloatFunction, Kernel, NodeOf
from btt_chain.work.operators.numeric.requantise import (
    Whole,
    repeats_of,
    requantise,
    scale_of,
    shift_right,
)
from btt_chain.work.operators.numeric.rows import whole_roots
from btt_chain.work.tensors import BYTES, Kind, Tensor

MAX_IDLE_PERCENT: Final = 10
"""Maximum percentage of factors that are 0."""
MIN_TABLE_NUMBERS: Final = 4
"""Minimum number of different numbers in a wide table."""


def write_clipped(
    total: NDArray[Whole], out: Tensor, bounds: tuple[int, int], made: Elements
) -> None:
    """Write integers, counted from the output's zero, as elements within bounds."""
    if out.zero:
        total += total.dtype.type(out.zero)
    np.clip(total, *bounds, out=total)
    made[...] = total


class AddKernel(Kernel[Add]):
    """A sum, prepared for execution."""

    def run(self, inputs: Sequence[Elements], made: Elements) -> None:
        """Add some elements at a time, in 32 bits if theirs are 8."""
        op, out, (a, b) = self.op, self.out, self.node.inputs
        shift = int(op.shift)
        by_a, by_b = int(op.by_a), int(op.by_b)
        zeros = by_a * int(a.zero) + by_b * int(b.zero)
        flat_a, flat_b, flat = (part.reshape(-1) for part in (*inputs, made))
        number = np.int32 if {a.kind, b.kind} <= BYTES else np.int64
        room = np.empty((2, min(blocks.BLOCK_ELEMENTS, len(flat))), number)
        for at in range(0, len(flat), blocks.BLOCK_ELEMENTS):
            part = slice(at, at + blocks.BLOCK_ELEMENTS)
            total, other = room[:, : len(flat[part])]
            total[...] = flat_a[part]
            total *= number(by_a)
            other[...] = flat_b[part]
            other *= number(by_b)
            total += other
            if zeros:
                total -= number(zeros)
            shift_right(total, shift, other)
            write_clipped(total, out, (out.kind.low, out.kind.high), flat[part])

    @staticmethod
    def in_floats(node: NodeOf[Add], rng: Generator) -> FloatFunction:
        """Return the sum."""
        return lambda inputs: inputs[0] + inputs[1]


def factors_of(name: str, ratios: tuple[float, float]) -> tuple[i32, i32, u8]:
    """Return both factors and the shift; ModelRefused if a ratio is too large to be exact."""
    shift = MAX_SHIFT
    while shift and max(map(abs, ratios)) * (1 << shift) > MAX_FACTOR:
        shift -= 1
    a, b = (round(ratio * (1 << shift)) for ratio in ratios)
    if max(abs(a), abs(b)) > MAX_FACTOR:
        raise ModelRefused.at(name, f"ratios {ratios} of the scales are above 2^21")
    return i32(a), i32(b), u8(shift)


LEAK: Final = np.float32(0.125)
"""Slope of the function that replaces a table: the cheapest nonlinear one."""


class TableKernel(Kernel[Table]):
    """A table, prepared for execution."""

    def run(self, inputs: Sequence[Elements], made: Elements) -> None:
        """Look up some elements at a time."""
        given, flat = inputs[0].reshape(-1), made.reshape(-1)
        for at in range(0, len(flat), blocks.BLOCK_ELEMENTS):
            part = slice(at, at + blocks.BLOCK_ELEMENTS)
            flat[part] = np.frombuffer(given[part].tobytes().translate(self.op.table), flat.dtype)

    @staticmethod
    def in_floats(node: NodeOf[Table], rng: Generator) -> FloatFunction:
        """Return a leaky ReLU."""
        return leaky


def leaky(inputs: Sequence[Float32s]) -> Float32s:
    """Return a leaky ReLU in float32."""
    result: Float32s = np.maximum(inputs[0], inputs[0] * LEAK)
    return result


def bytes_of(kind: Kind, values: Sequence[int]) -> bytes:
    """Return a table's bytes; `values` are in ascending order of the input elements."""
    inputs = [byte - 256 if kind is Kind.I8 and byte > 127 else byte for byte in range(256)]
    return bytes(values[number - kind.low] & 255 for number in inputs)


class AffineKernel(Kernel[Affine]):
    """Factors and offsets, prepared for execution."""

    def __init__(self, node: NodeOf[Affine], constants: Constants | None) -> None:
        super().__init__(node, constants)
        if constants is None:
            raise TypeError(f"node {node.name!r} needs its offsets and factors")
        self._offset, self._factor = constants.first, constants.second

    def run(self, inputs: Sequence[Elements], made: Elements) -> None:
        """Compute some elements at a time, in 32 bits.

        255 * 2^21, or 2^15 * 2^14, plus 2^30 and half of 2^29 is below 2^31.
        """
        width = len(self._factor)
        repeats = repeats_of(width, made.size // width)
        columns = repeats * width
        factor, offset = np.tile(self._factor, repeats), np.tile(self._offset, repeats)
        x, rows = inputs[0].reshape(-1, columns), made.reshape(-1, columns)
        wide = min(columns, blocks.BLOCK_ELEMENTS)
        high = min(len(rows), max(1, blocks.BLOCK_ELEMENTS // wide))
        room = np.empty((2, high, wide), np.int32)
        for left in range(0, columns, wide):
            across = slice(left, left + wide)
            for at in range(0, len(rows), high):
                part = slice(at, at + high), across
                total, other = room[:, : len(rows[part[0]]), : columns - left]
                total[...] = x[part]
                self._compute(total, other, (factor[across], offset[across]), rows[part])

    def _compute(
        self, total: Int32s, other: Int32s, record: tuple[Int32s, Int32s], made: Elements
    ) -> None:
        """Write the output of the elements in `total`; `other` is overwritten."""
        factor, offset = record
        zero = int(self.node.inputs[0].zero)
        if zero:
            total -= np.int32(zero)
        total *= factor
        total += offset
        shift_right(total, int(self.op.shift), other)
        write_clipped(total, self.out, (int(self.op.low), int(self.op.high)), made)

    @staticmethod
    def check_constants(node: NodeOf[Affine], constants: Constants) -> None:
        """Check that every number is exact in 32 bits, and that few factors are 0."""
        kind = node.inputs[0].kind
        limits = (
            ("factor", constants.second, MAX_WIDE_FACTOR if kind is Kind.I16 else MAX_FACTOR),
            ("offset", constants.first, MAX_OFFSET),
        )
        for name, numbers, limit in limits:
            largest = int(np.abs(numbers.astype(np.int64)).max())
            if largest > limit:
                raise ModelRefused.at(
                    node.name,
                    f"{name} {largest} for {kind.name}, at most {limit} is exact: "
                    "use a smaller shift",
                )
        idle = int(np.count_nonzero(constants.second == 0))
        if idle * 100 > MAX_IDLE_PERCENT * constants.second.size:
            raise ModelRefused.at(
                node.name,
                f"{idle} of {constants.second.size} factors are 0, at most {MAX_IDLE_PERCENT} % "
                "may be: leave these channels out, or use a larger shift",
            )

    @staticmethod
    def in_floats(node: NodeOf[Affine], rng: Generator) -> FloatFunction:
        """Return random factors times the input, plus one."""
        dims = node.out.dims if node.op.per_element else node.out.dims[-1:]
        factor, ones = rng.standard_normal(dims, np.float32), np.ones(dims, np.float32)

        def run(inputs: Sequence[Float32s]) -> Float32s:
            result: Float32s = inputs[0] * factor
            result += ones
            return result

        return run


def pieces(count: int, dims: Sequence[int]) -> Iterator[tuple[slice, slice]]:
    """Yield items, and parts of their first axis, of about a block of elements together."""
    size = prod(dims)
    items = max(1, blocks.BLOCK_ELEMENTS // size)
    lines = max(1, min(dims[0], blocks.BLOCK_ELEMENTS // (size // dims[0])))
    for item in range(0, count, items):
        for line in range(0, dims[0], lines):
            yield slice(item, item + items), slice(line, line + lines)


class MulKernel(Kernel[Mul]):
    """A product of elements, prepared for execution."""

    def run(self, inputs: Sequence[Elements], made: Elements) -> None:
        """Multiply some elements at a time, in 32 bits, and requantise."""
        (a, b), out = self.node.inputs, self.out
        scale, bounds = scale_of(self.op.scale), (out.kind.low, out.kind.high)
        repeated = b.dims[0] == 1
        for items, lines in pieces(len(made), out.dims):
            total = inputs[0][items, lines].astype(np.int32)
            total -= np.int32(a.zero)
            other = inputs[1][items, slice(None) if repeated else lines].astype(np.int32)
            other -= np.int32(b.zero)
            total *= other
            requantise(total, scale, out, bounds, made[items, lines])

    @staticmethod
    def in_floats(node: NodeOf[Mul], rng: Generator) -> FloatFunction:
        """Return the product."""
        return lambda inputs: inputs[0] * inputs[1]


class HypotKernel(Kernel[Hypot]):
    """A root of two squares, prepared for execution."""

    def run(self, inputs: Sequence[Elements], made: Elements) -> None:
        """Compute some elements at a time, in 64 bits, and requantise."""
        out, scale = self.out, scale_of(self.op.scale_of_root)
        bounds = (out.kind.low, out.kind.high)
        flat = made.reshape(-1)
        for at in range(0, len(flat), blocks.BLOCK_ELEMENTS):
            part = slice(at, at + blocks.BLOCK_ELEMENTS)
            squares: Int64s = np.zeros(len(flat[part]), np.int64)
            for elements, tensor in zip(inputs, self.node.inputs, strict=True):
                term = elements.reshape(-1)[part].astype(np.int64)
                term -= int(tensor.zero)
                term *= term
                squares += term
            squares *= ROOT_SQUARE
            requantise(whole_roots(squares), scale, out, bounds, flat[part])

    @staticmethod
    def in_floats(node: NodeOf[Hypot], rng: Generator) -> FloatFunction:
        """Return the root."""

        def run(inputs: Sequence[Float32s]) -> Float32s:
            result: Float32s = np.hypot(*inputs)
            return result

        return run


class WideTableKernel(Kernel[WideTable]):
    """A table of elements of 16 bits, prepared for execution."""

    def __init__(self, node: NodeOf[WideTable], constants: Constants | None) -> None:
        super().__init__(node, constants)
        if constants is None:
            raise TypeError(f"node {node.name!r} needs its numbers")
        elements = np.arange(1 << 16).astype(np.uint16).view(np.int16).astype(np.int32)
        shift_right(elements, ENTRY_SHIFT)
        middle = TABLE_ENTRIES // 2
        entries = np.clip(elements, -middle, middle - 1) + middle
        self._outputs = elements_of(node.out.kind, constants.table[entries])
        """Output element by the bits of the input element."""

    def run(self, inputs: Sequence[Elements], made: Elements) -> None:
        """Look up some elements at a time."""
        bits, flat = inputs[0].reshape(-1).view("<u2"), made.reshape(-1)
        for at in range(0, len(flat), blocks.BLOCK_ELEMENTS):
            part = slice(at, at + blocks.BLOCK_ELEMENTS)
            flat[part] = self._outputs[bits[part]]

    @staticmethod
    def check_constants(node: NodeOf[WideTable], constants: Constants) -> None:
        """Check that all numbers are elements of the output, and that some differ.

        Only here: a `Table` may be a ReLU of an input that is never positive.
        """
        kind, numbers = node.out.kind, np.unique(constants.table)
        if not kind.low <= int(numbers[0]) <= int(numbers[-1]) <= kind.high:
            raise ModelRefused.at(
                node.name,
                f"numbers {int(numbers[0])} to {int(numbers[-1])} are not elements of {kind.name}",
            )
        if len(numbers) < MIN_TABLE_NUMBERS:
            raise ModelRefused.at(
                node.name,
                f"{len(numbers)} different numbers, at least {MIN_TABLE_NUMBERS} are needed",
            )

    @staticmethod
    def in_floats(node: NodeOf[WideTable], rng: Generator) -> FloatFunction:
        """Return a leaky ReLU."""
        return leaky
