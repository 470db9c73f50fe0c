"""Changes of a float graph that keep its meaning, before it is read."""

from __future__ import annotations

from typing import Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper

_STATES: Final = {"LSTM": (5, 6), "GRU": (5,), "RNN": (5,)}
"""Inputs of recurrent layers that hold the state before the first row."""
_MOVES: Final = frozenset({"Reshape", "Squeeze", "Unsqueeze", "Flatten", "Transpose", "Identity"})
"""Operators that commute with functions of one element."""


def remove_states(model: onnx.ModelProto, constants: dict[str, NDArray[np.generic]]) -> list[str]:
    """Replace inputs that are only states before the first row by zeros, and return their names.

    Outputs that are the states after the last row go with them.
    """
    layers = [node for node in model.graph.node if node.op_type in _STATES]
    reads: dict[str, list[bool]] = {}
    for node in model.graph.node:
        for at, name in enumerate(node.input):
            reads.setdefault(name, []).append(at in _STATES.get(node.op_type, ()))
    removed: list[str] = []
    for value in list(model.graph.input):
        if value.name in constants or not all(reads.get(value.name, [False])):
            continue
        dims = [max(1, int(dim.dim_value)) for dim in value.type.tensor_type.shape.dim]
        constants[value.name] = np.zeros(dims, np.float32)
        model.graph.input.remove(value)
        removed.append(value.name)
    if not removed:
        return []
    fed = [node for node in layers if set(removed).intersection(node.input)]
    ends = {name for node in fed for name in node.output[1:]}
    for output in list(model.graph.output):
        if output.name in ends and len(model.graph.output) > 1:
            model.graph.output.remove(output)
            removed.append(output.name)
    return removed


def endings_last(nodes: list[onnx.NodeProto], model: onnx.ModelProto) -> list[onnx.NodeProto]:
    """Exchange a Sigmoid with the moves behind it, so that it is the last node of an output."""
    for output in model.graph.output:
        makers = {name: node for node in nodes for name in node.output}
        chain: list[onnx.NodeProto] = []
        node = makers.get(output.name)
        while node is not None and node.op_type in _MOVES and _is_alone(node.input[0], nodes):
            chain.insert(0, node)
            node = makers.get(node.input[0])
        if not chain or node is None or node.op_type != "Sigmoid":
            continue
        if not _is_alone(node.output[0], nodes):
            continue
        before = f"{output.name}:before"
        moved: list[onnx.NodeProto] = []
        for at, move in enumerate(chain):
            copy = onnx.NodeProto()
            copy.CopyFrom(move)
            copy.input[0] = node.input[0] if at == 0 else moved[-1].output[0]
            copy.output[0] = before if move is chain[-1] else f"{before}:{at}"
            moved.append(copy)
        moved.append(helper.make_node("Sigmoid", [before], [output.name], node.name))
        nodes = _replaced(nodes, [node, *chain], moved)
    return nodes


def _is_alone(name: str, nodes: list[onnx.NodeProto]) -> bool:
    """Return True if a tensor has one reader."""
    return sum(name in node.input for node in nodes) == 1


def _replaced(
    nodes: list[onnx.NodeProto], old: list[onnx.NodeProto], new: list[onnx.NodeProto]
) -> list[onnx.NodeProto]:
    """Return nodes with some of them replaced, at the place of the last one."""
    gone = {id(node) for node in old}
    made: list[onnx.NodeProto] = []
    for node in nodes:
        if node is old[-1]:
            made.extend(new)
        elif id(node) not in gone:
            made.append(node)
    return made
