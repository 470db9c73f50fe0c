"""Windows of images as views, their maxima and their sums."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Final, TypeVar

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.random import Generator
from numpy.typing import NDArray

from btt_chain.work.model import Elements, Float32s
from btt_chain.work.operators import AveragePool, MaxPool
from btt_chain.work.operators.numeric.kernel import FloatFunction, Kernel, NodeOf
from btt_chain.work.operators.numeric.requantise import requantise, scale_of
from btt_chain.work.tensors import Tensor, Window

E = TypeVar("E", bound=np.generic)


def padded(x: NDArray[E], window: Window, filler: int) -> NDArray[E]:
    """Return images with padding around them."""
    pads = [(int(axis.before), int(axis.after)) for axis in window.axes]
    if not any(map(any, pads)):
        return x
    *sides, channels = x.shape[1:]
    wide = [side + before + after for side, (before, after) in zip(sides, pads, strict=True)]
    rimmed = np.full((len(x), *wide, channels), filler, x.dtype)
    inner = [slice(before, before + side) for side, (before, _) in zip(sides, pads, strict=True)]
    rimmed[(slice(None), *inner)] = x
    return rimmed


def windows_of(images: NDArray[E], window: Window, sides: tuple[int, ...]) -> NDArray[E]:
    """Return a view of all windows: images, sides of the output, taps of each axis, channels."""
    each, *along, channels = images.strides
    strides = (
        each,
        *(stride * int(axis.step) for stride, axis in zip(along, window.axes, strict=True)),
        *(stride * int(axis.apart) for stride, axis in zip(along, window.axes, strict=True)),
        channels,
    )
    shape = (len(images), *sides, *window.sizes, images.shape[-1])
    return as_strided(images, shape, strides, writeable=False)


def seen_by(window: Window, images: Float32s, out: Tensor) -> Float32s:
    """Return the windows of the baseline in float32, of which each is an element of `out`."""
    return windows_of(padded(images, window, 0), window, out.dims[:-1])


def _tap(window: Window, tap: tuple[int, ...]) -> tuple[slice | int, ...]:
    """Return the index of one tap of all windows."""
    return (*(slice(None),) * (len(window.axes) + 1), *tap)


def _tap_axes(window: Window) -> tuple[int, ...]:
    """Return the axes of the taps in `windows_of`."""
    return tuple(range(len(window.axes) + 1, 2 * len(window.axes) + 1))


class MaxPoolKernel(Kernel[MaxPool]):
    """A maximum, prepared for execution."""

    def run(self, inputs: Sequence[Elements], made: Elements) -> None:
        """Compare the taps of all windows, tap by tap."""
        op, out = self.op, self.out
        images = padded(inputs[0], op.window, out.kind.low)
        seen = windows_of(images, op.window, out.dims[:-1])
        made[...] = out.kind.low
        for tap in np.ndindex(*op.window.sizes):
            np.maximum(made, seen[_tap(op.window, tap)], out=made)

    @staticmethod
    def in_floats(node: NodeOf[MaxPool], rng: Generator) -> FloatFunction:
        """Return the maximum of each window."""
        window, out = node.op.window, node.out

        def run(inputs: Sequence[Float32s]) -> Float32s:
            result: Float32s = seen_by(window, inputs[0], out).max(_tap_axes(window))
            return result

        return run


MANY_TAPS: Final = 32
"""Windows with more taps are summed one by one, those with fewer tap by tap."""


class AveragePoolKernel(Kernel[AveragePool]):
    """A sum of windows, prepared for execution."""

    def run(self, inputs: Sequence[Elements], made: Elements) -> None:
        """Sum the taps of all windows in 32 bits, and requantise."""
        op, out = self.op, self.out
        centred = inputs[0].astype(np.int32)
        centred -= np.int32(self.node.inputs[0].zero)
        seen = windows_of(padded(centred, op.window, 0), op.window, out.dims[:-1])
        taps = op.window.sizes
        if prod(taps) > MANY_TAPS:
            total = seen.sum(axis=_tap_axes(op.window), dtype=np.int32)
        else:
            total = np.zeros(made.shape, np.int32)
            for tap in np.ndindex(*taps):
                total += seen[_tap(op.window, tap)]
        requantise(total, scale_of(op.scale), out, (out.kind.low, out.kind.high), made)

    @staticmethod
    def in_floats(node: NodeOf[AveragePool], rng: Generator) -> FloatFunction:
        """Return the mean of each window."""
        window, out = node.op.window, node.out

        def run(inputs: Sequence[Float32s]) -> Float32s:
            result: Float32s = seen_by(window, inputs[0], out).mean(_tap_axes(window))
            return result

        return run
