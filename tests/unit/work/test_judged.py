"""No judgement does more than its node's shapes foresee, and no registration costs more."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from btt_chain.work.build import Builder, Numbers, window
from btt_chain.work.execute import Executor
from btt_chain.work.model import Model
from btt_chain.work.operators.scan import Cell
from btt_chain.work.shapes import judged_of
from btt_chain.work.tensors import Kind
from unit.work.judged_world import Held, judged_numbers
from unit.work.row_world import witnesses_of
from unit.work.work_world import (
    KINDS,
    items_of,
    nodes_of,
    records_of,
    scan_weights,
    single,
    weights,
)


def reader_of(model: Model, node: int, tensors: list[bytes]) -> Held:
    graph, held = model.graph, records_of(model, node)
    places = {at: graph.place_of(at) for at, one in enumerate(graph.tensors) if one.committed}
    rows = [] if held is None else [bytes(row) for row in held[0]]
    return Held({at: tensors[place] for at, place in places.items()}, rows.__getitem__)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**32), data=st.data())
def test_no_judgement_reads_or_multiplies_more_numbers_than_foreseen(
    kind: str, seed: int, data: st.DataObject
) -> None:
    model, items = single(kind, seed)
    made = Executor(model).run(*(one[:1] for one in items)).committed(0)
    tensors = [np.ascontiguousarray(tensor).tobytes() for tensor in made]
    graph = model.graph
    for number in nodes_of(graph):
        node = graph.nodes[number]
        claim = data.draw(st.integers(0, node.op.claims(node.out) - 1))
        witness = data.draw(st.sampled_from(witnesses_of(node, claim)))
        reader = reader_of(model, number, tensors)

        assert max(judged_numbers(graph, number, claim, witness, reader)) <= judged_of(
            graph, number
        )


def spaced() -> Builder:
    """One channel of a window whose taps lie apart: all between them is read, too."""
    made = Builder(Kind.I8, (9, 9, 4))
    constants = weights(np.random.default_rng(1), 4, 3, 3, 1)
    made.conv("conv", 0, *constants, window((3, 3), apart=(2, 2)), Numbers(Kind.I8), 4)
    return made


def padded() -> Builder:
    made = Builder(Kind.I8, (2, 2, 3))
    constants = weights(np.random.default_rng(2), 2, 5, 5, 3)
    made.conv("conv", 0, *constants, window((5, 5), pads=(2, 2, 2, 2)), Numbers(Kind.I8))
    return made


def pooled() -> Builder:
    made = Builder(Kind.I8, (8, 8, 5))
    made.max_pool("pool", 0, window((4, 4)))
    return made


def resized() -> Builder:
    made = Builder(Kind.I8, (4, 4, 4, 2))
    made.resize("resize", 0, (6, 6, 6), linear=True)
    return made


def recurrent() -> Builder:
    made = Builder(Kind.I8, (3, 7))
    constants = scan_weights(np.random.default_rng(3), Cell.LSTM, 7, 5, made.tensor(0))
    made.scan("scan", 0, constants, Cell.LSTM)
    return made


FORESEEN: dict[Callable[[], Builder], int] = {
    spaced: 3 * 5 * 4,
    padded: 5 * 5 * 3,
    pooled: 4 * 4 * 5,
    resized: 2 * 2 * 2,
    recurrent: 4 * (7 + 5),
}


@pytest.mark.parametrize("made", FORESEEN, ids=lambda made: made.__name__)
def test_the_numbers_foreseen_are_those_of_the_dearest_element(made: Callable[[], Builder]) -> None:
    model = made().model()
    items = [items_of(np.random.default_rng(4), tensor, 1) for tensor in model.graph.inputs]
    tensors = [
        np.ascontiguousarray(one).tobytes() for one in Executor(model).run(*items).committed(0)
    ]
    graph = model.graph
    reader = reader_of(model, 0, tensors)

    found = [
        max(judged_numbers(graph, 0, index, None, reader))
        for index in range(graph.nodes[0].out.size)
    ]

    assert max(found) == judged_of(graph, 0) == FORESEEN[made]
