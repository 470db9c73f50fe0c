"""Functions of each element, affine steps, sums, products and joins of tensors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from btt_chain.work.errors import ModelRefused
from btt_chain.work.model import Float64s
from btt_chain.work.quantise.emitter import Emitter, Placed, trimmed
from btt_chain.work.quantise.ranges import RealNumbers
from btt_chain.work.quantise.steps import (
    Affine,
    Concat,
    Function,
    Hypot,
    Multiply,
    Step,
    Total,
)  # fmt: skip
from btt_chain.work.quantise.weights import tabled
from btt_chain.work.tensors import BYTES, Kind

TABLE_STEPS: Final = 16
"""Elements of 16 bits that one entry of their table is for."""
TABLE_HALF: Final = 2048


def emit_function(step: Function, emitter: Emitter) -> Placed:
    """Emit a table of the function."""
    value, read, made = emitter.placed[step.inputs[0]], emitter.read(step), emitter.made(step)
    if read.kind in BYTES:
        entries = np.arange(read.kind.low, read.kind.high + 1) - read.zero
        values = tabled(step.apply, entries, read.scale, made)
        tensor = emitter.builder.table(emitter.name(step), value.tensor, values, made.numbers())
    else:
        entries = np.arange(-TABLE_HALF, TABLE_HALF) * TABLE_STEPS
        values = tabled(step.apply, entries, read.scale, made)
        tensor = emitter.builder.wide_table(
            emitter.name(step), value.tensor, values, made.numbers()
        )
    return replace(value, tensor=tensor)


def emit_affine(step: Affine, emitter: Emitter) -> Placed:
    """Emit factors and offsets: for channels, or for each element."""
    value = emitter.placed[step.inputs[0]]
    if len(step.axes) == 1:
        (axis,) = step.axes
        order = (*(other for other in value.order if other != axis), axis)
        value = emitter.ordered(step, value, order)
        rows = (np.broadcast_to(c, _along(value.shape, axis)) for c in _pair(step))
    else:
        rows = (_packed(np.broadcast_to(c, value.shape), value.order) for c in _pair(step))
    factor, offset = (row.reshape(-1).astype(np.float64) for row in rows)
    constants = (factor, offset)
    tensor = affined(
        emitter, step, value.tensor, constants, emitter.read(step), emitter.made(step), step.clamp
    )
    return replace(value, tensor=tensor)


def affined(
    emitter: Emitter, step: Step, x: int, constants: tuple[Float64s, Float64s], read: RealNumbers,
    made: RealNumbers, clamp: tuple[float, float] | None = None,
) -> int:  # fmt: skip
    """Add an affine node with records for channels, or for elements."""
    factor, offset = constants
    ratio, added = factor * read.scale / made.scale, offset / made.scale
    top = 1 << (14 if read.kind is Kind.I16 else 21)
    shift = 29
    while shift and (
        np.abs(ratio).max() * 2.0**shift > top or np.abs(added).max() * 2.0**shift > 1 << 30
    ):
        shift -= 1
    factors, offsets = (np.rint(row * 2.0**shift) for row in (ratio, added))
    if np.abs(factors).max() > top or np.abs(offsets).max() > 1 << 30:
        raise ModelRefused.at(step.name, "its factors are too large for exact integers")
    return emitter.builder.affine(
        emitter.name(step), x, offsets.astype(np.int32), factors.astype(np.int32), shift,
        made.numbers(clamp),
    )  # fmt: skip


def emit_total(step: Total, emitter: Emitter) -> Placed:
    """Emit a sum."""
    a = emitter.placed[step.inputs[0]]
    b = emitter.ordered(step, emitter.placed[step.inputs[1]], a.order)
    made = emitter.made(step)
    first, second = (
        by * emitter.read(step, at).scale / made.scale for at, by in enumerate(step.by)
    )
    tensor = emitter.builder.add(
        emitter.name(step), a.tensor, b.tensor, (first, second), made.numbers()
    )
    return replace(a, tensor=tensor)


def emit_multiply(step: Multiply, emitter: Emitter) -> Placed:
    """Emit a product of two tensors."""
    a, b = (emitter.placed[name] for name in step.inputs)
    lacking = len(a.shape) - len(b.shape)
    shape = (1,) * lacking + b.shape
    aligned = Placed(b.tensor, shape, tuple(axis + lacking for axis in b.order))
    b = emitter.ordered(step, aligned, a.order)
    made = emitter.made(step)
    scale = emitter.read(step).scale * emitter.read(step, 1).scale / made.scale
    tensor = emitter.builder.multiply(emitter.name(step), a.tensor, b.tensor, scale, made.numbers())
    return replace(a, tensor=tensor)


def emit_hypot(step: Hypot, emitter: Emitter) -> Placed:
    """Emit a magnitude."""
    a = emitter.placed[step.inputs[0]]
    b = emitter.ordered(step, emitter.placed[step.inputs[1]], a.order)
    made = emitter.made(step)
    scale = emitter.read(step).scale / made.scale
    tensor = emitter.builder.hypot(emitter.name(step), a.tensor, b.tensor, scale, made.numbers())
    return replace(a, tensor=tensor)


def emit_concat(step: Concat, emitter: Emitter) -> Placed:
    """Emit a join, with all parts in the numbers of the result."""
    shape, made = emitter.shape(step), emitter.made(step)
    axes = trimmed(shape, [axis for axis in range(len(shape)) if axis != step.axis])
    kept = [axis for axis in emitter.placed[step.inputs[0]].order if axis in axes]
    order = (*kept, *(axis for axis in axes if axis not in kept and shape[axis] > 1), step.axis)
    order = (*(axis for axis in order[:-1] if axis != step.axis), step.axis)
    whole: int | None = None
    for at, source in enumerate(step.inputs):
        part = emitter.ordered(step, emitter.placed[source], order).tensor
        part = _rescaled(emitter, step, part, emitter.read(step, at), made)
        name = emitter.name(step)
        whole = part if whole is None else emitter.builder.concat(name, whole, part)
    if whole is None:
        raise ModelRefused.at(step.name, "joins nothing")
    return Placed(whole, shape, order)


def _rescaled(
    emitter: Emitter, step: Step, tensor: int, read: RealNumbers, made: RealNumbers
) -> int:
    """Return the same values in other numbers."""
    if read == made:
        return tensor
    if read.kind in BYTES and made.kind in BYTES:
        entries = np.arange(read.kind.low, read.kind.high + 1) - read.zero
        values = tabled(np.asarray, entries, read.scale, made)
        return emitter.builder.table(emitter.name(step, ":numbers"), tensor, values, made.numbers())
    channels = emitter.builder.tensor(tensor).dims[-1]
    return affined(emitter, step, tensor, (np.ones(channels), np.zeros(channels)), read, made)


def _along(shape: Sequence[int], axis: int) -> tuple[int, ...]:
    """Return a shape with one axis of its size, and all others of size 1."""
    return tuple(size if at == axis else 1 for at, size in enumerate(shape))


def _pair(step: Affine) -> tuple[Float64s, Float64s]:
    return step.factor, step.offset


def _packed(values: Float64s, order: Sequence[int]) -> Float64s:
    """Return one item's numbers in an order of axes."""
    left_out = [axis for axis in range(values.ndim) if axis not in order]
    return values.transpose([*left_out, *order])
