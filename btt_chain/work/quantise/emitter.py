"""A graph under construction: values with lazy orders of axes, names, inputs and outputs.

A value keeps the order of its axes until a step needs another one: channels are last for windows,
transpositions and axes of size 1 cost nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Final, TypeAlias

import numpy as np

from btt_chain.work.build import Builder
from btt_chain.work.errors import ModelRefused
from btt_chain.work.model import Elements, Float64s, Model, quantised
from btt_chain.work.quantise.floats import Array, Feeds
from btt_chain.work.quantise.ranges import RealNumbers
from btt_chain.work.quantise.steps import (
    Affine,
    AveragePool,
    Concat,
    Function,
    MaxPool,
    Mean,
    Pad,
    Plan,
    Product,
    Recurrent,
    Resize,
    RowProduct,
    Slice,
    Step,
    Total,
    Transpose,
)  # fmt: skip

MAX_NAME: Final = 48
MAX_VIEW: Final = 8
"""Maximum axes of a tensor whose axes are exchanged."""

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

    def class_axis(self, plan: Plan, number: int) -> int | None:
        """Return the axis of the classes of an output without an ending; None if there is one.

        It has as many places as the last product has channels, else it is the model's last axis.
        """
        name, port = plan.outputs[number], self.outputs[number]
        makers = plan.makers()
        ends = Product | RowProduct | Concat | Recurrent
        while name in makers and not isinstance(makers[name], ends):
            name = makers[name].inputs[0]
        maker = makers.get(name)
        if not isinstance(maker, Product | RowProduct):
            return port.order[-1]
        channels = len(maker.weights)
        if channels == 1:
            return None
        axes = [axis for axis in reversed(port.order) if port.shape[axis] == channels]
        return axes[0] if axes else port.order[-1]

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
        return trimmed(shape, range(len(shape)))
    windowed = isinstance(step, MaxPool | AveragePool | Resize | Mean)
    windowed = windowed or (isinstance(step, Product) and step.frame is not None)
    if windowed and len(axes) > 2:
        axes = [axes[0], *axes[2:], axes[1]]
    elif not isinstance(step, Product):
        axes = list(range(len(shape)))
    return trimmed(shape, axes)


def trimmed(shape: Sequence[int], order: Sequence[int]) -> tuple[int, ...]:
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

    def emitted(self, emit: Callable[[Step, Emitter], Placed]) -> Quantised:
        """Build the model; `emit` adds a step. Raises ModelRefused, with the name of the node."""
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
            placed = self.placed[step.output] = emit(step, self)
            dims = self.builder.tensor(placed.tensor).dims
            if placed.shape != plan.shapes[step.output] or list(dims) != placed.sides():
                raise ModelRefused.at(
                    step.name,
                    f"makes {dims} here, {plan.shapes[step.output]} in the float model: it is not "
                    "read as the file means it",
                )
        results = [self.placed[name] for name in plan.outputs]
        scales = [self.numbers[name].scale for name in plan.outputs]
        names: dict[int, str] = {}
        for name, result in zip(plan.results, results, strict=True):
            if result.tensor < len(inputs):
                raise ModelRefused(f"output {name!r} is an input: export the model without it")
            first = names.setdefault(result.tensor, name)
            if first != name:
                raise ModelRefused(
                    f"outputs {first!r} and {name!r} have the same elements: export one of them"
                )
        model = self.builder.model(scales, outputs=[result.tensor for result in results])
        outputs = [
            Port(name, result.shape, result.order)
            for name, result in zip(plan.outputs, results, strict=True)
        ]
        return Quantised(model, inputs, outputs, self.numbers, self.products)

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

    def shaped(self, step: Step, value: Placed, order: Sequence[int], sides: Sequence[int]) -> int:
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
        if len(view) > MAX_VIEW:
            raise ModelRefused.at(step.name, f"needs {len(view)} axes: at most {MAX_VIEW} are")
        return self.builder.rearrange(
            self.name(step, ":axes"), value.tensor, view, axes, tuple(sides)
        )

    def windows_of(self, step: Step, name: str) -> Placed:
        """Return a value with channels last, and the batch first if it is more than one."""
        value = self.placed[name]
        rank = len(value.shape)
        if rank < 3:
            raise ModelRefused.at(step.name, f"needs channels and space, not {value.shape}")
        return self.ordered(step, value, trimmed(value.shape, (0, *range(2, rank), 1)))

    def shape(self, step: Step) -> tuple[int, ...]:
        """Return the shape of a step's output."""
        return self.plan.shapes[step.output]

    def read(self, step: Step, at: int = 0) -> RealNumbers:
        """Return the numbers of an input."""
        return self.numbers[step.inputs[at]]

    def made(self, step: Step) -> RealNumbers:
        """Return the numbers of the output."""
        return self.numbers[step.output]
