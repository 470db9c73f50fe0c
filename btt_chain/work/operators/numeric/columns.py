"""Products with committed columns of weights: dense layers and convolutions."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from math import prod
from typing import TypeVar

import numpy as np
from numpy.random import Generator

from btt_chain.work.arithmetic import usable_scale
from btt_chain.work.errors import ModelRefused
from btt_chain.work.model import Constants, Elements, Float32s, Float64s, Int32s
from btt_chain.work.operators import Conv, Linear, Sum
from btt_chain.work.operators.numeric.blocks import evenly, matrix_rows
from btt_chain.work.operators.numeric.kernel import FloatFunction, Kernel, NodeOf
from btt_chain.work.operators.numeric.products import EXACT, ProductKernel
from btt_chain.work.operators.numeric.requantise import centred, requantise
from btt_chain.work.operators.numeric.vectors import BLOCK, Vectors, times
from btt_chain.work.operators.numeric.weights import check_channels, check_weights
from btt_chain.work.operators.numeric.windows import padded, seen_by, windows_of
from btt_chain.work.tensors import Kind, Tensor

C_co = TypeVar("C_co", bound=Linear | Conv, covariant=True)


class ColumnsKernel(ProductKernel[C_co]):
    """A product with columns of weights, prepared for execution."""

    def __init__(self, node: NodeOf[C_co], constants: Constants | None) -> None:
        super().__init__(node, constants)
        if constants is None:
            raise TypeError(f"node {node.name!r} needs its weights")
        self.constants = constants
        self.zero = int(node.inputs[0].zero)
        self.bounds = (int(node.op.low), int(node.op.high))

    @cached_property
    def columns(self) -> list[Columns]:
        """The weights in float32, by part of a sum; prepared when they are first used."""
        return [
            Columns(part, self.node.inputs[0], self.out, self.bounds)
            for part in parts_of(self.node, self.constants)
        ]

    def finish(self, accumulators: Int32s, made: Elements, inputs: Sequence[Elements] = ()) -> None:
        """Requantise by the scale of each channel."""
        requantise(accumulators, self.constants.scales, self.out, self.bounds, made)

    @staticmethod
    def accumulator_limit(node: NodeOf[C_co], constants: Constants) -> int:
        """Return the largest reach of a channel."""
        return int(constants.reach(node.inputs[0]).max())

    @staticmethod
    def check_constants(node: NodeOf[C_co], constants: Constants) -> None:
        """Check that weights are work, that outputs depend on inputs, and scales are usable."""
        check_weights(node.name, constants.columns)
        check_scales(node, constants)
        if node.out.kind is not Kind.I32:
            x = node.inputs[0]
            reaches = constants.sums.astype(np.float64) * x.reach * constants.scales
            check_channels(node.name, reaches, constants.columns.shape[1])


def check_scales(node: NodeOf[Linear | Conv | Sum], constants: Constants) -> None:
    """Raise ModelRefused unless all scales are usable; accumulators need none."""
    scales = [] if node.out.kind is Kind.I32 else np.unique(constants.second).tolist()
    if not all(bits >= 0 and usable_scale(bits) for bits in scales):
        raise ModelRefused.at(node.name, "a scale is not between 2^-63 and 2^64")


def parts_of(node: NodeOf[Linear | Conv], constants: Constants) -> list[Constants]:
    """Return the constants of each part of a sum; those of whole sums are one."""
    parts = node.op.partial_sums
    if parts == 1:
        return [constants]
    most = constants.columns.shape[1]
    length = node.inputs[0].dims[-1] if isinstance(node.op, Linear) else parts * most
    return [
        Constants(
            np.ascontiguousarray(constants.columns[at::parts, : length - at * most]),
            constants.first[at::parts].copy(),
            constants.second[at::parts].copy(),
        )
        for at in range(parts)
    ]


class Columns:
    """Columns of weights, prepared for exact float32 products, and their requantisation.

    Elements of 16 bits are multiplied as two of 8: 256 * high + low, both exact.
    """

    def __init__(
        self, constants: Constants, x: Tensor, out: Tensor, bounds: tuple[int, int]
    ) -> None:
        self._out, self._bounds = out, bounds
        bias = constants.first.astype(np.float32)
        self._weights = np.vstack([constants.columns.T.astype(np.float32), bias])
        self._bias, self._scales = constants.first, constants.scales
        self._small = int(constants.reach(x).max()) <= EXACT
        self._halves = x.kind is Kind.I16 and not self._small
        self._step = _exact_step(constants, min(x.reach, 255))

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
        total = self.sums(rows, room[: len(rows)], channels)
        if sink is not None:
            sink[...] = total
        requantise(total, self._scales[channels], self._out, self._bounds, made)

    def sums(
        self, rows: Float32s, room: Float32s, channels: slice = slice(None)
    ) -> Float32s | Int32s:
        """Return the sums as `write` does, in float32 only if it cannot round."""
        weights, step, length = self._weights[:, channels], self._step, rows.shape[1] - 1
        if self._small:
            return np.matmul(rows, weights, out=room)
        total = np.zeros(room.shape, np.int32)
        halves = [rows[:, :length]]
        if self._halves:
            high = np.floor(halves[0] * np.float32(1 / 256))
            halves = [high, halves[0] - high * np.float32(256)]
        for half in halves:
            total *= np.int32(256)
            for at in range(0, length, step):
                part = slice(at, min(at + step, length))
                np.matmul(half[:, part], weights[part], out=room)
                total += room.astype(np.int32)
        total += self._bias[channels]
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
        parts, most = len(self.columns), self.constants.columns.shape[1]
        step = evenly(len(rows), matrix_rows(max(wide, rows.shape[1])))
        room = np.empty((step, wide // parts), np.float32)
        for at, columns in enumerate(self.columns):
            taken = rows[:, at * most : (at + 1) * most]
            matrix = np.ones((step, taken.shape[1] + 1), np.float32)
            for first in range(0, len(rows), step):
                part = slice(first, first + step), slice(at, None, parts)
                given = matrix[: len(rows[part[0]])]
                centred(taken[part[0]], self.zero, given[:, :-1])
                columns.write(given, flat[part], None if sums is None else sums[part], room)

    @staticmethod
    def by_vectors(node: NodeOf[Linear], inputs: Sequence[Elements], vectors: Vectors) -> Float64s:
        """Multiply rows by the weights' products."""
        rows = inputs[0].reshape(-1, inputs[0].shape[-1])
        right = times(rows, vectors.of_weights[: rows.shape[1]], int(node.inputs[0].zero))
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
        if int(self.op.groups) == inputs[0].shape[-1] > 1 and len(self.columns) == 1:
            self._depthwise(inputs[0], made, sink)
            return
        x = inputs[0]
        window = self.op.window
        first_side, *others = sides = made.shape[1:-1]
        channels, taps, beside = made.shape[-1], prod(window.sizes), prod(others)
        wanted = -(-matrix_rows(max(taps * x.shape[-1], channels)) // beside)
        lines, together = min(first_side, wanted), max(1, wanted // first_side)
        matrix = np.ones((together * lines * beside, taps * x.shape[-1] + 1), np.float32)
        seen = matrix[:, :-1].reshape(together, lines, *others, *window.sizes, x.shape[-1])
        for first in range(0, len(x), together):
            several = slice(first, first + together)
            images = padded(centred(x[several], self.zero), window, 0)
            windows = windows_of(images, window, sides)
            for top in range(0, first_side, lines):
                some = slice(top, top + lines)
                part = windows[:, some]
                rows = seen[: part.shape[0], : part.shape[1]]
                rows[...] = part
                flat = made[several, some].reshape(-1, channels)
                sums = None if sink is None else sink[several, some].reshape(-1, channels)
                self._rows(matrix[: len(flat)], flat, sums)

    def _rows(self, rows: Float32s, made: Elements, sums: Int32s | None) -> None:
        """Multiply windows, each with a 1 at its end, group by group and part by part."""
        groups, parts = int(self.op.groups), len(self.columns)
        share = made.shape[1] // (groups * parts)
        room = np.empty((len(rows), share), np.float32)
        if groups == parts == 1:
            self.columns[0].write(rows, made, sums, room)
            return
        taps = rows[:, :-1].reshape(len(rows), parts, -1, groups, self.inside)
        given = np.ones((len(rows), taps.shape[2] * self.inside + 1), np.float32)
        for at, columns in enumerate(self.columns):
            for group in range(groups):
                given[:, :-1] = taps[:, at, :, group].reshape(len(rows), -1)
                first = group * share * parts + at
                own = slice(None), slice(first, first + share * parts, parts)
                channels = slice(group * share, (group + 1) * share)
                columns.write(given, made[own], None if sums is None else sums[own], room, channels)

    @property
    def inside(self) -> int:
        """The number of input channels of a group."""
        return self.node.inputs[0].dims[-1] // int(self.op.groups)

    def _depthwise(self, x: Elements, made: Elements, sink: Int32s | None) -> None:
        """Multiply all groups of one channel at once, tap by tap: matrices of one row are slow."""
        window, constants = self.op.window, self.constants
        share = made.shape[-1] // x.shape[-1]
        for at, item in enumerate(x):
            image = padded(item[None].astype(np.int32) - np.int32(self.zero), window, 0)
            seen = windows_of(image, window, made.shape[1:-1])[0]
            total = np.empty(made.shape[1:], np.int32)
            total[...] = constants.first
            for number, tap in enumerate(np.ndindex(*window.sizes)):
                values = seen[(*(slice(None),) * len(window.axes), *tap)]
                weights = constants.columns[:, number].astype(np.int32)
                total += (np.repeat(values, share, -1) if share > 1 else values) * weights
            if sink is not None:
                sink[at] = total
            requantise(total, constants.scales, self.out, self.bounds, made[at])

    @staticmethod
    def by_vectors(node: NodeOf[Conv], inputs: Sequence[Elements], vectors: Vectors) -> Float64s:
        """Multiply without im2col: pixels times vectors for every tap, added within windows."""
        x, window = inputs[0], node.op.window
        taps, count = prod(window.sizes), vectors.of_weights.shape[1]
        first_side, *others, channels = x.shape
        by_tap = vectors.of_weights.reshape(taps, channels, count).transpose(0, 2, 1)
        by_tap_and_vector = np.ascontiguousarray(by_tap).reshape(taps * count, channels)
        # One image for each tap and vector, so that lines of them are added, not single pixels.
        images = np.zeros((taps * count, *x.shape[:-1]))
        step = max(1, BLOCK // (prod(others) * channels))
        for first in range(0, first_side, step):
            lines = x[first : first + step].astype(np.float64)
            lines -= int(node.inputs[0].zero)
            seen = by_tap_and_vector @ lines.reshape(-1, channels).T
            images[:, first : first + len(lines)] = seen.reshape(-1, len(lines), *others)
        images = padded(images[..., None], window, 0)[..., 0]
        sides = node.out.dims[:-1]
        total = np.zeros((count, *sides))
        for number, tap in enumerate(np.ndindex(*window.sizes)):
            places: list[slice] = []
            for axis, at, side in zip(window.axes, tap, sides, strict=True):
                begin = at * int(axis.apart)
                end = begin + (side - 1) * int(axis.step) + 1
                places.append(slice(begin, end, int(axis.step)))
            total += images[(slice(number * count, (number + 1) * count), *places)]
        right: Float64s = total.reshape(count, -1).T
        right += vectors.of_bias
        return right

    @staticmethod
    def in_floats(node: NodeOf[Conv], rng: Generator) -> FloatFunction:
        """Return windows times weights, plus bias, as one group."""
        op, out = node.op, node.out
        length = node.inputs[0].dims[-1] * prod(op.window.sizes)
        columns, bias = float_columns(length, out, rng)

        def run(inputs: Sequence[Float32s]) -> Float32s:
            seen = seen_by(op.window, inputs[0], out)
            result: Float32s = np.matmul(seen.reshape(-1, length), columns)
            float_bias(out, result, bias)
            return result.reshape(-1, *out.dims)

        return run


class SumKernel(Kernel[Sum]):
    """Partial sums, prepared for execution."""

    def __init__(self, node: NodeOf[Sum], constants: Constants | None) -> None:
        super().__init__(node, constants)
        if constants is None:
            raise TypeError(f"node {node.name!r} needs its biases and scales")
        self.constants = constants

    def run(self, inputs: Sequence[Elements], made: Elements) -> None:
        """Add in 64 bits, and requantise."""
        parts = inputs[0].reshape(*made.shape, int(self.op.parts))
        total = parts.sum(axis=-1, dtype=np.int64)
        total += self.constants.first
        if self.out.kind is Kind.I32:
            made[...] = np.clip(total, self.out.kind.low, self.out.kind.high)
            return
        bounds = (int(self.op.low), int(self.op.high))
        requantise(total, self.constants.scales, self.out, bounds, made)

    @staticmethod
    def check_constants(node: NodeOf[Sum], constants: Constants) -> None:
        """Check that all scales are usable."""
        check_scales(node, constants)

    @staticmethod
    def in_floats(node: NodeOf[Sum], rng: Generator) -> FloatFunction:
        """Return the sums."""
        dims = node.out.dims

        def run(inputs: Sequence[Float32s]) -> Float32s:
            result: Float32s = inputs[0].reshape(-1, *dims, int(node.op.parts)).sum(-1)
            return result

        return run
