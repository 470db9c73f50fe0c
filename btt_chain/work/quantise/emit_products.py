"""Products: rows and windows times constant weights."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np

from btt_chain.work.errors import ModelRefused
from btt_chain.work.model import Float32s, Float64s, Int8s, Int32s
from btt_chain.work.operators.numeric.scan import quantised_weights
from btt_chain.work.operators.scan import Cell
from btt_chain.work.quantise.emitter import Emitter, Placed
from btt_chain.work.quantise.steps import Frame, Product, Recurrent
from btt_chain.work.quantise.weights import (
    WEIGHT,
    columns_of,
    covers,
    has_distant_taps,
    weight_scales,
    window_of,
    with_inner_axis,
)  # fmt: skip
from btt_chain.work.tensors import Kind


def emit_product(step: Product, emitter: Emitter) -> Placed:
    """Emit a product, fused with its activation."""
    placed = _windowed(emitter, step, step.frame) if step.frame else _rows(emitter, step)
    emitter.products[step.output] = placed.tensor
    return placed


def _rows(emitter: Emitter, step: Product) -> Placed:
    value = emitter.placed[step.inputs[0]]
    last = len(value.shape) - 1
    order = [axis for axis in value.order if axis != last and value.shape[axis] > 1]
    value = emitter.ordered(step, value, (*order, last))
    constants = _constants(emitter, step, step.weights)
    made = emitter.made(step).numbers(step.clamp)
    tensor = emitter.builder.linear(emitter.name(step), value.tensor, *constants, made)
    return Placed(tensor, emitter.shape(step), value.order)


def _windowed(emitter: Emitter, step: Product, frame: Frame) -> Placed:
    if step.transposed:
        return _transposed(emitter, step, frame)
    sides = emitter.placed[step.inputs[0]].shape[2:]
    whole = [at for at in range(len(sides)) if step.groups == 1 and covers(frame, at, sides)]
    if whole:
        return _merged(emitter, step, frame, whole)
    value = emitter.placed[step.inputs[0]]
    batch, channels = int(value.shape[0] > 1), value.shape[1]
    axes = (*range(2, step.weights.ndim), 1)
    kernels, bias, scales = _constants(emitter, step, step.weights.transpose((0, *axes)))
    if not batch and has_distant_taps(frame, channels):
        # With an axis of one place behind them, taps are lines that a proof opens one by one.
        value = emitter.ordered(step, value, (*axes[:-1], 0, 1))
        kernels, frame = kernels[..., None, :], with_inner_axis(frame)
    else:
        value = emitter.windows_of(step, step.inputs[0])
        kernels = kernels[:, None] if batch else kernels
    seen = window_of(step, frame, batch)
    made = emitter.made(step).numbers(step.clamp)
    tensor = emitter.builder.conv(
        emitter.name(step), value.tensor, kernels, bias, scales, seen, made, step.groups
    )
    return Placed(tensor, emitter.shape(step), value.order)


def _merged(emitter: Emitter, step: Product, frame: Frame, whole: Sequence[int]) -> Placed:
    """Emit a convolution whose window covers whole axes: they become channels."""
    value = emitter.placed[step.inputs[0]]
    batch = (0,) if value.shape[0] > 1 else ()
    rest = [at for at in range(len(frame.size)) if at not in whole]
    outer = (*batch, *(at + 2 for at in rest))
    inner = (*(at + 2 for at in whole), 1)
    length = prod(value.shape[axis] for axis in inner)
    sides = (*(value.shape[axis] for axis in outer), length)
    x = emitter.shaped(step, value, (*outer, *inner), sides)
    turned = step.weights.transpose((0, *(at + 2 for at in rest), *inner))
    constants = _constants(emitter, step, turned.reshape(*turned.shape[: 1 + len(rest)], length))
    made = emitter.made(step).numbers(step.clamp)
    if rest:
        kernels, bias, scales = constants
        kernels = kernels[:, None] if batch else kernels
        left = Frame(*(tuple(column[at] for at in rest) for column in columns_of(frame)))
        seen = window_of(step, left, len(batch))
        tensor = emitter.builder.conv(emitter.name(step), x, kernels, bias, scales, seen, made)
    else:
        columns, bias, scales = constants
        tensor = emitter.builder.linear(
            emitter.name(step), x, columns.reshape(len(columns), -1), bias, scales, made
        )
    return Placed(tensor, emitter.shape(step), (*outer, 1))


def _transposed(emitter: Emitter, step: Product, frame: Frame) -> Placed:
    value = emitter.windows_of(step, step.inputs[0])
    if value.shape[0] > 1:
        raise ModelRefused.at(step.name, "a transposed convolution of several rows of a batch")
    if set(frame.apart) != {1}:
        raise ModelRefused.at(step.name, "a transposed convolution with dilations")
    axes = (0, *range(2, step.weights.ndim), 1)
    kernels, bias, scales = _constants(emitter, step, step.weights.transpose(axes))
    pads = (*frame.before, *frame.after)
    tensor = emitter.builder.conv_transposed(
        emitter.name(step), value.tensor, kernels, bias, scales, frame.step, pads, step.extra,
        emitter.made(step).numbers(step.clamp), step.groups,
    )  # fmt: skip
    return Placed(tensor, emitter.shape(step), value.order)


def _constants(
    emitter: Emitter, step: Product, weights: Float64s
) -> tuple[Int8s, Int32s, Float32s]:
    """Return weights in 8 bits, one scale for each channel, biases and scales of the output."""
    read, made = emitter.read(step), emitter.made(step)
    bias = step.bias + emitter.corrections.get(step.output, np.zeros(len(weights)))
    steps = weight_scales(weights, bias, read)
    along = steps.reshape(-1, *[1] * (weights.ndim - 1))
    whole = np.clip(np.rint(weights / along), -WEIGHT, WEIGHT).astype(np.int8)
    unit = read.scale * steps
    biases = np.rint(bias / unit)
    scales = (unit / made.scale).astype(np.float32)
    return np.ascontiguousarray(whole), biases.astype(np.int32), scales


def emit_recurrent(step: Recurrent, emitter: Emitter) -> Placed:
    """Emit a recurrent layer: a node for each direction, cut to its states, and joined."""
    value, made = emitter.placed[step.inputs[0]], emitter.made(step)
    time, batch, width = value.shape
    outer = (1,) if batch > 1 else ()
    sides = [value.shape[axis] for axis in outer]
    x = emitter.shaped(step, value, (*outer, 0, 2), (*sides, time, width))
    cell = cell_of(step)
    whole: int | None = None
    for at in range(len(step.weights)):
        constants = quantised_weights(
            cell, step.weights[at], step.recurrence[at], step.bias[at], emitter.read(step).scale,
            wide=made.kind is Kind.I16,
        )  # fmt: skip
        part = emitter.builder.scan(
            emitter.name(step), x, constants, cell,
            reverse=step.direction == "reverse" or at == 1, wide=made.kind is Kind.I16,
        )  # fmt: skip
        size = (*sides, time, step.hidden)
        if emitter.builder.tensor(part).dims != size:
            begin, ones = [0] * len(size), [1] * len(size)
            part = emitter.builder.slice(emitter.name(step, ":state"), part, begin, ones, size)
        name = emitter.name(step, ":both")
        whole = part if whole is None else emitter.builder.concat(name, whole, part)
    if whole is None:
        raise ModelRefused.at(step.name, "has no directions")
    if len(step.weights) > 1:
        view = (*sides, time, len(step.weights), step.hidden)
        whole = emitter.builder.rearrange(
            emitter.name(step, ":axes"), whole, view, range(len(view)), view
        )
    batches = (2,) if outer else ()
    directions = (1,) if len(step.weights) > 1 else ()
    return Placed(whole, emitter.shape(step), (*batches, 0, *directions, 3))


def cell_of(step: Recurrent) -> Cell:
    """Return the formulas of a layer."""
    if step.cell == "LSTM":
        return Cell.LSTM
    return Cell.GRU_LINEAR if step.linear_before_reset else Cell.GRU
