"""A model on the chain: tensors with elements of one or four bytes, nodes, and the manifest.

Tensor 0 is the input of an item, tensor i + 1 is the output of node i; the last one is the model's
output. There is no batch axis: items never mix. Images are height, width, channels. Tensors are
committed to, so every node can be checked from openings of its inputs alone. A tensor with a single
reader may have no commitment if an element of the reader depends on one element of it, or one row
of shares: these are computed, too, when the reader is verified. That saves hashing and bytes.
Scales are the bits of a binary32 number, so that the runtime uses no floats.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from math import prod
from typing import Annotated, Final, TypeAlias

from btt_chain.primitives.digest import H256
from btt_chain.scale import (
    Bounded,
    Fixed,
    Path,
    TypeName,
    Variant,
    i16,
    i32,
    path,
    u8,
    u16,
    u32,
    u64,
)

LEAF_BYTES: Final = 4096
"""Maximum size of a leaf, in bytes."""
MIN_LEAF_BYTES: Final = 256
PROOF_BYTES: Final = 24 * 1024
"""Maximum size of a fraud proof, in bytes."""
RECORD_TAIL: Final = 8
"""Bytes that follow the weights in a record: two 32-bit numbers, lowest byte first."""

Binary32: TypeAlias = Annotated[u32, TypeName("Binary32")]
TensorId: TypeAlias = Annotated[u16, TypeName("TensorId")]


@path("btt_work::Kind")
class Kind(IntEnum):
    """The type of an element."""

    I8 = 0
    """-128 to 127, one byte."""
    U8 = 1
    """0 to 255, one byte."""
    I32 = 2
    """A raw accumulator, four bytes with the lowest first; only the output may have this kind."""

    @property
    def width(self) -> int:
        """Bytes of an element."""
        return 4 if self is Kind.I32 else 1

    @property
    def low(self) -> int:
        """The smallest element."""
        return (-128, 0, -(1 << 31))[self]

    @property
    def high(self) -> int:
        """The largest element."""
        return (127, 255, (1 << 31) - 1)[self]


@path("btt_work::Tensor")
@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor of an item."""

    kind: Kind
    shape: Bounded[list[u32], 4]
    zero: i16
    """The element with the value zero."""
    leaf: u16
    """Maximum bytes of a leaf of its commitment; rows are the last axis. 0: it has none."""

    @property
    def committed(self) -> bool:
        """True if a provider commits to it."""
        return self.leaf != 0

    @property
    def dims(self) -> tuple[int, ...]:
        """The shape in Python integers."""
        return tuple(map(int, self.shape))

    @property
    def size(self) -> int:
        """The number of elements."""
        return prod(self.dims)

    @property
    def nbytes(self) -> int:
        """The bytes of one item's tensor."""
        return self.size * self.kind.width

    @property
    def reach(self) -> int:
        """The largest distance of an element from zero."""
        return max(int(self.zero) - self.kind.low, self.kind.high - int(self.zero))


@path("btt_work::Weights")
@dataclass(frozen=True, slots=True)
class Weights:
    """Constants of a node, committed as one record for each output channel.

    A record of a product is the column's weights (int8), then its bias (int32) and its scale
    (binary32 bits). A record of a normalisation is its offset and its factor (both int32).
    """

    root: H256
    leaf: u16
    limit: u32
    """Maximum absolute value of an accumulator: reach * sum of |weights| + |bias|."""


@path("btt_work::Window")
@dataclass(frozen=True, slots=True)
class Window:
    """The part of an image for an output pixel; outside of the image is padding."""

    height: u16
    width: u16
    step_y: u16
    step_x: u16
    apart_y: u16
    apart_x: u16
    top: u16
    left: u16
    bottom: u16
    right: u16


class Linear(Variant, index=0):
    """Each row times the weights, plus bias, requantised by the column's scale."""

    x: TensorId
    weights: Weights
    low: i16
    """Lower bound of results: a fused ReLU has the output's zero here."""
    high: i16


class Conv(Variant, index=1):
    """Each window times the weights (order: y, x, channel), plus bias, requantised."""

    x: TensorId
    weights: Weights
    window: Window
    groups: u16
    low: i16
    high: i16


