"""Products with committed columns of weights: dense layers and convolutions."""

from __future__ import annotations

from typing import Final, TypeVar

import numpy as np
from numpy.random import Generator

from btt_chain.work.arithmetic import usable_scale
from btt_chain.work.errors import ModelRefused
from btt_chain.work.model import Constants, Elements, Float32s, Int8s, Int32s
from btt_chain.work.operators import Conv, Linear
from btt_chain.work.operators.numeric.kernel import NodeOf
from btt_chain.work.operators.numeric.products import EXACT, ProductKernel
from btt_chain.work.operators.numeric.requantise import requantise
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
