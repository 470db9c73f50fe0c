"""Rows of two tensors, joined."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from btt_chain.work.errors import ModelRefused
from btt_chain.work.operators.base import Inputs, Operator, check_same_numbers, expect
from btt_chain.work.tensors import Tensor, TensorId


class Concat(Operator, index=10):
    """Rows of `a`, each followed by the row of `b`: equal kinds and zeros."""

    a: TensorId
    b: TensorId

    reads_computed_elements: ClassVar[bool] = True

    @property
    def inputs(self) -> tuple[int, ...]:
        """Both parts of a row."""
        return int(self.a), int(self.b)

    def check(self, name: str, inputs: Sequence[Tensor], out: Tensor) -> None:
        """Check that the shapes differ in the length of rows at most."""
        a, b = inputs
        if a.dims[:-1] != b.dims[:-1]:
            raise ModelRefused.at(name, f"cannot join {a.dims} and {b.dims}")
        expect(name, out, (*a.dims[:-1], a.dims[-1] + b.dims[-1]))
        check_same_numbers(name, inputs, out)

    def element(self, index: int, out: Tensor, read: Inputs) -> int:
        """Return an element of either part."""
        row, at = divmod(index, out.dims[-1])
        width = read.tensor(self.a).dims[-1]
        if at < width:
            return read.one(self.a, row * width + at)
        rest = out.dims[-1] - width
        return read.one(self.b, row * rest + at - width)
