"""Fraud proofs of one wrong element: a few kilobytes, verified by one dot product.

`prove` opens the leaves of the element and its inputs; `judge` checks the openings up to the job's
root, computes the element in integers, and returns if it is wrong, or else raises. For an honest
commitment `judge` raises for every element. Nothing here needs numpy: the runtime runs it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from struct import unpack, unpack_from
from typing import Final, NamedTuple, Protocol

from btt_chain.lazyclass import dataclass
from btt_chain.primitives.digest import H256
from btt_chain.scale import Bounded, codec, path, u16, u32
from btt_chain.work.arithmetic import ROW_MANTISSA, RowScale
from btt_chain.work.commit import ItemCommitment, TensorKey, end_root
from btt_chain.work.errors import NotFraud, ProofRefused
from btt_chain.work.graph import PROOF_BYTES, Graph, opened_of, weighted_of, weights_layout
from btt_chain.work.layout import Layout, tensor_layout
from btt_chain.work.merkle import Leaf, Opening, Tree, check_opening
from btt_chain.work.operators.base import Judgement
from btt_chain.work.shapes import MAX_OPENED
from btt_chain.work.tensors import RECORD_TAIL, ROW_TAIL, Kind, RowTail, Tensor

ROOT_BYTES: Final = 32


FORMATS: Final[Mapping[Kind, str]] = {
    Kind.I8: "b", Kind.U8: "B", Kind.I32: "i", Kind.I16: "h", Kind.D8: "b", Kind.D16: "h",
}  # fmt: skip
"""Formats of elements for `struct`."""


class Reader(Protocol):
    """Access to committed bytes, by their place."""

    def activation(self, tensor: int, start: int, length: int) -> bytes:
        """Return bytes of a tensor."""

    def record(self, row: int) -> bytes:
        """Return the constants of one output channel of the node with constants (`weighted_of`)."""


def element(graph: Graph, number: int, index: int, reader: Reader) -> int:
    """Return the right value of element `index` of node `number`, from its inputs.

    These are the node's inputs, or, if one of them is not committed to, those of that input's node.
    The prover's reader records the reads; the judge's reader has only the opened leaves. The same
    code runs in both, so they agree on the leaves to open. The graph must have passed
    `shapes.check_graph`.
    """
    node = graph.nodes[number]
    return node.op.element(index, node.out, _Inputs(graph, reader, graph.out_of(number)))


def judgement(
    graph: Graph, number: int, claim: int, witness: int | None, reader: Reader
) -> Judgement:
    """Return a claim of the output of node `number` and its right value."""
    node = graph.nodes[number]
    inputs = _Inputs(graph, reader, graph.out_of(number))
    return node.op.judgement(claim, witness, node.out, inputs)


class _Inputs:
    """Inputs of a proof's nodes (`operators.base.Inputs`)."""

    def __init__(self, graph: Graph, reader: Reader, output: int) -> None:
        """`output` is the tensor of which an element is computed."""
        self._graph = graph
        self._reader = reader
        self._output = output

    def tensor(self, tensor: int) -> Tensor:
        return self._graph.tensor(tensor)

    def zero(self, tensor: int) -> int:
        return int(self._graph.tensor(tensor).zero)

    def one(self, tensor: int, index: int) -> int:
        if not self._graph.tensor(tensor).committed:
            return element(self._graph, self._graph.maker_of(tensor), index, self._reader)
        return self.numbers(tensor, index, 1)[0]

    def row(self, tensor: int, row: int) -> Sequence[int]:
        shape = self._graph.tensor(tensor)
        if not shape.committed:
            return self._graph.nodes[self._graph.maker_of(tensor)].op.row(row, shape, self)
        width = shape.dims[-1]
        return self.numbers(tensor, row * width, width)

    def numbers(self, tensor: int, start: int, length: int) -> Sequence[int]:
        shape = self._graph.tensor(tensor)
        raw = self._reader.activation(tensor, shape.offset(start), length * shape.kind.width)
        return unpack(f"<{length}{FORMATS[shape.kind]}", raw)

    def scale(self, tensor: int, row: int) -> RowScale:
        scale = self._tail(tensor, row).scale
        if scale.mantissa >> ROW_MANTISSA - 1 != 1:
            raise ProofRefused(f"row {row} of tensor {tensor} has no scale: prove its tail")
        return scale

    def claimed(self, index: int) -> int:
        return self.numbers(self._output, index, 1)[0]

    def claimed_tail(self, row: int) -> RowTail:
        return self._tail(self._output, row)

    def _tail(self, tensor: int, row: int) -> RowTail:
        end = (row + 1) * self._graph.tensor(tensor).row_bytes
        raw = self._reader.activation(tensor, end - ROW_TAIL, ROW_TAIL)
        top, mantissa, exponent = unpack("<IHh", raw)
        return RowTail(top, RowScale(mantissa, exponent))

    def record(self, row: int) -> tuple[Sequence[int], int, int]:
        """Return the weights of a channel, and the two numbers after them (signed; raw bits)."""
        weights, tail = self.split_record(row, RECORD_TAIL)
        first = int.from_bytes(tail[:4], "little", signed=True)
        return weights, first, int.from_bytes(tail[4:], "little")

    def number(self, row: int, at: int, kind: Kind) -> int:
        """Return number `at` of a record that holds nothing but numbers of one kind."""
        (value,) = unpack_from(f"<{FORMATS[kind]}", self._reader.record(row), at * kind.width)
        return int(value)

    def split_record(self, row: int, tail: int) -> tuple[Sequence[int], bytes]:
        raw = self._reader.record(row)
        return memoryview(raw)[:-tail].cast("b"), raw[-tail:]

    def own(self, start: int, length: int) -> Sequence[int]:
        return self.numbers(self._output, start, length)


