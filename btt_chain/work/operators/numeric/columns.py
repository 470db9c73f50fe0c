"""Products with committed columns of weights: dense layers and convolutions."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Final, TypeVar

import numpy as np
from numpy.random import Generator

from btt_chain.work.arithmetic import usable_scale
from btt_chain.work.errors import ModelRefused
from btt_chain.work.model import Constants, Elements, Float32s, Float64s, Int8s, Int32s
from btt_chain.work.operators import Conv, Linear
from btt_chain.work.operators.numeric.blocks import evenly, matrix_rows
from btt_chain.work.operators.numeric.kernel import FloatFunction, NodeOf
from btt_chain.work.operators.numeric.products import EXACT, ProductKernel
from btt_chain.work.operators.numeric.requantise import centred, requantise
from btt_chain.work.operators.numeric.vectors import BLOCK, Vectors, times
from btt_chain.work.operators.numeric.windows import padded, seen_by, taps_of, windows_of
from btt_chain.work.tensors import Kind, Tensor

C_co = TypeVar("C_co", bound=Linear | Conv, covariant=True)

MIN_DENSITY_PERCENT: Final = 10
"""Minimum percentage of a node's weights that are not zero."""


class ColumnsKernel(ProductKernel[C_co]):
    """A product with columns of weights, prepared for execution."""

    def __init__(self, node: NodeOf[C_co], constants: Constants | None) -> None:
        super().__init__(node, constants)
        if constants is None:
            raise TypeError(f"node {node.name!r} needs its weights")
        self.constants = constants
        self.zero = int(node.inputs[0].zero)
        self.bounds = (int(node.op.low), int(node.op.high))
        self.columns = Columns(constants, node.inputs[0], node.out, self.bounds)

    def finish(self, accumulators: Int32s, made: Elements) -> None:
        """Requantise by the scale of each channel."""
        requantise(accumulators, self.constants.scales, self.out, self.bounds, made)

    @staticmethod
    def accumulator_limit(node: NodeOf[C_co], constants: Constants) -> int:
        """Return the largest reach of a channel."""
        return int(constants.reach(node.inputs[0]).max())

    @staticmethod
    def check_constants(node: NodeOf[C_co], constants: Constants) -> None:
        """Check that few weights are zero, and that all scales are usable."""
        _check_weights(node.name, constants.columns)
        scales = [] if node.out.kind is Kind.I32 else np.unique(constants.second).tolist()
        if not all(bits >= 0 and usable_scale(bits) for bits in scales):
            raise ModelRefused.at(node.name, "a scale is not between 2^-63 and 2^64")


class Columns:
    """Columns of weights, prepared for exact float32 products, and their requantisation."""

    def __init__(
        self, constants: Constants, x: Tensor, out: Tensor, bounds: tuple[int, int]
    ) -> None:
        self._out, self._bounds = out, bounds
        bias = constants.first.astype(np.float32)
        self._weights = np.vstack([constants.columns.T.astype(np.float32), bias])
        self._bias, self._scales = constants.first, constants.scales
        self._small = int(constants.reach(x).max()) <= EXACT
        self._step = _exact_step(constants, x.reach)

    def write(
        self,
        rows: Float32s,
        made: Elements,
        sink: Int32s | None,
        room: Float32s,
        channels: slice = slice(None),
    ) -> None:
        """Multiply rows, each with a 1 at its end, by weights and bias, exactly, and requantise.

        `room` may be overwritten.
        """
        total = self._sums(rows, room[: len(rows)], channels)
        if sink is not None:
            sink[...] = total
        requantise(total, self._scales[channels], self._out, self._bounds, made)

    def _sums(self, rows: Float32s, room: Float32s, channels: slice) -> Float32s | Int32s:
        """Return the sums, in float32 only if it cannot round."""
        weights, step, length = self._weights[:, channels], self._step, rows.shape[1] - 1
        if self._small:
            return np.matmul(rows, weights, out=room)
        total = np.empty(room.shape, np.int32)
        total[...] = self._bias[channels]
        for at in range(0, length, step):
            part = slice(at, min(at + step, length))
            np.matmul(rows[:, part], weights[part], out=room)
            total += room.astype(np.int32)
        return total


def _exact_step(constants: Constants, reach: int) -> int:
    """Return the longest part of a sum that float32 adds exactly with these weights, by halving.

    With the bound of the actual weights a sum seldom has to be cut; with that of int8, each sum of
    more than 514 terms would have to be.
    """
    sizes = np.abs(constants.columns.astype(np.int16))
    step: int = sizes.shape[1]
    while step > EXACT // (reach * 128):
        starts = np.arange(0, sizes.shape[1], step)
        sums = np.add.reduceat(sizes, starts, axis=1, dtype=np.int64)
        if int(sums.max()) * reach <= EXACT:
            break
        step = -(-step // 2)
    return step


def _check_weights(name: str, columns: Int8s) -> None:
    filled = int(np.count_nonzero(columns)) * 100
    if filled < MIN_DENSITY_PERCENT * columns.size:
        raise ModelRefused.at(
            name,
            f"{filled // columns.size} % of its weights are not zero, "
            f"at least {MIN_DENSITY_PERCENT} % must be",
        )


def float_columns(length: int, out: Tensor, rng: Generator) -> tuple[Float32s, Float32s]:
    """Return random weights and a bias for the baseline in float32."""
    outputs = out.dims[-1]
    columns = rng.standard_normal((length, outputs), np.float32) / np.sqrt(length)
    return columns.astype(np.float32), np.ones(outputs, np.float32)


def float_bias(out: Tensor, sums: Float32s, bias: Float32s) -> None:
    """Add the bias, and the ReLU that unsigned outputs imply."""
    sums += bias
    if out.kind is Kind.U8:
        np.maximum(sums, 0, out=sums)


class LinearKernel(ColumnsKernel[Linear]):
    """A dense layer, prepared for execution."""

    def multiply(self, inputs: Sequence[Elements], made: Elements, sink: Int32s | None) -> None:
        """Multiply some rows at a time by all columns."""
        x = inputs[0]
        rows, wide = x.reshape(-1, x.shape[-1]), made.shape[-1]
        flat = made.reshape(-1, wide)
        sums = None if sink is None else sink.reshape(-1, wide)
        step = evenly(len(rows), matrix_rows(max(wide, rows.shape[1])))
        matrix = np.ones((step, rows.shape[1] + 1), np.float32)
        room = np.empty((step, wide), np.float32)
        for at in range(0, len(rows), step):
            part = slice(at, at + step)
            given = matrix[: len(rows[part])]
            centred(rows[part], self.zero, given[:, :-1])
            self.columns.write(given, flat[part], None if sums is None else sums[part], room)

    @staticmethod
    def by_vectors(node: NodeOf[Linear], inputs: Sequence[Elements], vectors: Vectors) -> Float64s:
        """Multiply rows by the weights' products."""
        rows = inputs[0].reshape(-1, inputs[0].shape[-1])
        right = times(rows, vectors.of_weights, int(node.inputs[0].zero))
        right += vectors.of_bias
        return right

    @staticmethod
    def in_floats(node: NodeOf[Linear], rng: Generator) -> FloatFunction:
        """Return rows times weights, plus bias."""
        out = node.out
        columns, bias = float_columns(node.inputs[0].dims[-1], out, rng)

        def run(inputs: Sequence[Float32s]) -> Float32s:
            result: Float32s = np.matmul(inputs[0], columns)
            float_bias(out, result, bias)
            return result

        return run


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
