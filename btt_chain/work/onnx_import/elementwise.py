"""Operators on each element: conversions of numbers, sums, functions, concatenation."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

import numpy as np
import onnx

from btt_chain.work.build import Numbers
from btt_chain.work.onnx_import.constants import (
    along,
    bias_of,
)
from btt_chain.work.onnx_import.node import Node
from btt_chain.work.onnx_import.target import Target
from btt_chain.work.onnx_import.values import Constant, Pending, Product, Real, Value

INTEGERS: Final = (np.dtype(np.int8), np.dtype(np.uint8), np.dtype(np.int32))
"""Kinds of constants that DequantizeLinear opens: weights, and biases."""
PER_AXIS: Final = 13
"""Version of DequantizeLinear from which on it has an axis."""

FUNCTIONS: Final[Mapping[str, Callable[[float], float]]] = {
    "Relu": lambda x: max(x, 0.0),
    "Sigmoid": lambda x: (1 + math.tanh(x / 2)) / 2,
    "Tanh": math.tanh,
    "Gelu": lambda x: x / 2 * (1 + math.erf(x / math.sqrt(2))),
}
"""Functions of one element, by operator; each becomes a table of 256 values."""


def quantize(node: Node, target: Target) -> Value:
    """Convert QuantizeLinear: the end of a pair, which settles the output numbers."""
    node.check_plain()
    scale, numbers = node.scale(1), node.named_numbers(2)
    if node.inputs[0] == target.given.name:
        if target.given.type.tensor_type.elem_type != onnx.TensorProto.FLOAT:
            raise node.refused("the input must be of float32, or of 8 bits")
        return target.quantised_input(node.output, scale, numbers)
    value = node.value(0)
    if isinstance(value, Product):
        return value.finish(scale, numbers)
    if isinstance(value, Pending):
        return Real(value.emit(scale, numbers), scale, value.image, quantised=True)
    real = node.reals(0)
    return Real(rescaled(target, scale, real, numbers), scale, real.image, quantised=True)


def dequantize(node: Node, target: Target) -> Value:
    """Convert DequantizeLinear: the begin of a pair, or of constants."""
    node.check_plain()
    if node.integer("output_dtype", 0) not in {0, onnx.TensorProto.FLOAT}:
        raise node.refused("output_dtype: only float32")
    if node.inputs[0] != target.given.name:
        value = node.value(0)
        if isinstance(value, Constant):
            return dequantized(node, value)
    return replace(target.quantised(0, node.scale(1), 2), quantised=False)


def dequantized(node: Node, value: Constant) -> Constant:
    """Return a constant less its zero, with its scales and their axis."""
    if value.scale is not None or value.values.dtype not in INTEGERS:
        raise node.refused(f"dequantises a constant of {value.values.dtype}")
    wide, scales = value.values.astype(np.int64), node.scales(1)
    axis: int | None = None
    if len(scales) > 1:
        if node.version < PER_AXIS:
            raise node.refused("several scales: before opset 13 there is one")
        axis = node.axis(1, wide.ndim) if wide.ndim > 1 else node.axis(0, wide.ndim)
        if len(scales) != wide.shape[axis]:
            raise node.refused(f"{len(scales)} scales for {wide.shape[axis]} channels")
    if node.has(2):
        zeros = node.constant(2)
        if zeros.dtype != value.values.dtype:
            raise node.refused(f"elements of {value.values.dtype} with zeros of {zeros.dtype}")
        wide -= along(node, zeros.astype(np.int64), axis or 0, wide.shape)
    return Constant(wide, scales, axis)


def rescaled(target: Target, scale: np.float32, real: Real, numbers: Numbers) -> int:
    """Return a tensor with the same real values, in other numbers if they differ."""
    tensor = target.builder.tensor(real.tensor)
    same = (tensor.kind, int(tensor.zero), real.scale) == (numbers.kind, numbers.zero, scale)
    if same:
        return real.tensor
    return tabled(target, real, lambda x: x, scale, numbers, target.name())


def add(node: Node, target: Target) -> Value:
    """Convert Add: a bias of a product, or the sum of two activations."""
    one, other = node.value(0), node.value(1)
    if isinstance(one, Constant):
        one, other = other, one
    if isinstance(one, Product) and isinstance(other, Constant) and not one.relu:
        bias = bias_of(node, other, one.factor, one.channel_axis, one.rank)
        total = one.bias.astype(np.int64) + bias
        if int(np.abs(total).max()) >> 31:
            raise node.refused("a bias does not fit its accumulators")
        return replace(one, bias=total.astype(np.int32))
    a, b = node.reals(0), node.reals(1)
    if a.image != b.image:
        a, b = target.plain(a), target.plain(b)
    shapes = [target.builder.tensor(real.tensor).dims for real in (a, b)]
    if shapes[0] != shapes[1]:
        raise node.refused(f"adds items of {shapes[0]} and {shapes[1]}: make their shapes equal")
    name = target.name()

    def emit(scale: np.float32, out: Numbers) -> int:
        ratios = (float(a.scale) / float(scale), float(b.scale) / float(scale))
        return target.builder.add(name, a.tensor, b.tensor, ratios, out)

    return Pending(emit, a.image)


def function(node: Node, target: Target) -> Value:
    """Convert a function of one element to a table."""
    value = node.value(0)
    kind = node.kind
    if kind == "Gelu" and node.attribute("approximate", b"none") != b"none":
        raise node.refused("only the exact Gelu")
    if isinstance(value, Product) and kind == "Relu":
        return replace(value, relu=True)
    real, name = node.reals(0), target.name()
    function = leaky(node) if kind == "LeakyRelu" else FUNCTIONS[kind]
    return Pending(lambda s, out: tabled(target, real, function, s, out, name), real.image)


def leaky(node: Node) -> Callable[[float], float]:
    """Return the function of LeakyRelu."""
    alpha = node.attribute("alpha", 0.01)
    if not isinstance(alpha, float) or not math.isfinite(alpha):
        raise node.refused("alpha is not a number")
    return lambda x: max(x, 0.0) + alpha * min(x, 0.0)


def tabled(
    target: Target,
    x: Real,
    function: Callable[[float], float],
    scale: np.float32,
    out: Numbers,
    name: str,
) -> int:
    """Return a tensor with a function of each element, by a table of 256 values."""
    tensor = target.builder.tensor(x.tensor)
    values: list[int] = []
    for element in range(tensor.kind.low, tensor.kind.high + 1):
        real = function((element - int(tensor.zero)) * float(x.scale)) / float(scale)
        values.append(min(max(round(real) + out.zero, out.kind.low), out.kind.high))
    return target.builder.table(name, x.tensor, values, out)


def concat(node: Node, target: Target) -> Value:
    """Convert Concat, along channels of images or the last axis."""
    reals = [node.reals(at) for at in range(len(node.inputs))]
    if not reals:
        raise node.refused("has no inputs")
    rank = len(target.builder.tensor(reals[0].tensor).dims) + 1
    axis = node.axis(0, rank)
    channels = rank == 4 and axis == 1
    if not channels and axis != rank - 1:
        raise node.refused("only channels of images, or along the last axis")
    reals = [target.image(real) if channels else target.plain(real) for real in reals]
    names = [target.name() for _ in reals[1:]]

    def emit(scale: np.float32, out: Numbers) -> int:
        made, *others = (rescaled(target, scale, real, out) for real in reals)
        for name, other in zip(names, others, strict=True):
            made = target.builder.concat(name, made, other)
        return made

    return Pending(emit, channels)
