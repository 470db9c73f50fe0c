"""Checks of a graph before anything is computed: shapes, kinds, bounds of numbers and of proofs.

All of them depend on the manifest alone, so the runtime can run them when a model is registered.
Checks that need the weights are in `admission`.
"""

from __future__ import annotations

from itertools import pairwise
from math import prod
from typing import Final

from btt_chain.work.arithmetic import usable_scale
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
    weights_layout,
)
from btt_chain.work.layout import Layout, tensor_layout
from btt_chain.work.operators.base import check_read
from btt_chain.work.tensors import BYTES, LEAF_BYTES, MIN_LEAF_BYTES, ROWS, Tensor

MAX_ELEMENTS: Final = 1 << 24
"""Maximum elements of one item's tensor."""
MAX_CHANNELS: Final = 1 << 16
MAX_RECORD: Final = 1 << 16
MAX_MACS: Final = 1 << 42
"""Maximum multiplications of one item."""
MAX_COMMITTED: Final = (1 << 32) - 1
"""Maximum bytes of leaves of one item."""
MAX_NAME: Final = 64
"""Maximum characters of a node's name."""
MAX_GROUP: Final = 8
"""Maximum number of nodes that one fraud proof computes."""
MAX_LINES: Final = 1 << 10
"""Maximum number of separate lines of windows that one fraud proof reads."""
MAX_JUDGED: Final = 1 << 16
"""Maximum numbers that are read or multiplied to judge one fraud proof."""
MAX_OPENED: Final = 6
"""Maximum number of tensors that one fraud proof opens."""
MAX_ITEMS: Final = 1 << 20
"""Maximum items of one job."""
VECTORS_FROM: Final = 500_000_000
"""Minimum multiplications of an item for which random vectors may be cheaper than recomputation.

Below, fetching and hashing all tensors costs more than it saves (docs/work.md, speed).
"""

_SMALLER: Final = "cut it into parts, or give the tensors that it reads leaves"
_HASH: Final = 32
_OPENED_LEAF: Final = 4 + 33 + 4
"""Bytes of an opened leaf beyond its data: number, key, length."""
_NUMBERS: Final = 64
"""Bytes of a proof's numbers and lengths."""


def check_manifest(manifest: Manifest) -> None:
    """Raise ModelRefused unless graph, scales and claimed work are valid."""
    check_scales(manifest)
    check_graph(manifest.graph)
    macs = macs_of(manifest.graph)
    if macs != manifest.macs:
        raise ModelRefused(f"{int(manifest.macs)} MACs are claimed, the graph has {macs}")


def check_scales(manifest: Manifest) -> None:
    """Raise ModelRefused unless each input and each output has a usable scale."""
    graph = manifest.graph
    for name, ends, scales in (
        ("input", len(graph.inputs), manifest.input_scales),
        ("output", len(graph.outputs), manifest.output_scales),
    ):
        if len(scales) != ends:
            raise ModelRefused(f"there are {len(scales)} scales for {ends} {name}s")
        if not all(map(usable_scale, scales)):
            raise ModelRefused(f"the scale of an {name} is not between 2^-63 and 2^64")


def check_graph(graph: Graph) -> None:
    """Raise ModelRefused, with the name of the node, unless the graph can be executed and verified.

    Afterwards every tensor has the shape that its node makes of its inputs, no number can leave
    the range in which it is exact, and no fraud proof is larger than PROOF_BYTES.
    """
    if not graph.nodes:
        raise ModelRefused("the graph has no node")
    _check_ends(graph)
    names = sorted(node.name for node in graph.nodes)
    if not all(1 <= len(name) <= MAX_NAME for name in names):
        raise ModelRefused(f"names of nodes have 1 to {MAX_NAME} characters")
    for one, other in pairwise(names):
        if one == other:
            raise ModelRefused.at(one, "two nodes have this name")
    tensors = graph.tensors
    read = [False] * len(tensors)
    for number, node in enumerate(graph.nodes):
        _check_reads(graph, number, read)
        _check_tensor(node.name, node.out)
        _check_node(graph, node)
        if node.out.committed:
            _check_group(graph, number)
    for number, node in enumerate(graph.nodes):
        if not read[graph.out_of(number)] and graph.out_of(number) not in graph.outputs:
            raise ModelRefused.at(node.name, "nothing reads what it makes")
    for number in range(len(graph.inputs)):
        if not read[number]:
            raise ModelRefused(f"nothing reads input {number}")
    if macs_of(graph) > MAX_MACS:
        raise ModelRefused(f"an item needs {macs_of(graph)} MACs, allowed are {MAX_MACS}")
    if committed_bytes(graph) > MAX_COMMITTED:
        raise ModelRefused(
            f"an item has {committed_bytes(graph)} bytes of leaves, allowed are {MAX_COMMITTED}: "
            "give fewer tensors leaves"
        )