@path("btt_work::FraudProof")
@dataclass(frozen=True, slots=True)
class FraudProof:
    """Openings from the job's root down to one claim about an element and to its inputs.

    Roots are numbered among the committed tensors (`Graph.committed`).
    """

    item: u32
    node: u16
    element: u32
    """The claim: an element or, after these, the tail of a row (`Operator.claims`)."""
    witness: u32 | None
    """An element that is larger than the one that is claimed to be the largest."""
    job: Opening
    """The root of the item."""
    roots: Opening
    """The roots of the node's inputs and output (`graph.opened_of`)."""
    tensors: Bounded[list[Opening], MAX_OPENED]
    """Their leaves, in the same order."""
    weights: Opening | None


@path("btt_work::EdgeProof")
@dataclass(frozen=True, slots=True)
class EdgeProof:
    """Openings of one item's inputs or outputs, as committed by the item and by the receipt."""

    item: u32
    job: Opening
    """The root of the item."""
    roots: Opening
    """The roots of its inputs, or of its outputs."""
    said: Opening
    """Their root (`commit.end_root`) in the tree over all items' inputs, or outputs."""


class Fraud(NamedTuple):
    """The result of a proof: a claim of the commitment, and the right value."""

    claimed: int
    right: int


class Job(NamedTuple):
    """The chain's facts about a receipt: the root over its items, their number, its privacy."""

    root: bytes
    items: int
    keyed: bool


def judge(graph: Graph, job: Job, proof: FraudProof) -> Fraud:
    """Return the wrong element; ProofRefused if the proof opens less or more, NotFraud if right.

    The graph must have passed `shapes.check_graph`. Deterministic, and bounded by PROOF_BYTES.
    """
    if proof.node >= len(graph.nodes):
        raise ProofRefused(f"node {int(proof.node)} of {len(graph.nodes)}")
    node = graph.nodes[proof.node]
    if not node.out.committed:
        raise ProofRefused(
            f"the result of node {node.name!r} has no commitment: prove a node that reads it"
        )
    claims = node.op.claims(node.out)
    if proof.element >= claims:
        raise ProofRefused(f"element {int(proof.element)} of {claims}")
    if len(codec(FraudProof).encode(proof)) > PROOF_BYTES:
        raise ProofRefused(f"a proof has at most {PROOF_BYTES} bytes")
    item_root = _only(_roots(proof.job, job.root, job.items), int(proof.item))
    wanted = _places(graph, int(proof.node))
    roots = _roots(proof.roots, item_root, len(graph.committed))
    if list(roots) != list(wanted.values()) or len(proof.tensors) != len(wanted):
        raise ProofRefused(f"the tensors {list(wanted.values())} must be opened, and no others")
    opened: dict[int, _Opened] = {}
    for (tensor, place), opening in zip(wanted.items(), proof.tensors, strict=True):
        layout = tensor_layout(graph.tensor(tensor))
        check_opening(opening, roots[place], layout.count, keyed=job.keyed)
        opened[tensor] = _Opened(layout, opening)
    records = _records(graph, int(proof.node), proof.weights)
    witness = None if proof.witness is None else int(proof.witness)
    reader = _OpenedReader(opened, records)
    claimed, right = judgement(graph, int(proof.node), int(proof.element), witness, reader)
    if claimed == right:
        raise NotFraud(f"element {int(proof.element)} of node {node.name!r} is {right}, as claimed")
    return Fraud(claimed, right)


