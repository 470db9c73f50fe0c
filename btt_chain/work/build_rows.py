"""Building nodes that make or read rows with scales of their own (kinds D8 and D16)."""

from __future__ import annotations

from dataclasses import replace
from math import log, sqrt

import numpy as np

from btt_chain.scale import u8, u16, u32
from btt_chain.work.draft import Draft, Numbers, no_weights
from btt_chain.work.errors import ModelRefused
from btt_chain.work.functions import Function
from btt_chain.work.model import Bytes2D, Int8s, Int32s, records_of_factors, records_of_norm
from btt_chain.work.operators import (
    AddRows,
    ArgMax,
    Attend,
    FromRows,
    Norm,
    Rotate,
    RowLinear,
    Scores,
    ToRows,
)
from btt_chain.work.operators.numeric.dynamic import RowWeights, scale_parts
from btt_chain.work.tensors import LEAF_BYTES, MIN_LEAF_BYTES, RECORD_TAIL, Kind


class RowBuilder(Draft):
    """A draft with a method for each operator of such rows."""

    def row_linear(
        self,
        name: str,
        x: int,
        constants: RowWeights,
        kind: Kind,
        then: Function = Function.IDENTITY,
        *,
        gated: bool = False,
    ) -> int:
        """Add rows with scales of their own times weights (`numeric.dynamic.row_weights`).

        A gated layer has two columns for each channel, that of the function first.
        """
        columns, bias, factors, shift = constants
        dims = self._tensors[x].dims
        if not columns.size or columns.shape[1] != dims[-1]:
            raise ModelRefused.at(name, f"weights of {columns.shape} for {dims[-1]} inputs")
        op = RowLinear(u16(x), no_weights(), u8(shift), then, gated)
        records = records_of_factors(columns, bias, factors)
        shape = (*dims[:-1], len(columns) // op.products)
        return self.node(name, op, Numbers(kind), shape, records)

    def rotate(self, name: str, x: int, heads: int, angles: Bytes2D, kind: Kind) -> int:
        """Add rows turned by the angles of their positions (`numeric.dynamic.rope_records`)."""
        op = Rotate(u16(x), no_weights(), u16(heads))
        rows, width = self._tensors[x].rows, self._tensors[x].dims[-1]
        if heads < 1 or width % (2 * heads):
            raise ModelRefused.at(name, f"{heads} heads in rows of {width}: heads are pairs")
        if angles.shape != (rows, 2 * width // heads + RECORD_TAIL):
            raise ModelRefused.at(name, f"angles of {angles.shape} for {rows} rows")
        return self.node(name, op, Numbers(kind), self._tensors[x].dims, angles)

    def scores(self, name: str, queries: int, keys: int, length: int, *, causal: bool) -> int:
        """Add the distances of keys from the best one, of heads of this length."""
        scale = scale_parts(16 / log(2) / sqrt(length))
        op = Scores(u16(queries), u16(keys), u16(length), causal, *scale)
        rows, width = self._tensors[queries].dims
        shape = (width // length, rows, self._tensors[keys].dims[0])
        return self.node(name, op, Numbers(Kind.D8), shape)

    def attend(self, name: str, scores: int, values: int, scale: float, kind: Kind) -> int:
        """Add means of values of this scale; `values` has a row for each channel."""
        op = self._nodes[scores - len(self._scales)][1]
        if not isinstance(op, Scores):
            raise ModelRefused.at(name, f"tensor {scores} is not made by Scores")
        mean = Attend(u16(scores), u16(values), *scale_parts(scale))
        heads, rows, _ = self._tensors[scores].dims
        return self.node(name, mean, Numbers(kind), (rows, heads * int(op.length)))

    def arg_max(self, name: str, x: int, columns: Int8s, factors: Int32s) -> int:
        """Add the number of the column with the largest product, times its factor."""
        # One row, two records and one token are opened: small leaves make a small proof.
        self._set_leaf(x, leaf_of_row(self._tensors[x].row_bytes))
        weights = replace(no_weights(), leaf=u16(leaf_of_row(columns.shape[1] + RECORD_TAIL)))
        op = ArgMax(u16(x), weights, u32(len(columns)))
        records = records_of_factors(columns, np.zeros(len(columns), np.int32), factors)
        shape = (*self._tensors[x].dims[:-1], 1)
        made = self.node(name, op, Numbers(Kind.I32), shape, records)
        self._set_leaf(made, MIN_LEAF_BYTES)
        return made

    def from_rows(self, name: str, x: int, scale: float, out: Numbers) -> int:
        """Add elements with one scale, of rows with scales of their own."""
        op = FromRows(u16(x), *scale_parts(1 / scale))
        return self.node(name, op, out, self._tensors[x].dims)

    def norm(
        self, name: str, x: int, norm: tuple[Int32s, Int32s], kind: Kind, *, centred: bool
    ) -> int:
        """Add normalised rows times `norm[1]` in 2^-12, plus `norm[0]` in 2^-20."""
        op = Norm(u16(x), no_weights(), centred)
        dims = self._tensors[x].dims
        return self.node(name, op, Numbers(kind), dims, records_of_norm(*norm))

    def add_rows(self, name: str, a: int, b: int, kind: Kind) -> int:
        """Add the sum of rows with scales of their own."""
        return self.node(name, AddRows(u16(a), u16(b)), Numbers(kind), self._tensors[a].dims)

    def to_rows(self, name: str, x: int, scale: float, kind: Kind) -> int:
        """Add rows with scales of their own, of elements whose common scale is given."""
        op = ToRows(u16(x), *scale_parts(scale))
        return self.node(name, op, Numbers(kind), self._tensors[x].dims)


def leaf_of_row(length: int) -> int:
    """Return the bytes of the smallest leaves that hold a row of this length, or of the largest."""
    return min(max(1 << (length - 1).bit_length(), MIN_LEAF_BYTES), LEAF_BYTES)
