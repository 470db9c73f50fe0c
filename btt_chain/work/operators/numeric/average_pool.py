"""Sums of windows in numpy."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Final

import numpy as np
from numpy.random import Generator

from btt_chain.work.model import Elements, Float32s
from btt_chain.work.operators import AveragePool
from btt_chain.work.operators.numeric.kernel import FloatFunction, Kernel, NodeOf
from btt_chain.work.operators.numeric.requantise import requantise, scale_of
from btt_chain.work.operators.numeric.windows import padded, seen_by, taps_of, windows_of

MANY_TAPS: Final = 32
"""Windows with more taps are summed one by one, those with fewer tap by tap."""


class AveragePoolKernel(Kernel[AveragePool]):
    """A sum of windows, prepared for execution."""

    def run(self, inputs: Sequence[Elements], made: Elements) -> None:
        """Sum the taps of all windows in 32 bits, and requantise."""
        op, out = self.op, self.out
        height, width, _ = out.dims
        centred = inputs[0].astype(np.int32)
        centred -= np.int32(self.node.inputs[0].zero)
        seen = windows_of(padded(centred, op.window, 0), op.window, (height, width))
        taps = taps_of(op.window)
        if prod(taps) > MANY_TAPS:
            total = seen.sum(axis=(3, 4), dtype=np.int32)
        else:
            total = np.zeros(made.shape, np.int32)
            for down, across in np.ndindex(*taps):
                total += seen[:, :, :, down, across]
        requantise(total, scale_of(op.scale), out, (out.kind.low, out.kind.high), made)

    @staticmethod
    def in_floats(node: NodeOf[AveragePool], rng: Generator) -> FloatFunction:
        """Return the mean of each window."""
        window, out = node.op.window, node.out

        def run(inputs: Sequence[Float32s]) -> Float32s:
            result: Float32s = seen_by(window, inputs[0], out).mean((3, 4))
            return result

        return run
