"""Constants of a node: weights, zeros, scales and biases in units of the accumulator."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from btt_chain.work.build import window
from btt_chain.work.model import Float32s, Int8s, Int32s
from btt_chain.work.onnx_import.node import Node
from btt_chain.work.onnx_import.values import Array, Constant
from btt_chain.work.tensors import Window


def weights_of(node: Node, at: int, zero_at: int | None, axis: int) -> Int8s:
    """Return weights minus their zero; all must still be of 8 bits."""
    values = node.constant(at)
    if values.dtype not in {np.dtype(np.int8), np.dtype(np.uint8)}:
        raise node.refused(f"weights of {values.dtype}: quantise them to 8 bits")
    wide = values.astype(np.int16)
    if zero_at is not None and node.has(zero_at):
        zeros = node.constant(zero_at)
        if zeros.dtype not in {np.dtype(np.int8), np.dtype(np.uint8)}:
            raise node.refused(f"zeros of {zeros.dtype} for weights of {values.dtype}")
        wide -= along(node, zeros.astype(np.int16), axis, wide.shape)
    return narrow(node, wide)


def narrow(node: Node, wide: NDArray[np.int16]) -> Int8s:
    """Return weights as 8-bit integers. Raises ModelRefused if one does not fit."""
    if int(wide.min()) < -128 or int(wide.max()) > 127:
        raise node.refused("weights less their zero do not fit 8 bits")
    return wide.astype(np.int8)


def along(
    node: Node, zeros: NDArray[np.signedinteger], axis: int, dims: Sequence[int]
) -> NDArray[np.signedinteger]:
    """Return zeros of channels, so that they broadcast along one axis."""
    if zeros.size == 1:
        return zeros.reshape(())
    if not -len(dims) <= axis < len(dims) or zeros.size != dims[axis]:
        channels = dims[axis] if -len(dims) <= axis < len(dims) else 0
        raise node.refused(f"{zeros.size} zeros for {channels} channels")
    shape = [1] * len(dims)
    shape[axis] = zeros.size
    return zeros.reshape(shape)


def per_channel(node: Node, factor: Float32s, channels: int) -> Float32s:
    """Return one scale for each channel. Raises ModelRefused for another number of scales."""
    if len(factor) not in {1, channels}:
        raise node.refused(f"{len(factor)} scales for {channels} channels")
    return np.broadcast_to(factor, (channels,)).astype(np.float32)


def of_channels(
    node: Node, values: Array, channels: int, axis: int, rank: int
) -> NDArray[np.generic]:
    """Return one number, or one for each channel, of a constant that is broadcast by numpy's rule.

    `axis` is that of the channels, of `rank` axes. ModelRefused if the constant varies on another.
    """
    shape = (1,) * (rank - values.ndim) + values.shape
    others = [size for at, size in enumerate(shape) if at != axis]
    if len(shape) != rank or shape[axis] not in {1, channels} or set(others) - {1}:
        raise node.refused(
            f"a constant of {values.shape} is not one number for each of {channels} channels "
            f"(axis {axis} of {rank}): give it the shape that is broadcast along them"
        )
    return values.reshape(-1)


def integer_bias(node: Node, at: int, channels: int, axis: int = 0, rank: int = 1) -> Int32s:
    """Return a bias that is already in units of the accumulator."""
    if not node.has(at):
        return np.zeros(channels, np.int32)
    bias = node.constant(at)
    if bias.dtype != np.dtype(np.int32):
        raise node.refused(f"a bias of {bias.dtype}: it must be of 32-bit integers")
    if rank == 1 and bias.shape != (channels,):
        raise node.refused(f"{bias.size} biases for {channels} channels")
    row = of_channels(node, bias, channels, axis, rank).astype(np.int32)
    return np.broadcast_to(row, (channels,)).copy()


def folded_weights(node: Node, at: int, axis: int) -> tuple[Int8s, Float32s]:
    """Return dequantised weights as integers, and scales of the channels, which are on `axis`."""
    value = node.value(at)
    if not isinstance(value, Constant) or value.scale is None:
        raise node.refused("weights are floats: quantise them (DequantizeLinear)")
    if value.axis is not None and value.axis != axis % value.values.ndim:
        raise node.refused(
            f"weights have a scale for each place of axis {value.axis}, but their channels are on "
            f"axis {axis % value.values.ndim}"
        )
    return narrow(node, value.values.astype(np.int16)), value.scale


def folded_bias(node: Node, at: int, factor: Float32s, axis: int = 0, rank: int = 1) -> Int32s:
    """Return a bias in units of the accumulator, zeros if the node has none."""
    if not node.has(at):
        return np.zeros(len(factor), np.int32)
    value = node.value(at)
    if not isinstance(value, Constant):
        raise node.refused("a bias must be constant")
    if rank == 1 and value.values.shape != factor.shape:
        raise node.refused(f"{value.values.size} biases for {len(factor)} channels")
    return bias_of(node, value, factor, axis, rank)


def bias_of(node: Node, value: Constant, factor: Float32s, axis: int, rank: int) -> Int32s:
    """Return a bias in units of the accumulator; it is broadcast along `axis` of `rank` axes."""
    row = of_channels(node, value.values, len(factor), axis, rank)
    if value.scale is None and row.dtype != np.dtype(np.float32):
        raise node.refused(f"a bias of {row.dtype}: it must be of float32")
    real = row.astype(np.float64)
    if value.scale is not None:
        if value.axis is not None and value.axis + rank - value.values.ndim != axis:
            raise node.refused("a bias has scales along another axis than that of the channels")
        real = real * per_channel(node, value.scale, len(real)).astype(np.float64)
    whole = np.rint(real / factor.astype(np.float64))
    if not (np.abs(whole) < 1 << 31).all():
        raise node.refused("a bias does not fit its accumulators")
    return np.broadcast_to(whole, factor.shape).astype(np.int32)


def window_of(node: Node, size: Sequence[int]) -> Window:
    """Return the window of a convolution or a pool."""
    pads = node.integers("pads", (0, 0, 0, 0))
    automatic = node.attribute("auto_pad", b"NOTSET")
    if automatic not in {b"NOTSET", b"VALID"} or (automatic == b"VALID" and any(pads)):
        raise node.refused("auto_pad: write the pads out")
    if node.integers("kernel_shape", size) != list(size):
        raise node.refused(f"kernel_shape is not that of its weights, {tuple(size)}")
    if node.integer("ceil_mode", 0):
        raise node.refused("ceil_mode is not supported")
    step, apart = node.integers("strides", (1, 1)), node.integers("dilations", (1, 1))
    numbers = (*size, *step, *apart, *pads)
    if min(numbers) < 0 or max(numbers) > 1 << 15 or min(size) < 1:
        raise node.refused("a window has negative or huge numbers, or no size")
    return window(size, step, pads, apart)
