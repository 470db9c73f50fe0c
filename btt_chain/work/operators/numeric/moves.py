"""Elements in another order, some of them, with others around them, and joined rows, in numpy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from btt_chain.work.model import Constants, Elements, Float32s, Int64s
from btt_chain.work.operators import Concat, Pad, Rearrange, Slice
from btt_chain.work.operators.moves import Padding
from btt_chain.work.operators.numeric.kernel import FloatFunction, Kernel, NodeOf

E = TypeVar("E", bound=np.generic)


class RearrangeKernel(Kernel[Rearrange]):
    """A move of elements, prepared for execution."""

    def __init__(self, node: NodeOf[Rearrange], constants: Constants | None) -> None:
        super().__init__(node, constants)
        self._view, self._axes = _order(node.op)

    def run(self, inputs: Sequence[Elements], made: Elements) -> None:
        """Exchange the axes of the view."""
        view = inputs[0].reshape(len(made), *self._view)
        made[...] = view.transpose(self._axes).reshape(made.shape)

    @staticmethod
    def in_floats(node: NodeOf[Rearrange], rng: Generator) -> FloatFunction:
        """Return the same elements, contiguous."""
        view, axes = _order(node.op)
        dims = node.out.dims

        def run(inputs: Sequence[Float32s]) -> Float32s:
            moved = inputs[0].reshape(-1, *view).transpose(axes)
            return np.ascontiguousarray(moved).reshape(-1, *dims)

        return run


def _order(op: Rearrange) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the view, and the order of the axes of a batch of it."""
    return tuple(map(int, op.view)), (0, *(int(axis) + 1 for axis in op.axes))


class ConcatKernel(Kernel[Concat]):
    """A join of rows, prepared for execution."""

    def run(self, inputs: Sequence[Elements], made: Elements) -> None:
        """Write both parts of each row."""
        a, b = inputs
        width = a.shape[-1]
        made[..., :width] = a
        made[..., width:] = b

    @staticmethod
    def in_floats(node: NodeOf[Concat], rng: Generator) -> FloatFunction:
        """Return joined rows."""
        return lambda inputs: np.concatenate(inputs, -1)


class SliceKernel(Kernel[Slice]):
    """A part of a tensor, prepared for execution."""

    def run(self, inputs: Sequence[Elements], made: Elements) -> None:
        """Copy the elements."""
        made[...] = inputs[0][_part(self.op)]

    @staticmethod
    def in_floats(node: NodeOf[Slice], rng: Generator) -> FloatFunction:
        """Return the same elements, contiguous."""
        part = _part(node.op)
        return lambda inputs: np.ascontiguousarray(inputs[0][part])


def _part(op: Slice) -> tuple[slice, ...]:
    """Return the index of the elements in a batch."""
    ranges = zip(op.begin, op.step, op.size, strict=True)
    parts = (
        slice(int(begin), int(begin) + (int(size) - 1) * int(step) + 1, int(step))
        for begin, step, size in ranges
    )
    return slice(None), *parts


class PadKernel(Kernel[Pad]):
    """A padded tensor, prepared for execution."""

    def __init__(self, node: NodeOf[Pad], constants: Constants | None) -> None:
        super().__init__(node, constants)
        self._inner = _inner(node)
        self._sources = _sources(node)

    def run(self, inputs: Sequence[Elements], made: Elements) -> None:
        """Put the tensor into zeros, or take its elements along each axis."""
        if self.op.mode is Padding.Zero:
            made[...] = int(self.out.zero)
            made[self._inner] = inputs[0]
        else:
            made[...] = taken(inputs[0], self._sources)

    @staticmethod
    def in_floats(node: NodeOf[Pad], rng: Generator) -> FloatFunction:
        """Return the padded tensor."""
        inner, sources, dims = _inner(node), _sources(node), node.out.dims
        if node.op.mode is not Padding.Zero:
            return lambda inputs: taken(inputs[0], sources)

        def run(inputs: Sequence[Float32s]) -> Float32s:
            result = np.zeros((len(inputs[0]), *dims), np.float32)
            result[inner] = inputs[0]
            return result

        return run


def taken(x: NDArray[E], sources: Sequence[Int64s | None]) -> NDArray[E]:
    """Return elements of a batch by their places along each axis; None leaves an axis as it is."""
    for axis, places in enumerate(sources, start=1):
        if places is not None:
            x = np.take(x, places, axis)
    return x


def _inner(node: NodeOf[Pad]) -> tuple[slice, ...]:
    """Return the place of the tensor in a padded batch."""
    pads = zip(node.op.before, node.inputs[0].dims, strict=True)
    return slice(None), *(slice(int(before), int(before) + side) for before, side in pads)


def _sources(node: NodeOf[Pad]) -> list[Int64s | None]:
    """Return the places of the elements of each axis in the input; None if nothing is added."""
    op = node.op
    axes = zip(op.before, node.inputs[0].dims, op.after, strict=True)
    return [
        _places(op.mode, np.arange(-int(before), side + int(after)), side)
        if before or after
        else None
        for before, side, after in axes
    ]


def _places(mode: Padding, at: Int64s, side: int) -> Int64s:
    """Return the places of elements that are counted from the first one of an axis."""
    if mode is Padding.Wrap:
        return at % side
    if mode is Padding.Reflect:
        period = max(1, 2 * (side - 1))
        at = at % period
        return np.minimum(at, period - at)
    return np.clip(at, 0, side - 1)
