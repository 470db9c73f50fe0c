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
from runtime.pallets.tier_staking.formulas import (
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
"""Maximum number of votes of an account that count in a quarter."""
POINTS: Final = {Contribution.Vote: 1, Contribution.Referral: 5, Contribution.Credential: 3}
"""Points of each kind of contribution."""
QUARTERS: Final = 32
"""Number of quarters over which the initial budget spends the contribution pool."""


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
    """The clock; Babe satisfies it."""

    def now(self) -> int:
        """Return the slots since genesis."""


class Currency(Protocol):
    """The staked money; Balances satisfies it. Amounts in planck."""

    def free(self, who: AccountId) -> u128:
        """Return the free balance."""

    def hold(self, reason: Reason, who: AccountId, amount: u128) -> None:
        """Put free balance on hold; raise TokenError if it is too small or locked."""

    def release(self, reason: Reason, who: AccountId, amount: u128) -> None:
        """Release held balance."""

    def transfer(self, source: AccountId, dest: AccountId, amount: u128, keep_alive: bool) -> None:
        """Transfer spendable balance."""


class Rewards(Protocol):
    """Payments of pools; Tokenomics satisfies it. Amounts in planck."""

    def pay(self, pool: AccountId, to: AccountId, amount: u128, *, discretionary: bool) -> None:
        """Pay out of a pool; raise DispatchError if it has too little."""

    def destroy(self, who: AccountId, amount: u128, reason: BurnReason) -> None:
        """Destroy money of a pool or of any account."""


class Dividends(Protocol):
    """The stakers' share of the development fund; Tokenomics satisfies it. In planck."""

    def compute_inflow_of_era(self) -> u128:
        """Return the fund's income from compute fees since the last `earmark`."""

    def earmark(self, amount: u128) -> None:
        """Reserve that much of it until `pay_earmarked`, and reset the income to zero."""

    def pay_earmarked(self, to: AccountId, amount: u128) -> None:
        """Pay from the earmarked amount."""


class TierStaking(Pallet):
    """Stakes locked for a term, their rewards and benefits."""

    tiers: Const[TierTable] = TIERS
    """The default tiers; `current_tiers` are those of new stakes."""
    max_stakes_per_account: Const[u32] = u32(MAX_STAKES)
    """Maximum number of open stakes of one account."""
    warm_up: Const[u64] = u64(WARM_UP_MS)
    """Duration in ms until a stake has benefits other than its reward.

    A day at most, because the shortest term allowed is two days.
    """
    discount_share: Const[u32] = u32(2_000)
    """Discount on transaction fees, in basis points."""
    vote_multiplier_bps: Const[u32] = u32(15_000)
    """Vote weight of stakes with more votes, in basis points."""
    commit_cap_bps: Const[u32] = u32(1_000)
    """Maximum part of the genesis pool reserved for one account, in basis points."""
    quarter: Const[u64] = u64(QUARTER_MS)
    """Duration of a quarter, in ms."""
    slot_ms: u64
    """Duration of a slot, in ms."""
    era_slots: u32
    """Length of an era, which is an epoch, in slots."""
    clock: Clock
    currency: Currency
    rewards: Rewards
    dividends: Dividends
    params: OriginCheck = ensure_root
    """Origin that may change tiers, shares, budgets and services."""

    stakes = DoubleMap(
        AccountId, u32, Stake, hashers=(Hasher.Blake2_128Concat, Hasher.Twox64Concat)
    )
    """Open stakes, by owner and number."""
    holdings = Map(AccountId, Holdings)
    """Open stakes of an account in one record, with their benefits."""
    discounts = Map(AccountId, Window)
    """Times of accounts' fee discounts: read for every transaction, so the record is small."""
    next_id = Value(u32, default=u32(0))
    """Number of the next stake."""
    pool_committed = Value(u128, default=u128(0))
    """Rewards reserved for open stakes and not claimed, in planck."""
    max_commit_per_account = Value(u128, default=u128(0))
    """Maximum reward reserved for one account, in planck."""
    total_staked = Value(u128, default=u128(0))
    """Sum of the principals of all open stakes, in planck."""
    long_staked = Value(u128, default=u128(0))
    """Sum of the principals of open stakes with more votes, in planck."""
    current_tiers = Value(TierTable, default=TIERS)
    """Terms of new stakes."""
    era = Value(u32, default=u32(0))
    """The current era."""
    dividend_bps = Value(u32, default=u32(2_000))
    """Stakers' share of the development fund's compute income, in basis points."""
    acc_dividend = Value(u256, default=u256(0))
    """Dividends of each staked planck since genesis, in 10^-18 planck."""
    acc_rem = Value(u256, default=u256(0))
    """Earmarked dividends not distributed yet, in 10^-18 planck."""
    dividends_owed = Value(u128, default=u128(0))
    """Unpaid dividends, in planck; they are earmarked in the fund."""
    contrib_points = DoubleMap(
        u32, AccountId, ContributionPoints, hashers=(Hasher.Twox64Concat, Hasher.Blake2_128Concat)
    )
    """Contributions of stakers, by quarter; removed when they are paid."""
    quarters = Map(u32, Quarter, hasher=Hasher.Twox64Concat)
    """Sum of contributions of all stakers, by quarter."""
    contribution_budget = Value(u128, default=u128(0))
    """Budget of quarters without a contribution so far, in planck."""
    premium_services = Map(u32, u8, hasher=Hasher.Twox64Concat)
    """Premium services, with the lowest tier that has access."""

    class HoldReason(IntEnum):
        """The reason of a hold."""

        TierStake = 0
        """Staked until the end of a term."""

    class Staked(Event, index=0):
        """A stake was opened; `commit` is its reward for the whole term, before burns."""

        who: Who
        id: StakeId
        amount: Amount
        tier: TierIndex
        commit: Amount

    class RewardPaid(Event, index=1):
        """The reward of a stake was paid: `gross` is the sum of `burned` and `paid`."""

        who: Who
        id: StakeId
        gross: Amount
        burned: Amount
        paid: Amount

    class Unstaked(Event, index=2):
        """A stake was closed after its term; the principal was released."""

        who: Who
        id: StakeId
        amount: Amount

    class ForceUnstaked(Event, index=3):
        """Root closed a stake early; `forfeited` is the reward that it loses."""

        who: Who
        id: StakeId
        amount: Amount
        forfeited: Amount

    class Extended(Event, index=4):
        """A stake began a new term; `commit` is its reward for that term, before burns."""

        who: Who
        id: StakeId
        tier: TierIndex
        commit: Amount

    class DividendDistributed(Event, index=5):
        """The stakers' share of an era's compute fees was distributed, with earlier remainders."""

        era: Era
        amount: Amount

    class DividendPaid(Event, index=6):
        """Dividends of a stake were paid."""

        who: Who
        id: StakeId
        amount: Amount

    class ContributionPaid(Event, index=7):
        """An account was paid for its contributions in a quarter."""

        who: Who
        quarter: QuarterIndex
        amount: Amount

    class PremiumRequested(Event, index=8):
        """A staker requested a premium service that it has access to."""

        who: Who
        service: Service

    class PoolToppedUp(Event, index=9):
        """An account gave money to the reward pool."""

        who: Who
        amount: Amount

    class TierSet(Event, index=10):
        """The terms of new stakes of a tier were changed; open stakes keep theirs."""

        tier: TierIndex
        terms: Annotated[Tier, TypeName("Tier<BalanceOf<T>>")]

    class DividendShareSet(Event, index=11):
        """The stakers' share of compute fees was changed, from the current era on."""

        bps: Rate

    class PremiumSet(Event, index=12):
        """A premium service is open from this tier on; None: the service was removed."""

        service: Service
        min_tier: Annotated[u8 | None, TypeName("Option<TierIndex>")]

    class ContributionBudgetSet(Event, index=13):
        """The budget of quarters without a contribution so far was changed."""

        amount: Amount

    class BelowMinimum(Error, index=0):
        """The amount is below the tier's minimum; stake more, or choose a shorter tier."""

    class UnknownTier(Error, index=1):
        """The tier does not exist; tiers are numbered from 0."""

    class RewardPoolExhausted(Error, index=2):
        """The pool cannot reserve the full reward; stake less, or name a minimum reward."""

    class RewardBelowMin(Error, index=3):
        """The reward would be below your minimum; name a smaller one, or wait for a top-up."""

    class StillLocked(Error, index=4):
        """The term is not over; claim rewards now, and unstake when it has ended."""

    class NotOwner(Error, index=5):
        """Your account has no open stake of this number; look them up under `stakes`."""

    class LockedFundsNotStakable(Error, index=6):
        """Locked or vesting money cannot be staked; stake transferable money, or `vest` first."""

    class CommitCapExceeded(Error, index=7):
        """The rewards of your stakes would exceed the cap of an account; stake less, or name a
        minimum reward.
        """

    class TooManyStakes(Error, index=8):
        """The account has the maximum number of open stakes; close one whose term is over first."""

    class NothingToClaim(Error, index=9):
        """Nothing is due now; try again later, or check whether it was paid before."""

    class NotLonger(Error, index=10):
        """The new term would not end after the present one; choose a longer tier."""

    class InvalidTerms(Error, index=11):
        """The tiers are out of bounds, or a longer tier would be worse than a shorter one."""

    class InvalidShare(Error, index=12):
        """The share exceeds its maximum of 10,000 hundredths of a percent."""

    class QuarterNotOver(Error, index=13):
        """The quarter is not over; claim its contributions afterwards."""

    class UnknownService(Error, index=14):
        """The premium service does not exist; look services up under `premium_services`."""

    class NotEntitled(Error, index=15):
        """No stake gives access to this service; a stake counts from a day old to its end."""

    # ---- hooks

    def genesis(self, config: Mapping[str, object]) -> None:
        """Record the size of the pools, and the chain's own terms if it has some.

        `tiers` is a list of five [days, reward bps, minimum in planck, burn bps] in order of
        length; `dividendBps` is the stakers' share of the compute income. Raises GenesisError.
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
        """Distribute the stakers' share of the compute income, if an era ended."""
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
        """Lock `amount` planck until the end of the tier's term. It cannot be withdrawn before.

        The pool reserves the whole reward now. If it has too little, the call fails, unless you
        name `min_reward`: then the stake earns less, but at least that much in total, before burns.
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
        """Pay the reward that your stake has earned so far."""
        who = origin.signed()
        stake = self._stake(who, id)
        if not self._pay_reward(who, id, stake):
            raise self.NothingToClaim
        self.stakes[who, id] = stake

    @call(2, weight=weights.UNSTAKE)
    def unstake(self, origin: Origin, id: StakeId) -> None:
        """Close your stake after its term: pay what is due, and release the principal."""
        who = origin.signed()
        stake = self._stake(who, id)
        if self._moment() < stake.term_end:
            raise self.StillLocked
        self._close(who, id, stake)
        self.deposit(self.Unstaked(who, id, u128(stake.amount)))

    @call(3, weight=weights.FORCE_UNSTAKE)
    def force_unstake(self, origin: Origin, who: Address, id: StakeId) -> None:
        """Close a stake of `who` before its end, paying only what it has earned. Origin: root."""
        origin.root()
        owner = lookup(who)
        stake = self._stake(owner, id)
        forfeited = self._close(owner, id, stake)
        self.deposit(self.ForceUnstaked(owner, id, u128(stake.amount), forfeited))

    @call(4, weight=weights.EXTEND)
    def extend(self, origin: Origin, id: StakeId, tier: TierIndex) -> None:
        """Restart your stake with the term of `tier`, if that ends after its present one.

        The reward earned so far is paid; the rest is replaced by the full reward of the new term.
        If the new tier has further benefits, the stake warms up again.
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
        """Pay your stake's share of the compute fees of ended eras."""
        who = origin.signed()
        stake = self._stake(who, id)
        if self._dividend(stake) < ONE:
            raise self.NothingToClaim
        self._pay_dividend(who, id, stake)
        self.stakes[who, id] = stake

    @call(6, weight=weights.CLAIM_CONTRIBUTION)
    def claim_contribution(self, origin: Origin, quarter: QuarterIndex) -> None:
        """Pay your contributions in a quarter that is over."""
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
        """Request a premium service to which your stakes give access."""
        who = origin.signed()
        least = self.premium_services.get(service)
        if least is None:
            raise self.UnknownService
        if all(position.tier < least for position in self._active(who)):
            raise self.NotEntitled
        self.deposit(self.PremiumRequested(who, service))

    @call(8, weight=weights.TOP_UP)
    def top_up(self, origin: Origin, amount: CompactAmount) -> None:
        """Give `amount` planck to the reward pool irrevocably. Your account stays alive."""
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
        """Change the terms of new stakes of a tier. Origin: parameters.

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
        """Change the stakers' share of the compute income. Origin: parameters."""
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
        """Open a premium service from a tier on, or close it. Origin: parameters."""
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
        """Change the budget of quarters, in planck. Origin: parameters.

        A quarter that already has a contribution keeps its budget.
        """
        self.params(origin)
        self.contribution_budget.value = amount
        self.deposit(self.ContributionBudgetSet(amount))

    # ---- public interface: benefits

    def benefits(self, who: AccountId) -> Benefits:
        """Return the current benefits of the stakes of `who`, with one read.

        A stake has benefits from the end of its warm-up until its term ends, even if it is not
        closed then: money that can be withdrawn at any moment has none.
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
        """Return the discount of `who` on transaction fees, in hundredths of a percent."""
        window = self.discounts.get(who)
        if window is None or not window.covers(self._moment()):
            return 0
        return int(self.discount_share)

    def active_stake(self, who: AccountId) -> u128:
        """Return the sum of principals of the active stakes of `who`, in planck."""
        return u128(sum(int(position.amount) for position in self._active(who)))

    def staked_of(self, who: AccountId) -> StakedMoney:
        """Return all stakes of `who`, by their present vote weight.

        Stakes in warm-up, or whose term is over, vote like short ones.
        """
        holdings = self.holdings.get(who) or Holdings()
        total = sum(int(position.amount) for position in holdings.positions)
        long = sum(int(one.amount) for one in self._active(who) if one.perks & VOTE)
        return StakedMoney(u128(long), u128(total - long))

    def lasting(self, who: AccountId, slots: int) -> StakedMoney:
        """Return the part of `staked_of` that stays on hold for at least `slots` more slots."""
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
        """Return all stakes; `long` includes stakes with more votes that are not active."""
        total, long = self.total_staked.value, self.long_staked.value
        return StakedMoney(long, total - long)

    def staked_total(self) -> int:
        """Return the sum of all stakes, in planck."""
        return int(self.total_staked.value)

    # ---- public interface: rewards and contributions

    @property
    def reason(self) -> Reason:
        """The reason of the holds on stakes."""
        return Reason(self.index, self.HoldReason.TierStake)

    def pool(self) -> PoolState:
        """Return the free and the committed part of the pool.

        The free part follows from the balance: any account can send money to the pool, which is
        usable at once.
        """
        committed = self.pool_committed.value
        return PoolState(self.currency.free(STAKING) - committed, committed)

    def reward_due(self, who: AccountId, id: u32) -> u128:
        """Return the amount that `claim` would pay, before burns. Raises NotOwner."""
        stake = self._stake(who, id)
        return self._due(stake, self._moment())

    def dividend_due(self, who: AccountId, id: u32) -> u128:
        """Return the amount that `claim_dividend` would pay. Raises NotOwner."""
        return u128(self._dividend(self._stake(who, id)) // ONE)

    def quarter_now(self) -> int:
        """Return the number of the current quarter, counted from genesis."""
        return self._moment() // int(self.quarter)

    def add_points(self, who: AccountId, kind: Contribution, count: int = 1) -> None:
        """Count `count` contributions of `who` in this quarter.

        They count only if `who` has an active stake. Votes beyond the maximum are ignored.
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

    # ---- internals: queries

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
        """Return the stakes of `who` after their warm-up and before the end of their term."""
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
        """Return the unpaid dividends of a stake, in 10^-18 planck."""
        return int(stake.amount) * int(self.acc_dividend.value - stake.acc_snapshot)

    def _offer(
        self, amount: u128, terms: Tier, free: int, promised: int, min_reward: u128 | None
    ) -> tuple[int, u128]:
        """Return the rate of a new stake, and its reward for the term at that rate.

        `free` is the free part of the pool, `promised` the used part of the account's cap.
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

    # ---- internals: changes

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
        """Store a stake that begins now. Without further benefits than `before` it stays warm."""
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
        """Pay what a stake has earned, and release its principal; return the forfeited reward."""
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
        """Store an account's holdings and discount; remove empty records."""
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
        """Pay the reward due and note it in `stake`, which is not stored here; return it, gross."""
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

        The fraction of a planck that cannot be paid is distributed later.
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
        """Distribute the stakers' share of the income, and undistributed earlier amounts.

        While nothing is staked the development fund keeps all: otherwise the first staker, even of
        a small amount for a month, would get the income of all the time before.
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
