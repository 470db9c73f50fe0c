"""Signals, images and volumes with other sides: enlarged, or made smaller."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from math import prod
from typing import ClassVar, Final

from btt_chain.scale import Bounded, u32
from btt_chain.work.arithmetic import shifted
from btt_chain.work.errors import ModelRefused
from btt_chain.work.layout import flat, position
from btt_chain.work.operators.base import (
    Inputs,
    Operator,
    check_growth,
    check_same_numbers,
    expect,
)
from btt_chain.work.tensors import SMALL, Kind, Tensor, TensorId

WEIGHT_BITS: Final = (10, 10, 7)
"""Fraction bits of a linear weight, by the number of axes less one: all sums are exact."""


class Resize(Operator, index=18):
    """An image with other sides, of which each pixel is one of the input or a mean of several.

    Of n pixels along an axis m are made. Without `linear`, pixel p is pixel ⌊(2p + 1) n / 2m⌋ of
    the input (ONNX: half_pixel and round_prefer_ceil), or ⌊p n / m⌋ if `asymmetric` (ONNX: floor).

    With `linear`, the position ((2p + 1) n - m) / 2m is between two pixels, or beyond the first or
    last one, which then counts as both. With the remainder r of that division and
    q = `WEIGHT_BITS`, the second has the weight w = ⌊(r 2^q + m) / 2m⌋ and the first 2^q - w.
    Weights of several axes are multiplied, and the sum is divided by 2^q for each axis, halves to
    even.
    """

    x: TensorId
    sides: Bounded[list[u32], 3]
    """All axes of the output but the channels."""
    linear: bool
    asymmetric: bool

    reads: ClassVar[frozenset[Kind]] = SMALL
    makes: ClassVar[frozenset[Kind]] = SMALL

    @property
    def inputs(self) -> tuple[int, ...]:
        """The image."""
        return (int(self.x),)

    @property
    def bits(self) -> int:
        """The fraction bits of a weight along one axis."""
        return WEIGHT_BITS[len(self.sides) - 1]

    def check(self, name: str, inputs: Sequence[Tensor], out: Tensor) -> None:
        """Check the number of axes, and that pixels are not repeated too often."""
        x = inputs[0]
        if not self.sides or len(x.dims) != len(self.sides) + 1:
            raise ModelRefused.at(
                name, f"needs one to three new sides, and {x.dims} to have as many and channels"
            )
        if self.linear and self.asymmetric:
            raise ModelRefused.at(name, "linear means are of half pixels: they are not asymmetric")
        expect(name, out, (*map(int, self.sides), x.dims[-1]))
        check_growth(name, x, out)
        check_same_numbers(name, inputs, out)

    def judged(self, inputs: Sequence[Tensor], out: Tensor) -> int:
        """Return the number of pixels."""
        return self.lines

    def openings(self, tensor: Tensor) -> tuple[int, int]:
        """Return the openings of a pixel, or of two along each axis that changes."""
        changed = sum(int(side) != old for side, old in zip(self.sides, tensor.dims, strict=False))
        pixels = 2**changed if self.linear else 1
        return pixels, pixels

    @property
    def lines(self) -> int:
        """The number of pixels: each is read by itself."""
        return 2 ** len(self.sides) if self.linear else 1

    def element(self, index: int, out: Tensor, read: Inputs) -> int:
        """Return one element of a pixel, or the mean of several."""
        *pixel, channel = position(index, out.dims)
        dims = read.tensor(self.x).dims
        axes = list(zip(pixel, dims, out.dims, strict=False))
        if not self.linear:
            source = tuple(self._nearest(at, old, new) for at, old, new in axes)
            return read.one(self.x, flat((*source, channel), dims))
        total = 0
        for taps in product(*(self._taps(at, old, new) for at, old, new in axes)):
            source = tuple(place for place, _ in taps)
            weight = prod(weight for _, weight in taps)
            total += weight * read.one(self.x, flat((*source, channel), dims))
        return shifted(total, self.bits * len(axes))

    def _nearest(self, at: int, old: int, new: int) -> int:
        """Return the pixel of the input for one of `new` pixels along an axis."""
        return at * old // new if self.asymmetric else (2 * at + 1) * old // (2 * new)

    def _taps(self, at: int, old: int, new: int) -> list[tuple[int, int]]:
        """Return the pixels of the input for one of `new` pixels along an axis, and their weights.

        A pixel without weight is left out.
        """
        first, rest = divmod((2 * at + 1) * old - new, 2 * new)
        weight = ((rest << self.bits) + new) // (2 * new)
        taps = [(first, (1 << self.bits) - weight), (first + 1, weight)]
        return [(min(max(place, 0), old - 1), weight) for place, weight in taps if weight]
