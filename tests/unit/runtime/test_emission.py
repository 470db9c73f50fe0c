"""Emission: the schedule of eight years, to the planck, and what work weighs."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.constants import BTT, DAY_MS, MONTH_MS, YEAR_MS
from runtime.emission import EMISSION_MS, bands, emitted, issued, pace, score

SEED_000 = 6_300_000 * int(BTT)
SEED_001 = 63_000_000 * int(BTT)
POOLS = st.one_of(st.just(SEED_000), st.just(SEED_001), st.integers(0, 2**128 - 1))
TIMES = st.one_of(
    st.integers(0, EMISSION_MS + YEAR_MS),
    st.sampled_from([0, 1, *(2 * YEAR_MS * k + d for k in range(1, 5) for d in (-1, 0, 1))]),
)


def test_the_first_day_of_seed_000_is_known_to_the_planck() -> None:
    assert emitted(SEED_000, DAY_MS) == 3449691991786447638603


def test_the_bands_are_those_of_the_documents() -> None:
    assert [band // BTT for band in bands(SEED_000)] == [2_520_000, 1_890_000, 1_260_000, 630_000]


@pytest.mark.parametrize(
    ("month", "btt"),
    [
        (0, 0),
        (3, 315_000),
        (4, 420_000),
        (6, 630_000),
        (7, 735_000),
        (12, 1_260_000),
        (24, 2_520_000),
        (33, 3_228_750),
        (36, 3_465_000),
        (42, 3_937_500),
        (48, 4_410_000),
        (60, 5_040_000),
        (96, 6_300_000),
        (120, 6_300_000),
    ],
)
def test_a_month_is_what_the_design_says(month: int, btt: int) -> None:
    assert emitted(SEED_000, month * MONTH_MS) == btt * BTT
    assert emitted(SEED_001, month * MONTH_MS) == 10 * btt * BTT


@given(POOLS)
def test_the_bands_are_the_pool(pool: int) -> None:
    assert sum(bands(pool)) == pool
    assert all(band >= 0 for band in bands(pool))


@given(POOLS)
def test_the_pool_is_issued_after_eight_years_and_not_one_millisecond_before(pool: int) -> None:
    assert emitted(pool, EMISSION_MS) == emitted(pool, EMISSION_MS + YEAR_MS) == pool
    if pool:
        assert emitted(pool, EMISSION_MS - 1) < pool
    assert emitted(pool, 0) == 0


@given(POOLS, st.lists(TIMES, max_size=40))
def test_spans_of_any_pattern_add_up_and_none_is_negative(pool: int, times: list[int]) -> None:
    line = sorted([0, *times, EMISSION_MS + 2 * YEAR_MS])
    spans = [issued(pool, since, until) for since, until in pairwise(line)]
    assert min(spans) >= 0
    assert sum(spans) == pool


@given(POOLS, TIMES, st.integers(1, YEAR_MS))
def test_unallocated_emission_follows_the_pace_of_the_schedule(
    pool: int, since: int, span: int
) -> None:
    most = pace(pool, since, since + span)
    if since + span <= EMISSION_MS:
        assert most == issued(pool, since, since + span)
    else:
        assert most == bands(pool)[3] * span // (2 * YEAR_MS)


@given(st.integers(0, 2**64), st.lists(st.integers(0, 1_500_000), min_size=4, max_size=4))
def test_each_factor_is_rounded_down_before_the_next(units: int, factors: list[int]) -> None:
    expected = units
    for factor in factors:
        expected = expected * factor // 10**6
    assert score(units, factors) == expected


def test_the_order_of_the_factors_is_part_of_the_runtime() -> None:
    assert score(3, (500_000, 1_500_000)) == 1
    assert score(3, (1_500_000, 500_000)) == 2


@given(
    st.lists(st.integers(0, 2**64), min_size=1, max_size=20),
    st.lists(st.integers(0, 1_500_000), min_size=4, max_size=4),
)
def test_work_that_is_split_weighs_no_more(parts: list[int], factors: list[int]) -> None:
    assert sum(score(part, factors) for part in parts) <= score(sum(parts), factors)
