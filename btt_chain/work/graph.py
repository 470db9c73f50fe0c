"""A model on the chain: tensors with elements of one to four bytes, nodes, and the manifest.

Tensors are the inputs of an item, then the output of each node; the model names those that are its
outputs. There is no batch axis: items never mix. The channels are the last axis: signals are time,
channels; images height, width, channels; volumes depth, height, width, channels. Tensors are
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
from btt_chain.work.tensors import Binary32, Tensor, TensorId, Weights

PROOF_BYTES: Final = 24 * 1024
"""Maximum size of a fraud proof, in bytes."""
MAX_ENDS: Final = 8
"""Maximum number of inputs, and of outputs."""
MAX_NODES: Final = 512
"""Maximum number of nodes of a graph."""


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
    """The inputs and all nodes, in an order of execution, and the tensors that are outputs."""

    inputs: Bounded[list[Tensor], MAX_ENDS]
    nodes: Bounded[list[Node], MAX_NODES]
    outputs: Bounded[list[TensorId], MAX_ENDS]

    @property
    def tensors(self) -> list[Tensor]:
        """The inputs, then the output of each node."""
        return [*self.inputs, *(node.out for node in self.nodes)]

    def tensor(self, number: int) -> Tensor:
        """Return a tensor by its number."""
        first = len(self.inputs)
        return self.inputs[number] if number < first else self.nodes[number - first].out

    def out_of(self, node: int) -> int:
        """Return the number of the tensor that a node makes."""
        return len(self.inputs) + node

    def maker_of(self, tensor: int) -> int:
        """Return the number of the node that makes a tensor; negative for an input."""
        return tensor - len(self.inputs)

    def inputs_of(self, node: Node) -> list[Tensor]:
        """Return the tensors that a node reads, in the order of its fields."""
        return [self.tensor(number) for number in node.op.inputs]

    @property
    def committed(self) -> list[Tensor]:
        """The committed tensors, inputs first.

        An item's bytes, trees, keys and proofs number tensors by their places in this list.
        """
        return [tensor for tensor in self.tensors if tensor.committed]

    def place_of(self, tensor: int) -> int:
        """Return the place of a committed tensor among the committed ones."""
        return sum(before.committed for before in self.tensors[:tensor])

    def ends(self, *, output: bool) -> list[int]:
        """Return the places of the inputs, or of the outputs, among the committed tensors."""
        if output:
            return [self.place_of(int(tensor)) for tensor in self.outputs]
        return list(range(len(self.inputs)))

    @property
    def made(self) -> list[Tensor]:
        """The outputs of an item."""
        return [self.tensor(int(tensor)) for tensor in self.outputs]

    @property
    def input_bytes(self) -> int:
        """The bytes of one item's inputs, which follow each other."""
        return sum(tensor.nbytes for tensor in self.inputs)

    @property
    def output_bytes(self) -> int:
        """The bytes of one item's outputs, which follow each other."""
        return sum(tensor.nbytes for tensor in self.made)


@path("btt_work::Manifest")
@dataclass(frozen=True, slots=True)
class Manifest:
    """A model for registration: its graph, and the meaning of its numbers."""

    graph: Graph
    input_scales: Bounded[list[Binary32], MAX_ENDS]
    output_scales: Bounded[list[Binary32], MAX_ENDS]
    macs: u64
    """Number of multiplications of one item, by which work is paid."""


def weights_layout(graph: Graph, node: Node) -> Layout:
    """Return the layout of a node's constants; ValueError if the node has none."""
    constants = node.op.constants
    if constants is None:
        raise ValueError(f"{type(node.op).__name__} has no weights")
    row = node.op.record_bytes(graph.inputs_of(node))
    return Layout(node.op.record_count(node.out), row, int(constants.leaf))


def may_pass(maker: Op, reader: Op) -> bool:
    """Return True if the output of one node may have no leaves for its only reader.

    An element of the reader then depends on one element of it, or on one row that is computed.
    """
    if maker.reads_itself:
        return False
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
        found.extend(graph.maker_of(one) for one in read if not graph.tensor(one).committed)
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
    return [tensor for tensor in (*read, graph.out_of(number)) if graph.tensor(tensor).committed]
