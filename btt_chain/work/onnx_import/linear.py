"""Products with constant weights, or of two activations: convolutions and matrices."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx

from btt_chain.work.build import Numbers
from btt_chain.work.model import Float32s, Int8s, Int32s
from btt_chain.work.onnx_import.constants import (
    folded_bias,
    folded_weights,
    integer_bias,
    of_channels,
    per_channel,
    weights_of,
    window_of,
)
from btt_chain.work.onnx_import.node import Node
from btt_chain.work.onnx_import.target import Target
from btt_chain.work.onnx_import.values import Constant, Pending, Product, Real, Value


def conv_product(
    node: Node, target: Target, x: Real, weights: Int8s, bias: Int32s, factor: Float32s, name: str
) -> Product:
    """Return the product of a convolution."""
    if weights.ndim != 4:
        raise node.refused("only windows of two dimensions")
    x = target.image(x)
    seen = window_of(node, weights.shape[2:])
    groups = node.integer("group", 1)
    kernels = np.ascontiguousarray(weights.transpose(0, 2, 3, 1))

    def emit(bias: Int32s, scales: Float32s, out: Numbers) -> int:
        return target.builder.conv(name, x.tensor, kernels, bias, scales, seen, out, groups)

    return Product(emit, bias, factor, image=True, rank=4)


def dense_product(
    node: Node, target: Target, x: Real, columns: Int8s, bias: Int32s, factor: Float32s, name: str
) -> Product:
    """Return the product of rows with constant columns."""
    x = target.plain(x)
    if columns.ndim != 2 or columns.shape[1] != target.builder.tensor(x.tensor).dims[-1]:
        raise node.refused("weights do not fit the rows that they multiply")

    def emit(bias: Int32s, scales: Float32s, out: Numbers) -> int:
        held = np.ascontiguousarray(columns)
        return target.builder.linear(name, x.tensor, held, bias, scales, out)

    rank = len(target.builder.tensor(x.tensor).dims) + 1
    return Product(emit, bias, factor, image=False, rank=rank)


def multiplied(
    node: Node, target: Target, a: Real, b: Real, scale: np.float32, out: Numbers, name: str
) -> int:
    """Return a product of two activations: ours has the second one's columns as rows."""
    a, b = target.plain(a), target.plain(b)
    rows_of, dims = (target.builder.tensor(real.tensor).dims for real in (a, b))
    if len(dims) < 2 or len(rows_of) < 2:
        raise node.refused("a product would mix the items")
    if rows_of[:-2] != dims[:-2] or rows_of[-1] != dims[-2]:
        raise node.refused(f"multiplies items of {rows_of} and {dims}: make their shapes equal")
    axes = (*range(len(dims) - 2), len(dims) - 1, len(dims) - 2)
    turned = [dims[axis] for axis in axes]
    rows = target.builder.rearrange(target.name(":turned"), b.tensor, dims, axes, turned)
    factor = np.float32(np.float32(a.scale * b.scale) / scale)
    return target.builder.matmul(name, a.tensor, rows, float(factor), out)


def qlinear_conv(node: Node, target: Target) -> Value:
    """Convert QLinearConv."""
    x = target.quantised(0, node.scale(1), 2)
    weights = weights_of(node, 3, 5, 0)
    factor = per_channel(node, (x.scale * node.scales(4)).astype(np.float32), len(weights))
    bias = integer_bias(node, 8, len(weights))
    product = conv_product(node, target, x, weights, bias, factor, target.name())
    return product.finish(node.scale(6), node.numbers(7))


def qlinear_matmul(node: Node, target: Target) -> Value:
    """Convert QLinearMatMul, with constant weights or another activation."""
    x = target.quantised(0, node.scale(1), 2)
    out_scale, out = node.scale(6), node.numbers(7)
    if not isinstance(node.values.get(node.inputs[3]), Constant):
        other = target.quantised(3, node.scale(4), 5)
        return Real(
            multiplied(node, target, x, other, out_scale, out, target.name()),
            out_scale,
            False,
            True,
        )
    columns = weights_of(node, 3, 5, 1).T
    factor = per_channel(node, (x.scale * node.scales(4)).astype(np.float32), len(columns))
    bias = np.zeros(len(columns), np.int32)
    product = dense_product(node, target, x, columns, bias, factor, target.name())
    return product.finish(out_scale, out)


