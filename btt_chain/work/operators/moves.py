"""The same elements in another order and shape, or with those of a second tensor."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import ClassVar

from btt_chain.scale import Bounded, u8, u32
from btt_chain.work.errors import ModelRefused
from btt_chain.work.layout import flat, position
from btt_chain.work.operators.base import Inputs, Operator, check_same_numbers, expect
from btt_chain.work.tensors import SMALL, Kind, Tensor, TensorId


class Rearrange(Operator, index=9):
    """The same elements in the shape `view`, axes exchanged, in the output's shape."""

    x: TensorId
    view: Bounded[list[u32], 6]
    axes: Bounded[list[u8], 6]

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
