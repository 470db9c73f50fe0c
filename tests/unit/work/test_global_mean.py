"""Means over whole images: exact for short lines, in levels for long ones, and provable."""

from __future__ import annotations

from math import prod

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from btt_chain.work.build import MAX_LINE, Builder, Numbers, short_lines
from btt_chain.work.execute import Executor
from btt_chain.work.graph import PROOF_BYTES
from btt_chain.work.model import Elements, Float32s, elements_of
from btt_chain.work.operators import AveragePool, Rearrange
from btt_chain.work.shapes import MAX_ELEMENTS, largest_proof
from btt_chain.work.tensors import Kind
from unit.work.work_world import nodes_of

FINE = 32
"""Steps of the output for one of the input."""


def mean_of(
    kind: Kind, shape: tuple[int, ...], zero: int, item: Elements, fine: float = FINE
) -> Elements:
    made = Builder(kind, shape, zero)
    made.global_mean("mean", 0, fine, Numbers(Kind.I16))
    means: Elements = Executor(made.model()).run(item[None]).outputs[0][0]
    return means


@pytest.mark.parametrize("shape", [(9, 4), (5, 7, 3), (4, 3, 5, 2), (64, 64, 2), (4096, 1)])
@pytest.mark.parametrize(("kind", "zero"), [(Kind.I8, -128), (Kind.U8, 3), (Kind.I16, 0)])
def test_short_lines_are_summed_exactly(kind: Kind, zero: int, shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(2)
    item = elements_of(kind, rng.integers(kind.low // 64, kind.high // 2 + 1, shape))

    output = mean_of(kind, shape, zero, item, 0.5)

    assert output.shape == (*(1 for _ in shape[:-1]), shape[-1])
    np.testing.assert_array_equal(output.ravel(), rounded(item, zero, 0.5))


def rounded(item: Elements, zero: int, fine: float) -> Float32s:
    """The means of exact sums, times `fine` and rounded once."""
    rows = item.astype(np.int64).reshape(-1, item.shape[-1]) - zero
    means: Float32s = np.rint(rows.sum(0).astype(np.float32) * np.float32(fine / len(rows)))
    return means


@settings(max_examples=300)
@given(number=st.integers(1, MAX_ELEMENTS), reach=st.sampled_from([128, 200, 255, 1 << 15]))
def test_levels_of_any_line_fit_sixteen_bits(number: int, reach: int) -> None:
    levels = list(short_lines(number, reach))

    bound, rest, inexact = reach, number, 0
    for length, shift in levels:
        assert length > 1
        rest = -(-rest // length)
        bound = -(-bound * length >> shift)
        inexact += shift > 0
        assert bound <= Kind.I16.high
    assert rest <= MAX_LINE
    assert len(levels) <= 2
    assert inexact <= 1


@pytest.mark.parametrize("shape", [(17, 300, 2), (24, 24, 24, 1), (4097, 3)])
@pytest.mark.parametrize(("kind", "zero"), [(Kind.I8, 100), (Kind.U8, 0)])
def test_lines_of_two_levels_are_as_exact_as_short_ones(
    kind: Kind, zero: int, shape: tuple[int, ...]
) -> None:
    rng = np.random.default_rng(3)
    item = elements_of(kind, rng.integers(kind.low, kind.high + 1, shape))
    number = prod(shape[:-1])
    assert [shift for _, shift in short_lines(number, 255 - 27 * (zero > 0))] == [0]

    output = mean_of(kind, shape, zero, item)

    np.testing.assert_array_equal(output.ravel(), rounded(item, zero, FINE))


@pytest.mark.parametrize("item", ["random", "high", "odd"])
def test_lines_of_three_levels_are_off_by_a_small_part_of_a_step(item: str) -> None:
    shape = (1100, 1000, 1)
    values = np.full(shape, 255, np.uint8)
    if item == "random":
        values = np.random.default_rng(4).integers(0, 256, shape).astype(np.uint8)
    elif item == "odd":
        values[...] = 0
        values.reshape(-1)[::256] = 1  # each sum of a second line is a half of its step
    assert [shift > 0 for _, shift in short_lines(values.size, 255)] == [False, True]

    output = mean_of(Kind.U8, shape, 0, values, 128)

    assert abs(int(output[0, 0, 0]) / 128 - values.mean()) <= 1 / 128 + 1 / 256


def test_a_mean_of_a_volume_has_proofs_within_the_limit() -> None:
    made = Builder(Kind.U8, (96, 96, 96, 2))
    made.global_mean("mean", 0, 1.0, Numbers(Kind.U8))

    graph = made.model().graph

    kinds = [type(node.op) for node in graph.nodes]
    assert kinds == [Rearrange, AveragePool, AveragePool, AveragePool, Rearrange]
    assert graph.made[0].dims == (1, 1, 1, 2)
    for node in nodes_of(graph):
        assert largest_proof(graph, node) <= PROOF_BYTES
