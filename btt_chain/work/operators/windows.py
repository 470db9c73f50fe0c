"""Windows of signals, images and volumes: maxima and sums, and what convolutions share with them.

The shape of the output, and the lines that one element reads.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import prod
from typing import ClassVar, Final

from btt_chain.work.arithmetic import requantised
from btt_chain.work.errors import ModelRefused
from btt_chain.work.layout import position, tensor_layout
from btt_chain.work.operators.base import (
    Inputs,
    Operator,
    check_accumulator,
    check_same_numbers,
    check_scale,
    expect,
)
from btt_chain.work.tensors import SMALL, Axis, Binary32, Kind, Tensor, TensorId, Window

MAX_TAPS: Final = 1 << 29
"""Maximum elements that a pool reads for an item; they are not paid as multiplications."""


def sides_of(name: str, window: Window, x: Tensor) -> tuple[int, ...]:
    """Return the sides of the output; not above 0 where the window does not fit."""
    if not window.axes:
        raise ModelRefused.at(name, "its window has no axis: give it one to three")
    if len(x.dims) != len(window.axes) + 1:
        raise ModelRefused.at(
            name,
            f"needs {len(window.axes)} axes and channels for its window, not {x.dims}",
        )
    for axis in window.axes:
        if min(axis.size, axis.step, axis.apart) < 1:
            raise ModelRefused.at(name, "a window, its step and its spacing are at least 1")
    return tuple(
        (size + int(axis.before) + int(axis.after) - axis.extent) // int(axis.step) + 1
        for size, axis in zip(x.dims, window.axes, strict=False)
    )


def image_of(name: str, window: Window, x: Tensor) -> tuple[int, ...]:
    """Return the sides of the output; ModelRefused if the window does not fit."""
    sides = sides_of(name, window, x)
    for size, axis in zip(x.dims, window.axes, strict=False):
        if size + int(axis.before) + int(axis.after) < axis.extent:
            raise ModelRefused.at(name, f"a window of {axis.extent} does not fit into {size}")
        if max(axis.before, axis.after) >= axis.extent:
            raise ModelRefused.at(name, "a window would see nothing but padding")
    return sides


def check_pool(name: str, window: Window, x: Tensor, out: Tensor) -> None:
    """Check the shape of a pool's output, and that few elements are read for it."""
    expect(name, out, (*image_of(name, window, x), x.dims[-1]))
    taps = prod(window.sizes) * out.size
    if taps > MAX_TAPS:
        raise ModelRefused.at(
            name, f"reads {taps} elements, allowed are {MAX_TAPS}: use two smaller pools"
        )


