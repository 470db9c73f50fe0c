"""The next token: the largest of many products, of which none is committed to.

A wrong token is refuted by a better one: two records and the row of the input are opened.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import mul
from typing import ClassVar, Final, Self

from btt_chain.scale import u32
from btt_chain.work.errors import ModelRefused, ProofRefused
from btt_chain.work.operators.base import (
    Inputs,
    Judgement,
    Operator,
    check_accumulator,
    expect,
    whole_row,
)
from btt_chain.work.operators.dynamic import narrow_row
from btt_chain.work.tensors import RECORD_TAIL, ROWS, Kind, Tensor, TensorId, Weights

MAX_TOKENS: Final = 1 << 20


class ArgMax(Operator, index=23):
    """The number of the record with the largest product with each row; of equal ones the first.

    A record is the weights of a token (int8), a zero (int32) and its factor (u32, 1 to 2^15), by
    which the product is multiplied. The scale of a row is the same for all tokens, so it does not
    count.
    """

    x: TensorId
    weights: Weights
    count: u32
    """Number of tokens."""

    reads: ClassVar[frozenset[Kind]] = ROWS
    makes: ClassVar[frozenset[Kind]] = frozenset((Kind.I32,))
    reads_itself: ClassVar[bool] = True

    @property
    def inputs(self) -> tuple[int, ...]:
        """The rows."""
        return (int(self.x),)

    @property
    def constants(self) -> Weights:
        """The weights and factors."""
        return self.weights

    def with_constants(self, constants: Weights) -> Self:
        """Return the operator with other weights."""
        return type(self)(self.x, constants, self.count)

    def check(self, name: str, inputs: Sequence[Tensor], out: Tensor) -> None:
        """Check that there is one token for each row."""
        expect(name, out, (*inputs[0].dims[:-1], 1))
        if not 1 <= self.count <= MAX_TOKENS:
            raise ModelRefused.at(name, f"{int(self.count)} tokens, allowed are {MAX_TOKENS}")
        check_accumulator(name, int(self.weights.limit))

    def macs(self, inputs: Sequence[Tensor], out: Tensor) -> int:
        """Return one multiplication for each weight of each row."""
        return inputs[0].size * int(self.count)

    def record_bytes(self, inputs: Sequence[Tensor]) -> int:
        """Return the length of the weights of a token, a zero and a factor."""
        return inputs[0].dims[-1] + RECORD_TAIL

    def record_count(self, out: Tensor) -> int:
        """Return the number of tokens."""
        return int(self.count)

    @property
    def records_opened(self) -> int:
        """Two: those of the claimed token and of a better one."""
        return 2

    def judged(self, inputs: Sequence[Tensor], out: Tensor) -> int:
        """Return the length of two products."""
        return 2 * inputs[0].dims[-1]

    def openings(self, tensor: Tensor) -> tuple[int, int]:
        """Return the openings of one row."""
        return whole_row(tensor)

    def element(self, index: int, out: Tensor, read: Inputs) -> int:
        """Return the token of a row, from all records."""
        return max(range(int(self.count)), key=lambda token: self._product(index, token, read))

    def judgement(self, claim: int, witness: int | None, out: Tensor, read: Inputs) -> Judgement:
        """Compare the claimed token with a better one, the witness."""
        token, count = read.claimed(claim), int(self.count)
        if not 0 <= token < count:
            return Judgement(token, 0)
        if witness is None or witness >= count:
            raise ProofRefused(f"token {token} is refuted by a better one of {count}: name it")
        right, claimed = (self._product(claim, one, read) for one in (witness, token))
        beats = (right, -witness) > (claimed, -token)
        return Judgement(token, witness if beats else token)

    def _product(self, row: int, token: int, read: Inputs) -> int:
        weights, _, factor = read.record(token)
        return factor * int(sum(map(mul, narrow_row(read, self.x, row), weights)))
