"""One element of one node, from bytes: used to verify a fraud proof, and to find its openings.

`element` reads its inputs through a `Reader`. The prover's reader records the reads; the judge's
reader has only the opened leaves. The same code runs in both, so they agree on the leaves to open.
The graph must have passed `shapes.check_graph`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Literal, Protocol

from btt_chain.work.graph import Graph
from btt_chain.work.tensors import RECORD_TAIL, Kind, Tensor

_FORMATS: Final[Mapping[Kind, Literal["b", "B"]]] = {Kind.I8: "b", Kind.U8: "B"}


class Reader(Protocol):
    """Access to committed bytes, by their place."""

    def activation(self, tensor: int, start: int, length: int) -> bytes:
        """Return bytes of a tensor."""

    def record(self, row: int) -> bytes:
        """Return the constants of one output channel of the node with constants (`weighted_of`)."""


def element(graph: Graph, number: int, index: int, reader: Reader) -> int:
    """Return the right value of element `index` of node `number`, from its inputs.

    These are the node's inputs, or, if one of them is not committed to, those of that input's node.
    """
    node = graph.nodes[number]
    return node.op.element(index, node.out, _Inputs(graph, reader))


def number_of(raw: bytes, kind: Kind) -> int:
    """Return one element from its bytes."""
    return int.from_bytes(raw, "little", signed=kind is not Kind.U8)


class _Inputs:
    """Inputs of a proof's nodes (`operators.base.Inputs`)."""

    def __init__(self, graph: Graph, reader: Reader) -> None:
        self._graph = graph
        self._reader = reader

    def tensor(self, tensor: int) -> Tensor:
        return self._graph.tensor(tensor)

    def zero(self, tensor: int) -> int:
        return int(self._graph.tensor(tensor).zero)

    def one(self, tensor: int, index: int) -> int:
        if not self._graph.tensor(tensor).committed:
            return element(self._graph, tensor - 1, index, self._reader)
        return self.numbers(tensor, index, 1)[0]

    def row(self, tensor: int, row: int) -> Sequence[int]:
        shape = self._graph.tensor(tensor)
        if not shape.committed:
            return self._graph.nodes[tensor - 1].op.row(row, shape, self)
        width = shape.dims[-1]
        return self.numbers(tensor, row * width, width)

    def numbers(self, tensor: int, start: int, length: int) -> Sequence[int]:
        raw = self._reader.activation(tensor, start, length)
        return list(memoryview(raw).cast(_FORMATS[self._graph.tensor(tensor).kind]))

    def record(self, row: int) -> tuple[Sequence[int], int, int]:
        """Return the weights of a channel, and the two numbers after them (signed; raw bits)."""
        raw = self._reader.record(row)
        body = len(raw) - RECORD_TAIL
        first = int.from_bytes(raw[body : body + 4], "little", signed=True)
        return memoryview(raw)[:body].cast("b"), first, int.from_bytes(raw[body + 4 :], "little")