def judge_edge(graph: Graph, job: Job, said: bytes, proof: EdgeProof, *, output: bool) -> None:
    """Return if an item's inputs (or outputs) are not those in the tree with the root `said`.

    `said` is the requester's root over all inputs, or the receipt's over all outputs. Every node
    may be right and the receipt still be for other inputs or outputs. ProofRefused and NotFraud as
    for `judge`.
    """
    if len(codec(EdgeProof).encode(proof)) > PROOF_BYTES:
        raise ProofRefused(f"a proof has at most {PROOF_BYTES} bytes")
    item, places = int(proof.item), graph.ends(output=output)
    item_root = _only(_roots(proof.job, job.root, job.items), item)
    roots = _roots(proof.roots, item_root, len(graph.committed))
    if list(roots) != sorted(places):
        raise ProofRefused(f"the roots {sorted(places)} must be opened, and no others")
    committed = end_root([H256(roots[place]) for place in places])
    if committed == _only(_roots(proof.said, said, job.items), item):
        name = "outputs" if output else "inputs"
        raise NotFraud(f"the {name} of item {item} are those that were agreed on")


class Evidence(NamedTuple):
    """A prover's data of one item: the bytes and trees of the committed tensors, its place."""

    item: int
    tensors: Sequence[bytes | memoryview]
    commitment: ItemCommitment
    job: Tree
    job_key: bytes | None = None


def prove(
    graph: Graph,
    evidence: Evidence,
    node: int,
    index: int,
    records: tuple[bytes | memoryview, Tree] | None = None,
    witness: int | None = None,
) -> FraudProof:
    """Open the inputs of claim `index` of a node: an element, or the tail of a row.

    The node's output must be committed to; `records` are the constants of `graph.weighted_of`, if
    there are any. The claim may be right or wrong: `judge` decides that.
    """
    reader = _Recorder(graph, node, evidence.tensors, None if records is None else records[0])
    judgement(graph, node, index, witness, reader)
    wanted = _places(graph, node)
    trees = evidence.commitment.tensors
    tensors: list[Opening] = []
    for tensor, place in wanted.items():
        key = None
        if evidence.job_key is not None:
            key = TensorKey(evidence.job_key, evidence.item, place)
        tensors.append(_open(reader.tensors[tensor], trees[place], key))
    return FraudProof(
        item=u32(evidence.item),
        node=u16(node),
        element=u32(index),
        witness=None if witness is None else u32(witness),
        job=_open_roots(evidence.job, {evidence.item: evidence.commitment.root}),
        roots=_open_roots(
            evidence.commitment.tree, {place: trees[place].root for place in wanted.values()}
        ),
        tensors=tensors,
        weights=None if records is None else _open(reader.records, records[1], None),
    )


def prove_edge(
    graph: Graph, evidence: Evidence, said: Tree, root: H256, *, output: bool
) -> EdgeProof:
    """Open an item's inputs (or outputs), and `root`, theirs in the tree over all items."""
    commitment = evidence.commitment
    places = sorted(graph.ends(output=output))
    return EdgeProof(
        item=u32(evidence.item),
        job=_open_roots(evidence.job, {evidence.item: commitment.root}),
        roots=_open_roots(
            commitment.tree, {place: commitment.tensors[place].root for place in places}
        ),
        said=_open_roots(said, {evidence.item: root}),
    )


def _places(graph: Graph, node: int) -> dict[int, int]:
    """Return the tensors that a proof opens, ascending, with their places among committed ones."""
    return {tensor: graph.place_of(tensor) for tensor in opened_of(graph, node)}


# ---- verifying


def _roots(opening: Opening, root: bytes, count: int) -> dict[int, bytes]:
    check_opening(opening, root, count)
    for leaf in opening.leaves:
        if len(leaf.data) != ROOT_BYTES:
            raise ProofRefused(f"a root has {ROOT_BYTES} bytes, not {len(leaf.data)}")
    return {int(leaf.index): leaf.data for leaf in opening.leaves}


