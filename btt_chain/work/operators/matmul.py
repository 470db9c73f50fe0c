"""Products of two activations."""

from __future__ import annotations

from collections.abc import Sequence
from operator import mul
from typing import ClassVar

from btt_chain.work.arithmetic import scaled
from btt_chain.work.errors import ModelRefused
from btt_chain.work.operators.base import (
    Inputs,
    Operator,
    check_accumulator,
    check_scale,
    expect,
    whole_row,
    within,
)
from btt_chain.work.tensors import SMALL, Binary32, Kind, Tensor, TensorId


class MatMul(Operator, index=2):
    """Rows of `a` times rows of `b`, group by group: both factors of a product are contiguous."""

    a: TensorId
    b: TensorId
    scale: Binary32

    makes: ClassVar[frozenset[Kind]] = SMALL

    @property
    def inputs(self) -> tuple[int, ...]:
        """Both factors."""
        return int(self.a), int(self.b)

    @property
    def reads_computed_rows(self) -> bool:
        """True if rows of an input may be computed: those of a softmax may."""
        return True

    def check(self, name: str, inputs: Sequence[Tensor], out: Tensor) -> None:
        """Check that the rows of both factors have one length, and the groups one shape."""
        a, b = inputs
        fits = len(a.dims) == len(b.dims) >= 2 and a.dims[:-2] == b.dims[:-2]
        if not fits or a.dims[-1] != b.dims[-1]:
            raise ModelRefused.at(name, f"cannot multiply rows of {a.dims} by rows of {b.dims}")
        expect(name, out, (*a.dims[:-1], b.dims[-2]))
        check_scale(name, self.scale)
        check_accumulator(name, self.accumulator_limit(inputs))

    def macs(self, inputs: Sequence[Tensor], out: Tensor) -> int:
        """Return the length of a row for each output element."""
        return out.size * inputs[0].dims[-1]

    def judged(self, inputs: Sequence[Tensor], out: Tensor) -> int:
        """Return the length of two rows."""
        return 2 * inputs[0].dims[-1]

    def openings(self, tensor: Tensor) -> tuple[int, int]:
        """Return the openings of one row."""
        return whole_row(tensor)

    @property
    def checked_by_vectors(self) -> bool:
        """True if random vectors can check it: always."""
        return True

    def accumulator_limit(self, inputs: Sequence[Tensor]) -> int:
        """Return the sum of the largest products of a row."""
        a, b = inputs
        return a.dims[-1] * a.reach * b.reach

    def element(self, index: int, out: Tensor, read: Inputs) -> int:
        """Multiply a row of `a` by a row of `b` in the same group."""
        row_of_a, column = divmod(index, out.dims[-1])
        group = row_of_a // out.dims[-2]
        a = read.row(self.a, row_of_a)
        b = read.row(self.b, group * out.dims[-1] + column)
        zero_a, zero_b = read.zero(self.a), read.zero(self.b)
        total = sum(map(mul, a, b)) - zero_b * sum(a) - zero_a * sum(b) + len(a) * zero_a * zero_b
        return within(scaled(total, self.scale) + int(out.zero), out)
