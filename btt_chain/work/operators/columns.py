"""Products with committed columns of weights, one for each output channel.

Dense layers and convolutions.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import mul
from typing import ClassVar, Self

from btt_chain.scale import i16, u16
from btt_chain.work.arithmetic import requantised
from btt_chain.work.errors import ModelRefused
from btt_chain.work.layout import position
from btt_chain.work.operators.base import Inputs, Operator, check_accumulator, expect, whole_row
from btt_chain.work.operators.windows import image_of, lines_of, window_openings
from btt_chain.work.tensors import RECORD_TAIL, Kind, Tensor, TensorId, Weights, Window


def check_product(name: str, weights: Weights, bounds: tuple[int, int], out: Tensor) -> None:
    """Raise ModelRefused unless accumulators fit 32 bits and `bounds` are elements of `out`."""
    check_accumulator(name, int(weights.limit))
    low, high = bounds
    if out.kind is not Kind.I32 and not out.kind.low <= low <= high <= out.kind.high:
        raise ModelRefused.at(name, f"bounds {int(low)} to {int(high)} of {out.kind.name}")


def product_element(
    read: Inputs, zero: int, channel: int, taps: Sequence[int], out: Tensor, bounds: tuple[int, int]
) -> int:
    """Return the element of a channel: taps times its weights, plus bias, requantised."""
    weights, bias, scale = read.record(channel)
    total: int = sum(map(mul, taps, weights)) - zero * sum(weights) + bias
    if out.kind is Kind.I32:
        return total
    return requantised(total, scale, int(out.zero), int(bounds[0]), int(bounds[1]))


class Linear(Operator, index=0):
    """Each row times the weights, plus bias, requantised by the column's scale."""

    x: TensorId
    weights: Weights
    low: i16
    """Lower bound of results: a fused ReLU has the output's zero here."""
    high: i16

    reads_computed_rows: ClassVar[bool] = True
    makes_accumulators: ClassVar[bool] = True

    @property
    def inputs(self) -> tuple[int, ...]:
        """The input."""
        return (int(self.x),)

    @property
    def constants(self) -> Weights:
        """The weights, biases and scales."""
        return self.weights

    def with_constants(self, constants: Weights) -> Self:
        """Return the layer with other weights."""
        return type(self)(self.x, constants, self.low, self.high)

    def check(self, name: str, inputs: Sequence[Tensor], out: Tensor) -> None:
        """Check that rows become rows of any other length."""
        expect(name, out, (*inputs[0].dims[:-1], out.dims[-1]))
        check_product(name, self.weights, (self.low, self.high), out)

    def macs(self, inputs: Sequence[Tensor], out: Tensor) -> int:
        """Return one multiplication for each weight of each output element."""
        return out.size * inputs[0].dims[-1]

    def record_bytes(self, inputs: Sequence[Tensor]) -> int:
        """Return the length of a column, its bias and its scale."""
        return inputs[0].dims[-1] + RECORD_TAIL

    def openings(self, tensor: Tensor) -> tuple[int, int]:
        """Return the openings of one row."""
        return whole_row(tensor)

    @property
    def checked_by_vectors(self) -> bool:
        """True if random vectors can check it: always."""
        return True

    def accumulator_limit(self, inputs: Sequence[Tensor]) -> int:
        """Return the limit of the weights."""
        return int(self.weights.limit)

    def element(self, index: int, out: Tensor, read: Inputs) -> int:
        """Multiply a row by one column."""
        row, channel = divmod(index, out.dims[-1])
        taps = read.row(self.x, row)
        return product_element(read, read.zero(self.x), channel, taps, out, (self.low, self.high))


class Conv(Operator, index=1):
    """Each window times the weights (order: y, x, channel), plus bias, requantised."""

    x: TensorId
    weights: Weights
    window: Window
    groups: u16
    low: i16
    high: i16

    makes_accumulators: ClassVar[bool] = True

    @property
    def inputs(self) -> tuple[int, ...]:
        """The image."""
        return (int(self.x),)

    @property
    def constants(self) -> Weights:
        """The weights, biases and scales."""
        return self.weights

    def with_constants(self, constants: Weights) -> Self:
        """Return the convolution with other weights."""
        return type(self)(self.x, constants, self.window, self.groups, self.low, self.high)

    def check(self, name: str, inputs: Sequence[Tensor], out: Tensor) -> None:
        """Check that windows fit the image, and groups the channels."""
        x = inputs[0]
        height, width = image_of(name, self.window, x)
        channels, groups = x.dims[-1], int(self.groups)
        if groups < 1 or channels % groups or out.dims[-1] % groups:
            raise ModelRefused.at(name, f"{groups} groups of {channels} to {out.dims[-1]} channels")
        expect(name, out, (height, width, out.dims[-1]))
        check_product(name, self.weights, (self.low, self.high), out)

    def macs(self, inputs: Sequence[Tensor], out: Tensor) -> int:
        """Return one multiplication for each weight of each output element."""
        return out.size * (self.record_bytes(inputs) - RECORD_TAIL)

    def record_bytes(self, inputs: Sequence[Tensor]) -> int:
        """Return the length of the weights of a window, a bias and a scale."""
        taps = int(self.window.height) * int(self.window.width)
        return taps * (inputs[0].dims[-1] // int(self.groups)) + RECORD_TAIL

    def openings(self, tensor: Tensor) -> tuple[int, int]:
        """Return the openings of one window."""
        return window_openings(self.window, tensor)

    @property
    def lines(self) -> int:
        """The height of the window."""
        return int(self.window.height)

    @property
    def checked_by_vectors(self) -> bool:
        """True if the window has no groups."""
        return self.groups == 1

    def accumulator_limit(self, inputs: Sequence[Tensor]) -> int:
        """Return the limit of the weights."""
        return int(self.weights.limit)

    def element(self, index: int, out: Tensor, read: Inputs) -> int:
        """Multiply a window by the weights of one channel."""
        *_, channel = position(index, out.dims)
        group = channel // (out.dims[-1] // int(self.groups))
        taps = self._taps(index, out, read, group)
        return product_element(read, read.zero(self.x), channel, taps, out, (self.low, self.high))

    def _taps(self, index: int, out: Tensor, read: Inputs, group: int) -> Sequence[int]:
        """Return all taps of a window in the order of the weights; padding is the input's zero."""
        channels = read.tensor(self.x).dims[-1] // int(self.groups)
        width = int(self.window.width)
        line_length = width * channels
        taps = [read.zero(self.x)] * (int(self.window.height) * line_length)
        bounds = (group * channels, (group + 1) * channels)
        for line in lines_of(read, self.x, self.window, index, out, bounds):
            begin = line.first * line_length + line.start * channels
            taps[begin : begin + len(line.taps)] = line.taps
        return taps
