"""Small models of every kind of node; `slow_world` computes them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import numpy as np
from numpy.random import Generator

from btt_chain.primitives.digest import H256
from btt_chain.scale import u16, u32
from btt_chain.work.build import Builder, Numbers, window
from btt_chain.work.graph import Graph, weighted_of
from btt_chain.work.merkle import Tree
from btt_chain.work.model import (
    Bytes2D,
    Elements,
    Float32s,
    Inputs,
    Int8s,
    Int32s,
    Model,
    elements_of,
    records_of_product,
)
from btt_chain.work.operators import Conv, Linear, Sum
from btt_chain.work.operators.numeric.rows import exponentials
from btt_chain.work.operators.numeric.scan import ScanWeights
from btt_chain.work.operators.scan import Cell
from btt_chain.work.operators.windows import sides_of
from btt_chain.work.tensors import LEAF_BYTES, Kind, Tensor, Weights, Window
from unit.work import elementwise_world
from unit.work.moves_world import MOVES
from unit.work.row_world import ROW_KINDS
from unit.work.slow_world import requantise, slowly

__all__ = [
    "KINDS",
    "NOTHING",
    "attention",
    "image_net",
    "items_of",
    "nodes_of",
    "numbers",
    "records_of",
    "requantise",
    "scan_weights",
    "single",
    "slowly",
    "weights",
]

NOTHING: Final = Weights(H256(bytes(32)), u16(LEAF_BYTES), u32(0))
"""Constants without their root."""

# ---- models


def numbers(rng: Generator, kind: Kind | None = None) -> Numbers:
    """Some 8-bit kind with some zero."""
    kind = Kind(int(rng.integers(2))) if kind is None else kind
    return Numbers(kind, int(rng.integers(kind.low, kind.high + 1)))


def items_of(rng: Generator, tensor: Tensor, count: int = 2) -> Elements:
    shape = (count, *tensor.dims)
    if tensor.kind is Kind.I32:
        # Numbers of rows, of which some are not in a small table.
        return elements_of(tensor.kind, rng.integers(-2, 20, shape))
    values = rng.integers(tensor.kind.low, tensor.kind.high + 1, shape)
    return elements_of(tensor.kind, values)


def weights(
    rng: Generator, outputs: int, *length: int, most: int = 127
) -> tuple[Int8s, Int32s, Float32s]:
    """Columns, bias, and scales with which the outputs slightly exceed their range."""
    columns = rng.integers(-most, most + 1, (outputs, *length)).astype(np.int8)
    bias = rng.integers(-5000, 5001, outputs).astype(np.int32)
    deviation = math.sqrt(math.prod(length)) * 90 * 0.6 * most / 90
    scales = (rng.uniform(0.5, 2.0, outputs) / deviation).astype(np.float32)
    return columns, bias, scales


def _start(rng: Generator, shape: tuple[int, ...]) -> Builder:
    given = numbers(rng)
    return Builder(given.kind, shape, given.zero)


def _sizes(rng: Generator, *most: int) -> tuple[int, ...]:
    return tuple(int(rng.integers(1, size + 1)) for size in most)


def _window(rng: Generator, rank: int = 2, *, spaced: bool = True) -> Window:
    size = _sizes(rng, *[3] * rank)
    apart = _sizes(rng, *[2] * rank) if spaced else (1,) * rank
    pads = [
        int(rng.integers(0, (side - 1) * gap + 1))
        for side, gap in zip(size * 2, apart * 2, strict=True)
    ]
    return window(size, _sizes(rng, *[2] * rank), pads, apart)


def _image(rng: Generator, rank: int = 2) -> tuple[int, ...]:
    sides = (int(size) for size in rng.integers(6, 9, rank))
    return *sides, 2 * int(rng.integers(1, 4))


def linear(rng: Generator) -> Builder:
    rows, inputs, outputs = _sizes(rng, 3, 40, 6)
    made = _start(rng, (rows, inputs))
    out = Numbers(Kind.I32) if rng.integers(4) == 0 else numbers(rng)
    made.linear("linear", 0, *weights(rng, outputs, inputs), out)
    return made


def relu(rng: Generator) -> Builder:
    rows, inputs, outputs = _sizes(rng, 3, 40, 6)
    made = _start(rng, (rows, inputs))
    out = numbers(rng)
    fused = Numbers(out.kind, out.zero, low=out.zero)
    made.linear("linear", 0, *weights(rng, outputs, inputs), fused)
    return made


def conv(rng: Generator) -> Builder:
    shape = _image(rng)
    made = _start(rng, shape)
    groups = int(rng.integers(1, 3))
    seen = _window(rng)
    constants = weights(rng, 2 * int(rng.integers(1, 3)), *seen.sizes, shape[2] // groups)
    made.conv("conv", 0, *constants, seen, numbers(rng), groups)
    return made


def depthwise(rng: Generator) -> Builder:
    shape = _image(rng)
    made = _start(rng, shape)
    seen = _window(rng)
    constants = weights(rng, shape[2] * int(rng.integers(1, 3)), *seen.sizes, 1)
    made.conv("conv", 0, *constants, seen, numbers(rng), shape[2])
    return made


def _windows_of(rank: int) -> Callable[[Generator], Builder]:
    """A convolution and two pools of signals or volumes."""

    def made_of(rng: Generator) -> Builder:
        shape = _image(rng, rank)
        made = _start(rng, shape)
        seen, pooled = _window(rng, rank), _window(rng, rank, spaced=False)
        at = made.max_pool("most", 0, pooled)
        while min(sides_of("conv", seen, made.tensor(at))) < 1:
            seen = _window(rng, rank)
        at = made.conv("conv", at, *weights(rng, 3, *seen.sizes, shape[-1]), seen, numbers(rng))
        ones = window((2,) * rank, pads=(1,) * (2 * rank))
        made.average_pool("mean", at, ones, 1 / 2**rank, numbers(rng))
        return made

    return made_of


def wide_elements(rng: Generator) -> Builder:
    """Elements of 16 bits: made by a product, added, pooled, moved, and multiplied again."""
    width = int(rng.integers(2, 20))
    made = _start(rng, (3, 4, width))
    i16 = Numbers(Kind.I16)
    columns, bias, scales = weights(rng, width, width)
    at = made.linear("first", 0, columns, bias, scales * np.float32(200), i16)
    at = made.add("twice", at, at, (0.7, 0.4), i16)
    at = made.max_pool("most", at, window((1, 2)))
    at = made.average_pool("mean", at, window((2, 1)), 0.6, i16)
    at = made.rearrange("turned", at, made.tensor(at).dims, (1, 0, 2), (3, 2, width))
    joined = made.concat("joined", at, at)
    columns, bias, scales = weights(rng, 4, 1, 2, 2 * width)
    scales *= np.float32(1 / 200)
    made.conv("second", joined, columns, bias, scales, window((1, 2)), numbers(rng))
    return made


def parts_of_rows(rng: Generator) -> Builder:
    """A product of rows as partial sums, the last part shorter than the others."""
    rows, inputs, outputs, parts = 2, int(rng.integers(9, 40)), 3, int(rng.integers(2, 4))
    made = _start(rng, (rows, inputs))
    columns, bias, scales = weights(rng, outputs, inputs)
    most = -(-inputs // parts)
    held = np.zeros((outputs, parts * most), np.int8)
    held[:, :inputs] = columns
    records = records_of_product(
        held.reshape(-1, most),
        np.zeros(outputs * parts, np.int32),
        np.ones(outputs * parts, np.float32),
    )
    bounds = Numbers(Kind.I32).bounds
    op = Linear(u16(0), NOTHING, u16(parts), *bounds)
    made.node("parts", op, Numbers(Kind.I32), (rows, outputs * parts), records)
    _total(rng, made, parts, bias, scales, (rows, outputs))
    return made


def parts_of_windows(rng: Generator) -> Builder:
    """A convolution as partial sums of its lines."""
    shape, parts = _image(rng), 3
    made = _start(rng, shape)
    seen = window((3, 2), pads=(1, 1, 1, 0))
    groups, outputs = 2, 4
    columns, bias, scales = weights(rng, outputs, *seen.sizes, shape[2] // groups)
    sides = (shape[0], shape[1])
    records = records_of_product(
        columns.reshape(outputs * parts, -1),
        np.zeros(outputs * parts, np.int32),
        np.ones(outputs * parts, np.float32),
    )
    op = Conv(u16(0), NOTHING, seen, u16(groups), u16(parts), *Numbers(Kind.I32).bounds)
    made.node("parts", op, Numbers(Kind.I32), (*sides, outputs * parts), records)
    _total(rng, made, parts, bias, scales, (*sides, outputs))
    return made


def _total(
    rng: Generator, made: Builder, parts: int, bias: Int32s, scales: Float32s, shape: Sequence[int]
) -> None:
    out = numbers(rng)
    op = Sum(u16(1), NOTHING, u16(parts), *out.bounds)
    records = records_of_product(np.empty((len(bias), 0), np.int8), bias, scales)
    made.node("sum", op, out, shape, records)


def ends(rng: Generator) -> Builder:
    """Three inputs, of which one has 16 bits; the model of `single` has two outputs."""
    made = _start(rng, (2, 5))
    other = made.add_input(Kind.I16, (2, 5))
    third = made.add_input(Kind.U8, (2, 5), 7)
    both = made.add("both", 0, other, (0.5, 0.01), numbers(rng))
    made.add("all", both, third, (0.5, 0.5), numbers(rng))
    return made


def matmul(rng: Generator) -> Builder:
    groups, rows, length = _sizes(rng, 2, 4, 24)
    made = _start(rng, (groups, rows, length))
    scale = 1 / (math.sqrt(length) * 5000)
    made.matmul("matmul", 0, 0, scale, numbers(rng))
    return made


def add(rng: Generator) -> Builder:
    made = _start(rng, _sizes(rng, 4, 9))
    other = made.table("other", 0, rng.integers(0, 256, 256).tolist(), numbers(rng, Kind.U8))
    # Powers of two make ties, which must go to even.
    ratios = [(0.5, 0.25), (float(rng.uniform(-2, 2)), float(rng.uniform(-2, 2)))]
    made.add("add", 0, other, ratios[int(rng.integers(2))], numbers(rng))
    return made


def table(rng: Generator) -> Builder:
    made = _start(rng, _sizes(rng, 4, 9))
    out = numbers(rng)
    values = rng.integers(out.kind.low, out.kind.high + 1, 256).tolist()
    made.table("table", 0, values, out)
    return made


def max_pool(rng: Generator) -> Builder:
    made = _start(rng, _image(rng))
    made.max_pool("pool", 0, _window(rng, spaced=False))
    return made


def average_pool(rng: Generator) -> Builder:
    made = _start(rng, _image(rng))
    seen = _window(rng)
    made.average_pool("pool", 0, seen, 1 / math.prod(seen.sizes), numbers(rng))
    return made


def softmax(rng: Generator) -> Builder:
    made = _start(rng, _sizes(rng, 3, 30))
    kind = Kind.I16 if rng.integers(3) == 0 else numbers(rng).kind
    made.softmax("softmax", 0, exponentials(float(rng.uniform(0.01, 0.5))), kind)
    return made


def layer_norm(rng: Generator) -> Builder:
    shape = _sizes(rng, 3, 30)
    made = _start(rng, shape)
    factor = rng.integers(-(1 << 18), 1 << 18, shape[1]).astype(np.int32)
    offset = rng.integers(-(1 << 28), 1 << 28, shape[1]).astype(np.int32)
    epsilon = int(rng.integers(0, 3)) * shape[1]
    made.layer_norm("norm", 0, (offset, factor), epsilon, 24, numbers(rng))
    return made


def rearrange(rng: Generator) -> Builder:
    sizes = _sizes(rng, 3, 4, 5)
    made = _start(rng, (sizes[0], sizes[1] * sizes[2]))
    axes = rng.permutation(3).tolist()
    made.rearrange("axes", 0, sizes, axes, (sizes[axes[0]] * sizes[axes[1]], sizes[axes[2]]))
    return made


def concat(rng: Generator) -> Builder:
    made = _start(rng, _sizes(rng, 4, 9))
    made.concat("join", 0, 0)
    return made


def scan_weights(
    rng: Generator, cell: Cell, inputs: int, hidden: int, x: Tensor, *, wide: bool = False
) -> ScanWeights:
    """Weights with which arguments of gates are mostly between -4 and 4, some beyond 8."""
    rows = cell.gates * hidden
    w, bias, scales = weights(rng, rows, inputs)
    r, state_bias, state_scales = weights(rng, rows, hidden)
    narrow = np.float32(1 / 250 if x.kind is Kind.I16 else 1)
    return ScanWeights(
        w,
        r,
        bias // 5,
        scales * np.float32(15) * narrow,
        state_scales * np.float32(15 * (1 / 250 if wide else 1)),
        state_bias // 5,
    )


def _without_zeros(constants: ScanWeights) -> ScanWeights:
    """The same weights; a gate with a single weight, of zero, would be refused."""
    for columns in (constants.w, constants.r):
        columns[columns == 0] = 1
    return constants


def _scan(cell: Cell, *, reverse: bool = False, wide: bool = False) -> Callable[..., Builder]:
    def made_of(rng: Generator) -> Builder:
        steps, inputs, hidden = int(rng.integers(1, 6)), *_sizes(rng, 9, 5)
        given = numbers(rng)
        sequences = (2,) if rng.integers(3) == 0 else ()
        made = Builder(given.kind, (*sequences, steps, inputs), given.zero)
        constants = scan_weights(rng, cell, inputs, hidden, made.tensor(0), wide=wide)
        made.scan("scan", 0, _without_zeros(constants), cell, reverse=reverse, wide=wide)
        return made

    return made_of


def scan_of_wide_rows(rng: Generator) -> Builder:
    """Two layers, of which the first has an input of 16 bits, and the second reads all of it."""
    steps, inputs, hidden = 4, int(rng.integers(1, 9)), int(rng.integers(1, 4))
    made = Builder(Kind.I16, (steps, inputs))
    first = scan_weights(rng, Cell.GRU, inputs, hidden, made.tensor(0), wide=True)
    at = made.scan("first", 0, _without_zeros(first), Cell.GRU, reverse=True, wide=True)
    second = scan_weights(rng, Cell.LSTM, 2 * hidden, 2, made.tensor(at))
    at = made.scan("second", at, _without_zeros(second), Cell.LSTM)
    made.linear("head", at, *weights(rng, 3, 6), numbers(rng))
    return made


# ---- what is judged together, because there are no leaves between


def activated(rng: Generator) -> Builder:
    made = conv(rng)
    values = rng.integers(0, 256, 256).tolist()
    made.table("activation", 1, values, numbers(rng, Kind.U8))
    return made


def residual(rng: Generator) -> Builder:
    rows, width = _sizes(rng, 3, 20)
    made = _start(rng, (rows, width))
    inner = made.linear("inner", 0, *weights(rng, width, width), numbers(rng))
    made.add("residual", inner, 0, (0.75, 0.5), numbers(rng))
    return made


def mixed(rng: Generator) -> Builder:
    groups, rows, length = _sizes(rng, 2, 4, 12)
    made = _start(rng, (groups, rows, length))
    shares = made.softmax("shares", 0, exponentials(0.05), numbers(rng).kind)
    found = made.matmul("mixed", shares, 0, 1 / 256, numbers(rng))
    made.rearrange("joined", found, (groups, rows, rows), (1, 0, 2), (rows, groups * rows))
    return made


def shared(rng: Generator) -> Builder:
    rows, width, outputs = _sizes(rng, 3, 20, 4)
    made = _start(rng, (rows, width))
    shares = made.softmax("shares", 0, exponentials(0.1))
    made.linear("linear", shares, *weights(rng, outputs, width), numbers(rng))
    return made


def beside(rng: Generator) -> Builder:
    """Elements of which the first half takes no weights, and the others take nothing else."""
    rows, width, outputs = _sizes(rng, 3, 20, 4)
    made = _start(rng, (rows, width))
    given = made.tensor(0)
    same = Numbers(given.kind, int(given.zero))
    made.concat("join", 0, made.linear("linear", 0, *weights(rng, outputs, width), same))
    return made


def joined(rng: Generator) -> Builder:
    """Two joins, of the input and of a table's result, both with leaves."""
    made = _start(rng, _sizes(rng, 4, 9))
    given = made.tensor(0)
    values = rng.integers(given.kind.low, given.kind.high + 1, 256).tolist()
    other = made.table("table", 0, values, Numbers(given.kind, int(given.zero)))
    made.concat("again", made.concat("join", 0, other), other)
    return made


