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
from btt_chain.work.operators import Conv, Linear, MatMul
from btt_chain.work.tensors import Tensor

SOUNDNESS_BITS: Final = 60
EXACT_BITS: Final = 53
"""Bits of integers that float64 represents exactly."""
_CONTEXT: Final = b"btt-work freivalds"
_BLOCK: Final = 1 << 16


class Challenge:
    """A verifier's secret random vectors for all products of a model.

    `seed` must be unknown to the provider until it has sent the accumulators: it is from the
    verifier's VRF. The products of weights and vectors are computed once, for any number of items.
    `bits` is lowered only by tests of false acceptance.
    """

    def __init__(self, model: Model, seed: bytes, *, bits: int = SOUNDNESS_BITS) -> None:
        self._model = model
        self._vectors: dict[int, _Vectors] = {}
        for number, node in enumerate(model.graph.nodes):
            if is_checked(model.graph, number):
                width = node.out.dims[-1]
                vectors = _vectors_of(seed, number, width, limit_of(model.graph, number), bits)
                self._vectors[number] = _Vectors(model, number, vectors)

    def wrong_rows(
        self, number: int, inputs: Sequence[Elements], accumulators: Int32s
    ) -> Sequence[int]:
        """Return the surely wrong rows (last axis; pixels of an image) of one item's product.

        If there are none, the product is right, except with a probability of 2^-60. KeyError for
        nodes that cannot be checked (`is_checked`).
        """
        graph = self._model.graph
        vectors = self._vectors[number]
        node = graph.nodes[number]
        op = node.op
        claimed = accumulators.reshape(-1, node.out.dims[-1])
        limit = limit_of(graph, number)
        if claimed.max() > limit or claimed.min() < -limit:
            outside = (claimed > limit) | (claimed < -limit)
            return np.flatnonzero(outside.any(axis=1)).tolist()
        tensors = graph.tensors
        if isinstance(op, MatMul):
            a, b = tensors[op.a], tensors[op.b]
            right = _of_matmul((a, b), inputs, vectors.random)
        elif isinstance(op, Conv):
            right = _of_conv(op, node.out, tensors[op.x], inputs[0], vectors.of_weights)
            right += vectors.of_bias
        elif isinstance(op, Linear):
            rows = inputs[0].reshape(-1, inputs[0].shape[-1])
            right = _times(rows, vectors.of_weights, int(tensors[op.x].zero))
            right += vectors.of_bias
        else:
            raise TypeError(f"{type(op).__name__} is no product")
        return np.flatnonzero((_times(claimed, vectors.random) != right).any(axis=1)).tolist()


def is_checked(graph: Graph, number: int) -> bool:
    """Return True if random vectors can check a node: a product, but not of windows in groups."""
    op = graph.nodes[number].op
    return isinstance(op, Linear | MatMul) or (isinstance(op, Conv) and op.groups == 1)


def limit_of(graph: Graph, number: int) -> int:
    """Return the maximum absolute value of a product's accumulator; TypeError for other nodes."""
    op = graph.nodes[number].op
    if isinstance(op, Linear | Conv):
        return int(op.weights.limit)
    if isinstance(op, MatMul):
        a, b = graph.tensors[op.a], graph.tensors[op.b]
        return a.dims[-1] * a.reach * b.reach
    raise TypeError(f"{type(op).__name__} has no accumulators")


class _Vectors:
    """Random vectors for one node, and the products of the weights with them."""

    def __init__(self, model: Model, number: int, vectors: Float64s) -> None:
        self.random = vectors
        constants = model.constants.get(number)
        if constants is None:
            self.of_weights = self.of_bias = np.zeros((0, vectors.shape[1]))
            return
        # Columns are stored as rows: their transpose multiplies an input.
        self.of_weights = constants.columns.T.astype(np.float64) @ vectors
        self.of_bias = constants.first.astype(np.float64)[None, :] @ vectors


def _vectors_of(seed: bytes, number: int, width: int, limit: int, bits: int) -> Float64s:
    """Return vectors of integers from -h to h - 1, h the largest power of two that stays exact."""
    half = min(EXACT_BITS - (width * limit - 1).bit_length(), bits)
    each = half + 1
    count = -(-bits // each)
    place = len(seed).to_bytes(4, "little") + seed + number.to_bytes(4, "little")
    raw = shake_256(_CONTEXT + place).digest(8 * width * count)
    top: Int64s = (np.frombuffer(raw, "<u8") >> np.uint64(64 - each)).astype(np.int64)
    return (top - (1 << half)).astype(np.float64).reshape(width, count)


def _times(rows: Elements, vectors: Float64s, zero: int = 0) -> Float64s:
    """Return rows, minus the zero, times vectors; in blocks that stay in the cache."""
    product = np.empty((len(rows), vectors.shape[1]))
    step = max(1, _BLOCK // max(rows.shape[1], 1))
    for at in range(0, len(rows), step):
        part = rows[at : at + step].astype(np.float64)
        if zero:
            part -= zero
        np.matmul(part, vectors, out=product[at : at + step])
    return product


def _of_matmul(
    tensors: tuple[Tensor, Tensor], inputs: Sequence[Elements], vectors: Float64s
) -> Float64s:
    a = inputs[0].astype(np.float64) - int(tensors[0].zero)
    b = inputs[1].astype(np.float64) - int(tensors[1].zero)
    right: Float64s = a @ (b.swapaxes(-1, -2) @ vectors)
    return right.reshape(-1, vectors.shape[1])


def _of_conv(op: Conv, out: Tensor, tensor: Tensor, x: Elements, of_weights: Float64s) -> Float64s:
    """Multiply without im2col: pixels times vectors for every tap, then added within windows."""
    window = op.window
    taps, count = int(window.height) * int(window.width), of_weights.shape[1]
    height, width, channels = x.shape
    by_tap = of_weights.reshape(taps, channels, count).transpose(0, 2, 1)
    vectors = np.ascontiguousarray(by_tap).reshape(taps * count, channels)
    top, left = int(window.top), int(window.left)
    # One image for each tap and vector, so that lines of them are added, not single pixels.
    padded = height + top + int(window.bottom), width + left + int(window.right)
    images = np.zeros((taps * count, *padded))
    step = max(1, _BLOCK // (width * channels))
    for first in range(0, height, step):
        lines = x[first : first + step].astype(np.float64)
        lines -= int(tensor.zero)
        seen = vectors @ lines.reshape(-1, channels).T
        here = slice(top + first, top + first + len(lines))
        images[:, here, left : left + width] = seen.reshape(-1, len(lines), width)
    high, wide, _ = out.dims
    step_y, step_x = int(window.step_y), int(window.step_x)
    total = np.zeros((count, high, wide))
    for tap in range(taps):
        tap_y, tap_x = divmod(tap, int(window.width))
        y, at = tap_y * int(window.apart_y), tap_x * int(window.apart_x)
        total += images[
            tap * count : (tap + 1) * count,
            y : y + (high - 1) * step_y + 1 : step_y,
            at : at + (wide - 1) * step_x + 1 : step_x,
        ]
    return total.reshape(count, -1).T
