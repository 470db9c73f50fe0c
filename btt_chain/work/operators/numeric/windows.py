"""Windows of images as views."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from btt_chain.work.model import Float32s
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
