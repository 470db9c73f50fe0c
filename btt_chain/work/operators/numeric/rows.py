"""Operations on whole rows in float64: shares and normalized rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

import numpy as np
from numpy.random import Generator

from btt_chain.work.arithmetic import INVERSE_BITS, PART_BITS, ROOT_BITS, SHARE_BITS
from btt_chain.work.model import Constants, Elements, Float32s, Float64s, Int32s, Int64s
from btt_chain.work.operators import LayerNorm, Softmax
from btt_chain.work.operators.numeric import blocks
from btt_chain.work.operators.numeric.kernel import FloatFunction, Kernel, NodeOf
from btt_chain.work.operators.rows import share_bits
from btt_chain.work.tensors import Tensor


def by_rows(
    work: Callable[[Elements, Elements, Float64s], None], x: Elements, made: Elements
) -> None:
    """Process some rows at a time, each time in the same buffer."""
    rows, flat = x.reshape(-1, x.shape[-1]), made.reshape(-1, made.shape[-1])
    step = min(len(rows), max(1, blocks.BLOCK_ELEMENTS // x.shape[-1]))
    room = np.empty((step, x.shape[-1]))
    for at in range(0, len(rows), step):
        part = rows[at : at + step]
        work(part, flat[at : at + step], room[: len(part)])


def sums_of(rows: Float64s) -> Float64s:
    """Return each row's sum; by BLAS, since integers below 2^53 have one sum in every order."""
    return (rows @ np.ones(rows.shape[1]))[:, None]


class SoftmaxKernel(Kernel[Softmax]):
    """A softmax, prepared for execution."""

    def __init__(self, node: NodeOf[Softmax], constants: Constants | None) -> None:
        super().__init__(node, constants)
        table = np.array([float(weight) for weight in node.op.table])
        self._rows = partial(_softmax, table, share_bits(node.out.kind))

    def run(self, inputs: Sequence[Elements], made: Elements) -> None:
        """Compute some rows at a time."""
        by_rows(self._rows, inputs[0], made)

    @staticmethod
    def in_floats(node: NodeOf[Softmax], rng: Generator) -> FloatFunction:
        """Return the shares of each row."""

        def run(inputs: Sequence[Float32s]) -> Float32s:
            result: Float32s = inputs[0] - inputs[0].max(-1, keepdims=True)
            np.exp(result, out=result)
            result /= result.sum(-1, keepdims=True)
            return result

        return run


def _softmax(table: Float64s, bits: int, rows: Elements, made: Elements, shares: Float64s) -> None:
    """Compute in float64, which is exact: a weight times 2^47 over the sum is at most 2^47."""
    # The difference of two elements is the same modulo 256, for any kind.
    below = rows.max(axis=1, keepdims=True).view(np.uint8) - rows.view(np.uint8)
    np.take(table, below, out=shares, mode="clip")
    total = sums_of(shares).astype(np.int64)
    shares *= (np.int64(1 << (bits + SHARE_BITS)) // total) * 2.0**-SHARE_BITS
    shares += 0.5
    whole = shares.astype(np.uint16)
    np.clip(whole, 0, (1 << bits) - 1, out=whole)
    if made.dtype == np.int16:
        made[...] = whole
        return
    if made.dtype == np.int8:
        whole ^= 128
    made.view(np.uint8)[...] = whole


def exponentials(scale: float) -> list[int]:
    """Return the table of a softmax whose input has this scale: 2^15 * exp(-d * scale).

    Computed with floats, once, when the model is built: only the table is part of consensus.
    """
    return [round(float(32768 * np.exp(-below * scale))) for below in range(256)]


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
    """Compute in float64, which is exact for rows up to `operators.rows.MAX_NORMALIZED_ROW`.

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
