"""The same graph in float32, computed by plain numpy: the baseline for the cost of exactness.

These are the steps of a net before quantisation. The weights are random: their values do not affect
the speed of BLAS, and the results are not used. Convolutions have one group.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, assert_never

import numpy as np

from btt_chain.work.execute import padded, taps_of, windows_of
from btt_chain.work.graph import Graph, Node
from btt_chain.work.model import Float32s
from btt_chain.work.operators import (
    Add,
    AveragePool,
    Concat,
    Conv,
    LayerNorm,
    Linear,
    MatMul,
    MaxPool,
    Rearrange,
    Softmax,
    Table,
)
from btt_chain.work.tensors import Kind, Window

LEAK: Final = np.float32(0.125)
"""Slope of the function that replaces a table: the cheapest nonlinear one."""
EPSILON: Final = np.float32(1e-5)


class FloatGraph:
    """A graph prepared for float32, computed for some items at a time."""

    def __init__(self, graph: Graph, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self._graph = graph
        self._weights: dict[int, tuple[Float32s, Float32s]] = {}
        for number, node in enumerate(graph.nodes):
            if isinstance(node.op, Linear | Conv):
                length = graph.tensors[node.op.x].dims[-1]
                if isinstance(node.op, Conv):
                    length *= int(np.prod(taps_of(node.op.window)))
                outputs = node.out.dims[-1]
                columns = rng.standard_normal((length, outputs), np.float32) / np.sqrt(length)
                self._weights[number] = columns.astype(np.float32), np.ones(outputs, np.float32)
        self._ones = np.ones(max(tensor.dims[-1] for tensor in graph.tensors), np.float32)
        self._rng = rng

    def items(self, count: int) -> Float32s:
        """Return random items."""
        return self._rng.standard_normal((count, *self._graph.input.dims), np.float32)

    def run(self, items: Float32s, memory: int) -> None:
        """Compute all nodes, in pieces whose tensors take about `memory` bytes."""
        each = sum(4 * tensor.size for tensor in self._graph.tensors)
        step = max(1, memory // each)
        for at in range(0, len(items), step):
            made = [items[at : at + step]]
            for number, node in enumerate(self._graph.nodes):
                made.append(self._node(number, node, made))
                if made[-1].shape != (len(made[0]), *node.out.dims):
                    raise ValueError(f"node {node.name} made {made[-1].shape}: not taken here")

    def _node(self, number: int, node: Node, made: list[Float32s]) -> Float32s:
        op = node.op
        result: Float32s
        match op:
            case Linear():
                result = np.matmul(made[op.x], self._weights[number][0])
                self._bend(node, result, number)
            case Conv():
                columns = self._weights[number][0]
                seen = self._seen(node, made[op.x], op.window)
                result = np.matmul(seen.reshape(-1, len(columns)), columns)
                self._bend(node, result, number)
                result = result.reshape(-1, *node.out.dims)
            case MatMul():
                result = np.matmul(made[op.a], made[op.b].swapaxes(-1, -2))
                result *= np.float32(op.scale)
            case Add():
                result = made[op.a] + made[op.b]
            case Table():
                result = np.maximum(made[op.x], made[op.x] * LEAK)
            case MaxPool():
                result = self._seen(node, made[op.x], op.window).max((3, 4))
            case AveragePool():
                result = self._seen(node, made[op.x], op.window).mean((3, 4))
            case Softmax():
                result = made[op.x] - made[op.x].max(-1, keepdims=True)
                np.exp(result, out=result)
                result /= result.sum(-1, keepdims=True)
            case LayerNorm():
                result = made[op.x] - made[op.x].mean(-1, keepdims=True)
                result /= np.sqrt(np.square(result).mean(-1, keepdims=True) + EPSILON)
                result *= self._ones[: node.out.dims[-1]]
                result += self._ones[: node.out.dims[-1]]
            case Rearrange():
                view = made[op.x].reshape(-1, *map(int, op.view))
                axes = (0, *(int(axis) + 1 for axis in op.axes))
                result = np.ascontiguousarray(view.transpose(axes)).reshape(-1, *node.out.dims)
            case Concat():
                result = np.concatenate([made[op.a], made[op.b]], -1)
            case _:
                assert_never(op)
        return result

    def _seen(self, node: Node, images: Float32s, window: Window) -> Float32s:
        height, width, _ = node.out.dims
        return windows_of(padded(images, window, 0), window, (height, width))

    def _bend(self, node: Node, sums: Float32s, number: int) -> None:
        """Add the bias, and the ReLU that unsigned outputs imply."""
        sums += self._weights[number][1]
        if node.out.kind is Kind.U8:
            np.maximum(sums, 0, out=sums)


def float_graph(graph: Graph, seed: int, count: int, memory: int) -> Callable[[], None]:
    """Return a function that runs `count` items, for timing."""
    made = FloatGraph(graph, seed)
    items = made.items(count)
    return lambda: made.run(items, memory)
