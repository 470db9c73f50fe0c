"""Splits: how a fee is taken apart, and nothing of it lost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from btt_chain.scale import Overflow, u128
from runtime.constants import BTT
from runtime.splits import (
    ASSET,
    BPS,
    COMPUTE,
    PAYFI,
    ComputeSplit,
    PlatformSplit,
    Ramp,
    burn_bps,
    ceil_div,
    charge,
    discounted,
    mul_div,
    shared,
    split_compute,
    split_platform,
)

THRESHOLD = 10_000 * int(BTT)

amounts = st.integers(0, u128.MAX)
thresholds = st.integers(1, 10**24)
rates = st.integers(0, BPS)
ramps = st.sampled_from([COMPUTE, ASSET, PAYFI])


def legs(split: ComputeSplit | PlatformSplit) -> int:
    return sum(
        (
            int(split.burn),
            split.earned,
            int(split.development),
            int(split.foundation),
            int(split.reserve),
        )
    )


@given(amounts, thresholds)
def test_the_legs_of_a_compute_fee_add_up_to_it(gross: int, threshold: int) -> None:
    assert legs(split_compute(gross, threshold)) == gross


@given(amounts, thresholds)
def test_contributors_get_seventy_percent_of_the_net_at_least(gross: int, threshold: int) -> None:
    split = split_compute(gross, threshold)
    assert int(split.contributors) * 10 >= 7 * (gross - int(split.burn))


@given(amounts, thresholds)
def test_compute_legs_but_the_contributors_round_down(gross: int, threshold: int) -> None:
    split = split_compute(gross, threshold)
    net = gross - int(split.burn)
    assert int(split.development) == net * 15 // 100
    assert int(split.foundation) == net * 10 // 100
    assert int(split.reserve) == net * 5 // 100
    assert int(split.burn) * BPS <= gross * COMPUTE.high
    assert (int(split.burn) + 1) * BPS > gross * COMPUTE.low


@given(amounts, ramps, amounts, thresholds, rates)
def test_the_legs_of_a_platform_fee_add_up_to_it(
    fee: int, ramp: Ramp, value: int, threshold: int, voters: int
) -> None:
    assert legs(split_platform(fee, ramp, value, threshold, voters_bps=voters)) == fee


@given(amounts, ramps, amounts, thresholds)
def test_platform_legs_stand_three_to_two_to_one(
    fee: int, ramp: Ramp, value: int, threshold: int
) -> None:
    split = split_platform(fee, ramp, value, threshold)
    rest = fee - int(split.burn)
    assert split.voters == 0
    assert int(split.foundation) == rest // 3
    assert int(split.reserve) == rest // 6
    assert 2 * int(split.development) >= rest


@given(ramps, amounts, amounts, thresholds)
def test_a_higher_value_never_burns_at_a_lower_rate(
    ramp: Ramp, one: int, other: int, threshold: int
) -> None:
    low, high = sorted((one, other))
    assert ramp.low <= burn_bps(ramp, low, threshold) <= burn_bps(ramp, high, threshold)
    assert burn_bps(ramp, high, threshold) <= ramp.high


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


@given(st.integers(0, u128.MAX // BPS), rates)
def test_fees_round_up(value: int, bps: int) -> None:
    fee = int(charge(value, bps))
    assert fee * BPS >= value * bps
    assert (fee - 1) * BPS < value * bps


def test_the_least_payment_costs_a_planck() -> None:
    assert charge(1, 50) == 1
    assert charge(0, 50) == 0


@given(amounts, rates)
def test_a_discount_never_exceeds_the_fee_and_rounds_down(fee: int, bps: int) -> None:
    left = int(discounted(fee, bps))
    assert 0 <= left <= fee
    assert left == ceil_div(fee * (BPS - bps), BPS)


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
