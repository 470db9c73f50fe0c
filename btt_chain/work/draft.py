"""A graph under construction: nodes with their records, leaves that fit proofs, the whole model.

`build.Builder` adds a method for each operator.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from btt_chain.primitives.digest import H256
from btt_chain.scale import i16, u16, u32, u64
from btt_chain.work.admission import check_model
from btt_chain.work.commit import commit_weights
from btt_chain.work.errors import ModelRefused
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
from btt_chain.work.model import Bytes2D, Model, constants_of, scale_bits
from btt_chain.work.operators import Op
from btt_chain.work.operators.numeric import kernel_of
from btt_chain.work.operators.numeric.kernel import NodeOf
from btt_chain.work.shapes import check_graph, is_judged, largest_proof, macs_of
from btt_chain.work.tensors import LEAF_BYTES, MIN_LEAF_BYTES, Kind, Tensor, Weights

_NO_ROOT: Final = H256(bytes(32))


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


class Draft:
    """Inputs and nodes of a graph that is not complete, with the records of its constants."""

    def __init__(self, kind: Kind, shape: Sequence[int], zero: int = 0, scale: float = 1.0) -> None:
        """Begin with the first input."""
        self._tensors = [new_tensor(Numbers(kind, zero), shape)]
        self._nodes: list[tuple[str, Op]] = []
        self._records: dict[int, Bytes2D] = {}
        self._scales = [scale]
        """Scales of the inputs."""
        self._outputs: list[u16] = []

    def add_input(self, kind: Kind, shape: Sequence[int], zero: int = 0, scale: float = 1.0) -> int:
        """Add another input, and return its number; ValueError once there are nodes."""
        if self._nodes:
            raise ValueError("inputs come before all nodes")
        self._tensors.append(new_tensor(Numbers(kind, zero), shape))
        self._scales.append(scale)
        return len(self._tensors) - 1

    def tensor(self, number: int) -> Tensor:
        """Return an existing tensor."""
        return self._tensors[number]

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
        made = new_tensor(out, shape)
        constants = op.constants
        if (constants is None) != (records is None):
            raise ValueError(f"node {name!r}: constants and records come together")
        if constants is not None and records is not None:
            node = NodeOf(name, op, [self._tensors[tensor] for tensor in op.inputs], made)
            limit = kernel_of(op).accumulator_limit(node, constants_of(records, op.record_tail))
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


def new_tensor(numbers: Numbers, shape: Sequence[int]) -> Tensor:
    """Return a tensor with leaves of the largest size."""
    return Tensor(numbers.kind, [u32(size) for size in shape], i16(numbers.zero), u16(LEAF_BYTES))


def numbers_of(tensor: Tensor) -> Numbers:
    """Return the kind and the zero of a tensor."""
    return Numbers(tensor.kind, int(tensor.zero))


def no_weights() -> Weights:
    """Return constants whose root and limit are not known yet."""
    return Weights(_NO_ROOT, u16(LEAF_BYTES), u32(0))
