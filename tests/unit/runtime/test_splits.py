"""Splits: how a fee is taken apart, and nothing of it lost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from btt_chain.scale import Overflow, u128
from runtime.constants import BTT
from runtime.splits import COMPUTE, burn_bps, charge, mul_div, shared, split_compute

THRESHOLD = 10_000 * int(BTT)

amounts = st.integers(0, u128.MAX)


@pytest.mark.parametrize(
    ("value", "rate"),
    [(0, 100), (THRESHOLD // 2, 200), (THRESHOLD - 1, 299), (THRESHOLD, 300), (u128.MAX, 300)],
)
def test_the_burn_rate_rises_to_the_threshold(value: int, rate: int) -> None:
    assert burn_bps(COMPUTE, value, THRESHOLD) == rate


def test_a_job_of_a_thousand_tokens_is_split_as_the_documents_say() -> None:
    gross = 1_000 * int(BTT)

    split = split_compute(gross, THRESHOLD)

    net = gross - 12 * int(BTT)  # 1.2 %: a tenth of the way from 1 % to 3 %
    assert split.burn == gross - net
    assert split.contributors == net * 70 // 100
    assert split.development == net * 15 // 100
    assert split.foundation == net * 10 // 100
    assert split.reserve == net * 5 // 100


def test_the_least_payment_costs_a_planck() -> None:
    assert charge(1, 50) == 1
    assert charge(0, 50) == 0


@given(amounts, st.lists(st.integers(0, u128.MAX), min_size=1, max_size=20).filter(any))
def test_shares_add_up_to_the_whole(total: int, weights: list[int]) -> None:
    shares = shared(total, weights)

    whole = sum(weights)
    assert sum(map(int, shares)) == total
    first = next(place for place, weight in enumerate(weights) if weight)
    for place, (share, weight) in enumerate(zip(shares, weights, strict=True)):
        fair = total * weight // whole
        assert share == fair or (place == first and fair < share < fair + len(weights))


def test_who_did_nothing_gets_no_share() -> None:
    assert shared(100, [0, 1, 2]) == [0, 34, 66]


def test_no_account_shares_what_no_account_has_a_claim_to() -> None:
    with pytest.raises(ZeroDivisionError):
        shared(1, [0, 0])


@given(amounts, amounts, st.integers(1, u128.MAX))
def test_only_the_result_of_a_ratio_must_fit(value: int, by: int, over: int) -> None:
    exact = value * by // over
    if exact > u128.MAX:
        with pytest.raises(Overflow):
            mul_div(value, by, over)
    else:
        assert mul_div(value, by, over) == exact
