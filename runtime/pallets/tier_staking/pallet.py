"""TierStaking: stakes locked for a term, their rewards and benefits.

A stake is locked for one of five terms. Its whole reward is reserved in the pool when the stake is
opened, so a promised reward can always be paid. The reward accrues linearly and can be claimed at
any time; the number of claims does not change its sum. A stake cannot be closed by its owner before
the end of the term, because that would give a long term's rate for a short one.

Invariants: the balance of the pool is `free + committed`; `committed` is the unclaimed reward of
all open stakes; `total_staked` is the sum of holds. Every planck of earmarked dividends is paid,
owed to a stake, or part of `acc_rem`, which is distributed later.

Time is slots since genesis, converted to ms; an era is an epoch. Holds do not offset locks: a stake
never covers locked money.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from enum import IntEnum
from typing import Annotated, Final, Protocol

from btt_chain.primitives.account import AccountId
from btt_chain.scale import TypeName, u8, u32, u64, u128
from runtime.accounts import REFERRAL, STAKING
from runtime.frame import (
    Constant,
    Origin,
    OriginCheck,
    Pallet,
    Part,
    ReasonOf,
    Section,
    Value,
    call,
    ensure_root,
)
from runtime.frame.aliases import AccountIdLookupOf, BalanceOf, CompactBalanceOf
from runtime.frame.traits import Clock, IdentityInspect, Inspect, Mutate, MutateHold
from runtime.pallets.balances.types import lookup
from runtime.pallets.tier_staking import errors, events, weights
from runtime.pallets.tier_staking.contributions import Contributions
from runtime.pallets.tier_staking.dividends import DividendAccounting, Dividends
from runtime.pallets.tier_staking.formulas import QUARTER_MS, TIERS, WARM_UP_MS
from runtime.pallets.tier_staking.ledger import StakeLedger
from runtime.pallets.tier_staking.positions import Positions
from runtime.pallets.tier_staking.premium import JOB_PRIORITY, PremiumServices
from runtime.pallets.tier_staking.rewards import RewardPool, Rewards
from runtime.pallets.tier_staking.tiers import TierTerms
from runtime.pallets.tier_staking.time import MsClock
from runtime.pallets.tier_staking.types import (
    MAX_STAKES,
    Benefits,
    PremiumService,
    QuarterIndex,
    ServiceId,
    StakedMoney,
    StakeId,
    Tier,
    TierIndex,
)
from runtime.splits import BPS, mul_div

QUARTERS: Final = 32
"""Number of quarters over which the initial budget spends the contribution pool."""


class Currency(Inspect, Mutate, MutateHold, Protocol):
    """The staked money; Balances implements it."""


class TierStaking(Pallet, events=events, errors=errors):
    """Stakes locked for a term, their rewards and benefits."""

    # ---- constants

    tiers = Constant(TIERS, kind=list[Tier])
    """The default tiers; `current_tiers` are those of new stakes."""
    max_stakes_per_account = Constant(u32(MAX_STAKES))
    """Maximum number of open stakes of one account."""
    warm_up = Constant(u64(WARM_UP_MS))
    """Duration in ms until a stake has benefits other than its reward.

    A day at most, because the shortest term allowed is two days.
    """
    discount_share = Constant(u32(2_000))
    """Discount on transaction fees, in basis points."""
    vote_multiplier_bps = Constant(u32(15_000))
    """Vote weight of stakes with more votes, in basis points."""
    commit_cap_bps = Constant(u32(1_000))
    """Maximum part of the genesis pool reserved for one account, in basis points."""
    quarter = Constant(u64(QUARTER_MS))
    """Duration of a quarter, in ms."""

    # ---- dependencies

    slot_ms: u64
    """Duration of a slot, in ms."""
    era_slots: u32
    """Length of an era, which is an epoch, in slots."""
    clock: Clock
    currency: Currency
    rewards: Rewards
    dividends: Dividends
    identities: IdentityInspect
    params: OriginCheck = ensure_root
    """Origin that may change tiers, shares, budgets and services."""

    # ---- storage

    era = Value(u32, default=u32(0))
    """The current era."""

    # ---- components

    time = Part(MsClock)
    tier_terms = Part(TierTerms)
    positions = Part(Positions)
    reward_pool = Part(RewardPool)
    dividend_accounting = Part(DividendAccounting)
    ledger = Part(StakeLedger)
    contributions = Part(Contributions)
    premium = Part(PremiumServices)

    # ---- hold reasons

    class HoldReason(IntEnum):
        """The reason of a hold."""

        TierStake = 0
        """Staked until the end of a term."""

    reason = ReasonOf(HoldReason.TierStake)
    """The reason of the holds on stakes."""

    # ---- hooks

    def genesis(self, config: Mapping[str, object]) -> None:
        """Record the size of the pools, and the chain's own terms if it has some.

        `tiers` is a list of five [days, reward bps, minimum in planck, burn bps] in order of
        length; `dividendBps` is the stakers' share of the compute income; `premium` is a list of
        [service, tier, planck a month]. Raises GenesisError.
        """
        fields = Section(config, "tierStaking").fields(optional=("tiers", "dividendBps", "premium"))
        if "tiers" in fields:
            self.tier_terms.open(fields["tiers"])
        if "dividendBps" in fields:
            self.dividend_accounting.dividend_bps.value = u32(fields["dividendBps"].integer(BPS))
        self.premium.open(fields.get("premium"))
        pool = self.currency.free(STAKING)
        cap = mul_div(pool, self.commit_cap_bps, BPS)
        self.reward_pool.max_commit_per_account.value = cap
        self.contributions.contribution_budget.value = self.currency.free(REFERRAL) // QUARTERS

    def on_initialize(self, number: int) -> int:
        """Distribute the stakers' share of the compute income, if an era ended."""
        del number
        era, last = self.clock.now() // int(self.era_slots), self.era.value
        if era <= last:
            return 0
        self.era.value = u32(era)
        self.dividend_accounting.distribute(last, self.ledger.total_staked.value)
        return weights.FEED

    # ---- calls

    @call(0, weight=weights.STAKE)
    def stake(
        self,
        origin: Origin,
        amount: CompactBalanceOf,
        tier: TierIndex,
        min_reward: Annotated[u128 | None, TypeName("Option<BalanceOf<T>>")],
    ) -> None:
        """Lock `amount` planck until the end of the tier's term. It cannot be withdrawn before.

        The pool reserves the whole reward now. If it has too little, the call fails, unless you
        name `min_reward`: then the stake earns less, but at least that much in total, before burns.
        Money that is locked or vesting cannot be staked.
        """
        self.ledger.open(origin.signed(), amount, tier, min_reward)

    @call(1, weight=weights.CLAIM)
    def claim(self, origin: Origin, id: StakeId) -> None:
        """Pay the reward that your stake has earned so far."""
        self.ledger.claim_reward(origin.signed(), id)

    @call(2, weight=weights.UNSTAKE)
    def unstake(self, origin: Origin, id: StakeId) -> None:
        """Close your stake after its term: pay what is due, and release the principal."""
        self.ledger.close_after_term(origin.signed(), id)

    @call(3, weight=weights.FORCE_UNSTAKE)
    def force_unstake(self, origin: Origin, who: AccountIdLookupOf, id: StakeId) -> None:
        """Close a stake of `who` before its end, paying only what it has earned. Origin: root."""
        origin.root()
        self.ledger.close_early(lookup(who), id)

    @call(4, weight=weights.EXTEND)
    def extend(self, origin: Origin, id: StakeId, tier: TierIndex) -> None:
        """Restart your stake with the term of `tier`, if that ends after its present one.

        The reward earned so far is paid; the rest is replaced by the full reward of the new term.
        If the new tier has further benefits, the stake warms up again.
        """
        self.ledger.extend(origin.signed(), id, tier)

    @call(5, weight=weights.CLAIM_DIVIDEND)
    def claim_dividend(self, origin: Origin, id: StakeId) -> None:
        """Pay your stake's share of the compute fees of ended eras."""
        self.ledger.claim_dividend(origin.signed(), id)

    @call(6, weight=weights.CLAIM_CONTRIBUTION)
    def claim_contribution(self, origin: Origin, quarter: QuarterIndex) -> None:
        """Pay your contributions in a quarter that is over."""
        self.contributions.claim(origin.signed(), quarter)

    @call(7, weight=weights.BUY_PREMIUM)
    def buy_premium(
        self, origin: Origin, service: ServiceId, months: u8, max_price: CompactBalanceOf
    ) -> None:
        """Buy access to a premium service for months of 30 days, up to twelve months ahead.

        You need an active stake of the service's tier or a longer one, now and while you use the
        service. `max_price` limits the whole price, in planck; a part of it is burned.
        """
        self.premium.buy(origin.signed(), service, months, u128(max_price))

    @call(8, weight=weights.TOP_UP)
    def top_up(self, origin: Origin, amount: CompactBalanceOf) -> None:
        """Give `amount` planck to the reward pool irrevocably. Your account stays alive."""
        who = origin.signed()
        self.currency.transfer(who, STAKING, amount, True)
        self.deposit(events.PoolToppedUp(who, amount))

    @call(9, weight=weights.SET_TIER)
    def set_tier(
        self,
        origin: Origin,
        tier: TierIndex,
        terms: Annotated[Tier, TypeName("Tier<BalanceOf<T>>")],
    ) -> None:
        """Change the terms of new stakes of a tier. Origin: parameters.

        Open stakes keep theirs. A longer tier must not be worse than a shorter one.
        """
        self.params(origin)
        self.tier_terms.set(tier, terms)

    @call(10, weight=weights.SET_DIVIDEND_BPS)
    def set_dividend_bps(self, origin: Origin, bps: u32) -> None:
        """Change the stakers' share of the compute income. Origin: parameters."""
        self.params(origin)
        self.dividend_accounting.set_share(bps)

    @call(11, weight=weights.SET_PREMIUM)
    def set_premium(
        self,
        origin: Origin,
        service: ServiceId,
        terms: Annotated[PremiumService | None, TypeName("Option<PremiumService<BalanceOf<T>>>")],
    ) -> None:
        """Set the tier and price of a premium service, or end its sale. Origin: parameters.

        Access that was bought stays.
        """
        self.params(origin)
        self.premium.set(service, terms)

    @call(12, weight=weights.SET_CONTRIBUTION_BUDGET)
    def set_contribution_budget(self, origin: Origin, amount: BalanceOf) -> None:
        """Change the budget of quarters, in planck. Origin: parameters.

        A quarter that already has a contribution keeps its budget.
        """
        self.params(origin)
        self.contributions.contribution_budget.value = amount
        self.deposit(events.ContributionBudgetSet(amount))

    # ---- public interface

    def benefits(self, who: AccountId) -> Benefits:
        """Return the current benefits of the stakes of `who`, with bought priority."""
        benefits = self.positions.benefits(who)
        if benefits.priority or not self.premium.has_access(who, JOB_PRIORITY):
            return benefits
        return replace(benefits, priority=True)

    def staked_of(self, who: AccountId) -> StakedMoney:
        """Return all stakes of `who`, by their present vote weight."""
        return self.positions.staked_of(who)

    def lasting(self, who: AccountId, slots: int) -> StakedMoney:
        """Return the part of `staked_of` that stays on hold for at least `slots` more slots."""
        return self.positions.lasting(who, slots)

    def staked(self) -> StakedMoney:
        """Return all stakes; `long` includes stakes with more votes that are not active."""
        return self.ledger.staked()

    def staked_total(self) -> int:
        """Return the sum of all stakes, in planck."""
        return int(self.ledger.total_staked.value)
