"""Checks of a graph before anything is computed: shapes, kinds, bounds of numbers and of proofs.

All of them depend on the manifest alone, so the runtime can run them when a model is registered.
Checks that need the weights are in `admission`.
"""

from __future__ import annotations

from itertools import pairwise
from math import prod
from typing import Final, assert_never

from btt_chain.work.arithmetic import usable_scale
from btt_chain.work.errors import ModelRefused
from btt_chain.work.graph import (
    LEAF_BYTES,
    MIN_LEAF_BYTES,
    PROOF_BYTES,
    Add,
    AveragePool,
    Concat,
    Conv,
    Graph,
    Kind,
    LayerNorm,
    Linear,
    Manifest,
    MatMul,
    MaxPool,
    Node,
    Op,
    Rearrange,
    Softmax,
    Table,
    Tensor,
    Weights,
    Window,
    group_of,
    inputs_of,
    may_pass,
    opened_of,
    weighted_of,
    weights_of,
)
from btt_chain.work.layout import Layout, tensor_layout, weights_layout

MAX_ELEMENTS: Final = 1 << 24
"""Maximum elements of one item's tensor."""
MAX_ROW: Final = 1 << 15
MAX_NORMALISED: Final = 1 << 13
MAX_CHANNELS: Final = 1 << 16
MAX_RECORD: Final = 1 << 16
MAX_MACS: Final = 1 << 42
"""Maximum multiplications of one item."""
MAX_NAME: Final = 64
"""Maximum characters of a node's name."""
MAX_GROUP: Final = 8
"""Maximum number of nodes that one fraud proof computes."""
MAX_LINES: Final = 1 << 10
"""Maximum number of separate lines of windows that one fraud proof reads."""
MAX_OPENED: Final = 3
"""Maximum number of tensors that one fraud proof opens."""
MAX_ITEMS: Final = 1 << 20
"""Maximum items of one job."""
ACCUMULATORS: Final = 1 << 31
MIN_SOFTMAX_WEIGHT: Final = 1 << 8
MAX_EPSILON: Final = 1 << 48
MAX_SHIFT: Final = 40
MAX_ADD_SHIFT: Final = 29
MAX_ADD_FACTOR: Final = 1 << 21

_HASH: Final = 32
_OPENED_LEAF: Final = 4 + 33 + 4
"""Bytes of an opened leaf beyond its data: number, key, length."""
_FIXED: Final = 64 + 3 * (_HASH + _OPENED_LEAF)
"""Bytes of a proof's numbers, and of the leaves of its two upper trees beyond the first."""


def check_manifest(manifest: Manifest) -> None:
    """Raise ModelRefused unless graph, scales and claimed work are valid."""
    for name, scale in (("input", manifest.input_scale), ("output", manifest.output_scale)):
        if not usable_scale(scale):
            raise ModelRefused(f"the scale of the {name} is not between 2^-63 and 2^64")
    check_graph(manifest.graph)
    macs = macs_of(manifest.graph)
    if macs != manifest.macs:
        raise ModelRefused(f"{int(manifest.macs)} MACs are claimed, the graph has {macs}")


def check_graph(graph: Graph) -> None:
    """Raise ModelRefused, with the name of the node, unless the graph can be executed and verified.

    Afterwards every tensor has the shape that its node makes of its inputs, no number can leave
    the range in which it is exact, and no fraud proof is larger than PROOF_BYTES.
    """
    if not graph.nodes:
        raise ModelRefused("the graph has no node")
    if not graph.input.committed or not graph.output.committed:
        raise ModelRefused("input and output must have leaves")
    _check_tensor("input", graph.input)
    if graph.input.kind is Kind.I32:
        raise ModelRefused("the input has 32-bit elements: quantise it to 8")
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
    for number, node in enumerate(graph.nodes[:-1]):
        if not read[number + 1]:
            raise ModelRefused.at(node.name, "nothing reads what it makes")
    if not read[0]:
        raise ModelRefused("nothing reads the input")
    if macs_of(graph) > MAX_MACS:
        raise ModelRefused(f"an item needs {macs_of(graph)} MACs, allowed are {MAX_MACS}")


def macs_of(graph: Graph) -> int:
    """Return the multiplications of one item in products; other nodes do not count."""
    return sum(macs_of_node(graph, node) for node in graph.nodes)


def macs_of_node(graph: Graph, node: Node) -> int:
    """Return the multiplications of one item in one node."""
    op = node.op
    if isinstance(op, Linear | Conv):
        return node.out.size * (weights_layout(graph, node).row - 8)
    if isinstance(op, MatMul):
        return node.out.size * graph.tensor(op.a).dims[-1]
    return 0


