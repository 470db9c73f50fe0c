"""Normalisation of each row in numpy."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Final

import numpy as np
from numpy.random import Generator

from btt_chain.work.arithmetic import INVERSE_BITS, PART_BITS, ROOT_BITS
from btt_chain.work.model import Constants, Elements, Float32s, Float64s, Int32s, Int64s
from btt_chain.work.operators import LayerNorm
from btt_chain.work.operators.numeric.kernel import FloatFunction, Kernel, NodeOf
from btt_chain.work.operators.numeric.rows import by_rows, sums_of
from btt_chain.work.tensors import Tensor

EPSILON: Final = np.float32(1e-5)
"""Added to the variance in the baseline."""


class LayerNormKernel(Kernel[LayerNorm]):
    """A normalisation, prepared for execution."""

    def __init__(self, node: NodeOf[LayerNorm], constants: Constants | None) -> None:
        super().__init__(node, constants)
        if constants is None:
            raise TypeError(f"node {node.name!r} needs its offsets and factors")
        self._rows = partial(_norm, node.op, node.out, constants)

    def run(self, inputs: Sequence[Elements], made: Elements) -> None:
        """Compute some rows at a time."""
        by_rows(self._rows, inputs[0], made)

    @staticmethod
    def in_floats(node: NodeOf[LayerNorm], rng: Generator) -> FloatFunction:
        """Return normalised rows times one, plus one."""
        ones = np.ones(node.out.dims[-1], np.float32)

        def run(inputs: Sequence[Float32s]) -> Float32s:
            result: Float32s = inputs[0] - inputs[0].mean(-1, keepdims=True)
            result /= np.sqrt(np.square(result).mean(-1, keepdims=True) + EPSILON)
            result *= ones
            result += ones
            return result

        return run


def _norm(
    op: LayerNorm,
    out: Tensor,
    constants: Constants,
    rows: Elements,
    made: Elements,
    numbers: Float64s,
) -> None:
    """Compute in float64, which is exact for rows up to `operators.layer_norm.MAX_ROW`.

    None of n elements is more than √n deviations from the mean. So the first product is at most √n
    · 2^41, the second √n · 2^44, and powers of two never round.
    """
    count, shift = rows.shape[1], 2.0 ** -int(op.shift)
    numbers[...] = rows
    total = sums_of(numbers)
    squares = np.vecdot(numbers, numbers)[:, None]
    deviation = (count * squares - total * total).astype(np.int64) + int(op.epsilon)
    root = np.maximum(whole_roots(deviation << ROOT_BITS), 1)
    numbers *= count
    numbers -= total
    parts_shift = INVERSE_BITS - ROOT_BITS // 2 - PART_BITS
    numbers *= (np.int64(1 << INVERSE_BITS) // root) * 2.0**-parts_shift
    np.floor(numbers, out=numbers)
    numbers *= constants.second * shift
    numbers += constants.first * shift
    np.rint(numbers, out=numbers)
    if out.zero:
        numbers += int(out.zero)
    np.clip(numbers, out.kind.low, out.kind.high, out=numbers)
    made[...] = numbers


def whole_roots(numbers: Int64s) -> Int64s:
    """Return the integer part of each root; numbers from 0 to 2^60.

    The IEEE root of a float64 can be off by one here, since the number is rounded to 53 bits first.
    """
    roots = np.sqrt(numbers.astype(np.float64)).astype(np.int64)
    roots -= roots * roots > numbers
    roots += (roots + 1) * (roots + 1) <= numbers
    return roots


def norm_constants(
    gain: Float32s, offset: Float32s, out_scale: float, shift: int = 24
) -> tuple[Int32s, Int32s]:
    """Return offset and factor of a normalisation in 2^-shift of the output's scale."""
    factor = np.rint(gain.astype(np.float64) / out_scale * 2.0 ** (shift - 12)).astype(np.int32)
    moved = np.rint(offset.astype(np.float64) / out_scale * 2.0**shift).astype(np.int32)
    return moved, factor


def norm_epsilon(epsilon: float, scale: float, count: int) -> int:
    """Return ONNX's epsilon in units of `LayerNorm`, for `count` elements of this scale."""
    return round(epsilon / scale**2 * count**2)
