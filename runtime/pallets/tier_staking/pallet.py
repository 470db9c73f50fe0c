"""TierStaking: money locked for a term, what it earns, and what else it is good for.

Who locks money for one of five terms is promised a reward, and the pool reserves all of it when
the stake is opened: what is promised is never missing. The reward grows evenly and can be claimed
at any time; however often it is claimed, it is the same in all. There is no way out before the
end, because whoever left a long term early would have got its rate for a short one.

What always holds: the balance of the pool is `free + committed`; `committed` is what all open
stakes have not claimed yet; `total_staked` is what is on hold. Every planck of dividends that was
put aside is paid, owed to a stake, or waiting in `acc_rem` to be shared out.

Time is slots since genesis, told in ms; an era is an epoch. Holds do not offset locks: a stake
never stands in for locked money.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Annotated, Final, Protocol

from btt_chain.primitives.account import AccountId, MultiAddress
from btt_chain.scale import Compact, TypeName, u8, u32, u64, u128, u256
from runtime.accounts import REFERRAL, STAKING
from runtime.frame import (
    Const,
    DoubleMap,
    Error,
    Event,
    GenesisError,
    Hasher,
    Map,
    Origin,
    OriginCheck,
    Pallet,
    Reason,
    Section,
    TokenError,
    TokenErrorKind,
    Value,
    call,
    ensure_root,
)
from runtime.pallets.balances import lookup
from runtime.pallets.tier_staking.law import (
    DISCOUNT,
    ONE,
    PRIORITY,
    QUARTER_MS,
    SPECIAL,
    TIERS,
    VOTE,
    WARM_UP_MS,
    accrued,
    affordable_bps,
    are_in_order,
    is_warm,
    term_ms,
    window_of,
)
from runtime.pallets.tier_staking.types import (
    MAX_STAKES,
    Benefits,
    Contribution,
    ContributionPoints,
    Holdings,
    PoolState,
    Position,
    Quarter,
    Stake,
    StakedMoney,
    Tier,
    TierTable,
    Window,
)
from runtime.pallets.tokenomics import BurnReason
from runtime.splits import BPS, mul_div
from runtime.weights import tier_staking as weights

MAX_VOTES: Final = 20
"""Votes of an account that count in a quarter."""
POINTS: Final = {Contribution.Vote: 1, Contribution.Referral: 5, Contribution.Credential: 3}
"""What each contribution is worth."""
QUARTERS: Final = 32
"""The contribution rewards last for eight years if nobody changes the budget."""


Amount = Annotated[u128, TypeName("BalanceOf<T>")]
CompactAmount = Annotated[Compact[u128], TypeName("BalanceOf<T>")]
Who = Annotated[AccountId, TypeName("T::AccountId")]
Address = Annotated[MultiAddress, TypeName("AccountIdLookupOf<T>")]
StakeId = Annotated[u32, TypeName("StakeId")]
TierIndex = Annotated[u8, TypeName("TierIndex")]
Service = Annotated[u32, TypeName("ServiceId")]
Era = Annotated[u32, TypeName("EraIndex")]
QuarterIndex = Annotated[u32, TypeName("QuarterIndex")]
Rate = Annotated[u32, TypeName("u32")]

NO_BENEFITS: Final = Benefits(False, u32(0), u32(BPS), False)


class Clock(Protocol):
    """What time it is; Babe satisfies it."""

    def now(self) -> int:
        """Return the slots since genesis."""


class Currency(Protocol):
    """The money that is staked; Balances satisfies it. Amounts in planck."""

    def free(self, who: AccountId) -> u128:
        """Return the free balance."""

    def hold(self, reason: Reason, who: AccountId, amount: u128) -> None:
        """Put free money on hold; raise TokenError if there is not enough, or it is locked."""

    def release(self, reason: Reason, who: AccountId, amount: u128) -> None:
        """Make what is on hold free again."""

    def transfer(self, source: AccountId, dest: AccountId, amount: u128, keep_alive: bool) -> None:
        """Move spendable money."""


class Rewards(Protocol):
    """How pools pay; Tokenomics satisfies it. Amounts in planck."""

    def pay(self, pool: AccountId, to: AccountId, amount: u128, *, discretionary: bool) -> None:
        """Pay out of a pool; raise DispatchError if it has not enough."""

    def destroy(self, who: AccountId, amount: u128, reason: BurnReason) -> None:
        """Destroy money of a pool, or of anybody."""


class Dividends(Protocol):
    """What the development fund shares with stakers; Tokenomics satisfies it. In planck."""

    def compute_inflow_of_era(self) -> u128:
        """Return what compute fees brought the fund since the last `earmark`."""

    def earmark(self, amount: u128) -> None:
        """Put that much of it aside, where it stays until `pay_earmarked`; count anew."""

    def pay_earmarked(self, to: AccountId, amount: u128) -> None:
        """Pay what was put aside."""


class TierStaking(Pallet):
    """Money locked for a term, what it earns, and what else it is good for."""

    tiers: Const[TierTable] = TIERS
    """The tiers as the chain began with them; `current_tiers` are those of new stakes."""
    max_stakes_per_account: Const[u32] = u32(MAX_STAKES)
    """How many stakes one account may have open."""
    warm_up: Const[u64] = u64(WARM_UP_MS)
    """How long a stake is open, in ms, before it is good for anything but its reward.

    A day at most: the shortest term has two.
    """
    discount_share: Const[u32] = u32(2_000)
    """What part of transaction fees the discount is."""
    vote_multiplier_bps: Const[u32] = u32(15_000)
    """How much a stake with more votes counts; 10,000 is once."""
    commit_cap_bps: Const[u32] = u32(1_000)
    """What part of the genesis pool may be promised to one account."""
    quarter: Const[u64] = u64(QUARTER_MS)
    """How long a quarter is in ms."""
    slot_ms: u64
    """The length of a slot."""
    era_slots: u32
    """The length of an era, which is an epoch."""
    clock: Clock
    currency: Currency
    rewards: Rewards
    dividends: Dividends
    params: OriginCheck = ensure_root
    """Who may change tiers, shares, budgets and services."""

    stakes = DoubleMap(
        AccountId, u32, Stake, hashers=(Hasher.Blake2_128Concat, Hasher.Twox64Concat)
    )
    """The open stakes, by who opened them and their number."""
    holdings = Map(AccountId, Holdings)
    """What the open stakes of an account are good for."""
    discounts = Map(AccountId, Window)
    """When accounts have a fee discount: asked for every transaction, so it is kept short."""
    next_id = Value(u32, default=u32(0))
    """The number of the next stake."""
    pool_committed = Value(u128, default=u128(0))
    """What open stakes were promised and have not claimed, in planck."""
    max_commit_per_account = Value(u128, default=u128(0))
    """What may be promised to one account, in planck."""
    total_staked = Value(u128, default=u128(0))
    """The principal of all open stakes, in planck."""
    long_staked = Value(u128, default=u128(0))
    """The part of it in stakes with more votes."""
    current_tiers = Value(TierTable, default=TIERS)
    """The terms of new stakes."""
    era = Value(u32, default=u32(0))
    """The era that runs."""
    dividend_bps = Value(u32, default=u32(2_000))
    """What part of the development fund's compute inflow stakers share."""
    acc_dividend = Value(u256, default=u256(0))
    """What each staked planck has earned in dividends since genesis, in 10^-18 planck."""
    acc_rem = Value(u256, default=u256(0))
    """What is still to be shared out, in 10^-18 planck; all of it while nothing is staked."""
    dividends_owed = Value(u128, default=u128(0))
    """What of the dividends has not been paid, in planck; it is earmarked in the fund."""
    contrib_points = DoubleMap(
        u32, AccountId, ContributionPoints, hashers=(Hasher.Twox64Concat, Hasher.Blake2_128Concat)
    )
    """What stakers contributed, by quarter; gone once it was paid for."""
    quarters = Map(u32, Quarter, hasher=Hasher.Twox64Concat)
    """What all stakers together contributed, by quarter."""
    contribution_budget = Value(u128, default=u128(0))
    """What quarters that begin from now on have to share, in planck."""
    premium_services = Map(u32, u8, hasher=Hasher.Twox64Concat)
    """The premium services, and from which tier on they are open."""

    class HoldReason(IntEnum):
        """Why money is on hold."""

        TierStake = 0
        """It is staked until the end of a term."""

    class Staked(Event, index=0):
        """A stake was opened; `commit` is what it earns in all."""

        who: Who
        id: StakeId
        amount: Amount
        tier: TierIndex
        commit: Amount

    class RewardPaid(Event, index=1):
        """The reward of a stake was paid: `gross` is `burned` and `paid` together."""

        who: Who
        id: StakeId
        gross: Amount
        burned: Amount
        paid: Amount

    class Unstaked(Event, index=2):
        """A stake was closed after its term; the principal is free again."""

        who: Who
        id: StakeId
        amount: Amount

    class ForceUnstaked(Event, index=3):
        """The chain closed a stake early; `forfeited` is what it would have earned still."""

        who: Who
        id: StakeId
        amount: Amount
        forfeited: Amount

    class Extended(Event, index=4):
        """A stake began a new, longer term; `commit` is what it earns in that."""

        who: Who
        id: StakeId
        tier: TierIndex
        commit: Amount

    class DividendDistributed(Event, index=5):
        """What stakers share of an era's compute fees, and of eras before it without stakers."""

        era: Era
        amount: Amount

    class DividendPaid(Event, index=6):
        """The dividends of a stake were paid."""

        who: Who
        id: StakeId
        amount: Amount

    class ContributionPaid(Event, index=7):
        """Somebody was paid for contributing in a quarter."""

        who: Who
        quarter: QuarterIndex
        amount: Amount

    class PremiumRequested(Event, index=8):
        """A staker asked for a premium service that is open to it."""

        who: Who
        service: Service

    class PoolToppedUp(Event, index=9):
        """Somebody gave money to the reward pool."""

        who: Who
        amount: Amount

    class TierSet(Event, index=10):
        """New stakes of a tier have other terms; open ones keep theirs."""

        tier: TierIndex
        terms: Annotated[Tier, TypeName("Tier<BalanceOf<T>>")]

    class DividendShareSet(Event, index=11):
        """Stakers share another part of the compute fees, beginning with the era at hand."""

        bps: Rate

    class PremiumSet(Event, index=12):
        """A premium service is open from this tier on; None: there is no such service any more."""

        service: Service
        min_tier: Annotated[u8 | None, TypeName("Option<TierIndex>")]

    class ContributionBudgetSet(Event, index=13):
        """Quarters in which nobody has contributed yet have another budget."""

        amount: Amount

    class BelowMinimum(Error, index=0):
        """The amount is smaller than the tier's minimum; stake more, or choose a shorter tier."""

    class UnknownTier(Error, index=1):
        """There is no tier of this number; they are numbered from 0."""

    class RewardPoolExhausted(Error, index=2):
        """The pool cannot promise the full reward; stake less, or say what least one will do."""

    class RewardBelowMin(Error, index=3):
        """The stake would earn less than the least you named; name less, or wait for a top-up."""

    class StillLocked(Error, index=4):
        """The term is not over: claim the rewards now, and the stake when it has ended."""

    class NotOwner(Error, index=5):
        """Your account has no open stake of this number; look them up under `stakes`."""

    class LockedFundsNotStakable(Error, index=6):
        """Locked or vesting money cannot be staked: stake what you could send, or `vest` first."""

    class CommitCapExceeded(Error, index=7):
        """Your stakes would earn more than one account may; stake less, or name a least reward."""

    class TooManyStakes(Error, index=8):
        """The account has as many open stakes as it may; close one whose term is over first."""

    class NothingToClaim(Error, index=9):
        """There is nothing to be paid now; come back later, or see whether it was paid before."""

    class NotLonger(Error, index=10):
        """The new term would not end after the present one; choose a longer tier."""

    class InvalidTerms(Error, index=11):
        """The tiers would be out of bounds or of order; longer ones must not be worse."""

    class InvalidShare(Error, index=12):
        """A share is at most 10,000 hundredths of a percent."""

    class QuarterNotOver(Error, index=13):
        """Contributions are paid when the quarter is over; try again then."""

    class UnknownService(Error, index=14):
        """There is no premium service of this number; look them up under `premium_services`."""

    class NotEntitled(Error, index=15):
        """The service is open from a higher tier on; a stake counts from a day old to its end."""

    # ---- hooks

    def genesis(self, config: Mapping[str, object]) -> None:
        """Note the size of the pools, and other terms if the chain has its own.

        `tiers` is a list of five [days, reward bps, minimum in planck, burn bps] in order of
        length; `dividendBps` is the stakers' part of the compute inflow. Raises GenesisError.
        """
        fields = Section(config, "tierStaking").fields(optional=("tiers", "dividendBps"))
        if "tiers" in fields:
            self.current_tiers.value = self._genesis_tiers(fields["tiers"])
        if "dividendBps" in fields:
            self.dividend_bps.value = u32(fields["dividendBps"].integer(BPS))
        pool = self.currency.free(STAKING)
        self.max_commit_per_account.value = mul_div(pool, self.commit_cap_bps, BPS)
        self.contribution_budget.value = self.currency.free(REFERRAL) // QUARTERS

    def _genesis_tiers(self, section: Section) -> list[Tier]:
        tiers = []
        for row, known in zip(section.rows(len(TIERS)), TIERS, strict=True):
            days, reward, minimum, burn = row.rows(4)
            terms = Tier(days.u32(), reward.u32(), minimum.planck(), burn.u32(), known.perks)
            tiers.append(terms)
        if not are_in_order(tiers):
            raise GenesisError(f"{section.path}: tiers out of bounds, or longer ones worse")
        return tiers

    def on_initialize(self, number: int) -> int:
        """Share out the stakers' part of what came in, if an era ended."""
        del number
        era, last = self.clock.now() // int(self.era_slots), self.era.value
        if era <= last:
            return 0
        self.era.value = u32(era)
        self._feed(last)
        return weights.FEED

    # ---- calls

    @call(0, weight=weights.STAKE)
    def stake(
        self,
        origin: Origin,
        amount: CompactAmount,
        tier: TierIndex,
        min_reward: Annotated[u128 | None, TypeName("Option<BalanceOf<T>>")],
    ) -> None:
        """Lock `amount` until the end of the tier's term. There is no way out before.

        The pool reserves the whole reward now. If it has not enough, the call fails, unless you
        name `min_reward`: then the stake earns less, but at least that much in all, before burns.
        Money that is locked or vesting cannot be staked.
        """
        who = origin.signed()
        terms = self._terms(tier)
        if amount < terms.minimum:
            raise self.BelowMinimum
        holdings = self.holdings.get(who) or Holdings()
        if len(holdings.positions) >= self.max_stakes_per_account:
            raise self.TooManyStakes
        free = int(self.pool().free)
        bps, commit = self._offer(amount, terms, free, int(holdings.commit), min_reward)
        self._hold(who, amount)

        number = self.next_id.value
        self.next_id.value = number + 1
        self.pool_committed.value += commit
        self._count(amount, int(terms.perks))
        self._open(who, number, amount, tier, terms, bps, commit, holdings)
        self.deposit(self.Staked(who, number, amount, tier, commit))

    @call(1, weight=weights.CLAIM)
    def claim(self, origin: Origin, id: StakeId) -> None:
        """Have the reward paid that your stake has earned so far."""
        who = origin.signed()
        stake = self._stake(who, id)
        if not self._pay_reward(who, id, stake):
            raise self.NothingToClaim
        self.stakes[who, id] = stake

    @call(2, weight=weights.UNSTAKE)
    def unstake(self, origin: Origin, id: StakeId) -> None:
        """Close your stake after its term: all that is left to pay, and the principal is free."""
        who = origin.signed()
        stake = self._stake(who, id)
        if self._moment() < stake.term_end:
            raise self.StillLocked
        self._close(who, id, stake)
        self.deposit(self.Unstaked(who, id, u128(stake.amount)))

    @call(3, weight=weights.FORCE_UNSTAKE)
    def force_unstake(self, origin: Origin, who: Address, id: StakeId) -> None:
        """Close a stake of `who` before its time: what it has earned is paid, no more.

        For the chain itself.
        """
        origin.root()
        owner = lookup(who)
        stake = self._stake(owner, id)
        forfeited = self._close(owner, id, stake)
        self.deposit(self.ForceUnstaked(owner, id, u128(stake.amount), forfeited))

    @call(4, weight=weights.EXTEND)
    def extend(self, origin: Origin, id: StakeId, tier: TierIndex) -> None:
        """Begin the term of `tier` with your stake now, if that ends after its present one.

        What it has earned is paid; what it would have earned is promised anew, at the full rate
        of the new tier. If the new tier is good for more, the stake warms up again.
        """
        who = origin.signed()
        stake, terms = self._stake(who, id), self._terms(tier)
        now = self._moment()
        if now + term_ms(terms) <= stake.term_end:
            raise self.NotLonger
        if stake.amount < terms.minimum:
            raise self.BelowMinimum
        holdings = self._holdings(who)
        holdings.commit = u128(holdings.commit - stake.commit)
        earned = accrued(stake.amount, stake.bps, self._elapsed(stake, now))
        forfeited = u128(stake.commit - earned)
        free = int(self.pool().free) + int(forfeited)
        amount = u128(stake.amount)
        bps, commit = self._offer(amount, terms, free, int(holdings.commit), None)

        self._pay_reward(who, id, stake)
        self._pay_dividend(who, id, stake)
        self.pool_committed.value = self.pool_committed.value - forfeited + commit
        old = self._take_position(holdings, id)
        self._uncount(amount, int(old.perks))
        self._count(amount, int(terms.perks))
        self._open(who, id, amount, tier, terms, bps, commit, holdings, before=old)
        self.deposit(self.Extended(who, id, tier, commit))

    @call(5, weight=weights.CLAIM_DIVIDEND)
    def claim_dividend(self, origin: Origin, id: StakeId) -> None:
        """Have your stake's share of the compute fees paid, as far as eras have ended."""
        who = origin.signed()
        stake = self._stake(who, id)
        if self._dividend(stake) < ONE:
            raise self.NothingToClaim
        self._pay_dividend(who, id, stake)
        self.stakes[who, id] = stake

    @call(6, weight=weights.CLAIM_CONTRIBUTION)
    def claim_contribution(self, origin: Origin, quarter: QuarterIndex) -> None:
        """Have your contributions in a quarter that is over paid."""
        who = origin.signed()
        if quarter >= self.quarter_now():
            raise self.QuarterNotOver
        mine, whole = self.contrib_points.get((quarter, who)), self.quarters.get(quarter)
        if mine is None or whole is None:
            raise self.NothingToClaim
        amount = mul_div(whole.budget, mine.points, whole.points)
        del self.contrib_points[quarter, who]
        self.rewards.pay(REFERRAL, who, amount, discretionary=False)
        self.deposit(self.ContributionPaid(who, quarter, amount))

    @call(7, weight=weights.REQUEST_PREMIUM)
    def request_premium(self, origin: Origin, service: Service) -> None:
        """Ask for a premium service, which your stakes must open to you."""
        who = origin.signed()
        least = self.premium_services.get(service)
        if least is None:
            raise self.UnknownService
        if all(position.tier < least for position in self._active(who)):
            raise self.NotEntitled
        self.deposit(self.PremiumRequested(who, service))

    @call(8, weight=weights.TOP_UP)
    def top_up(self, origin: Origin, amount: CompactAmount) -> None:
        """Give `amount` to the reward pool, for good. Your account is kept."""
        who = origin.signed()
        self.currency.transfer(who, STAKING, amount, True)
        self.deposit(self.PoolToppedUp(who, amount))

    @call(9, weight=weights.SET_TIER)
    def set_tier(
        self,
        origin: Origin,
        tier: TierIndex,
        terms: Annotated[Tier, TypeName("Tier<BalanceOf<T>>")],
    ) -> None:
        """Change the terms of new stakes of a tier. For the origin of parameters.

        Open stakes keep theirs. A longer tier must not be worse than a shorter one.
        """
        self.params(origin)
        tiers = self.current_tiers.value
        if tier >= len(tiers):
            raise self.UnknownTier
        tiers[tier] = terms
        if not are_in_order(tiers):
            raise self.InvalidTerms
        self.current_tiers.value = tiers
        self.deposit(self.TierSet(tier, terms))

    @call(10, weight=weights.SET_DIVIDEND_BPS)
    def set_dividend_bps(self, origin: Origin, bps: Rate) -> None:
        """Change the stakers' part of the compute inflow. For the origin of parameters."""
        self.params(origin)
        if bps > BPS:
            raise self.InvalidShare
        self.dividend_bps.value = bps
        self.deposit(self.DividendShareSet(bps))

    @call(11, weight=weights.SET_PREMIUM)
    def set_premium(
        self,
        origin: Origin,
        service: Service,
        min_tier: Annotated[u8 | None, TypeName("Option<TierIndex>")],
    ) -> None:
        """Open a premium service from a tier on, or close it. For the origin of parameters."""
        self.params(origin)
        if min_tier is None:
            del self.premium_services[service]
        elif min_tier < len(TIERS):
            self.premium_services[service] = min_tier
        else:
            raise self.UnknownTier
        self.deposit(self.PremiumSet(service, min_tier))

    @call(12, weight=weights.SET_CONTRIBUTION_BUDGET)
    def set_contribution_budget(self, origin: Origin, amount: Amount) -> None:
        """Change what quarters share from now on. For the origin of parameters.

        A quarter in which somebody has contributed already keeps its budget.
        """
        self.params(origin)
        self.contribution_budget.value = amount
        self.deposit(self.ContributionBudgetSet(amount))

    # ---- doors: what stakes are good for

    def benefits(self, who: AccountId) -> Benefits:
        """Return what the stakes of `who` are good for now: one read.

        A stake counts when it has been open for a day, and until its term ends, even if it is
        left where it is: what can be taken out at any moment is no stake any more.
        """
        perks = self._perks(who)
        if not perks:
            return NO_BENEFITS
        return Benefits(
            bool(perks & PRIORITY),
            self.discount_share if perks & DISCOUNT else u32(0),
            self.vote_multiplier_bps if perks & VOTE else u32(BPS),
            bool(perks & SPECIAL),
        )

    def discount_bps(self, who: AccountId) -> int:
        """Return what part of transaction fees `who` does not pay, in hundredths of a percent."""
        window = self.discounts.get(who)
        if window is None or not window.covers(self._moment()):
            return 0
        return int(self.discount_share)

    def active_stake(self, who: AccountId) -> u128:
        """Return the principal of the stakes of `who` that count now, in planck."""
        return u128(sum(int(position.amount) for position in self._active(who)))

    def staked_of(self, who: AccountId) -> StakedMoney:
        """Return all that `who` has staked, by how it votes now.

        Stakes that have not warmed up, or whose term is over, vote like short ones.
        """
        holdings = self.holdings.get(who) or Holdings()
        total = sum(int(position.amount) for position in holdings.positions)
        long = sum(int(one.amount) for one in self._active(who) if one.perks & VOTE)
        return StakedMoney(u128(long), u128(total - long))

    def lasting(self, who: AccountId, slots: int) -> StakedMoney:
        """Return what of that stays on hold for at least so many slots more."""
        holdings = self.holdings.get(who)
        positions = holdings.positions if holdings is not None else []
        now, warm_up = self._moment(), int(self.warm_up)
        least = now + slots * int(self.slot_ms)
        kept = [one for one in positions if one.until >= least]
        total = sum(int(one.amount) for one in kept)
        votes = [one for one in kept if one.perks & VOTE and is_warm(one, now, warm_up)]
        long = sum(int(one.amount) for one in votes)
        return StakedMoney(u128(long), u128(total - long))

    def staked(self) -> StakedMoney:
        """Return all that is staked; `long` is what could vote more, warmed up or not."""
        total, long = self.total_staked.value, self.long_staked.value
        return StakedMoney(long, total - long)

    def staked_total(self) -> int:
        """Return all that is staked, in planck."""
        return int(self.total_staked.value)

    # ---- doors: the rest

    @property
    def reason(self) -> Reason:
        """Why Balances holds the stakes."""
        return Reason(self.index, self.HoldReason.TierStake)

    def pool(self) -> PoolState:
        """Return what of the pool is promised, and what is not.

        What is free is worked out from the balance: anybody can send money to the pool, and it
        is of use at once.
        """
        committed = self.pool_committed.value
        return PoolState(self.currency.free(STAKING) - committed, committed)

    def reward_due(self, who: AccountId, id: u32) -> u128:
        """Return what `claim` would pay, burned part included. Raises NotOwner."""
        stake = self._stake(who, id)
        return self._due(stake, self._moment())

    def dividend_due(self, who: AccountId, id: u32) -> u128:
        """Return what `claim_dividend` would pay. Raises NotOwner."""
        return u128(self._dividend(self._stake(who, id)) // ONE)

    def quarter_now(self) -> int:
        """Return the number of the quarter at hand, counted from genesis."""
        return self._moment() // int(self.quarter)

    def add_points(self, who: AccountId, kind: Contribution, count: int = 1) -> None:
        """Note that `who` contributed `count` times in this quarter.

        Only stakers are rewarded: it counts for nothing if no stake of `who` counts now. Votes
        beyond the most that count are left out.
        """
        if not self._active(who):
            return
        quarter = u32(self.quarter_now())
        mine = self.contrib_points.get((quarter, who)) or ContributionPoints()
        if kind is Contribution.Vote:
            count = min(count, MAX_VOTES - int(mine.votes))
            mine.votes += count
        points = min(count * POINTS[kind], u32.MAX - mine.points)
        if not points:
            return
        whole = self.quarters.get(quarter) or Quarter(u64(0), self.contribution_budget.value)
        mine.points += points
        whole.points += points
        self.contrib_points[quarter, who] = mine
        self.quarters[quarter] = whole

    # ---- steps: looking

    def _moment(self) -> int:
        """Return the time, in ms since genesis."""
        return self.clock.now() * int(self.slot_ms)

    def _terms(self, tier: int) -> Tier:
        tiers = self.current_tiers.peek()
        if tier >= len(tiers):
            raise self.UnknownTier
        return tiers[tier]

    def _stake(self, who: AccountId, id: u32) -> Stake:
        stake = self.stakes.get((who, id))
        if stake is None:
            raise self.NotOwner
        return stake

    def _holdings(self, who: AccountId) -> Holdings:
        return self.holdings[who]

    def _active(self, who: AccountId) -> list[Position]:
        """Return the stakes of `who` that have warmed up and whose term is not over."""
        holdings = self.holdings.get(who)
        if holdings is None:
            return []
        now, warm_up = self._moment(), int(self.warm_up)
        return [one for one in holdings.positions if now < one.until and is_warm(one, now, warm_up)]

    def _perks(self, who: AccountId) -> int:
        perks = 0
        for position in self._active(who):
            perks |= position.perks
        return perks

    def _elapsed(self, stake: Stake, now: int) -> int:
        return min(now, int(stake.term_end)) - int(stake.opened)

    def _due(self, stake: Stake, now: int) -> u128:
        earned = accrued(stake.amount, stake.bps, self._elapsed(stake, now))
        return u128(earned - stake.gross_claimed)

    def _dividend(self, stake: Stake) -> int:
        """Return what the stake is owed of the dividends, in 10^-18 planck."""
        return int(stake.amount) * int(self.acc_dividend.value - stake.acc_snapshot)

    def _offer(
        self, amount: u128, terms: Tier, free: int, promised: int, min_reward: u128 | None
    ) -> tuple[int, u128]:
        """Return the rate that a new stake gets, and what it earns at that rate in its term.

        `free` is what the pool has, `promised` what of the account's cap is used up.
        """
        term, bps = term_ms(terms), int(terms.reward_bps)
        commit = accrued(amount, bps, term)
        room = max(0, int(self.max_commit_per_account.value) - promised)
        if commit > min(free, room):
            if min_reward is None:
                raise self.RewardPoolExhausted if commit > free else self.CommitCapExceeded
            bps = affordable_bps(amount, term, min(free, room))
            commit = accrued(amount, bps, term)
        if min_reward is not None and commit < min_reward:
            raise self.RewardBelowMin
        return bps, commit

    # ---- steps: changing

    def _hold(self, who: AccountId, amount: u128) -> None:
        try:
            self.currency.hold(self.reason, who, amount)
        except TokenError as error:
            if error.kind is TokenErrorKind.Frozen:
                raise self.LockedFundsNotStakable from None
            raise

    def _open(
        self,
        who: AccountId,
        id: u32,
        amount: u128,
        tier: u8,
        terms: Tier,
        bps: int,
        commit: u128,
        holdings: Holdings,
        *,
        before: Position | None = None,
    ) -> None:
        """Store a stake that begins now. One that is good for no more than before stays warm."""
        now = u64(self._moment())
        end = u64(now + term_ms(terms))
        stays = before is not None and terms.perks | before.perks == before.perks
        since = before.since if before is not None and stays else now
        accumulated = self.acc_dividend.value
        self.stakes[who, id] = Stake(
            amount, tier, now, end, commit, u128(0), accumulated, u32(bps), terms.burn_bps
        )
        holdings.commit = u128(holdings.commit + commit)
        holdings.positions.append(Position(id, tier, terms.perks, since, end, amount))
        self._store(who, holdings)

    def _close(self, who: AccountId, id: u32, stake: Stake) -> u128:
        """Pay what a stake has earned, and let the principal go; return what it will not earn."""
        self._pay_reward(who, id, stake)
        self._pay_dividend(who, id, stake)
        forfeited = u128(stake.commit - stake.gross_claimed)
        self.pool_committed.value -= forfeited
        holdings = self._holdings(who)
        holdings.commit = u128(holdings.commit - stake.commit)
        position = self._take_position(holdings, id)
        self._store(who, holdings)
        del self.stakes[who, id]
        self._uncount(stake.amount, int(position.perks))
        self.currency.release(self.reason, who, u128(stake.amount))
        return forfeited

    def _store(self, who: AccountId, holdings: Holdings) -> None:
        """Store what an account holds now; nothing is stored of nothing."""
        if holdings.positions:
            self.holdings[who] = holdings
        else:
            del self.holdings[who]
        window = window_of(holdings.positions, DISCOUNT, self._moment(), int(self.warm_up))
        if window is None:
            del self.discounts[who]
        else:
            self.discounts[who] = window

    def _take_position(self, holdings: Holdings, id: u32) -> Position:
        place = next(at for at, one in enumerate(holdings.positions) if one.id == id)
        return holdings.positions.pop(place)

    def _count(self, amount: int, perks: int) -> None:
        self.total_staked.value += amount
        if perks & VOTE:
            self.long_staked.value += amount

    def _uncount(self, amount: int, perks: int) -> None:
        self.total_staked.value -= amount
        if perks & VOTE:
            self.long_staked.value -= amount

    def _pay_reward(self, who: AccountId, id: u32, stake: Stake) -> u128:
        """Pay what is due and note it in `stake`, which is not stored here; return it, gross."""
        due = self._due(stake, self._moment())
        if not due:
            return due
        burned = mul_div(due, stake.burn_bps, BPS)
        stake.gross_claimed = u128(stake.gross_claimed + due)
        self.pool_committed.value -= due
        if burned:
            self.rewards.destroy(STAKING, burned, BurnReason.Staking)
        if burned < due:
            self.rewards.pay(STAKING, who, due - burned, discretionary=False)
        self.deposit(self.RewardPaid(who, id, due, burned, due - burned))
        return due

    def _pay_dividend(self, who: AccountId, id: u32, stake: Stake) -> None:
        """Pay the dividends due and note it in `stake`, which is not stored here.

        The part of a planck that cannot be paid goes back to what is still to be shared out.
        """
        whole, part = divmod(self._dividend(stake), ONE)
        stake.acc_snapshot = self.acc_dividend.value
        if part:
            self.acc_rem.value += part
        if not whole:
            return
        amount = u128(whole)
        self.dividends_owed.value -= amount
        self.dividends.pay_earmarked(who, amount)
        self.deposit(self.DividendPaid(who, id, amount))

    def _feed(self, ended: u32) -> None:
        """Share out the stakers' part of what came in, and what is left of times before.

        While nothing is staked the development fund keeps all: the first to stake, with little
        and for a month, would get what came in of all the time before.
        """
        inflow = self.dividends.compute_inflow_of_era()
        share = mul_div(inflow, self.dividend_bps.value if self.total_staked.value else 0, BPS)
        if inflow:
            self.dividends.earmark(share)
        if share:
            self.dividends_owed.value += share
        waiting = int(share) * ONE + int(self.acc_rem.value)
        staked = int(self.total_staked.value)
        each, rest = divmod(waiting, staked) if staked else (0, waiting)
        if each:
            self.acc_dividend.value += each
            self.deposit(self.DividendDistributed(ended, u128(each * staked // ONE)))
        if rest != waiting or share:
            self.acc_rem.value = u256(rest)
