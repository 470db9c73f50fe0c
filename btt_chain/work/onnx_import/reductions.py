"""Operators over windows and rows: pools, softmax, layer normalisation."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
import onnx

from btt_chain.work.build import Numbers
from btt_chain.work.onnx_import.constants import (
    window_of,
)
from btt_chain.work.onnx_import.node import Node
from btt_chain.work.onnx_import.target import Target
from btt_chain.work.onnx_import.values import Pending, Value
from btt_chain.work.operators.numeric.rows import exponentials, norm_constants, norm_epsilon

LAST_AXIS: Final = 13
"""Version of Softmax from which on it is over one axis, by default the last one."""


def softmax(node: Node, target: Target) -> Value:
    """Convert Softmax over the last axis."""
    real = target.plain(node.reals(0))
    dims = target.builder.tensor(real.tensor).dims
    # Before version 13, axis 1 was the default, and the axes from it on were one row.
    if node.axis(-1 if node.version >= LAST_AXIS else 1, len(dims) + 1) != len(dims):
        raise node.refused("only over the last axis (before opset 13, all axes from 1 on are one)")
    name = target.name()

    def emit(scale: np.float32, out: Numbers) -> int:
        if scale != np.float32(1 / 256) or out.zero != out.kind.low:
            raise node.refused("its output must have the scale 1/256 and the least zero")
        table = exponentials(float(real.scale))
        return target.builder.softmax(name, real.tensor, table, out.kind)

    return Pending(emit, image=False)


def layer_norm(node: Node, target: Target) -> Value:
    """Convert LayerNormalization over the last axis."""
    real = target.plain(node.reals(0))
    length = target.builder.tensor(real.tensor).dims[-1]
    rank = len(target.builder.tensor(real.tensor).dims) + 1
    if node.axis(-1, rank) != rank - 1:
        raise node.refused("only over the last axis")
    if node.integer("stash_type", 1) != onnx.TensorProto.FLOAT:
        raise node.refused("stash_type: only float32")
    gain = node.constant(1).astype(np.float32)
    offset = np.zeros(length, np.float32)
    if node.has(2):
        offset = node.constant(2).astype(np.float32)
    epsilon = node.attribute("epsilon", 1e-5)
    if gain.shape != (length,) or offset.shape != (length,) or not isinstance(epsilon, float):
        raise node.refused("gain and offset need one number for each channel")
    added = norm_epsilon(epsilon, float(real.scale), length)
    name = target.name()

    def emit(scale: np.float32, out: Numbers) -> int:
        norm = norm_constants(gain, offset, float(scale))
        return target.builder.layer_norm(name, real.tensor, norm, added, 24, out)

    return Pending(emit, image=False)


def max_pool(node: Node, target: Target) -> Value:
    """Convert MaxPool."""
    real = target.image(node.moved())
    seen = window_of(node, node.integers("kernel_shape", (1, 1)))
    return replace(real, tensor=target.builder.max_pool(target.name(), real.tensor, seen))


def average_pool(node: Node, target: Target) -> Value:
    """Convert AveragePool."""
    real = target.image(node.reals(0))
    size = node.integers("kernel_shape", (0, 0))
    if any(node.integers("pads", (0, 0, 0, 0))) and not node.integer("count_include_pad", 0):
        raise node.refused("with pads, only count_include_pad=1")
    seen, name = window_of(node, size), target.name()

    def emit(scale: np.float32, out: Numbers) -> int:
        factor = float(real.scale) / float(scale) / (size[0] * size[1])
        return target.builder.average_pool(name, real.tensor, seen, factor, out)

    return Pending(emit, image=True)


def global_average_pool(node: Node, target: Target) -> Value:
    """Convert GlobalAveragePool."""
    real, name = target.image(node.reals(0)), target.name()

    def emit(scale: np.float32, out: Numbers) -> int:
        factor = float(real.scale) / float(scale)
        return target.builder.global_mean(name, real.tensor, factor, out)

    return Pending(emit, image=True)
