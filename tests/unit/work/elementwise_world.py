"""Small models of operators on each element, and their elements in slow integers of their own."""

from __future__ import annotations

import itertools
import math
import struct
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from numpy.random import Generator

from btt_chain.work.build import Builder, Numbers
from btt_chain.work.model import Int32s
from btt_chain.work.operators import Affine, Hypot, Mul, WideTable
from btt_chain.work.tensors import Kind, Tensor

KINDS_OF_ELEMENTS = (Kind.I8, Kind.U8, Kind.I16)
Array = dict[tuple[int, ...], int]


# ---- models


def any_numbers(rng: Generator, kind: Kind | None = None) -> Numbers:
    """Some kind of 8 or 16 bits with some zero it may have."""
    kind = KINDS_OF_ELEMENTS[int(rng.integers(3))] if kind is None else kind
    zero = 0 if kind is Kind.I16 else int(rng.integers(kind.low, kind.high + 1))
    return Numbers(kind, zero)


def records(rng: Generator, kind: Kind, count: int, shift: int) -> tuple[Int32s, Int32s]:
    """Offsets and factors that fill the range of 8 bits, the first ones at their bounds."""
    most = 1 << 14 if kind is Kind.I16 else 1 << 21
    usual = min(most, max(2, (1 << shift) // (256 if kind is Kind.I16 else 1)))
    factor = rng.integers(1, usual + 1, count) * rng.choice([-1, 1], count)
    offset = rng.integers(-(1 << 30), (1 << 30) + 1, count) >> max(0, 22 - shift)
    factor[0], offset[0] = most * rng.choice([-1, 1]), (1 << 30) * rng.choice([-1, 1])
    return offset.astype(np.int32), factor.astype(np.int32)


def affine(rng: Generator) -> Builder:
    entry, out = any_numbers(rng), any_numbers(rng)
    shape = tuple(int(size) for size in rng.integers(2, 6, int(rng.integers(1, 4))))
    builder = Builder(entry.kind, shape, entry.zero)
    shift = int(rng.choice([0, 1, 8, 15, 22, 29]))
    count = math.prod(shape) if rng.integers(2) else shape[-1]
    bounds = Numbers(out.kind, out.zero, low=out.zero) if rng.integers(2) else out
    builder.affine("affine", 0, *records(rng, entry.kind, count, shift), shift, bounds)
    return builder


def multiply(rng: Generator) -> Builder:
    first, second = any_numbers(rng), any_numbers(rng)
    shape = tuple(int(size) for size in rng.integers(2, 5, int(rng.integers(1, 5))))
    builder = Builder(first.kind, shape, first.zero)
    repeated = [size if rng.integers(2) else 1 for size in shape]
    other = builder.add_input(second.kind, repeated, second.zero)
    widths = [15 if numbers.kind is Kind.I16 else 8 for numbers in (first, second)]
    # Powers of two make ties, which must go to even.
    scale = float(rng.choice([1.0, rng.uniform(0.5, 2)])) * 2.0 ** (8 - sum(widths))
    builder.multiply("product", 0, other, scale, any_numbers(rng))
    return builder


def gated(rng: Generator) -> Builder:
    """Channels times a function of their means: without leaves, a factor is computed, too."""
    entry = any_numbers(rng, Kind.I8)
    builder = Builder(entry.kind, (2, 3, 4), entry.zero)
    other = builder.add_input(Kind.U8, (1, 1, 4), 9)
    gates = builder.table("gates", other, rng.integers(0, 256, 256).tolist(), Numbers(Kind.U8))
    builder.multiply("gated", 0, gates, 1 / 256, any_numbers(rng))
    return builder


def hypot(rng: Generator) -> Builder:
    entry = any_numbers(rng)
    shape = tuple(int(size) for size in rng.integers(2, 6, 2))
    builder = Builder(entry.kind, shape, entry.zero)
    other = builder.add_input(entry.kind, shape, any_numbers(rng, entry.kind).zero)
    scale = float(rng.choice([0.5, rng.uniform(0.3, 1.2)])) / (200 if entry.kind is Kind.I16 else 1)
    builder.hypot("root", 0, other, scale, any_numbers(rng))
    return builder


def wide_table(rng: Generator) -> Builder:
    builder = Builder(Kind.I16, tuple(int(size) for size in rng.integers(2, 7, 2)))
    out = any_numbers(rng)
    values = rng.integers(out.kind.low, out.kind.high + 1, 4096)
    builder.wide_table("table", 0, values.tolist(), out)
    return builder


def magnitudes(rng: Generator) -> Builder:
    """A function of a magnitude of 16 bits, scaled by channel: two nodes with constants."""
    builder = Builder(Kind.I16, (3, 5))
    other = builder.add_input(Kind.I16, (3, 5))
    i16 = Numbers(Kind.I16)
    root = builder.hypot("root", 0, other, 0.7, i16)
    values = [step**2 // 200 for step in range(-2048, 2048)]
    squares = builder.wide_table("squares", root, values, i16)
    builder.affine("affine", squares, *records(rng, Kind.I16, 5, 15), 15, any_numbers(rng))
    return builder


# ---- slow integers


def nearest(value: Fraction) -> int:
    """The nearest integer, halves to even; Python rounds fractions exactly."""
    return round(value)


def binary32(total: int, bits: int) -> int:
    """An integer times a scale by the machine's own binary32, to the nearest integer."""
    (scale,) = struct.unpack("<f", struct.pack("<I", bits))
    return round(float(np.float32(total) * np.float32(scale)))


def slow_elements(
    op: Affine | Mul | Hypot | WideTable,
    arrays: Sequence[Array],
    tensors: Sequence[Tensor],
    out: Tensor,
    rows: Sequence[bytes],
) -> list[int]:
    """All elements of the output, in order."""
    positions = itertools.product(*map(range, out.dims))
    return [_element(op, arrays, tensors, at, (out, rows)) for at in positions]


def _element(
    op: Affine | Mul | Hypot | WideTable,
    arrays: Sequence[Array],
    tensors: Sequence[Tensor],
    at: tuple[int, ...],
    node: tuple[Tensor, Sequence[bytes]],
) -> int:
    """One element of the output, from its position; `node` is the output and the records."""
    out, rows = node
    zero, low, high = int(out.zero), out.kind.low, out.kind.high
    if isinstance(op, WideTable):
        entry = min(max(nearest(Fraction(arrays[op.x][at], 16)), -2048), 2047) + 2048
        numbers = b"".join(rows)[2 * entry : 2 * entry + 2]
        return int(struct.unpack("<h", numbers)[0])
    if isinstance(op, Affine):
        record = at[-1]
        if op.per_element:
            record = int(np.ravel_multi_index(at, out.dims))
        offset, factor = struct.unpack("<ii", rows[record])
        total = (arrays[op.x][at] - int(tensors[op.x].zero)) * factor + offset
        value = nearest(Fraction(total, 2 ** int(op.shift))) + zero
        return min(max(value, int(op.low)), int(op.high))
    dims = tensors[op.b].dims
    repeated = tuple(place % size for place, size in zip(at, dims, strict=True))
    a = arrays[op.a][at] - int(tensors[op.a].zero)
    b = arrays[op.b][repeated] - int(tensors[op.b].zero)
    if isinstance(op, Mul):
        value = binary32(a * b, int(op.scale))
    else:
        root = math.isqrt(256 * (a**2 + b**2))
        sixteenth = struct.unpack("<f", struct.pack("<I", int(op.scale)))[0] / 16
        value = round(float(np.float32(root) * np.float32(sixteenth)))
    return min(max(value + zero, low), high)