def qgemm(node: Node, target: Target) -> Value:
    """Convert onnxruntime's QGemm."""
    if node.attribute("alpha", 1.0) != 1.0:
        raise node.refused("alpha must be 1")
    if node.integer("transA", 0):
        raise node.refused("transA would mix the items")
    turned = node.integer("transB", 0)
    x = target.quantised(0, node.scale(1), 2)
    weights = weights_of(node, 3, 5, 0 if turned else 1)
    columns = weights if turned else weights.T
    factor = per_channel(node, (x.scale * node.scales(4)).astype(np.float32), len(columns))
    bias = integer_bias(node, 6, len(columns), 1, 2)
    product = dense_product(node, target, x, columns, bias, factor, target.name())
    if not node.has(7):
        return product
    return product.finish(node.scale(7), node.numbers(8))


def matmul_integer(node: Node, target: Target) -> Value:
    """Convert MatMulInteger."""
    columns = weights_of(node, 1, 3, 1).T
    x = target.quantised(0, np.float32(1), 2)
    ones = np.ones(len(columns), np.float32)
    bias = np.zeros(len(columns), np.int32)
    return dense_product(node, target, x, columns, bias, ones, target.name())


def conv_integer(node: Node, target: Target) -> Value:
    """Convert ConvInteger."""
    weights = weights_of(node, 1, 3, 0)
    x = target.quantised(0, np.float32(1), 2)
    ones = np.ones(len(weights), np.float32)
    bias = np.zeros(len(weights), np.int32)
    return conv_product(node, target, x, weights, bias, ones, target.name())


def cast(node: Node, _: Target) -> Value:
    """Convert Cast of accumulators to float."""
    value = node.value(0)
    if not isinstance(value, Product) or node.integer("to", 0) != onnx.TensorProto.FLOAT:
        raise node.refused("only accumulators can be cast, and only to float")
    return value


def mul(node: Node, _: Target) -> Value:
    """Convert Mul of accumulators by constants: a scale."""
    product, factor = node.value(0), node.constant(1)
    if not isinstance(product, Product) or product.relu:
        raise node.refused("only accumulators can be multiplied, by constants")
    if factor.dtype != np.dtype(np.float32):
        raise node.refused(f"a factor of {factor.dtype}: it must be of float32")
    channels = len(product.factor)
    row = of_channels(node, factor, channels, product.channel_axis, product.rank)
    scaled = product.factor * per_channel(node, row.astype(np.float32), channels)
    return replace(product, factor=scaled.astype(np.float32))


def conv(node: Node, target: Target) -> Value:
    """Convert Conv of dequantised values."""
    weights, scale = folded_weights(node, 1, 0)
    x = node.reals(0)
    factor = per_channel(node, (x.scale * scale).astype(np.float32), len(weights))
    bias = folded_bias(node, 2, factor)
    return conv_product(node, target, x, weights, bias, factor, target.name())


def matmul(node: Node, target: Target) -> Value:
    """Convert MatMul of dequantised values."""
    x = node.reals(0)
    if isinstance(node.value(1), Real):
        other, name = node.reals(1), target.name()
        return Pending(lambda s, out: multiplied(node, target, x, other, s, out, name), image=False)
    weights, scale = folded_weights(node, 1, -1)
    factor = per_channel(node, (x.scale * scale).astype(np.float32), weights.shape[-1])
    bias = np.zeros(len(factor), np.int32)
    return dense_product(node, target, x, weights.T, bias, factor, target.name())


def gemm(node: Node, target: Target) -> Value:
    """Convert Gemm of dequantised values."""
    if node.attribute("alpha", 1.0) != 1.0 or node.attribute("beta", 1.0) != 1.0:
        raise node.refused("alpha and beta must be 1")
    if node.integer("transA", 0):
        raise node.refused("transA would mix the items")
    turned = node.integer("transB", 0)
    weights, scale = folded_weights(node, 1, 0 if turned else 1)
    columns = weights if turned else weights.T
    x = node.reals(0)
    factor = per_channel(node, (x.scale * scale).astype(np.float32), len(columns))
    bias = folded_bias(node, 2, factor, 1, 2)
    return dense_product(node, target, x, columns, bias, factor, target.name())
