"""Premium services: access is paid by the month, needs a stake, and burns a part of its price."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from btt_chain.primitives.account import AccountId, Id
from btt_chain.scale import u8, u32, u64, u128
from runtime.accounts import DEVELOPMENT_FUND, OPERATIONS
from runtime.audits import audit
from runtime.constants import BTT, DAY_MS
from runtime.frame import ROOT, DispatchError, GenesisError, TokenError, signed
from runtime.pallets.tier_staking import errors, events
from runtime.pallets.tier_staking.premium import JOB_PRIORITY, MAX_SERVICES, MIN_PRICE
from runtime.pallets.tier_staking.types import PremiumService
from runtime.pallets.tokenomics.types import BurnReason
from support.economy.chain import EconomyChain, person
from support.runtime import refused
from support.tier_staking import ALICE, BOB, CAROL, DAY, World, btt, flags, warm

ANY = u128(u128.MAX)
MONTH = 30 * DAY
SERVICE = u32(7)
SPECIAL = PremiumService(u8(4), btt(200))


@pytest.fixture
def world() -> World:
    return World()


def until(world: World, slots: int) -> u64:
    """Return the time so many slots from now, in ms."""
    return u64((world.clock.slot + slots) * DAY_MS // DAY)


def test_priority_for_jobs_is_on_sale_from_genesis(world: World) -> None:
    services = dict(world.staking.premium.premium_services.items())
    assert services == {JOB_PRIORITY: PremiumService(u8(0), btt(50))}


def test_a_month_of_priority_costs_fifty_and_burns_two_percent_and_a_bit(world: World) -> None:
    warm(world, ALICE)
    before, burned = world.free(ALICE), world.tokenomics.burned
    world.staking.buy_premium(signed(ALICE), JOB_PRIORITY, u8(1), btt(50))
    # 200 bps, and 300 more at 10,000 BTT: 1.5 of them at 50 BTT, rounded down.
    share = int(btt(50)) * 201 // 10_000
    assert world.last(events.PremiumBought) == events.PremiumBought(
        ALICE, JOB_PRIORITY, until(world, MONTH), btt(50), u128(share)
    )
    assert before - world.free(ALICE) == btt(50)
    assert world.tokenomics.burned - burned == share


def test_bought_priority_is_a_benefit_until_its_end(world: World) -> None:
    world.stake(ALICE, 1_000, 0)
    world.stake(BOB, 10_000, 2)
    world.wait(1)
    assert not flags(world, ALICE)[0]
    world.staking.buy_premium(signed(ALICE), JOB_PRIORITY, u8(1), ANY)
    assert flags(world, ALICE) == (True, 0, 10_000, False)
    assert flags(world, BOB) == (True, 2_000, 10_000, False), "the tier has it anyway"
    world.clock.slot += 29 * DAY - 1
    assert flags(world, ALICE)[0]
    world.clock.slot += 1
    assert not flags(world, ALICE)[0], "the stake is over, and the month is not"
    world.stake(ALICE, 1_000, 0)
    world.wait(1)
    assert not flags(world, ALICE)[0], "now the month is over, too"


def test_access_needs_a_stake_of_the_tier_when_it_is_bought_and_used(world: World) -> None:
    staking = world.staking
    staking.set_premium(ROOT, SERVICE, SPECIAL)
    assert world.last(events.PremiumSet) == events.PremiumSet(SERVICE, SPECIAL)
    world.stake(ALICE, 100_000, 4)
    world.stake(BOB, 50_000, 3)
    with refused(world, errors.NotEntitled):
        staking.buy_premium(signed(ALICE), SERVICE, u8(1), ANY)
    world.wait(1)
    staking.buy_premium(signed(ALICE), SERVICE, u8(1), ANY)
    for other in (BOB, CAROL):
        with refused(world, errors.NotEntitled):
            staking.buy_premium(signed(other), SERVICE, u8(1), ANY)
    assert staking.premium.has_access(ALICE, SERVICE)
    assert not staking.premium.has_access(BOB, SERVICE)
    staking.force_unstake(ROOT, Id(ALICE), u32(0))
    assert not staking.premium.has_access(ALICE, SERVICE)


def test_months_follow_each_other_and_a_year_is_the_most(world: World) -> None:
    staking = world.staking
    world.stake(ALICE, 10_000, 2)
    world.wait(1)
    began = world.clock.slot
    for months in (1, 3, 8):
        staking.buy_premium(signed(ALICE), JOB_PRIORITY, u8(months), ANY)
    access = staking.premium.premium_access[JOB_PRIORITY, ALICE]
    assert access.until == (began + 12 * MONTH) * DAY_MS // DAY
    for months in (0, 1, 255):
        with refused(world, errors.BadMonths):
            staking.buy_premium(signed(ALICE), JOB_PRIORITY, u8(months), ANY)
    world.wait(30)
    staking.buy_premium(signed(ALICE), JOB_PRIORITY, u8(1), ANY)


def test_a_changed_price_is_refused_above_the_buyers_maximum(world: World) -> None:
    staking = world.staking
    warm(world, ALICE)
    staking.set_premium(ROOT, JOB_PRIORITY, PremiumService(u8(0), btt(60)))
    with refused(world, errors.PriceAboveMax):
        staking.buy_premium(signed(ALICE), JOB_PRIORITY, u8(2), btt(119))
    staking.buy_premium(signed(ALICE), JOB_PRIORITY, u8(2), btt(120))


def test_what_was_bought_outlasts_the_sale(world: World) -> None:
    staking = world.staking
    warm(world, ALICE)
    staking.buy_premium(signed(ALICE), JOB_PRIORITY, u8(1), ANY)
    staking.set_premium(ROOT, JOB_PRIORITY, None)
    assert staking.premium.has_access(ALICE, JOB_PRIORITY)
    with refused(world, errors.UnknownService):
        staking.buy_premium(signed(ALICE), JOB_PRIORITY, u8(1), ANY)


def test_terms_out_of_bounds_are_refused(world: World) -> None:
    staking = world.staking
    with refused(world, errors.UnknownTier):
        staking.set_premium(ROOT, SERVICE, PremiumService(u8(5), btt(1)))
    with refused(world, errors.InvalidTerms):
        staking.set_premium(ROOT, SERVICE, PremiumService(u8(0), u128(MIN_PRICE - 1)))
    for number in range(1, MAX_SERVICES):
        staking.set_premium(ROOT, u32(number), SPECIAL)
    with refused(world, errors.TooManyServices):
        staking.set_premium(ROOT, u32(MAX_SERVICES), SPECIAL)
    staking.set_premium(ROOT, u32(1), PremiumService(u8(1), btt(3)))


def test_who_cannot_pay_gets_no_access(world: World) -> None:
    staking = world.staking
    warm(world, ALICE)
    staking.set_premium(ROOT, SERVICE, PremiumService(u8(0), btt(1_000_000)))
    with refused(world, TokenError):
        staking.buy_premium(signed(ALICE), SERVICE, u8(1), ANY)


def test_a_chain_may_begin_with_services_of_its_own() -> None:
    world = World(premium=[[3, 1, str(btt(9))]])
    services = dict(world.staking.premium.premium_services.items())
    assert services == {u32(3): PremiumService(u8(1), btt(9))}
    for row in ([3, 5, str(btt(9))], [3, 1, "1"], [3, 1]):
        with pytest.raises(GenesisError):
            World(premium=[row])


def test_views_show_each_service_with_what_an_account_has(world: World) -> None:
    staking = world.staking
    staking.set_premium(ROOT, SERVICE, SPECIAL)
    warm(world, ALICE)
    staking.buy_premium(signed(ALICE), JOB_PRIORITY, u8(1), ANY)
    first, second = staking.premium.views(ALICE)
    assert (first.service, first.entitled, first.has_access) == (JOB_PRIORITY, True, True)
    assert first.until == until(world, MONTH)
    assert (second.service, second.price) == (SERVICE, btt(200))
    assert (second.entitled, second.until, second.has_access) == (False, 0, False)


@given(
    st.lists(
        st.tuples(st.sampled_from((ALICE, BOB)), st.integers(0, 4), st.integers(0, 40)), max_size=12
    )
)
def test_access_is_never_longer_than_what_was_paid(steps: list[tuple[AccountId, int, int]]) -> None:
    world = World()
    warm(world, ALICE, BOB)
    paid = {ALICE: 0, BOB: 0}
    began = world.clock.slot
    money = {who: world.free(who) for who in paid}
    for who, months, days in steps:
        with suppress(DispatchError):
            world.staking.buy_premium(signed(who), JOB_PRIORITY, u8(months), ANY)
            paid[who] += months
        world.clock.slot += days * DAY
    for who, months in paid.items():
        assert money[who] - world.free(who) == months * btt(50)
        access = world.staking.premium.premium_access.get((JOB_PRIORITY, who))
        assert (access is None) == (months == 0)
        if access is not None:
            latest = (world.clock.slot + months * MONTH) * DAY_MS // DAY
            earliest = (began + months * MONTH) * DAY_MS // DAY
            assert earliest <= access.until <= latest


def test_on_the_whole_runtime_the_price_goes_to_the_funds_and_the_burn_adds_up() -> None:
    chain = EconomyChain("seed-000", manual=True)
    ann = person("ann")
    stake = {"amount": btt(1_000), "tier": u8(0), "min_reward": None}
    assert not chain.block(chain.by(ann, "TierStaking", "stake", **stake))
    assert not chain.days(1)
    balances, tokenomics = chain.runtime.balances, chain.tokenomics
    foundation = tokenomics.foundation.value
    before = {who: int(balances.free(who)) for who in (OPERATIONS, foundation)}
    bought = {"service": JOB_PRIORITY, "months": u8(2), "max_price": 100 * BTT}
    assert not chain.block(chain.by(ann, "TierStaking", "buy_premium", **bought))
    burn = 100 * BTT * 203 // 10_000
    rest = 100 * BTT - burn
    assert tokenomics.burned_by[BurnReason.Premium] == burn
    assert int(balances.free(OPERATIONS)) - before[OPERATIONS] == rest // 6
    assert int(balances.free(foundation)) - before[foundation] == rest * 2 // 6
    assert balances.free(DEVELOPMENT_FUND) >= rest - rest // 6 - rest * 2 // 6
    assert audit(chain.runtime) == []
