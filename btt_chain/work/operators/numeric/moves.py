"""The same elements in another order, and joined rows, in numpy."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.random import Generator

from btt_chain.work.model import Constants, Elements, Float32s
from btt_chain.work.operators import Concat, Rearrange
from btt_chain.work.operators.numeric.kernel import FloatFunction, Kernel, NodeOf


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
