"""TierStaking: benefits, parameters, dividends and contributions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from btt_chain.primitives.account import AccountId
from btt_chain.scale import u8, u32, u64, u128
from runtime.accounts import REFERRAL, TREASURY
from runtime.constants import DAY_MS
from runtime.frame import ROOT, BadOrigin, DispatchError, GenesisError, Origin, signed
from runtime.pallets.tier_staking import errors, events
from runtime.pallets.tier_staking.formulas import ONE, TIERS, window_of
from runtime.pallets.tier_staking.types import Benefit, Contribution, Position, Tier
from support.runtime import refused
from support.tier_staking import (
    ALICE,
    BOB,
    CAROL,
    DAY,
    ERA,
    GOOD,
    PEOPLE,
    QUARTER,
    REFERRALS,
    World,
    btt,
    flags,
    warm,
)

PLENTY = u128(10**30)
"""A bound of referrals that never matters."""


@pytest.fixture
def world() -> World:
    return World()


# ---- benefits


@pytest.mark.parametrize(
    ("tier", "reported"),
    [
        (0, (False, 0, 10_000, False)),
        (1, (True, 0, 10_000, False)),
        (2, (True, 2_000, 10_000, False)),
        (3, (True, 2_000, 15_000, False)),
        (4, (True, 2_000, 15_000, True)),
    ],
)
def test_a_stake_is_good_for_more_the_longer_it_is(
    world: World, tier: int, reported: tuple[bool, int, int, bool]
) -> None:
    nothing = (False, 0, 10_000, False)
    world.stake(ALICE, 100_000, tier)
    assert flags(world, ALICE) == nothing
    world.clock.slot = DAY - 1
    assert flags(world, ALICE) == nothing, "it warms up for a day"
    world.clock.slot = DAY
    assert flags(world, ALICE) == reported
    assert world.staking.positions.discount_bps(ALICE) == reported[1]
    world.clock.slot = int(TIERS[tier].days) * DAY - 1
    assert flags(world, ALICE) == reported
    world.clock.slot += 1
    assert flags(world, ALICE) == nothing, "what can be taken out at any time is not a stake"
    assert flags(world, BOB) == nothing


def test_several_stakes_are_good_for_what_each_of_them_is(world: World) -> None:
    world.stake(ALICE, 5_000, 1)
    world.wait(10)
    world.stake(ALICE, 50_000, 3)
    assert flags(world, ALICE) == (True, 0, 10_000, False)
    world.wait(1)
    assert flags(world, ALICE) == (True, 2_000, 15_000, False)
    world.wait(100)
    assert flags(world, ALICE) == (True, 2_000, 15_000, False)
    world.wait(265)
    assert flags(world, ALICE) == (False, 0, 10_000, False)


def test_an_extension_keeps_what_was_warm_and_warms_up_for_more(world: World) -> None:
    number = world.stake(ALICE, 100_000, 2)
    world.wait(90)
    world.staking.extend(signed(ALICE), number, u8(2))
    assert world.staking.positions.discount_bps(ALICE) == 2_000
    world.staking.extend(signed(ALICE), number, u8(4))
    assert flags(world, ALICE) == (False, 0, 10_000, False)
    world.wait(1)
    assert flags(world, ALICE) == (True, 2_000, 15_000, True)


@given(
    opened=st.lists(st.tuples(st.integers(0, 3 * DAY_MS), st.integers(0, 400)), max_size=8),
    later=st.lists(st.integers(0, 500 * DAY_MS), max_size=8),
)
def test_the_short_record_of_the_discount_reports_what_the_long_one_does(
    opened: list[tuple[int, int]], later: list[int]
) -> None:
    now, positions = 0, []
    for wait, days in opened:
        now += wait
        end = u64(now + (2 + days) * DAY_MS)
        benefits = u8(Benefit.DISCOUNT if days % 2 else Benefit.PRIORITY)
        positions.append(Position(u32(0), u8(2), benefits, u64(now), end, btt(1)))
        positions = [one for one in positions if one.until > now - DAY_MS]  # closed some day
        window = window_of(positions, Benefit.DISCOUNT, now, DAY_MS)
        for at in (now, now + 1, now + DAY_MS - 1, now + DAY_MS, *(now + more for more in later)):
            good = any(
                one.benefits & Benefit.DISCOUNT and one.since + DAY_MS <= at < one.until
                for one in positions
            )
            assert good == (window is not None and window.covers(at))


def test_votes_are_reported_by_how_they_count(world: World) -> None:
    world.stake(ALICE, 50_000, 3)
    world.stake(ALICE, 1_000, 0)
    world.stake(BOB, 2_000, 0)
    staking = world.staking
    assert staking.staked_total() == btt(53_000)
    assert staking.staked() == replace(staking.staked(), long=btt(50_000), short=btt(3_000))
    reported = staking.staked_of(ALICE)
    assert (reported.long, reported.short) == (0, btt(51_000))
    assert staking.positions.active_stake(ALICE) == 0
    world.wait(1)
    reported = staking.staked_of(ALICE)
    assert (reported.long, reported.short) == (btt(50_000), btt(1_000))
    assert staking.positions.active_stake(ALICE) == btt(51_000)
    world.wait(40)
    assert staking.positions.active_stake(ALICE) == btt(50_000)
    world.wait(400)
    reported = staking.staked_of(ALICE)
    assert (reported.long, reported.short) == (0, btt(51_000)), "held, but no longer locked"
    assert staking.staked_of(CAROL).short == 0


# ---- parameters


def test_only_the_origin_of_parameters_changes_them(world: World) -> None:
    staking, terms = world.staking, TIERS[0]
    changes: list[Callable[[Origin], None]] = [
        lambda origin: staking.set_tier(origin, u8(0), terms),
        lambda origin: staking.set_dividend_bps(origin, u32(0)),
        lambda origin: staking.set_premium(origin, u32(0), None),
        lambda origin: staking.set_contribution_budget(origin, u128(0)),
    ]
    for change in changes:
        with refused(world, BadOrigin):
            change(signed(ALICE))
        change(ROOT)


def test_open_stakes_keep_their_terms(world: World) -> None:
    number = world.stake(ALICE, 50_000, 3)
    terms = Tier(u32(400), u32(900), btt(60_000), u32(0), TIERS[3].benefits)
    world.staking.set_tier(ROOT, u8(3), terms)
    assert world.last(events.TierSet) == events.TierSet(u8(3), terms)
    with refused(world, errors.BelowMinimum):
        world.stake(BOB, 50_000, 3)
    other = world.stake(BOB, 60_000, 3)
    assert world.staking.ledger.stakes[BOB, other].bps == 900
    world.wait(365)
    world.staking.unstake(signed(ALICE), number)
    assert world.tokenomics.burned == btt(300)
    with refused(world, errors.StillLocked):
        world.staking.unstake(signed(BOB), other)
    world.check()


@pytest.mark.parametrize(
    "terms",
    [
        replace(GOOD, days=u32(0)),
        replace(GOOD, days=u32(1)),
        replace(GOOD, days=u32(90)),
        replace(GOOD, days=u32(365)),
        replace(GOOD, days=u32(3_651)),
        replace(GOOD, reward_bps=u32(10_001)),
        replace(GOOD, reward_bps=u32(499)),
        replace(GOOD, reward_bps=u32(1_141)),
        replace(GOOD, burn_bps=u32(5_000)),
        replace(GOOD, burn_bps=u32(10_001)),
        replace(GOOD, minimum=btt(4_999)),
        replace(GOOD, minimum=btt(50_001)),
        replace(GOOD, minimum=u128(0)),
        replace(GOOD, benefits=u8(0)),
        replace(GOOD, benefits=u8(Benefit.PRIORITY | Benefit.SPECIAL)),
        replace(GOOD, benefits=u8(16)),
    ],
)
def test_a_longer_tier_is_never_worse_than_a_shorter_one(world: World, terms: Tier) -> None:
    with refused(world, errors.InvalidTerms):
        world.staking.set_tier(ROOT, u8(2), terms)


def test_there_are_five_tiers_and_a_whole_is_the_most(world: World) -> None:
    with refused(world, errors.UnknownTier):
        world.staking.set_tier(ROOT, u8(5), GOOD)
    with refused(world, errors.InvalidShare):
        world.staking.set_dividend_bps(ROOT, u32(10_001))
    world.staking.set_dividend_bps(ROOT, u32(10_000))


def test_a_chain_may_begin_with_terms_of_its_own() -> None:
    rows = [[one.days + 1, 100, str(one.minimum), 0] for one in TIERS]
    world = World(tiers=rows, dividendBps=500)
    assert [int(one.days) for one in world.staking.tier_terms.current_tiers.value] == [
        31,
        91,
        181,
        366,
        1_096,
    ]
    assert world.staking.tier_terms.current_tiers.value[4].benefits == TIERS[4].benefits
    assert world.staking.dividend_accounting.dividend_bps.value == 500


@pytest.mark.parametrize(
    "config",
    [
        {"tiers": []},
        {"tiers": [[30, 300, 1, 0]] * 5},
        {"tiers": [[30, 300, str(btt(1)), 0]] * 5},
        {"tiers": [[30, 300, str(btt(1))]] * 5},
        {"dividendBps": 10_001},
        {"anything": 1},
    ],
)
def test_a_wrong_configuration_is_refused(config: dict[str, object]) -> None:
    with pytest.raises(GenesisError, match="tierStaking"):
        World(**config)


# ---- dividends


def test_stakers_share_a_fifth_of_the_compute_inflow_by_what_they_staked(world: World) -> None:
    first, second = world.stake(ALICE, 30_000, 0), world.stake(BOB, 10_000, 0)
    world.tokenomics.earn(int(btt(1_000)))
    with refused(world, errors.NothingToClaim):
        world.staking.claim_dividend(signed(ALICE), first)
    world.wait(slots=ERA)
    assert world.last(events.DividendDistributed) == events.DividendDistributed(u32(0), btt(200))
    assert world.tokenomics.earmarked == btt(200)
    late = world.stake(CAROL, 40_000, 0)
    before = world.free(ALICE)
    world.staking.claim_dividend(signed(ALICE), first)
    assert world.last(events.DividendPaid) == events.DividendPaid(ALICE, first, btt(150))
    assert world.free(ALICE) == before + btt(150)
    assert world.dividend_due(BOB, second) == btt(50)
    assert world.dividend_due(CAROL, late) == 0, "it was not there then"
    with refused(world, errors.NothingToClaim):
        world.staking.claim_dividend(signed(CAROL), late)
    with refused(world, errors.NothingToClaim):
        world.staking.claim_dividend(signed(ALICE), first)
    world.check()


def test_what_comes_in_while_nothing_is_staked_stays_in_the_development_fund(world: World) -> None:
    world.tokenomics.earn(int(btt(1_000)))
    world.wait(slots=ERA)
    assert world.tokenomics.earmarked == 0
    assert not any(isinstance(event, events.DividendDistributed) for event in world.announced())
    world.check()
    number = world.stake(ALICE, 1_000, 0)
    assert world.dividend_due(ALICE, number) == 0
    world.wait(slots=ERA)
    assert world.dividend_due(ALICE, number) == 0
    world.check()


def test_eras_without_blocks_are_shared_out_together(world: World) -> None:
    number = world.stake(ALICE, 1_000, 0)
    world.tokenomics.earn(int(btt(10)))
    world.wait(slots=7 * ERA + 3)
    assert world.staking.era.value == 7
    assert world.dividend_due(ALICE, number) == btt(2)
    seen = len(world.announced())
    for _ in range(3):
        world.wait(slots=1)
    assert len(world.announced()) == seen, "once an era"
    world.check()


def test_no_part_of_a_planck_is_lost(world: World) -> None:
    numbers = [world.stake(who, 1_000, 0, planck=place) for place, who in enumerate(PEOPLE)]
    for _ in range(5):
        world.tokenomics.earn(10**9 + 7)
        world.wait(slots=ERA)
        world.check()
    for who, number in zip(PEOPLE, numbers, strict=True):
        if world.dividend_due(who, number):
            world.staking.claim_dividend(signed(who), number)
        world.check()
    world.wait(30)
    for who, number in zip(PEOPLE, numbers, strict=True):
        world.staking.unstake(signed(who), number)
        world.check()
    assert world.tokenomics.earmarked * ONE == world.staking.dividend_accounting.acc_rem.value
    last = world.stake(ALICE, 1_000, 0)
    world.tokenomics.earn(1_000_000)
    world.wait(slots=ERA)
    # A unit of the accumulator is a thousand planck here; what is less waits for the next era.
    assert 0 <= world.tokenomics.earmarked - world.dividend_due(ALICE, last) < 1_000
    world.check()


def test_closing_a_stake_pays_its_dividends(world: World) -> None:
    number = world.stake(ALICE, 1_000, 0)
    world.tokenomics.earn(int(btt(5)))
    world.wait(30)
    world.staking.unstake(signed(ALICE), number)
    assert world.last(events.DividendPaid) == events.DividendPaid(ALICE, number, btt(1))
    world.check()


def test_the_stakers_part_is_a_parameter(world: World) -> None:
    number = world.stake(ALICE, 1_000, 0)
    world.staking.set_dividend_bps(ROOT, u32(1))
    world.tokenomics.earn(int(btt(10_000)))
    world.wait(slots=ERA)
    assert world.dividend_due(ALICE, number) == btt(1)
    world.staking.set_dividend_bps(ROOT, u32(0))
    world.tokenomics.earn(int(btt(10_000)))
    world.wait(slots=ERA)
    assert world.dividend_due(ALICE, number) == btt(1)
    world.check()


# ---- contributions


def test_contributions_share_the_budget_of_their_quarter(world: World) -> None:
    staking = world.staking
    warm(world, ALICE, BOB)
    budget = int(btt(REFERRALS)) // 32
    assert staking.contributions.contribution_budget.value == budget
    for _ in range(3):
        staking.contributions.count_vote(ALICE)
    staking.contributions.count_credential(ALICE, PLENTY)
    staking.contributions.count_referral(BOB, PLENTY)
    with refused(world, errors.QuarterNotOver):
        staking.claim_contribution(signed(ALICE), u32(0))
    world.clock.slot = QUARTER - 1
    assert staking.contributions.quarter_now() == 0
    world.clock.slot = QUARTER
    assert staking.contributions.quarter_now() == 1
    before = world.free(ALICE), world.free(BOB)
    staking.claim_contribution(signed(ALICE), u32(0))
    staking.claim_contribution(signed(BOB), u32(0))
    assert world.last(events.ContributionPaid) == events.ContributionPaid(
        BOB, u32(0), u128(budget * 5 // 11)
    )
    assert world.free(ALICE) == before[0] + budget * 6 // 11
    assert world.free(BOB) == before[1] + budget * 5 // 11
    for who in (ALICE, CAROL):
        with refused(world, errors.NothingToClaim):
            staking.claim_contribution(signed(who), u32(0))
    with refused(world, errors.QuarterNotOver):
        staking.claim_contribution(signed(ALICE), u32(1))


def test_the_points_of_referrals_earn_no_more_than_their_bound(world: World) -> None:
    staking, contributions = world.staking, world.staking.contributions
    warm(world, ALICE, BOB)
    for _ in range(2):
        contributions.count_referral(ALICE, u128(700))
    contributions.count_vote(ALICE)
    contributions.count_vote(BOB)
    budget = int(contributions.contribution_budget.value)
    world.clock.slot = QUARTER
    ((_, shown),) = contributions.view(ALICE).claimable
    before = world.free(ALICE)
    staking.claim_contribution(signed(ALICE), u32(0))
    assert world.free(ALICE) - before == shown == budget // 12 + 1_400


def test_the_points_of_credentials_earn_no_more_than_their_bound(world: World) -> None:
    """C21: an educator's own staker, alone in a quarter, gets back less than the fees."""
    staking, contributions = world.staking, world.staking.contributions
    warm(world, ALICE)
    for _ in range(5):
        contributions.count_credential(ALICE, u128(100))
    world.clock.slot = QUARTER
    before = world.free(ALICE)
    staking.claim_contribution(signed(ALICE), u32(0))
    assert world.free(ALICE) - before == 400


