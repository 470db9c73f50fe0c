"""Functions of whole rows: shares, and normalized rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final, Self

from btt_chain.scale import Bounded, u8, u16, u64
from btt_chain.work.arithmetic import BYTE_SHARES, WIDE_SHARES, normalised, shares
from btt_chain.work.errors import ModelRefused
from btt_chain.work.operators.base import (
    Inputs,
    Operator,
    expect,
    offset_and_factor,
    whole_row,
    within,
)
from btt_chain.work.tensors import BYTES, RECORD_TAIL, SMALL, Kind, Tensor, TensorId, Weights

MAX_ROW: Final = 1 << 15
MAX_BYTE_ROW: Final = 511
"""Maximum length of rows with shares of 8 bits: of 512 equal elements each share rounds to 0."""
MIN_WEIGHT: Final = 1 << 8


class Softmax(Operator, index=7):
    """Shares of each row: the table holds weights by distance from the row's largest.

    `table[0]` is the largest and at least 2^8. Shares of 8 bits are in 1/256, and the output's zero
    is its smallest element; those of 16 bits are in 2^-15.
    """

    x: TensorId
    table: Bounded[list[u16], 256]

    makes_computed_rows: ClassVar[bool] = True
    makes: ClassVar[frozenset[Kind]] = SMALL

    @property
    def inputs(self) -> tuple[int, ...]:
        """The rows."""
        return (int(self.x),)

    def check(self, name: str, inputs: Sequence[Tensor], out: Tensor) -> None:
        """Check the table, the output's zero and the length of rows."""
        x = inputs[0]
        expect(name, out, x.dims)
        if out.zero != zero_of_shares(out.kind):
            raise ModelRefused.at(
                name, f"zero must be {zero_of_shares(out.kind)}, because no share is negative"
            )
        if len(self.table) != 256 or max(self.table) > self.table[0]:
            raise ModelRefused.at(name, "needs 256 weights, the first of them the largest")
        if self.table[0] < MIN_WEIGHT:
            raise ModelRefused.at(name, f"the first weight is below {MIN_WEIGHT}")
        if x.dims[-1] > MAX_ROW:
            raise ModelRefused.at(name, f"rows of {x.dims[-1]}, allowed are {MAX_ROW}")
        if out.kind in BYTES and x.dims[-1] > MAX_BYTE_ROW:
            raise ModelRefused.at(
                name,
                f"rows of {x.dims[-1]}: shares in 1/256 of equal elements would all be 0 above "
                f"{MAX_BYTE_ROW}; make the shares I16, or leave a final softmax to the reader",
            )

    def judged(self, inputs: Sequence[Tensor], out: Tensor) -> int:
        """Return the length of a row."""
        return out.dims[-1]

    def openings(self, tensor: Tensor) -> tuple[int, int]:
        """Return the openings of one row."""
        return whole_row(tensor)

    def element(self, index: int, out: Tensor, read: Inputs) -> int:
        """Return one share of a row."""
        row, at = divmod(index, out.dims[-1])
        return self.row(row, out, read)[at]

    def row(self, row: int, out: Tensor, read: Inputs) -> Sequence[int]:
        """Return all shares of a row."""
        low, bits = zero_of_shares(out.kind), share_bits(out.kind)
        return [low + share for share in shares(read.row(self.x, row), self.table, bits)]


def zero_of_shares(kind: Kind) -> int:
    """Return the element of the share 0."""
    return kind.low if kind in BYTES else 0


def share_bits(kind: Kind) -> int:
    """Return the fraction bits of shares in elements of this kind."""
    return BYTE_SHARES if kind in BYTES else WIDE_SHARES


MAX_NORMALIZED_ROW: Final = 1 << 13
MAX_EPSILON: Final = 1 << 48
MAX_SHIFT: Final = 40


class LayerNorm(Operator, index=8):
    """Each row minus its mean, over its deviation, times factor plus offset of the channel."""

    x: TensorId
    epsilon: u64
    """Added to n^2 times the variance, in units of the input."""
    weights: Weights
    shift: u8
    """Binary logarithm of the divisor of offset plus factor times 2^-12 parts of a deviation."""

    @property
    def inputs(self) -> tuple[int, ...]:
        """The rows."""
        return (int(self.x),)

    @property
    def constants(self) -> Weights:
        """The offsets and factors."""
        return self.weights

    def with_constants(self, constants: Weights) -> Self:
        """Return the normalisation with other offsets and factors."""
        return type(self)(self.x, self.epsilon, constants, self.shift)

    def check(self, name: str, inputs: Sequence[Tensor], out: Tensor) -> None:
        """Check that every number of a row is exact."""
        x = inputs[0]
        expect(name, out, x.dims)
        if x.dims[-1] > MAX_NORMALIZED_ROW:
            raise ModelRefused.at(name, f"rows of {x.dims[-1]}, allowed are {MAX_NORMALIZED_ROW}")
        if self.epsilon > MAX_EPSILON or self.shift > MAX_SHIFT:
            raise ModelRefused.at(
                name, "epsilon up to 2^48 and a shift up to 40 are exact in 64 bits"
            )

    def record_bytes(self, inputs: Sequence[Tensor]) -> int:
        """Return the length of an offset and a factor."""
        return RECORD_TAIL

    def judged(self, inputs: Sequence[Tensor], out: Tensor) -> int:
        """Return the length of a row."""
        return out.dims[-1]

    def openings(self, tensor: Tensor) -> tuple[int, int]:
        """Return the openings of one row."""
        return whole_row(tensor)

    def element(self, index: int, out: Tensor, read: Inputs) -> int:
        """Normalise one element by its row."""
        row, at = divmod(index, out.dims[-1])
        offset, factor = offset_and_factor(read, at)
        row_of_x = read.row(self.x, row)
        value = normalised(row_of_x, at, int(self.epsilon), factor, offset, int(self.shift))
        return within(value + int(out.zero), out)
