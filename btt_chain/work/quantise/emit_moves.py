"""Pools, means, other sizes, and moves of elements."""

from __future__ import annotations

from math import prod
from typing import Final, NamedTuple

from btt_chain.work.build import window
from btt_chain.work.errors import ModelRefused
from btt_chain.work.operators.moves import Padding
from btt_chain.work.quantise.emitter import Emitter, Placed
from btt_chain.work.quantise.steps import (
    AveragePool,
    MaxPool,
    Mean,
    Pad,
    Reshape,
    Resize,
    Slice,
    Transpose,
)  # fmt: skip
from btt_chain.work.quantise.weights import covers, window_of

MAX_MEAN: Final = 4096
"""Maximum numbers of a mean in one line."""
_MODES: Final = {
    "constant": Padding.Zero, "edge": Padding.Edge, "reflect": Padding.Reflect,
    "wrap": Padding.Wrap,
}  # fmt: skip


def emit_max_pool(step: MaxPool, emitter: Emitter) -> Placed:
    """Emit a maximum of windows; of the whole image by lines, as a mean."""
    sides = emitter.placed[step.inputs[0]].shape[2:]
    whole_image = all(covers(step.frame, at, sides) for at in range(len(sides)))
    if whole_image and prod(sides) <= MAX_MEAN:
        lines = _lines(step, emitter, tuple(range(2, 2 + len(sides))))
        seen = window((1, lines.length), (1, lines.length))
        whole = emitter.builder.max_pool(emitter.name(step), lines.tensor, seen)
        return _of_lines(step, emitter, lines, whole)
    value = emitter.windows_of(step, step.inputs[0])
    seen = window_of(step, step.frame, int(value.shape[0] > 1))
    return Placed(
        emitter.builder.max_pool(emitter.name(step), value.tensor, seen),
        emitter.shape(step),
        value.order,
    )


def emit_average_pool(step: AveragePool, emitter: Emitter) -> Placed:
    """Emit a mean of windows."""
    value = emitter.windows_of(step, step.inputs[0])
    seen = window_of(step, step.frame, int(value.shape[0] > 1))
    scale = emitter.read(step).scale / emitter.made(step).scale / prod(step.frame.size)
    made = emitter.made(step).numbers()
    tensor = emitter.builder.average_pool(emitter.name(step), value.tensor, seen, scale, made)
    return Placed(tensor, emitter.shape(step), value.order)


def emit_mean(step: Mean, emitter: Emitter) -> Placed:
    """Emit a mean."""
    made = emitter.made(step)
    ratio = emitter.read(step).scale / made.scale
    lines = _lines(step, emitter, step.axes)
    name = emitter.name(step)
    if lines.length > MAX_MEAN:
        value = emitter.placed[step.inputs[0]]
        sides = (lines.length, lines.number)
        x = emitter.shaped(step, value, (*step.axes, *lines.kept), sides)
        return _of_lines(
            step, emitter, lines, emitter.builder.global_mean(name, x, ratio, made.numbers())
        )
    seen = window((1, lines.length), (1, lines.length))
    scale = ratio / lines.length
    mean = emitter.builder.average_pool(name, lines.tensor, seen, scale, made.numbers())
    return _of_lines(step, emitter, lines, mean)


class _Lines(NamedTuple):
    """A tensor in which the axes that are reduced are a line: a proof then opens one line."""

    tensor: int
    kept: list[int]
    """The other axes of more than one place."""
    sides: list[int]
    number: int
    length: int


def _lines(step: Mean | MaxPool, emitter: Emitter, axes: tuple[int, ...]) -> _Lines:
    """Return the input of a step with some axes as lines."""
    value = emitter.placed[step.inputs[0]]
    length = prod(value.shape[axis] for axis in axes)
    kept = [axis for axis in value.order if axis not in axes and value.shape[axis] > 1]
    sides = [value.shape[axis] for axis in kept] or [1]
    if length > MAX_MEAN:
        return _Lines(value.tensor, kept, sides, prod(sides), length)
    x = emitter.shaped(step, value, (*kept, *axes), (prod(sides), length, 1))
    return _Lines(x, kept, sides, prod(sides), length)


def _of_lines(step: Mean | MaxPool, emitter: Emitter, lines: _Lines, reduced: int) -> Placed:
    """Return one number of each line as the output of a step."""
    tensor = emitter.builder.rearrange(
        emitter.name(step, ":axes"), reduced, (lines.number,), (0,), lines.sides
    )
    shape, kept = emitter.shape(step), lines.kept
    if isinstance(step, Mean) and len(shape) < len(emitter.placed[step.inputs[0]].shape):
        kept = [axis - sum(gone < axis for gone in step.axes) for axis in kept]
    return Placed(tensor, shape, tuple(kept) or (0,))


def emit_resize(step: Resize, emitter: Emitter) -> Placed:
    """Emit another size."""
    value = emitter.windows_of(step, step.inputs[0])
    shape = emitter.shape(step)
    if value.shape[0] > 1:
        raise ModelRefused.at(step.name, "resizes several rows of a batch")
    tensor = emitter.builder.resize(
        emitter.name(step), value.tensor, shape[2:], step.linear, step.asymmetric
    )
    return Placed(tensor, shape, value.order)


def emit_transpose(step: Transpose, emitter: Emitter) -> Placed:
    """Return the same tensor with other names of axes."""
    value = emitter.placed[step.inputs[0]]
    order = tuple(step.axes.index(axis) for axis in value.order)
    return Placed(value.tensor, emitter.shape(step), order)


def emit_reshape(step: Reshape, emitter: Emitter) -> Placed:
    """Return the same tensor where only axes of size 1 differ, else emit a move."""
    value, shape = emitter.placed[step.inputs[0]], emitter.shape(step)
    old = [axis for axis, size in enumerate(value.shape) if size > 1]
    new = [axis for axis, size in enumerate(shape) if size > 1]
    if [value.shape[axis] for axis in old] == [shape[axis] for axis in new]:
        order = [new[old.index(axis)] for axis in value.order if value.shape[axis] > 1]
        if order and len(order) == len(value.order):
            return Placed(value.tensor, shape, tuple(order))
    order = new or [0]
    tensor = emitter.shaped(step, value, old, [shape[axis] for axis in order])
    return Placed(tensor, shape, tuple(order))


def emit_slice(step: Slice, emitter: Emitter) -> Placed:
    """Emit a part of a tensor."""
    value, shape = emitter.placed[step.inputs[0]], emitter.shape(step)
    columns = (
        [column[axis] for axis in value.order] for column in (step.begin, step.step, step.size)
    )
    if all(value.shape[axis] == shape[axis] for axis in value.order):
        return Placed(value.tensor, shape, value.order)
    return Placed(
        emitter.builder.slice(emitter.name(step), value.tensor, *columns), shape, value.order
    )


def emit_pad(step: Pad, emitter: Emitter) -> Placed:
    """Emit a padded tensor."""
    value, shape = emitter.placed[step.inputs[0]], emitter.shape(step)
    lacking = [axis for axis, size in enumerate(shape) if size > 1 and axis not in value.order]
    if lacking:
        value = emitter.ordered(step, value, (*lacking, *value.order))
    before, after = ([column[axis] for axis in value.order] for column in (step.before, step.after))
    mode = _MODES.get(step.mode)
    if mode is None:
        raise ModelRefused.at(step.name, f"mode {step.mode}: known are {', '.join(_MODES)}")
    tensor = emitter.builder.pad(emitter.name(step), value.tensor, before, after, mode)
    return Placed(tensor, shape, value.order)