class MatMul(Variant, index=2):
    """Rows of `a` times rows of `b`, group by group: both factors of a product are contiguous."""

    a: TensorId
    b: TensorId
    scale: Binary32


class Add(Variant, index=3):
    """`(a * by_a + b * by_b) / 2^shift`, halves to even; both counted from their zeros."""

    a: TensorId
    b: TensorId
    by_a: i32
    by_b: i32
    shift: u8


class Table(Variant, index=4):
    """One output byte for each input byte: activations, and changes of scale."""

    x: TensorId
    table: Annotated[bytes, Fixed(256)]


class MaxPool(Variant, index=5):
    """The largest element of each window; padding is never the largest."""

    x: TensorId
    window: Window


class AveragePool(Variant, index=6):
    """The sum of each window, counted from zero and padding being zero, times a scale."""

    x: TensorId
    window: Window
    scale: Binary32


class Softmax(Variant, index=7):
    """Shares of each row in 1/256: the table holds weights by distance from the row's largest.

    `table[0]` is the largest and at least 2^8; the output's zero is its smallest element.
    """

    x: TensorId
    table: Bounded[list[u16], 256]


class LayerNorm(Variant, index=8):
    """Each row minus its mean, over its deviation, times factor plus offset of the channel."""

    x: TensorId
    epsilon: u64
    """Added to n^2 times the variance, in units of the input."""
    weights: Weights
    shift: u8
    """Binary logarithm of the divisor of offset plus factor times 2^-12 parts of a deviation."""


class Rearrange(Variant, index=9):
    """The same elements in the shape `view`, axes exchanged, in the output's shape."""

    x: TensorId
    view: Bounded[list[u32], 6]
    axes: Bounded[list[u8], 6]


class Concat(Variant, index=10):
    """Rows of `a`, each followed by the row of `b`: equal kinds and zeros."""

    a: TensorId
    b: TensorId


Op: TypeAlias = Annotated[
    Linear
    | Conv
    | MatMul
    | Add
    | Table
    | MaxPool
    | AveragePool
    | Softmax
    | LayerNorm
    | Rearrange
    | Concat,
    Path("btt_work::Op"),
]


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


def inputs_of(op: Op) -> tuple[int, ...]:
    """Return the input tensors of a node, in the order of its fields."""
    if isinstance(op, MatMul | Add | Concat):
        return int(op.a), int(op.b)
    return (int(op.x),)


def weights_of(op: Op) -> Weights | None:
    """Return the constants of a node, if it has any."""
    return op.weights if isinstance(op, Linear | Conv | LayerNorm) else None


def may_pass(maker: Op, reader: Op) -> bool:
    """Return True if the output of one node may have no leaves for its only reader.

    An element of the reader then depends on one element of it, or on one row of a softmax.
    """
    if isinstance(maker, Softmax) and isinstance(reader, Linear | MatMul):
        return True
    return isinstance(reader, Add | Table | Rearrange | Concat)


def group_of(graph: Graph, number: int) -> list[int]:
    """Return a node, followed by those that made its inputs without a commitment.

    One fraud proof computes all of them. Inputs must have been checked (`shapes`).
    """
    found = [number]
    for at in found:
        read = inputs_of(graph.nodes[at].op)
        found.extend(tensor - 1 for tensor in read if not graph.tensor(tensor).committed)
    return found


def weighted_of(graph: Graph, number: int) -> tuple[int, Weights] | None:
    """Return the node with constants in the group of a node, and its constants, if there is one."""
    for at in group_of(graph, number):
        constants = weights_of(graph.nodes[at].op)
        if constants is not None:
            return at, constants
    return None


def opened_of(graph: Graph, number: int) -> list[int]:
    """Return the tensors that a proof about a node opens, ascending: its inputs, and its output."""
    group = group_of(graph, number)
    read = sorted({tensor for at in group for tensor in inputs_of(graph.nodes[at].op)})
    return [tensor for tensor in (*read, number + 1) if graph.tensor(tensor).committed]
