"""A model on the chain: tensors with elements of one or four bytes, nodes, and the manifest.

Tensor 0 is the input of an item, tensor i + 1 is the output of node i; the last one is the model's
output. There is no batch axis: items never mix. Images are height, width, channels. Tensors are
committed to, so every node can be checked from openings of its inputs alone. A tensor with a single
reader may have no commitment if an element of the reader depends on one element of it, or one row
of shares: these are computed, too, when the reader is verified. That saves hashing and bytes.
Scales are the bits of a binary32 number, so that the runtime uses no floats.
"""

from __future__ import annotations

from typing import Final

from btt_chain.lazyclass import dataclass
from btt_chain.scale import Bounded, path, u64
from btt_chain.work.layout import Layout
from btt_chain.work.operators import Op
from btt_chain.work.tensors import Binary32, Tensor, Weights

PROOF_BYTES: Final = 24 * 1024
"""Maximum size of a fraud proof, in bytes."""


@path("btt_work::Node")
@dataclass(frozen=True, slots=True)
class Node:
    """One operation and its output."""

    name: str
    op: Op
    out: Tensor


@path("btt_work::Graph")
@dataclass(frozen=True, slots=True)
class Graph:
    """The input and all nodes, in an order of execution."""

    input: Tensor
    nodes: Bounded[list[Node], 512]

    @property
    def tensors(self) -> list[Tensor]:
        """The input, then the output of each node."""
        return [self.input, *(node.out for node in self.nodes)]

    def tensor(self, number: int) -> Tensor:
        """Return a tensor by its number."""
        return self.nodes[number - 1].out if number else self.input

    def inputs_of(self, node: Node) -> list[Tensor]:
        """Return the tensors that a node reads, in the order of its fields."""
        return [self.tensor(number) for number in node.op.inputs]

    @property
    def committed(self) -> list[Tensor]:
        """The committed tensors, input first and output last.

        An item's bytes, trees, keys and proofs number tensors by their places in this list.
        """
        return [tensor for tensor in self.tensors if tensor.committed]

    @property
    def output(self) -> Tensor:
        """The output of the last node."""
        return self.nodes[-1].out


@path("btt_work::Manifest")
@dataclass(frozen=True, slots=True)
class Manifest:
    """A model for registration: its graph, and the meaning of its numbers."""

    graph: Graph
    input_scale: Binary32
    output_scale: Binary32
    macs: u64
    """Number of multiplications of one item, by which work is paid."""


def weights_layout(graph: Graph, node: Node) -> Layout:
    """Return the layout of a node's constants; ValueError if the node has none."""
    constants = node.op.constants
    if constants is None:
        raise ValueError(f"{type(node.op).__name__} has no weights")
    row = node.op.record_bytes(graph.inputs_of(node))
    return Layout(node.out.dims[-1], row, int(constants.leaf))


def may_pass(maker: Op, reader: Op) -> bool:
    """Return True if the output of one node may have no leaves for its only reader.

    An element of the reader then depends on one element of it, or on one row that is computed.
    """
    if maker.makes_computed_rows and reader.reads_computed_rows:
        return True
    return reader.reads_computed_elements


def group_of(graph: Graph, number: int) -> list[int]:
    """Return a node, followed by those that made its inputs without a commitment.

    One fraud proof computes all of them. Inputs must have been checked (`shapes`).
    """
    found = [number]
    for at in found:
        read = graph.nodes[at].op.inputs
        found.extend(tensor - 1 for tensor in read if not graph.tensor(tensor).committed)
    return found


def weighted_of(graph: Graph, number: int) -> tuple[int, Weights] | None:
    """Return the node with constants in the group of a node, and its constants, if there is one."""
    for at in group_of(graph, number):
        constants = graph.nodes[at].op.constants
        if constants is not None:
            return at, constants
    return None


def opened_of(graph: Graph, number: int) -> list[int]:
    """Return the tensors that a proof about a node opens, ascending: its inputs, and its output."""
    group = group_of(graph, number)
    read = sorted({tensor for at in group for tensor in graph.nodes[at].op.inputs})
    return [tensor for tensor in (*read, number + 1) if graph.tensor(tensor).committed]
