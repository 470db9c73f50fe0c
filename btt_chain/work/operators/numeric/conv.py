"""Convolutions in numpy."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np
from numpy.random import Generator

from btt_chain.work.model import Elements, Float32s, Float64s, Int32s
from btt_chain.work.operators import Conv
from btt_chain.work.operators.numeric.blocks import matrix_rows
from btt_chain.work.operators.numeric.columns import ColumnsKernel, float_bias, float_columns
from btt_chain.work.operators.numeric.kernel import FloatFunction, NodeOf
from btt_chain.work.operators.numeric.requantise import centred
from btt_chain.work.operators.numeric.vectors import BLOCK, Vectors
from btt_chain.work.operators.numeric.windows import padded, seen_by, taps_of, windows_of


class ConvKernel(ColumnsKernel[Conv]):
    """A convolution, prepared for execution."""

    def multiply(self, inputs: Sequence[Elements], made: Elements, sink: Int32s | None) -> None:
        """Multiply windows as rows of a matrix (im2col): of some lines of an image, or images."""
        x = inputs[0]
        window = self.op.window
        height, width, channels = made.shape[1:]
        groups = int(self.op.groups)
        inside, share = x.shape[-1] // groups, channels // groups
        taps = int(window.height) * int(window.width)
        wanted = -(-matrix_rows(max(taps * x.shape[-1], channels)) // width)
        lines, together = min(height, wanted), max(1, wanted // height)
        matrix = np.ones((together * lines * width, taps * x.shape[-1] + 1), np.float32)
        seen = matrix[:, :-1].reshape(together, lines, width, *taps_of(window), x.shape[-1])
        room = np.empty((together * lines * width, share), np.float32)
        for first in range(0, len(x), together):
            several = slice(first, first + together)
            images = padded(centred(x[several], self.zero), window, 0)
            windows = windows_of(images, window, (height, width))
            for top in range(0, height, lines):
                some = slice(top, top + lines)
                part = windows[:, some]
                rows = seen[: part.shape[0], : part.shape[1]]
                rows[...] = part
                flat = made[several, some].reshape(-1, channels)
                sums = None if sink is None else sink[several, some].reshape(-1, channels)
                for group in range(groups):
                    own = slice(group * share, (group + 1) * share)
                    given = matrix[: len(flat)]
                    if groups > 1:
                        inner = rows[..., group * inside : (group + 1) * inside]
                        given = np.ones((len(flat), taps * inside + 1), np.float32)
                        given[:, :-1] = inner.reshape(len(flat), -1)
                    self.columns.write(
                        given,
                        flat[:, own],
                        None if sums is None else sums[:, own],
                        room,
                        own,
                    )

    @staticmethod
    def by_vectors(node: NodeOf[Conv], inputs: Sequence[Elements], vectors: Vectors) -> Float64s:
        """Multiply without im2col: pixels times vectors for every tap, added within windows."""
        x = inputs[0]
        window = node.op.window
        taps, count = int(window.height) * int(window.width), vectors.of_weights.shape[1]
        height, width, channels = x.shape
        by_tap = vectors.of_weights.reshape(taps, channels, count).transpose(0, 2, 1)
        by_tap_and_vector = np.ascontiguousarray(by_tap).reshape(taps * count, channels)
        top, left = int(window.top), int(window.left)
        # One image for each tap and vector, so that lines of them are added, not single pixels.
        sides = height + top + int(window.bottom), width + left + int(window.right)
        images = np.zeros((taps * count, *sides))
        step = max(1, BLOCK // (width * channels))
        for first in range(0, height, step):
            lines = x[first : first + step].astype(np.float64)
            lines -= int(node.inputs[0].zero)
            seen = by_tap_and_vector @ lines.reshape(-1, channels).T
            here = slice(top + first, top + first + len(lines))
            images[:, here, left : left + width] = seen.reshape(-1, len(lines), width)
        high, wide, _ = node.out.dims
        step_y, step_x = int(window.step_y), int(window.step_x)
        total = np.zeros((count, high, wide))
        for tap in range(taps):
            tap_y, tap_x = divmod(tap, int(window.width))
            y, at = tap_y * int(window.apart_y), tap_x * int(window.apart_x)
            total += images[
                tap * count : (tap + 1) * count,
                y : y + (high - 1) * step_y + 1 : step_y,
                at : at + (wide - 1) * step_x + 1 : step_x,
            ]
        right: Float64s = total.reshape(count, -1).T
        right += vectors.of_bias
        return right

    @staticmethod
    def in_floats(node: NodeOf[Conv], rng: Generator) -> FloatFunction:
        """Return windows times weights, plus bias, as one group."""
        op, out = node.op, node.out
        length = node.inputs[0].dims[-1] * prod(taps_of(op.window))
        columns, bias = float_columns(length, out, rng)

        def run(inputs: Sequence[Float32s]) -> Float32s:
            seen = seen_by(op.window, inputs[0], out)
            result: Float32s = np.matmul(seen.reshape(-1, length), columns)
            float_bias(out, result, bias)
            return result.reshape(-1, *out.dims)

        return run
