"""Rows of a table in numpy."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.random import Generator

from btt_chain.work.errors import ModelRefused
from btt_chain.work.model import Constants, Elements, Float32s
from btt_chain.work.operators import Gather
from btt_chain.work.operators.numeric.kernel import FloatFunction, Kernel, NodeOf


class GatherKernel(Kernel[Gather]):
    """A table, prepared for execution."""

    def __init__(self, node: NodeOf[Gather], constants: Constants | None) -> None:
        super().__init__(node, constants)
        if constants is None:
            raise TypeError(f"node {node.name!r} needs its table")
        self._table = constants.columns

    def run(self, inputs: Sequence[Elements], made: Elements) -> None:
        """Copy the row of each number."""
        ids = inputs[0]
        inside = (ids >= 0) & (ids < len(self._table))
        made[...] = self._table[np.where(inside, ids, 0)]

    @staticmethod
    def check_constants(node: NodeOf[Gather], constants: Constants) -> None:
        """Check that every row ends with zeros."""
        if constants.first.any() or constants.second.any():
            raise ModelRefused.at(node.name, "the tail of a row of its table is not zero")

    @staticmethod
    def in_floats(node: NodeOf[Gather], rng: Generator) -> FloatFunction:
        """Return rows of a table of random numbers."""
        table = rng.standard_normal((int(node.op.rows), int(node.op.width)), np.float32)

        def run(inputs: Sequence[Float32s]) -> Float32s:
            rows: Float32s = table[inputs[0].astype(np.int64) % len(table)]
            return rows

        return run
