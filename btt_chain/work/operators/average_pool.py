"""Sums of windows."""

from __future__ import annotations

from collections.abc import Sequence

from btt_chain.work.arithmetic import requantised
from btt_chain.work.operators.base import (
    Inputs,
    Operator,
    check_accumulator,
    check_scale,
    expect,
)
from btt_chain.work.operators.windows import image_of, lines_of_channel, window_openings
from btt_chain.work.tensors import Binary32, Tensor, TensorId, Window


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