def _records(graph: Graph, node: int, opening: Opening | None) -> _Opened | None:
    """Return the opened constants: those of the node that has some, if there is one."""
    weighted = weighted_of(graph, node)
    if (weighted is None) != (opening is None):
        raise ProofRefused("the node's weights must be opened, if it has any")
    if weighted is None or opening is None:
        return None
    number, constants = weighted
    layout = weights_layout(graph, graph.nodes[number])
    check_opening(opening, constants.root, layout.count)
    return _Opened(layout, opening)


def _only(roots: Mapping[int, bytes], index: int) -> bytes:
    if list(roots) != [index]:
        raise ProofRefused(f"root {index} must be opened, and no other")
    return roots[index]


class _Opened:
    """Bytes of opened leaves; the others are not available."""

    def __init__(self, layout: Layout, opening: Opening) -> None:
        self._layout = layout
        self._leaves: dict[int, bytes] = {}
        for leaf in opening.leaves:
            start, end = layout.span(int(leaf.index))
            if len(leaf.data) != end - start:
                raise ProofRefused(
                    f"leaf {int(leaf.index)} has {len(leaf.data)} bytes, not {end - start}"
                )
            self._leaves[int(leaf.index)] = leaf.data

    @property
    def row(self) -> int:
        return self._layout.row

    def read(self, start: int, length: int) -> bytes:
        found = b""
        for index in _touched(self._layout, start, length):
            data = self._leaves.get(index)
            if data is None:
                raise ProofRefused(f"leaf {index} is needed and not opened")
            begin, _ = self._layout.span(index)
            found += data[max(start - begin, 0) : start + length - begin]
        return found


class _OpenedReader:
    def __init__(self, tensors: Mapping[int, _Opened], records: _Opened | None) -> None:
        self._tensors = tensors
        self._records = records

    def activation(self, tensor: int, start: int, length: int) -> bytes:
        return self._tensors[tensor].read(start, length)

    def record(self, row: int) -> bytes:
        if self._records is None:
            raise ProofRefused("the node has no weights to read")
        return self._records.read(row * self._records.row, self._records.row)


def _touched(layout: Layout, start: int, length: int) -> range:
    return range(layout.leaf_at(start), layout.leaf_at(start + length - 1) + 1)


# ---- proving


class _Kept:
    """All bytes of a tensor, with a record of the leaves that were read."""

    def __init__(self, layout: Layout, data: bytes | memoryview) -> None:
        self.layout = layout
        self.data = memoryview(data).cast("B")
        self.touched: dict[int, None] = {}

    def read(self, start: int, length: int) -> bytes:
        for index in _touched(self.layout, start, length):
            self.touched[index] = None
        return bytes(self.data[start : start + length])


class _Recorder:
    def __init__(
        self,
        graph: Graph,
        node: int,
        tensors: Sequence[bytes | memoryview],
        records: bytes | memoryview | None,
    ) -> None:
        self.tensors = {
            tensor: _Kept(tensor_layout(graph.tensor(tensor)), tensors[place])
            for tensor, place in _places(graph, node).items()
        }
        self._records: _Kept | None = None
        weighted = weighted_of(graph, node)
        if records is not None and weighted is not None:
            self._records = _Kept(weights_layout(graph, graph.nodes[weighted[0]]), records)

    @property
    def records(self) -> _Kept:
        if self._records is None:
            raise ValueError("the node's weights are needed to prove anything about it")
        return self._records

    def activation(self, tensor: int, start: int, length: int) -> bytes:
        return self.tensors[tensor].read(start, length)

    def record(self, row: int) -> bytes:
        kept = self.records
        return kept.read(row * kept.layout.row, kept.layout.row)


def _open(kept: _Kept, tree: Tree, key: TensorKey | None) -> Opening:
    # If the element does not read a tensor (one side of a `Concat`), some leaf opens its tree.
    indices = sorted(kept.touched) or [0]
    leaves: list[Leaf] = []
    for index in indices:
        start, end = kept.layout.span(index)
        leaf_key = None if key is None else key.leaf(index)
        leaves.append(Leaf(u32(index), leaf_key, bytes(kept.data[start:end])))
    return Opening(leaves, tree.siblings(indices))


def _open_roots(tree: Tree, roots: Mapping[int, H256]) -> Opening:
    leaves = [Leaf(u32(index), None, bytes(root)) for index, root in roots.items()]
    return Opening(leaves, tree.siblings(list(roots)))
