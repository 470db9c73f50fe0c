"""Steps to nodes of the product's exact integers.

A value keeps the order of its axes until a step needs another one: channels are last for windows,
transpositions and axes of size 1 cost nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from math import prod
from typing import Final, TypeAlias

import numpy as np

from btt_chain.work.build import Builder, window
from btt_chain.work.errors import ModelRefused
from btt_chain.work.model import Elements, Float32s, Float64s, Int8s, Int32s, Model, quantised
from btt_chain.work.quantise.floats import Array, Feeds
from btt_chain.work.quantise.ranges import RealNumbers
from btt_chain.work.quantise.steps import (
    Affine,
    AveragePool,
    Concat,
    Frame,
    Function,
    Hypot,
    MaxPool,
    Mean,
    Multiply,
    Pad,
    Plan,
    Product,
    RealFunction,
    Recurrent,
    Reshape,
    Resize,
    Slice,
    Step,
    Total,
    Transpose,
)
from btt_chain.work.tensors import BYTES, Kind, Window

MAX_MEAN: Final = 4096
MAX_NAME: Final = 48
TABLE_STEPS: Final = 16
"""Elements of 16 bits that one entry of their table is for."""
TABLE_HALF: Final = 2048

Corrections: TypeAlias = Mapping[str, Float64s]
"""Amounts added to biases of products, in real values, by their outputs."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A value in the graph: its tensor, and which axes of ONNX the tensor's axes are.

    Axes that are left out have size 1.
    """

    tensor: int
    shape: tuple[int, ...]
    order: tuple[int, ...]

    def sides(self) -> list[int]:
        """Return the sizes of the tensor's axes."""
        return [self.shape[axis] for axis in self.order]


@dataclass(frozen=True, slots=True)
class Port:
    """An input or output of the graph, and its axes."""

    name: str
    shape: tuple[int, ...]
    """In ONNX's order, with the batch."""
    order: tuple[int, ...]

    def packed(self, values: Array) -> Array:
        """Return one item's values in the model's order of axes."""
        left_out = [axis for axis in range(len(self.shape)) if axis not in self.order]
        turned = values.reshape(self.shape).transpose([*left_out, *self.order])
        return turned.reshape([self.shape[axis] for axis in self.order])

    def unpacked(self, values: Array) -> Array:
        """Return one item's values in ONNX's order of axes, from the model's."""
        left_out = [axis for axis in range(len(self.shape)) if axis not in self.order]
        axes = [*left_out, *self.order]
        turned = values.reshape([self.shape[axis] for axis in axes])
        return turned.transpose(np.argsort(axes))


@dataclass(frozen=True, slots=True)
class Quantised:
    """A model of integers, and how its inputs and outputs are those of the file."""

    model: Model
    inputs: Sequence[Port]
    outputs: Sequence[Port]
    numbers: Mapping[str, RealNumbers]
    products: Mapping[str, int]
    """The tensor of each product, by the name of its output."""

    def items(self, feeds: Sequence[Feeds]) -> list[Elements]:
        """Return items as elements of the model's inputs."""
        made: list[Elements] = []
        for number, port in enumerate(self.inputs):
            reals = np.stack([port.packed(item[port.name]) for item in feeds])
            made.append(quantised(self.model.manifest, reals.astype(np.float32), number))
        return made


def sequence(plan: Plan, name: str) -> tuple[int, ...]:
    """Return the order of axes in which an input is best: that of the first step that needs one."""
    shape = plan.shapes[name]
    axes, readers = list(range(len(shape))), plan.readers()
    at = name
    while readers.get(at):
        step = readers[at][0]
        if isinstance(step, Transpose):
            axes = [axes[axis] for axis in step.axes]
        elif not isinstance(step, Slice | Pad | Function | Affine | Concat | Total):
            break
        at = step.output
    else:
        return _trimmed(shape, range(len(shape)))
    windowed = isinstance(step, MaxPool | AveragePool | Resize | Mean)
    windowed = windowed or (isinstance(step, Product) and step.frame is not None)
    if windowed and len(axes) > 2:
        axes = [axes[0], *axes[2:], axes[1]]
    elif not isinstance(step, Product):
        axes = list(range(len(shape)))
    return _trimmed(shape, axes)