def _check_ends(graph: Graph) -> None:
    tensors = len(graph.inputs) + len(graph.nodes)
    if not graph.inputs or not graph.outputs:
        raise ModelRefused("a model has at least one input and one output")
    if len(dict.fromkeys(graph.outputs)) != len(graph.outputs):
        raise ModelRefused("a tensor is an output twice")
    if not all(len(graph.inputs) <= tensor < tensors for tensor in graph.outputs):
        raise ModelRefused("an output is not what a node makes")
    if not all(tensor.committed for tensor in (*graph.inputs, *graph.made)):
        raise ModelRefused("inputs and outputs must have leaves")
    for number, tensor in enumerate(graph.inputs):
        if tensor.kind in ROWS:
            raise ModelRefused(f"input {number} has rows with scales of their own: give it one")
        _check_tensor(f"input {number}", tensor)


def macs_of(graph: Graph) -> int:
    """Return the multiplications of one item in products; other nodes do not count."""
    return sum(macs_of_node(graph, node) for node in graph.nodes)


def committed_bytes(graph: Graph) -> int:
    """Return the bytes of leaves of one item: of its inputs and of all tensors with leaves."""
    return sum(tensor.nbytes for tensor in graph.committed)


def macs_of_node(graph: Graph, node: Node) -> int:
    """Return the multiplications of one item in one node."""
    return node.op.macs(graph.inputs_of(node), node.out)


def largest_proof(graph: Graph, number: int) -> int:
    """Return the maximum bytes of the fraud proof of an element of node `number`.

    The node's output must be committed to.
    """
    opened = len(opened_of(graph, number))
    made = graph.nodes[number]
    size = _NUMBERS + _opened(tensor_layout(made.out), *made.op.openings_of_output(made.out))
    # The job's tree and the item's.
    depth = (len(graph.inputs) + len(graph.nodes)).bit_length()
    size += _HASH * ((MAX_ITEMS - 1).bit_length() + opened * depth)
    size += opened * (_HASH + _OPENED_LEAF)
    constants = weighted_of(graph, number)
    if constants is not None:
        weighted = graph.nodes[constants[0]]
        layout, pieces = weights_layout(graph, weighted), weighted.op.records_opened
        touched = layout.most_leaves(weighted.op.records_read * layout.row)
        size += _opened(layout, pieces, pieces * touched)
    for at in group_of(graph, number):
        node = graph.nodes[at]
        for tensor in graph.inputs_of(node):
            if tensor.committed:
                size += _opened(tensor_layout(tensor), *node.op.openings(tensor))
    return size


def _opened(layout: Layout, pieces: int, touched: int) -> int:
    """Return the maximum bytes of an opening of `touched` leaves in `pieces` of one tree."""
    depth = (layout.count - 1).bit_length()
    leaves = min(layout.count, touched)
    leaf = min(layout.leaf, layout.row * layout.rows_in_leaf)
    siblings = min(2 * pieces, leaves) * depth
    return leaves * (leaf + _OPENED_LEAF) + siblings * _HASH + 8


def judged_of(graph: Graph, number: int) -> int:
    """Return the maximum of numbers read or multiplied to judge an element, by all of its group."""
    nodes = [graph.nodes[at] for at in group_of(graph, number)]
    return sum(node.op.judged(graph.inputs_of(node), node.out) for node in nodes)


def is_judged(graph: Graph, number: int) -> bool:
    """Return True if one proof can cover an element of a node, for any number of bytes."""
    return not _beyond_a_proof(graph, number)


