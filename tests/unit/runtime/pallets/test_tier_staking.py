"""What is promised for a stake is there, and no account gets more, sooner, or with locked money."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from enum import IntEnum

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from btt_chain.primitives import ss58
from btt_chain.primitives.account import AccountId, Id
from btt_chain.scale import u8, u32, u64, u128
from runtime.accounts import DEVELOPMENT_FUND, REFERRAL, STAKING, TREASURY
from runtime.audit import audit
from runtime.constants import BTT, DAY_MS, MILLI_BTT
from runtime.frame import (
    ROOT,
    BadOrigin,
    DispatchError,
    Error,
    Event,
    GenesisError,
    Origin,
    Pallet,
    Reason,
    TokenError,
    TokenErrorKind,
    signed,
)
from runtime.frame.traits import Slot
from runtime.pallets.balances import Balances, Reasons
from runtime.pallets.tier_staking import (
    ONE,
    QUARTER_MS,
    TIERS,
    YEAR365_MS,
    Benefit,
    Contribution,
    Position,
    Tier,
    TierStaking,
    accrued,
    affordable_bps,
)
from runtime.pallets.tier_staking.formulas import window_of
from runtime.pallets.tokenomics import BurnReason
from runtime.pallets.vesting import Vesting, VestingInfo
from runtime.splits import split_compute
from support.economy.chain import EconomyChain, person
from support.runtime import DictState, SmallRuntime, refused

SLOT_MS = 6_000
DAY = DAY_MS // SLOT_MS
ERA = 600
"""Slots of a day and of an era."""
QUARTER = QUARTER_MS // SLOT_MS

ALICE, BOB, CAROL, DAVE = (AccountId(bytes((n,)) * 32) for n in (0xA1, 0xB0, 0xCA, 0xDA))
PEOPLE = (ALICE, BOB, CAROL, DAVE)
POOL, REFERRALS, RICH = 1_008_000, 378_000, 1_000_000
"""What the pools and each person have at genesis, in BTT."""


class Bonds(Pallet):
    """What holds may lie under a lock for: the bonds of validators, for example."""

    class HoldReason(IntEnum):
        """Why money is on hold."""

        ValidatorBond = 0


BOND = Reason(5, Bonds.HoldReason.ValidatorBond)


def btt(amount: int) -> u128:
    return u128(amount * int(BTT))


class StillClock:
    """Slots since genesis, as a test sets them."""

    slots = 0

    def now(self) -> Slot:
        return Slot(self.slots)


class Books:
    """What Tokenomics does for stakes, and what it remembers of it."""

    def __init__(self, balances: Balances) -> None:
        self._balances = balances
        self.inflow = 0
        self.earmarked = 0
        self.fed = 0
        self.burned = 0

    def pay(self, pool: AccountId, to: AccountId, amount: u128, *, discretionary: bool) -> None:
        assert not discretionary
        self._balances.transfer(pool, to, amount)

    def destroy(self, who: AccountId, amount: u128, reason: BurnReason) -> None:
        assert reason is BurnReason.Staking
        self._balances.fungible.burn_from(who, amount)
        self.burned += int(amount)

    def compute_inflow_of_era(self) -> u128:
        return u128(self.inflow)

    def earmark(self, amount: u128) -> None:
        assert amount <= self.inflow
        self.inflow = 0
        self.earmarked += int(amount)
        self.fed += int(amount)

    def pay_earmarked(self, to: AccountId, amount: u128) -> None:
        assert amount <= self.earmarked, "the dividends were not put aside"
        self._balances.transfer(DEVELOPMENT_FUND, to, amount)
        self.earmarked -= int(amount)

    def earn(self, amount: int) -> None:
        """Let compute fees come in."""
        self._balances.transfer(TREASURY, DEVELOPMENT_FUND, u128(amount))
        self.inflow += amount


class World(SmallRuntime):
    """Balances, Vesting and TierStaking, with a clock that stands where a test puts it."""

    def __init__(self, **config: object) -> None:
        self.clock = StillClock()
        super().__init__()
        rows = [(who, RICH) for who in PEOPLE]
        rows += [(STAKING, POOL), (REFERRAL, REFERRALS), (DEVELOPMENT_FUND, 0), (TREASURY, RICH)]
        self.balances.genesis(
            {"balances": [[ss58.encode(who), str(btt(amount))] for who, amount in rows]}
        )
        self.staking.genesis(config)

    def build(self) -> None:
        self.balances = self.add(
            3,
            Balances(
                accounts=self.system,
                existential_deposit=MILLI_BTT,
                treasury=TREASURY,
                offsetting=(BOND,),
            ),
        )
        self.add(5, Bonds())
        self.vesting = self.add(
            12,
            Vesting(
                min_vested_transfer=u128(1),
                currency=self.balances,
                clock=self.clock,
                treasury=TREASURY,
            ),
        )
        self.ledger = Books(self.balances)
        self.staking = self.add(
            32,
            TierStaking(
                slot_ms=u64(SLOT_MS),
                era_slots=u32(ERA),
                clock=self.clock,
                currency=self.balances,
                rewards=self.ledger,
                dividends=self.ledger,
            ),
        )

    # ---- what people do

    def stake(
        self, who: AccountId, amount: int, tier: int, least: int | None = None, *, planck: int = 0
    ) -> u32:
        """Stake so many BTT and planck; return the number of the stake."""
        number = self.staking.ledger.next_id.value
        reward = None if least is None else u128(least)
        self.staking.stake(signed(who), u128(btt(amount) + planck), u8(tier), reward)
        return number

    def wait(self, days: int = 0, *, slots: int = 0) -> None:
        """Let time pass; the block at its end is opened."""
        self.clock.slots += days * DAY + slots
        self.staking.on_initialize(1)

    def last(self, kind: type[Event]) -> Event:
        """Return the last event of a kind."""
        return next(event for event in reversed(self.announced()) if isinstance(event, kind))

    def free(self, who: AccountId) -> int:
        return int(self.balances.free(who))

    def held(self, who: AccountId) -> int:
        return int(self.balances.held(self.staking.reason, who))

    # ---- what always holds

    def check(self) -> None:
        """I7 and I9, and that all records of stakes agree."""
        staking = self.staking
        stakes = dict(staking.ledger.stakes.items())
        pool = staking.reward_pool.state()
        committed = sum(int(one.commit) - int(one.gross_claimed) for one in stakes.values())
        assert pool.committed == committed
        assert int(pool.free) + committed == self.free(STAKING)

        principal: Counter[AccountId] = Counter()
        commits: Counter[AccountId] = Counter()
        long = 0
        for (who, number), one in stakes.items():
            principal[who] += int(one.amount)
            commits[who] += int(one.commit)
            term = int(one.term_end) - int(one.opened)
            assert one.commit == accrued(int(one.amount), int(one.bps), term)
            assert one.gross_claimed <= one.commit
            (position,) = [p for p in staking.positions.holdings[who].positions if p.id == number]
            assert (position.amount, position.tier) == (one.amount, one.tier)
            assert position.until == one.term_end
            assert position.since <= one.opened
            long += int(one.amount) if position.benefits & Benefit.VOTE else 0
        for who in PEOPLE:
            holdings = staking.positions.holdings.get(who)
            known = [] if holdings is None else holdings.positions
            assert len(known) == sum(1 for owner, _ in stakes if owner == who)
            assert (0 if holdings is None else holdings.commit) == commits[who]
            assert self.held(who) == principal[who]
            assert commits[who] <= staking.reward_pool.max_commit_per_account.value
        assert staking.ledger.total_staked.value == sum(principal.values())
        assert staking.ledger.long_staked.value == long

        acc = int(staking.dividend_accounting.acc_dividend.value)
        owed = sum(int(one.amount) * (acc - int(one.acc_snapshot)) for one in stakes.values())
        assert owed + staking.dividend_accounting.acc_rem.value == self.ledger.earmarked * ONE
        assert staking.dividend_accounting.dividends_owed.value == self.ledger.earmarked
        assert self.free(DEVELOPMENT_FUND) >= self.ledger.earmarked

        now = self.clock.slots
        for ahead in (0, 1, DAY - 1, DAY, 29 * DAY, 180 * DAY):
            self.clock.slots = now + ahead
            for who in PEOPLE:
                assert staking.positions.discount_bps(who) == staking.benefits(who).discount_bps
        self.clock.slots = now

        money = sum(
            int(info.data.free) + int(info.data.reserved) for _, info in self.system.account.items()
        )
        assert money == self.balances.total_issuance.value
        assert self.balances.total_burned.value == self.ledger.burned


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
    assert world.last(TierStaking.Staked) == TierStaking.Staked(
        ALICE, number, btt(amount), u8(tier), u128(reward)
    )
    assert world.staking.reward_pool.state().committed == reward
    assert world.held(ALICE) == btt(amount)
    world.check()

    world.wait(int(TIERS[tier].days))
    world.staking.unstake(signed(ALICE), number)

    burned = reward * int(TIERS[tier].burn_bps) // 10_000
    assert world.last(TierStaking.RewardPaid) == TierStaking.RewardPaid(
        ALICE, number, u128(reward), u128(burned), u128(reward - burned)
    )
    assert world.last(TierStaking.Unstaked) == TierStaking.Unstaked(ALICE, number, btt(amount))
    assert world.free(ALICE) == before + int(btt(amount)) + reward - burned
    assert world.ledger.burned == burned
    assert world.free(STAKING) == btt(POOL) - reward
    assert world.staking.positions.holdings.get(ALICE) is None
    world.check()


def test_a_reward_grows_evenly_and_stops_at_the_end_of_the_term(world: World) -> None:
    number = world.stake(ALICE, 50_000, 3)
    for day, due in [(0, 0), (1, 6_000 * 10**18 // 365), (73, 1_200 * 10**18)]:
        world.clock.slots = day * DAY
        assert world.staking.ledger.reward_due(ALICE, number) == due
    for day in (365, 366, 5_000):
        world.clock.slots = day * DAY
        assert world.staking.ledger.reward_due(ALICE, number) == 6_000 * 10**18


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


@given(
    amount=st.integers(1, 10**27),
    days=st.integers(1, 3_650),
    available=st.integers(0, 10**27),
)
def test_a_reduced_rate_is_the_greatest_that_the_pool_can_pay(
    amount: int, days: int, available: int
) -> None:
    term = days * DAY_MS
    bps = affordable_bps(amount, term, available)
    # Compared without rounding: the stored rate is whole, and one more would be too much.
    assert accrued_exactly(amount, bps, term) <= available * 10_000 * YEAR365_MS
    assert accrued_exactly(amount, bps + 1, term) > available * 10_000 * YEAR365_MS


def accrued_exactly(amount: int, bps: int, term: int) -> int:
    return amount * bps * term


# ---- opening: every refusal


def test_a_stake_has_its_tier_s_minimum(world: World) -> None:
    for place, tier in enumerate(TIERS):
        with refused(world, TierStaking.BelowMinimum):
            world.stake(ALICE, 0, place, planck=int(tier.minimum) - 1)
    with refused(world, TierStaking.UnknownTier):
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
    with refused(world, TierStaking.TooManyStakes):
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
        with refused(world, TierStaking.NotOwner):
            act(signed(BOB), number)
    with refused(world, TierStaking.NotOwner):
        staking.extend(signed(BOB), number, u8(1))
    with refused(world, TierStaking.NotOwner):
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
        lambda origin: staking.request_premium(origin, u32(0)),
        lambda origin: staking.top_up(origin, btt(1)),
    ]
    for act in acts:
        with refused(world, BadOrigin):
            act(ROOT)


# ---- the pool


def fill(world: World, left: int) -> None:
    """Let the pool lose all but `left` planck of what is free, with no stake open."""
    world.balances.transfer(STAKING, TREASURY, u128(world.free(STAKING) - left))


def test_an_empty_pool_promises_nothing(world: World) -> None:
    fill(world, int(btt(100)))
    with refused(world, TierStaking.RewardPoolExhausted):
        world.stake(ALICE, 50_000, 3)
    with refused(world, TierStaking.RewardBelowMin):
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
    with refused(world, TierStaking.NothingToClaim):
        world.staking.claim(signed(ALICE), number)
    world.wait(180)
    world.staking.unstake(signed(ALICE), number)
    world.check()


def test_a_least_reward_is_asked_for_at_the_full_rate_too(world: World) -> None:
    full = 6_000 * 10**18
    with refused(world, TierStaking.RewardBelowMin):
        world.stake(ALICE, 50_000, 3, full + 1)
    number = world.stake(ALICE, 50_000, 3, full)
    assert world.staking.ledger.stakes[ALICE, number].bps == 1_200


def test_one_account_gets_no_more_than_a_tenth_of_the_pool(world: World) -> None:
    assert world.staking.reward_pool.max_commit_per_account.value == btt(100_800)
    with refused(world, TierStaking.CommitCapExceeded):
        world.stake(ALICE, 200_000, 4)
    world.stake(ALICE, 100_000, 4)  # 54,000
    with refused(world, TierStaking.CommitCapExceeded):
        world.stake(ALICE, 100_000, 4)

    second = world.stake(ALICE, 100_000, 4, 1)

    assert world.staking.ledger.stakes[ALICE, second].bps == 1_560, "46,800 in three years"
    assert world.staking.positions.holdings[ALICE].commit <= btt(100_800)
    with refused(world, TierStaking.RewardBelowMin):
        world.stake(ALICE, 500_000, 4, int(btt(1)))
    world.stake(BOB, 100_000, 4)
    world.check()


def test_the_cap_counts_what_was_promised_until_the_stake_is_closed(world: World) -> None:
    first = world.stake(ALICE, 100_000, 4)
    world.wait(1_094)
    world.staking.claim(signed(ALICE), first)
    with refused(world, TierStaking.CommitCapExceeded):
        world.stake(ALICE, 100_000, 4)
    world.wait(1)
    world.staking.unstake(signed(ALICE), first)
    world.stake(ALICE, 100_000, 4)
    world.check()


def test_any_account_sends_money_to_the_pool_fills_it(world: World) -> None:
    fill(world, 0)
    world.staking.top_up(signed(BOB), btt(6_000))
    assert world.last(TierStaking.PoolToppedUp) == TierStaking.PoolToppedUp(BOB, btt(6_000))
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
    with refused(world, TierStaking.NothingToClaim):
        world.staking.claim(signed(ALICE), number)
    world.wait(73)
    world.staking.claim(signed(ALICE), number)
    assert world.last(TierStaking.RewardPaid) == TierStaking.RewardPaid(
        ALICE, number, btt(1_200), btt(60), btt(1_140)
    )
    with refused(world, TierStaking.NothingToClaim):
        world.staking.claim(signed(ALICE), number)
    world.check()


def test_there_is_no_way_out_before_the_end(world: World) -> None:
    number = world.stake(ALICE, 1_000, 0)
    world.clock.slots = 30 * DAY - 1
    with refused(world, TierStaking.StillLocked):
        world.staking.unstake(signed(ALICE), number)
    with refused(world, BadOrigin):
        world.staking.force_unstake(signed(ALICE), Id(ALICE), number)
    world.clock.slots += 1
    world.staking.unstake(signed(ALICE), number)


def test_the_chain_closes_a_stake_early_and_what_it_had_not_earned_is_free(world: World) -> None:
    number = world.stake(ALICE, 50_000, 3)
    world.wait(73)
    before = world.free(ALICE)
    world.staking.force_unstake(ROOT, Id(ALICE), number)
    assert world.last(TierStaking.ForceUnstaked) == TierStaking.ForceUnstaked(
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
    assert world.last(TierStaking.Extended) == TierStaking.Extended(
        ALICE, number, u8(4), btt(54_000)
    )
    assert world.free(ALICE) == before + btt(2_280), "12,000 a year for a fifth, 5 % burned"
    extended = world.staking.ledger.stakes[ALICE, number]
    assert extended.term_end == (73 + 1_095) * DAY_MS
    assert world.staking.reward_pool.state().committed == btt(54_000)
    world.check()

    world.wait(1_095 - 1)
    with refused(world, TierStaking.StillLocked):
        world.staking.unstake(signed(ALICE), number)
    world.wait(1)
    world.staking.unstake(signed(ALICE), number)
    assert world.free(STAKING) == btt(POOL - 2_400 - 54_000)
    world.check()


def test_a_term_is_never_made_shorter(world: World) -> None:
    number = world.stake(ALICE, 100_000, 3)
    for tier in range(4):
        with refused(world, TierStaking.NotLonger):
            world.staking.extend(signed(ALICE), number, u8(tier))
    with refused(world, TierStaking.UnknownTier):
        world.staking.extend(signed(ALICE), number, u8(5))
    world.wait(335)
    with refused(world, TierStaking.NotLonger):
        world.staking.extend(signed(ALICE), number, u8(0))  # it would end when it does anyway
    world.wait(slots=1)
    world.staking.extend(signed(ALICE), number, u8(0))
    world.check()


def test_an_extension_needs_what_a_new_stake_needs(world: World) -> None:
    number = world.stake(ALICE, 1_000, 0)
    with refused(world, TierStaking.BelowMinimum):
        world.staking.extend(signed(ALICE), number, u8(1))
    rich = world.stake(ALICE, 200_000, 3)
    with refused(world, TierStaking.CommitCapExceeded):
        world.staking.extend(signed(ALICE), rich, u8(4))
    fill(world, int(world.staking.reward_pool.state().committed))
    other = world.staking.ledger.stakes[ALICE, rich]
    assert other.commit == btt(24_000)
    with refused(world, TierStaking.RewardPoolExhausted):
        world.staking.extend(signed(ALICE), rich, u8(4))


def test_an_extension_may_use_what_the_stake_will_not_earn(world: World) -> None:
    number = world.stake(ALICE, 50_000, 3)
    fill(world, int(world.staking.reward_pool.state().committed))
    assert world.staking.reward_pool.state().free == 0
    world.wait(slots=1)
    with refused(world, TierStaking.RewardPoolExhausted):
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


# ---- benefits


def flags(world: World, who: AccountId) -> tuple[bool, int, int, bool]:
    reported = world.staking.benefits(who)
    return reported.priority, int(reported.discount_bps), int(reported.vote_bps), reported.special


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
    world.clock.slots = DAY - 1
    assert flags(world, ALICE) == nothing, "it warms up for a day"
    world.clock.slots = DAY
    assert flags(world, ALICE) == reported
    assert world.staking.positions.discount_bps(ALICE) == reported[1]
    world.clock.slots = int(TIERS[tier].days) * DAY - 1
    assert flags(world, ALICE) == reported
    world.clock.slots += 1
    assert flags(world, ALICE) == nothing, "what can be taken out at any time is no stake"
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


def test_premium_services_are_open_from_a_tier_on(world: World) -> None:
    staking, service = world.staking, u32(7)
    with refused(world, TierStaking.UnknownService):
        staking.request_premium(signed(ALICE), service)
    staking.set_premium(ROOT, service, u8(4))
    assert world.last(TierStaking.PremiumSet) == TierStaking.PremiumSet(service, u8(4))
    world.stake(ALICE, 100_000, 4)
    world.stake(BOB, 50_000, 3)
    with refused(world, TierStaking.NotEntitled):
        staking.request_premium(signed(ALICE), service)
    world.wait(1)
    staking.request_premium(signed(ALICE), service)
    assert world.last(TierStaking.PremiumRequested) == TierStaking.PremiumRequested(ALICE, service)
    for other in (BOB, CAROL):
        with refused(world, TierStaking.NotEntitled):
            staking.request_premium(signed(other), service)
    staking.set_premium(ROOT, service, u8(3))
    staking.request_premium(signed(BOB), service)
    staking.set_premium(ROOT, service, None)
    with refused(world, TierStaking.UnknownService):
        staking.request_premium(signed(ALICE), service)
    with refused(world, TierStaking.UnknownTier):
        staking.set_premium(ROOT, service, u8(5))


# ---- parameters


def test_only_the_origin_of_parameters_changes_them(world: World) -> None:
    staking, terms = world.staking, TIERS[0]
    changes: list[Callable[[Origin], None]] = [
        lambda origin: staking.set_tier(origin, u8(0), terms),
        lambda origin: staking.set_dividend_bps(origin, u32(0)),
        lambda origin: staking.set_premium(origin, u32(0), u8(0)),
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
    assert world.last(TierStaking.TierSet) == TierStaking.TierSet(u8(3), terms)
    with refused(world, TierStaking.BelowMinimum):
        world.stake(BOB, 50_000, 3)
    other = world.stake(BOB, 60_000, 3)
    assert world.staking.ledger.stakes[BOB, other].bps == 900
    world.wait(365)
    world.staking.unstake(signed(ALICE), number)
    assert world.ledger.burned == btt(300)
    with refused(world, TierStaking.StillLocked):
        world.staking.unstake(signed(BOB), other)
    world.check()


GOOD = TIERS[2]


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
    with refused(world, TierStaking.InvalidTerms):
        world.staking.set_tier(ROOT, u8(2), terms)


def test_there_are_five_tiers_and_a_whole_is_the_most(world: World) -> None:
    with refused(world, TierStaking.UnknownTier):
        world.staking.set_tier(ROOT, u8(5), GOOD)
    with refused(world, TierStaking.InvalidShare):
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
    world.ledger.earn(int(btt(1_000)))
    with refused(world, TierStaking.NothingToClaim):
        world.staking.claim_dividend(signed(ALICE), first)
    world.wait(slots=ERA)
    assert world.last(TierStaking.DividendDistributed) == TierStaking.DividendDistributed(
        u32(0), btt(200)
    )
    assert world.ledger.earmarked == btt(200)
    late = world.stake(CAROL, 40_000, 0)
    before = world.free(ALICE)
    world.staking.claim_dividend(signed(ALICE), first)
    assert world.last(TierStaking.DividendPaid) == TierStaking.DividendPaid(ALICE, first, btt(150))
    assert world.free(ALICE) == before + btt(150)
    assert world.staking.ledger.dividend_due(BOB, second) == btt(50)
    assert world.staking.ledger.dividend_due(CAROL, late) == 0, "it was not there then"
    with refused(world, TierStaking.NothingToClaim):
        world.staking.claim_dividend(signed(CAROL), late)
    with refused(world, TierStaking.NothingToClaim):
        world.staking.claim_dividend(signed(ALICE), first)
    world.check()


def test_what_comes_in_while_nothing_is_staked_stays_in_the_development_fund(
    world: World,
) -> None:
    world.ledger.earn(int(btt(1_000)))
    world.wait(slots=ERA)
    assert world.ledger.earmarked == 0
    assert not any(
        isinstance(event, TierStaking.DividendDistributed) for event in world.announced()
    )
    world.check()
    number = world.stake(ALICE, 1_000, 0)
    assert world.staking.ledger.dividend_due(ALICE, number) == 0
    world.wait(slots=ERA)
    assert world.staking.ledger.dividend_due(ALICE, number) == 0
    world.check()


def test_eras_without_blocks_are_shared_out_together(world: World) -> None:
    number = world.stake(ALICE, 1_000, 0)
    world.ledger.earn(int(btt(10)))
    world.wait(slots=7 * ERA + 3)
    assert world.staking.era.value == 7
    assert world.staking.ledger.dividend_due(ALICE, number) == btt(2)
    seen = len(world.announced())
    for _ in range(3):
        world.wait(slots=1)
    assert len(world.announced()) == seen, "once an era"
    world.check()


def test_no_part_of_a_planck_is_lost(world: World) -> None:
    numbers = [world.stake(who, 1_000, 0, planck=place) for place, who in enumerate(PEOPLE)]
    for _ in range(5):
        world.ledger.earn(10**9 + 7)
        world.wait(slots=ERA)
        world.check()
    for who, number in zip(PEOPLE, numbers, strict=True):
        if world.staking.ledger.dividend_due(who, number):
            world.staking.claim_dividend(signed(who), number)
        world.check()
    world.wait(30)
    for who, number in zip(PEOPLE, numbers, strict=True):
        world.staking.unstake(signed(who), number)
        world.check()
    assert world.ledger.earmarked * ONE == world.staking.dividend_accounting.acc_rem.value
    last = world.stake(ALICE, 1_000, 0)
    world.ledger.earn(1_000_000)
    world.wait(slots=ERA)
    # A unit of the accumulator is a thousand planck here; what is less waits for the next era.
    assert 0 <= world.ledger.earmarked - world.staking.ledger.dividend_due(ALICE, last) < 1_000
    world.check()


def test_closing_a_stake_pays_its_dividends(world: World) -> None:
    number = world.stake(ALICE, 1_000, 0)
    world.ledger.earn(int(btt(5)))
    world.wait(30)
    world.staking.unstake(signed(ALICE), number)
    assert world.last(TierStaking.DividendPaid) == TierStaking.DividendPaid(ALICE, number, btt(1))
    world.check()


def test_the_stakers_part_is_a_parameter(world: World) -> None:
    number = world.stake(ALICE, 1_000, 0)
    world.staking.set_dividend_bps(ROOT, u32(1))
    world.ledger.earn(int(btt(10_000)))
    world.wait(slots=ERA)
    assert world.staking.ledger.dividend_due(ALICE, number) == btt(1)
    world.staking.set_dividend_bps(ROOT, u32(0))
    world.ledger.earn(int(btt(10_000)))
    world.wait(slots=ERA)
    assert world.staking.ledger.dividend_due(ALICE, number) == btt(1)
    world.check()


# ---- contributions


def warm(world: World, *people: AccountId) -> None:
    """Let each have a stake that counts for half a year."""
    for who in people:
        world.stake(who, 10_000, 2)
    world.wait(1)


def test_contributions_share_the_budget_of_their_quarter(world: World) -> None:
    staking = world.staking
    warm(world, ALICE, BOB)
    budget = int(btt(REFERRALS)) // 32
    assert staking.contributions.contribution_budget.value == budget
    staking.contributions.add_points(ALICE, Contribution.Vote, 3)
    staking.contributions.add_points(ALICE, Contribution.Credential)
    staking.contributions.add_points(BOB, Contribution.Referral)
    with refused(world, TierStaking.QuarterNotOver):
        staking.claim_contribution(signed(ALICE), u32(0))
    world.clock.slots = QUARTER - 1
    assert staking.contributions.quarter_now() == 0
    world.clock.slots = QUARTER
    assert staking.contributions.quarter_now() == 1
    before = world.free(ALICE), world.free(BOB)
    staking.claim_contribution(signed(ALICE), u32(0))
    staking.claim_contribution(signed(BOB), u32(0))
    assert world.last(TierStaking.ContributionPaid) == TierStaking.ContributionPaid(
        BOB, u32(0), u128(budget * 5 // 11)
    )
    assert world.free(ALICE) == before[0] + budget * 6 // 11
    assert world.free(BOB) == before[1] + budget * 5 // 11
    for who in (ALICE, CAROL):
        with refused(world, TierStaking.NothingToClaim):
            staking.claim_contribution(signed(who), u32(0))
    with refused(world, TierStaking.QuarterNotOver):
        staking.claim_contribution(signed(ALICE), u32(1))


def test_so_many_votes_count_in_a_quarter(world: World) -> None:
    staking = world.staking
    warm(world, ALICE)
    for _ in range(25):
        staking.contributions.add_points(ALICE, Contribution.Vote)
    staking.contributions.add_points(ALICE, Contribution.Vote, 25)
    mine = staking.contributions.contrib_points[u32(0), ALICE]
    assert (mine.votes, mine.points) == (20, 20)
    assert staking.contributions.quarters[u32(0)].points == 20
    world.clock.slots = QUARTER
    staking.contributions.add_points(ALICE, Contribution.Vote)
    assert staking.contributions.contrib_points[u32(1), ALICE].points == 1


def test_only_stakers_are_rewarded_for_contributing(world: World) -> None:
    staking = world.staking
    world.stake(ALICE, 10_000, 2)
    for who in (ALICE, BOB):
        staking.contributions.add_points(who, Contribution.Referral)
    assert staking.contributions.quarters.get(u32(0)) is None
    world.wait(1)
    staking.contributions.add_points(ALICE, Contribution.Referral)
    assert staking.contributions.quarters[u32(0)].points == 5
    world.wait(180)
    staking.contributions.add_points(ALICE, Contribution.Referral)
    assert staking.contributions.contrib_points.get((u32(1), ALICE)) is None, "the term is over"


def test_a_quarter_that_has_begun_keeps_its_budget(world: World) -> None:
    staking = world.staking
    warm(world, ALICE)
    staking.contributions.add_points(ALICE, Contribution.Vote)
    staking.set_contribution_budget(ROOT, btt(1))
    world.clock.slots = QUARTER
    staking.contributions.add_points(ALICE, Contribution.Vote)
    world.clock.slots = 2 * QUARTER
    before = world.free(ALICE)
    staking.claim_contribution(signed(ALICE), u32(0))
    staking.claim_contribution(signed(ALICE), u32(1))
    assert world.free(ALICE) == before + int(btt(REFERRALS)) // 32 + btt(1)


def test_where_the_referral_pool_is_dry_contributions_stay_unpaid(world: World) -> None:
    staking = world.staking
    warm(world, ALICE)
    staking.contributions.add_points(ALICE, Contribution.Vote)
    world.clock.slots = QUARTER
    world.balances.transfer(REFERRAL, TREASURY, btt(REFERRALS))
    claim = world.call("TierStaking", "claim_contribution", quarter=u32(0))
    with refused(world, DispatchError):
        world.dispatch(signed(ALICE), claim)
    world.balances.transfer(TREASURY, REFERRAL, btt(REFERRALS))
    world.dispatch(signed(ALICE), claim)


# ---- attacks (economy.md 5.2)


def test_insiders_cannot_stake_what_is_still_vesting(world: World) -> None:
    insider = AccountId(b"\x11" * 32)
    schedule = VestingInfo(btt(100_000), u128(btt(100_000) // 100), u32(10**6))
    world.vesting.vested_transfer(signed(ALICE), Id(insider), schedule)
    world.balances.transfer(ALICE, insider, btt(50_000))
    with refused(world, TierStaking.LockedFundsNotStakable):
        world.stake(insider, 50_000, 3, planck=1)
    with refused(world, TierStaking.LockedFundsNotStakable):
        world.stake(insider, 100_000, 4)

    world.stake(insider, 50_000, 3)

    assert world.balances.reducible_balance(insider) == 0, "the 100,000 stay locked"
    with refused(world, TokenError(TokenErrorKind.Frozen)):
        world.balances.transfer(insider, BOB, u128(1))
    with refused(world, TierStaking.LockedFundsNotStakable):
        world.stake(insider, 1_000, 0)


def test_a_stake_does_not_stand_in_for_locked_money(world: World) -> None:
    """Lock 100, free 150, stake 50: all of the remaining 100 stay locked."""
    world.staking.set_tier(ROOT, u8(0), replace(TIERS[0], minimum=btt(1)))
    holder = AccountId(b"\x12" * 32)
    world.balances.transfer(ALICE, holder, btt(150))
    world.balances.set_lock(b"vesting ", holder, btt(100), Reasons.Misc)
    number = world.stake(holder, 50, 0)
    data = world.system.account[holder].data
    assert (data.free, data.reserved) == (btt(100), btt(50))
    assert data.free - max(0, int(data.frozen) - int(data.reserved)) == 0, "as wallets tell it"
    assert world.balances.reducible_balance(holder) == 0
    world.wait(30)
    world.staking.unstake(signed(holder), number)
    earned = accrued(int(btt(50)), 300, 30 * DAY_MS)
    assert world.balances.reducible_balance(holder) == btt(50) + earned


def test_a_bond_under_a_lock_frees_no_locked_money_for_a_stake(world: World) -> None:
    holder = AccountId(b"\x13" * 32)
    world.balances.transfer(ALICE, holder, btt(21_000))
    world.balances.set_lock(b"vesting ", holder, btt(20_000), Reasons.Misc)
    world.balances.hold(BOND, holder, btt(10_000))
    # 11,000 are free and 10,000 of the lock lie under the bond: 1,000 can be spent.
    with refused(world, TierStaking.LockedFundsNotStakable):
        world.stake(holder, 1_000, 0, planck=1)
    world.stake(holder, 1_000, 0)
    world.balances.release(BOND, holder, btt(10_000))
    assert world.balances.reducible_balance(holder) == 0
    assert world.free(holder) == btt(20_000)


def test_no_account_grabs_the_pool(world: World) -> None:
    for tier in (3, 4):
        with refused(world, TierStaking.CommitCapExceeded):
            world.stake(ALICE, 900_000, tier)
    number = world.stake(ALICE, 900_000, 4, 1)
    assert world.staking.ledger.stakes[ALICE, number].commit <= btt(POOL) // 10
    for _ in range(3):
        with refused(world, TierStaking.CommitCapExceeded):
            world.stake(ALICE, 50_000, 2)
        world.wait(300)
        world.staking.claim(signed(ALICE), number)
    world.check()


def test_staking_and_leaving_brings_no_discount(world: World) -> None:
    number = world.stake(ALICE, 10_000, 2)
    assert world.staking.positions.discount_bps(ALICE) == 0, "nothing on the first day"
    with refused(world, TierStaking.StillLocked):
        world.staking.unstake(signed(ALICE), number)
    world.wait(1)
    assert world.staking.positions.discount_bps(ALICE) == 2_000
    with refused(world, TierStaking.StillLocked):
        world.staking.unstake(signed(ALICE), number)
    world.wait(179)
    assert world.staking.positions.discount_bps(ALICE) == 0, (
        "nor any after the term, staying or leaving"
    )


def test_claiming_dust_every_slot_gains_nothing(world: World) -> None:
    patient, greedy = world.stake(ALICE, 50_000, 3, planck=7), world.stake(BOB, 50_000, 3, planck=7)
    start = world.free(BOB)
    claims = 0
    for _ in range(60):
        world.wait(slots=1)
        world.staking.claim(signed(BOB), greedy)
        claims += 1
    world.staking.claim(signed(ALICE), patient)
    kept, other = (
        world.staking.ledger.stakes[who, n] for who, n in ((ALICE, patient), (BOB, greedy))
    )
    assert kept.gross_claimed == other.gross_claimed, "not a planck more before burns"
    gained = (world.free(BOB) - start) - (world.free(ALICE) - (int(btt(RICH)) - int(kept.amount)))
    assert 0 <= gained < claims, "less than a planck a claim of what is burned; a fee is 10^14"
    world.check()


def test_no_account_gets_eighteen_percent_for_one_year(world: World) -> None:
    number = world.stake(ALICE, 100_000, 4)
    world.wait(365)
    world.staking.claim(signed(ALICE), number)
    ways_out: list[Callable[[], None]] = [
        lambda: world.staking.unstake(signed(ALICE), number),
        lambda: world.staking.extend(signed(ALICE), number, u8(0)),
        lambda: world.staking.extend(signed(ALICE), number, u8(3)),
        lambda: world.staking.force_unstake(signed(ALICE), Id(ALICE), number),
    ]
    for act in ways_out:
        with refused(world, DispatchError):
            act()
    assert world.held(ALICE) == btt(100_000)


def test_extending_every_day_pays_no_more_than_the_rate(world: World) -> None:
    number, start = world.stake(ALICE, 50_000, 3), world.free(ALICE)
    for _ in range(73):
        world.wait(1)
        world.staking.extend(signed(ALICE), number, u8(3))
        world.check()
    assert world.free(ALICE) - start <= btt(1_140)
    assert world.staking.ledger.stakes[ALICE, number].term_end == (73 + 365) * DAY_MS


# ---- cost


class CountingState(DictState):
    """Counts how often it is read and written."""

    touched = 0

    def get(self, key: bytes) -> bytes | None:
        self.touched += 1
        return super().get(key)

    def put(self, key: bytes, value: bytes | None) -> None:
        self.touched += 1
        super().put(key, value)

    def next_key(self, key: bytes) -> bytes | None:
        raise AssertionError("nothing here walks through the state")


def accesses(others: int, mine: int) -> list[int]:
    """Return what opening, asking, claiming, extending, an era and closing touch in the state.

    With so many stakes of others and of the same account open.
    """
    world = World()
    for place in range(others):
        world.stake((BOB, CAROL, DAVE)[place % 3], 1_000, 0)
    for _ in range(mine):
        world.stake(ALICE, 1_000, 0)
    counting = CountingState()
    counting.data = world.state.data
    world.enter(counting)
    numbers: list[u32] = []
    staking = world.staking
    steps: list[tuple[int, Callable[[], object]]] = [
        (0, lambda: numbers.append(world.stake(ALICE, 10_000, 2))),
        (2, lambda: staking.benefits(ALICE)),
        (0, lambda: staking.claim(signed(ALICE), numbers[0])),
        (1, lambda: staking.on_initialize(1)),
        (0, lambda: staking.on_initialize(1)),
        (0, lambda: staking.extend(signed(ALICE), numbers[0], u8(2))),
        (180, lambda: staking.unstake(signed(ALICE), numbers[0])),
    ]
    counts = []
    for days, step in steps:
        world.clock.slots += days * DAY
        if days == 1:
            world.ledger.earn(int(btt(1)))
        before = counting.touched
        step()
        counts.append(counting.touched - before)
    return counts


def test_what_a_call_touches_hangs_on_no_number_of_stakes() -> None:
    assert accesses(0, 1) == accesses(60, 30)


def test_asking_for_benefits_is_one_read(world: World) -> None:
    counting = CountingState()
    counting.data = world.state.data
    world.enter(counting)
    for who in (ALICE, BOB):
        before = counting.touched
        world.staking.positions.discount_bps(who)
        assert counting.touched - before == 1


# ---- everything at random


class Staking(RuleBasedStateMachine):
    """People stake, claim, extend and leave as they like, while time jumps by slots or years."""

    @initialize()
    def begin(self) -> None:
        self.world = World()
        self.gross: Counter[int] = Counter()

    def call(self, who: AccountId, name: str, **args: object) -> None:
        """Make a call; a refusal is an error of the pallet or of money, and changes nothing."""
        try:
            self.world.dispatch(signed(who), self.world.call("TierStaking", name, **args))
        except (Error, TokenError):
            return

    def some_stake(self, pick: int) -> tuple[AccountId, u32]:
        stakes = [keys for keys, _ in self.world.staking.ledger.stakes.items()]
        return stakes[pick % len(stakes)] if stakes else (ALICE, u32(0))

    @rule(
        who=st.sampled_from(PEOPLE),
        amount=st.integers(0, 5 * 10**23),
        tier=st.integers(0, 5),
        least=st.none() | st.integers(0, 10**22),
    )
    def stake(self, who: AccountId, amount: int, tier: int, least: int | None) -> None:
        reward = None if least is None else u128(least)
        self.call(who, "stake", amount=u128(amount), tier=u8(tier), min_reward=reward)

    @rule(pick=st.integers(0, 100))
    def claim(self, pick: int) -> None:
        who, number = self.some_stake(pick)
        self.call(who, "claim", id=number)

    @rule(pick=st.integers(0, 100))
    def claim_dividend(self, pick: int) -> None:
        who, number = self.some_stake(pick)
        self.call(who, "claim_dividend", id=number)

    @rule(pick=st.integers(0, 100))
    def unstake(self, pick: int) -> None:
        who, number = self.some_stake(pick)
        self.call(who, "unstake", id=number)

    @rule(pick=st.integers(0, 100), tier=st.integers(0, 4))
    def extend(self, pick: int, tier: int) -> None:
        who, number = self.some_stake(pick)
        self.call(who, "extend", id=number, tier=u8(tier))

    @rule(pick=st.integers(0, 100))
    def force_unstake(self, pick: int) -> None:
        who, number = self.some_stake(pick)
        call = self.world.call("TierStaking", "force_unstake", who=Id(who), id=number)
        try:
            self.world.dispatch(ROOT, call)
        except TierStaking.NotOwner:
            assert not list(self.world.staking.ledger.stakes.items())

    @rule(amount=st.integers(0, 10**20), who=st.sampled_from(PEOPLE))
    def give(self, amount: int, who: AccountId) -> None:
        self.call(who, "top_up", amount=u128(amount))

    @rule(amount=st.integers(1, 10**21))
    def earn(self, amount: int) -> None:
        self.world.ledger.earn(amount)

    @rule(bps=st.integers(0, 10_000))
    def share(self, bps: int) -> None:
        self.world.staking.set_dividend_bps(ROOT, u32(bps))

    @rule(slots=st.sampled_from((1, 599, DAY, 30 * DAY, 180 * DAY, 365 * DAY, 1_095 * DAY)))
    def wait(self, slots: int) -> None:
        self.world.wait(slots=slots)

    @invariant()
    def holds(self) -> None:
        self.world.check()
        paid: Counter[int] = Counter()
        for event in self.world.announced():
            if isinstance(event, TierStaking.RewardPaid):
                assert event.gross == int(event.burned) + int(event.paid)
                paid[int(event.id)] += int(event.gross)
            elif isinstance(event, (TierStaking.Unstaked, TierStaking.ForceUnstaked)):
                paid.pop(int(event.id), None)
        assert sum(paid.values()) >= sum(
            int(one.gross_claimed) for _, one in self.world.staking.ledger.stakes.items()
        )


TestStaking = Staking.TestCase
TestStaking.settings = settings(max_examples=20, stateful_step_count=30, deadline=None)


def test_the_calls_are_numbered_as_the_interface_says() -> None:
    names: Sequence[str] = [entry.name for entry in TierStaking.CALLS.values()]
    assert names == [
        "stake",
        "claim",
        "unstake",
        "force_unstake",
        "extend",
        "claim_dividend",
        "claim_contribution",
        "request_premium",
        "top_up",
        "set_tier",
        "set_dividend_bps",
        "set_premium",
        "set_contribution_budget",
    ]


# ---- on the whole runtime


def test_the_pools_of_the_whole_runtime_pay_what_stakes_earn() -> None:
    chain = EconomyChain("seed-000", manual=True)
    ann, ben = person("ann"), person("ben")
    stake = {"amount": btt(50_000), "tier": u8(3), "min_reward": None}
    assert not chain.block(chain.by(ann, "TierStaking", "stake", **stake))
    assert not chain.days(1)
    fees, staking, ledger = chain.runtime.fees, chain.staking, chain.tokenomics
    assert (fees.discount_of(ann), fees.discount_of(ben)) == (2_000, 0)
    assert ledger.supply().staked >= btt(50_000)

    split = split_compute(int(btt(1_000)), int(ledger.threshold()))
    earners = [(person("cho"), split.contributors)]
    assert not chain.days(1, lambda: ledger.take(ben, split, BurnReason.Compute, earners))
    assert not chain.days(1)
    share = int(split.development) * 2_000 // 10_000
    assert ledger.dividends.earmarked.value == share
    assert share - 10**6 < staking.ledger.dividend_due(ann, u32(0)) <= share

    allowance = int(chain.runtime.balances.free(ann))
    assert not chain.days(363, chain.by(ann, "TierStaking", "unstake", id=u32(0)))
    gained = int(chain.runtime.balances.free(ann)) - allowance - int(btt(50_000))
    assert btt(5_700) + share - 10**6 < gained <= btt(5_700) + share
    assert ledger.burned_by[BurnReason.Staking] == btt(300)
    pool = next(pool for pool in ledger.ledger.statuses() if pool.account == STAKING)
    assert (pool.released, pool.burned) == (btt(5_700), btt(300))
    assert fees.discount_of(ann) == 0
    assert not audit(chain.runtime)