def test_a_view_shows_the_points_and_what_can_be_claimed(world: World) -> None:
    staking, contributions = world.staking, world.staking.contributions
    warm(world, ALICE, BOB)
    contributions.count_referral(ALICE, PLENTY)
    contributions.count_vote(BOB)
    view = contributions.view(ALICE)
    assert (view.quarter, view.counts, view.mine.points, view.points) == (0, True, 5, 6)
    assert view.claimable == []
    world.clock.slot = QUARTER
    ((quarter, amount),) = contributions.view(ALICE).claimable
    before = world.free(ALICE)
    staking.claim_contribution(signed(ALICE), quarter)
    assert world.free(ALICE) - before == amount == view.budget * 5 // 6
    assert contributions.view(ALICE).claimable == []
    assert not contributions.view(CAROL).counts


@pytest.mark.parametrize(
    ("kind", "maximum", "points"),
    [(Contribution.Vote, 20, 1), (Contribution.Referral, 4, 5), (Contribution.Credential, 4, 3)],
)
def test_so_many_contributions_of_a_kind_count_in_a_quarter(
    world: World, kind: Contribution, maximum: int, points: int
) -> None:
    contributions = world.staking.contributions
    warm(world, ALICE)
    for _ in range(maximum + 5):
        contributions.add_points(ALICE, kind)
    mine = contributions.contrib_points[u32(0), ALICE]
    assert mine.votes + mine.referrals + mine.credentials == maximum
    assert mine.points == maximum * points
    assert contributions.quarters[u32(0)].points == maximum * points
    world.clock.slot = QUARTER
    contributions.add_points(ALICE, kind)
    assert contributions.contrib_points[u32(1), ALICE].points == points


