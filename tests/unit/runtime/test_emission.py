"""Emission: spans of the schedule of eight years; `test_economy_tables.py` has its amounts."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from runtime.constants import BTT, YEAR_MS
from runtime.emission import EMISSION_MS, bands, issued, pace

SEED_000 = 6_300_000 * int(BTT)
SEED_001 = 63_000_000 * int(BTT)
POOLS = st.one_of(st.just(SEED_000), st.just(SEED_001), st.integers(0, 2**128 - 1))
TIMES = st.one_of(
    st.integers(0, EMISSION_MS + YEAR_MS),
    st.sampled_from([0, 1, *(2 * YEAR_MS * k + d for k in range(1, 5) for d in (-1, 0, 1))]),
)


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
