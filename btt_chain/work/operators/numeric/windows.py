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
    top, left = int(window.top), int(window.left)
    bottom, right = int(window.bottom), int(window.right)
    if not max(top, left, bottom, right):
        return x
    count, height, width, channels = x.shape
    shape = (count, height + top + bottom, width + left + right, channels)
    rimmed = np.full(shape, filler, x.dtype)
    rimmed[:, top : top + height, left : left + width] = x
    return rimmed


def taps_of(window: Window) -> tuple[int, int]:
    """Return the number of taps of a window down and across."""
    return int(window.height), int(window.width)


def windows_of(images: NDArray[E], window: Window, shape: tuple[int, int]) -> NDArray[E]:
    """Return a view of all windows: images, lines, columns, taps down and across, channels.

    `shape` is the height and width of the output.
    """
    each, down, across, channels = images.strides
    strides = (
        each,
        down * int(window.step_y),
        across * int(window.step_x),
        down * int(window.apart_y),
        across * int(window.apart_x),
        channels,
    )
    sizes = (len(images), *shape, *taps_of(window), images.shape[-1])
    return as_strided(images, sizes, strides, writeable=False)


def seen_by(window: Window, images: Float32s, out: Tensor) -> Float32s:
    """Return the windows of the baseline in float32, of which each is an element of `out`."""
    height, width, _ = out.dims
    return windows_of(padded(images, window, 0), window, (height, width))


class MaxPoolKernel(Kernel[MaxPool]):
    """A maximum, prepared for execution."""

    def run(self, inputs: Sequence[Elements], made: Elements) -> None:
        """Compare the taps of all windows, tap by tap."""
        op, out = self.op, self.out
        height, width, _ = out.dims
        seen = windows_of(padded(inputs[0], op.window, out.kind.low), op.window, (height, width))
        made[...] = seen[:, :, :, 0, 0]
        for down, across in np.ndindex(*taps_of(op.window)):
            np.maximum(made, seen[:, :, :, down, across], out=made)

    @staticmethod
    def in_floats(node: NodeOf[MaxPool], rng: Generator) -> FloatFunction:
        """Return the maximum of each window."""
        window, out = node.op.window, node.out

        def run(inputs: Sequence[Float32s]) -> Float32s:
            result: Float32s = seen_by(window, inputs[0], out).max((3, 4))
            return result

        return run


MANY_TAPS: Final = 32
"""Windows with more taps are summed one by one, those with fewer tap by tap."""


class AveragePoolKernel(Kernel[AveragePool]):
    """A sum of windows, prepared for execution."""

    def run(self, inputs: Sequence[Elements], made: Elements) -> None:
        """Sum the taps of all windows in 32 bits, and requantise."""
        op, out = self.op, self.out
        height, width, _ = out.dims
        centred = inputs[0].astype(np.int32)
        centred -= np.int32(self.node.inputs[0].zero)
        seen = windows_of(padded(centred, op.window, 0), op.window, (height, width))
        taps = taps_of(op.window)
        if prod(taps) > MANY_TAPS:
            total = seen.sum(axis=(3, 4), dtype=np.int32)
        else:
            total = np.zeros(made.shape, np.int32)
            for down, across in np.ndindex(*taps):
                total += seen[:, :, :, down, across]
        requantise(total, scale_of(op.scale), out, (out.kind.low, out.kind.high), made)

    @staticmethod
    def in_floats(node: NodeOf[AveragePool], rng: Generator) -> FloatFunction:
        """Return the mean of each window."""
        window, out = node.op.window, node.out

        def run(inputs: Sequence[Float32s]) -> Float32s:
            result: Float32s = seen_by(window, inputs[0], out).mean((3, 4))
            return result

        return run