def test_only_a_judged_identity_of_its_own_contributes(world: World) -> None:
    contributions = world.staking.contributions
    warm(world, ALICE, BOB, CAROL)
    world.identities.judged.remove(BOB)
    world.identities.parents[CAROL] = ALICE
    for who in (ALICE, BOB, CAROL):
        contributions.count_vote(who)
    assert [who for (_, who), _ in contributions.contrib_points.items()] == [ALICE]
    assert contributions.quarters[u32(0)].points == 1


@given(
    parts=st.lists(st.integers(1, 40), min_size=1, max_size=8),
    judged=st.integers(0, 7),
    votes=st.integers(1, 30),
)
def test_dividing_a_stake_among_accounts_never_brings_more_points(
    parts: list[int], judged: int, votes: int
) -> None:
    """One person has one judged identity; all other accounts are its sub-accounts or unjudged."""
    world, names = World(), [AccountId(bytes((9, n)) * 16) for n in range(len(parts))]
    whole = sum(parts)
    for who, part in zip(names, parts, strict=True):
        world.balances.transfer(ALICE, who, btt(1_000 * part + 1))
        world.stake(who, 1_000 * part, 0)
    world.stake(BOB, 1_000 * whole, 0)
    world.wait(1)
    owner = names[judged % len(names)]
    world.identities.judged = [owner, BOB]
    for other in names[::2]:
        if other != owner:
            world.identities.parents[other] = owner
    contributions = world.staking.contributions
    for _ in range(votes):
        for who in (*names, BOB):
            contributions.count_vote(who)
    points = {who: int(mine.points) for (_, who), mine in contributions.contrib_points.items()}
    assert sum(points.get(who, 0) for who in names) == points[BOB] == min(20, votes)


