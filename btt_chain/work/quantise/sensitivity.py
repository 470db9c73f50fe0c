"""The order in which tensors gain from 16 bits, by the error that rounding each alone makes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import prod
from typing import Final

import numpy as np
import onnx
from onnx import helper, numpy_helper

from btt_chain.work.quantise.floats import Feeds, FloatGraph, runner
from btt_chain.work.quantise.ranges import Groups, RealNumbers, can_widen, wide_outputs
from btt_chain.work.quantise.steps import (
    Attention,
    Plan,
    Product,
    Recurrent,
    RowProduct,
    Step,
)
from btt_chain.work.tensors import Kind

TRIED_ITEMS: Final = 4
"""Number of items by which errors are measured."""
FIRST_OPSET: Final = 10
"""Opset of ONNX that has QuantizeLinear, by which tensors are rounded."""


def widening(
    graph: FloatGraph,
    plan: Plan,
    groups: Groups,
    numbers: Mapping[str, RealNumbers],
    items: Sequence[Feeds],
) -> list[str]:
    """Return the groups of 8-bit tensors, those whose rounding costs most first."""
    if graph.opset < FIRST_OPSET:
        return []
    run = runner(graph.proto, plan.outputs)
    exact = [run(feeds) for feeds in items[:TRIED_ITEMS]]
    kept = wide_outputs(plan, groups)
    errors: dict[str, float] = {}
    for group, members in groups.members.items():
        names = [name for name in members if name in plan.observable]
        if group in kept or not names or numbers[names[0]].kind is not Kind.I8:
            continue
        rounded = runner(_rounded(graph.proto, names, numbers[names[0]]), plan.outputs)
        errors[group] = sum(
            _apart(rounded(feeds), real) for feeds, real in zip(items, exact, strict=False)
        )
    return sorted(errors, key=lambda group: -errors[group])


def _apart(
    found: Mapping[str, np.typing.NDArray[np.generic]],
    real: Mapping[str, np.typing.NDArray[np.generic]],
) -> float:
    """Return the sum of relative squared errors of the outputs."""
    total = 0.0
    for name, array in real.items():
        wanted = array.astype(np.float64)
        apart = ((found[name].astype(np.float64) - wanted) ** 2).sum()
        total += float(apart / max(float((wanted**2).sum()), 1e-12))
    return total


def _rounded(proto: onnx.ModelProto, names: Sequence[str], numbers: RealNumbers) -> onnx.ModelProto:
    """Return a model in which some tensors are rounded to 8 bits for all their readers."""
    whole = onnx.ModelProto()
    whole.CopyFrom(proto)
    graph = whole.graph
    graph.initializer.append(numpy_helper.from_array(np.array(numbers.scale, np.float32), ":scale"))
    graph.initializer.append(numpy_helper.from_array(np.array(numbers.zero, np.int8), ":zero"))
    chosen = set(names)
    nodes: list[onnx.NodeProto] = []
    for value in graph.input:
        if value.name in chosen:
            nodes.extend(_pair(value.name))
    for node in graph.node:
        node.input[:] = [f"{name}:rounded" if name in chosen else name for name in node.input]
        nodes.append(node)
        for name in node.output:
            if name in chosen:
                nodes.extend(_pair(name))
    made = helper.make_graph(nodes, "rounded", graph.input, graph.output,
                             initializer=graph.initializer)  # fmt: skip
    model = helper.make_model(made, opset_imports=whole.opset_import)
    model.ir_version = whole.ir_version
    return model


def _pair(name: str) -> list[onnx.NodeProto]:
    constants = [":scale", ":zero"]
    return [
        helper.make_node("QuantizeLinear", [name, *constants], [f"{name}:bytes"]),
        helper.make_node("DequantizeLinear", [f"{name}:bytes", *constants], [f"{name}:rounded"]),
    ]


def within_budget(
    plan: Plan, groups: Groups, order: Sequence[str], budget: float
) -> Iterator[frozenset[str]]:
    """Yield growing sets of groups in 16 bits; the multiplications grow by the budget at most.

    Each set is about half as large again as the one before, for each is tried.
    """
    if budget <= 0:
        return
    costs = [pair for step in plan.steps for pair in _costs(plan, groups, step)]
    most = budget * sum(macs for _, macs in costs)
    kept = wide_outputs(plan, groups)
    widened, enough = frozenset[str](), 1
    tried = widened
    for group in order:
        if group in widened:
            continue
        larger = (widened | can_widen(plan, groups, group)) - kept
        if sum(macs for read, macs in costs if read in larger) > most:
            continue
        widened = larger
        if len(widened) >= enough:
            tried, enough = widened, len(widened) + max(1, len(widened) // 2)
            yield tried
    if widened != tried:
        yield widened


def _costs(plan: Plan, groups: Groups, step: Step) -> list[tuple[str, int]]:
    """Return the groups that a step multiplies, and the number of multiplications of each."""
    if isinstance(step, Recurrent):
        rows = prod(plan.shapes[step.inputs[0]][:2])
        states = groups.of(step.output), rows * int(step.recurrence.size)
        return [(groups.of(step.inputs[0]), rows * int(step.weights.size)), states]
    if isinstance(step, RowProduct):
        return [(groups.of(step.inputs[0]), prod(plan.shapes[step.output]) * step.weights.shape[1])]
    if isinstance(step, Attention):
        queries, keys = (prod(plan.shapes[name]) for name in step.inputs[:2])
        return [(groups.of(step.inputs[0]), 2 * queries * keys // plan.shapes[step.output][-1])]
    if not isinstance(step, Product):
        return []
    outputs, *inner = map(int, step.weights.shape)
    macs = prod(plan.shapes[step.output]) * prod(inner)
    if step.transposed:
        macs = prod(plan.shapes[step.inputs[0]]) * outputs * prod(inner[1:]) // step.groups
    return [(groups.of(step.inputs[0]), macs)]
