"""Functions of one element."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar

from btt_chain.scale import Fixed
from btt_chain.work.operators.base import Inputs, Operator, expect
from btt_chain.work.tensors import Kind, Tensor, TensorId


class Table(Operator, index=4):
    """One output byte for each input byte: activations, and changes of scale."""

    x: TensorId
    table: Annotated[bytes, Fixed(256)]

    reads_computed_elements: ClassVar[bool] = True

    @property
    def inputs(self) -> tuple[int, ...]:
        """The argument."""
        return (int(self.x),)

    def check(self, name: str, inputs: Sequence[Tensor], out: Tensor) -> None:
        """Check that the output has the shape of the input. Raises ModelRefused."""
        expect(name, out, inputs[0].dims)

    def element(self, index: int, out: Tensor, read: Inputs) -> int:
        """Look up one element."""
        made = self.table[read.one(self.x, index) & 255]
        return made - 256 if out.kind is Kind.I8 and made > 127 else made
