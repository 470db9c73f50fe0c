"""Sums and tables in numpy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.random import Generator

from btt_chain.scale import i32, u8
from btt_chain.work.errors import ModelRefused
from btt_chain.work.model import Elements
from btt_chain.work.operators import Add, Table
from btt_chain.work.operators.elementwise import MAX_FACTOR, MAX_SHIFT
from btt_chain.work.operators.numeric import blocks
from btt_chain.work.operators.numeric.kernel import FloatFunction, Kernel, NodeOf
from btt_chain.work.tensors import BYTES, Kind


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
            if shift:
                # Halves to even: just below a half, and the rest of it where the quotient is odd.
                np.right_shift(total, shift, out=other)
                other &= number(1)
                total += other
                total += number((1 << (shift - 1)) - 1)
                total >>= shift
            if out.zero:
                total += number(out.zero)
            np.clip(total, out.kind.low, out.kind.high, out=total)
            flat[part] = total

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
        return lambda inputs: np.maximum(inputs[0], inputs[0] * LEAK)


def bytes_of(kind: Kind, values: Sequence[int]) -> bytes:
    """Return a table's bytes; `values` are in ascending order of the input elements."""
    inputs = [byte - 256 if kind is Kind.I8 and byte > 127 else byte for byte in range(256)]
    return bytes(values[number - kind.low] & 255 for number in inputs)
