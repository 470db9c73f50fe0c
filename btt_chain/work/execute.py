"""The executor: numpy, and the definition of what a model computes.

Products run in float32 BLAS, which is exact as long as no partial sum passes 2^24: then all numbers
in between are whole and no order of summing can matter. Where weights are too large for that, the
sum is cut into blocks that are added in int32. Everything else is integers, or single IEEE
operations (multiply, round) that have one result on every machine.

Nothing depends on how items are grouped, nor on the number of threads: items never mix.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeVar, assert_never

import numpy as np
from numpy.typing import NDArray

from btt_chain.work.admission import check_model
from btt_chain.work.arithmetic import INVERSE_BITS, PART_BITS, ROOT_BITS, SHARE_BITS
from btt_chain.work.commit import ItemCommitment, commit_item
from btt_chain.work.errors import InputRefused
from btt_chain.work.graph import (
    Add,
    AveragePool,
    Concat,
    Conv,
    Graph,
    Kind,
    LayerNorm,
    Linear,
    MatMul,
    MaxPool,
    Node,
    Rearrange,
    Softmax,
    Table,
    Tensor,
    Window,
)
from btt_chain.work.model import (
    Constants,
    Elements,
    Float32s,
    Int32s,
    Int64s,
    Model,
    dtype_of,
)

E = TypeVar("E", bound=np.generic)

EXACT: Final = 1 << 24
"""Up to here float32 holds every whole number."""
BLOCK_ELEMENTS: Final = 1 << 16
"""Elements that are worked on at a time, so that they stay in the cache."""
MATRIX_ELEMENTS: Final = 1 << 18
"""Elements of the matrix that is multiplied at a time, unless that is less than MATRIX_ROWS."""
MATRIX_ROWS: Final = 256
"""With fewer rows, BLAS would spend its time on fetching weights."""
DEFAULT_MEMORY: Final = 256 << 20
"""Bytes of tensors that a batch may take, before it is cut into smaller ones."""

Accumulators = dict[int, Int32s]
"""By node: what a product was before it was requantised. Asked for only for checked items."""


@dataclass(frozen=True, slots=True)
class Batch:
    """All tensors of some items, the items being the first axis of each."""

    tensors: Sequence[Elements]
    accumulators: Accumulators = field(default_factory=dict)

    @property
    def outputs(self) -> Elements:
        """What the model made of the items."""
        return self.tensors[-1]

    def item(self, at: int) -> list[memoryview]:
        """The bytes of one item's tensors."""
        flat = [np.ascontiguousarray(tensor[at]).reshape(-1) for tensor in self.tensors]
        return [tensor.view(np.uint8).data for tensor in flat]

    def commit(self, graph: Graph, at: int, number: int, key: bytes | None) -> ItemCommitment:
        """Commit to the item at `at` of this batch, which is item `number` of the job."""
        return commit_item(graph, number, self.item(at), key)


