"""Products with committed columns of weights, one for each output channel.

Dense layers and convolutions. A product that is too long for one proof is cut into parts: its node
makes the partial sums of each channel as 32-bit numbers, which a `Sum` adds and requantises.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from operator import mul
from typing import ClassVar, Self

from btt_chain.scale import i16, u16
from btt_chain.work.arithmetic import requantised
from btt_chain.work.errors import ModelRefused
from btt_chain.work.layout import position
from btt_chain.work.operators.base import (
    Inputs,
    Operator,
    check_accumulator,
    check_bounds,
    expect,
    part_of_row,
    whole_row,
    within,
)
from btt_chain.work.operators.windows import image_of, lines_of, numbers_seen, window_openings
from btt_chain.work.tensors import RECORD_TAIL, SMALL, Kind, Tensor, TensorId, Weights, Window


def check_product(name: str, weights: Weights, bounds: tuple[int, int], out: Tensor) -> None:
    """Raise ModelRefused unless accumulators fit 32 bits and `bounds` are elements of `out`."""
    check_accumulator(name, int(weights.limit))
    if out.kind is not Kind.I32:
        check_bounds(name, bounds, out)


def check_parts(name: str, parts: int, out: Tensor) -> None:
    """Raise ModelRefused unless a product has parts only if it makes partial sums of them."""
    if parts < 1 or out.dims[-1] % parts:
        raise ModelRefused.at(name, f"{parts} parts of each of {out.dims[-1]} channels")
    if parts > 1 and out.kind is not Kind.I32:
        raise ModelRefused.at(name, "makes partial sums, so its output is I32")


def macs_of_taps(x: Tensor) -> int:
    """Return the multiplications of a tap: elements of 16 bits need two products of 8 bits."""
    return x.kind.width


def product_element(
    read: Inputs, zero: int, channel: int, taps: Sequence[int], out: Tensor, bounds: tuple[int, int]
) -> int:
    """Return the element of a channel: taps times its weights, plus bias, requantised."""
    weights, bias, scale = read.record(channel)
    weights = weights[: len(taps)]  # the last part of a row may be shorter than its record
    total: int = sum(map(mul, taps, weights)) - zero * sum(weights) + bias
    if out.kind is Kind.I32:
        return total
    return requantised(total, scale, int(out.zero), int(bounds[0]), int(bounds[1]))


class Linear(Operator, index=0):
    """Each row times the weights, plus bias, requantised by the column's scale."""

    x: TensorId
    weights: Weights
    parts: u16
    """Number of parts of a row; the output has a partial sum for each channel and part."""
    low: i16
    """Lower bound of results: a fused ReLU has the output's zero here."""
    high: i16

    reads: ClassVar[frozenset[Kind]] = SMALL
    makes: ClassVar[frozenset[Kind]] = SMALL | {Kind.I32}

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
        return type(self)(self.x, constants, self.parts, self.low, self.high)

    @property
    def partial_sums(self) -> int:
        """The number of parts."""
        return int(self.parts)

    @property
    def reads_computed_rows(self) -> bool:
        """True if it reads whole rows."""
        return self.parts == 1

    def check(self, name: str, inputs: Sequence[Tensor], out: Tensor) -> None:
        """Check that rows become rows of any other length."""
        expect(name, out, (*inputs[0].dims[:-1], out.dims[-1]))
        length, parts = inputs[0].dims[-1], int(self.parts)
        check_parts(name, parts, out)
        if (parts - 1) * -(-length // parts) >= length:
            raise ModelRefused.at(name, f"{parts} parts of {length} numbers: one would be empty")
        check_product(name, self.weights, (self.low, self.high), out)

    def macs(self, inputs: Sequence[Tensor], out: Tensor) -> int:
        """Return one multiplication for each weight of each output element."""
        length = inputs[0].dims[-1] * macs_of_taps(inputs[0])
        return out.size // int(self.parts) * length

    def record_bytes(self, inputs: Sequence[Tensor]) -> int:
        """Return the length of a column or its part, its bias and its scale."""
        return -(-inputs[0].dims[-1] // int(self.parts)) + RECORD_TAIL

    def judged(self, inputs: Sequence[Tensor], out: Tensor) -> int:
        """Return the length of a row, or of a part of it."""
        return self.record_bytes(inputs) - RECORD_TAIL

    def openings(self, tensor: Tensor) -> tuple[int, int]:
        """Return the openings of one row, or of a part of it."""
        return whole_row(tensor) if self.parts == 1 else part_of_row(tensor, int(self.parts))

    @property
    def checked_by_vectors(self) -> bool:
        """True if random vectors can check it: always."""
        return True

    def accumulator_limit(self, inputs: Sequence[Tensor]) -> int:
        """Return the limit of the weights."""
        return int(self.weights.limit)

    def element(self, index: int, out: Tensor, read: Inputs) -> int:
        """Multiply a row, or a part of it, by one column."""
        row, channel = divmod(index, out.dims[-1])
        if self.parts == 1:
            taps = read.row(self.x, row)
        else:
            length, parts = read.tensor(self.x).dims[-1], int(self.parts)
            most = -(-length // parts)
            first = channel % parts * most
            taps = read.numbers(self.x, row * length + first, min(most, length - first))
        return product_element(read, read.zero(self.x), channel, taps, out, (self.low, self.high))


class Conv(Operator, index=1):
    """Each window times the weights (order: taps, channels), plus bias, requantised."""

    x: TensorId
    weights: Weights
    window: Window
    groups: u16
    parts: u16
    """Number of parts of a window: each has whole lines of taps, or an equal part of one."""
    low: i16
    high: i16

    reads: ClassVar[frozenset[Kind]] = SMALL
    makes: ClassVar[frozenset[Kind]] = SMALL | {Kind.I32}

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
        groups, parts = self.groups, self.parts
        return type(self)(self.x, constants, self.window, groups, parts, self.low, self.high)

    @property
    def partial_sums(self) -> int:
        """The number of parts."""
        return int(self.parts)

    def check(self, name: str, inputs: Sequence[Tensor], out: Tensor) -> None:
        """Check that windows fit the image, and groups the channels."""
        x = inputs[0]
        sides = image_of(name, self.window, x)
        channels, groups, parts = x.dims[-1], int(self.groups), int(self.parts)
        check_parts(name, parts, out)
        made = out.dims[-1] // parts
        if groups < 1 or channels % groups or made % groups:
            raise ModelRefused.at(name, f"{groups} groups of {channels} to {made} channels")
        taps, line = prod(self.window.sizes), self.window.sizes[-1]
        each = taps // parts
        if taps % parts or (each % line and line % each):
            raise ModelRefused.at(name, f"{parts} parts of {taps} taps in lines of {line}")
        expect(name, out, (*sides, out.dims[-1]))
        check_product(name, self.weights, (self.low, self.high), out)

    def macs(self, inputs: Sequence[Tensor], out: Tensor) -> int:
        """Return one multiplication for each weight of each output element."""
        return out.size * (self.record_bytes(inputs) - RECORD_TAIL) * macs_of_taps(inputs[0])

    def record_bytes(self, inputs: Sequence[Tensor]) -> int:
        """Return the length of the weights of a window or its part, a bias and a scale."""
        taps = prod(self.window.sizes) // int(self.parts)
        return taps * (inputs[0].dims[-1] // int(self.groups)) + RECORD_TAIL

    def judged(self, inputs: Sequence[Tensor], out: Tensor) -> int:
        """Return the weights of a window or its part, or the numbers that are read if more."""
        numbers = numbers_seen(self.window, inputs[0], int(self.parts))
        return max(self.record_bytes(inputs) - RECORD_TAIL, numbers)

    def openings(self, tensor: Tensor) -> tuple[int, int]:
        """Return the openings of one window, or of a part of it."""
        return window_openings(self.window, tensor, int(self.parts))

    @property
    def lines(self) -> int:
        """The lines of the window, or of a part of it."""
        return max(1, self.window.lines // int(self.parts))

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
        """Return the taps of an element in the order of the weights; padding is the zero."""
        channels = read.tensor(self.x).dims[-1] // int(self.groups)
        parts = int(self.parts)
        count = prod(self.window.sizes) // parts
        first = index % parts * count
        taps = [read.zero(self.x)] * (count * channels)
        bounds = (group * channels, (group + 1) * channels)
        wanted = range(first, first + count)
        for line in lines_of(read, self.x, self.window, index, out, bounds, wanted):
            begin = (line.tap - first) * channels
            taps[begin : begin + len(line.taps)] = line.taps
        return taps


class Sum(Operator, index=11):
    """The partial sums of each channel added, plus bias, requantised by the channel's scale."""

    x: TensorId
    weights: Weights
    """Records of bias and scale."""
    parts: u16
    low: i16
    high: i16

    reads: ClassVar[frozenset[Kind]] = frozenset((Kind.I32,))
    makes: ClassVar[frozenset[Kind]] = SMALL | {Kind.I32}

    @property
    def inputs(self) -> tuple[int, ...]:
        """The partial sums."""
        return (int(self.x),)

    @property
    def constants(self) -> Weights:
        """The biases and scales."""
        return self.weights

    def with_constants(self, constants: Weights) -> Self:
        """Return the sum with other biases and scales."""
        return type(self)(self.x, constants, self.parts, self.low, self.high)

    def check(self, name: str, inputs: Sequence[Tensor], out: Tensor) -> None:
        """Check that each output element has all its parts."""
        x, parts = inputs[0], int(self.parts)
        if parts < 1 or x.dims[-1] % parts:
            raise ModelRefused.at(name, f"{parts} parts in rows of {x.dims[-1]}")
        expect(name, out, (*x.dims[:-1], x.dims[-1] // parts))
        check_product(name, self.weights, (self.low, self.high), out)

    def record_bytes(self, inputs: Sequence[Tensor]) -> int:
        """Return the length of a bias and a scale."""
        return RECORD_TAIL

    def judged(self, inputs: Sequence[Tensor], out: Tensor) -> int:
        """Return the number of parts."""
        return int(self.parts)

    def openings(self, tensor: Tensor) -> tuple[int, int]:
        """Return the openings of the parts of one element."""
        return part_of_row(tensor, tensor.dims[-1] // int(self.parts))

    def element(self, index: int, out: Tensor, read: Inputs) -> int:
        """Add the parts of one element. Their sum may exceed 32 bits before it is scaled."""
        parts = int(self.parts)
        total = sum(read.numbers(self.x, index * parts, parts))
        _, bias, scale = read.record(index % out.dims[-1])
        total += bias
        if out.kind is Kind.I32:
            return within(total, out)
        return requantised(total, scale, int(out.zero), int(self.low), int(self.high))
