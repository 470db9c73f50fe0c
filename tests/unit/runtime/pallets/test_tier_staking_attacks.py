"""TierStaking: attacks, costs, and what holds after any sequence of calls."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings

from btt_chain.primitives.account import AccountId, Id
from btt_chain.scale import u8, u32, u128
from runtime.accounts import STAKING
from runtime.audits import audit
from runtime.constants import DAY_MS
from runtime.frame import ROOT, DispatchError, Error, TokenError, TokenErrorKind, signed
from runtime.frame.traits import Reasons
from runtime.pallets.tier_staking import errors, events
from runtime.pallets.tier_staking.formulas import ONE
from runtime.pallets.tier_staking.pallet import TierStaking
from runtime.pallets.tier_staking.types import Contribution, PremiumService
from runtime.pallets.tokenomics.types import BurnReason
from runtime.schedules import VestingInfo
from runtime.splits import split_compute
from support.economy import oracle
from support.economy.chain import EconomyChain, person
from support.histories import History, seeds, unreached
from support.runtime import CountingState, refused
from support.tier_staking import (
    ALICE,
    BOB,
    BOND,
    CAROL,
    DAVE,
    DAY,
    PEOPLE,
    POOL,
    RICH,
    SLOT_MS,
    World,
    btt,
)


@pytest.fixture
def world() -> World:
    return World()


# ---- attacks


def test_insiders_cannot_stake_what_is_still_vesting(world: World) -> None:
    insider = AccountId(b"\x11" * 32)
    schedule = VestingInfo(btt(100_000), u128(btt(100_000) // 100), u32(10**6))
    world.vesting.vested_transfer(signed(ALICE), Id(insider), schedule)
    world.balances.transfer(ALICE, insider, btt(50_000))
    with refused(world, errors.LockedFundsNotStakable):
        world.stake(insider, 50_000, 3, planck=1)
    with refused(world, errors.LockedFundsNotStakable):
        world.stake(insider, 100_000, 4)

    world.stake(insider, 50_000, 3)

    assert world.balances.reducible_balance(insider) == 0, "the 100,000 stay locked"
    with refused(world, TokenError(TokenErrorKind.Frozen)):
        world.balances.transfer(insider, BOB, u128(1))
    with refused(world, errors.LockedFundsNotStakable):
        world.stake(insider, 1_000, 0)


def test_a_bond_under_a_lock_frees_no_locked_money_for_a_stake(world: World) -> None:
    holder = AccountId(b"\x13" * 32)
    world.balances.transfer(ALICE, holder, btt(21_000))
    world.balances.set_lock(b"vesting ", holder, btt(20_000), Reasons.Misc)
    world.balances.hold(BOND, holder, btt(10_000))
    # 11,000 are free and 10,000 of the lock lie under the bond: 1,000 can be spent.
    with refused(world, errors.LockedFundsNotStakable):
        world.stake(holder, 1_000, 0, planck=1)
    world.stake(holder, 1_000, 0)
    world.balances.release(BOND, holder, btt(10_000))
    assert world.balances.reducible_balance(holder) == 0
    assert world.free(holder) == btt(20_000)


def test_no_account_grabs_the_pool(world: World) -> None:
    for tier in (3, 4):
        with refused(world, errors.CommitCapExceeded):
            world.stake(ALICE, 900_000, tier)
    number = world.stake(ALICE, 900_000, 4, 1)
    assert world.staking.ledger.stakes[ALICE, number].commit <= btt(POOL) // 10
    for _ in range(3):
        with refused(world, errors.CommitCapExceeded):
            world.stake(ALICE, 50_000, 2)
        world.wait(300)
        world.staking.claim(signed(ALICE), number)
    world.check()


def test_staking_and_leaving_brings_no_discount(world: World) -> None:
    number = world.stake(ALICE, 10_000, 2)
    assert world.staking.positions.discount_bps(ALICE) == 0, "nothing on the first day"
    with refused(world, errors.StillLocked):
        world.staking.unstake(signed(ALICE), number)
    world.wait(1)
    assert world.staking.positions.discount_bps(ALICE) == 2_000
    with refused(world, errors.StillLocked):
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


def accesses(others: int, mine: int) -> list[int]:
    """Return the keys that opening, asking, claiming, extending, an era and closing touch.

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
        world.clock.slot += days * DAY
        if days == 1:
            world.tokenomics.earn(int(btt(1)))
        before = counting.reads + counting.writes
        step()
        counts.append(counting.reads + counting.writes - before)
    assert not counting.walks
    return counts


