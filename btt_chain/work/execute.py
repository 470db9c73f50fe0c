"""The executor in numpy, which defines the results of a model.

Products run in float32 BLAS, which is exact as long as no partial sum passes 2^24: then all
intermediate numbers are integers and the order of summing does not matter. If weights are too large
for that, the sum is cut into blocks that are added in int32. All other operations are on integers,
integers in float64 that fit its 53 bits, or single IEEE operations (multiply, round) that have one
result on every machine.

Results do not depend on the grouping of items, nor on the number of threads: items never mix.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final, TypeVar, assert_never

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from btt_chain.work.admission import check_model
from btt_chain.work.arithmetic import INVERSE_BITS, PART_BITS, ROOT_BITS, SHARE_BITS
from btt_chain.work.commit import ItemCommitment, commit_item
from btt_chain.work.errors import InputRefused
from btt_chain.work.graph import Graph, Node
from btt_chain.work.model import (
    Constants,
    Elements,
    Float32s,
    Float64s,
    Int32s,
    Int64s,
    Model,
    dtype_of,
)
from btt_chain.work.operators import (
    Add,
    AveragePool,
    Concat,
    Conv,
    LayerNorm,
    Linear,
    MatMul,
    MaxPool,
    Rearrange,
    Softmax,
    Table,
)
from btt_chain.work.tensors import Kind, Tensor, Window

E = TypeVar("E", bound=np.generic)

EXACT: Final = 1 << 24
"""Up to this number float32 represents every integer."""
BLOCK_ELEMENTS: Final = 1 << 16
"""Number of elements that are processed at a time, so that they stay in the cache."""
MIN_ROW: Final = 1 << 12
"""Length below which several rows are processed together: numpy is slow with short rows."""
MATRIX_ROWS: Final = 1 << 10
"""Rows that are multiplied at a time: with fewer, BLAS would mostly wait for the weights."""
MIN_MATRIX: Final = 1 << 18
"""Minimum elements of a matrix, for which short rows may be more."""
MAX_MATRIX: Final = 1 << 23
"""Maximum elements of a matrix, for which long rows must be fewer."""
MANY_TAPS: Final = 32
"""Windows with more taps are summed one by one, those with fewer tap by tap."""
DEFAULT_MEMORY: Final = 16 << 20
"""Bytes of a batch's tensors above which it is cut into smaller ones that fit caches."""

Accumulators = dict[int, Int32s]
"""Products before requantisation, by node. Computed only for checked items."""


@dataclass(frozen=True, slots=True)
class Batch:
    """All tensors of some items, which are the first axis of each."""

    tensors: Sequence[Elements]
    accumulators: Accumulators = field(default_factory=dict)

    @property
    def outputs(self) -> Elements:
        """The model's outputs for the items."""
        return self.tensors[-1]

    def committed(self, graph: Graph, at: int) -> list[Elements]:
        """Return one item's committed tensors (`Graph.committed`)."""
        return [
            tensor[at]
            for shape, tensor in zip(graph.tensors, self.tensors, strict=True)
            if shape.committed
        ]

    def item(self, graph: Graph, at: int) -> list[memoryview]:
        """Return their bytes."""
        flat = [np.ascontiguousarray(tensor).reshape(-1) for tensor in self.committed(graph, at)]
        return [tensor.view(np.uint8).data for tensor in flat]

    def commit(self, graph: Graph, at: int, number: int, key: bytes | None) -> ItemCommitment:
        """Commit to the item at `at` of this batch, which is item `number` of the job."""
        return commit_item(graph, number, self.item(graph, at), key)


