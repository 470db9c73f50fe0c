"""Building a model node by node: shapes are derived, leaves fitted, weights committed to.

Each method adds a node and returns the number of its output tensor. `model` completes the graph,
and raises errors with the name of the node.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from math import log, prod, sqrt
from typing import Final

import numpy as np

from btt_chain.primitives.digest import H256
from btt_chain.scale import i16, u8, u16, u32, u64
from btt_chain.work.admission import check_model
from btt_chain.work.commit import commit_weights
from btt_chain.work.errors import ModelRefused
from btt_chain.work.functions import Function
from btt_chain.work.graph import (
    PROOF_BYTES,
    Graph,
    Manifest,
    Node,
    group_of,
    may_pass,
    opened_of,
    weighted_of,
)
from btt_chain.work.model import (
    Bytes2D,
    Float32s,
    Int8s,
    Int32s,
    Model,
    constants_of,
    records_of_norm,
    records_of_product,
    records_of_rows,
    scale_bits,
)
from btt_chain.work.operators import (
    Add,
    AddRows,
    ArgMax,
    Attend,
    AveragePool,
    Concat,
    Conv,
    FromRows,
    LayerNorm,
    Linear,
    MatMul,
    MaxPool,
    Norm,
    Op,
    Rearrange,
    Rotate,
    RowLinear,
    Scores,
    Softmax,
    Sum,
    Table,
    ToRows,
)
from btt_chain.work.operators.numeric import kernel_of
from btt_chain.work.operators.numeric.dynamic import RowWeights, scale_parts
from btt_chain.work.operators.numeric.elementwise import bytes_of, factors_of
from btt_chain.work.operators.numeric.kernel import NodeOf
from btt_chain.work.operators.rows import zero_of_shares
from btt_chain.work.operators.windows import sides_of
from btt_chain.work.shapes import (
    check_graph,
    is_judged,
    largest_proof,
    macs_of,
)
from btt_chain.work.tensors import (
    LEAF_BYTES,
    MIN_LEAF_BYTES,
    RECORD_TAIL,
    Axis,
    Kind,
    Tensor,
    Weights,
    Window,
)

_NO_ROOT: Final = H256(bytes(32))
MIN_PART: Final = 256
"""Least length of a part of a row."""
PROOF_SPARE: Final = 2048
"""Bytes of a proof that depend on the number of nodes, which is not known yet."""


@dataclass(frozen=True, slots=True)
class Numbers:
    """Kind and zero of new elements; `low` and `high` are a fused activation's bounds."""

    kind: Kind
    zero: int = 0
    low: int | None = None
    high: int | None = None

    @property
    def bounds(self) -> tuple[i16, i16]:
        """The smallest and the largest output element of a product."""
        if self.kind is Kind.I32:
            return i16(0), i16(0)
        low = self.kind.low if self.low is None else self.low
        return i16(low), i16(self.kind.high if self.high is None else self.high)


def window(
    size: Sequence[int],
    step: Sequence[int] | None = None,
    pads: Sequence[int] | None = None,
    apart: Sequence[int] | None = None,
) -> Window:
    """Return a window of one to three axes.

    As in ONNX, pads are those before the image, axis by axis, then those after it.
    """
    rank = len(size)
    ones = [1] * rank
    pads = [0] * (2 * rank) if pads is None else pads
    columns = (size, step or ones, apart or ones, pads[:rank], pads[rank:])
    return Window([Axis(*map(u16, axis)) for axis in zip(*columns, strict=True)])