def test_what_a_call_touches_hangs_on_no_number_of_stakes() -> None:
    assert accesses(0, 1) == accesses(60, 30)


def test_asking_for_benefits_is_one_read(world: World) -> None:
    counting = CountingState()
    counting.data = world.state.data
    world.enter(counting)
    for who in (ALICE, BOB):
        before = counting.reads
        world.staking.positions.discount_bps(who)
        assert (counting.reads - before, counting.writes) == (1, 0)


# ---- everything at random


class Staking(History):
    """People stake, claim, extend and leave as they like, while time jumps by slots or years."""

    refusals = (Error, TokenError)

    def __init__(self) -> None:
        self.world = World()
        super().__init__(self.world)
        self.gross: Counter[int] = Counter()

    def step(self) -> None:
        stakes = len(list(self.world.staking.ledger.stakes.items()))
        if stakes < 3 and self.one_in(2):
            self.stake()
        steps = (
            *[self.stake] * 3, *[self.claim] * 2, *[self.claim_dividend] * 2, *[self.unstake] * 2,
            self.extend, self.force_unstake, self.give, self.earn, self.earn, self.terms,
            self.premium, self.contribute, *[self.wait] * 4,
        )  # fmt: skip
        self.one_of(steps)()

    def some_stake(self) -> tuple[AccountId, u32]:
        """Choose a stake; rarely one that another account has."""
        stakes = [keys for keys, _ in self.world.staking.ledger.stakes.items()]
        who, number = self.one_of(stakes) if stakes else (ALICE, u32(0))
        return (self.one_of(PEOPLE) if self.one_in(10) else who), number

    def stake(self) -> None:
        """Stake the minimum of a tier, more, or less."""
        who, tier = self.one_of(PEOPLE), u8(self.rng.randint(0, 5 if self.one_in(10) else 4))
        terms = self.world.staking.tier_terms.current_tiers.value[min(int(tier), 4)]
        amount = int(terms.minimum) * self.rng.randint(50 if self.one_in(5) else 100, 300) // 100
        least = self.one_of((None, None, 0, amount // 100, amount // 10))
        reward = None if least is None else u128(least)
        self.attempt(self.world.staking.stake, signed(who), u128(amount), tier, reward)

    def claim(self) -> None:
        """Claim: in all, a stake is paid what the oracle says, however often it is claimed."""
        who, number = self.some_stake()
        if self.attempt(self.world.staking.claim, signed(who), number):
            stake = self.world.staking.ledger.stakes[who, number]
            opened, now = int(stake.opened), self.world.clock.slot * SLOT_MS
            term, terms = int(stake.term_end) - opened, (int(stake.amount), int(stake.bps))
            assert stake.gross_claimed == oracle.accrued(*terms, now - opened, term)

    def claim_dividend(self) -> None:
        who, number = self.some_stake()
        self.attempt(self.world.staking.claim_dividend, signed(who), number)

    def unstake(self) -> None:
        who, number = self.some_stake()
        self.attempt(self.world.staking.unstake, signed(who), number)

    def extend(self) -> None:
        who, number = self.some_stake()
        self.attempt(self.world.staking.extend, signed(who), number, u8(self.rng.randint(0, 4)))

    def force_unstake(self) -> None:
        who, number = self.some_stake()
        self.attempt(self.world.staking.force_unstake, ROOT, Id(who), number)

    def give(self) -> None:
        amount = u128(self.up_to(10**20))
        self.attempt(self.world.staking.top_up, signed(self.one_of(PEOPLE)), amount)

    def earn(self) -> None:
        self.world.tokenomics.earn(self.rng.randint(1, 10**21))

    def terms(self) -> None:
        """Let governance change the dividends' share or a tier."""
        staking = self.world.staking
        self.attempt(staking.set_dividend_bps, ROOT, u32(self.one_of((2_000, 10_000, 0))))
        place = self.rng.randint(0, 4)
        tier = staking.tier_terms.current_tiers.value[place]
        bps = u32(int(tier.reward_bps) * self.one_of((9, 10, 11)) // 10)
        self.attempt(staking.set_tier, ROOT, u8(place), replace(tier, reward_bps=bps))

    def premium(self) -> None:
        staking, service = self.world.staking, u32(self.rng.randint(0, 1))
        offered = PremiumService(u8(self.one_of((0, 1, 2))), btt(10))
        self.attempt(staking.set_premium, ROOT, service, self.one_of((None, offered, offered)))
        for who in PEOPLE:
            months = u8(self.rng.randint(0, 3))
            self.attempt(staking.buy_premium, signed(who), service, months, u128(u128.MAX))

    def contribute(self) -> None:
        """Count contributions of a quarter, and claim those of the last one."""
        staking = self.world.staking
        amount = u128(self.one_of((0, 10**18, 10**21)))
        self.attempt(staking.set_contribution_budget, ROOT, amount)
        for who in PEOPLE:
            kind = self.one_of(list(Contribution))
            self.attempt(staking.contributions.add_points, who, kind)
        self.world.wait(self.one_of((0, 1, 100)))
        counted = [key for key, _ in staking.contributions.contrib_points.items()]
        quarter, who = self.one_of(counted) if counted else (u32(0), ALICE)
        self.attempt(staking.claim_contribution, signed(who), quarter)

    def wait(self) -> None:
        spans = (1, 599, DAY, 10 * DAY, 30 * DAY, 60 * DAY, 180 * DAY, 365 * DAY, 1_095 * DAY)
        self.world.wait(slots=self.one_of(spans))

    def check(self) -> None:
        self.world.check()
        paid: Counter[int] = Counter()
        for event in self.world.announced():
            if isinstance(event, events.RewardPaid):
                assert event.gross == int(event.burned) + int(event.paid)
                paid[int(event.id)] += int(event.gross)
            elif isinstance(event, (events.Unstaked, events.ForceUnstaked)):
                paid.pop(int(event.id), None)
        assert sum(paid.values()) >= sum(
            int(one.gross_claimed) for _, one in self.world.staking.ledger.stakes.items()
        )


@settings(max_examples=settings().max_examples // 2)
@given(seeds(20, 40))
def test_stakes_dividends_and_the_pool_add_up_whatever_people_do(steps: list[int]) -> None:
    Staking().run(steps)


def test_random_stakers_reach_all_calls_and_events() -> None:
    assert unreached(Staking, TierStaking, runs=4, steps=60) == set()


# ---- on the whole runtime


def test_the_pools_of_the_whole_runtime_pay_what_stakes_earn() -> None:
    chain = EconomyChain("seed-000", manual=True)
    ann, ben = person("ann"), person("ben")
    stake = {"amount": btt(50_000), "tier": u8(3), "min_reward": None}
    assert not chain.block(chain.by(ann, "TierStaking", "stake", **stake))
    assert not chain.days(1)
    fees, staking, tokenomics = chain.runtime.fees, chain.staking, chain.tokenomics
    assert (fees.discount_of(ann), fees.discount_of(ben)) == (2_000, 0)
    assert tokenomics.supply().staked >= btt(50_000)

    split = split_compute(int(btt(1_000)), int(tokenomics.threshold()))
    earners = [(person("cho"), split.contributors)]
    assert not chain.days(1, lambda: tokenomics.take(ben, split, BurnReason.Compute, earners))
    assert not chain.days(1)
    share = int(split.development) * 2_000 // 10_000
    assert tokenomics.dividends.earmarked.value == share
    due = staking.dividend_accounting.unpaid(staking.ledger.stakes[ann, u32(0)]) // ONE
    assert share - 10**6 < due <= share

    allowance = int(chain.runtime.balances.free(ann))
    assert not chain.days(363, chain.by(ann, "TierStaking", "unstake", id=u32(0)))
    gained = int(chain.runtime.balances.free(ann)) - allowance - int(btt(50_000))
    assert btt(5_700) + share - 10**6 < gained <= btt(5_700) + share
    assert tokenomics.burned_by[BurnReason.Staking] == btt(300)
    pool = next(pool for pool in tokenomics.ledger.statuses() if pool.account == STAKING)
    assert (pool.released, pool.burned) == (btt(5_700), btt(300))
    assert fees.discount_of(ann) == 0
    assert not audit(chain.runtime)
