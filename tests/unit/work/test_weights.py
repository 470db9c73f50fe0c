"""Weights that a shorter computation replaces are refused; those of published models are not."""

from __future__ import annotations

import numpy as np
import pytest

from btt_chain.work.build import Builder, Numbers
from btt_chain.work.errors import ModelRefused
from btt_chain.work.execute import Executor
from btt_chain.work.model import Int8s, Model
from btt_chain.work.operators.numeric.weights import check_channels, check_weights
from btt_chain.work.tensors import Kind

RNG = np.random.default_rng(3)
HONEST = RNG.integers(-127, 128, (200, 96)).astype(np.int8)


def combined(rank: int) -> Int8s:
    """Return 200 records that are different sums of a few."""
    base = RNG.integers(-3, 4, (rank, 96))
    return (RNG.integers(-4, 5, (200, rank)) @ base).clip(-127, 127).astype(np.int8)


def sparse(part: float) -> Int8s:
    return np.where(RNG.random(HONEST.shape) < part, HONEST, 0).astype(np.int8)


PLANTED: dict[str, tuple[Int8s, str]] = {
    "zeros": (sparse(0.09), r"[89] % of its weights are not zero, at least 10 % must be"),
    "one record": (np.tile(HONEST[:1], (200, 1)), "199 of 200 records are copies, at most 10 %"),
    "some copies": (HONEST[[*range(150), *range(50)]], "50 of 200 records are copies"),
    "rank 4": (combined(4), "64 of its records have rank 4, at least 60 is needed: write it"),
    "mostly rank 4": (np.vstack([HONEST[:20], combined(4)[:180]]), "64 of its records have rank"),
}


@pytest.mark.parametrize("kind", PLANTED)
def test_weights_that_need_less_work_are_refused(kind: str) -> None:
    columns, why = PLANTED[kind]
    with pytest.raises(ModelRefused, match=f"'dense': {why}"):
        check_weights("dense", columns)


@pytest.mark.parametrize(
    "columns",
    [
        HONEST,
        sparse(0.4),
        HONEST[:, :64],
        HONEST[:64],
        np.vstack([HONEST[:120], np.zeros((80, 96), np.int8)]),  # channels that were pruned
        HONEST[:40, :32],
        np.ones((512, 1), np.int8),  # one tap: equal by chance
    ],
    ids=lambda columns: "x".join(map(str, columns.shape)),
)
def test_other_weights_are_not(columns: Int8s) -> None:
    check_weights("dense", columns)


def test_a_check_gives_the_same_answer_every_time() -> None:
    """The sample follows from the weights."""
    near = np.vstack([HONEST[:130], combined(4)[:70]])
    answers = []
    for _ in range(5):
        try:
            check_weights("dense", near)
        except ModelRefused as refusal:
            answers.append(str(refusal))
        else:
            answers.append("")
    assert len(set(answers)) == 1


def test_channels_that_hardly_depend_on_the_input_are_refused() -> None:
    check_channels("dense", np.array([0.9, 1.0] * 4), 16)
    check_channels("dense", np.full(8, 0.1), 15)
    with pytest.raises(ModelRefused, match="'dense': 5 of 8 channels hardly depend on the input"):
        check_channels("dense", np.array([0.9, 1.0, 0.0, 0.9, 0.5, 3.0, 0.1, 8.0]), 16)


def test_a_scale_that_makes_every_element_zero_is_refused() -> None:
    def model(scale: float) -> Model:
        made = Builder(Kind.I8, (96,))
        scales = np.full(200, scale, np.float32)
        made.linear("dense", 0, HONEST, np.zeros(200, np.int32), scales, Numbers(Kind.I8))
        return made.model()

    Executor(model(2.0**-10))
    with pytest.raises(ModelRefused, match=r"'dense': 200 of 200 channels hardly depend .* small"):
        Executor(model(2.0**-50))
