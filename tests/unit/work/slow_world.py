"""A slow executor that shares no code with the real one."""

from __future__ import annotations

import itertools
import math
import struct
from collections.abc import Callable

import numpy as np

from btt_chain.work.graph import Node
from btt_chain.work.model import Elements, Model, elements_of
from btt_chain.work.operators import (
    Add,
    Affine,
    AveragePool,
    Concat,
    Conv,
    Gather,
    Hypot,
    LayerNorm,
    Linear,
    MatMul,
    MaxPool,
    Mul,
    Rearrange,
    Scan,
    Softmax,
    Sum,
    Table,
    WideTable,
)
from btt_chain.work.operators.scan import Cell
from btt_chain.work.tensors import Kind, Tensor
from unit.work.elementwise_world import slow_elements
from unit.work.moves_world import SLOW_MOVES
from unit.work.row_world import ROW_OPERATORS, slow_rows, stored_rows

Array = dict[tuple[int, ...], int]
"""A tensor in plain numbers, by position."""


def f32(value: float) -> float:
    """The nearest binary32 number."""
    rounded: float = struct.unpack("<f", struct.pack("<f", value))[0]
    return rounded


def from_bits(bits: int) -> float:
    value: float = struct.unpack("<f", struct.pack("<I", bits))[0]
    return value


def requantise(total: int, bits: int, zero: int, low: int, high: int) -> int:
    """By the machine's own doubles: the product of two binary32 numbers is exact in them."""
    return min(max(round(f32(f32(float(total)) * from_bits(bits))) + zero, low), high)


def slowly(model: Model, *inputs: Elements) -> list[Elements]:
    """All tensors of one item, in plain integers, position by position."""
    graph = model.graph
    made = [_plain(item) for item in inputs]
    for number, node in enumerate(graph.nodes):
        records = model.records.get(number)
        rows = [] if records is None else [bytes(row) for row in records]
        if isinstance(node.op, ROW_OPERATORS):
            made.append(slow_rows(node, made, graph.tensors, rows))
            continue
        if isinstance(node.op, Affine | Mul | Hypot | WideTable):
            values = slow_elements(node.op, made, graph.tensors, node.out, rows)
        else:
            slow = SLOW_MOVES.get(type(node.op), _node)
            values = slow(node, made, graph.tensors, rows)
        made.append(dict(zip(_positions(node.out.dims), values, strict=True)))
    return [
        stored_rows(array, tensor)
        if tensor.kind in (Kind.D8, Kind.D16)
        else elements_of(tensor.kind, np.array(list(array.values())).reshape(tensor.dims))
        for array, tensor in zip(made, graph.tensors, strict=True)
    ]


def _positions(dims: tuple[int, ...]) -> list[tuple[int, ...]]:
    return list(itertools.product(*map(range, dims)))


def _plain(item: Elements) -> Array:
    return dict(zip(_positions(item.shape), item.ravel().tolist(), strict=True))