def _trimmed(shape: Sequence[int], order: Sequence[int]) -> tuple[int, ...]:
    """Return an order without a batch of 1."""
    return tuple(axis for axis in order if axis != 0 or shape[0] > 1) or (0,)


@dataclass(slots=True)
class Emitter:
    """A graph under construction."""

    plan: Plan
    numbers: Mapping[str, RealNumbers]
    corrections: Corrections
    builder: Builder = field(init=False)
    placed: dict[str, Placed] = field(init=False, default_factory=dict)
    products: dict[str, int] = field(init=False, default_factory=dict)
    _names: set[str] = field(init=False, default_factory=set)

    def emitted(self) -> Quantised:
        """Build the model. Raises ModelRefused, with the name of the node."""
        plan = self.plan
        inputs = [Port(name, plan.shapes[name], sequence(plan, name)) for name in plan.inputs]
        for number, port in enumerate(inputs):
            kind, zero, scale = self.numbers[port.name]
            sides = [port.shape[axis] for axis in port.order]
            if number == 0:
                self.builder = Builder(kind, sides, zero, scale)
            else:
                self.builder.add_input(kind, sides, zero, scale)
            self.placed[port.name] = Placed(number, port.shape, port.order)
        for step in plan.steps:
            self.placed[step.output] = self._emit(step)
        results = [self.placed[name] for name in plan.outputs]
        scales = [self.numbers[name].scale for name in plan.outputs]
        for name, result in zip(plan.outputs, results, strict=True):
            if result.tensor < len(inputs):
                raise ModelRefused(f"output {name!r} is an input: export the model without it")
        model = self.builder.model(scales, outputs=[result.tensor for result in results])
        outputs = [
            Port(name, result.shape, result.order)
            for name, result in zip(plan.outputs, results, strict=True)
        ]
        return Quantised(model, inputs, outputs, self.numbers, self.products)

    def _emit(self, step: Step) -> Placed:
        emit = _EMITTERS[type(step)]
        return emit(self, step)

    # ---- names and axes

    def name(self, step: Step, what: str = "") -> str:
        """Return a name that no other node has."""
        base = step.name[:MAX_NAME] + what
        name, numbers = base, count()
        while name in self._names:
            name = f"{base}.{next(numbers)}"
        self._names.add(name)
        return name

    def ordered(self, step: Step, value: Placed, order: Sequence[int]) -> Placed:
        """Return a value with its axes in another order."""
        tensor = self.shaped(step, value, order, [value.shape[axis] for axis in order])
        return Placed(tensor, value.shape, tuple(order))

    def shaped(
        self, step: Step, value: Placed, order: Sequence[int], sides: Sequence[int]
    ) -> int:
        """Return a tensor with the elements in an order of axes, seen in a shape."""
        kept = [axis for axis in value.order if value.shape[axis] > 1]
        wanted = [axis for axis in order if value.shape[axis] > 1]
        same = kept == wanted
        if same and list(self.builder.tensor(value.tensor).dims) == list(sides):
            return value.tensor
        if same:
            view, axes = tuple(sides), tuple(range(len(sides)))
        else:
            view = tuple(value.shape[axis] for axis in kept)
            axes = tuple(kept.index(axis) for axis in wanted)
        if len(view) > 6:
            raise ModelRefused.at(step.name, f"needs {len(view)} axes: at most 6 are supported")
        return self.builder.rearrange(
            self.name(step, ":axes"), value.tensor, view, axes, tuple(sides)
        )

    def windows_of(self, step: Step, name: str) -> Placed:
        """Return a value with channels last, and the batch first if it is more than one."""
        value = self.placed[name]
        rank = len(value.shape)
        if rank < 3:
            raise ModelRefused.at(step.name, f"needs channels and space, not {value.shape}")
        return self.ordered(step, value, _trimmed(value.shape, (0, *range(2, rank), 1)))

    def shape(self, step: Step) -> tuple[int, ...]:
        """Return the shape of a step's output."""
        return self.plan.shapes[step.output]

    def read(self, step: Step, at: int = 0) -> RealNumbers:
        """Return the numbers of an input."""
        return self.numbers[step.inputs[at]]

    def made(self, step: Step) -> RealNumbers:
        """Return the numbers of the output."""
        return self.numbers[step.output]

    # ---- products

    def _product(self, step: Product) -> Placed:
        placed = self._windowed(step, step.frame) if step.frame else self._rows(step)
        self.products[step.output] = placed.tensor
        return placed

    def _rows(self, step: Product) -> Placed:
        value = self.placed[step.inputs[0]]
        last = len(value.shape) - 1
        order = [axis for axis in value.order if axis != last and value.shape[axis] > 1]
        value = self.ordered(step, value, (*order, last))
        constants = self._constants(step, step.weights)
        made = self.made(step).numbers(step.clamp)
        tensor = self.builder.linear(self.name(step), value.tensor, *constants, made)
        return Placed(tensor, self.shape(step), value.order)

    def _windowed(self, step: Product, frame: Frame) -> Placed:
        if step.transposed:
            return self._transposed(step, frame)
        sides = self.placed[step.inputs[0]].shape[2:]
        whole = [at for at in range(len(sides)) if step.groups == 1 and covers(frame, at, sides)]
        if whole:
            return self._merged(step, frame, whole)
        value = self.windows_of(step, step.inputs[0])
        batch = int(value.shape[0] > 1)
        axes = (0, *range(2, step.weights.ndim), 1)
        kernels, bias, scales = self._constants(step, step.weights.transpose(axes))
        if batch:
            kernels = kernels[:, None]
        seen = window_of(step, frame, batch)
        made = self.made(step).numbers(step.clamp)
        tensor = self.builder.conv(
            self.name(step), value.tensor, kernels, bias, scales, seen, made, step.groups
        )
        return Placed(tensor, self.shape(step), value.order)

    def _merged(self, step: Product, frame: Frame, whole: Sequence[int]) -> Placed:
        """Emit a convolution whose window covers whole axes: they become channels."""
        value = self.placed[step.inputs[0]]
        batch = (0,) if value.shape[0] > 1 else ()
        rest = [at for at in range(len(frame.size)) if at not in whole]
        outer = (*batch, *(at + 2 for at in rest))
        inner = (*(at + 2 for at in whole), 1)
        length = prod(value.shape[axis] for axis in inner)
        sides = (*(value.shape[axis] for axis in outer), length)
        x = self.shaped(step, value, (*outer, *inner), sides)
        turned = step.weights.transpose((0, *(at + 2 for at in rest), *inner))
        constants = self._constants(step, turned.reshape(*turned.shape[: 1 + len(rest)], length))
        made = self.made(step).numbers(step.clamp)
        if rest:
            kernels, bias, scales = constants
            kernels = kernels[:, None] if batch else kernels
            left = Frame(*(tuple(column[at] for at in rest) for column in columns_of(frame)))
            seen = window_of(step, left, len(batch))
            tensor = self.builder.conv(self.name(step), x, kernels, bias, scales, seen, made)
        else:
            columns, bias, scales = constants
            tensor = self.builder.linear(
                self.name(step), x, columns.reshape(len(columns), -1), bias, scales, made
            )
        return Placed(tensor, self.shape(step), (*outer, 1))

    def _transposed(self, step: Product, frame: Frame) -> Placed:
        value = self.windows_of(step, step.inputs[0])
        if value.shape[0] > 1:
            raise ModelRefused.at(step.name, "a transposed convolution of several rows of a batch")
        if set(frame.apart) != {1}:
            raise ModelRefused.at(step.name, "a transposed convolution with dilations")
        axes = (0, *range(2, step.weights.ndim), 1)
        kernels, bias, scales = self._constants(step, step.weights.transpose(axes))
        pads = (*frame.before, *frame.after)
        tensor = self.builder.conv_transposed(
            self.name(step), value.tensor, kernels, bias, scales, frame.step, pads, step.extra,
            self.made(step).numbers(step.clamp), step.groups,
        )  # fmt: skip
        return Placed(tensor, self.shape(step), value.order)

    def _constants(self, step: Product, weights: Float64s) -> tuple[Int8s, Int32s, Float32s]:
        """Return weights in 8 bits, one scale for each channel, biases and scales of the output."""
        read, made = self.read(step), self.made(step)
        bias = step.bias + self.corrections.get(step.output, np.zeros(len(weights)))
        steps = weight_scales(weights, bias, read)
        along = steps.reshape(-1, *[1] * (weights.ndim - 1))
        whole = np.clip(np.rint(weights / along), -WEIGHT, WEIGHT).astype(np.int8)
        unit = read.scale * steps
        biases = np.rint(bias / unit)
        scales = (unit / made.scale).astype(np.float32)
        return np.ascontiguousarray(whole), biases.astype(np.int32), scales

    # ---- elements

    def _function(self, step: Function) -> Placed:
        value, read, made = self.placed[step.inputs[0]], self.read(step), self.made(step)
        if read.kind in BYTES:
            entries = np.arange(read.kind.low, read.kind.high + 1) - read.zero
            values = tabled(step.apply, entries * read.scale, made)
            tensor = self.builder.table(self.name(step), value.tensor, values, made.numbers())
        else:
            entries = np.arange(-TABLE_HALF, TABLE_HALF) * TABLE_STEPS
            values = tabled(step.apply, entries * read.scale, made)
            tensor = self.builder.wide_table(self.name(step), value.tensor, values, made.numbers())
        return replace(value, tensor=tensor)

    def _affine(self, step: Affine) -> Placed:
        value = self.placed[step.inputs[0]]
        if len(step.axes) == 1:
            (axis,) = step.axes
            order = (*(other for other in value.order if other != axis), axis)
            value = self.ordered(step, value, order)
            rows = (np.broadcast_to(c, _along(value.shape, axis)) for c in _pair(step))
        else:
            rows = (_packed(np.broadcast_to(c, value.shape), value.order) for c in _pair(step))
        factor, offset = (row.reshape(-1).astype(np.float64) for row in rows)
        tensor = self._affined(step, value.tensor, factor, offset, self.read(step), self.made(step))
        return replace(value, tensor=tensor)

    def _affined(
        self, step: Step, x: int, factor: Float64s, offset: Float64s, read: RealNumbers,
        made: RealNumbers,
    ) -> int:  # fmt: skip
        """Add an affine node with records for channels, or for elements."""
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
        return self.builder.affine(
            self.name(step), x, offsets.astype(np.int32), factors.astype(np.int32), shift,
            made.numbers(),
        )  # fmt: skip

    def _total(self, step: Total) -> Placed:
        a = self.placed[step.inputs[0]]
        b = self.ordered(step, self.placed[step.inputs[1]], a.order)
        made = self.made(step)
        first, second = (by * self.read(step, at).scale / made.scale for at, by in enumerate(step.by))
        tensor = self.builder.add(
            self.name(step), a.tensor, b.tensor, (first, second), made.numbers()
        )
        return replace(a, tensor=tensor)

    def _multiply(self, step: Multiply) -> Placed:
        a, b = (self.placed[name] for name in step.inputs)
        lacking = len(a.shape) - len(b.shape)
        shape = (1,) * lacking + b.shape
        aligned = Placed(b.tensor, shape, tuple(axis + lacking for axis in b.order))
        b = self.ordered(step, aligned, a.order)
        made = self.made(step)
        scale = self.read(step).scale * self.read(step, 1).scale / made.scale
        tensor = self.builder.multiply(
            self.name(step), a.tensor, b.tensor, scale, made.numbers()
        )
        return replace(a, tensor=tensor)

    def _hypot(self, step: Hypot) -> Placed:
        a = self.placed[step.inputs[0]]
        b = self.ordered(step, self.placed[step.inputs[1]], a.order)
        made = self.made(step)
        scale = self.read(step).scale / made.scale
        tensor = self.builder.hypot(self.name(step), a.tensor, b.tensor, scale, made.numbers())
        return replace(a, tensor=tensor)

    def _concat(self, step: Concat) -> Placed:
        shape, made = self.shape(step), self.made(step)
        axes = _trimmed(shape, [axis for axis in range(len(shape)) if axis != step.axis])
        kept = [axis for axis in self.placed[step.inputs[0]].order if axis in axes]
        order = (*kept, *(axis for axis in axes if axis not in kept and shape[axis] > 1), step.axis)
        order = tuple(axis for axis in order[:-1] if axis != step.axis) + (step.axis,)
        whole: int | None = None
        for at, name in enumerate(step.inputs):
            part = self.ordered(step, self.placed[name], order).tensor
            part = self._rescaled(step, part, self.read(step, at), made)
            if whole is None:
                whole = part
            else:
                whole = self.builder.concat(self.name(step), whole, part)
        if whole is None:
            raise ModelRefused.at(step.name, "joins nothing")
        return Placed(whole, shape, order)

    def _rescaled(self, step: Step, tensor: int, read: RealNumbers, made: RealNumbers) -> int:
        """Return the same values in other numbers."""
        if read == made:
            return tensor
        if read.kind in BYTES and made.kind in BYTES:
            entries = np.arange(read.kind.low, read.kind.high + 1) - read.zero
            values = tabled(np.asarray, entries * read.scale, made)
            return self.builder.table(
                self.name(step, ":numbers"), tensor, values, made.numbers()
            )
        channels = self.builder.tensor(tensor).dims[-1]
        return self._affined(step, tensor, np.ones(channels), np.zeros(channels), read, made)

    # ---- windows

    def _max_pool(self, step: MaxPool) -> Placed:
        value = self.windows_of(step, step.inputs[0])
        seen = window_of(step, step.frame, int(value.shape[0] > 1))
        return Placed(
            self.builder.max_pool(self.name(step), value.tensor, seen),
            self.shape(step),
            value.order,
        )

    def _average_pool(self, step: AveragePool) -> Placed:
        value = self.windows_of(step, step.inputs[0])
        seen = window_of(step, step.frame, int(value.shape[0] > 1))
        scale = self.read(step).scale / self.made(step).scale / prod(step.frame.size)
        made = self.made(step).numbers()
        tensor = self.builder.average_pool(self.name(step), value.tensor, seen, scale, made)
        return Placed(tensor, self.shape(step), value.order)

    def _mean(self, step: Mean) -> Placed:
        """Emit a mean: the other axes as lines of an image, so that a proof opens one line."""
        value, made = self.placed[step.inputs[0]], self.made(step)
        length = prod(value.shape[axis] for axis in step.axes)
        kept = [axis for axis in value.order if axis not in step.axes and value.shape[axis] > 1]
        sides = [value.shape[axis] for axis in kept]
        x = self.shaped(step, value, (*kept, *step.axes), (prod(sides), length, 1))
        if length > MAX_MEAN:
            raise ModelRefused.at(
                step.name, f"a mean of {length} numbers: at most {MAX_MEAN}; pool before"
            )
        seen = window((1, length), (1, length))
        scale = self.read(step).scale / made.scale / length
        mean = self.builder.average_pool(self.name(step), x, seen, scale, made.numbers())
        flat = tuple(sides) or (1,)
        dims = self.builder.tensor(mean).dims
        tensor = self.builder.rearrange(
            self.name(step, ":axes"), mean, dims, range(len(dims)), flat
        )
        shape = self.shape(step)
        removed = len(value.shape) - len(shape)
        if removed:
            kept = [axis - sum(gone < axis for gone in step.axes) for axis in kept]
        return Placed(tensor, shape, tuple(kept) or (0,))

    def _resize(self, step: Resize) -> Placed:
        value = self.windows_of(step, step.inputs[0])
        shape = self.shape(step)
        if value.shape[0] > 1:
            raise ModelRefused.at(step.name, "resizes several rows of a batch")
        tensor = self.builder.resize(
            self.name(step), value.tensor, shape[2:], step.linear, step.asymmetric
        )
        return Placed(tensor, shape, value.order)

    # ---- moves

    def _transpose(self, step: Transpose) -> Placed:
        value = self.placed[step.inputs[0]]
        order = tuple(step.axes.index(axis) for axis in value.order)
        return Placed(value.tensor, self.shape(step), order)

    def _reshape(self, step: Reshape) -> Placed:
        value, shape = self.placed[step.inputs[0]], self.shape(step)
        old = [axis for axis, size in enumerate(value.shape) if size > 1]
        new = [axis for axis, size in enumerate(shape) if size > 1]
        if [value.shape[axis] for axis in old] == [shape[axis] for axis in new]:
            order = [new[old.index(axis)] for axis in value.order if value.shape[axis] > 1]
            if order and len(order) == len(value.order):
                return Placed(value.tensor, shape, tuple(order))
        order = new or [0]
        tensor = self.shaped(step, value, old, [shape[axis] for axis in order])
        return Placed(tensor, shape, tuple(order))

    def _slice(self, step: Slice) -> Placed:
        value, shape = self.placed[step.inputs[0]], self.shape(step)
        columns = (
            [column[axis] for axis in value.order] for column in (step.begin, step.step, step.size)
        )
        if all(value.shape[axis] == shape[axis] for axis in value.order):
            return Placed(value.tensor, shape, value.order)
        return Placed(
            self.builder.slice(self.name(step), value.tensor, *columns), shape, value.order
        )

    def _pad(self, step: Pad) -> Placed:
        value, shape = self.placed[step.inputs[0]], self.shape(step)
        lacking = [
            axis for axis, size in enumerate(shape) if size > 1 and axis not in value.order
        ]
        if lacking:
            value = self.ordered(step, value, (*lacking, *value.order))
        before, after = (
            [column[axis] for axis in value.order] for column in (step.before, step.after)
        )
        mode = _MODES.get(step.mode)
        if mode is None:
            raise ModelRefused.at(step.name, f"mode {step.mode}: known are {', '.join(_MODES)}")
        tensor = self.builder.pad(self.name(step), value.tensor, before, after, mode)
        return Placed(tensor, shape, value.order)


# ---- helpers


def _along(shape: Sequence[int], axis: int) -> tuple[int, ...]:
    """Return a shape with one axis of its size, and all others of size 1."""
    return tuple(size if at == axis else 1 for at, size in enumerate(shape))


def _pair(step: Affine) -> tuple[Float64s, Float64s]:
    return step.factor, step.offset


def _packed(values: Float64s, order: Sequence[int]) -> Float64s:
    """Return one item's numbers in an order of axes."""
    left_out = [axis for axis in range(values.ndim) if axis not in order]
    return values.transpose([*left_out, *order])


_EMITTERS: Final[Mapping[type[Step], Callable[[Emitter, Any], Placed]]] = {
    Affine: Emitter._affine,
    AveragePool: Emitter._average_pool,
    Concat: Emitter._concat,
    Function: Emitter._function,
    Hypot: Emitter._hypot,
    MaxPool: Emitter._max_pool,
    Mean: Emitter._mean,
    Multiply: Emitter._multiply,
    Pad: Emitter._pad,
    Product: Emitter._product,
    Reshape: Emitter._reshape,
    Resize: Emitter._resize,
    Slice: Emitter._slice,
    Total: Emitter._total,
    Transpose: Emitter._transpose,
}