def largest_proof(graph: Graph, number: int) -> int:
    """Return the maximum bytes of the fraud proof of an element of node `number`.

    The node's output must be committed to.
    """
    size = _FIXED + _opened(tensor_layout(graph.tensor(number + 1)), 1, 1)
    # The job's tree and the item's.
    size += _HASH * ((MAX_ITEMS - 1).bit_length() + 3 * len(graph.nodes).bit_length())
    constants = weighted_of(graph, number)
    if constants is not None:
        layout = weights_layout(graph, graph.nodes[constants[0]])
        size += _opened(layout, 1, layout.most_leaves(layout.row))
    for at in group_of(graph, number):
        op = graph.nodes[at].op
        for tensor in map(graph.tensor, inputs_of(op)):
            if tensor.committed:
                size += _opened(tensor_layout(tensor), *_pieces(op, tensor))
    return size


def _pieces(op: Op, tensor: Tensor) -> tuple[int, int]:
    """Return the number of pieces that an element reads of an input, and of their leaves."""
    layout = tensor_layout(tensor)
    if isinstance(op, Linear | MatMul | Softmax | LayerNorm):
        return 1, layout.most_leaves(layout.row)
    if not isinstance(op, Conv | MaxPool | AveragePool):
        return 1, 1
    height, width, channels = tensor.dims
    window = op.window
    lines = min(int(window.height), height)
    across = min((int(window.width) - 1) * int(window.apart_x) + 1, width)
    down = (lines - 1) * int(window.apart_y)
    touched = min(
        lines * layout.most_leaves(across * channels),
        layout.most_leaves((down * width + across) * channels),
    )
    lines_in_leaf, rest = divmod(layout.rows_in_leaf, width)
    if not rest and layout.leaves_of_row == 1:
        # No line of the image is in two leaves.
        touched = min(touched, lines, (down + lines_in_leaf - 1) // lines_in_leaf + 1)
    return lines, touched


def _opened(layout: Layout, pieces: int, touched: int) -> int:
    """Return the maximum bytes of an opening of `touched` leaves in `pieces` of one tree."""
    depth = (layout.count - 1).bit_length()
    leaves = min(layout.count, touched)
    leaf = min(layout.leaf, layout.row * layout.rows_in_leaf)
    siblings = min(2 * pieces, leaves) * depth
    return leaves * (leaf + _OPENED_LEAF) + siblings * _HASH + 8


def is_judged(graph: Graph, number: int) -> bool:
    """Return True if one proof can cover an element of a node, for any number of bytes."""
    return not _beyond_a_proof(graph, number)


def _beyond_a_proof(graph: Graph, number: int) -> str:
    """Return the reason why a proof about a committed node is impossible, or an empty text."""
    group = group_of(graph, number)
    if len(group) > MAX_GROUP:
        return f"needs {len(group) - 1} nodes without leaves, allowed are {MAX_GROUP - 1}"
    if sum(weights_of(graph.nodes[at].op) is not None for at in group) > 1:
        return "needs the weights of two nodes: give the tensor between them leaves"
    lines = sum(_lines(graph.nodes[at].op) for at in group)
    if lines > MAX_LINES:
        return f"reads {lines} lines of windows, allowed are {MAX_LINES}"
    opened = len(opened_of(graph, number))
    if opened > MAX_OPENED:
        return f"needs {opened} tensors, allowed are {MAX_OPENED}: give those between them leaves"
    return ""


def _lines(op: Op) -> int:
    """Return the number of lines of an operation's window; 0 if it has none."""
    return int(op.window.height) if isinstance(op, Conv | MaxPool | AveragePool) else 0


def _check_group(graph: Graph, number: int) -> None:
    name = graph.nodes[number].name
    reason = _beyond_a_proof(graph, number)
    if reason:
        raise ModelRefused.at(name, reason)
    size = largest_proof(graph, number)
    if size > PROOF_BYTES:
        raise ModelRefused.at(
            name, f"a fraud proof may need {size} bytes, allowed are {PROOF_BYTES}"
        )


# ---- one tensor, one node


def _check_reads(graph: Graph, number: int, read: list[bool]) -> None:
    """Check that a node may read its inputs, and record them in `read`."""
    node = graph.nodes[number]
    for tensor in inputs_of(node.op):
        if tensor > number:
            raise ModelRefused.at(node.name, f"reads tensor {tensor}, made later or never")
        if graph.tensor(tensor).kind is Kind.I32:
            raise ModelRefused.at(node.name, "reads 32-bit accumulators: requantise them first")
        if not graph.tensor(tensor).committed:
            maker = graph.nodes[tensor - 1]
            if read[tensor] or not may_pass(maker.op, node.op):
                raise ModelRefused.at(node.name, f"cannot read {maker.name!r} without leaves")
        read[tensor] = True


def _check_tensor(name: str, tensor: Tensor) -> None:
    dims = tensor.dims
    if not 1 <= len(dims) <= 4 or min(dims) < 1:
        raise ModelRefused.at(name, f"makes the shape {dims}: one to four axes, none of them empty")
    if prod(dims) > MAX_ELEMENTS:
        raise ModelRefused.at(name, f"makes {prod(dims)} elements, allowed are {MAX_ELEMENTS}")
    if dims[-1] > MAX_CHANNELS:
        raise ModelRefused.at(name, f"has rows of {dims[-1]}, allowed are {MAX_CHANNELS}")
    if not tensor.kind.low <= tensor.zero <= tensor.kind.high:
        raise ModelRefused.at(name, f"zero {int(tensor.zero)} is no element of {tensor.kind.name}")
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
    inputs = [graph.tensor(tensor) for tensor in inputs_of(op)]
    first = inputs[0]
    if out.kind is Kind.I32 and (node is not graph.nodes[-1] or not isinstance(op, Linear | Conv)):
        raise ModelRefused.at(name, "only a product at the end may make 32-bit elements")
    match op:
        case Linear():
            _expect(name, out, (*first.dims[:-1], out.dims[-1]))
            _check_product(name, op, out)
        case Conv():
            _check_conv(name, op, first, out)
            _check_product(name, op, out)
        case MatMul():
            _check_matmul(name, op, inputs, out)
        case Add():
            _check_add(name, op, inputs, out)
        case Table():
            _expect(name, out, first.dims)
        case MaxPool():
            _check_same_numbers(name, inputs, out)
            _check_pool(name, op.window)
            _expect(name, out, (*_image(name, op.window, first), first.dims[-1]))
        case AveragePool():
            _expect(name, out, (*_image(name, op.window, first), first.dims[-1]))
            _check_scale(name, op.scale)
            seen = int(op.window.height) * int(op.window.width)
            _check_accumulator(name, seen * first.reach)
        case Softmax():
            _check_softmax(name, op, first, out)
        case LayerNorm():
            _check_norm(name, op, first, out)
        case Rearrange():
            _check_rearrange(name, op, first, out)
            _check_same_numbers(name, inputs, out)
        case Concat():
            a, b = inputs
            if a.dims[:-1] != b.dims[:-1]:
                raise ModelRefused.at(name, f"cannot join {a.dims} and {b.dims}")
            _expect(name, out, (*a.dims[:-1], a.dims[-1] + b.dims[-1]))
            _check_same_numbers(name, inputs, out)
        case _:
            assert_never(op)
    constants = weights_of(op)
    if constants is not None:
        _check_constants(graph, node, constants)


def _expect(name: str, out: Tensor, dims: tuple[int, ...]) -> None:
    if out.dims != dims:
        raise ModelRefused.at(name, f"says it makes {out.dims}, but makes {dims}")


def _check_same_numbers(name: str, inputs: list[Tensor], out: Tensor) -> None:
    for tensor in inputs:
        if (tensor.kind, tensor.zero) != (out.kind, out.zero):
            raise ModelRefused.at(name, "moves elements, so all must have one kind and one zero")


def _check_scale(name: str, bits: int) -> None:
    if not usable_scale(bits):
        raise ModelRefused.at(name, f"scale {bits:#010x} is not between 2^-63 and 2^64")


def _check_accumulator(name: str, bound: int) -> None:
    if bound >= ACCUMULATORS:
        raise ModelRefused.at(name, f"an accumulator may reach {bound}, allowed is less than 2^31")


def _check_product(name: str, op: Linear | Conv, out: Tensor) -> None:
    _check_accumulator(name, int(op.weights.limit))
    if out.kind is not Kind.I32 and not out.kind.low <= op.low <= op.high <= out.kind.high:
        raise ModelRefused.at(name, f"bounds {int(op.low)} to {int(op.high)} of {out.kind.name}")


def _check_constants(graph: Graph, node: Node, constants: Weights) -> None:
    _check_leaf(node.name, int(constants.leaf))
    row = weights_layout(graph, node).row
    if row > MAX_RECORD:
        raise ModelRefused.at(node.name, f"{row} bytes a record, allowed are {MAX_RECORD}")


def _check_conv(name: str, op: Conv, x: Tensor, out: Tensor) -> None:
    height, width = _image(name, op.window, x)
    channels, groups = x.dims[-1], int(op.groups)
    if groups < 1 or channels % groups or out.dims[-1] % groups:
        raise ModelRefused.at(name, f"{groups} groups of {channels} to {out.dims[-1]} channels")
    _expect(name, out, (height, width, out.dims[-1]))


def _image(name: str, window: Window, x: Tensor) -> tuple[int, int]:
    """Return the height and width of the output of windows over an image."""
    if len(x.dims) != 3:
        raise ModelRefused.at(name, f"needs an image (height, width, channels), not {x.dims}")
    made: list[int] = []
    for size, before, after, seen, step, apart in (
        (x.dims[0], window.top, window.bottom, window.height, window.step_y, window.apart_y),
        (x.dims[1], window.left, window.right, window.width, window.step_x, window.apart_x),
    ):
        if min(seen, step, apart) < 1:
            raise ModelRefused.at(name, "a window, its step and its spacing are at least 1")
        extent = (int(seen) - 1) * int(apart) + 1
        room = size + int(before) + int(after) - extent
        if room < 0:
            raise ModelRefused.at(name, f"a window of {extent} does not fit into {size}")
        if max(before, after) >= extent:
            raise ModelRefused.at(name, "a window would see nothing but padding")
        made.append(room // int(step) + 1)
    return made[0], made[1]


def _check_pool(name: str, window: Window) -> None:
    padded = max(window.top, window.left, window.bottom, window.right) > 0
    if padded and max(window.apart_y, window.apart_x) > 1:
        # All its taps could be in the padding, and an empty set has no maximum.
        raise ModelRefused.at(name, "a pool with spaced taps cannot be padded")


def _check_matmul(name: str, op: MatMul, inputs: list[Tensor], out: Tensor) -> None:
    a, b = inputs
    fits = len(a.dims) == len(b.dims) >= 2 and a.dims[:-2] == b.dims[:-2]
    if not fits or a.dims[-1] != b.dims[-1]:
        raise ModelRefused.at(name, f"cannot multiply rows of {a.dims} by rows of {b.dims}")
    _expect(name, out, (*a.dims[:-1], b.dims[-2]))
    _check_scale(name, op.scale)
    _check_accumulator(name, a.dims[-1] * a.reach * b.reach)


def _check_add(name: str, op: Add, inputs: list[Tensor], out: Tensor) -> None:
    for tensor in inputs:
        _expect(name, out, tensor.dims)
    if max(abs(int(op.by_a)), abs(int(op.by_b))) > MAX_ADD_FACTOR or op.shift > MAX_ADD_SHIFT:
        raise ModelRefused.at(name, "factors up to 2^21 and a shift up to 29 are exact in 32 bits")


def _check_softmax(name: str, op: Softmax, x: Tensor, out: Tensor) -> None:
    _expect(name, out, x.dims)
    if out.zero != out.kind.low:
        raise ModelRefused.at(name, f"zero must be {out.kind.low}, because no share is negative")
    if len(op.table) != 256 or max(op.table) > op.table[0]:
        raise ModelRefused.at(name, "needs 256 weights, the first of them the largest")
    if op.table[0] < MIN_SOFTMAX_WEIGHT:
        raise ModelRefused.at(name, f"the first weight is below {MIN_SOFTMAX_WEIGHT}")
    if x.dims[-1] > MAX_ROW:
        raise ModelRefused.at(name, f"rows of {x.dims[-1]}, allowed are {MAX_ROW}")


def _check_norm(name: str, op: LayerNorm, x: Tensor, out: Tensor) -> None:
    _expect(name, out, x.dims)
    if x.dims[-1] > MAX_NORMALISED:
        raise ModelRefused.at(name, f"rows of {x.dims[-1]}, allowed are {MAX_NORMALISED}")
    if op.epsilon > MAX_EPSILON or op.shift > MAX_SHIFT:
        raise ModelRefused.at(name, "epsilon up to 2^48 and a shift up to 40 are exact in 64 bits")


def _check_rearrange(name: str, op: Rearrange, x: Tensor, out: Tensor) -> None:
    view = tuple(map(int, op.view))
    if min(view, default=0) < 1 or prod(view) != x.size:
        raise ModelRefused.at(name, f"{x.dims} cannot be seen as {view}")
    if sorted(op.axes) != list(range(len(view))):
        raise ModelRefused.at(name, f"{list(map(int, op.axes))} does not name each axis once")
    if out.size != x.size:
        raise ModelRefused.at(name, f"says it makes {out.dims} of {x.size} elements")
