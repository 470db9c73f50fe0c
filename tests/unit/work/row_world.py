"""Small models of rows with scales of their own, and their slow form in plain integers.

The slow form divides Python's integers as they are, without the shifts and reciprocals of the
product where the definition allows it. A row with a tail is held as its elements, followed by the
position of the largest, the mantissa and the exponent.
"""

from __future__ import annotations

import itertools
import math
import struct
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Final

import numpy as np
from numpy.random import Generator

from btt_chain.work.build import Builder, Numbers
from btt_chain.work.functions import Function
from btt_chain.work.graph import Node
from btt_chain.work.model import Elements, Int8s, Int32s
from btt_chain.work.operators import (
    AddRows,
    ArgMax,
    Attend,
    FromRows,
    Norm,
    Rotate,
    RowLinear,
    Scores,
    ToRows,
)
from btt_chain.work.operators.numeric.dynamic import rope_records, row_weights
from btt_chain.work.recheck import Fault
from btt_chain.work.tensors import Kind, Tensor

Array = dict[tuple[int, ...], int]

ROWS: Final = (Kind.D8, Kind.D16)


# ---- models


def _kind(rng: Generator) -> Kind:
    return ROWS[int(rng.integers(2))]


def _rows(rng: Generator, *shape: int) -> tuple[Builder, int]:
    """Rows of very different size, of an input of 8 or 16 bits."""
    wide = bool(rng.integers(2))
    zero = 0 if wide else int(rng.integers(-128, 128))
    made = Builder(Kind.I16 if wide else Kind.I8, shape, zero)
    return made, made.to_rows("rows", 0, float(np.exp2(rng.uniform(-20, 8))), _kind(rng))


def dense(rng: Generator, outputs: int, inputs: int) -> tuple[Int8s, Int32s, Int32s, int]:
    """Constants of a `RowLinear`, with biases that are small, or far larger than the products."""
    columns = rng.integers(-127, 128, (outputs, inputs)).astype(np.int8)
    bias = rng.integers(-(1 << 31), 1 << 31, outputs) >> int(rng.integers(0, 32))
    factors = rng.integers(1, (1 << 15) + 1, outputs) >> rng.integers(0, 15, outputs)
    shift = int(rng.integers(0, 48))
    return columns, bias.astype(np.int32), np.maximum(factors, 1).astype(np.int32), shift


def _sizes(rng: Generator, *most: int) -> tuple[int, ...]:
    return tuple(int(rng.integers(1, size + 1)) for size in most)


def to_rows(rng: Generator) -> Builder:
    made, _ = _rows(rng, *_sizes(rng, 2, 3, 12))
    return made


def row_linear(rng: Generator) -> Builder:
    rows, inputs, outputs = _sizes(rng, 3, 30, 6)
    made, x = _rows(rng, rows, inputs)
    made.row_linear("dense", x, dense(rng, outputs, inputs), _kind(rng))
    return made


def add_rows(rng: Generator) -> Builder:
    made, x = _rows(rng, 2, *_sizes(rng, 3, 12))
    other = made.to_rows("other", 0, float(np.exp2(rng.uniform(-30, 10))), _kind(rng))
    made.add_rows("sum", x, other, _kind(rng))
    return made


def norm(rng: Generator) -> Builder:
    shape = _sizes(rng, 3, 16)
    made, x = _rows(rng, *shape)
    if rng.integers(3) == 0:
        made = Builder(Kind.I16, shape)
        x = 0
    offset, gain = rng.integers(-(1 << 31), 1 << 31, (2, shape[-1]))
    constants = ((offset >> 14).astype(np.int32), (gain >> 14).astype(np.int32))
    made.norm("norm", x, constants, _kind(rng), centred=bool(rng.integers(2)))
    return made


def row_block(rng: Generator) -> Builder:
    """A residual of 16 bits around a normalised layer."""
    rows, width, inner = _sizes(rng, 3, 12, 16)
    made = Builder(Kind.I16, (rows, width))
    x = made.to_rows("rows", 0, 2.0**-9, Kind.D16)
    ones = (np.zeros(width, np.int32), np.full(width, 1 << 12, np.int32))
    at = made.norm("norm", x, ones, Kind.D16, centred=True)
    at = made.row_linear("up", at, dense(rng, inner, width), Kind.D8)
    at = made.row_linear("down", at, dense(rng, width, inner), Kind.D16)
    made.add_rows("residual", x, at, Kind.D16)
    return made


