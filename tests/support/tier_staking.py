"""A runtime with tier stakes, and the money they need."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from enum import IntEnum

from btt_chain.primitives import ss58
from btt_chain.primitives.account import AccountId
from btt_chain.scale import u8, u32, u64, u128
from runtime.accounts import DEVELOPMENT_FUND, REFERRAL, STAKING, TREASURY
from runtime.constants import BTT, DAY_MS
from runtime.frame import Event, Pallet, Reason, signed
from runtime.pallets.balances.pallet import Balances
from runtime.pallets.tier_staking.formulas import ONE, QUARTER_MS, TIERS, accrued
from runtime.pallets.tier_staking.pallet import TierStaking
from runtime.pallets.tier_staking.types import Benefit
from runtime.pallets.tokenomics.types import BurnReason
from runtime.splits import PlatformSplit
from support.runtime import TestRuntime

SLOT_MS = 6_000
DAY = DAY_MS // SLOT_MS
ERA = 600
"""Slots of a day and of an era."""
QUARTER = QUARTER_MS // SLOT_MS
ALICE, BOB, CAROL, DAVE = (AccountId(bytes((n,)) * 32) for n in (0xA1, 0xB0, 0xCA, 0xDA))
PEOPLE = (ALICE, BOB, CAROL, DAVE)
POOL, REFERRALS, RICH = 1_008_000, 378_000, 1_000_000
"""Balances of the pools and of each person at genesis, in BTT."""


class Bonds(Pallet):
    """A pallet with an offsetting hold reason, such as the bonds of validators."""

    class HoldReason(IntEnum):
        """Why money is on hold."""

        ValidatorBond = 0


BOND = Reason(5, Bonds.HoldReason.ValidatorBond)


def btt(amount: int) -> u128:
    return u128(amount * int(BTT))


class FakeTokenomics:
    """The part of Tokenomics that stakes use, with counters for tests."""

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

    def take(self, who: AccountId, split: PlatformSplit, reason: BurnReason) -> None:
        assert reason is BurnReason.Premium
        whole = split.burn + split.development + split.foundation + split.reserve
        self._balances.transfer(who, TREASURY, whole)
        self._balances.fungible.burn_from(TREASURY, split.burn)
        self.burned += int(split.burn)

    def threshold(self) -> u128:
        return btt(10_000)

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


class FakeIdentities:
    """Identities: those of `judged` are; a sub-account's operator is its parent."""

    def __init__(self, judged: Iterable[AccountId]) -> None:
        self.judged = list(judged)
        self.parents: dict[AccountId, AccountId] = {}

    def operator_of(self, account: AccountId) -> AccountId:
        return self.parents.get(account, account)

    def verified(self, who: AccountId) -> bool:
        return self.operator_of(who) in self.judged


class World(TestRuntime):
    """Balances, Vesting and TierStaking, with a clock that stands where a test puts it."""

    def __init__(self, **config: object) -> None:
        super().__init__()
        rows = [(who, RICH) for who in PEOPLE]
        rows += [(STAKING, POOL), (REFERRAL, REFERRALS), (DEVELOPMENT_FUND, 0), (TREASURY, RICH)]
        self.balances.genesis(
            {"balances": [[ss58.encode(who), str(btt(amount))] for who, amount in rows]}
        )
        self.staking.genesis(config)

    def build(self) -> None:
        self.balances = self.add_balances(offsetting=(BOND,))
        self.add(5, Bonds())
        self.vesting = self.add_vesting(self.balances, u128(1))
        self.tokenomics = FakeTokenomics(self.balances)
        self.identities = FakeIdentities(PEOPLE)
        self.staking = self.add(
            32,
            TierStaking(
                slot_ms=u64(SLOT_MS),
                era_slots=u32(ERA),
                clock=self.clock,
                currency=self.balances,
                rewards=self.tokenomics,
                dividends=self.tokenomics,
                identities=self.identities,
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

    def reward_due(self, who: AccountId, number: u32) -> u128:
        """Return the amount that `claim_reward` would pay, before burns."""
        return self.staking.reward_pool.due(self.staking.ledger.stakes[who, number])

    def dividend_due(self, who: AccountId, number: u32) -> int:
        """Return the amount that `claim_dividend` would pay."""
        stake = self.staking.ledger.stakes[who, number]
        return int(self.staking.dividend_accounting.unpaid(stake)) // ONE

    def wait(self, days: int = 0, *, slots: int = 0) -> None:
        """Let time pass; the block at its end is opened."""
        self.clock.slot += days * DAY + slots
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
        assert owed + staking.dividend_accounting.acc_rem.value == self.tokenomics.earmarked * ONE
        assert staking.dividend_accounting.dividends_owed.value == self.tokenomics.earmarked
        assert self.free(DEVELOPMENT_FUND) >= self.tokenomics.earmarked

        now = self.clock.slot
        for ahead in (0, 1, DAY - 1, DAY, 29 * DAY, 180 * DAY):
            self.clock.slot = now + ahead
            for who in PEOPLE:
                assert staking.positions.discount_bps(who) == staking.benefits(who).discount_bps
        self.clock.slot = now

        money = sum(
            int(info.data.free) + int(info.data.reserved) for _, info in self.system.account.items()
        )
        assert money == self.balances.total_issuance.value
        assert self.balances.total_burned.value == self.tokenomics.burned


def accrued_exactly(amount: int, bps: int, term: int) -> int:
    return amount * bps * term


def fill(world: World, left: int) -> None:
    """Let the pool lose all but `left` planck of what is free, with no stake open."""
    world.balances.transfer(STAKING, TREASURY, u128(world.free(STAKING) - left))


def flags(world: World, who: AccountId) -> tuple[bool, int, int, bool]:
    reported = world.staking.benefits(who)
    return reported.priority, int(reported.discount_bps), int(reported.vote_bps), reported.special


GOOD = TIERS[2]


def warm(world: World, *people: AccountId) -> None:
    """Let each have a stake that counts for half a year."""
    for who in people:
        world.stake(who, 10_000, 2)
    world.wait(1)