def _beyond_a_proof(graph: Graph, number: int) -> str:
    """Return the reason why a proof about a committed node is impossible, or an empty text."""
    group = group_of(graph, number)
    if len(group) > MAX_GROUP:
        return f"needs {len(group) - 1} nodes without leaves, allowed are {MAX_GROUP - 1}"
    if sum(graph.nodes[at].op.constants is not None for at in group) > 1:
        return "needs the weights of two nodes: give the tensor between them leaves"
    lines = sum(graph.nodes[at].op.lines for at in group)
    if lines > MAX_LINES:
        return f"reads {lines} lines of windows, allowed are {MAX_LINES}"
    judged = judged_of(graph, number)
    if judged > MAX_JUDGED:
        return f"reads {judged} numbers in a proof, allowed are {MAX_JUDGED}: {_SMALLER}"
    opened = len(opened_of(graph, number))
    if opened > MAX_OPENED:
        return f"needs {opened} tensors, allowed are {MAX_OPENED}: give those between them leaves"
    return ""


def _check_group(graph: Graph, number: int) -> None:
    node = graph.nodes[number]
    reason = _beyond_a_proof(graph, number)
    if reason:
        raise ModelRefused.at(node.name, reason)
    size = largest_proof(graph, number)
    if size > PROOF_BYTES:
        advice = node.op.smaller_proof and f": {node.op.smaller_proof}"
        raise ModelRefused.at(
            node.name, f"a fraud proof may need {size} bytes, allowed are {PROOF_BYTES}{advice}"
        )


# ---- one tensor, one node


def _check_reads(graph: Graph, number: int, read: list[bool]) -> None:
    """Check that a node may read its inputs, and record them in `read`."""
    node = graph.nodes[number]
    for tensor in node.op.inputs:
        if tensor >= graph.out_of(number):
            raise ModelRefused.at(node.name, f"reads tensor {tensor}, made later or never")
        check_read(node.name, type(node.op), graph.tensor(tensor))
        if not graph.tensor(tensor).committed:
            maker = graph.nodes[graph.maker_of(tensor)]
            if read[tensor] or not may_pass(maker.op, node.op):
                raise ModelRefused.at(node.name, f"cannot read {maker.name!r} without leaves")
        read[tensor] = True


def _check_tensor(name: str, tensor: Tensor) -> None:
    dims = tensor.dims
    if not 1 <= len(dims) <= 5 or min(dims) < 1:
        raise ModelRefused.at(name, f"makes the shape {dims}: one to five axes, none of them empty")
    if prod(dims) > MAX_ELEMENTS:
        raise ModelRefused.at(name, f"makes {prod(dims)} elements, allowed are {MAX_ELEMENTS}")
    if dims[-1] > MAX_CHANNELS:
        raise ModelRefused.at(name, f"has rows of {dims[-1]}, allowed are {MAX_CHANNELS}")
    if not tensor.kind.low <= tensor.zero <= tensor.kind.high:
        raise ModelRefused.at(name, f"zero {int(tensor.zero)} is not a value of {tensor.kind.name}")
    if tensor.kind not in BYTES and tensor.zero:
        raise ModelRefused.at(name, f"elements of {tensor.kind.name} have the zero 0")
    if tensor.committed:
        _check_leaf(name, int(tensor.leaf))


def _check_leaf(name: str, leaf: int) -> None:
    if not MIN_LEAF_BYTES <= leaf <= LEAF_BYTES or leaf & (leaf - 1):
        raise ModelRefused.at(
            name,
            f"leaves of {leaf} bytes: a power of two from {MIN_LEAF_BYTES} to {LEAF_BYTES}",
        )


def _check_node(graph: Graph, node: Node) -> None:
    name, op, out = node.name, node.op, node.out
    if out.kind not in op.makes:
        raise ModelRefused.at(name, f"{type(op).__name__} cannot make {out.kind.name}")
    op.check(name, graph.inputs_of(node), out)
    if op.constants is not None:
        _check_leaf(name, int(op.constants.leaf))
        row = weights_layout(graph, node).row
        if row > MAX_RECORD:
            raise ModelRefused.at(name, f"{row} bytes a record, allowed are {MAX_RECORD}")