def _node(node: Node, made: list[Array], tensors: list[Tensor], rows: list[bytes]) -> list[int]:
    op, out = node.op, node.out
    zero, low, high = int(out.zero), out.kind.low, out.kind.high
    positions = _positions(out.dims)

    def within(value: int) -> int:
        return min(max(value + zero, low), high)

    if isinstance(op, Concat):
        width = tensors[op.a].dims[-1]
        return [
            made[op.a][at] if at[-1] < width else made[op.b][(*at[:-1], at[-1] - width)]
            for at in positions
        ]
    if isinstance(op, Add):
        a_zero, b_zero = int(tensors[op.a].zero), int(tensors[op.b].zero)
        sums = [
            (made[op.a][at] - a_zero) * int(op.by_a) + (made[op.b][at] - b_zero) * int(op.by_b)
            for at in positions
        ]
        # Exact: 31 bits over a power of two, in a double.
        return [within(round(total / 2 ** int(op.shift))) for total in sums]
    if isinstance(op, MatMul):
        a, b = tensors[op.a], tensors[op.b]
        totals = [
            sum(
                (made[op.a][(*at[:-1], k)] - int(a.zero))
                * (made[op.b][(*at[:-2], at[-1], k)] - int(b.zero))
                for k in range(a.dims[-1])
            )
            for at in positions
        ]
        return [requantise(total, int(op.scale), zero, low, high) for total in totals]
    assert not isinstance(op, Mul | Hypot)
    assert not isinstance(op, Gather)
    assert not isinstance(op, ROW_OPERATORS)
    x, source = made[op.x], tensors[op.x]
    if isinstance(op, Table):
        raw = [op.table[x[at] & 255] for at in positions]
        return [byte - 256 if low < 0 and byte > 127 else byte for byte in raw]
    if isinstance(op, Rearrange):
        view = tuple(map(int, op.view))
        seen = dict(zip(_positions(view), x.values(), strict=True))
        axes = list(map(int, op.axes))
        places = _positions(tuple(view[axis] for axis in axes))
        return [seen[tuple(at[axes.index(axis)] for axis in range(len(view)))] for at in places]
    if isinstance(op, Softmax | LayerNorm):
        return [_by_row(op, x, source, at, rows, out, within) for at in positions]
    if isinstance(op, Sum):
        return [_summed(op, x, at, rows[at[-1]], zero) for at in positions]
    if isinstance(op, Scan):
        return _scanned(op, x, source, out, rows)
    if isinstance(op, Linear):
        return [_dense(op, x, source, out, at, rows[at[-1]]) for at in positions]
    assert isinstance(op, Conv | MaxPool | AveragePool)
    return [_windowed(op, x, source, out, at, rows) for at in positions]


def _summed(op: Sum, x: Array, at: tuple[int, ...], record: bytes, zero: int) -> int:
    parts = int(op.parts)
    total = sum(x[(*at[:-1], at[-1] * parts + part)] for part in range(parts))
    bias, scale = struct.unpack("<iI", record)
    return requantise(total + bias, scale, zero, int(op.low), int(op.high))


