"""Open stakes.

A stake is opened, may be extended (a new term from then on), and is closed by its owner after the
term, or by root before it. Rewards and dividends can be claimed while it is open, and are paid when
it is extended or closed.
"""

from __future__ import annotations

from btt_chain.primitives.account import AccountId
from btt_chain.scale import u8, u32, u64, u128
from runtime.frame import Component, DoubleMap, Hasher, Reason, TokenError, TokenErrorKind, Value
from runtime.frame.traits import MutateHold
from runtime.pallets.tier_staking import errors, events
from runtime.pallets.tier_staking.dividends import DividendAccounting
from runtime.pallets.tier_staking.formulas import ONE, VOTE, accrued, elapsed, term_ms
from runtime.pallets.tier_staking.positions import Positions, take_position
from runtime.pallets.tier_staking.rewards import RewardPool
from runtime.pallets.tier_staking.tiers import TierTerms
from runtime.pallets.tier_staking.time import MsClock
from runtime.pallets.tier_staking.types import Holdings, Position, Stake, StakedMoney, Tier


class StakeLedger(Component):
    """Open stakes, their sums, and their principals on hold."""

    time: MsClock
    tier_terms: TierTerms
    positions: Positions
    reward_pool: RewardPool
    dividends: DividendAccounting
    currency: MutateHold
    reason: Reason
    max_stakes_per_account: u32

    stakes = DoubleMap(
        AccountId, u32, Stake, hashers=(Hasher.Blake2_128Concat, Hasher.Twox64Concat)
    )
    """Open stakes, by owner and number."""
    next_id = Value(u32, default=u32(0))
    """Number of the next stake."""
    total_staked = Value(u128, default=u128(0))
    """Sum of the principals of all open stakes, in planck."""
    long_staked = Value(u128, default=u128(0))
    """Sum of the principals of open stakes with more votes, in planck."""

    # ---- public interface: changes

    def open(self, who: AccountId, amount: u128, tier: u8, min_reward: u128 | None) -> None:
        """Open a stake of `who`, and reserve its whole reward.

        Raises UnknownTier, BelowMinimum, TooManyStakes, RewardPoolExhausted, CommitCapExceeded,
        RewardBelowMin, LockedFundsNotStakable, and TokenError.
        """
        terms = self.tier_terms.terms(tier)
        if amount < terms.minimum:
            raise errors.BelowMinimum
        holdings = self.positions.holdings_of(who)
        if len(holdings.positions) >= self.max_stakes_per_account:
            raise errors.TooManyStakes
        free = int(self.reward_pool.state().free)
        bps, commit = self.reward_pool.offer(amount, terms, free, int(holdings.commit), min_reward)
        self._hold(who, amount)

        number = self.next_id.value
        self.next_id.value = number + 1
        self.reward_pool.pool_committed.value += commit
        self._count(amount, int(terms.benefits))
        self._store(who, number, amount, tier, terms, bps, commit, holdings)
        self.deposit(events.Staked(who, number, amount, tier, commit))

    def claim_reward(self, who: AccountId, id: u32) -> None:
        """Pay the reward that a stake has earned so far. Raises NotOwner and NothingToClaim."""
        stake = self.stake(who, id)
        if not self.reward_pool.pay(who, id, stake):
            raise errors.NothingToClaim
        self.stakes[who, id] = stake

    def claim_dividend(self, who: AccountId, id: u32) -> None:
        """Pay the dividends of a stake. Raises NotOwner and NothingToClaim."""
        stake = self.stake(who, id)
        if self.dividends.unpaid(stake) < ONE:
            raise errors.NothingToClaim
        self.dividends.pay(who, id, stake)
        self.stakes[who, id] = stake

    def extend(self, who: AccountId, id: u32, tier: u8) -> None:
        """Restart a stake with the term of `tier`, and reserve the whole reward of that term.

        Raises NotOwner, UnknownTier, NotLonger, BelowMinimum, RewardPoolExhausted and
        CommitCapExceeded.
        """
        stake, terms = self.stake(who, id), self.tier_terms.terms(tier)
        now = self.time.now()
        if now + term_ms(terms) <= stake.term_end:
            raise errors.NotLonger
        if stake.amount < terms.minimum:
            raise errors.BelowMinimum
        holdings = self.positions.holdings[who]
        holdings.commit = u128(holdings.commit - stake.commit)
        earned = accrued(stake.amount, stake.bps, elapsed(stake, now))
        forfeited = u128(stake.commit - earned)
        free = int(self.reward_pool.state().free) + int(forfeited)
        amount = u128(stake.amount)
        bps, commit = self.reward_pool.offer(amount, terms, free, int(holdings.commit), None)

        self.reward_pool.pay(who, id, stake)
        self.dividends.pay(who, id, stake)
        committed = self.reward_pool.pool_committed
        committed.value = committed.value - forfeited + commit
        old = take_position(holdings, id)
        self._uncount(amount, int(old.benefits))
        self._count(amount, int(terms.benefits))
        self._store(who, id, amount, tier, terms, bps, commit, holdings, before=old)
        self.deposit(events.Extended(who, id, tier, commit))

    def close_after_term(self, who: AccountId, id: u32) -> None:
        """Close a stake after its term. Raises NotOwner and StillLocked."""
        stake = self.stake(who, id)
        if self.time.now() < stake.term_end:
            raise errors.StillLocked
        self._close(who, id, stake)
        self.deposit(events.Unstaked(who, id, u128(stake.amount)))

    def close_early(self, owner: AccountId, id: u32) -> None:
        """Close a stake at any time, paying only what it has earned. Raises NotOwner."""
        stake = self.stake(owner, id)
        forfeited = self._close(owner, id, stake)
        self.deposit(events.ForceUnstaked(owner, id, u128(stake.amount), forfeited))

    # ---- public interface: queries

    def staked(self) -> StakedMoney:
        """Return all stakes; `long` includes stakes with more votes that are not active."""
        total, long = self.total_staked.value, self.long_staked.value
        return StakedMoney(long, total - long)

    def stake(self, who: AccountId, id: u32) -> Stake:
        """Return an open stake of `who`. Raises NotOwner."""
        stake = self.stakes.get((who, id))
        if stake is None:
            raise errors.NotOwner
        return stake

    # ---- internals

    def _hold(self, who: AccountId, amount: u128) -> None:
        try:
            self.currency.hold(self.reason, who, amount)
        except TokenError as error:
            if error.kind is TokenErrorKind.Frozen:
                raise errors.LockedFundsNotStakable from None
            raise

    def _store(
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
        now = u64(self.time.now())
        end = u64(now + term_ms(terms))
        stays = before is not None and terms.benefits | before.benefits == before.benefits
        since = before.since if before is not None and stays else now
        accumulated = self.dividends.acc_dividend.value
        self.stakes[who, id] = Stake(
            amount, tier, now, end, commit, u128(0), accumulated, u32(bps), terms.burn_bps
        )
        holdings.commit = u128(holdings.commit + commit)
        holdings.positions.append(Position(id, tier, terms.benefits, since, end, amount))
        self.positions.store(who, holdings)

    def _close(self, who: AccountId, id: u32, stake: Stake) -> u128:
        """Pay what a stake has earned, and release its principal; return the forfeited reward."""
        self.reward_pool.pay(who, id, stake)
        self.dividends.pay(who, id, stake)
        forfeited = u128(stake.commit - stake.gross_claimed)
        self.reward_pool.pool_committed.value -= forfeited
        holdings = self.positions.holdings[who]
        holdings.commit = u128(holdings.commit - stake.commit)
        position = take_position(holdings, id)
        self.positions.store(who, holdings)
        del self.stakes[who, id]
        self._uncount(stake.amount, int(position.benefits))
        self.currency.release(self.reason, who, u128(stake.amount))
        return forfeited

    def _count(self, amount: int, benefits: int) -> None:
        self.total_staked.value += amount
        if benefits & VOTE:
            self.long_staked.value += amount

    def _uncount(self, amount: int, benefits: int) -> None:
        self.total_staked.value -= amount
        if benefits & VOTE:
            self.long_staked.value -= amount
