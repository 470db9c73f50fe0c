"""Sums of two tensors, and functions of one element."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar, Final

from btt_chain.scale import Fixed, i32, u8
from btt_chain.work.arithmetic import shifted
from btt_chain.work.errors import ModelRefused
from btt_chain.work.operators.base import Inputs, Operator, expect, within
from btt_chain.work.tensors import SMALL, Kind, Tensor, TensorId

MAX_SHIFT: Final = 29
MAX_FACTOR: Final = 1 << 21


class Add(Operator, index=3):
    """`(a * by_a + b * by_b) / 2^shift`, halves to even; both counted from their zeros."""

    a: TensorId
    b: TensorId
    by_a: i32
    by_b: i32
    shift: u8

    reads_computed_elements: ClassVar[bool] = True
    reads: ClassVar[frozenset[Kind]] = SMALL
    makes: ClassVar[frozenset[Kind]] = SMALL

    @property
    def inputs(self) -> tuple[int, ...]:
        """Both terms."""
        return int(self.a), int(self.b)

    def check(self, name: str, inputs: Sequence[Tensor], out: Tensor) -> None:
        """Check that all shapes are equal and every sum fits 64 bits."""
        for tensor in inputs:
            expect(name, out, tensor.dims)
        if max(abs(int(self.by_a)), abs(int(self.by_b))) > MAX_FACTOR or self.shift > MAX_SHIFT:
            raise ModelRefused.at(name, "factors up to 2^21 and a shift up to 29 are exact")

    def element(self, index: int, out: Tensor, read: Inputs) -> int:
        """Add two elements."""
        a = read.one(self.a, index) - read.zero(self.a)
        b = read.one(self.b, index) - read.zero(self.b)
        total = shifted(a * int(self.by_a) + b * int(self.by_b), int(self.shift))
        return within(total + int(out.zero), out)


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
