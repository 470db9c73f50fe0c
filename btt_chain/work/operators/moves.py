"""Elements of a tensor in another order and shape, some of them, or with others around them."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from math import prod
from typing import ClassVar

from btt_chain.scale import Bounded, path, u8, u32
from btt_chain.work.errors import ModelRefused
from btt_chain.work.layout import flat, position
from btt_chain.work.operators.base import (
    Inputs,
    Operator,
    check_growth,
    check_same_numbers,
    expect,
)
from btt_chain.work.tensors import SMALL, Kind, Tensor, TensorId


class Rearrange(Operator, index=9):
    """The same elements in the shape `view`, axes exchanged, in the output's shape."""

    x: TensorId
    view: Bounded[list[u32], 8]
    axes: Bounded[list[u8], 8]

    reads_computed_elements: ClassVar[bool] = True
    reads: ClassVar[frozenset[Kind]] = SMALL
    makes: ClassVar[frozenset[Kind]] = SMALL

    @property
    def inputs(self) -> tuple[int, ...]:
        """The elements."""
        return (int(self.x),)

    def check(self, name: str, inputs: Sequence[Tensor], out: Tensor) -> None:
        """Check that every element has one place."""
        x, view = inputs[0], tuple(map(int, self.view))
        if min(view, default=0) < 1 or prod(view) != x.size:
            raise ModelRefused.at(name, f"{x.dims} cannot be seen as {view}")
        if sorted(self.axes) != list(range(len(view))):
            raise ModelRefused.at(name, f"{list(map(int, self.axes))} does not name each axis once")
        if out.size != x.size:
            raise ModelRefused.at(name, f"says it makes {out.dims} of {x.size} elements")
        check_same_numbers(name, inputs, out)

    def element(self, index: int, out: Tensor, read: Inputs) -> int:
        """Return the element from its place before the axes were exchanged."""
        view = tuple(map(int, self.view))
        there = position(index, tuple(view[axis] for axis in self.axes))
        here = [0] * len(view)
        for axis, at in zip(self.axes, there, strict=True):
            here[axis] = at
        return read.one(self.x, flat(tuple(here), view))


class Concat(Operator, index=10):
    """Rows of `a`, each followed by the row of `b`: equal kinds and zeros."""

    a: TensorId
    b: TensorId

    reads_computed_elements: ClassVar[bool] = True
    reads: ClassVar[frozenset[Kind]] = SMALL
    makes: ClassVar[frozenset[Kind]] = SMALL

    @property
    def inputs(self) -> tuple[int, ...]:
        """Both parts of a row."""
        return int(self.a), int(self.b)

    def check(self, name: str, inputs: Sequence[Tensor], out: Tensor) -> None:
        """Check that the shapes differ in the length of rows at most."""
        a, b = inputs
        if a.dims[:-1] != b.dims[:-1]:
            raise ModelRefused.at(name, f"cannot join {a.dims} and {b.dims}")
        expect(name, out, (*a.dims[:-1], a.dims[-1] + b.dims[-1]))
        check_same_numbers(name, inputs, out)

    def element(self, index: int, out: Tensor, read: Inputs) -> int:
        """Return an element of either part."""
        row, at = divmod(index, out.dims[-1])
        width = read.tensor(self.a).dims[-1]
        if at < width:
            return read.one(self.a, row * width + at)
        rest = out.dims[-1] - width
        return read.one(self.b, row * rest + at - width)


class Slice(Operator, index=16):
    """`size` elements along each axis: the first is at `begin`, neighbours are `step` apart."""

    x: TensorId
    begin: Bounded[list[u32], 5]
    step: Bounded[list[u32], 5]
    size: Bounded[list[u32], 5]

    reads_computed_elements: ClassVar[bool] = True
    reads: ClassVar[frozenset[Kind]] = SMALL
    makes: ClassVar[frozenset[Kind]] = SMALL

    @property
    def inputs(self) -> tuple[int, ...]:
        """The elements."""
        return (int(self.x),)

    def check(self, name: str, inputs: Sequence[Tensor], out: Tensor) -> None:
        """Check that all elements are in the input."""
        sides = inputs[0].dims
        if not len(self.begin) == len(self.step) == len(self.size) == len(sides):
            raise ModelRefused.at(
                name, f"needs begin, step and size for each of the {len(sides)} axes of {sides}"
            )
        expect(name, out, tuple(map(int, self.size)))
        if min(self.step) < 1:
            raise ModelRefused.at(name, "the step along an axis is at least 1")
        ranges = zip(sides, self.begin, self.step, self.size, strict=True)
        for axis, (side, begin, step, size) in enumerate(ranges):
            last = int(begin) + (int(size) - 1) * int(step)
            if last >= side:
                raise ModelRefused.at(
                    name, f"takes element {last} of axis {axis}, which has {side}"
                )
        check_same_numbers(name, inputs, out)

    def element(self, index: int, out: Tensor, read: Inputs) -> int:
        """Return the element from its place in the input."""
        ranges = zip(position(index, out.dims), self.begin, self.step, strict=True)
        source = tuple(int(begin) + at * int(step) for at, begin, step in ranges)
        return read.one(self.x, flat(source, read.tensor(self.x).dims))


@path("btt_work::Padding")
class Padding(IntEnum):
    """The elements around a padded tensor. All but `Zero` are those of numpy.pad."""

    Zero = 0
    """The element with the value zero."""
    Edge = 1
    """The nearest element."""
    Reflect = 2
    """The elements mirrored at the outermost ones, which are not repeated."""
    Wrap = 3
    """The elements from the other end."""

    def source(self, at: int, side: int) -> int | None:
        """Return the place of an element of a padded axis, or None for the tensor's zero.

        `at` is counted from the axis's first element, `side` is the number of its elements.
        """
        if self is Padding.Zero:
            return at if 0 <= at < side else None
        if self is Padding.Edge:
            return min(max(at, 0), side - 1)
        if self is Padding.Wrap:
            return at % side
        period = max(1, 2 * (side - 1))
        at %= period
        return min(at, period - at)


class Pad(Operator, index=17):
    """A tensor with elements before and after it along each axis."""

    x: TensorId
    before: Bounded[list[u32], 5]
    after: Bounded[list[u32], 5]
    mode: Padding

    reads_computed_elements: ClassVar[bool] = True
    reads: ClassVar[frozenset[Kind]] = SMALL
    makes: ClassVar[frozenset[Kind]] = SMALL

    @property
    def inputs(self) -> tuple[int, ...]:
        """The tensor that is padded."""
        return (int(self.x),)

    def check(self, name: str, inputs: Sequence[Tensor], out: Tensor) -> None:
        """Check that each axis has its padding, and that there is not too much of it."""
        x = inputs[0]
        if not len(self.before) == len(self.after) == len(x.dims):
            raise ModelRefused.at(
                name, f"needs padding before and after each of the {len(x.dims)} axes of {x.dims}"
            )
        axes = zip(self.before, x.dims, self.after, strict=True)
        expect(name, out, tuple(int(before) + side + int(after) for before, side, after in axes))
        check_growth(name, x, out)
        check_same_numbers(name, inputs, out)

    def element(self, index: int, out: Tensor, read: Inputs) -> int:
        """Return the element from its place in the input, or the zero."""
        sides = read.tensor(self.x).dims
        axes = zip(position(index, out.dims), self.before, sides, strict=True)
        source = [self.mode.source(at - int(before), side) for at, before, side in axes]
        inside = tuple(at for at in source if at is not None)
        if len(inside) < len(sides):
            return int(out.zero)
        return read.one(self.x, flat(inside, sides))
