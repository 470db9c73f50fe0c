"""Maxima of windows."""

from __future__ import annotations

from collections.abc import Sequence

from btt_chain.work.errors import ModelRefused
from btt_chain.work.operators.base import Inputs, Operator, check_same_numbers, expect
from btt_chain.work.operators.windows import image_of, lines_of_channel, window_openings
from btt_chain.work.tensors import Tensor, TensorId, Window


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
