"""TierStaking: promised rewards are covered, and paid neither early nor for locked money."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from btt_chain.primitives.account import Id
from btt_chain.scale import u8, u32, u128
from runtime.accounts import STAKING
from runtime.constants import BTT, DAY_MS
from runtime.frame import ROOT, BadOrigin, Origin, TokenError, TokenErrorKind, signed
from runtime.pallets.tier_staking import errors, events
from runtime.pallets.tier_staking.formulas import TIERS, YEAR365_MS, accrued, affordable_bps
from support.runtime import refused
from support.tier_staking import (
    ALICE,
    BOB,
    CAROL,
    DAY,
    POOL,
    RICH,
    World,
    accrued_exactly,
    btt,
    fill,
)


@pytest.fixture
def world() -> World:
    return World()


# ---- the tiers


def test_the_tiers_are_those_of_the_documents(world: World) -> None:
    reported = [
        (int(one.days), int(one.reward_bps), int(one.minimum) // int(BTT), int(one.burn_bps))
        for one in world.staking.tiers
    ]
    assert reported == [
        (30, 300, 1_000, 0),
        (90, 500, 5_000, 0),
        (180, 800, 10_000, 0),
        (365, 1_200, 50_000, 500),
        (1_095, 1_800, 100_000, 1_000),
    ]
    assert world.staking.tier_terms.current_tiers.value == world.staking.tiers == TIERS


def test_after_burns_a_longer_tier_is_still_better() -> None:
    nets = [int(one.reward_bps) * (10_000 - int(one.burn_bps)) // 10_000 for one in TIERS]
    assert nets == [300, 500, 800, 1_140, 1_620]


@pytest.mark.parametrize(
    ("tier", "amount", "reward"),
    [
        (0, 1_000, 1_000 * 300 * 30 * 10**18 // 3_650_000),
        (1, 5_000, 5_000 * 500 * 90 * 10**18 // 3_650_000),
        (2, 10_000, 10_000 * 800 * 180 * 10**18 // 3_650_000),
        (3, 50_000, 6_000 * 10**18),
        (4, 100_000, 54_000 * 10**18),
    ],
)
def test_a_whole_term_pays_the_yearly_rate_for_its_days(
    world: World, tier: int, amount: int, reward: int
) -> None:
    number, before = world.stake(ALICE, amount, tier), world.free(ALICE)
    assert world.last(events.Staked) == events.Staked(
        ALICE, number, btt(amount), u8(tier), u128(reward)
    )
    assert world.staking.reward_pool.state().committed == reward
    assert world.held(ALICE) == btt(amount)
    world.check()

    world.wait(int(TIERS[tier].days))
    world.staking.unstake(signed(ALICE), number)

    burned = reward * int(TIERS[tier].burn_bps) // 10_000
    assert world.last(events.RewardPaid) == events.RewardPaid(
        ALICE, number, u128(reward), u128(burned), u128(reward - burned)
    )
    assert world.last(events.Unstaked) == events.Unstaked(ALICE, number, btt(amount))
    assert world.free(ALICE) == before + int(btt(amount)) + reward - burned
    assert world.tokenomics.burned == burned
    assert world.free(STAKING) == btt(POOL) - reward
    assert world.staking.positions.holdings.get(ALICE) is None
    world.check()


def test_a_reward_grows_evenly_and_stops_at_the_end_of_the_term(world: World) -> None:
    number = world.stake(ALICE, 50_000, 3)
    for day, due in [(0, 0), (1, 6_000 * 10**18 // 365), (73, 1_200 * 10**18)]:
        world.clock.slot = day * DAY
        assert world.reward_due(ALICE, number) == due
    for day in (365, 366, 5_000):
        world.clock.slot = day * DAY
        assert world.reward_due(ALICE, number) == 6_000 * 10**18


@given(
    amount=st.integers(1_000 * 10**18, 10**26),
    bps=st.integers(0, 10_000),
    cuts=st.lists(st.integers(0, 1_095 * DAY_MS), max_size=20),
)
def test_however_often_it_is_claimed_a_reward_is_the_same(
    amount: int, bps: int, cuts: list[int]
) -> None:
    term = 1_095 * DAY_MS
    claimed = 0
    for at in [*sorted(cuts), term]:
        claimed += int(accrued(amount, bps, at)) - claimed
    assert claimed == accrued(amount, bps, term) == amount * bps * term // (10_000 * YEAR365_MS)


@given(amount=st.integers(1, 10**27), days=st.integers(1, 3_650), available=st.integers(0, 10**27))
def test_a_reduced_rate_is_the_greatest_that_the_pool_can_pay(
    amount: int, days: int, available: int
) -> None:
    term = days * DAY_MS
    bps = affordable_bps(amount, term, available)
    # Compared without rounding: the stored rate is whole, and one more would be too much.
    assert accrued_exactly(amount, bps, term) <= available * 10_000 * YEAR365_MS
    assert accrued_exactly(amount, bps + 1, term) > available * 10_000 * YEAR365_MS


# ---- opening: every refusal


def test_a_stake_has_its_tier_s_minimum(world: World) -> None:
    for place, tier in enumerate(TIERS):
        with refused(world, errors.BelowMinimum):
            world.stake(ALICE, 0, place, planck=int(tier.minimum) - 1)
    with refused(world, errors.UnknownTier):
        world.stake(ALICE, 100_000, 5)


def test_what_is_not_there_cannot_be_staked(world: World) -> None:
    with refused(world, TokenError(TokenErrorKind.FundsUnavailable)):
        world.stake(ALICE, RICH + 1, 0)
    with refused(world, TokenError(TokenErrorKind.FundsUnavailable)):
        world.stake(ALICE, RICH, 0)  # the account needs its existential deposit


def test_one_account_has_so_many_stakes(world: World) -> None:
    most = int(world.staking.max_stakes_per_account)
    for _ in range(most):
        world.stake(ALICE, 1_000, 0)
    with refused(world, errors.TooManyStakes):
        world.stake(ALICE, 1_000, 0)
    world.stake(BOB, 1_000, 0)
    world.check()

    world.wait(30)
    world.staking.unstake(signed(ALICE), u32(0))
    world.stake(ALICE, 1_000, 0)
    world.check()


def test_stakes_are_of_any_account_opened_them(world: World) -> None:
    number = world.stake(ALICE, 1_000, 0)
    world.wait(30)
    staking = world.staking
    for act in (staking.claim, staking.unstake, staking.claim_dividend):
        with refused(world, errors.NotOwner):
            act(signed(BOB), number)
    with refused(world, errors.NotOwner):
        staking.extend(signed(BOB), number, u8(1))
    with refused(world, errors.NotOwner):
        staking.force_unstake(ROOT, Id(BOB), number)


def test_only_who_signs_acts_for_an_account(world: World) -> None:
    number, staking = world.stake(ALICE, 1_000, 0), world.staking
    acts: list[Callable[[Origin], None]] = [
        lambda origin: staking.stake(origin, btt(1_000), u8(0), None),
        lambda origin: staking.claim(origin, number),
        lambda origin: staking.unstake(origin, number),
        lambda origin: staking.extend(origin, number, u8(1)),
        lambda origin: staking.claim_dividend(origin, number),
        lambda origin: staking.claim_contribution(origin, u32(0)),
        lambda origin: staking.buy_premium(origin, u32(0), u8(1), u128(0)),
        lambda origin: staking.top_up(origin, btt(1)),
    ]
    for act in acts:
        with refused(world, BadOrigin):
            act(ROOT)


# ---- the pool


def test_an_empty_pool_promises_nothing(world: World) -> None:
    fill(world, int(btt(100)))
    with refused(world, errors.RewardPoolExhausted):
        world.stake(ALICE, 50_000, 3)
    with refused(world, errors.RewardBelowMin):
        world.stake(ALICE, 50_000, 3, int(btt(100)) + 1)

    number = world.stake(ALICE, 50_000, 3, int(btt(100)))

    opened = world.staking.ledger.stakes[ALICE, number]
    assert (opened.bps, opened.commit) == (20, btt(100)), "100 of 50,000 in a year"
    assert world.staking.reward_pool.state().free == 0
    world.check()
    world.wait(365)
    world.staking.unstake(signed(ALICE), number)
    world.check()


def test_a_reduced_rate_promises_no_more_than_there_is(world: World) -> None:
    fill(world, int(btt(100)) - 1)
    number = world.stake(ALICE, 50_000, 3, 1)
    opened = world.staking.ledger.stakes[ALICE, number]
    assert (opened.bps, opened.commit) == (19, btt(95))
    world.check()


def test_who_asks_for_nothing_may_stake_for_the_benefits_alone(world: World) -> None:
    fill(world, 0)
    number = world.stake(ALICE, 10_000, 2, 0)
    world.wait(1)
    assert world.staking.positions.discount_bps(ALICE) == 2_000
    with refused(world, errors.NothingToClaim):
        world.staking.claim(signed(ALICE), number)
    world.wait(180)
    world.staking.unstake(signed(ALICE), number)
    world.check()


def test_a_least_reward_is_asked_for_at_the_full_rate_too(world: World) -> None:
    full = 6_000 * 10**18
    with refused(world, errors.RewardBelowMin):
        world.stake(ALICE, 50_000, 3, full + 1)
    number = world.stake(ALICE, 50_000, 3, full)
    assert world.staking.ledger.stakes[ALICE, number].bps == 1_200


def test_one_account_gets_no_more_than_a_tenth_of_the_pool(world: World) -> None:
    assert world.staking.reward_pool.max_commit_per_account.value == btt(100_800)
    with refused(world, errors.CommitCapExceeded):
        world.stake(ALICE, 200_000, 4)
    world.stake(ALICE, 100_000, 4)  # 54,000
    with refused(world, errors.CommitCapExceeded):
        world.stake(ALICE, 100_000, 4)

    second = world.stake(ALICE, 100_000, 4, 1)

    assert world.staking.ledger.stakes[ALICE, second].bps == 1_560, "46,800 in three years"
    assert world.staking.positions.holdings[ALICE].commit <= btt(100_800)
    with refused(world, errors.RewardBelowMin):
        world.stake(ALICE, 500_000, 4, int(btt(1)))
    world.stake(BOB, 100_000, 4)
    world.check()


def test_the_cap_counts_what_was_promised_until_the_stake_is_closed(world: World) -> None:
    first = world.stake(ALICE, 100_000, 4)
    world.wait(1_094)
    world.staking.claim(signed(ALICE), first)
    with refused(world, errors.CommitCapExceeded):
        world.stake(ALICE, 100_000, 4)
    world.wait(1)
    world.staking.unstake(signed(ALICE), first)
    world.stake(ALICE, 100_000, 4)
    world.check()


def test_any_account_sends_money_to_the_pool_fills_it(world: World) -> None:
    fill(world, 0)
    world.staking.top_up(signed(BOB), btt(6_000))
    assert world.last(events.PoolToppedUp) == events.PoolToppedUp(BOB, btt(6_000))
    assert world.staking.reward_pool.state().free == btt(6_000)
    world.balances.transfer(CAROL, STAKING, btt(7))
    assert world.staking.reward_pool.state().free == btt(6_007), (
        "no call of ours, and of use all the same"
    )
    world.stake(ALICE, 50_000, 3)
    world.check()
    with refused(world, TokenError):
        world.staking.top_up(signed(BOB), btt(RICH))


# ---- claiming and closing


def test_nothing_is_claimed_twice(world: World) -> None:
    number = world.stake(ALICE, 50_000, 3)
    with refused(world, errors.NothingToClaim):
        world.staking.claim(signed(ALICE), number)
    world.wait(73)
    world.staking.claim(signed(ALICE), number)
    assert world.last(events.RewardPaid) == events.RewardPaid(
        ALICE, number, btt(1_200), btt(60), btt(1_140)
    )
    with refused(world, errors.NothingToClaim):
        world.staking.claim(signed(ALICE), number)
    world.check()


def test_there_is_no_way_out_before_the_end(world: World) -> None:
    number = world.stake(ALICE, 1_000, 0)
    world.clock.slot = 30 * DAY - 1
    with refused(world, errors.StillLocked):
        world.staking.unstake(signed(ALICE), number)
    with refused(world, BadOrigin):
        world.staking.force_unstake(signed(ALICE), Id(ALICE), number)
    world.clock.slot += 1
    world.staking.unstake(signed(ALICE), number)


def test_the_chain_closes_a_stake_early_and_what_it_had_not_earned_is_free(world: World) -> None:
    number = world.stake(ALICE, 50_000, 3)
    world.wait(73)
    before = world.free(ALICE)
    world.staking.force_unstake(ROOT, Id(ALICE), number)
    assert world.last(events.ForceUnstaked) == events.ForceUnstaked(
        ALICE, number, btt(50_000), btt(4_800)
    )
    assert world.free(ALICE) == before + btt(50_000) + btt(1_140)
    assert world.staking.reward_pool.state().committed == 0
    assert world.staking.reward_pool.state().free == btt(POOL) - btt(1_200)
    world.check()


# ---- extending


def test_a_longer_term_begins_when_it_is_asked_for(world: World) -> None:
    number = world.stake(ALICE, 100_000, 3)
    world.wait(73)
    before = world.free(ALICE)
    world.staking.extend(signed(ALICE), number, u8(4))
    assert world.last(events.Extended) == events.Extended(ALICE, number, u8(4), btt(54_000))
    assert world.free(ALICE) == before + btt(2_280), "12,000 a year for a fifth, 5 % burned"
    extended = world.staking.ledger.stakes[ALICE, number]
    assert extended.term_end == (73 + 1_095) * DAY_MS
    assert world.staking.reward_pool.state().committed == btt(54_000)
    world.check()

    world.wait(1_095 - 1)
    with refused(world, errors.StillLocked):
        world.staking.unstake(signed(ALICE), number)
    world.wait(1)
    world.staking.unstake(signed(ALICE), number)
    assert world.free(STAKING) == btt(POOL - 2_400 - 54_000)
    world.check()


def test_a_term_is_never_made_shorter(world: World) -> None:
    number = world.stake(ALICE, 100_000, 3)
    for tier in range(4):
        with refused(world, errors.NotLonger):
            world.staking.extend(signed(ALICE), number, u8(tier))
    with refused(world, errors.UnknownTier):
        world.staking.extend(signed(ALICE), number, u8(5))
    world.wait(335)
    with refused(world, errors.NotLonger):
        world.staking.extend(signed(ALICE), number, u8(0))  # it would end when it does anyway
    world.wait(slots=1)
    world.staking.extend(signed(ALICE), number, u8(0))
    world.check()


def test_an_extension_needs_what_a_new_stake_needs(world: World) -> None:
    number = world.stake(ALICE, 1_000, 0)
    with refused(world, errors.BelowMinimum):
        world.staking.extend(signed(ALICE), number, u8(1))
    rich = world.stake(ALICE, 200_000, 3)
    with refused(world, errors.CommitCapExceeded):
        world.staking.extend(signed(ALICE), rich, u8(4))
    fill(world, int(world.staking.reward_pool.state().committed))
    other = world.staking.ledger.stakes[ALICE, rich]
    assert other.commit == btt(24_000)
    with refused(world, errors.RewardPoolExhausted):
        world.staking.extend(signed(ALICE), rich, u8(4))


def test_an_extension_may_use_what_the_stake_will_not_earn(world: World) -> None:
    number = world.stake(ALICE, 50_000, 3)
    fill(world, int(world.staking.reward_pool.state().committed))
    assert world.staking.reward_pool.state().free == 0
    world.wait(slots=1)
    with refused(world, errors.RewardPoolExhausted):
        world.staking.extend(signed(ALICE), number, u8(3))
    world.staking.top_up(signed(BOB), btt(1))
    world.staking.extend(signed(ALICE), number, u8(3))
    world.check()


def test_a_stake_whose_term_is_over_begins_anew(world: World) -> None:
    number = world.stake(ALICE, 100_000, 4)
    world.wait(1_095)
    world.staking.extend(signed(ALICE), number, u8(0))
    world.check()
    assert not world.staking.benefits(ALICE).special
    world.wait(30)
    world.staking.unstake(signed(ALICE), number)
    world.check()