def apart(rng: Generator) -> Builder:
    """Windows whose taps lie so far apart that some see nothing but padding."""
    channels = 2 * int(rng.integers(1, 3))
    made = _start(rng, (int(rng.integers(2, 4)), 1, channels))
    seen = window((2, 2), pads=(1, 1, 1, 2), apart=(2, 2))
    made.conv("conv", 0, *weights(rng, 3, 2, 2, channels), seen, numbers(rng))
    return made


def chained(rng: Generator) -> Builder:
    height, width, channels = _image(rng)
    made = _start(rng, (height, width, channels))
    size = height * width * channels
    i8 = Numbers(Kind.I8, -7)
    at = made.max_pool("pool", 0, window((3, 3), pads=(1, 1, 1, 1)))
    at = made.table("table", at, rng.integers(-128, 128, 256).tolist(), i8)
    at = made.rearrange("turn", at, (size,), (0,), (channels, height * width))
    at = made.table("other", at, rng.integers(-128, 128, 256).tolist(), i8)
    other = made.table("raw", 0, rng.integers(-128, 128, 256).tolist(), i8)
    other = made.rearrange(
        "flat", other, (height, width, channels), (2, 0, 1), (channels, height * width)
    )
    made.concat("join", at, other)
    return made


def excited(rng: Generator) -> Builder:
    """Channels times a function of their means (squeeze and excite)."""
    made = _start(rng, (4, 4, 2))
    seen = window((3, 3), pads=(1, 1, 1, 1))
    image = made.conv("conv", 0, *weights(rng, 4, *seen.sizes, 2), seen, numbers(rng))
    mean = made.average_pool("mean", image, window((4, 4)), 1 / 16, numbers(rng))
    dense = made.linear("dense", mean, *weights(rng, 4, 4), numbers(rng))
    gates = made.table("gates", dense, rng.integers(0, 256, 256).tolist(), Numbers(Kind.U8))
    made.multiply("gated", image, gates, 1 / 128, numbers(rng))
    return made


