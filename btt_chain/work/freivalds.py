"""Freivalds' check of a product at a fraction of its cost: for C = A B, test C r = A (B r).

Random vectors are sized so that every sum stays within 2^53: float64 BLAS is then exact, and no
prime field is needed. A wrong row passes one vector of b random bits with a probability of at most
2^-b, and all of them with at most 2^-60. That needs the range check, which comes first: without it
a product that is wrong by a large power of two could be lost in rounding.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import shake_256
from typing import Final

import numpy as np

from btt_chain.work.graph import Graph
from btt_chain.work.model import Elements, Float64s, Int32s, Int64s, Model
from btt_chain.work.operators.numeric import product_of
from btt_chain.work.operators.numeric.kernel import node_of
from btt_chain.work.operators.numeric.vectors import Vectors, times

SOUNDNESS_BITS: Final = 60
EXACT_BITS: Final = 53
"""Bits of integers that float64 represents exactly."""
_CONTEXT: Final = b"btt-work freivalds"


class Challenge:
    """A verifier's secret random vectors for all products of a model.

    `seed` must be unknown to the provider until it has sent the accumulators: it is from the
    verifier's VRF. The products of weights and vectors are computed once, for any number of items.
    `bits` is lowered only by tests of false acceptance.
    """

    def __init__(self, model: Model, seed: bytes, *, bits: int = SOUNDNESS_BITS) -> None:
        self._model = model
        self._vectors: dict[int, Vectors] = {}
        for number, node in enumerate(model.graph.nodes):
            if is_checked(model.graph, number):
                width = node.op.accumulators(node.out)[-1]
                vectors = _vectors_of(seed, number, width, limit_of(model.graph, number), bits)
                held = model.constants.get(number)
                self._vectors[number] = Vectors(vectors, held, node.op.partial_sums)

    def wrong_rows(
        self, number: int, inputs: Sequence[Elements], accumulators: Int32s
    ) -> Sequence[int]:
        """Return the surely wrong rows (last axis; pixels of an image) of one item's product.

        If there are none, the product is right, except with a probability of 2^-60. KeyError for
        nodes that cannot be checked (`is_checked`).
        """
        graph = self._model.graph
        vectors = self._vectors[number]
        node = node_of(graph, number)
        claimed = accumulators.reshape(-1, node.op.accumulators(node.out)[-1])
        limit = limit_of(graph, number)
        if claimed.max() > limit or claimed.min() < -limit:
            outside = (claimed > limit) | (claimed < -limit)
            return np.flatnonzero(outside.any(axis=1)).tolist()
        right = product_of(node.op).by_vectors(node, inputs, vectors)
        return np.flatnonzero((times(claimed, vectors.random) != right).any(axis=1)).tolist()


def is_checked(graph: Graph, number: int) -> bool:
    """Return True if random vectors can check a node: a product, but not of windows in groups."""
    return graph.nodes[number].op.checked_by_vectors


def limit_of(graph: Graph, number: int) -> int:
    """Return the maximum absolute value of a product's accumulator; TypeError for other nodes."""
    node = graph.nodes[number]
    return node.op.accumulator_limit(graph.inputs_of(node))


def _vectors_of(seed: bytes, number: int, width: int, limit: int, bits: int) -> Float64s:
    """Return vectors of integers from -h to h - 1, h the largest power of two that stays exact."""
    half = min(EXACT_BITS - (width * limit - 1).bit_length(), bits)
    each = half + 1
    count = -(-bits // each)
    place = len(seed).to_bytes(4, "little") + seed + number.to_bytes(4, "little")
    raw = shake_256(_CONTEXT + place).digest(8 * width * count)
    top: Int64s = (np.frombuffer(raw, "<u8") >> np.uint64(64 - each)).astype(np.int64)
    return (top - (1 << half)).astype(np.float64).reshape(width, count)
