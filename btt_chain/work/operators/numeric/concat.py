"""Joined rows in numpy."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.random import Generator

from btt_chain.work.model import Elements
from btt_chain.work.operators import Concat
from btt_chain.work.operators.numeric.kernel import FloatFunction, Kernel, NodeOf


class ConcatKernel(Kernel[Concat]):
    """A join of rows, prepared for execution."""

    def run(self, inputs: Sequence[Elements], made: Elements) -> None:
        """Write both parts of each row."""
        a, b = inputs
        width = a.shape[-1]
        made[..., :width] = a
        made[..., width:] = b

    @staticmethod
    def in_floats(node: NodeOf[Concat], rng: Generator) -> FloatFunction:
        """Return joined rows."""
        return lambda inputs: np.concatenate(inputs, -1)
