"""The steps of a float graph, and patterns of several nodes.

Patterns of functions need no list of their forms: two functions of one tensor that are added or
multiplied are again a function of it. So a GELU written as Div, Erf, Add, Mul, Mul, a SiLU as
`x * Sigmoid(x)` and a HardSwish become one table each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np

from btt_chain.work.errors import ModelRefused
from btt_chain.work.model import Float64s
from btt_chain.work.quantise.conversions import steps_of
from btt_chain.work.quantise.endings import take_endings
from btt_chain.work.quantise.floats import FloatGraph
from btt_chain.work.quantise.norms import normalisation
from btt_chain.work.quantise.reading import FloatNode
from btt_chain.work.quantise.steps import (
    Affine,
    Concat,
    Function,
    Hypot,
    Multiply,
    Pad,
    Plan,
    RealFunction,
    Slice,
    Step,
    Total,
)  # fmt: skip


def plan_of(graph: FloatGraph) -> Plan:
    """Return the steps of a graph. Raises ModelRefused, with the name of the node and the cure."""
    outputs = list(graph.outputs)
    plan = Plan([], graph.shapes, graph.inputs, outputs, list(outputs))
    plan.observable = frozenset(graph.shapes)
    nodes = take_endings(plan, [FloatNode(proto, graph) for proto in graph.nodes])
    plan.steps = _needed_steps(plan, nodes)
    for name in plan.outputs:
        if name in graph.constants:
            raise ModelRefused(f"output {name!r} is constant: export the model without it")
    for step in plan.steps:
        if step.output.endswith(":padded") and step.output not in plan.observable:
            plan.ranges_of[step.output] = step.output.removesuffix(":padded")
    _find_magnitudes(plan)
    _find_wraps(plan)
    _join_functions(plan)
    _join_factors(plan)
    plan.drop_unused()
    return plan


def _needed_steps(plan: Plan, nodes: Sequence[FloatNode]) -> list[Step]:
    """Return the steps on which outputs depend; parts of patterns of nodes are none."""
    makers = {name: node for node in nodes for name in node.proto.output if name}
    wanted, steps = set(plan.outputs), list[Step]()
    for node in reversed(nodes):
        if wanted.isdisjoint(node.proto.output):
            continue
        norm = normalisation(node, makers)
        made = [*steps_of(node)] if norm is None else [norm]
        wanted.update(name for step in made for name in step.inputs)
        steps.extend(made[::-1])
    return steps[::-1]


def _find_magnitudes(plan: Plan) -> None:
    """Replace the root of a sum of two squares by `Hypot`."""
    makers = plan.makers()
    for at, step in enumerate(plan.steps):
        if not isinstance(step, Function) or step.label != "Sqrt":
            continue
        total = makers.get(step.inputs[0])
        if not isinstance(total, Total) or total.by != (1.0, 1.0):
            continue
        roots = [_square_of(makers.get(name)) for name in total.inputs]
        if len(roots) == 2 and roots[0] and roots[1]:
            plan.steps[at] = Hypot(step.name, (roots[0], roots[1]), step.output)


def _square_of(step: Step | None) -> str:
    """Return the tensor of which a step is the square, an empty name for another step."""
    if isinstance(step, Function) and step.label == "square":
        return step.inputs[0]
    if isinstance(step, Multiply) and step.inputs[0] == step.inputs[-1]:
        return step.inputs[0]
    return ""


def _find_wraps(plan: Plan) -> None:
    """Replace a tensor between its own last and first places by a circular padding."""
    makers = plan.makers()
    for at, step in enumerate(plan.steps):
        if not isinstance(step, Concat) or not 2 <= len(step.inputs) <= 3:
            continue
        for middle, name in enumerate(step.inputs[:2]):
            before, after = step.inputs[:middle], step.inputs[middle + 1 :]
            if len(before) > 1 or len(after) > 1:
                continue
            sides = plan.shapes[name]
            head = [_end_of(makers.get(part), name, sides, step.axis) for part in before]
            tail = [_start_of(makers.get(part), name, sides, step.axis) for part in after]
            if all((*head, *tail)):
                pads = [[0] * len(sides), [0] * len(sides)]
                pads[0][step.axis], pads[1][step.axis] = sum(head), sum(tail)
                first, last = (tuple(column) for column in pads)
                plan.steps[at] = Pad(step.name, (name,), step.output, first, last, "wrap")
                break


def _end_of(step: Step | None, name: str, sides: Sequence[int], axis: int) -> int:
    """Return how many of the last places of a tensor a step cuts out; 0 if it does not."""
    size = _cut_of(step, name, sides, axis)
    return size if isinstance(step, Slice) and step.begin[axis] == sides[axis] - size else 0


def _start_of(step: Step | None, name: str, sides: Sequence[int], axis: int) -> int:
    """Return how many of the first places of a tensor a step cuts out; 0 if it does not."""
    size = _cut_of(step, name, sides, axis)
    return size if isinstance(step, Slice) and step.begin[axis] == 0 else 0


def _cut_of(step: Step | None, name: str, sides: Sequence[int], axis: int) -> int:
    """Return how many successive places of one axis a step cuts out; 0 if it does another thing."""
    if not isinstance(step, Slice) or step.inputs[0] != name or step.step[axis] != 1:
        return 0
    others = [size for at, size in enumerate(step.size) if at != axis]
    whole = [size for at, size in enumerate(sides) if at != axis]
    return step.size[axis] if others == whole else 0


Chain: TypeAlias = dict[str, RealFunction]
"""The tensors of which a tensor is a function, nearest first."""


def _join_functions(plan: Plan) -> None:
    """Replace sums and products of two functions of one tensor by one function of it."""
    chains: dict[str, Chain] = {}
    for at, whole in enumerate(plan.steps):
        joined = _joined(whole, chains) if isinstance(whole, Total | Multiply) else None
        step = plan.steps[at] = joined or whole
        apply = elementwise(step)
        if apply is not None:
            chains[step.output] = _extended(step.inputs[0], apply, chains)


def _join_factors(plan: Plan) -> None:
    """Join a factor to the joined function before it: folded elsewhere, it would hide a GELU."""
    makers, readers = plan.makers(), plan.readers()
    for at, step in enumerate(plan.steps):
        inner, outer = makers.get(step.inputs[0]), elementwise(step)
        if not isinstance(step, Affine) or outer is None or not isinstance(inner, Function):
            continue
        alone = len(readers[inner.output]) == 1 and inner.output not in plan.outputs
        if alone and inner.label in {"product", "sum"}:
            apply = composed(inner.apply, outer)
            made = Function(inner.name, inner.inputs, step.output, apply, inner.label)
            plan.steps[at] = makers[step.output] = made


def _extended(name: str, apply: RealFunction, chains: Mapping[str, Chain]) -> Chain:
    """Return the tensors of which a function of a tensor is a function."""
    further = {root: composed(inner, apply) for root, inner in chains.get(name, {}).items()}
    return {name: apply} | further


def elementwise(step: Step) -> RealFunction | None:
    """Return the function that a step applies to each element, None if it is another step."""
    if isinstance(step, Function):
        return step.apply
    if isinstance(step, Affine) and step.is_scalar:
        factor, offset = float(step.factor.reshape(-1)[0]), float(step.offset.reshape(-1)[0])
        return lambda x: x * factor + offset
    return None


def composed(inner: RealFunction, outer: RealFunction) -> RealFunction:
    """Return one function after another."""
    return lambda x: outer(inner(x))


def _joined(step: Total | Multiply, chains: Mapping[str, Chain]) -> Function | None:
    """Return a step as a function of the nearest tensor of which both operands are functions."""
    same: RealFunction = np.asarray
    first, second = ({name: same} | chains.get(name, {}) for name in step.inputs)
    root = next((name for name in first if name in second), None)
    if root is None:
        return None
    a, b = first[root], second[root]
    if isinstance(step, Multiply):
        label = "square" if step.inputs[0] == step.inputs[1] == root else "product"
        return Function(step.name, (root,), step.output, _times(a, b), label)
    return Function(step.name, (root,), step.output, _plus(a, b, step.by), "sum")


def _times(a: RealFunction, b: RealFunction) -> RealFunction:
    return lambda x: a(x) * b(x)


def _plus(a: RealFunction, b: RealFunction, by: tuple[float, float]) -> RealFunction:
    def apply(x: Float64s) -> Float64s:
        return np.asarray(a(x) * by[0] + b(x) * by[1])

    return apply
