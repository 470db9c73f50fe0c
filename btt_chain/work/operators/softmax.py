"""Shares of each row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final

from btt_chain.scale import Bounded, u16
from btt_chain.work.arithmetic import shares
from btt_chain.work.errors import ModelRefused
from btt_chain.work.operators.base import Inputs, Operator, expect, whole_row
from btt_chain.work.tensors import Tensor, TensorId

MAX_ROW: Final = 1 << 15
MIN_WEIGHT: Final = 1 << 8


class Softmax(Operator, index=7):
    """Shares of each row in 1/256: the table holds weights by distance from the row's largest.

    `table[0]` is the largest and at least 2^8; the output's zero is its smallest element.
    """

    x: TensorId
    table: Bounded[list[u16], 256]

    makes_computed_rows: ClassVar[bool] = True

    @property
    def inputs(self) -> tuple[int, ...]:
        """The rows."""
        return (int(self.x),)

    def check(self, name: str, inputs: Sequence[Tensor], out: Tensor) -> None:
        """Check the table, the output's zero and the length of rows."""
        x = inputs[0]
        expect(name, out, x.dims)
        if out.zero != out.kind.low:
            raise ModelRefused.at(
                name, f"zero must be {out.kind.low}, because no share is negative"
            )
        if len(self.table) != 256 or max(self.table) > self.table[0]:
            raise ModelRefused.at(name, "needs 256 weights, the first of them the largest")
        if self.table[0] < MIN_WEIGHT:
            raise ModelRefused.at(name, f"the first weight is below {MIN_WEIGHT}")
        if x.dims[-1] > MAX_ROW:
            raise ModelRefused.at(name, f"rows of {x.dims[-1]}, allowed are {MAX_ROW}")

    def openings(self, tensor: Tensor) -> tuple[int, int]:
        """Return the openings of one row."""
        return whole_row(tensor)

    def element(self, index: int, out: Tensor, read: Inputs) -> int:
        """Return one share of a row."""
        row, at = divmod(index, out.dims[-1])
        return out.kind.low + shares(read.row(self.x, row), self.table)[at]

    def row(self, row: int, out: Tensor, read: Inputs) -> Sequence[int]:
        """Return all shares of a row."""
        low = out.kind.low
        return [low + share for share in shares(read.row(self.x, row), self.table)]
