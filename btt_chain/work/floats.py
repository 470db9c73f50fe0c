"""The same graph in float32, computed by plain numpy: the baseline for the cost of exactness.

These are the steps of a net before quantisation. The weights are random: their values do not affect
the speed of BLAS, and the results are not used. Convolutions have one group.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from btt_chain.work.graph import Graph
from btt_chain.work.model import Float32s
from btt_chain.work.operators.numeric import kernel_of
from btt_chain.work.operators.numeric.kernel import FloatFunction, node_of


class FloatGraph:
    """A graph prepared for float32, computed for some items at a time."""

    def __init__(self, graph: Graph, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self._graph = graph
        self._functions: list[FloatFunction] = []
        for number in range(len(graph.nodes)):
            node = node_of(graph, number)
            self._functions.append(kernel_of(node.op).in_floats(node, rng))
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
            for node, function in zip(self._graph.nodes, self._functions, strict=True):
                made.append(function([made[tensor] for tensor in node.op.inputs]))
                if made[-1].shape != (len(made[0]), *node.out.dims):
                    raise ValueError(f"node {node.name} made {made[-1].shape}: not taken here")


def float_graph(graph: Graph, seed: int, count: int, memory: int) -> Callable[[], None]:
    """Return a function that runs `count` items, for timing."""
    made = FloatGraph(graph, seed)
    items = made.items(count)
    return lambda: made.run(items, memory)
