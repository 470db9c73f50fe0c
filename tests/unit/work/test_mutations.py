"""A manifest that any transaction may bring is refused with ModelRefused, or it is allowed.

Each field of each node of every kind of model is set to its extremes, one at a time: the call that
registers models takes no other exception for an answer.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace

import pytest

from btt_chain.scale.uint import Integer
from btt_chain.work.errors import ModelRefused
from btt_chain.work.graph import Graph
from btt_chain.work.shapes import check_graph
from btt_chain.work.tensors import Tensor
from unit.work.work_world import KINDS, single


def mutants(value: object) -> Iterator[object]:
    """Yield copies of a record, each with one number or list inside at an extreme."""
    if isinstance(value, list):
        yield [] if value else [0]
        yield value * 2
        yield value[:-1]
        yield value[::-1]
        for at, item in enumerate(value):
            for other in mutants(item):
                yield [*value[:at], other, *value[at + 1 :]]
    elif is_dataclass(value) and not isinstance(value, type):
        for field in fields(value):
            for other in mutants(getattr(value, field.name)):
                yield replace(value, **{field.name: other})
    elif isinstance(value, bool):
        yield not value
    elif isinstance(value, Integer):
        kind = type(value)
        for number in {kind.MIN, kind.MAX, 0, 1, 2, kind.MAX // 2, int(value) - 1, int(value) + 1}:
            if kind.MIN <= number <= kind.MAX:
                yield kind(number)


def flat(graph: Graph) -> Graph:
    """Return a graph whose tensors have one axis: fewer than its operators read."""

    def line(tensor: Tensor) -> Tensor:
        return replace(tensor, shape=tensor.shape[-1:])

    nodes = [replace(node, out=line(node.out)) for node in graph.nodes]
    return replace(graph, inputs=[line(tensor) for tensor in graph.inputs], nodes=nodes)


@pytest.mark.parametrize("kind", KINDS)
def test_a_changed_graph_is_refused_or_allowed(kind: str) -> None:
    graph = single(kind, 1)[0].graph
    check_graph(graph)
    refused = 0
    for mutant in [*mutants(graph), flat(graph), *mutants(flat(graph))]:
        assert isinstance(mutant, Graph)
        try:
            check_graph(mutant)
        except ModelRefused:
            refused += 1
    assert refused > 20
