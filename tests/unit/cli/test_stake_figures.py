"""Figures of stakes that commands show: the same as the pallet's own."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from btt_chain.scale import u8, u32, u128
from cli.common.errors import NotFound
from cli.common.stakes import BENEFITS, Held, Offer, Pool, find, net_of, offered
from runtime.constants import BTT
from runtime.pallets.tier_staking.formulas import WARM_UP_MS, accrued, affordable_bps, term_ms
from runtime.pallets.tier_staking.types import Benefit, Tier
from runtime.splits import mul_div

DAY_MS = 86_400_000

AMOUNTS = st.integers(BTT, 10**9 * BTT)
BPS = st.integers(0, 10_000)


def terms(days: int, reward_bps: int = 300, burn_bps: int = 0) -> Tier:
    return Tier(u32(days), u32(reward_bps), u128(BTT), u32(burn_bps), u8(0))


def held(**changes: int) -> Held:
    one = Held(
        id=3, tier=0, amount=1_000 * BTT, opened=0, term_end=30 * DAY_MS, commit=24 * BTT,
        claimed=BTT, bps=300, burn_bps=500, warm_at=WARM_UP_MS, benefits=0, dividend=0,
        now=10 * DAY_MS,
    )  # fmt: skip
    return replace(one, **changes)


@given(AMOUNTS, st.integers(2, 3_650), BPS, BPS, st.integers(0, 10**9 * BTT), st.integers(0, BTT))
def test_an_offer_is_what_the_pallet_would_reserve(
    amount: int, days: int, bps: int, burn: int, free: int, promised: int
) -> None:
    tier = terms(days, bps, burn)
    full, room = int(accrued(amount, bps, term_ms(tier))), min(free, free + BTT - promised)
    found = offered(amount, tier, Pool(free, free + BTT), promised)
    assert found.is_full == (full <= room)
    if found.is_full:
        assert found.gross == full
    else:
        rate = affordable_bps(amount, term_ms(tier), room)
        assert found.gross == accrued(amount, rate, term_ms(tier)) <= room
    assert found.net == found.gross - int(mul_div(found.gross, burn, 10_000))


def test_an_account_at_its_cap_is_offered_nothing() -> None:
    assert offered(BTT, terms(30), Pool(BTT, 5), promised=7) == Offer(0, 0, False)


def test_what_an_early_end_loses_is_the_unearned_part_after_its_burn() -> None:
    one = held()
    assert one.still_to_earn == net_of(24 * BTT - one.earned, 500)
    assert held(now=30 * DAY_MS).is_over
    assert not one.is_over


def test_every_benefit_of_the_pallet_has_a_name() -> None:
    assert set(BENEFITS) == {int(benefit) for benefit in Benefit}


def test_a_stake_that_is_not_open_is_answered_with_those_that_are() -> None:
    assert find([held()], 3).id == 3
    with pytest.raises(NotFound, match="no open stake 4; open are: 3"):
        find([held()], 4)
    with pytest.raises(NotFound, match="open are: none"):
        find([], 0)
