"""Maxima of windows in numpy."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.random import Generator

from btt_chain.work.model import Elements, Float32s
from btt_chain.work.operators import MaxPool
from btt_chain.work.operators.numeric.kernel import FloatFunction, Kernel, NodeOf
from btt_chain.work.operators.numeric.windows import padded, seen_by, taps_of, windows_of


class MaxPoolKernel(Kernel[MaxPool]):
    """A maximum, prepared for execution."""

    def run(self, inputs: Sequence[Elements], made: Elements) -> None:
        """Compare the taps of all windows, tap by tap."""
        op, out = self.op, self.out
        height, width, _ = out.dims
        seen = windows_of(padded(inputs[0], op.window, out.kind.low), op.window, (height, width))
        made[...] = seen[:, :, :, 0, 0]
        for down, across in np.ndindex(*taps_of(op.window)):
            np.maximum(made, seen[:, :, :, down, across], out=made)

    @staticmethod
    def in_floats(node: NodeOf[MaxPool], rng: Generator) -> FloatFunction:
        """Return the maximum of each window."""
        window, out = node.op.window, node.out

        def run(inputs: Sequence[Float32s]) -> Float32s:
            result: Float32s = seen_by(window, inputs[0], out).max((3, 4))
            return result

        return run