def test_only_stakers_are_rewarded_for_contributing(world: World) -> None:
    staking = world.staking
    world.stake(ALICE, 10_000, 2)
    for who in (ALICE, BOB):
        staking.contributions.count_referral(who, PLENTY)
    assert staking.contributions.quarters.get(u32(0)) is None
    world.wait(1)
    staking.contributions.count_referral(ALICE, PLENTY)
    assert staking.contributions.quarters[u32(0)].points == 5
    world.wait(180)
    staking.contributions.count_referral(ALICE, PLENTY)
    assert staking.contributions.contrib_points.get((u32(1), ALICE)) is None, "the term is over"


def test_a_quarter_that_has_begun_keeps_its_budget(world: World) -> None:
    staking = world.staking
    warm(world, ALICE)
    staking.contributions.count_vote(ALICE)
    staking.set_contribution_budget(ROOT, btt(1))
    world.clock.slot = QUARTER
    staking.contributions.count_vote(ALICE)
    world.clock.slot = 2 * QUARTER
    before = world.free(ALICE)
    staking.claim_contribution(signed(ALICE), u32(0))
    staking.claim_contribution(signed(ALICE), u32(1))
    assert world.free(ALICE) == before + int(btt(REFERRALS)) // 32 + btt(1)


def test_where_the_referral_pool_is_dry_contributions_stay_unpaid(world: World) -> None:
    staking = world.staking
    warm(world, ALICE)
    staking.contributions.count_vote(ALICE)
    world.clock.slot = QUARTER
    world.balances.transfer(REFERRAL, TREASURY, btt(REFERRALS))
    claim = world.call("TierStaking", "claim_contribution", quarter=u32(0))
    with refused(world, DispatchError):
        world.dispatch(signed(ALICE), claim)
    world.balances.transfer(TREASURY, REFERRAL, btt(REFERRALS))
    world.dispatch(signed(ALICE), claim)
