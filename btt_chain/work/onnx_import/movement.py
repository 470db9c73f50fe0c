"""Operators that move elements without changing them, and constants."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from btt_chain.work.onnx_import.node import Node, array_of
from btt_chain.work.onnx_import.target import Target
from btt_chain.work.onnx_import.values import Constant, Real, Value


def flatten(node: Node, target: Target) -> Value:
    """Convert Flatten."""
    if node.integer("axis", 1) != 1:
        raise node.refused("only axis 1: items stay apart")
    return reshaped(node, target, [target.builder.tensor(node.moved().tensor).size])


def reshape(node: Node, target: Target) -> Value:
    """Convert Reshape."""
    sizes = [int(size) for size in node.constant(1).reshape(-1).tolist()]
    real = target.plain(node.moved())
    dims = target.builder.tensor(real.tensor).dims
    if node.integer("allowzero", 0) and 0 in sizes:
        raise node.refused("allowzero: an axis would be empty")
    if len(sizes) < 2 or sizes[0] not in {0, -1, target.batch}:
        raise node.refused("the items must stay apart: begin the shape with 0")
    shape = [
        dims[at - 1] if size == 0 and at <= len(dims) else size for at, size in enumerate(sizes)
    ][1:]
    if shape.count(-1) == 1:
        known = math.prod(size for size in shape if size != -1)
        shape[shape.index(-1)] = math.prod(dims) // max(known, 1)
    return reshaped(node, target, shape)


def reshaped(node: Node, target: Target, shape: Sequence[int]) -> Real:
    """Return the input with another shape. Raises ModelRefused if its size differs."""
    real = target.plain(node.moved())
    dims = target.builder.tensor(real.tensor).dims
    if math.prod(shape) != math.prod(dims) or min(shape) < 1:
        raise node.refused(f"{dims} cannot be seen as {list(shape)}")
    axes = range(len(dims))
    made = target.builder.rearrange(target.name(), real.tensor, dims, axes, shape)
    return replace(real, tensor=made, image=False)


def transpose(node: Node, target: Target) -> Value:
    """Convert Transpose."""
    real = target.plain(node.moved())
    dims = target.builder.tensor(real.tensor).dims
    order = node.integers("perm", list(range(len(dims), -1, -1)))
    if order[0] != 0 or sorted(order) != list(range(len(dims) + 1)):
        raise node.refused("the items must stay the first axis")
    axes = [axis - 1 for axis in order[1:]]
    turned = [dims[axis] for axis in axes]
    made = target.builder.rearrange(target.name(), real.tensor, dims, axes, turned)
    return replace(real, tensor=made)


def identity(node: Node, _: Target) -> Value:
    """Convert Identity."""
    return node.value(0)


def constant(node: Node, _: Target) -> Value:
    """Convert Constant."""
    for attribute in node.proto.attribute:
        if attribute.name == "value":
            return Constant(array_of(attribute.t))
    raise node.refused("only constants that are tensors")