class Builder:
    """A graph under construction, with the records of its constants."""

    def __init__(self, kind: Kind, shape: Sequence[int], zero: int = 0, scale: float = 1.0) -> None:
        """Begin with the first input."""
        self._tensors = [_tensor(Numbers(kind, zero), shape)]
        self._nodes: list[tuple[str, Op]] = []
        self._records: dict[int, Bytes2D] = {}
        self._scales = [scale]
        """Of the inputs."""
        self._outputs: list[u16] = []

    def add_input(self, kind: Kind, shape: Sequence[int], zero: int = 0, scale: float = 1.0) -> int:
        """Add another input, and return its number; ValueError once there are nodes."""
        if self._nodes:
            raise ValueError("inputs come before all nodes")
        self._tensors.append(_tensor(Numbers(kind, zero), shape))
        self._scales.append(scale)
        return len(self._tensors) - 1

    def tensor(self, number: int) -> Tensor:
        """Return an existing tensor."""
        return self._tensors[number]

    def linear(
        self, name: str, x: int, columns: Int8s, bias: Int32s, scales: Float32s, out: Numbers
    ) -> int:
        """Add rows times weights: `columns` is outputs by inputs."""
        dims = self._tensors[x].dims
        self._check_weights(name, columns, dims[-1], bias, scales)

        def op(x: int, parts: int, out: Numbers) -> Op:
            return Linear(u16(x), _weights(), u16(parts), *out.bounds)

        choices = range(1, 1 + -(-dims[-1] // MIN_PART))
        return self._product(name, op, x, choices, dims[:-1], (columns, bias, scales), out)

    def conv(
        self,
        name: str,
        x: int,
        kernels: Int8s,
        bias: Int32s,
        scales: Float32s,
        seen: Window,
        out: Numbers,
        groups: int = 1,
    ) -> int:
        """Add windows times weights: `kernels` is outputs, height, width, channels of a group."""
        sides = sides_of(name, seen, self._tensors[x])
        inside = self._tensors[x].dims[-1]
        if groups < 1 or inside % groups or len(kernels) % groups:
            raise ModelRefused.at(name, f"{groups} groups of {inside} to {len(kernels)} channels")
        columns = kernels.reshape(len(kernels), -1)
        length = prod(seen.sizes) * (inside // groups)
        self._check_weights(name, columns, length, bias, scales)
        if min(sides) < 1:
            raise ModelRefused.at(name, f"makes the sides {sides}: its window does not fit")

        def op(x: int, parts: int, out: Numbers) -> Op:
            return Conv(u16(x), _weights(), seen, u16(groups), u16(parts), *out.bounds)

        taps, line = prod(seen.sizes), seen.sizes[-1]
        sizes = [taps // parts for parts in range(1, taps + 1) if taps % parts == 0]
        choices = [taps // size for size in sizes if size % line == 0 or line % size == 0]
        return self._product(name, op, x, choices, sides, (columns, bias, scales), out)

    def _product(
        self,
        name: str,
        op: Callable[[int, int, Numbers], Op],
        x: int,
        choices: Iterable[int],
        sides: Sequence[int],
        constants: tuple[Int8s, Int32s, Float32s],
        out: Numbers,
    ) -> int:
        """Add a product in as few parts as its proofs allow: several are followed by a `Sum`.

        `op` makes the operator of an input, a number of parts and the output's numbers.
        """
        columns, bias, scales = constants
        count, length = columns.shape
        parts = self._parts(name, op, x, choices, (*sides, count))
        if parts == 1:
            records = records_of_product(columns, bias, scales)
            return self.node(name, op(x, 1, out), out, (*sides, count), records)
        most = -(-length // parts)
        held = np.zeros((count, parts * most), np.int8)
        held[:, :length] = columns
        nothing, ones = np.zeros(count * parts, np.int32), np.ones(count * parts, np.float32)
        records = records_of_product(held.reshape(count * parts, most), nothing, ones)
        sums = Numbers(Kind.I32)
        shape = (*sides, count * parts)
        x = self.node(f"{name}:parts", op(x, parts, sums), sums, shape, records)
        total = Sum(u16(x), _weights(), u16(parts), *out.bounds)
        records = records_of_product(np.empty((count, 0), np.int8), bias, scales)
        return self.node(name, total, out, (*sides, count), records)

    def _parts(
        self,
        name: str,
        op: Callable[[int, int, Numbers], Op],
        x: int,
        choices: Iterable[int],
        shape: Sequence[int],
    ) -> int:
        """Return the fewest parts with which a product has a small enough proof; 1 if none has."""
        for parts in choices:
            numbers = Numbers(Kind.I8 if parts == 1 else Kind.I32)
            made = op(0, parts, numbers)
            out = _tensor(numbers, (*shape[:-1], shape[-1] * parts))
            for leaf in (LEAF_BYTES, LEAF_BYTES // 4, MIN_LEAF_BYTES):
                given, result = (replace(one, leaf=u16(leaf)) for one in (self._tensors[x], out))
                held = made.with_constants(replace(_weights(), leaf=u16(leaf)))
                graph = Graph([given], [Node(name, held, result)], [u16(1)])
                if is_judged(graph, 0) and largest_proof(graph, 0) <= PROOF_BYTES - PROOF_SPARE:
                    return parts
        return 1

    def matmul(self, name: str, a: int, b: int, scale: float, out: Numbers) -> int:
        """Add rows of `a` times rows of `b`."""
        shape = (*self._tensors[a].dims[:-1], self._tensors[b].dims[-2])
        return self.node(name, MatMul(u16(a), u16(b), u32(scale_bits(scale))), out, shape)

    def add(self, name: str, a: int, b: int, ratios: tuple[float, float], out: Numbers) -> int:
        """Add `a * ratios[0] + b * ratios[1]`; ModelRefused if a ratio is too large to be exact."""
        op = Add(u16(a), u16(b), *factors_of(name, ratios))
        return self.node(name, op, out, self._tensors[a].dims)

    def table(self, name: str, x: int, values: Sequence[int], out: Numbers) -> int:
        """Add a table of 256 elements, in ascending order of the input elements."""
        op = Table(u16(x), bytes_of(self._tensors[x].kind, values))
        return self.node(name, op, out, self._tensors[x].dims)

    def max_pool(self, name: str, x: int, seen: Window) -> int:
        """Add the maximum of each window."""
        tensor = self._tensors[x]
        shape = (*sides_of(name, seen, tensor), tensor.dims[-1])
        return self.node(name, MaxPool(u16(x), seen), _numbers(tensor), shape)

    def average_pool(self, name: str, x: int, seen: Window, scale: float, out: Numbers) -> int:
        """Add the sum of each window times `scale`; include the division by the number of taps."""
        tensor = self._tensors[x]
        shape = (*sides_of(name, seen, tensor), tensor.dims[-1])
        return self.node(name, AveragePool(u16(x), seen, u32(scale_bits(scale))), out, shape)

    def softmax(self, name: str, x: int, table: Sequence[int], kind: Kind = Kind.U8) -> int:
        """Add shares of each row; `table[d]` is the weight of an element d below the largest."""
        op = Softmax(u16(x), [u16(weight) for weight in table])
        return self.node(name, op, Numbers(kind, zero_of_shares(kind)), self._tensors[x].dims)

    def layer_norm(
        self, name: str, x: int, norm: tuple[Int32s, Int32s], epsilon: int, shift: int, out: Numbers
    ) -> int:
        """Add normalised rows times `norm[1]` plus `norm[0]`, over 2^shift."""
        op = LayerNorm(u16(x), u64(epsilon), _weights(), u8(shift))
        return self.node(name, op, out, self._tensors[x].dims, records_of_norm(*norm))

    def row_linear(
        self,
        name: str,
        x: int,
        constants: RowWeights,
        kind: Kind,
        then: Function = Function.IDENTITY,
        *,
        gated: bool = False,
    ) -> int:
        """Add rows with scales of their own times weights (`numeric.dynamic.row_weights`).

        A gated layer has two columns for each channel, that of the function first.
        """
        columns, bias, factors, shift = constants
        dims = self._tensors[x].dims
        if not columns.size or columns.shape[1] != dims[-1]:
            raise ModelRefused.at(name, f"weights of {columns.shape} for {dims[-1]} inputs")
        op = RowLinear(u16(x), _weights(), u8(shift), then, gated)
        records = records_of_rows(columns, bias, factors)
        shape = (*dims[:-1], len(columns) // op.products)
        return self.node(name, op, Numbers(kind), shape, records)

    def rotate(self, name: str, x: int, heads: int, angles: Bytes2D, kind: Kind) -> int:
        """Add rows turned by the angles of their positions (`numeric.dynamic.rope_records`)."""
        op = Rotate(u16(x), _weights(), u16(heads))
        rows, width = self._tensors[x].rows, self._tensors[x].dims[-1]
        if heads < 1 or width % (2 * heads):
            raise ModelRefused.at(name, f"{heads} heads in rows of {width}: heads are pairs")
        if angles.shape != (rows, 2 * width // heads + RECORD_TAIL):
            raise ModelRefused.at(name, f"angles of {angles.shape} for {rows} rows")
        return self.node(name, op, Numbers(kind), self._tensors[x].dims, angles)

    def scores(self, name: str, queries: int, keys: int, length: int, *, causal: bool) -> int:
        """Add the distances of keys from the best one, of heads of this length."""
        scale = scale_parts(16 / log(2) / sqrt(length))
        op = Scores(u16(queries), u16(keys), u16(length), causal, *scale)
        rows, width = self._tensors[queries].dims
        shape = (width // length, rows, self._tensors[keys].dims[0])
        return self.node(name, op, Numbers(Kind.D8), shape)

    def attend(self, name: str, scores: int, values: int, scale: float, kind: Kind) -> int:
        """Add means of values of this scale; `values` has a row for each channel."""
        op = self._nodes[scores - len(self._scales)][1]
        if not isinstance(op, Scores):
            raise ModelRefused.at(name, f"tensor {scores} is not made by Scores")
        mean = Attend(u16(scores), u16(values), *scale_parts(scale))
        heads, rows, _ = self._tensors[scores].dims
        return self.node(name, mean, Numbers(kind), (rows, heads * int(op.length)))

    def arg_max(self, name: str, x: int, columns: Int8s, factors: Int32s) -> int:
        """Add the number of the column with the largest product, times its factor."""
        # Two records are opened: small leaves, which are hashed once, make a small proof.
        leaf = 1 << max(columns.shape[1] + RECORD_TAIL - 1, MIN_LEAF_BYTES - 1).bit_length()
        weights = replace(_weights(), leaf=u16(min(leaf, LEAF_BYTES)))
        op = ArgMax(u16(x), weights, u32(len(columns)))
        records = records_of_rows(columns, np.zeros(len(columns), np.int32), factors)
        shape = (*self._tensors[x].dims[:-1], 1)
        return self.node(name, op, Numbers(Kind.I32), shape, records)

    def from_rows(self, name: str, x: int, scale: float, out: Numbers) -> int:
        """Add elements with one scale, of rows with scales of their own."""
        op = FromRows(u16(x), *scale_parts(1 / scale))
        return self.node(name, op, out, self._tensors[x].dims)

    def norm(
        self, name: str, x: int, norm: tuple[Int32s, Int32s], kind: Kind, *, centred: bool
    ) -> int:
        """Add normalised rows times `norm[1]` in 2^-12, plus `norm[0]` in 2^-20."""
        op = Norm(u16(x), _weights(), centred)
        dims = self._tensors[x].dims
        return self.node(name, op, Numbers(kind), dims, records_of_norm(*norm))

    def add_rows(self, name: str, a: int, b: int, kind: Kind) -> int:
        """Add the sum of rows with scales of their own."""
        return self.node(name, AddRows(u16(a), u16(b)), Numbers(kind), self._tensors[a].dims)

    def to_rows(self, name: str, x: int, scale: float, kind: Kind) -> int:
        """Add rows with scales of their own, of elements whose common scale is given."""
        op = ToRows(u16(x), *scale_parts(scale))
        return self.node(name, op, Numbers(kind), self._tensors[x].dims)

    def rearrange(
        self, name: str, x: int, view: Sequence[int], axes: Sequence[int], shape: Sequence[int]
    ) -> int:
        """Add the same elements in another order and shape."""
        op = Rearrange(u16(x), [u32(size) for size in view], [u8(axis) for axis in axes])
        return self.node(name, op, _numbers(self._tensors[x]), shape)

    def concat(self, name: str, a: int, b: int) -> int:
        """Add rows of `a` followed by rows of `b`."""
        first, second = self._tensors[a], self._tensors[b]
        shape = (*first.dims[:-1], first.dims[-1] + second.dims[-1])
        return self.node(name, Concat(u16(a), u16(b)), _numbers(first), shape)

    def node(
        self,
        name: str,
        op: Op,
        out: Numbers,
        shape: Sequence[int],
        records: Bytes2D | None = None,
    ) -> int:
        """Add a node of any operator; `records` are those of its constants, if it has any.

        The limit of the constants is derived; root and leaves are set when the model is complete.
        """
        if not shape or min(shape) < 1:
            raise ModelRefused.at(name, f"makes the shape {tuple(shape)}: no axis may be empty")
        made = _tensor(out, shape)
        constants = op.constants
        if (constants is None) != (records is None):
            raise ValueError(f"node {name!r}: constants and records come together")
        if constants is not None and records is not None:
            node = NodeOf(name, op, [self._tensors[tensor] for tensor in op.inputs], made)
            limit = kernel_of(op).accumulator_limit(node, constants_of(records))
            if limit >> 31:
                raise ModelRefused.at(name, f"an accumulator may reach {limit}, above 2^31 - 1")
            op = op.with_constants(replace(constants, limit=u32(limit)))
            self._records[len(self._nodes)] = records
        self._nodes.append((name, op))
        self._tensors.append(made)
        return len(self._tensors) - 1

    def model(
        self, output_scale: float | Sequence[float] = 1.0, outputs: Sequence[int] | None = None
    ) -> Model:
        """Fit the leaves, commit to the weights and check all; ModelRefused names the node.

        By default the last tensor is the only output. There is a scale for each.
        """
        self._outputs = [u16(tensor) for tensor in outputs or [len(self._tensors) - 1]]
        scales = [output_scale] if isinstance(output_scale, int | float) else list(output_scale)
        self._leave_out()
        self._fit_leaves()
        nodes: list[Node] = []
        for number, (name, op) in enumerate(self._nodes):
            node = Node(name, op, self._tensors[len(self._scales) + number])
            weights = op.constants
            if weights is not None:
                root = commit_weights(self._graph(), node, self._records[number].data).root
                node = replace(node, op=op.with_constants(replace(weights, root=root)))
            nodes.append(node)
        graph = Graph(self._graph().inputs, nodes, self._outputs)
        check_graph(graph)
        manifest = Manifest(
            graph=graph,
            input_scales=[u32(scale_bits(scale)) for scale in self._scales],
            output_scales=[u32(scale_bits(scale)) for scale in scales],
            macs=u64(macs_of(graph)),
        )
        model = Model(manifest, self._records)
        check_model(model)
        return model

    def _check_weights(
        self, name: str, columns: Int8s, length: int, bias: Int32s, scales: Float32s
    ) -> None:
        if not columns.size or columns.shape[1] != length:
            raise ModelRefused.at(name, f"weights of {columns.shape} for {length} inputs")
        if bias.shape != (len(columns),):
            raise ModelRefused.at(name, f"{bias.size} biases for {len(columns)} channels")
        if scales.shape != (len(columns),):
            raise ModelRefused.at(name, f"{scales.size} scales for {len(columns)} channels")

    def _graph(self) -> Graph:
        first = len(self._scales)
        pairs = zip(self._nodes, self._tensors[first:], strict=True)
        nodes = [Node(name, op, out) for (name, op), out in pairs]
        return Graph(self._tensors[:first], nodes, self._outputs)

    def _leave_out(self) -> None:
        """Remove the leaves of every tensor that does not need them, the last ones first.

        Its reader is then verified together with its maker: a residual with its product, an
        activation table with the layer before, a head with the projection of which it is a part.
        """
        reads = Counter(tensor for _, op in self._nodes for tensor in op.inputs)
        first = len(self._scales)
        kept = {*range(first), *self._outputs}
        for number in range(len(self._nodes) - 1, -1, -1):
            reader = self._nodes[number][1]
            for tensor in reader.inputs:
                alone = tensor not in kept and reads[tensor] == 1
                if not alone or not may_pass(self._nodes[tensor - first][1], reader):
                    continue
                self._set_leaf(tensor, 0)
                if not is_judged(self._graph(), self._end_of(number)):
                    self._set_leaf(tensor, LEAF_BYTES)

    def _end_of(self, number: int) -> int:
        """Return the node with which a node is verified: the first committed one from it on."""
        first = len(self._scales)
        while not self._tensors[first + number].committed:
            number = next(
                at for at, (_, op) in enumerate(self._nodes) if first + number in op.inputs
            )
        return number

    def _fit_leaves(self) -> None:
        """Halve the leaves that are opened most in a proof, until every proof is small enough.

        If leaves cannot be smaller, more tensors receive leaves. If that does not suffice,
        `check_graph` raises the error.
        """
        number = 0
        while number < len(self._nodes):
            committed = self._tensors[len(self._scales) + number].committed
            if not committed or largest_proof(self._graph(), number) <= PROOF_BYTES:
                number += 1
            elif not self._halve(number):
                # Tensors that receive leaves are before this one: their leaves are fitted, too.
                number = min(self._put_in(number), default=number + 1)

    def _put_in(self, number: int) -> list[int]:
        """Give leaves to all tensors that a node is verified with; return their nodes' numbers."""
        others = group_of(self._graph(), number)[1:]
        for other in others:
            self._set_leaf(len(self._scales) + other, LEAF_BYTES)
        return others

    def _halve(self, number: int) -> bool:
        """Halve the leaves that shrink the proof most. Return True if any could be halved.

        Those of weights come first: they are hashed once, not for each item.
        """
        graph = self._graph()
        before = largest_proof(graph, number)
        weighted = weighted_of(graph, number)
        if weighted is not None and weighted[1].leaf > MIN_LEAF_BYTES:
            at, constants = weighted
            name, op = self._nodes[at]
            smaller = replace(constants, leaf=u16(constants.leaf // 2))
            self._nodes[at] = (name, op.with_constants(smaller))
            if largest_proof(self._graph(), number) < before:
                return True
            self._nodes[at] = (name, op)
        found: list[tuple[int, int]] = []
        for tensor in opened_of(graph, number):
            leaf = int(self._tensors[tensor].leaf)
            if leaf > MIN_LEAF_BYTES:
                self._set_leaf(tensor, leaf // 2)
                found.append((largest_proof(self._graph(), number), tensor))
                self._set_leaf(tensor, leaf)
        if not found:
            return False
        _, tensor = min(found)
        self._set_leaf(tensor, int(self._tensors[tensor].leaf) // 2)
        return True

    def _set_leaf(self, tensor: int, leaf: int) -> None:
        self._tensors[tensor] = replace(self._tensors[tensor], leaf=u16(leaf))


# ---- helpers


def _tensor(numbers: Numbers, shape: Sequence[int]) -> Tensor:
    return Tensor(numbers.kind, [u32(size) for size in shape], i16(numbers.zero), u16(LEAF_BYTES))


def _numbers(tensor: Tensor) -> Numbers:
    return Numbers(tensor.kind, int(tensor.zero))


def _weights() -> Weights:
    return Weights(_NO_ROOT, u16(LEAF_BYTES), u32(0))