def activated_rows(rng: Generator) -> Builder:
    """A function of a product that is small, or beyond the ends of its table."""
    rows, inputs, outputs = _sizes(rng, 3, 12, 6)
    made, x = _rows(rng, rows, inputs)
    constants = dense(rng, outputs, inputs)
    function = Function(int(rng.integers(1, 3)))
    made.row_linear("dense", x, constants, _kind(rng), function)
    return made


def gated_rows(rng: Generator) -> Builder:
    rows, inputs, outputs = _sizes(rng, 3, 12, 6)
    made = Builder(Kind.I16, (rows, inputs))
    x = made.to_rows("rows", 0, 2.0**-14, _kind(rng))
    constants = row_weights(
        rng.normal(size=(2 * outputs, inputs)) * 3, rng.normal(size=2 * outputs)
    )
    function = Function(int(rng.integers(3)))
    made.row_linear("gated", x, constants, _kind(rng), function, gated=True)
    return made


def rotated(rng: Generator) -> Builder:
    rows, heads, half = _sizes(rng, 4, 3, 3)
    made, x = _rows(rng, rows, heads * half * 2)
    made.rotate("turned", x, heads, rope_records(rows, 2 * half), _kind(rng))
    return made


def scores(rng: Generator) -> Builder:
    rows, groups, heads, length = _sizes(rng, 5, 2, 2, 6)
    made, x = _rows(rng, rows, groups * heads * length)
    y = made.rearrange(
        "part", 0, (rows, groups * heads * length), (0, 1), (rows, heads * groups * length)
    )
    keys = made.to_rows("keys", y, float(np.exp2(rng.uniform(-12, 0))), _kind(rng))
    made.scores("scores", x, keys, length, causal=bool(rng.integers(2)))
    return made


def attended(rng: Generator) -> Builder:
    """Heads in groups on the keys of their own rows, and values with a row for each channel."""
    rows, groups, heads, length = _sizes(rng, 5, 2, 2, 4)
    wide, narrow = groups * heads * length, groups * length
    made = Builder(Kind.I16, (rows, 3))
    x = made.to_rows("rows", 0, 2.0**-14, Kind.D16)
    none = np.zeros(max(wide, narrow))
    q, k, v = (
        made.row_linear(name, x, row_weights(rng.normal(size=(size, 3)), none[:size]), kind)
        for name, size, kind in (
            ("q", wide, _kind(rng)),
            ("k", narrow, Kind.D8),
            ("v", narrow, Kind.D16),
        )
    )
    numbers = Numbers(Kind.I8, int(rng.integers(-9, 9)))
    v = made.from_rows("static", v, 0.03, numbers)
    v = made.rearrange("turned", v, (rows, narrow), (1, 0), (narrow, rows))
    t = made.scores("scores", q, k, length, causal=bool(rng.integers(2)))
    made.attend("means", t, v, 0.03, _kind(rng))
    return made


def from_rows(rng: Generator) -> Builder:
    made, x = _rows(rng, *_sizes(rng, 3, 12))
    kind = (Kind.I8, Kind.U8, Kind.I16)[int(rng.integers(3))]
    zero = 0 if kind is Kind.I16 else int(rng.integers(kind.low, kind.high))
    made.from_rows("static", x, float(np.exp2(rng.uniform(-20, 8))), Numbers(kind, zero))
    return made


