"""Models of nodes that move or mix elements, and a slow form of these nodes, for `work_world`."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Final, Literal

import numpy as np
from numpy.random import Generator

from btt_chain.work.build import Builder, Numbers, window
from btt_chain.work.graph import Node
from btt_chain.work.operators import Gather, Op, Pad, Resize, Slice
from btt_chain.work.operators.moves import Padding
from btt_chain.work.tensors import Kind, Tensor

Array = dict[tuple[int, ...], int]
"""A tensor in plain numbers, by position."""


# ---- models


def _numbers(rng: Generator) -> Numbers:
    kind = (Kind.I8, Kind.U8, Kind.I16)[int(rng.integers(3))]
    zero = 0 if kind is Kind.I16 else int(rng.integers(kind.low, kind.high + 1))
    return Numbers(kind, zero)


def _start(rng: Generator, shape: tuple[int, ...]) -> Builder:
    made = _numbers(rng)
    return Builder(made.kind, shape, made.zero)


def _shape(rng: Generator, rank: int, most: int = 6) -> tuple[int, ...]:
    return tuple(int(side) for side in rng.integers(1, most + 1, rank))


def _product(
    rng: Generator, made: Builder, x: int, outputs: int, out: Numbers
) -> tuple[Builder, int]:
    """Add a product of rows, whose results slightly exceed their range."""
    length = made.tensor(x).dims[-1]
    columns = rng.integers(-127, 128, (outputs, length)).astype(np.int8)
    bias = rng.integers(-500, 501, outputs).astype(np.int32)
    size = made.tensor(x).reach * 60 * math.sqrt(length) / 100
    scales = np.full(outputs, out.kind.high / 127 / size, np.float32)
    return made, made.linear("product", x, columns, bias, scales, out)


def _sliced(rng: Generator, made: Builder, x: int) -> int:
    """Add a part of a tensor, of at least two elements of each row."""
    dims = made.tensor(x).dims
    step = [*(int(stride) for stride in rng.integers(1, 4, len(dims) - 1)), 1]
    begin = [int(rng.integers(max(1, side - 1))) for side in dims]
    size = [
        int(rng.integers(1, (side - 1 - first) // stride + 2))
        for side, first, stride in zip(dims[:-1], begin, step, strict=False)
    ]
    return made.slice("slice", x, begin, step, [*size, dims[-1] - begin[-1]])


def sliced(rng: Generator) -> Builder:
    shape = _shape(rng, int(rng.integers(0, 5)), 4)
    made = _start(rng, (*shape, int(rng.integers(2, 6))))
    _sliced(rng, made, 0)
    return made


def sliced_product(rng: Generator) -> Builder:
    """A part of a product that has no leaves."""
    rows = int(rng.integers(5, 9))
    made, at = _product(rng, _start(rng, (rows, 7)), 0, 5, _numbers(rng))
    made.slice("slice", at, (1, 2), (2, 1), (rows // 2, 3))
    return made


def _padded(rng: Generator, made: Builder, x: int, mode: Padding) -> int:
    """Pads of up to more than the sides, so that elements are mirrored and repeated twice."""
    dims = made.tensor(x).dims
    pads = rng.integers(0, 8 if len(dims) < 3 else 3, (2, len(dims))) * rng.integers(
        0, 2, (2, len(dims))
    )
    return made.pad("pad", x, pads[0].tolist(), pads[1].tolist(), mode)


def _pads(mode: Padding) -> Callable[[Generator], Builder]:
    def padded(rng: Generator) -> Builder:
        rank = int(rng.integers(1, 5))
        made = _start(rng, tuple(2 + side for side in _shape(rng, rank, 2)))
        _padded(rng, made, 0, mode)
        return made

    return padded


def padded_product(rng: Generator) -> Builder:
    """A product without leaves inside of zeros, for which neither image nor weights are read."""
    made, at = _product(rng, _start(rng, (int(rng.integers(2, 9)), 7)), 0, 3, _numbers(rng))
    _padded(rng, made, at, Padding.Zero)
    return made


def _resizes(rank: int, linear: bool, asymmetric: bool) -> Callable[[Generator], Builder]:
    def resized(rng: Generator) -> Builder:
        made = _start(rng, (*_shape(rng, rank, 5), int(rng.integers(1, 4))))
        sides = [min(int(rng.integers(1, 9)), 4 * side) for side in made.tensor(0).dims[:-1]]
        made.resize("resize", 0, sides, linear, asymmetric)
        return made

    return resized


def gathered(rng: Generator) -> Builder:
    """Rows by numbers of the input, of which some are outside of the table."""
    made = Builder(Kind.I32, _shape(rng, int(rng.integers(1, 4)), 5))
    table = rng.integers(-128, 128, (int(rng.integers(1, 20)), int(rng.integers(1, 9))))
    made.gather("gather", 0, table.astype(np.int8), int(rng.integers(-128, 128)))
    return made


def gathered_sums(rng: Generator) -> Builder:
    """Rows by numbers that a product makes."""
    made = Builder(Kind.I8, (3, 4))
    columns = rng.integers(-1, 2, (2, 4)).astype(np.int8)
    columns[0, 0] = 1
    ones = np.ones(2, np.float32)
    ids = made.linear("ids", 0, columns, np.full(2, 60, np.int32), ones, Numbers(Kind.I32))
    made.gather("gather", ids, rng.integers(-128, 128, (100, 6)).astype(np.int8))
    return made


def _transposes(rank: int) -> Callable[[Generator], Builder]:
    """Transposed convolutions, whose phases have no leaves."""

    def transposed(rng: Generator) -> Builder:
        groups, inputs, outputs = (int(number) for number in rng.integers(1, 3, 3))
        sides = [int(side) for side in rng.integers(2, 5, rank)]
        made = _start(rng, (*sides, groups * inputs))
        step = rng.integers(1, 4, rank).tolist()
        # With shorter kernels, phases without taps would be too many.
        sizes = [int(rng.integers(max(2, stride), 5)) for stride in step]
        pads = [int(rng.integers(0, size // 2 + 1)) for size in sizes * 2]
        extra = [int(rng.integers(0, stride)) for stride in step]
        kernels = rng.integers(1, 128, (groups * outputs, *sizes, inputs)).astype(np.int8)
        out = _numbers(rng)
        bias = rng.integers(-500, 501, len(kernels)).astype(np.int32)
        factor = out.kind.high / made.tensor(0).reach / 200
        scales = rng.uniform(0.5 * factor, factor, len(kernels)).astype(np.float32)
        made.conv_transposed("transposed", 0, kernels, bias, scales, step, pads, extra, out, groups)
        return made

    return transposed


def mean_of_volume(rng: Generator) -> Builder:
    made = _start(rng, (*_shape(rng, 3, 4), int(rng.integers(1, 5))))
    made.global_mean("mean", 0, float(rng.uniform(0.5, 1.5)), _numbers(rng))
    return made


def moved_twice(rng: Generator) -> Builder:
    """A window of a padded and sliced image: the first move has no leaves, the second has some."""
    made = _start(rng, (4, 5, 3))
    at = made.pad("pad", 0, (1, 2, 0), (2, 1, 0), Padding.Reflect)
    at = made.slice("slice", at, (1, 0, 0), (1, 2, 1), (5, 4, 3))
    made.max_pool("pool", at, window((2, 2)))
    return made


MOVES: Final[dict[str, Callable[[Generator], Builder]]] = {
    **{
        maker.__name__: maker
        for maker in (
            sliced,
            sliced_product,
            padded_product,
            gathered,
            gathered_sums,
            mean_of_volume,
            moved_twice,
        )
    },
    **{f"padded_{mode.name}": _pads(mode) for mode in Padding},
    **{
        f"resized_{rank}_{name}": _resizes(rank, name == "linear", name == "asymmetric")
        for rank in (1, 2, 3)
        for name in ("nearest", "asymmetric", "linear")
    },
    **{f"transposed_{rank}": _transposes(rank) for rank in (1, 2, 3)},
}


# ---- the slow form


def _positions(dims: tuple[int, ...]) -> list[tuple[int, ...]]:
    return list(itertools.product(*map(range, dims)))


def _slice(node: Node, made: list[Array], tensors: list[Tensor], rows: list[bytes]) -> list[int]:
    op = node.op
    assert isinstance(op, Slice)
    axes = [
        range(side)[int(begin) :: int(step)][: int(size)]
        for side, begin, step, size in zip(
            tensors[op.x].dims, op.begin, op.step, op.size, strict=True
        )
    ]
    return [made[op.x][at] for at in itertools.product(*axes)]


MODES: Final[Mapping[Padding, Literal["edge", "reflect", "wrap"]]] = {
    Padding.Edge: "edge",
    Padding.Reflect: "reflect",
    Padding.Wrap: "wrap",
}


def _pad(node: Node, made: list[Array], tensors: list[Tensor], rows: list[bytes]) -> list[int]:
    """Pad the numbers of the elements along each axis with numpy's own function."""
    op, zero = node.op, int(node.out.zero)
    assert isinstance(op, Pad)
    axes: list[list[int]] = []
    for side, before, after in zip(tensors[op.x].dims, op.before, op.after, strict=True):
        places, pads = np.arange(side), (int(before), int(after))
        if op.mode is Padding.Zero:
            axes.append(np.pad(places, pads, constant_values=-1).tolist())
        else:
            axes.append(np.pad(places, pads, MODES[op.mode]).tolist())
    return [made[op.x].get(at, zero) for at in itertools.product(*axes)]


