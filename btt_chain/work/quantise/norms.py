"""Normalisation of rows, as one operator of ONNX or as exporters write it out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
import onnx

from btt_chain.work.quantise.reading import FloatNode
from btt_chain.work.quantise.steps import Normalize

Makers = Mapping[str, FloatNode]
"""The nodes by the tensors that they make."""

_NORMS: Final = frozenset({"LayerNormalization", "RMSNormalization"})


def normalisation(node: FloatNode, makers: Makers) -> Normalize | None:
    """Return the step of a node that is the last one of a normalisation; None for other nodes.

    Written out, that is (x - mean) / root(mean((x - mean)^2) + epsilon), or the same without the
    mean; gain and offset are steps of their own, which are folded. Epsilon only matters for rows
    that are nearly constant, and is left out. Raises ModelRefused for other axes than the last.
    """
    if node.kind in _NORMS:
        return _whole(node)
    pair = _quotient(node, makers)
    if pair is None:
        return None
    part, root = pair
    squares = _mean_of(_without_number(_root_of(root, makers), makers), makers)
    squared = None if squares is None else _square_of(squares, makers)
    if squared is None or _line(squared, makers) != _line(part, makers):
        return None
    source, centred = _line(part, makers)
    ones, zeros = np.ones(node.shape[-1]), np.zeros(node.shape[-1])
    return Normalize(node.name, (source,), node.output, ones, zeros, centred)


def _whole(node: FloatNode) -> Normalize:
    """Return the step of ONNX's own operator."""
    shape = node.shape
    if node.integer("axis", -1) % len(shape) != len(shape) - 1:
        raise node.refused("normalises several axes: only the last one can be, so transpose before")
    gain = np.broadcast_to(node.reals(1), shape[-1:])
    offset = np.broadcast_to(node.reals(2) if node.has(2) else np.zeros(1), shape[-1:])
    centred = node.kind == "LayerNormalization"
    return Normalize(node.name, (node.input(0),), node.output, gain, offset, centred)


def _quotient(node: FloatNode, makers: Makers) -> tuple[str, str] | None:
    """Return the tensors of which the first is divided by the second one."""
    if len(node.proto.input) != 2 or node.kind not in {"Div", "Mul"}:
        return None
    first, second = (_uncast(name, makers) for name in node.proto.input)
    if node.kind == "Div":
        return first, second
    for part, other in ((first, second), (second, first)):
        maker = makers.get(other)
        if maker is None:
            continue
        if maker.kind == "Reciprocal" or _is_power(maker, -0.5) or _divides_one(maker):
            return part, other
    return None


def _root_of(name: str, makers: Makers) -> str:
    """Return the tensor of which this one is the root, or one over it; an empty name if none."""
    node = makers.get(name)
    if node is None:
        return ""
    if node.kind == "Reciprocal":
        return _root_of(_uncast(node.input(0), makers), makers)
    if _divides_one(node):
        return _root_of(_uncast(node.input(1), makers), makers)
    if node.kind == "Sqrt" or _is_power(node, 0.5) or _is_power(node, -0.5):
        return _uncast(node.input(0), makers)
    return ""


def _without_number(name: str, makers: Makers) -> str:
    """Return the tensor to which epsilon is added, or the same if none is."""
    node = makers.get(name)
    if node is None or node.kind != "Add":
        return name
    for at in (0, 1):
        if node.is_constant(at) and node.constant(at).size == 1:
            return _uncast(node.input(1 - at), makers)
    return name


def _mean_of(name: str, makers: Makers) -> str | None:
    """Return the tensor of which this one is the mean along the last axis."""
    node = makers.get(name)
    if node is None or node.kind != "ReduceMean" or not node.integer("keepdims", 1):
        return None
    rank = len(node.input_shape(0))
    axes = [axis % rank for axis in node.listed("axes", 1) or ()]
    return _uncast(node.input(0), makers) if axes == [rank - 1] else None


def _square_of(name: str, makers: Makers) -> str | None:
    """Return the tensor of which this one is the square."""
    node = makers.get(name)
    if node is None:
        return None
    if _is_power(node, 2) or (node.kind == "Mul" and node.input(0) == node.input(1)):
        return _uncast(node.input(0), makers)
    return None


def _line(name: str, makers: Makers) -> tuple[str, bool]:
    """Return the tensor from which this one differs by its mean, and True; else itself."""
    node = makers.get(name)
    if node is not None and node.kind == "Sub" and not node.is_constant(0):
        source = _uncast(node.input(0), makers)
        if _mean_of(_uncast(node.input(1), makers), makers) == source:
            return source, True
    return name, False


def _is_power(node: FloatNode, exponent: float) -> bool:
    if node.kind != "Pow" or not node.is_constant(1) or node.constant(1).size != 1:
        return False
    return float(node.reals(1).reshape(-1)[0]) == exponent


def _divides_one(node: FloatNode) -> bool:
    """Return True if a node is 1 over its second input."""
    return node.kind == "Div" and node.is_constant(0) and bool((node.reals(0) == 1).all())


def _uncast(name: str, makers: Makers) -> str:
    """Return the tensor before conversions to float32."""
    node = makers.get(name)
    while node is not None and node.kind == "Cast" \
            and node.integer("to", 0) == onnx.TensorProto.FLOAT:  # fmt: skip
        name = node.input(0)
        node = makers.get(name)
    return name
