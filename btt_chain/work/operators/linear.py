"""Dense layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Self

from btt_chain.scale import i16
from btt_chain.work.operators.base import Inputs, Operator, expect, whole_row
from btt_chain.work.operators.columns import check_product, product_element
from btt_chain.work.tensors import RECORD_TAIL, Tensor, TensorId, Weights


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