class Executor:
    """A model made ready: weights in float32, cut where the sums would grow too large.

    ModelRefused if its weights are not admissible: an honest result could then be judged wrong.
    """

    def __init__(self, model: Model) -> None:
        check_model(model)
        self.model = model
        self._tensors = model.graph.tensors
        self._products: dict[int, _Product] = {}
        for number, constants in model.constants.items():
            op = model.graph.nodes[number].op
            if isinstance(op, Linear | Conv):
                self._products[number] = _Product(constants, self._tensors[op.x])

    def run(self, items: Elements, *, accumulators: bool = False) -> Batch:
        """Execute a batch that fits into memory; InputRefused if it is not what the model takes."""
        self._check(items)
        made: list[Elements] = [items]
        kept: Accumulators = {}
        for number in range(len(self.model.graph.nodes)):
            sink = kept if accumulators else None
            made.append(self.node(number, made, sink))
        return Batch(made, kept)

    def node(
        self, number: int, tensors: Sequence[Elements], accumulators: Accumulators | None = None
    ) -> Elements:
        """Execute one node; `tensors` holds at least those that it reads, at their places."""
        node = self.model.graph.nodes[number]
        out, op = node.out, node.op
        items = len(tensors[0])
        made = np.empty((items, *out.dims), dtype_of(out.kind))
        sink: Int32s | None = None
        if accumulators is not None and isinstance(op, Linear | Conv | MatMul):
            sink = np.empty(made.shape, np.int32)
            accumulators[number] = sink
        match op:
            case Linear() | Conv():
                self._product(number, node, tensors[op.x], made, sink)
            case MatMul():
                self._matmul(op, out, (tensors[op.a], tensors[op.b]), made, sink)
            case Add():
                a, b = self._tensors[op.a], self._tensors[op.b]
                _add(op, out, (a, b), (tensors[op.a], tensors[op.b]), made)
            case Table():
                table = np.frombuffer(op.table, dtype_of(out.kind))
                np.take(table, tensors[op.x].view(np.uint8), out=made)
            case MaxPool():
                _max_pool(op.window, tensors[op.x], made)
            case AveragePool():
                _average_pool(op, out, self._tensors[op.x], tensors[op.x], made)
            case Softmax():
                _by_rows(lambda rows: _softmax(op, out, rows), tensors[op.x], made)
            case LayerNorm():
                constants = self.model.constants[number]
                _by_rows(lambda rows: _norm(op, out, constants, rows), tensors[op.x], made)
            case Rearrange():
                view = tensors[op.x].reshape(items, *map(int, op.view))
                axes = (0, *(int(axis) + 1 for axis in op.axes))
                made[...] = view.transpose(axes).reshape(made.shape)
            case Concat():
                width = tensors[op.a].shape[-1]
                made[..., :width] = tensors[op.a]
                made[..., width:] = tensors[op.b]
            case _:
                assert_never(op)
        return made

    def finish(self, number: int, accumulators: Int32s) -> Elements:
        """What a product's node makes of one item's accumulators; TypeError for other nodes."""
        node = self.model.graph.nodes[number]
        op, out = node.op, node.out
        made: Elements = np.empty(out.dims, dtype_of(out.kind))
        if isinstance(op, MatMul):
            bounds = (out.kind.low, out.kind.high)
            requantise(accumulators, _scale(op.scale), out, bounds, made)
        elif isinstance(op, Linear | Conv):
            bounds = (int(op.low), int(op.high))
            requantise(accumulators, self._products[number].scales, out, bounds, made)
        else:
            raise TypeError(f"{type(op).__name__} has no accumulators")
        return made

    def _check(self, items: Elements) -> None:
        tensor = self.model.graph.input
        if items.shape[1:] != tensor.dims or items.dtype != dtype_of(tensor.kind):
            raise InputRefused(
                f"items of {items.dtype} {items.shape[1:]}, the model takes "
                f"{dtype_of(tensor.kind)} {tensor.dims}"
            )
        if len(items) == 0:
            raise InputRefused("a batch without items")

    def _product(
        self, number: int, node: Node, x: Elements, made: Elements, sink: Int32s | None
    ) -> None:
        op = node.op
        product = self._products[number]
        if isinstance(op, Conv):
            zero = int(self._tensors[op.x].zero)
            for item in range(len(x)):
                one = None if sink is None else sink[item]
                _convolve(op, node.out, product, _centred(x[item], zero), made[item], one)
            return
        if not isinstance(op, Linear):
            raise TypeError(f"{type(op).__name__} has no product")
        zero = int(self._tensors[op.x].zero)
        rows = x.reshape(-1, x.shape[-1])
        wide = made.shape[-1]
        flat = made.reshape(-1, wide)
        sums = None if sink is None else sink.reshape(-1, wide)
        step = max(MATRIX_ROWS, MATRIX_ELEMENTS // max(wide, rows.shape[1]))
        for at in range(0, len(rows), step):
            part = slice(at, at + step)
            total = product.of(_centred(rows[part], zero))
            if sums is not None:
                sums[part] = total
            requantise(total, product.scales, node.out, (int(op.low), int(op.high)), flat[part])

    def _matmul(
        self,
        op: MatMul,
        out: Tensor,
        inputs: tuple[Elements, Elements],
        made: Elements,
        sink: Int32s | None,
    ) -> None:
        tensor_a, tensor_b = self._tensors[op.a], self._tensors[op.b]
        scale = _scale(op.scale)
        length = tensor_a.dims[-1]
        step = EXACT // (tensor_a.reach * tensor_b.reach)
        for item in range(len(made)):
            a = _centred(inputs[0][item], int(tensor_a.zero))
            b = _centred(inputs[1][item], int(tensor_b.zero)).swapaxes(-1, -2)
            total: Float32s | Int32s = a[..., :step] @ b[..., :step, :]
            for at in range(step, length, step):
                part = (a[..., at : at + step] @ b[..., at : at + step, :]).astype(np.int32)
                total = part + total.astype(np.int32)
            if sink is not None:
                sink[item] = total
            requantise(total, scale, out, (out.kind.low, out.kind.high), made[item])


def stream(
    executor: Executor,
    batches: Iterable[Elements],
    memory: int = DEFAULT_MEMORY,
    *,
    accumulators: bool = False,
) -> Iterator[Batch]:
    """Execute more items than fit into memory: pieces come out as soon as they are done.

    `batches` may be one memory-mapped array in a list, or read from a file one by one. A piece
    takes about `memory` bytes for its tensors (one item at least).
    """
    graph = executor.model.graph
    each = sum(tensor.nbytes for tensor in graph.tensors)
    if accumulators:
        each += sum(4 * node.out.size for node in graph.nodes)
    count = max(1, memory // each)
    for batch in batches:
        for at in range(0, len(batch), count):
            yield executor.run(batch[at : at + count], accumulators=accumulators)


# ---- products


class _Product:
    """Columns of weights, ready for exact float32 products."""

    def __init__(self, constants: Constants, x: Tensor) -> None:
        self.weights = np.ascontiguousarray(constants.columns.T.astype(np.float32))
        self.bias = constants.first
        self.scales = constants.scales
        self._small = int(constants.reach(x).max()) <= EXACT
        self._bias32 = constants.first.astype(np.float32)
        self._step = _exact_step(constants, x.reach)

    def of(self, rows: Float32s, channels: slice = slice(None)) -> Float32s | Int32s:
        """Rows times weights plus bias, exactly; float32 only where that cannot round."""
        weights = self.weights[:, channels]
        step = self._step
        first = rows[:, :step] @ weights[:step]
        if self._small:
            first += self._bias32[channels]
            return first
        total = first.astype(np.int32)
        for at in range(step, len(weights), step):
            total += (rows[:, at : at + step] @ weights[at : at + step]).astype(np.int32)
        total += self.bias[channels]
        return total


def _exact_step(constants: Constants, reach: int) -> int:
    """The longest part of a sum that float32 adds up exactly with these weights, found by halving.

    Bounded by the weights as they are, a sum seldom has to be cut; by what int8 could hold, each
    with more than 514 terms would have to be.
    """
    sizes = np.abs(constants.columns.astype(np.int16))
    step: int = sizes.shape[1]
    while step > EXACT // (reach * 128):
        starts = np.arange(0, sizes.shape[1], step)
        sums = np.add.reduceat(sizes, starts, axis=1, dtype=np.int64)
        if int(sums.max()) * reach <= EXACT:
            break
        step = -(-step // 2)
    return step


def _convolve(
    op: Conv, out: Tensor, product: _Product, x: Float32s, made: Elements, sink: Int32s | None
) -> None:
    """One image: windows as rows of a matrix (im2col), some lines of the output at a time."""
    window = op.window
    height, width, channels = out.dims
    groups = int(op.groups)
    inside = x.shape[-1] // groups
    taps = int(window.height) * int(window.width)
    padded = _padded(x, window, np.float32(0))
    fitting = MATRIX_ELEMENTS // (width * max(taps * x.shape[-1], channels))
    lines = max(-(-MATRIX_ROWS // width), fitting)
    bounds = (int(op.low), int(op.high))
    share = channels // groups
    for top in range(0, height, lines):
        count = min(lines, height - top)
        seen = np.empty((count, width, taps, x.shape[-1]), np.float32)
        for tap, part in enumerate(at_taps(padded, window, (count, width), top)):
            seen[:, :, tap] = part
        for group in range(groups):
            some = slice(group * share, (group + 1) * share)
            rows = seen[..., group * inside : (group + 1) * inside]
            total = product.of(rows.reshape(count * width, taps * inside), some)
            total = total.reshape(count, width, share)
            if sink is not None:
                sink[top : top + count, :, some] = total
            part_made = made[top : top + count, :, some]
            requantise(total, product.scales[some], out, bounds, part_made)


def requantise(
    total: Float32s | Int32s,
    scales: Float32s,
    out: Tensor,
    bounds: tuple[int, int],
    made: Elements,
) -> None:
    """What `arithmetic.requantised` says, in the machine's own binary32."""
    if out.kind is Kind.I32:
        made[...] = total
        return
    low, high = map(np.float32, bounds)
    zero = np.float32(out.zero)
    step = max(1, BLOCK_ELEMENTS * len(total) // total.size)
    for at in range(0, len(total), step):
        numbers = total[at : at + step].astype(np.float32)
        np.multiply(numbers, scales, out=numbers)
        np.rint(numbers, out=numbers)
        if zero:
            numbers += zero
        np.clip(numbers, low, high, out=numbers)
        made[at : at + step] = numbers


def _scale(bits: int) -> Float32s:
    return np.array([bits], np.uint32).view(np.float32)


def _centred(x: Elements, zero: int) -> Float32s:
    centred = x.astype(np.float32)
    if zero:
        centred -= np.float32(zero)
    return centred


# ---- windows


def _padded(x: Float32s, window: Window, filler: np.float32) -> Float32s:
    if not max(window.top, window.left, window.bottom, window.right):
        return x
    height, width, channels = x.shape
    top, left = int(window.top), int(window.left)
    shape = (height + top + int(window.bottom), width + left + int(window.right), channels)
    padded = np.full(shape, filler, np.float32)
    padded[top : top + height, left : left + width] = x
    return padded


def at_taps(
    padded: NDArray[E], window: Window, shape: tuple[int, int], top: int = 0
) -> Iterator[NDArray[E]]:
    """What all windows of some output lines have at each of their taps; `shape` of the output."""
    count, width = shape
    step_y, step_x = int(window.step_y), int(window.step_x)
    for tap_y in range(int(window.height)):
        y = top * step_y + tap_y * int(window.apart_y)
        for tap_x in range(int(window.width)):
            x = tap_x * int(window.apart_x)
            yield padded[
                y : y + (count - 1) * step_y + 1 : step_y, x : x + (width - 1) * step_x + 1 : step_x
            ]


def _max_pool(window: Window, x: Elements, made: Elements) -> None:
    shape = (made.shape[1], made.shape[2])
    for item in range(len(x)):
        padded = _padded(x[item].astype(np.float32), window, np.float32(-np.inf))
        parts = at_taps(padded, window, shape)
        largest = next(parts).copy()
        for part in parts:
            np.maximum(largest, part, out=largest)
        made[item] = largest


def _average_pool(
    op: AveragePool, out: Tensor, tensor: Tensor, x: Elements, made: Elements
) -> None:
    scale = _scale(op.scale)
    shape = (made.shape[1], made.shape[2])
    for item in range(len(x)):
        padded = _padded(_centred(x[item], int(tensor.zero)), op.window, np.float32(0))
        total = np.zeros(made.shape[1:], np.int32)
        for part in at_taps(padded, op.window, shape):
            np.add(total, part, out=total, casting="unsafe")
        requantise(total, scale, out, (out.kind.low, out.kind.high), made[item])


# ---- element by element, row by row


def _add(
    op: Add,
    out: Tensor,
    tensors: tuple[Tensor, Tensor],
    inputs: tuple[Elements, Elements],
    made: Elements,
) -> None:
    shift = int(op.shift)
    by_a, by_b = int(op.by_a), int(op.by_b)
    zeros = by_a * int(tensors[0].zero) + by_b * int(tensors[1].zero)
    flat_a, flat_b, flat = (part.reshape(-1) for part in (*inputs, made))
    for at in range(0, len(flat), BLOCK_ELEMENTS):
        part = slice(at, at + BLOCK_ELEMENTS)
        total = flat_a[part].astype(np.int32) * np.int32(by_a)
        total += flat_b[part].astype(np.int32) * np.int32(by_b)
        total -= np.int32(zeros)
        if shift:
            # Halves to even: just under a half, and the rest of it where the quotient is odd.
            odd = (total >> shift) & np.int32(1)
            odd += np.int32((1 << (shift - 1)) - 1)
            total += odd
            total >>= shift
        total += np.int32(out.zero)
        np.clip(total, out.kind.low, out.kind.high, out=total)
        flat[part] = total


def _by_rows(work: Callable[[Elements], Int64s], x: Elements, made: Elements) -> None:
    rows = x.reshape(-1, x.shape[-1])
    flat = made.reshape(-1, made.shape[-1])
    step = max(1, BLOCK_ELEMENTS // x.shape[-1])
    for at in range(0, len(rows), step):
        flat[at : at + step] = work(rows[at : at + step])


def _softmax(op: Softmax, out: Tensor, rows: Elements) -> Int64s:
    table = np.array([int(weight) for weight in op.table], np.int64)
    below = rows.max(axis=1, keepdims=True).astype(np.int16) - rows
    weights: Int64s = table[below]
    inverse = np.int64(1 << (8 + SHARE_BITS)) // weights.sum(axis=1, keepdims=True)
    weights *= inverse
    weights += np.int64(1 << (SHARE_BITS - 1))
    weights >>= SHARE_BITS
    np.minimum(weights, 255, out=weights)
    weights += out.kind.low
    return weights


def _norm(op: LayerNorm, out: Tensor, constants: Constants, rows: Elements) -> Int64s:
    x = rows.astype(np.int64)
    count = x.shape[1]
    total = x.sum(axis=1, keepdims=True)
    spread = count * np.einsum("ij,ij->i", x, x)[:, None] - total * total + int(op.epsilon)
    root = np.maximum(whole_roots(spread << ROOT_BITS), 1)
    x *= count
    x -= total
    x *= np.int64(1 << INVERSE_BITS) // root
    x >>= INVERSE_BITS - ROOT_BITS // 2 - PART_BITS
    x *= constants.second.astype(np.int64)
    x += constants.first
    shift = int(op.shift)
    if shift:
        odd = (x >> shift) & 1
        x += odd
        x += (1 << (shift - 1)) - 1
        x >>= shift
    x += int(out.zero)
    np.clip(x, out.kind.low, out.kind.high, out=x)
    return x


def whole_roots(numbers: Int64s) -> Int64s:
    """The whole part of each root; numbers from 0 to 2^60.

    IEEE's root of a float64 can be off by one here, since the number is rounded to 53 bits first.
    """
    roots = np.sqrt(numbers.astype(np.float64)).astype(np.int64)
    roots -= roots * roots > numbers
    roots += (roots + 1) * (roots + 1) <= numbers
    return roots
