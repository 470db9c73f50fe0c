"""Shares of each row in numpy."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.random import Generator

from btt_chain.work.arithmetic import SHARE_BITS
from btt_chain.work.model import Constants, Elements, Float32s, Float64s
from btt_chain.work.operators import Softmax
from btt_chain.work.operators.numeric.kernel import FloatFunction, Kernel, NodeOf
from btt_chain.work.operators.numeric.rows import by_rows, sums_of


class SoftmaxKernel(Kernel[Softmax]):
    """A softmax, prepared for execution."""

    def __init__(self, node: NodeOf[Softmax], constants: Constants | None) -> None:
        super().__init__(node, constants)
        table = np.array([float(weight) for weight in node.op.table])
        self._rows = partial(_softmax, table)

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


def _softmax(table: Float64s, rows: Elements, made: Elements, shares: Float64s) -> None:
    """Compute in float64, which is exact: a weight times 2^40 over the sum is at most 2^40."""
    # The difference of two elements is the same modulo 256, for any kind.
    below = rows.max(axis=1, keepdims=True).view(np.uint8) - rows.view(np.uint8)
    np.take(table, below, out=shares, mode="clip")
    total = sums_of(shares).astype(np.int64)
    shares *= (np.int64(1 << (8 + SHARE_BITS)) // total) * 2.0**-SHARE_BITS
    shares += 0.5
    whole = shares.astype(np.uint16)
    np.clip(whole, 0, 255, out=whole)
    if made.dtype == np.int8:
        whole ^= 128
    made.view(np.uint8)[...] = whole


def exponentials(scale: float) -> list[int]:
    """Return the table of a softmax whose input has this scale: 2^15 * exp(-d * scale).

    Computed with floats, once, when the model is built: only the table is part of consensus.
    """
    return [round(float(32768 * np.exp(-below * scale))) for below in range(256)]
