"""Operations at the very end of a model, which the reader of results applies: Softmax and others.

The model then returns the numbers before them, in 16 bits, and loses nothing.
"""

from __future__ import annotations

from math import prod
from typing import Final

import numpy as np

from btt_chain.work.model import Float64s
from btt_chain.work.quantise.floats import Array
from btt_chain.work.quantise.functions import sigmoid
from btt_chain.work.quantise.reading import FloatNode
from btt_chain.work.quantise.steps import Ending, Plan

_ENDINGS: Final = frozenset({"Softmax", "LogSoftmax", "ArgMax", "Sigmoid"})
SOFTMAX_OF_ONE_AXIS: Final = 13
"""Opset from which on Softmax is over the last axis by default."""


def take_endings(plan: Plan, nodes: list[FloatNode]) -> list[FloatNode]:
    """Move endings from the nodes to the plan; return the other nodes."""
    makers = {name: node for node in nodes for name in node.proto.output}
    read = {name for node in nodes for name in node.proto.input}
    removed: set[str] = set()
    for number, name in enumerate(plan.outputs):
        node = makers.get(name)
        taken = node is not None and node.kind in _ENDINGS and name not in read
        if node is None or not taken or node.input(0) in plan.inputs:
            plan.endings.append(None)
            continue
        removed.add(node.output)
        plan.outputs[number] = node.input(0)
        plan.endings.append(_ending(node))
    _merge_results(plan)
    return [node for node in nodes if node.output not in removed]


def _merge_results(plan: Plan) -> None:
    """Leave out outputs of the file that are another one with its ending."""
    kept: list[int] = []
    for number, name in enumerate(plan.outputs):
        first = next((other for other in kept if plan.outputs[other] == name), None)
        if first is None:
            kept.append(number)
        elif plan.endings[first] is None:
            plan.endings[first] = plan.endings[number]
            plan.results[first] = plan.results[number]
    plan.outputs = [plan.outputs[number] for number in kept]
    plan.results = [plan.results[number] for number in kept]
    plan.endings = [plan.endings[number] for number in kept]


def _ending(node: FloatNode) -> Ending:
    """Return an ending with its axis, counted from 0."""
    rank = len(node.input_shape(0))
    if node.kind == "Sigmoid":
        return Ending(node.kind)
    default = {"ArgMax": 0}.get(node.kind, -1 if node.graph.opset >= SOFTMAX_OF_ONE_AXIS else 1)
    axis = node.integer("axis", default) % rank
    if node.input_shape(0)[axis] == 1:
        raise node.refused(f"{node.kind} over an axis of size 1 is constant: export without it")
    if node.kind == "ArgMax" and node.integer("select_last_index", 0):
        raise node.refused("select_last_index: of equal classes the first is taken, export so")
    alone = prod(node.input_shape(0)[axis + 1 :]) == 1
    if node.kind != "ArgMax" and node.graph.opset < SOFTMAX_OF_ONE_AXIS and not alone:
        raise node.refused(f"before opset 13, {node.kind} takes all axes from {axis} on as one")
    return Ending(node.kind, axis)


def applied(ending: Ending | None, values: Float64s) -> Float64s:
    """Return the file's output for the values before its ending."""
    if ending is None:
        return values
    if ending.kind == "Sigmoid":
        return sigmoid(values)
    if ending.kind == "ArgMax":
        return np.asarray(values.argmax(ending.axis), np.float64)
    shifted = values - values.max(ending.axis, keepdims=True)
    total = np.log(np.exp(shifted).sum(ending.axis, keepdims=True))
    logarithms: Float64s = shifted - total
    return logarithms if ending.kind == "LogSoftmax" else np.asarray(np.exp(logarithms))


def decisions(ending: Ending | None, values: Float64s, axis: int | None) -> Array:
    """Return the decisions in an output before its ending: a class, or 1 above the threshold.

    Without an ending, the largest along `axis` if there is one of several places, else above 0.
    """
    if ending is not None and ending.kind == "Sigmoid":
        return (values > 0).astype(np.int64)
    at = axis if ending is None else ending.axis
    if at is None or values.shape[at] == 1:
        return (values > 0).astype(np.int64)
    return np.asarray(values.argmax(at))


def class_count(ending: Ending | None, shape: tuple[int, ...], axis: int | None) -> int:
    """Return the number of classes that `decisions` chooses from, for an output of a shape."""
    at = axis if ending is None else ending.axis
    if at is None or shape[at] == 1 or (ending is not None and ending.kind == "Sigmoid"):
        return 2
    return shape[at]