def moved(rng: Generator) -> Builder:
    """A product, and factors of it for each element, which are two nodes with constants."""
    rows, width = _sizes(rng, 3, 12)
    made = _start(rng, (rows, width))
    inner = made.linear("inner", 0, *weights(rng, width, width), numbers(rng))
    both = made.add("both", 0, inner, (0.5, 0.5), numbers(rng))
    constants = elementwise_world.records(rng, Kind.I8, rows * width, 15)
    made.affine("moved", both, *constants, 15, numbers(rng))
    return made


KINDS: Final[Mapping[str, Callable[[Generator], Builder]]] = {
    "signals": _windows_of(1),
    "volumes": _windows_of(3),
    "lstm": _scan(Cell.LSTM),
    "wide_lstm": _scan(Cell.LSTM, wide=True),
    "reverse_lstm": _scan(Cell.LSTM, reverse=True),
    "gru": _scan(Cell.GRU),
    "reverse_gru": _scan(Cell.GRU, reverse=True, wide=True),
    "linear_gru": _scan(Cell.GRU_LINEAR),
    "wide_linear_gru": _scan(Cell.GRU_LINEAR, reverse=True, wide=True),
    **MOVES,
    **ROW_KINDS,
} | {
    maker.__name__: maker
    for maker in (
        linear,
        relu,
        conv,
        depthwise,
        wide_elements,
        parts_of_rows,
        parts_of_windows,
        ends,
        matmul,
        add,
        table,
        max_pool,
        average_pool,
        softmax,
        layer_norm,
        rearrange,
        concat,
        activated,
        residual,
        mixed,
        shared,
        beside,
        joined,
        apart,
        chained,
        scan_of_wide_rows,
        elementwise_world.affine,
        elementwise_world.multiply,
        elementwise_world.gated,
        elementwise_world.hypot,
        elementwise_world.wide_table,
        elementwise_world.magnitudes,
        excited,
        moved,
    )
}


