"""Functions of one element in numpy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.random import Generator

from btt_chain.work.model import Elements
from btt_chain.work.operators import Table
from btt_chain.work.operators.numeric import blocks
from btt_chain.work.operators.numeric.kernel import FloatFunction, Kernel, NodeOf

LEAK: Final = np.float32(0.125)
"""Slope of the function that replaces a table: the cheapest nonlinear one."""


class TableKernel(Kernel[Table]):
    """A table, prepared for execution."""

    def run(self, inputs: Sequence[Elements], made: Elements) -> None:
        """Look up some elements at a time."""
        given, flat = inputs[0].reshape(-1), made.reshape(-1)
        for at in range(0, len(flat), blocks.BLOCK_ELEMENTS):
            part = slice(at, at + blocks.BLOCK_ELEMENTS)
            flat[part] = np.frombuffer(given[part].tobytes().translate(self.op.table), flat.dtype)

    @staticmethod
    def in_floats(node: NodeOf[Table], rng: Generator) -> FloatFunction:
        """Return a leaky ReLU."""
        return lambda inputs: np.maximum(inputs[0], inputs[0] * LEAK)
