"""Dense layers in numpy."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.random import Generator

from btt_chain.work.model import Elements, Float32s, Float64s, Int32s
from btt_chain.work.operators import Linear
from btt_chain.work.operators.numeric.blocks import evenly, matrix_rows
from btt_chain.work.operators.numeric.columns import ColumnsKernel, float_bias, float_columns
from btt_chain.work.operators.numeric.kernel import FloatFunction, NodeOf
from btt_chain.work.operators.numeric.requantise import centred
from btt_chain.work.operators.numeric.vectors import Vectors, times


class LinearKernel(ColumnsKernel[Linear]):
    """A dense layer, prepared for execution."""

    def multiply(self, inputs: Sequence[Elements], made: Elements, sink: Int32s | None) -> None:
        """Multiply some rows at a time by all columns."""
        x = inputs[0]
        rows, wide = x.reshape(-1, x.shape[-1]), made.shape[-1]
        flat = made.reshape(-1, wide)
        sums = None if sink is None else sink.reshape(-1, wide)
        step = evenly(len(rows), matrix_rows(max(wide, rows.shape[1])))
        matrix = np.ones((step, rows.shape[1] + 1), np.float32)
        room = np.empty((step, wide), np.float32)
        for at in range(0, len(rows), step):
            part = slice(at, at + step)
            given = matrix[: len(rows[part])]
            centred(rows[part], self.zero, given[:, :-1])
            self.columns.write(given, flat[part], None if sums is None else sums[part], room)

    @staticmethod
    def by_vectors(node: NodeOf[Linear], inputs: Sequence[Elements], vectors: Vectors) -> Float64s:
        """Multiply rows by the weights' products."""
        rows = inputs[0].reshape(-1, inputs[0].shape[-1])
        right = times(rows, vectors.of_weights, int(node.inputs[0].zero))
        right += vectors.of_bias
        return right

    @staticmethod
    def in_floats(node: NodeOf[Linear], rng: Generator) -> FloatFunction:
        """Return rows times weights, plus bias."""
        out = node.out
        columns, bias = float_columns(node.inputs[0].dims[-1], out, rng)

        def run(inputs: Sequence[Float32s]) -> Float32s:
            result: Float32s = np.matmul(inputs[0], columns)
            float_bias(out, result, bias)
            return result

        return run