def single(kind: str, seed: int) -> tuple[Model, Inputs]:
    """A model of one or a few nodes, and the inputs of two items for it."""
    rng = np.random.default_rng(seed)
    made = KINDS[kind](rng)
    model = made.model([1.0, 1.0], outputs=[4, 3]) if kind == "ends" else made.model()
    return model, [items_of(rng, tensor) for tensor in model.graph.inputs]


def nodes_of(graph: Graph) -> list[int]:
    """The nodes that are committed to; the first makes the tensor after the inputs, and so on."""
    return [number for number, node in enumerate(graph.nodes) if node.out.committed]


def records_of(model: Model, node: int) -> tuple[Bytes2D, Tree] | None:
    """Return the records and the tree from which a proof about a node opens weights."""
    weighted = weighted_of(model.graph, node)
    if weighted is None:
        return None
    return model.records[weighted[0]], model.trees[weighted[0]]


def image_net(seed: int = 1) -> tuple[Model, Elements]:
    """Windows, a residual, groups, pools and a head: three items of 12 x 12."""
    rng = np.random.default_rng(seed)
    u8, i8 = Numbers(Kind.U8, 0), Numbers(Kind.I8, -3)
    made = Builder(Kind.U8, (12, 12, 1), 0, 1 / 255)
    same = window((3, 3), pads=(1, 1, 1, 1))
    stem = made.conv("stem", 0, *weights(rng, 8, 3, 3, 1), same, u8)
    body = made.conv("body", stem, *weights(rng, 8, 3, 3, 8), same, i8)
    both = made.add("residual", stem, body, (0.6, 0.8), u8)
    half = made.max_pool("half", both, window((2, 2), (2, 2)))
    apart = made.conv("groups", half, *weights(rng, 8, 3, 3, 4), same, u8, 2)
    flat = made.rearrange("flat", apart, (36, 8), (1, 0), (8, 36, 1))
    mean = made.average_pool("mean", flat, window((1, 36), (1, 36)), 1 / 36, u8)
    row = made.rearrange("row", mean, (8,), (0,), (8,))
    made.linear("head", row, *weights(rng, 3, 8), Numbers(Kind.I32))
    model = made.model()
    return model, items_of(rng, model.graph.inputs[0], 3)


