"""No judgement does more than its node's shapes foresee, and no registration costs more."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from btt_chain.scale import i16, u16, u32
from btt_chain.work.build import Builder, Numbers, window
from btt_chain.work.execute import Executor
from btt_chain.work.graph import Graph, Node
from btt_chain.work.layout import tensor_layout
from btt_chain.work.model import Model
from btt_chain.work.operators import Conv
from btt_chain.work.operators.scan import Cell
from btt_chain.work.operators.windows import sides_of
from btt_chain.work.shapes import judged_of
from btt_chain.work.tensors import Kind, Tensor
from unit.work.judged_world import Held, judged_numbers
from unit.work.row_world import witnesses_of
from unit.work.work_world import (
    KINDS,
    NOTHING,
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


class Opening(Held):
    """A reader of zeros that notes the leaves of the image."""

    def __init__(self, graph: Graph) -> None:
        image, out = graph.tensors
        super().__init__({0: bytes(image.nbytes), 1: bytes(out.nbytes)}, lambda _: bytes(1 << 12))
        self._layout = tensor_layout(image)
        self.leaves: set[int] = set()

    def activation(self, tensor: int, start: int, length: int) -> bytes:
        if tensor == 0:
            first, last = (self._layout.leaf_at(at) for at in (start, start + length - 1))
            self.leaves.update(range(first, last + 1))
        return super().activation(tensor, start, length)


@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_no_part_of_a_window_reads_more_numbers_or_leaves_than_foreseen(
    data: st.DataObject,
) -> None:
    def integer(least: int, most: int) -> int:
        return data.draw(st.integers(least, most))

    size, apart = (integer(1, 4), integer(1, 6)), (integer(1, 2), integer(1, 3))
    pads = [integer(0, (taps - 1) * gap) for taps, gap in zip(size, apart, strict=True)]
    taps, line = size[0] * size[1], size[1]
    parts = data.draw(
        st.sampled_from([
            parts
            for parts in range(1, taps + 1)
            if taps % parts == 0 and (taps // parts % line == 0 or line % (taps // parts) == 0)
        ])
    )  # fmt: skip
    groups, channels = integer(1, 3), integer(1, 40)
    kind, leaf = data.draw(st.sampled_from([Kind.I8, Kind.I16])), u16(256)
    sides = [
        integer(1, 7) + (taps - 1) * gap - pad
        for taps, gap, pad in zip(size, apart, pads, strict=True)
    ]
    shape = [max(side, 1) for side in sides] + [groups * channels]
    image = Tensor(kind, list(map(u32, shape)), i16(0), leaf)
    seen = window(size, (integer(1, 2), integer(1, 2)), (*pads, 0, 0), apart)
    op = Conv(u16(0), NOTHING, seen, u16(groups), u16(parts), i16(0), i16(0))
    made = [*sides_of("conv", seen, image), groups * parts]
    out = Tensor(Kind.I32, list(map(u32, made)), i16(0), leaf)
    op.check("conv", [image], out)
    graph = Graph([image], [Node("conv", op, out)], [u16(1)])
    for index in range(out.size):
        reader = Opening(graph)

        assert max(judged_numbers(graph, 0, index, None, reader)) <= judged_of(graph, 0)
        assert len(reader.leaves) <= op.openings(image)[1]
