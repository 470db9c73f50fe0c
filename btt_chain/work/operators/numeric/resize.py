"""Images with other sides, in numpy: one axis after the other, and rounded once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from btt_chain.work.model import Constants, Elements, Float32s, Int64s
from btt_chain.work.operators import Resize
from btt_chain.work.operators.numeric import blocks
from btt_chain.work.operators.numeric.kernel import FloatFunction, Kernel, NodeOf
from btt_chain.work.operators.numeric.moves import taken
from btt_chain.work.operators.numeric.requantise import Whole, shift_right
from btt_chain.work.tensors import BYTES

N = TypeVar("N", bound=np.generic)


class Taps(NamedTuple):
    """The two pixels of the input for each pixel along an axis, and the weight of the second."""

    first: Int64s
    second: Int64s
    weight: Int64s


class ResizeKernel(Kernel[Resize]):
    """An image with other sides, prepared for execution."""

    def __init__(self, node: NodeOf[Resize], constants: Constants | None) -> None:
        super().__init__(node, constants)
        self._nearest = _nearest(node)
        self._taps = _taps(node)

    def run(self, inputs: Sequence[Elements], made: Elements) -> None:
        """Take the nearest pixels of all items, or compute the means item by item."""
        if not self.op.linear:
            made[...] = taken(inputs[0], self._nearest)
            return
        for item, result in zip(inputs[0], made, strict=True):
            # Sums of bytes are below 2^29, of 16 bits below 2^37.
            if self.out.kind in BYTES:
                self._means(item.astype(np.int32), result)
            else:
                self._means(item.astype(np.int64), result)

    def _means(self, total: NDArray[Whole], made: Elements) -> None:
        """Sum along the inner axes first, then along the first one, some lines at a time."""
        bits = self.op.bits
        outer, *inner = self._taps
        for axis, taps in enumerate(inner, start=1):
            total = _blended(total, taps, axis, bits)
        lines = max(1, blocks.BLOCK_ELEMENTS // made[0].size)
        for at in range(0, len(made), lines):
            part = slice(at, at + lines)
            some = Taps(outer.first[part], outer.second[part], outer.weight[part])
            block = _blended(total, some, 0, bits)
            shift_right(block, bits * len(self._taps))
            made[part] = block

    @staticmethod
    def in_floats(node: NodeOf[Resize], rng: Generator) -> FloatFunction:
        """Return the nearest pixels, or means with weights in float32."""
        nearest, axes, one = _nearest(node), _taps(node), np.float32(1 << node.op.bits)

        def run(inputs: Sequence[Float32s]) -> Float32s:
            result = inputs[0]
            for axis, taps in enumerate(axes, start=1):
                weight = _along(taps.weight / one, axis, result.ndim).astype(np.float32)
                first, second = (
                    np.take(result, taps.first, axis),
                    np.take(result, taps.second, axis),
                )
                result = first + (second - first) * weight
            return result

        return run if node.op.linear else lambda inputs: taken(inputs[0], nearest)


def _nearest(node: NodeOf[Resize]) -> list[Int64s | None]:
    """Return the nearest pixel of each along an axis; None if the axis keeps its pixels."""
    sources: list[Int64s | None] = []
    for old, new in zip(node.inputs[0].dims[:-1], node.out.dims, strict=False):
        at = np.arange(new)
        places = at * old // new if node.op.asymmetric else (2 * at + 1) * old // (2 * new)
        sources.append(None if old == new else places)
    return sources


def _taps(node: NodeOf[Resize]) -> list[Taps]:
    """Return the taps of each axis, the outermost first."""
    axes: list[Taps] = []
    for old, new in zip(node.inputs[0].dims[:-1], node.out.dims, strict=False):
        first, rest = np.divmod((2 * np.arange(new) + 1) * old - new, 2 * new)
        weight = ((rest << node.op.bits) + new) // (2 * new)
        axes.append(Taps(np.clip(first, 0, old - 1), np.clip(first + 1, 0, old - 1), weight))
    return axes


def _blended(x: NDArray[Whole], taps: Taps, axis: int, bits: int) -> NDArray[Whole]:
    """Return the sums of both taps along an axis, 2^bits times their mean."""
    weight = _along(taps.weight, axis, x.ndim).astype(x.dtype)
    total: NDArray[Whole] = np.take(x, taps.first, axis)
    total *= x.dtype.type(1 << bits) - weight
    other: NDArray[Whole] = np.take(x, taps.second, axis)
    other *= weight
    total += other
    return total


def _along(weights: NDArray[N], axis: int, rank: int) -> NDArray[N]:
    """Return weights as an array that is broadcast along all axes but one."""
    return weights.reshape(*(-1 if at == axis else 1 for at in range(rank)))
