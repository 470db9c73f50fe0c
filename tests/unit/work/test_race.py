"""Selection by weight: fair, and independent of the other candidates."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from hashlib import sha256
from math import log2

import pytest
from hypothesis import given
from hypothesis import strategies as st

from btt_chain.work.race import LOG_BITS, minus_log2, raced

ONE = 1 << LOG_BITS
random_numbers = st.integers(0, 2**128 - 1)


def names_of(count: int) -> list[bytes]:
    return [sha256(b"%d" % number).digest() for number in range(count)]


def winners(names: Sequence[bytes], weights: Sequence[int], rounds: int) -> list[int]:
    seeds = (sha256(b"seed %d" % number).digest() for number in range(rounds))
    return [raced(seed, names, weights)[0] for seed in seeds]


# ---- fairness, exactly


@pytest.mark.parametrize("whole", range(129))
def test_so_many_lucks_last_a_whole_time_as_they_should(whole: int) -> None:
    """Of 2^128 random_numbers 2^(128 - t) last until t, to a part in 2^47.

    So of names with weights v and w as many last as of one with v + w: 2^-vt * 2^-wt = 2^-(v+w)t.
    """
    assert minus_log2((1 << 128 - whole) - 1) == whole * ONE
    if whole:
        more = 1 << 128 - whole
        assert minus_log2(more + (more >> 47)) < whole * ONE


@given(one=random_numbers, other=random_numbers)
def test_a_larger_random_number_has_a_smaller_logarithm(one: int, other: int) -> None:
    assert (minus_log2(one) >= minus_log2(other)) or one > other


@given(random_numbers)
def test_the_logarithm_is_one(randomness: int) -> None:
    assert minus_log2(randomness) / ONE == pytest.approx(128 - log2(randomness + 1), abs=1e-9)


@pytest.mark.parametrize("parts", [2, 10])
def test_a_weight_that_is_split_wins_as_often(parts: int) -> None:
    rounds, names = 4_000, names_of(1 + parts)
    for weights in ([300, 700], [300, *[700 // parts] * parts]):
        first = winners(names[: len(weights)], weights, rounds).count(0)
        assert abs(Fraction(first, rounds) - Fraction(3, 10)) < Fraction(2, 100)


def test_a_small_weight_wins_its_part_beside_a_great_one() -> None:
    rounds = 20_000
    first = winners(names_of(2), [10**24, 99 * 10**24], rounds).count(0)
    assert abs(Fraction(first, rounds) - Fraction(1, 100)) < Fraction(2, 1_000)


# ---- independence of the other candidates


weighted = st.lists(st.integers(0, 10**24), min_size=1, max_size=12)


@given(seed=st.binary(min_size=32, max_size=32), weights=weighted)
def test_every_candidate_with_a_weight_has_one_place(seed: bytes, weights: list[int]) -> None:
    order = raced(seed, names_of(len(weights)), weights)
    assert sorted(order) == [at for at, weight in enumerate(weights) if weight]


@given(seed=st.binary(min_size=32, max_size=32), weights=weighted, data=st.data())
def test_a_candidate_with_less_weight_only_falls_back(
    seed: bytes, weights: list[int], data: st.DataObject
) -> None:
    names, at = names_of(len(weights)), data.draw(st.integers(0, len(weights) - 1))
    less = data.draw(st.integers(0, weights[at]))
    before = raced(seed, names, weights)
    after = raced(seed, names, [*weights[:at], less, *weights[at + 1 :]])
    assert [one for one in before if one != at] == [one for one in after if one != at]
    if at in after:
        assert after.index(at) >= before.index(at)


@given(seed=st.binary(min_size=32, max_size=32), weights=weighted, data=st.data())
def test_the_order_of_the_names_does_not_matter(
    seed: bytes, weights: list[int], data: st.DataObject
) -> None:
    names = names_of(len(weights))
    places = data.draw(st.permutations(range(len(weights))))
    order = raced(seed, [names[at] for at in places], [weights[at] for at in places])
    assert [places[at] for at in order] == raced(seed, names, weights)


def test_a_race_without_candidates_has_no_winner() -> None:
    assert raced(bytes(32), [], []) == []
    assert raced(bytes(32), [b"a"], [0]) == []