def arg_max(rng: Generator) -> Builder:
    """Tokens of which some are equal."""
    rows, inputs, tokens = _sizes(rng, 3, 12, 9)
    made, x = _rows(rng, rows, inputs)
    columns, _, factors, _ = dense(rng, tokens, inputs)
    columns[tokens // 2 :], factors[tokens // 2 :] = columns[-1], factors[-1]
    made.arg_max("token", x, columns, factors)
    return made


ROW_KINDS: Final[Mapping[str, Callable[[Generator], Builder]]] = {
    maker.__name__: maker
    for maker in (
        to_rows,
        row_linear,
        add_rows,
        norm,
        row_block,
        activated_rows,
        gated_rows,
        rotated,
        scores,
        attended,
        from_rows,
        arg_max,
    )
}


# ---- faults


def fault_at(number: int, node: Node, right: Elements, said: Elements) -> Fault:
    """Return the first fault of an output that was said to be `said`."""
    tensor = node.out
    if tensor.kind not in ROWS:
        at = int(np.flatnonzero(right.ravel() != said.ravel())[0])
        return Fault(number, at, int(right.ravel()[at]) if isinstance(node.op, ArgMax) else None)
    width = tensor.dims[-1]
    honest, wrong = (_unpacked(tensor, one) for one in (right, said))
    for row, (mine, theirs) in enumerate(zip(honest, wrong, strict=True)):
        if mine[width] != theirs[width]:
            return Fault(number, tensor.size + row, mine[width])
        if mine[width + 1 :] != theirs[width + 1 :]:
            return Fault(number, tensor.size + row)
        for at in range(width):
            if mine[at] != theirs[at]:
                return Fault(number, row * width + at)
    raise AssertionError("nothing differs")


def witnesses_of(node: Node, claim: int) -> list[int | None]:
    """Return all witnesses that a claim may have."""
    if isinstance(node.op, ArgMax):
        return list(range(int(node.op.count)))
    return [None, *range(node.out.dims[-1] * (claim >= node.out.size))]


def claims_of(tensor: Tensor, stored: Elements) -> list[int]:
    """Return the elements of a tensor without its tails."""
    if tensor.kind not in ROWS:
        elements: list[int] = stored.ravel().tolist()
        return elements
    return [number for row in _unpacked(tensor, stored) for number in row[:-3]]


def _format(tensor: Tensor) -> str:
    return f"<{tensor.dims[-1]}{'b' if tensor.kind is Kind.D8 else 'h'}IHh"


def _unpacked(tensor: Tensor, stored: Elements) -> list[tuple[int, ...]]:
    return list(struct.iter_unpack(_format(tensor), stored.tobytes()))


def stored_rows(array: Array, tensor: Tensor) -> Elements:
    """Return the array of bytes that the executor makes of such rows."""
    length = tensor.dims[-1] + 3
    numbers = list(array.values())
    rows = [numbers[at : at + length] for at in range(0, len(numbers), length)]
    raw = b"".join(struct.pack(_format(tensor), *row) for row in rows)
    return np.frombuffer(raw, np.uint8).reshape(*tensor.dims[:-1], -1)


# ---- the slow form


def half_even(number: int, shift: int) -> int:
    """Return number / 2^shift, halves to even, by Python's own rounding of fractions."""
    return round(Fraction(number, 1) / Fraction(2) ** shift)


def quant(numbers: Sequence[int], unit: Fraction, exponent: int, peak: int) -> list[int]:
    """Return a row of exact numbers as elements and tail, by the definition."""
    sizes = [abs(number) for number in numbers]
    top = sizes.index(max(sizes))
    largest = max(*sizes, 1)
    down = max(0, len(bin(largest)) - 2 - 24)
    head = half_even(largest, down)
    elements = [
        max(-peak, min(peak, (half_even(n, down) * (peak * 2**40 // head) + 2**39) // 2**40))
        for n in numbers
    ]
    assert unit.denominator == 1
    mantissa, up = unit.numerator * (head * 2**16 // peak), down - 16
    while mantissa >= 2**16:
        mantissa, up = mantissa // 2, up + 1
    while mantissa < 2**15:
        mantissa, up = mantissa * 2, up - 1
    return [*elements, top, mantissa, exponent + up]


Source = tuple[Array, Tensor]
"""An input with its shape."""
Row = tuple[list[int], int, int]
"""Elements, mantissa and exponent of a row."""


def _row(array: Array, tensor: Tensor, at: tuple[int, ...], *, narrow: bool = False) -> Row:
    width = tensor.dims[-1]
    elements = [array[(*at, k)] for k in range(width)]
    if tensor.kind not in ROWS:
        return elements, 0, 0
    mantissa, exponent = array[(*at, width + 1)], array[(*at, width + 2)]
    if narrow and tensor.kind is Kind.D16:
        elements = [max(-127, min(127, half_even(element, 8))) for element in elements]
        exponent += 8
    return elements, mantissa, exponent


def _linear(op: RowLinear, row: Row, records: list[bytes]) -> tuple[list[int], int, int]:
    elements, mantissa, exponent = row
    numbers: list[int] = []
    lift = int(op.shift) - exponent - 60
    for record in records:
        *column, bias, factor = struct.unpack(f"<{len(elements)}biI", record)
        total = sum(x * w for x, w in zip(elements, column, strict=True)) * factor
        moved = bias * (2**40 // mantissa)
        numbers.append(
            half_even(total, lift) + moved if lift > 0 else total + half_even(moved, -lift)
        )
    unit = exponent - int(op.shift) + max(lift, 0)
    if not op.gated and op.then is Function.IDENTITY:
        return numbers, mantissa, unit
    fixed = [_fixed(_significant(number), mantissa, unit + 12) for number in numbers]
    if not op.gated:
        return [_function(op.then, x) for x in fixed], 1, -12
    gates = [_function(op.then, x) for x in fixed[::2]]
    return [half_even(a * b, 12) for a, b in zip(gates, fixed[1::2], strict=True)], 1, -12


def _significant(number: int) -> Fraction:
    """A number rounded to 46 bits."""
    down = max(0, abs(number).bit_length() - 46)
    return Fraction(half_even(number, down) * 2**down)


def _fixed(number: Fraction, mantissa: int, exponent: int) -> int:
    value = round(number * mantissa * Fraction(2) ** exponent)
    return max(-(2**30), min(2**30, value))


def _function(function: Function, number: int) -> int:
    """By the machine's own functions: no value of the tables is close to a half."""
    step = half_even(number, 3)
    if function is Function.IDENTITY or step >= 4096:
        return number
    x = step / 512
    if step < -4096:
        return 0
    if function is Function.GELU:
        return round(4096 * x * 0.5 * (1 + math.erf(x / math.sqrt(2))))
    return round(4096 * x / (1 + math.exp(-x)))


def _turned(op: Rotate, row: Row, record: bytes) -> tuple[list[int], int, int]:
    elements, mantissa, exponent = row
    length = len(elements) // int(op.heads)
    half = length // 2
    angles = struct.unpack(f"<{length}h8x", record)
    numbers: list[int] = []
    for start in range(0, len(elements), length):
        head = elements[start : start + length]
        turns = [complex(angles[at], angles[half + at]) for at in range(half)]
        pairs = [complex(head[at], head[half + at]) * turns[at] for at in range(half)]
        numbers += [round(pair.real) for pair in pairs] + [round(pair.imag) for pair in pairs]
    return numbers, mantissa, exponent - 14


def _scores(op: Scores, at: tuple[int, ...], sources: Sequence[Source]) -> list[int]:
    """Return the elements and the tail of one query of one head."""
    head, query = at
    (queries, a), (keys, b) = sources
    length, count = int(op.length), b.dims[0]
    group = head * b.dims[-1] // a.dims[-1]
    numbers: list[int] = []
    mine, mantissa, exponent = _row(queries, a, (query,), narrow=True)
    for key in range(count):
        if op.causal and count - key < a.dims[0] - query:
            numbers.append(-(2**50))
            continue
        other, more, power = _row(keys, b, (key,), narrow=True)
        total = sum(mine[head * length + k] * other[group * length + k] for k in range(length))
        short = half_even(total * mantissa * more, 20)
        numbers.append(
            _fixed(Fraction(short), int(op.mantissa), exponent + power + int(op.exponent) + 28)
        )
    best = max(numbers)
    elements = [max(-127, 127 - half_even(best - number, 8)) for number in numbers]
    return [*elements, numbers.index(best), 2**15, -19]


def _means(op: Attend, at: tuple[int, ...], sources: Sequence[Source], width: int) -> list[int]:
    (scores, a), (values, b) = sources
    heads, _, count = a.dims
    length = width // heads
    numbers: list[int] = []
    for channel in range(width):
        head = channel // length
        group = head * b.dims[0] // width
        row = [scores[(head, *at, key)] for key in range(count)]
        weights = [round(255 * 2.0 ** ((element - 127) / 16)) for element in row]
        column = [
            values[(group * length + channel % length, key)] - int(b.zero) for key in range(count)
        ]
        total = sum(w * x for w, x in zip(weights, column, strict=True))
        numbers.append(math.floor(Fraction(total * 4096, sum(weights))))
    return numbers


def _plain(node: Node, source: Source, records: list[bytes]) -> Array:
    """Return a tensor without tails."""
    op, out, result = node.op, node.out, Array()
    for at in itertools.product(*map(range, out.dims[:-1])):
        if isinstance(op, ArgMax):
            elements, _, _ = _row(*source, at, narrow=True)
            columns = [struct.unpack(f"<{len(elements)}b4xI", record) for record in records]
            sums = [
                sum(x * w for x, w in zip(elements, column, strict=True)) * factor
                for *column, factor in columns
            ]
            result[(*at, 0)] = sums.index(max(sums))
            continue
        assert isinstance(op, FromRows)
        elements, mantissa, exponent = _row(*source, at)
        for k, element in enumerate(elements):
            value = _fixed(
                Fraction(element * mantissa), int(op.mantissa), exponent + int(op.exponent)
            )
            result[(*at, k)] = max(out.kind.low, min(out.kind.high, value + int(out.zero)))
    return result


def _norm(op: Norm, row: Row, records: list[bytes]) -> tuple[list[int], int, int]:
    elements, _, _ = row
    count, total = len(elements), sum(elements) if op.centred else 0
    root = max(math.isqrt(count * sum(x**2 for x in elements) - total**2), 1)
    numbers: list[int] = []
    for element, record in zip(elements, records, strict=True):
        offset, gain = struct.unpack("<ii", record)
        numbers.append((count * element - total) * 2**16 // root * gain + offset * 2**8)
    return numbers, 1, -28


def _add(rows: list[Row]) -> tuple[list[int], int, int]:
    exponents = [exponent for _, _, exponent in rows]
    to = max(min(exponents), max(exponents) - 14)
    terms = [
        [half_even(element * mantissa, to - exponent) for element in elements]
        for elements, mantissa, exponent in rows
    ]
    return [sum(pair) for pair in zip(*terms, strict=True)], 1, to


ROW_OPERATORS: Final = (
    ToRows, RowLinear, AddRows, Norm, Rotate, Scores, Attend, FromRows, ArgMax,
)  # fmt: skip


def slow_rows(node: Node, made: list[Array], tensors: list[Tensor], records: list[bytes]) -> Array:
    """Return the rows that a node makes."""
    op, out, result = node.op, node.out, Array()
    sources = [(made[number], tensors[number]) for number in op.inputs]
    if isinstance(op, FromRows | ArgMax):
        return _plain(node, sources[0], records)
    for number, at in enumerate(itertools.product(*map(range, out.dims[:-1]))):
        if isinstance(op, Scores):
            result.update({(*at, k): x for k, x in enumerate(_scores(op, at, sources))})
            continue
        if isinstance(op, Attend):
            means = _means(op, at, sources, out.dims[-1])
            row = quant(means, Fraction(int(op.mantissa)), int(op.exponent) - 12, out.kind.high)
            result.update({(*at, k): x for k, x in enumerate(row)})
            continue
        rows = [_row(*source, at, narrow=isinstance(op, RowLinear)) for source in sources]
        if isinstance(op, RowLinear):
            exact = _linear(op, rows[0], records)
        elif isinstance(op, Norm):
            exact = _norm(op, rows[0], records)
        elif isinstance(op, AddRows):
            exact = _add(rows)
        elif isinstance(op, Rotate):
            exact = _turned(op, rows[0], records[number])
        else:
            assert isinstance(op, ToRows)
            zero = int(sources[0][1].zero)
            exact = [x - zero for x in rows[0][0]], int(op.mantissa), int(op.exponent)
        numbers, mantissa, exponent = exact
        row = quant(numbers, Fraction(mantissa), exponent, 127 if out.kind is Kind.D8 else 32767)
        result.update({(*at, k): number for k, number in enumerate(row)})
    return result
