"""The reward pool: what it promises to stakes, and pays."""

from __future__ import annotations

from typing import Protocol

from btt_chain.primitives.account import AccountId
from btt_chain.scale import u32, u64, u128
from runtime.accounts import STAKING
from runtime.frame import Component, Value
from runtime.frame.traits import Inspect, Payer
from runtime.pallets.tier_staking import errors, events
from runtime.pallets.tier_staking.formulas import accrued, affordable_bps, elapsed, term_ms
from runtime.pallets.tier_staking.time import MsClock
from runtime.pallets.tier_staking.types import PoolState, Stake, StakeQuote, Tier
from runtime.pallets.tokenomics.traits import Burns, Fees
from runtime.pallets.tokenomics.types import BurnReason
from runtime.splits import BPS, mul_div


class Rewards(Payer, Fees, Burns, Protocol):
    """Payments and burns of pools, and fees; Tokenomics implements it."""


class RewardPool(Component):
    """Rewards reserved for open stakes, and their payment."""

    time: MsClock
    currency: Inspect
    rewards: Rewards

    pool_committed = Value(u128, default=u128(0))
    """Rewards reserved for open stakes and not claimed, in planck."""
    max_commit_per_account = Value(u128, default=u128(0))
    """Maximum reward reserved for one account, in planck."""

    def state(self) -> PoolState:
        """Return the free and the committed part of the pool.

        The free part follows from the balance: any account can send money to the pool, which is
        usable at once.
        """
        committed = self.pool_committed.value
        return PoolState(self.currency.free(STAKING) - committed, committed)

    def due(self, stake: Stake) -> u128:
        """Return the reward that a stake has earned and not been paid."""
        earned = accrued(stake.amount, stake.bps, elapsed(stake, self.time.now()))
        return u128(earned - stake.gross_claimed)

    def offer(
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
                raise errors.RewardPoolExhausted if commit > free else errors.CommitCapExceeded
            bps = affordable_bps(amount, term, min(free, room))
            commit = accrued(amount, bps, term)
        if min_reward is not None and commit < min_reward:
            raise errors.RewardBelowMin
        return bps, commit

    def quote(self, amount: u128, terms: Tier) -> StakeQuote | None:
        """Return the reward of a new stake of an account without stakes; None below the minimum."""
        if amount < terms.minimum:
            return None
        bps, gross = self.offer(amount, terms, int(self.state().free), 0, u128(0))
        burned = mul_div(gross, terms.burn_bps, BPS)
        is_reduced = bps < terms.reward_bps
        return StakeQuote(
            u64(term_ms(terms)), u32(bps), is_reduced, gross, burned, u128(gross - burned)
        )

    def pay(self, who: AccountId, id: u32, stake: Stake) -> u128:
        """Pay the reward due and note it in `stake`, which is not stored here; return it, gross."""
        due = self.due(stake)
        if not due:
            return due
        burned = mul_div(due, stake.burn_bps, BPS)
        stake.gross_claimed = u128(stake.gross_claimed + due)
        self.pool_committed.value -= due
        if burned:
            self.rewards.destroy(STAKING, burned, BurnReason.Staking)
        if burned < due:
            self.rewards.pay(STAKING, who, due - burned, discretionary=False)
        self.deposit(events.RewardPaid(who, id, due, burned, due - burned))
        return due
