"""The statistics of `make bench-compare`, and that a workload runs on two trees."""

from __future__ import annotations

import random

import pytest

from bench.compare.intervals import sign_test, speed_ratio


def noisy(rng: random.Random, cost: float, rounds: int = 8) -> list[list[float]]:
    """Return times of 3 measurements a round, each with up to 5 % of noise."""
    return [[cost * rng.uniform(1, 1.05) for _ in range(3)] for _ in range(rounds)]


def test_the_ratio_is_that_of_speeds() -> None:
    half = speed_ratio([[1.0, 1.0]], [[2.0, 2.0]])
    assert (half.ratio, half.low, half.high) == (0.5, 0.5, 0.5)
    assert half.significant
    assert str(half) == "0.500  [0.500, 0.500]"


def test_a_tenth_more_cost_is_outside_the_interval_of_noise() -> None:
    rng = random.Random(1)
    slower = speed_ratio(noisy(rng, 1.0), noisy(rng, 1.1))
    assert slower.significant
    assert slower.low < 1 / 1.1 < slower.high < 1


def test_equal_programs_show_no_difference_in_nineteen_of_twenty_comparisons() -> None:
    rng = random.Random(2)
    wrong = sum(speed_ratio(noisy(rng, 1.0), noisy(rng, 1.0)).significant for _ in range(40))
    assert wrong <= 4


def test_one_disturbed_round_does_not_move_the_ratio() -> None:
    rng = random.Random(3)
    base, other = noisy(rng, 1.0), noisy(rng, 1.0)
    other[0] = [9.0, 9.0, 9.0]
    assert 0.97 < speed_ratio(base, other).ratio < 1.03


def test_the_same_measurements_have_the_same_interval() -> None:
    base, other = noisy(random.Random(4), 1.0), noisy(random.Random(5), 1.0)
    assert speed_ratio(base, other) == speed_ratio(base, other)


@pytest.mark.parametrize(
    ("base", "other"), [([], []), ([[]], [[]]), ([[1.0]], [[0.0]]), ([[1.0]], [[1.0, 2.0]])]
)
def test_figures_that_make_no_ratio_are_refused(
    base: list[list[float]], other: list[list[float]]
) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - Python words one of them
        speed_ratio(base, other)


def test_the_pairs_are_counted_with_those_in_which_the_second_was_faster() -> None:
    found = speed_ratio([[2.0, 2.0], [2.0]], [[1.0, 3.0], [1.0]])
    assert (found.pairs, found.faster) == (3, 2)
    assert found.chance == 1.0


@pytest.mark.parametrize(
    ("faster", "pairs", "chance"), [(0, 0, 1.0), (9, 9, 2 / 2**9), (0, 9, 2 / 2**9), (5, 9, 1.0)]
)
def test_the_sign_test_gives_the_chance_of_so_uneven_a_split(
    faster: int, pairs: int, chance: float
) -> None:
    assert sign_test(faster, pairs) == pytest.approx(chance)
