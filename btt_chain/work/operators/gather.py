"""Rows of a committed table, by their numbers: embeddings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Self

from btt_chain.scale import u32
from btt_chain.work.errors import ModelRefused
from btt_chain.work.operators.base import Inputs, Operator, expect
from btt_chain.work.tensors import RECORD_TAIL, Kind, Tensor, TensorId, Weights


class Gather(Operator, index=19):
    """The row of a table for each number; row 0 for a number without a row.

    A record is the elements of a row (int8), then a tail of zeros, so that it has the form of all
    records.
    """

    ids: TensorId
    weights: Weights
    """The table."""
    rows: u32
    width: u32
    """The number of elements of a row."""

    reads_computed_elements: ClassVar[bool] = True
    reads: ClassVar[frozenset[Kind]] = frozenset((Kind.I32,))
    makes: ClassVar[frozenset[Kind]] = frozenset((Kind.I8,))

    @property
    def inputs(self) -> tuple[int, ...]:
        """The numbers."""
        return (int(self.ids),)

    @property
    def constants(self) -> Weights:
        """The table."""
        return self.weights

    def with_constants(self, constants: Weights) -> Self:
        """Return the operator with another table of the same size."""
        return type(self)(self.ids, constants, self.rows, self.width)

    def check(self, name: str, inputs: Sequence[Tensor], out: Tensor) -> None:
        """Check that each number becomes a row."""
        if self.rows < 1:
            raise ModelRefused.at(name, "its table has no row")
        expect(name, out, (*inputs[0].dims, int(self.width)))

    def record_bytes(self, inputs: Sequence[Tensor]) -> int:
        """Return the length of a row and its tail."""
        return int(self.width) + RECORD_TAIL

    def record_count(self, out: Tensor) -> int:
        """Return the number of rows of the table."""
        return int(self.rows)

    def element(self, index: int, out: Tensor, read: Inputs) -> int:
        """Return one element of a row of the table."""
        place, at = divmod(index, int(self.width))
        number = read.one(self.ids, place)
        row, _, _ = read.record(number if 0 <= number < self.rows else 0)
        return row[at]
