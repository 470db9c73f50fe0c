"""Attention in numpy: one head of one item at a time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.random import Generator

from btt_chain.work.functions import attention_weights
from btt_chain.work.model import Elements, Float32s, Int64s, Rows, store_rows
from btt_chain.work.operators import Attend, Scores
from btt_chain.work.operators.attention import (
    BEST,
    MASKED,
    MEAN_BITS,
    PRODUCT_SHIFT,
    SCORE_BITS,
    WORST,
)
from btt_chain.work.operators.numeric.kernel import FloatFunction, NodeOf
from btt_chain.work.operators.numeric.scaled_rows import (
    RowKernel,
    Units,
    exact_products,
    fixed_points,
    flat_rows,
    narrow,
    rounded,
)


class ScoresKernel(RowKernel[Scores]):
    """Distances of keys, prepared for execution."""

    def run(self, inputs: Sequence[Elements], made: Elements) -> None:
        """Multiply the queries and keys of each head."""
        queries, keys = self.node.inputs
        for at in range(len(made)):
            rows, row_units = narrow(queries, flat_rows(queries, inputs[0][at]))
            others, other_units = narrow(keys, flat_rows(keys, inputs[1][at]))
            a, b = (_by_head(one, int(self.op.length)) for one in (rows, others))
            for head in range(len(a)):
                group = head * len(b) // len(a)
                products = exact_products(a[head], b[group])
                scores = self._scores(products, row_units, other_units)
                store_rows(self.out, _distances(scores), made[at, head])

    def _scores(self, products: Int64s, queries: Units, keys: Units) -> Int64s:
        """Return the scores of all pairs of one head."""
        op = self.op
        products = products * queries[0][:, None] * keys[0]
        exponents = queries[1][:, None] + keys[1] + int(op.exponent) + PRODUCT_SHIFT + SCORE_BITS
        scores = fixed_points(rounded(products, PRODUCT_SHIFT) * np.int64(op.mantissa), exponents)
        if op.causal:
            rows, count = scores.shape
            scores[~np.tri(rows, count, count - rows, dtype=np.bool_)] = MASKED
        return scores

    @staticmethod
    def in_floats(node: NodeOf[Scores], rng: Generator) -> FloatFunction:
        """Return the products of all queries and keys."""
        length = int(node.op.length)

        def run(inputs: Sequence[Float32s]) -> Float32s:
            a, b = (one.reshape(*one.shape[:-1], -1, length).swapaxes(-2, -3) for one in inputs)
            same = np.repeat(b, a.shape[1] // b.shape[1], 1)
            result: Float32s = np.matmul(a, same.swapaxes(-1, -2))
            return result

        return run


def _by_head(rows: Int64s, length: int) -> Float32s:
    """Return rows of each head."""
    heads = rows.reshape(len(rows), -1, length).transpose(1, 0, 2)
    return np.ascontiguousarray(heads, np.float32)


def _distances(scores: Int64s) -> Rows:
    """Return the rows of one head."""
    top = scores.argmax(axis=1)
    best = np.take_along_axis(scores, top[:, None], axis=1)
    elements = np.maximum(BEST - rounded(best - scores, SCORE_BITS), WORST).astype(np.int8)
    mantissa = np.full(len(top), 1 << 15, np.uint16)
    return Rows(elements, top.astype(np.uint32), mantissa, np.full(len(top), -19, np.int16))


class AttendKernel(RowKernel[Attend]):
    """Means of values, prepared for execution."""

    def run(self, inputs: Sequence[Elements], made: Elements) -> None:
        """Multiply the weights and values of each head. In float64 all sums are exact."""
        scores, values = self.node.inputs
        heads = scores.dims[0]
        length = self.out.dims[-1] // heads
        groups = values.dims[0] // length
        table = np.array(attention_weights(), np.float64)
        units = (int(self.op.mantissa), int(self.op.exponent) - MEAN_BITS)
        for at in range(len(made)):
            closeness = flat_rows(scores, inputs[0][at]).elements.astype(np.int64)
            weights = table[BEST - closeness].reshape(scores.dims)
            channels = inputs[1][at].astype(np.float64) - int(values.zero)
            by_group = channels.reshape(groups, length, -1)
            numbers = np.empty((self.out.dims[0], heads, length), np.int64)
            for head in range(heads):
                means = weights[head] @ by_group[head * groups // heads].T
                whole = weights[head].sum(axis=1, keepdims=True).astype(np.int64)
                numbers[:, head] = (means.astype(np.int64) << MEAN_BITS) // np.maximum(whole, 1)
            self._write(numbers.reshape(self.out.dims), units, made[at])

    def _write(self, numbers: Int64s, unit: tuple[int, int], made: Elements) -> None:
        """Store the rows of one item."""
        mantissa, exponent = (np.full(len(numbers), one, np.int64) for one in unit)
        self.write(
            made, len(numbers), lambda part: (numbers[part], (mantissa[part], exponent[part]))
        )

    @staticmethod
    def in_floats(node: NodeOf[Attend], rng: Generator) -> FloatFunction:
        """Return the means with weights of a softmax."""
        dims = node.out.dims

        def run(inputs: Sequence[Float32s]) -> Float32s:
            scores, values = inputs
            shares = np.exp(scores - scores.max(-1, keepdims=True))
            shares /= shares.sum(-1, keepdims=True)
            heads, length = scores.shape[1], dims[-1] // scores.shape[1]
            groups = values.reshape(len(values), -1, length, values.shape[-1])
            groups = np.repeat(groups, heads // groups.shape[1], 1)
            means: Float32s = np.matmul(shares, groups.swapaxes(-1, -2))
            return means.swapaxes(1, 2).reshape(-1, *dims)

        return run
