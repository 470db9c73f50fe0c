"""Windows of an image: maxima and sums, and what convolutions share with them.

The shape of the output, and the lines that one element reads.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

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
from btt_chain.work.tensors import Binary32, Tensor, TensorId, Window


def sides_of(name: str, window: Window, x: Tensor) -> tuple[int, int]:
    """Return the height and width of the output; not above 0 where the window does not fit."""
    if len(x.dims) != 3:
        raise ModelRefused.at(name, f"needs an image (height, width, channels), not {x.dims}")
    made: list[int] = []
    for size, before, after, extent, step in _axes(name, window, x):
        made.append((size + before + after - extent) // step + 1)
    return made[0], made[1]


def image_of(name: str, window: Window, x: Tensor) -> tuple[int, int]:
    """Return the height and width of the output; ModelRefused if the window does not fit."""
    sides = sides_of(name, window, x)
    for size, before, after, extent, _ in _axes(name, window, x):
        if size + before + after < extent:
            raise ModelRefused.at(name, f"a window of {extent} does not fit into {size}")
        if max(before, after) >= extent:
            raise ModelRefused.at(name, "a window would see nothing but padding")
    return sides


def _axes(name: str, window: Window, x: Tensor) -> list[tuple[int, int, int, int, int]]:
    """Return for each axis: size, padding before and after, extent of a window, and step."""
    steps = window.step_y, window.step_x, window.apart_y, window.apart_x
    if min(window.height, window.width, *steps) < 1:
        raise ModelRefused.at(name, "a window, its step and its spacing are at least 1")
    down = (int(window.height) - 1) * int(window.apart_y) + 1
    across = (int(window.width) - 1) * int(window.apart_x) + 1
    return [
        (x.dims[0], int(window.top), int(window.bottom), down, int(window.step_y)),
        (x.dims[1], int(window.left), int(window.right), across, int(window.step_x)),
    ]


def window_openings(window: Window, tensor: Tensor) -> tuple[int, int]:
    """Return the openings of an element that reads a window: `Operator.openings`."""
    layout = tensor_layout(tensor)
    height, width, channels = tensor.dims
    lines = min(int(window.height), height)
    across = min((int(window.width) - 1) * int(window.apart_x) + 1, width)
    down = (lines - 1) * int(window.apart_y)
    touched = min(
        lines * layout.most_leaves(across * channels),
        layout.most_leaves((down * width + across) * channels),
    )
    lines_in_leaf, rest = divmod(layout.rows_in_leaf, width)
    if not rest and layout.leaves_of_row == 1:
        # No line of the image is in two leaves.
        touched = min(touched, lines, (down + lines_in_leaf - 1) // lines_in_leaf + 1)
    return lines, touched


class Line:
    """One line of a window: its taps in the image, and the numbers there."""

    __slots__ = ("end", "first", "start", "taps")

    def __init__(self, start: int, end: int, first: int, taps: Sequence[int]) -> None:
        self.start = start
        self.end = end
        self.first = first
        self.taps = taps


def lines_of_channel(
    read: Inputs, x: int, window: Window, index: int, out: Tensor
) -> Iterator[Line]:
    """Yield the lines of a window of one channel."""
    *_, channel = position(index, out.dims)
    yield from lines_of(read, x, window, index, out, (channel, channel + 1))


def lines_of(
    read: Inputs, x: int, window: Window, index: int, out: Tensor, bounds: tuple[int, int]
) -> Iterator[Line]:
    """Read each line of a window once; `bounds` are the needed channels."""
    down_at, across_at, _ = position(index, out.dims)
    height, width, channels = read.tensor(x).dims
    apart = int(window.apart_x)
    left = across_at * int(window.step_x) - int(window.left)
    start = -(min(left, 0) // apart)
    end = min(int(window.width), -((left - width) // apart))
    down = int(window.apart_y)
    top = down_at * int(window.step_y) - int(window.top)
    if start >= end:
        return
    for tap_y in range(-(min(top, 0) // down), min(int(window.height), -((top - height) // down))):
        line = top + tap_y * down
        at = (line * width + left + start * apart) * channels
        found = read.numbers(x, at, ((end - 1 - start) * apart + 1) * channels)
        low, high = bounds
        if apart == 1 and high - low == channels:
            yield Line(start, end, tap_y, found)
            continue
        taps: list[int] = []
        for tap in range(end - start):
            pixel = tap * apart * channels
            taps.extend(found[pixel + low : pixel + high])
        yield Line(start, end, tap_y, taps)


class MaxPool(Operator, index=5):
    """The largest element of each window; padding is never the largest."""

    x: TensorId
    window: Window

    @property
    def inputs(self) -> tuple[int, ...]:
        """The image."""
        return (int(self.x),)

    def check(self, name: str, inputs: Sequence[Tensor], out: Tensor) -> None:
        """Check that windows fit the image, and that none has padding only."""
        check_same_numbers(name, inputs, out)
        window = self.window
        padded = max(window.top, window.left, window.bottom, window.right) > 0
        if padded and max(window.apart_y, window.apart_x) > 1:
            # All its taps could be in the padding, and an empty set has no maximum.
            raise ModelRefused.at(name, "a pool with spaced taps cannot be padded")
        expect(name, out, (*image_of(name, window, inputs[0]), inputs[0].dims[-1]))

    def openings(self, tensor: Tensor) -> tuple[int, int]:
        """Return the openings of one window."""
        return window_openings(self.window, tensor)

    @property
    def lines(self) -> int:
        """The height of the window."""
        return int(self.window.height)

    def element(self, index: int, out: Tensor, read: Inputs) -> int:
        """Return the maximum of one window."""
        lines = lines_of_channel(read, self.x, self.window, index, out)
        return max(value for line in lines for value in line.taps)


class AveragePool(Operator, index=6):
    """The sum of each window, counted from zero and padding being zero, times a scale."""

    x: TensorId
    window: Window
    scale: Binary32

    @property
    def inputs(self) -> tuple[int, ...]:
        """The image."""
        return (int(self.x),)

    def check(self, name: str, inputs: Sequence[Tensor], out: Tensor) -> None:
        """Check that windows fit the image, and every sum 32 bits."""
        x = inputs[0]
        expect(name, out, (*image_of(name, self.window, x), x.dims[-1]))
        check_scale(name, self.scale)
        check_accumulator(name, int(self.window.height) * int(self.window.width) * x.reach)

    def openings(self, tensor: Tensor) -> tuple[int, int]:
        """Return the openings of one window."""
        return window_openings(self.window, tensor)

    @property
    def lines(self) -> int:
        """The height of the window."""
        return int(self.window.height)

    def element(self, index: int, out: Tensor, read: Inputs) -> int:
        """Return the requantised sum of one window."""
        zero = read.zero(self.x)
        lines = lines_of_channel(read, self.x, self.window, index, out)
        total = sum(value - zero for line in lines for value in line.taps)
        return requantised(total, self.scale, int(out.zero), out.kind.low, out.kind.high)
