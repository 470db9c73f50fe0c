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
from btt_chain.work.tensors import Kind

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


def bytes_of(kind: Kind, values: Sequence[int]) -> bytes:
    """Return a table's bytes; `values` are in ascending order of the input elements."""
    inputs = [byte - 256 if kind is Kind.I8 and byte > 127 else byte for byte in range(256)]
    return bytes(values[number - kind.low] & 255 for number in inputs)