class Executor:
    """A model prepared for execution: weights in float32, cut if the sums could be too large.

    ModelRefused if its weights are not admissible: an honest result could then be proven wrong.
    """

    def __init__(self, model: Model) -> None:
        check_model(model)
        self.model = model
        self._tensors = model.graph.tensors
        self._products: dict[int, _Product] = {}
        for number, constants in model.constants.items():
            node = model.graph.nodes[number]
            if isinstance(node.op, Linear | Conv):
                self._products[number] = _Product(constants, self._tensors[node.op.x], node)

    def run(self, items: Elements, *, accumulators: bool = False) -> Batch:
        """Execute a batch that fits into memory; InputRefused if it is no input of the model."""
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
        """Execute one node; `tensors` holds at least its inputs, at their places."""
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
                self._product(number, op, tensors[op.x], made, sink)
            case MatMul():
                self._matmul(op, out, (tensors[op.a], tensors[op.b]), made, sink)
            case Add():
                a, b = self._tensors[op.a], self._tensors[op.b]
                _add(op, out, (a, b), (tensors[op.a], tensors[op.b]), made)
            case Table():
                _look_up(op.table, tensors[op.x], made)
            case MaxPool():
                _max_pool(op, out, tensors[op.x], made)
            case AveragePool():
                _average_pool(op, out, self._tensors[op.x], tensors[op.x], made)
            case Softmax():
                table = np.array([float(weight) for weight in op.table])
                _by_rows(partial(_softmax, table), tensors[op.x], made)
            case LayerNorm():
                constants = self.model.constants[number]
                _by_rows(partial(_norm, op, out, constants), tensors[op.x], made)
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
        """Return a product's output for one item's accumulators; TypeError for other nodes."""
        node = self.model.graph.nodes[number]
        op, out = node.op, node.out
        made: Elements = np.empty(out.dims, dtype_of(out.kind))
        if isinstance(op, MatMul):
            bounds = (out.kind.low, out.kind.high)
            requantise(accumulators, _scale(op.scale), out, bounds, made)
        elif isinstance(op, Linear | Conv):
            bounds = (int(op.low), int(op.high))
            scales = self.model.constants[number].scales
            requantise(accumulators, scales, out, bounds, made)
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
        self, number: int, op: Linear | Conv, x: Elements, made: Elements, sink: Int32s | None
    ) -> None:
        product, zero = self._products[number], int(self._tensors[op.x].zero)
        if isinstance(op, Conv):
            _convolve(op, product, zero, x, made, sink)
            return
        rows, wide = x.reshape(-1, x.shape[-1]), made.shape[-1]
        flat = made.reshape(-1, wide)
        sums = None if sink is None else sink.reshape(-1, wide)
        step = _evenly(len(rows), _matrix_rows(max(wide, rows.shape[1])))
        matrix = np.ones((step, rows.shape[1] + 1), np.float32)
        room = np.empty((step, wide), np.float32)
        for at in range(0, len(rows), step):
            part = slice(at, at + step)
            given = matrix[: len(rows[part])]
            _centred(rows[part], zero, given[:, :-1])
            product.write(given, flat[part], None if sums is None else sums[part], room)

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
        together = max(1, MIN_MATRIX // max(tensor_a.size, tensor_b.size, out.size))
        for at in range(0, len(made), together):
            part = slice(at, at + together)
            a = _centred(inputs[0][part], int(tensor_a.zero))
            b = _centred(inputs[1][part], int(tensor_b.zero)).swapaxes(-1, -2)
            total: Float32s | Int32s = a[..., :step] @ b[..., :step, :]
            for first in range(step, length, step):
                cut = slice(first, first + step)
                more = (a[..., cut] @ b[..., cut, :]).astype(np.int32)
                total = more + total.astype(np.int32)
            if sink is not None:
                sink[part] = total
            requantise(total, scale, out, (out.kind.low, out.kind.high), made[part])


def stream(
    executor: Executor,
    batches: Iterable[Elements],
    memory: int = DEFAULT_MEMORY,
    *,
    accumulators: bool = False,
) -> Iterator[Batch]:
    """Execute more items than fit into memory; yield each piece as soon as it is done.

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
    """Columns of weights, prepared for exact float32 products, and their requantisation."""

    def __init__(self, constants: Constants, x: Tensor, node: Node) -> None:
        op = node.op
        if not isinstance(op, Linear | Conv):
            raise TypeError(f"{type(op).__name__} has no columns")
        self._out, self._bounds = node.out, (int(op.low), int(op.high))
        bias = constants.first.astype(np.float32)
        self._weights = np.vstack([constants.columns.T.astype(np.float32), bias])
        self._bias, self._scales = constants.first, constants.scales
        self._small = int(constants.reach(x).max()) <= EXACT
        self._step = _exact_step(constants, x.reach)

    def write(
        self,
        rows: Float32s,
        made: Elements,
        sink: Int32s | None,
        room: Float32s,
        channels: slice = slice(None),
    ) -> None:
        """Multiply rows, each with a 1 at its end, by weights and bias, exactly, and requantise.

        `room` may be overwritten.
        """
        total = self._sums(rows, room[: len(rows)], channels)
        if sink is not None:
            sink[...] = total
        requantise(total, self._scales[channels], self._out, self._bounds, made)

    def _sums(self, rows: Float32s, room: Float32s, channels: slice) -> Float32s | Int32s:
        """Return the sums, in float32 only if it cannot round."""
        weights, step, length = self._weights[:, channels], self._step, rows.shape[1] - 1
        if self._small:
            return np.matmul(rows, weights, out=room)
        total = np.empty(room.shape, np.int32)
        total[...] = self._bias[channels]
        for at in range(0, length, step):
            part = slice(at, min(at + step, length))
            np.matmul(rows[:, part], weights[part], out=room)
            total += room.astype(np.int32)
        return total


def _evenly(count: int, most: int) -> int:
    """Return the length of parts of at most `most`, the last not much shorter than the others."""
    return -(-count // -(-count // most))


def _matrix_rows(length: int) -> int:
    """Return the number of rows of such a length that are multiplied at a time."""
    return max(1, MIN_MATRIX // length, min(MATRIX_ROWS, MAX_MATRIX // length))


def _exact_step(constants: Constants, reach: int) -> int:
    """Return the longest part of a sum that float32 adds exactly with these weights, by halving.

    With the bound of the actual weights a sum seldom has to be cut; with that of int8, each sum of
    more than 514 terms would have to be.
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
    op: Conv, product: _Product, zero: int, x: Elements, made: Elements, sink: Int32s | None
) -> None:
    """Multiply windows as rows of a matrix (im2col): of some lines of an image, or some images."""
    window = op.window
    height, width, channels = made.shape[1:]
    groups = int(op.groups)
    inside, share = x.shape[-1] // groups, channels // groups
    taps = int(window.height) * int(window.width)
    wanted = -(-_matrix_rows(max(taps * x.shape[-1], channels)) // width)
    lines, together = min(height, wanted), max(1, wanted // height)
    matrix = np.ones((together * lines * width, taps * x.shape[-1] + 1), np.float32)
    seen = matrix[:, :-1].reshape(together, lines, width, *taps_of(window), x.shape[-1])
    room = np.empty((together * lines * width, share), np.float32)
    for first in range(0, len(x), together):
        several = slice(first, first + together)
        images = padded(_centred(x[several], zero), window, 0)
        windows = windows_of(images, window, (height, width))
        for top in range(0, height, lines):
            some = slice(top, top + lines)
            part = windows[:, some]
            rows = seen[: part.shape[0], : part.shape[1]]
            rows[...] = part
            flat = made[several, some].reshape(-1, channels)
            sums = None if sink is None else sink[several, some].reshape(-1, channels)
            for group in range(groups):
                own = slice(group * share, (group + 1) * share)
                given = matrix[: len(flat)]
                if groups > 1:
                    inner = rows[..., group * inside : (group + 1) * inside]
                    given = np.ones((len(flat), taps * inside + 1), np.float32)
                    given[:, :-1] = inner.reshape(len(flat), -1)
                product.write(
                    given,
                    flat[:, own],
                    None if sums is None else sums[:, own],
                    room,
                    own,
                )


def requantise(
    total: Float32s | Int32s,
    scales: Float32s,
    out: Tensor,
    bounds: tuple[int, int],
    made: Elements,
) -> None:
    """Apply `arithmetic.requantised` with the machine's binary32.

    `made` is contiguous, or has two axes.
    """
    width = total.shape[-1]
    times = _times(width, total.size // width) if made.flags.c_contiguous else 1
    rows, sums = made.reshape(-1, times * width), total.reshape(-1, times * width)
    if out.kind is Kind.I32:
        rows[...] = sums
        return
    scaling = scales if len(scales) == 1 else np.tile(scales, times)
    low, high = map(np.float32, bounds)
    zero = np.float32(out.zero)
    step = max(1, BLOCK_ELEMENTS // rows.shape[1])
    room = np.empty((min(step, len(rows)), rows.shape[1]), np.float32)
    for at in range(0, len(rows), step):
        part = sums[at : at + step].astype(np.float32, copy=False)
        block = room[: len(part)]
        np.multiply(part, scaling, out=block)
        np.rint(block, out=block)
        if zero:
            block += zero
        np.clip(block, low, high, out=block)
        rows[at : at + step] = block


def _times(width: int, count: int) -> int:
    """Return the number of rows to combine into one."""
    times = 1
    while times * width < MIN_ROW and count % (2 * times) == 0:
        times *= 2
    return times


def _scale(bits: int) -> Float32s:
    return np.array([bits], np.uint32).view(np.float32)


def _centred(x: Elements, zero: int, room: Float32s | None = None) -> Float32s:
    centred = np.empty(x.shape, np.float32) if room is None else room
    centred[...] = x
    if zero:
        centred -= np.float32(zero)
    return centred


# ---- windows


def padded(x: NDArray[E], window: Window, filler: int) -> NDArray[E]:
    """Return images with padding around them."""
    top, left = int(window.top), int(window.left)
    bottom, right = int(window.bottom), int(window.right)
    if not max(top, left, bottom, right):
        return x
    count, height, width, channels = x.shape
    shape = (count, height + top + bottom, width + left + right, channels)
    rimmed = np.full(shape, filler, x.dtype)
    rimmed[:, top : top + height, left : left + width] = x
    return rimmed


def taps_of(window: Window) -> tuple[int, int]:
    """Return the number of taps of a window down and across."""
    return int(window.height), int(window.width)


def windows_of(images: NDArray[E], window: Window, shape: tuple[int, int]) -> NDArray[E]:
    """Return a view of all windows: images, lines, columns, taps down and across, channels.

    `shape` is the height and width of the output.
    """
    each, down, across, channels = images.strides
    strides = (
        each,
        down * int(window.step_y),
        across * int(window.step_x),
        down * int(window.apart_y),
        across * int(window.apart_x),
        channels,
    )
    sizes = (len(images), *shape, *taps_of(window), images.shape[-1])
    return as_strided(images, sizes, strides, writeable=False)


def _max_pool(op: MaxPool, out: Tensor, x: Elements, made: Elements) -> None:
    height, width, _ = out.dims
    seen = windows_of(padded(x, op.window, out.kind.low), op.window, (height, width))
    made[...] = seen[:, :, :, 0, 0]
    for down, across in np.ndindex(*taps_of(op.window)):
        np.maximum(made, seen[:, :, :, down, across], out=made)


def _average_pool(
    op: AveragePool, out: Tensor, tensor: Tensor, x: Elements, made: Elements
) -> None:
    height, width, _ = out.dims
    centred = x.astype(np.int32)
    centred -= np.int32(tensor.zero)
    seen = windows_of(padded(centred, op.window, 0), op.window, (height, width))
    taps = taps_of(op.window)
    if math.prod(taps) > MANY_TAPS:
        total = seen.sum(axis=(3, 4), dtype=np.int32)
    else:
        total = np.zeros(made.shape, np.int32)
        for down, across in np.ndindex(*taps):
            total += seen[:, :, :, down, across]
    requantise(total, _scale(op.scale), out, (out.kind.low, out.kind.high), made)


# ---- element by element, row by row


def _look_up(table: bytes, x: Elements, made: Elements) -> None:
    given, flat = x.reshape(-1), made.reshape(-1)
    for at in range(0, len(flat), BLOCK_ELEMENTS):
        part = slice(at, at + BLOCK_ELEMENTS)
        flat[part] = np.frombuffer(given[part].tobytes().translate(table), flat.dtype)


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
    room = np.empty((2, min(BLOCK_ELEMENTS, len(flat))), np.int32)
    for at in range(0, len(flat), BLOCK_ELEMENTS):
        part = slice(at, at + BLOCK_ELEMENTS)
        total, other = room[:, : len(flat[part])]
        total[...] = flat_a[part]
        total *= np.int32(by_a)
        other[...] = flat_b[part]
        other *= np.int32(by_b)
        total += other
        if zeros:
            total -= np.int32(zeros)
        if shift:
            # Halves to even: just below a half, and the rest of it where the quotient is odd.
            np.right_shift(total, shift, out=other)
            other &= np.int32(1)
            total += other
            total += np.int32((1 << (shift - 1)) - 1)
            total >>= shift
        if out.zero:
            total += np.int32(out.zero)
        np.clip(total, out.kind.low, out.kind.high, out=total)
        flat[part] = total


def _by_rows(
    work: Callable[[Elements, Elements, Float64s], None], x: Elements, made: Elements
) -> None:
    """Process some rows at a time, each time in the same buffer."""
    rows, flat = x.reshape(-1, x.shape[-1]), made.reshape(-1, made.shape[-1])
    step = min(len(rows), max(1, BLOCK_ELEMENTS // x.shape[-1]))
    room = np.empty((step, x.shape[-1]))
    for at in range(0, len(rows), step):
        part = rows[at : at + step]
        work(part, flat[at : at + step], room[: len(part)])


def _softmax(table: Float64s, rows: Elements, made: Elements, shares: Float64s) -> None:
    """Compute in float64, which is exact: a weight times 2^40 over the sum is at most 2^40."""
    # The difference of two elements is the same modulo 256, for any kind.
    below = rows.max(axis=1, keepdims=True).view(np.uint8) - rows.view(np.uint8)
    np.take(table, below, out=shares, mode="clip")
    total = _sums_of(shares).astype(np.int64)
    shares *= (np.int64(1 << (8 + SHARE_BITS)) // total) * 2.0**-SHARE_BITS
    shares += 0.5
    whole = shares.astype(np.uint16)
    np.clip(whole, 0, 255, out=whole)
    if made.dtype == np.int8:
        whole ^= 128
    made.view(np.uint8)[...] = whole


def _norm(
    op: LayerNorm,
    out: Tensor,
    constants: Constants,
    rows: Elements,
    made: Elements,
    numbers: Float64s,
) -> None:
    """Compute in float64, which is exact for rows that are not too long (`layer_norm.MAX_ROW`).

    None of n elements is more than √n deviations from the mean. So the first product is at most √n
    · 2^41, the second √n · 2^44, and powers of two never round.
    """
    count, shift = rows.shape[1], 2.0 ** -int(op.shift)
    numbers[...] = rows
    total = _sums_of(numbers)
    squares = np.vecdot(numbers, numbers)[:, None]
    deviation = (count * squares - total * total).astype(np.int64) + int(op.epsilon)
    root = np.maximum(whole_roots(deviation << ROOT_BITS), 1)
    numbers *= count
    numbers -= total
    parts_shift = INVERSE_BITS - ROOT_BITS // 2 - PART_BITS
    numbers *= (np.int64(1 << INVERSE_BITS) // root) * 2.0**-parts_shift
    np.floor(numbers, out=numbers)
    numbers *= constants.second * shift
    numbers += constants.first * shift
    np.rint(numbers, out=numbers)
    if out.zero:
        numbers += int(out.zero)
    np.clip(numbers, out.kind.low, out.kind.high, out=numbers)
    made[...] = numbers


def _sums_of(rows: Float64s) -> Float64s:
    """Return each row's sum; by BLAS, since integers below 2^53 have one sum in every order."""
    return (rows @ np.ones(rows.shape[1]))[:, None]


def whole_roots(numbers: Int64s) -> Int64s:
    """Return the integer part of each root; numbers from 0 to 2^60.

    The IEEE root of a float64 can be off by one here, since the number is rounded to 53 bits first.
    """
    roots = np.sqrt(numbers.astype(np.float64)).astype(np.int64)
    roots -= roots * roots > numbers
    roots += (roots + 1) * (roots + 1) <= numbers
    return roots