def _resize(node: Node, made: list[Array], tensors: list[Tensor], rows: list[bytes]) -> list[int]:
    """Compute positions and means with fractions."""
    op = node.op
    assert isinstance(op, Resize)
    bits = 7 if len(op.sides) == 3 else 10
    axes: list[list[list[tuple[int, int]]]] = []
    for old, new in zip(tensors[op.x].dims, map(int, op.sides), strict=False):
        centres = [(at + Fraction(1, 2)) * old / new for at in range(new)]
        if op.asymmetric:
            axes.append([[(math.floor(Fraction(at * old, new)), 1)] for at in range(new)])
        elif not op.linear:
            axes.append([[(math.floor(centre), 1)] for centre in centres])
        else:
            axes.append([_taps(centre - Fraction(1, 2), old, 2**bits) for centre in centres])
    divisor = 2 ** (bits * len(op.sides)) if op.linear else 1
    return [
        round(Fraction(_weighted(made[op.x], taps, channel), divisor))
        for taps in itertools.product(*axes)
        for channel in range(node.out.dims[-1])
    ]


def _taps(position: Fraction, side: int, whole: int) -> list[tuple[int, int]]:
    first = math.floor(position)
    weight = math.floor((position - first) * whole + Fraction(1, 2))
    inside = [min(max(place, 0), side - 1) for place in (first, first + 1)]
    return [(inside[0], whole - weight), (inside[1], weight)]


def _weighted(x: Array, axes: tuple[list[tuple[int, int]], ...], channel: int) -> int:
    return sum(
        math.prod(weight for _, weight in taps) * x[(*(place for place, _ in taps), channel)]
        for taps in itertools.product(*axes)
    )


def _gather(node: Node, made: list[Array], tensors: list[Tensor], rows: list[bytes]) -> list[int]:
    op = node.op
    assert isinstance(op, Gather)
    table = [memoryview(row[:-8]).cast("b").tolist() for row in rows]
    ids = [made[op.ids][at] for at in _positions(tensors[op.ids].dims)]
    return [
        value for number in ids for value in table[number if number in range(len(table)) else 0]
    ]


Slow = Callable[[Node, list[Array], list[Tensor], list[bytes]], list[int]]

SLOW_MOVES: Final[Mapping[type[Op], Slow]] = {
    Slice: _slice,
    Pad: _pad,
    Resize: _resize,
    Gather: _gather,
}