def lines_seen(window: Window, x: Tensor, parts: int = 1) -> tuple[int, int]:
    """Return the maximum lines of a window, or of a part, in an image, and the pixels of each."""
    *outer, inner = window.axes
    *sides, width, _ = x.dims
    taps = max(1, int(inner.size) // -(-parts // window.lines))
    lines = prod(min(int(axis.size), side) for axis, side in zip(outer, sides, strict=True))
    across = min((taps - 1) * int(inner.apart) + 1, width)
    return min(lines, max(1, window.lines // parts)), across


def numbers_seen(window: Window, x: Tensor, parts: int = 1) -> int:
    """Return the maximum numbers read of a window, or of a part: lines with all channels."""
    return prod(lines_seen(window, x, parts)) * x.dims[-1]


def window_openings(window: Window, tensor: Tensor, parts: int = 1) -> tuple[int, int]:
    """Return the openings of an element that reads a window, or one of its parts."""
    layout = tensor_layout(tensor)
    *outer, _ = window.axes
    *sides, width, _ = tensor.dims
    lines, across = lines_seen(window, tensor, parts)
    down = 0
    for axis, side in zip(outer, sides, strict=True):
        down = down * side + (min(int(axis.size), side) - 1) * int(axis.apart)
    touched = min(
        lines * layout.most_leaves(across * layout.row),
        layout.most_leaves((down * width + across) * layout.row),
    )
    lines_in_leaf, rest = divmod(layout.rows_in_leaf, width)
    if not rest and layout.leaves_of_row == 1:
        # No line of the image is in two leaves.
        touched = min(touched, lines, (down + lines_in_leaf - 1) // lines_in_leaf + 1)
    return lines, touched


class Line:
    """Neighbouring taps of a window that lie in the image: the first one, and the numbers."""

    __slots__ = ("tap", "taps")

    def __init__(self, tap: int, taps: Sequence[int]) -> None:
        self.tap = tap
        self.taps = taps


def lines_of_channel(
    read: Inputs, x: int, window: Window, index: int, out: Tensor
) -> Iterator[Line]:
    """Yield the lines of a window of one channel."""
    *_, channel = position(index, out.dims)
    taps = range(prod(window.sizes))
    yield from lines_of(read, x, window, index, out, (channel, channel + 1), taps)


def lines_of(
    read: Inputs,
    x: int,
    window: Window,
    index: int,
    out: Tensor,
    bounds: tuple[int, int],
    wanted: range,
) -> Iterator[Line]:
    """Read each line of a window once; `bounds` are the needed channels, `wanted` the taps."""
    *outer_at, across_at, _ = position(index, out.dims)
    *sides, width, channels = read.tensor(x).dims
    *outer, inner = window.axes
    size, apart = int(inner.size), int(inner.apart)
    low, high = bounds
    left, inside = _inside(inner, across_at, width)
    for number, pixel in _lines(outer, outer_at, sides):
        first = number * size
        start = max(inside.start, wanted.start - first)
        end = min(inside.stop, wanted.stop - first)
        if start >= end:
            continue
        at = (pixel * width + left + start * apart) * channels
        found = read.numbers(x, at, ((end - 1 - start) * apart + 1) * channels)
        if apart > 1 or high - low < channels:
            steps = range(0, len(found), apart * channels)
            found = [each for step in steps for each in found[step + low : step + high]]
        yield Line(first + start, found)


def _inside(axis: Axis, at: int, side: int) -> tuple[int, range]:
    """Return the first tap's place along an axis, and the taps that are in the image."""
    apart = int(axis.apart)
    place = at * int(axis.step) - int(axis.before)
    return place, range(-(min(place, 0) // apart), min(int(axis.size), -((place - side) // apart)))


def _lines(
    axes: Sequence[Axis], at: Sequence[int], sides: Sequence[int]
) -> Iterator[tuple[int, int]]:
    """Yield the lines of a window that are in the image: the number in each, in order."""
    if not axes:
        yield 0, 0
        return
    *outer, axis = axes
    place, inside = _inside(axis, at[-1], sides[-1])
    for number, line in _lines(outer, at[:-1], sides[:-1]):
        for tap in inside:
            row = line * sides[-1] + place + tap * int(axis.apart)
            yield number * int(axis.size) + tap, row


class MaxPool(Operator, index=5):
    """The largest element of each window; padding is never the largest."""

    x: TensorId
    window: Window

    reads: ClassVar[frozenset[Kind]] = SMALL
    makes: ClassVar[frozenset[Kind]] = SMALL

    @property
    def inputs(self) -> tuple[int, ...]:
        """The image."""
        return (int(self.x),)

    def check(self, name: str, inputs: Sequence[Tensor], out: Tensor) -> None:
        """Check that windows fit the image, and that none has padding only."""
        check_same_numbers(name, inputs, out)
        axes = self.window.axes
        padded = any(axis.before or axis.after for axis in axes)
        if padded and any(axis.apart > 1 for axis in axes):
            # All its taps could be in the padding, and an empty set has no maximum.
            raise ModelRefused.at(name, "a pool with spaced taps cannot be padded")
        check_pool(name, self.window, inputs[0], out)

    def judged(self, inputs: Sequence[Tensor], out: Tensor) -> int:
        """Return the numbers of a window, with all channels."""
        return numbers_seen(self.window, inputs[0])

    def openings(self, tensor: Tensor) -> tuple[int, int]:
        """Return the openings of one window."""
        return window_openings(self.window, tensor)

    @property
    def lines(self) -> int:
        """The lines of the window."""
        return self.window.lines

    def element(self, index: int, out: Tensor, read: Inputs) -> int:
        """Return the maximum of one window."""
        lines = lines_of_channel(read, self.x, self.window, index, out)
        return max(value for line in lines for value in line.taps)


class AveragePool(Operator, index=6):
    """The sum of each window, counted from zero and padding being zero, times a scale."""

    x: TensorId
    window: Window
    scale: Binary32

    reads: ClassVar[frozenset[Kind]] = SMALL
    makes: ClassVar[frozenset[Kind]] = SMALL

    @property
    def inputs(self) -> tuple[int, ...]:
        """The image."""
        return (int(self.x),)

    def check(self, name: str, inputs: Sequence[Tensor], out: Tensor) -> None:
        """Check that windows fit the image, and every sum 32 bits."""
        x = inputs[0]
        check_pool(name, self.window, x, out)
        check_scale(name, self.scale)
        taps = prod(self.window.sizes)
        check_accumulator(name, taps * x.reach, f"pool its {taps} taps in two steps")

    def judged(self, inputs: Sequence[Tensor], out: Tensor) -> int:
        """Return the numbers of a window, with all channels."""
        return numbers_seen(self.window, inputs[0])

    def openings(self, tensor: Tensor) -> tuple[int, int]:
        """Return the openings of one window."""
        return window_openings(self.window, tensor)

    @property
    def lines(self) -> int:
        """The lines of the window."""
        return self.window.lines

    def element(self, index: int, out: Tensor, read: Inputs) -> int:
        """Return the requantised sum of one window."""
        zero = read.zero(self.x)
        lines = lines_of_channel(read, self.x, self.window, index, out)
        total = sum(value - zero for line in lines for value in line.taps)
        return requantised(total, self.scale, int(out.zero), out.kind.low, out.kind.high)
