"""The next token in numpy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.random import Generator

from btt_chain.work.errors import ModelRefused
from btt_chain.work.model import Constants, Elements, Float32s
from btt_chain.work.operators import ArgMax
from btt_chain.work.operators.dynamic import MAX_CHANNEL_FACTOR
from btt_chain.work.operators.numeric.kernel import FloatFunction, Kernel, NodeOf
from btt_chain.work.operators.numeric.scaled_rows import exact_products, flat_rows, narrow
from btt_chain.work.operators.numeric.weights import check_weights
from btt_chain.work.tensors import Kind, Tensor

TOGETHER: Final = 1 << 22
"""Weights that are converted at a time: all at once would take four times the memory."""


class ArgMaxKernel(Kernel[ArgMax]):
    """The largest product, prepared for execution."""

    def __init__(self, node: NodeOf[ArgMax], constants: Constants | None) -> None:
        super().__init__(node, constants)
        if constants is None:
            raise TypeError(f"node {node.name!r} needs its weights")
        self._constants = constants

    def run(self, inputs: Sequence[Elements], made: Elements) -> None:
        """Multiply all rows by some tokens at a time, and keep the best."""
        x, columns = self.node.inputs[0], self._constants.columns
        factors = self._constants.second.astype(np.int64)
        elements, _ = narrow(x, flat_rows(x, inputs[0]))
        rows = elements.astype(np.float32)
        best = np.full(len(rows), np.iinfo(np.int64).min)
        tokens = made.reshape(-1)
        step = max(1, TOGETHER // columns.shape[1])
        for first in range(0, len(columns), step):
            part = slice(first, first + step)
            products = exact_products(rows, columns[part].astype(np.float32)) * factors[part]
            at = products.argmax(axis=1)
            largest = products.max(axis=1)
            better = largest > best
            tokens[better], best[better] = at[better] + first, largest[better]

    @staticmethod
    def accumulator_limit(node: NodeOf[ArgMax], constants: Constants) -> int:
        """Return the largest product of a token."""
        return int(constants.sums.max()) * Kind.D8.high

    @staticmethod
    def check_constants(node: NodeOf[ArgMax], constants: Constants) -> None:
        """Check that weights are work, that factors have 1 to 15 bits, and that zeros are."""
        check_weights(node.name, constants.columns)
        factors = constants.second
        if factors.min() < 1 or factors.max() > MAX_CHANNEL_FACTOR or constants.first.any():
            raise ModelRefused.at(node.name, "a token needs a factor from 1 to 2^15 and no bias")

    @staticmethod
    def wrong_claim(
        out: Tensor, right: Elements, said: Elements, first: int
    ) -> tuple[int, int | None]:
        """Return the wrong token and, as its witness, the right one."""
        return first, int(right.reshape(-1)[first])

    @staticmethod
    def in_floats(node: NodeOf[ArgMax], rng: Generator) -> FloatFunction:
        """Return the number of the largest product."""
        columns = rng.standard_normal((node.inputs[0].dims[-1], int(node.op.count)), np.float32)

        def run(inputs: Sequence[Float32s]) -> Float32s:
            tokens: Float32s = (
                np.matmul(inputs[0], columns).argmax(-1)[..., None].astype(np.float32)
            )
            return tokens

        return run
