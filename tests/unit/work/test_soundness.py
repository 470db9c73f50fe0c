"""Probability that a wrong result passes: measured where possible, 2^-60 by construction."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.random import Generator

from btt_chain.work import freivalds
from btt_chain.work.execute import Executor
from btt_chain.work.freivalds import EXACT_BITS, SOUNDNESS_BITS, Challenge, is_checked, limit_of
from btt_chain.work.model import Elements, Model
from btt_chain.work.recheck import AccumulatorsRefused, first_fault_by_vectors
from unit.work.work_world import KINDS, attention, image_net, nodes_of, single

SEED: Final = b"what only the verifier knows"


# ---- by construction


@settings(max_examples=200)
@given(width=st.integers(1, 4_096), limit=st.integers(1, 2**31 - 1))
def test_vectors_have_sixty_bits_and_every_sum_of_them_is_exact(width: int, limit: int) -> None:
    """A wrong row passes one vector of numbers from 2^b with 2^-b at most, all of them with 2^-60.

    That holds if the sums are exact, whatever the row within the limit and the vector are.
    """
    vectors = freivalds._vectors_of(SEED, 0, width, limit, SOUNDNESS_BITS)
    half = 1 << (EXACT_BITS - (width * limit - 1).bit_length())
    bits = half.bit_length()  # numbers from -half to half - 1
    assert vectors.shape[1] * bits >= SOUNDNESS_BITS
    assert width * limit * half <= 2**EXACT_BITS
    assert vectors.min() >= -half
    assert vectors.max() < half


@pytest.mark.parametrize("net", [image_net, attention])
def test_every_product_of_a_net_is_asked_about_by_sixty_bits(
    net: Callable[[], tuple[Model, Elements]],
) -> None:
    model, _ = net()
    challenge = Challenge(model, SEED)
    checked = [
        number for number, _ in enumerate(model.graph.nodes) if is_checked(model.graph, number)
    ]
    assert checked
    for number in checked:
        width, limit = model.graph.nodes[number].out.dims[-1], limit_of(model.graph, number)
        each = 1 + EXACT_BITS - (width * limit - 1).bit_length()
        assert challenge._vectors[number].random.shape[1] * each >= SOUNDNESS_BITS


# ---- as foreseen


@pytest.mark.parametrize(("bits", "questions"), [(1, 400), (2, 800), (3, 1_600)])
def test_a_lie_passes_so_few_bits_as_often_as_foreseen(bits: int, questions: int) -> None:
    """One wrong element, one vector from 2^(bits + 1) numbers: it is blind if it is a zero."""
    model, items = single("linear", 3)
    batch = Executor(model).run(items[0][:1], accumulators=True)
    inputs, wrong = [batch.tensors[0][0]], batch.accumulators[0][0].copy()
    wrong.reshape(-1)[0] += 1
    passed = sum(
        not list(Challenge(model, seed.to_bytes(2, "big"), bits=bits).wrong_rows(0, inputs, wrong))
        for seed in range(questions)
    )
    foreseen = questions / 2 ** (bits + 1)
    assert foreseen / 1.6 < passed < foreseen * 1.6


# ---- twenty ways to lie, for every operator


def _add(by: int) -> Callable[[Elements, Generator], None]:
    def lie(tensor: Elements, randomness: Generator) -> None:
        flat = tensor.reshape(-1)
        flat[randomness.integers(flat.size)] += np.int64(by).astype(flat.dtype)

    return lie


def _swap(axis: int) -> Callable[[Elements, Generator], None]:
    def lie(tensor: Elements, randomness: Generator) -> None:
        rows = tensor.reshape(-1, tensor.shape[-1])
        rows = rows if axis == 0 else rows.T
        if len(rows) > 1:
            one, other = randomness.choice(len(rows), 2, replace=False)
            rows[[one, other]] = rows[[other, one]]

    return lie


def _set(value: Callable[[Elements], Elements | int]) -> Callable[[Elements, Generator], None]:
    def lie(tensor: Elements, randomness: Generator) -> None:
        del randomness
        tensor[...] = value(tensor)

    return lie


def _first(tensor: Elements, randomness: Generator) -> None:
    tensor.reshape(-1)[0] ^= tensor.dtype.type(1)


def _last(tensor: Elements, randomness: Generator) -> None:
    tensor.reshape(-1)[-1] ^= tensor.dtype.type(1)


def _bit(tensor: Elements, randomness: Generator) -> None:
    flat = tensor.reshape(-1).view(np.uint8)
    flat[randomness.integers(flat.size)] ^= np.uint8(1 << int(randomness.integers(8)))


def _cancel(tensor: Elements, randomness: Generator) -> None:
    flat = tensor.reshape(-1)
    one, other = randomness.choice(flat.size, 2, replace=False) if flat.size > 1 else (0, 0)
    flat[one] += flat.dtype.type(1)
    flat[other] -= flat.dtype.type(1)


def _row(tensor: Elements, randomness: Generator) -> None:
    rows = tensor.reshape(-1, tensor.shape[-1])
    rows[randomness.integers(len(rows))] = 0


def _column(tensor: Elements, randomness: Generator) -> None:
    rows = tensor.reshape(-1, tensor.shape[-1])
    rows[:, randomness.integers(rows.shape[1])] += tensor.dtype.type(1)


def _sparse(tensor: Elements, randomness: Generator) -> None:
    tensor[randomness.random(tensor.shape) < 0.1] = 0


LIES: Final[dict[str, Callable[[Elements, Generator], None]]] = {
    "one more": _add(1), "one less": _add(-1), "a power of two more": _add(64),
    "a power of two less": _add(-64), "the first": _first, "the last": _last, "one bit": _bit,
    "two that cancel": _cancel, "two rows swapped": _swap(0), "two columns swapped": _swap(1),
    "a row of nothing": _row, "a column too high": _column, "a tenth left out": _sparse,
    "nothing at all": _set(lambda t: 0), "the same everywhere": _set(lambda t: t.reshape(-1)[:1]),
    "turned around": _set(lambda t: t[::-1].copy()),
    "shifted by one": _set(lambda t: np.roll(t, 1)),
    "with the other sign": _set(lambda t: -t),
    "with four bits": _set(lambda t: t & ~t.dtype.type(15)),
    "the greatest": _set(lambda t: int(np.iinfo(t.dtype).max)),
}  # fmt: skip


@pytest.mark.parametrize("lie", LIES)
@pytest.mark.parametrize("kind", KINDS)
def test_each_way_to_lie_about_each_operator_is_found(kind: str, lie: str) -> None:
    found = 0
    for seed in range(4):
        model, items = single(kind, seed)
        batch = Executor(model).run(*(one[:1] for one in items), accumulators=True)
        tensors = batch.committed(0)
        sums = {number: made[0] for number, made in batch.accumulators.items()}
        for place, node in enumerate(nodes_of(model.graph), start=len(model.graph.inputs)):
            wrong = tensors[place].copy()
            with np.errstate(over="ignore"):
                LIES[lie](wrong, np.random.default_rng(seed))
            if np.array_equal(wrong, tensors[place]):
                continue
            said = [*tensors[:place], wrong, *tensors[place + 1 :]]
            fault = first_fault_by_vectors(Executor(model), said, sums, Challenge(model, SEED))
            assert fault is not None
            assert fault.node == node
            found += 1
    assert found, "no lie was one"


@pytest.mark.parametrize("lie", LIES)
@pytest.mark.parametrize("kind", ["linear", "conv", "matmul"])
def test_sums_that_fit_a_lie_do_not_hide_it(kind: str, lie: str) -> None:
    """The provider makes up the accumulators, and commits to what really follows from them."""
    found = 0
    for seed in range(4):
        model, items = single(kind, seed)
        if not is_checked(model.graph, 0):
            continue
        batch = Executor(model).run(*(one[:1] for one in items), accumulators=True)
        executor, tensors = Executor(model), batch.committed(0)
        sums = {number: made[0].copy() for number, made in batch.accumulators.items()}
        right = sums[0].copy()
        with np.errstate(over="ignore"):
            LIES[lie](sums[0], np.random.default_rng(seed))
        if np.array_equal(sums[0], right) or abs(sums[0]).max() > 2**30:
            continue
        first = len(model.graph.inputs)
        said = [*tensors[:first], executor.finish(0, sums[0]), *tensors[first + 1 :]]
        try:
            fault = first_fault_by_vectors(executor, said, sums, Challenge(model, SEED))
        except AccumulatorsRefused:
            # What was committed to is right all the same: only the sums are not.
            assert np.array_equal(said[first], tensors[first])
        else:
            assert fault is not None
        found += 1
    assert found or lie == "the greatest", "no lie was one"
