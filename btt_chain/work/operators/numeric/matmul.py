"""Products of two activations in numpy."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.random import Generator

from btt_chain.work.model import Constants, Elements, Float32s, Float64s, Int32s
from btt_chain.work.operators import MatMul
from btt_chain.work.operators.numeric import blocks
from btt_chain.work.operators.numeric.kernel import FloatFunction, NodeOf
from btt_chain.work.operators.numeric.products import EXACT, ProductKernel
from btt_chain.work.operators.numeric.requantise import centred, requantise, scale_of
from btt_chain.work.operators.numeric.vectors import Vectors


class MatMulKernel(ProductKernel[MatMul]):
    """A product of activations, prepared for execution."""

    def __init__(self, node: NodeOf[MatMul], constants: Constants | None) -> None:
        super().__init__(node, constants)
        self._scale = scale_of(node.op.scale)

    def multiply(self, inputs: Sequence[Elements], made: Elements, sink: Int32s | None) -> None:
        """Multiply some items at a time, in parts of their rows that float32 adds exactly."""
        (tensor_a, tensor_b), out = self.node.inputs, self.out
        length = tensor_a.dims[-1]
        step = EXACT // (tensor_a.reach * tensor_b.reach)
        together = max(1, blocks.MIN_MATRIX // max(tensor_a.size, tensor_b.size, out.size))
        for at in range(0, len(made), together):
            part = slice(at, at + together)
            a = centred(inputs[0][part], int(tensor_a.zero))
            b = centred(inputs[1][part], int(tensor_b.zero)).swapaxes(-1, -2)
            total: Float32s | Int32s = a[..., :step] @ b[..., :step, :]
            for first in range(step, length, step):
                cut = slice(first, first + step)
                more = (a[..., cut] @ b[..., cut, :]).astype(np.int32)
                total = more + total.astype(np.int32)
            if sink is not None:
                sink[part] = total
            self.finish(total, made[part])

    def finish(
        self, accumulators: Float32s | Int32s, made: Elements, inputs: Sequence[Elements] = ()
    ) -> None:
        """Requantise by the one scale."""
        kind = self.out.kind
        requantise(accumulators, self._scale, self.out, (kind.low, kind.high), made)

    @staticmethod
    def by_vectors(node: NodeOf[MatMul], inputs: Sequence[Elements], vectors: Vectors) -> Float64s:
        """Multiply `b` by the vectors, and `a` by the result."""
        a, b = (
            given.astype(np.float64) - int(tensor.zero)
            for given, tensor in zip(inputs, node.inputs, strict=True)
        )
        right: Float64s = a @ (b.swapaxes(-1, -2) @ vectors.random)
        return right.reshape(-1, vectors.random.shape[1])

    @staticmethod
    def in_floats(node: NodeOf[MatMul], rng: Generator) -> FloatFunction:
        """Return the product times the scale."""
        scale = np.float32(node.op.scale)

        def run(inputs: Sequence[Float32s]) -> Float32s:
            result: Float32s = np.matmul(inputs[0], inputs[1].swapaxes(-1, -2))
            result *= scale
            return result

        return run