def _dense(
    op: Linear, x: Array, source: Tensor, out: Tensor, at: tuple[int, ...], record: bytes
) -> int:
    row = [x[(*at[:-1], k)] - int(source.zero) for k in range(source.dims[-1])]
    length = -(-len(row) // int(op.parts))
    first = at[-1] % int(op.parts) * length
    taps = row[first : first + length]
    taps += [0] * (length - len(taps))
    return _product(taps, record, op, out)


def _product(taps: list[int], record: bytes, op: Linear | Conv, out: Tensor) -> int:
    *column, bias, scale = struct.unpack(f"<{len(taps)}biI", record)
    total = sum(tap * weight for tap, weight in zip(taps, column, strict=True)) + bias
    if out.kind is Kind.I32:
        return int(total)
    return requantise(total, scale, int(out.zero), int(op.low), int(op.high))


def _windowed(
    op: Conv | MaxPool | AveragePool,
    x: Array,
    source: Tensor,
    out: Tensor,
    at: tuple[int, ...],
    rows: list[bytes],
) -> int:
    channels = [at[-1]]
    if isinstance(op, Conv):
        each = source.dims[-1] // int(op.groups)
        group = at[-1] // (out.dims[-1] // int(op.groups))
        channels = list(range(group * each, (group + 1) * each))
    taps: list[int] = []
    inside: list[int] = []
    for tap in _positions(op.window.sizes):
        place = [
            pixel * int(axis.step) - int(axis.before) + step * int(axis.apart)
            for pixel, step, axis in zip(at[:-1], tap, op.window.axes, strict=True)
        ]
        for channel in channels:
            value = x.get((*place, channel))
            taps.append(0 if value is None else value - int(source.zero))
            inside.extend([] if value is None else [value])
    if isinstance(op, MaxPool):
        return max(inside)
    if isinstance(op, Conv):
        each = len(taps) // int(op.parts)
        first = at[-1] % int(op.parts) * each
        return _product(taps[first : first + each], rows[at[-1]], op, out)
    kind = out.kind
    return requantise(sum(taps), int(op.scale), int(out.zero), kind.low, kind.high)


def _by_row(
    op: Softmax | LayerNorm,
    x: Array,
    source: Tensor,
    at: tuple[int, ...],
    rows: list[bytes],
    out: Tensor,
    within: Callable[[int], int],
) -> int:
    row = [x[(*at[:-1], k)] for k in range(source.dims[-1])]
    if isinstance(op, Softmax):
        weigh = [int(op.table[max(row) - value]) for value in row]
        least, whole = (0, 2**15) if out.kind is Kind.I16 else (out.kind.low, 2**8)
        inverse = whole * 2**32 // sum(weigh)
        return least + min((weigh[at[-1]] * inverse + 2**31) // 2**32, whole - 1)
    offset, factor = struct.unpack("<ii", rows[at[-1]])
    count = len(row)
    deviation = count * sum(value**2 for value in row) - sum(row) ** 2 + int(op.epsilon)
    root = max(math.isqrt(deviation * 256), 1)
    parts = (count * row[at[-1]] - sum(row)) * (2**44 // root) // 2**28
    total = parts * factor + offset
    down, rest = divmod(total, 2 ** int(op.shift))
    twice = 2 * rest - 2 ** int(op.shift)
    return within(down + (twice > 0 or (twice == 0 and down % 2 == 1)))


def _gate(value: float) -> int:
    """The logistic function of a number in 1/512, in 1/32,767, by the machine's own doubles."""
    return round(32767 / (1 + math.exp(-min(max(value, -4096), 4095) / 512)))


def _tangent(value: int) -> int:
    return 2 * _gate(2 * value) - 32767


def _halved(value: int, bits: int) -> int:
    """Exact: less than 53 bits over a power of two, in a double."""
    return round(math.ldexp(value, -bits))


def _scanned(op: Scan, x: Array, source: Tensor, out: Tensor, rows: list[bytes]) -> list[int]:
    """Step by step, unit by unit."""
    hidden, gates, steps = int(op.hidden), op.cell.gates, source.dims[-2]
    top = out.kind.high + 1
    made: dict[tuple[int, ...], list[int]] = {}
    for sequence in _positions(source.dims[:-2]):
        h, c = [0] * hidden, [0] * hidden
        for step in reversed(range(steps)) if op.reverse else range(steps):
            taps = [x[(*sequence, step, k)] - int(source.zero) for k in range(source.dims[-1])]

            def terms(
                unit: int, gate: int, states: list[int], taps: list[int] = taps
            ) -> tuple[int, int]:
                record = rows[unit * gates + gate]
                body = f"<{len(taps)}b{hidden}biIiI"
                *columns, bias, scale, other, state_scale = struct.unpack(body, record)
                first = sum(a * b for a, b in zip(taps, columns, strict=False))
                second = sum(a * b for a, b in zip(states, columns[len(taps) :], strict=True))
                wide = 2**62
                return (
                    requantise(first, scale, 0, -wide, wide) + bias,
                    requantise(second, state_scale, 0, -wide, wide) + other,
                )

            units = range(hidden)
            if op.cell is Cell.LSTM:
                i, o, f, g = ([sum(terms(n, gate, h)) for n in units] for gate in range(4))
                c = [
                    _halved(_gate(f[n]) * c[n], 15) + _halved(_gate(i[n]) * _tangent(g[n]), 18)
                    for n in units
                ]
                c = [min(max(value, -32768), 32767) for value in c]
                h = [_gate(o[n]) * _tangent(_halved(c[n], 3)) * top for n in units]
                h = [min(_halved(value, 30), top - 1) for value in h]
                tail = (
                    c
                    if top > 128
                    else list(struct.unpack(f"<{2 * hidden}b", struct.pack(f"<{hidden}h", *c)))
                )
            else:
                z, r = ([_gate(sum(terms(n, gate, h))) for n in units] for gate in range(2))
                tail = [_halved(r[n] * h[n], 15) for n in units]
                if op.cell is Cell.GRU:
                    new = [sum(terms(n, 2, tail)) for n in units]
                else:
                    pairs = [terms(n, 2, h) for n in units]
                    new = [pairs[n][0] + _halved(r[n] * pairs[n][1], 15) for n in units]
                    tail = []
                h = [(32767 - z[n]) * _tangent(new[n]) * top + z[n] * h[n] * 32768 for n in units]
                h = [min(_halved(value, 30), top - 1) for value in h]
            made[(*sequence, step)] = [*h, *tail]
    return [value for at in _positions(out.dims[:-1]) for value in made[at]]
