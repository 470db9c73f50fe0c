"""One element of one node, from bytes: used to verify a fraud proof, and to find its openings.

`element` reads its inputs through a `Reader`. The prover's reader records the reads; the judge's
reader has only the opened leaves. The same code runs in both, so they agree on the leaves to open.
The graph must have passed `shapes.check_graph`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from operator import mul
from typing import Final, Literal, Protocol, assert_never

from btt_chain.work.arithmetic import normalised, requantised, scaled, shares, shifted
from btt_chain.work.graph import (
    RECORD_TAIL,
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
from btt_chain.work.layout import flat, position

_FORMATS: Final[Mapping[Kind, Literal["b", "B"]]] = {Kind.I8: "b", Kind.U8: "B"}


class Reader(Protocol):
    """Access to committed bytes, by their place."""

    def activation(self, tensor: int, start: int, length: int) -> bytes:
        """Return bytes of a tensor."""

    def record(self, row: int) -> bytes:
        """Return the constants of one output channel of the node with constants (`weighted_of`)."""


def element(graph: Graph, number: int, index: int, reader: Reader) -> int:
    """Return the right value of element `index` of node `number`, from its inputs.

    These are the node's inputs, or, if one of them is not committed to, those of that input's node.
    """
    node = graph.nodes[number]
    op, out = node.op, node.out
    read = _Inputs(graph, reader)
    match op:
        case Linear():
            row, channel = divmod(index, out.dims[-1])
            return _product(node, op, read, channel, read.row(op.x, row))
        case Conv():
            *_, channel = position(index, out.dims)
            group = channel // (out.dims[-1] // int(op.groups))
            taps = _window_of_group(read, op, index, out, group)
            return _product(node, op, read, channel, taps)
        case MatMul():
            return _matmul(op, read, index, out)
        case Add():
            a = read.one(op.a, index) - read.zero(op.a)
            b = read.one(op.b, index) - read.zero(op.b)
            total = shifted(a * int(op.by_a) + b * int(op.by_b), int(op.shift))
            return _within(total + int(out.zero), out)
        case Table():
            made = op.table[read.raw(op.x, index)]
            return made - 256 if out.kind is Kind.I8 and made > 127 else made
        case MaxPool():
            return max(value for line in _lines(read, op, index, out) for value in line.taps)
        case AveragePool():
            zero = read.zero(op.x)
            total = sum(v - zero for line in _lines(read, op, index, out) for v in line.taps)
            return requantised(total, op.scale, int(out.zero), out.kind.low, out.kind.high)
        case Softmax():
            row, at = divmod(index, out.dims[-1])
            return out.kind.low + shares(read.row(op.x, row), op.table)[at]
        case LayerNorm():
            return _norm(op, read, index, out)
        case Rearrange():
            return read.one(op.x, _origin(op, index))
        case Concat():
            return _joined(op, read, index, out)
        case _:
            assert_never(op)


def number_of(raw: bytes, kind: Kind) -> int:
    """Return one element from its bytes."""
    return int.from_bytes(raw, "little", signed=kind is not Kind.U8)


class _Inputs:
    """Inputs as numbers, with zeros for padding."""

    def __init__(self, graph: Graph, reader: Reader) -> None:
        self._graph = graph
        self._reader = reader

    def tensor(self, tensor: int) -> Tensor:
        return self._graph.tensor(tensor)

    def zero(self, tensor: int) -> int:
        return int(self._graph.tensor(tensor).zero)

    def raw(self, tensor: int, index: int) -> int:
        return self.one(tensor, index) & 255

    def one(self, tensor: int, index: int) -> int:
        if not self._graph.tensor(tensor).committed:
            return element(self._graph, tensor - 1, index, self._reader)
        return self.numbers(tensor, index, 1)[0]

    def row(self, tensor: int, row: int) -> Sequence[int]:
        shape = self._graph.tensor(tensor)
        if not shape.committed:
            op = self._graph.nodes[tensor - 1].op
            if not isinstance(op, Softmax):
                raise TypeError(f"no rows are made of {type(op).__name__} without leaves")
            low = shape.kind.low
            return [low + share for share in shares(self.row(op.x, row), op.table)]
        width = shape.dims[-1]
        return self.numbers(tensor, row * width, width)

    def numbers(self, tensor: int, start: int, length: int) -> Sequence[int]:
        raw = self._reader.activation(tensor, start, length)
        return list(memoryview(raw).cast(_FORMATS[self._graph.tensor(tensor).kind]))

    def record(self, row: int) -> tuple[Sequence[int], int, int]:
        """Return the weights of a channel, and the two numbers after them (signed; raw bits)."""
        raw = self._reader.record(row)
        body = len(raw) - RECORD_TAIL
        first = int.from_bytes(raw[body : body + 4], "little", signed=True)
        return memoryview(raw)[:body].cast("b"), first, int.from_bytes(raw[body + 4 :], "little")


def _within(value: int, out: Tensor) -> int:
    return min(max(value, out.kind.low), out.kind.high)


def _product(
    node: Node, op: Linear | Conv, read: _Inputs, channel: int, taps: Sequence[int]
) -> int:
    weights, bias, scale = read.record(channel)
    zero = read.zero(op.x)
    total: int = sum(map(mul, taps, weights)) - zero * sum(weights) + bias
    if node.out.kind is Kind.I32:
        return total
    return requantised(total, scale, int(node.out.zero), int(op.low), int(op.high))


def _matmul(op: MatMul, read: _Inputs, index: int, out: Tensor) -> int:
    row_of_a, column = divmod(index, out.dims[-1])
    group = row_of_a // out.dims[-2]
    a = read.row(op.a, row_of_a)
    b = read.row(op.b, group * out.dims[-1] + column)
    zero_a, zero_b = read.zero(op.a), read.zero(op.b)
    total = sum(map(mul, a, b)) - zero_b * sum(a) - zero_a * sum(b) + len(a) * zero_a * zero_b
    return _within(scaled(total, op.scale) + int(out.zero), out)


def _norm(op: LayerNorm, read: _Inputs, index: int, out: Tensor) -> int:
    row, at = divmod(index, out.dims[-1])
    _, offset, bits = read.record(at)
    factor = bits - (1 << 32) if bits >> 31 else bits
    row_of_x = read.row(op.x, row)
    value = normalised(row_of_x, at, int(op.epsilon), factor, offset, int(op.shift))
    return _within(value + int(out.zero), out)


def _origin(op: Rearrange, index: int) -> int:
    """Return the place of an element before the axes were exchanged."""
    view = tuple(map(int, op.view))
    there = position(index, tuple(view[axis] for axis in op.axes))
    here = [0] * len(view)
    for axis, at in zip(op.axes, there, strict=True):
        here[axis] = at
    return flat(tuple(here), view)


def _joined(op: Concat, read: _Inputs, index: int, out: Tensor) -> int:
    row, at = divmod(index, out.dims[-1])
    width = read.tensor(op.a).dims[-1]
    if at < width:
        return read.one(op.a, row * width + at)
    rest = out.dims[-1] - width
    return read.one(op.b, row * rest + at - width)


# ---- windows


class _Line:
    """One line of a window: its taps in the image, and the numbers there."""

    __slots__ = ("end", "first", "start", "taps")

    def __init__(self, start: int, end: int, first: int, taps: Sequence[int]) -> None:
        self.start = start
        self.end = end
        self.first = first
        self.taps = taps


def _lines(
    read: _Inputs, op: Conv | MaxPool | AveragePool, index: int, out: Tensor
) -> Iterator[_Line]:
    """Yield the lines of a window of one channel."""
    *_, channel = position(index, out.dims)
    yield from _pieces(read, op, index, out, (channel, channel + 1))


def _window_of_group(read: _Inputs, op: Conv, index: int, out: Tensor, group: int) -> Sequence[int]:
    """Return all taps of a window in the order of the weights; padding is the input's zero."""
    channels = read.tensor(op.x).dims[-1] // int(op.groups)
    width = int(op.window.width)
    line_length = width * channels
    taps = [read.zero(op.x)] * (int(op.window.height) * line_length)
    bounds = (group * channels, (group + 1) * channels)
    for line in _pieces(read, op, index, out, bounds):
        begin = line.first * line_length + line.start * channels
        taps[begin : begin + len(line.taps)] = line.taps
    return taps


def _pieces(
    read: _Inputs,
    op: Conv | MaxPool | AveragePool,
    index: int,
    out: Tensor,
    bounds: tuple[int, int],
) -> Iterator[_Line]:
    """Read each line of a window once; `bounds` are the needed channels."""
    y, x, _ = position(index, out.dims)
    height, width, channels = read.tensor(op.x).dims
    window: Window = op.window
    apart = int(window.apart_x)
    left = x * int(window.step_x) - int(window.left)
    start = -(min(left, 0) // apart)
    end = min(int(window.width), -((left - width) // apart))
    down = int(window.apart_y)
    top = y * int(window.step_y) - int(window.top)
    if start >= end:
        return
    for tap_y in range(-(min(top, 0) // down), min(int(window.height), -((top - height) // down))):
        line = top + tap_y * down
        at = (line * width + left + start * apart) * channels
        found = read.numbers(op.x, at, ((end - 1 - start) * apart + 1) * channels)
        low, high = bounds
        if apart == 1 and high - low == channels:
            yield _Line(start, end, tap_y, found)
            continue
        taps: list[int] = []
        for tap in range(end - start):
            pixel = tap * apart * channels
            taps.extend(found[pixel + low : pixel + high])
        yield _Line(start, end, tap_y, taps)