def attention(seed: int = 2, length: int = 6, width: int = 8) -> tuple[Model, Elements]:
    """One block of a transformer with two heads."""
    rng = np.random.default_rng(seed)
    i8 = Numbers(Kind.I8)
    made = Builder(Kind.I8, (length, width), 0, 0.05)

    def dense(name: str, x: int, outputs: int, inputs: int) -> int:
        return made.linear(name, x, *weights(rng, outputs, inputs, most=40), i8)

    def norm(name: str, x: int) -> int:
        gain = np.full(width, 40 << 12, np.int32)
        return made.layer_norm(name, x, (np.zeros(width, np.int32), gain), 1, 24, i8)

    heads = 2
    view, apart = (length, heads, width // heads), (heads, length, width // heads)
    before = norm("norm1", 0)
    query, key = (
        made.rearrange(f"{name}s", dense(name, before, width, width), view, (1, 0, 2), apart)
        for name in ("query", "key")
    )
    value = made.rearrange(
        "values", dense("value", before, width, width), view, (1, 2, 0), (heads, width // 2, length)
    )
    scores = made.matmul("scores", query, key, 0.004, i8)
    shares = made.softmax("shares", scores, exponentials(0.05))
    mixed = made.matmul("mixed", shares, value, 1 / 256, i8)
    joined = made.rearrange("joined", mixed, apart, (1, 0, 2), (length, width))
    first = made.add("first", 0, dense("out", joined, width, width), (0.7, 0.7), i8)
    gelu = [round(x * 0.5 * (1 + math.erf(x / 40))) for x in range(-128, 128)]
    wide = dense("wide", norm("norm2", first), 2 * width, width)
    active = made.table("gelu", wide, gelu, i8)
    made.add("second", first, dense("narrow", active, width, 2 * width), (0.7, 0.7), i8)
    model = made.model()
    return model, items_of(rng, model.graph.inputs[0], 3)
