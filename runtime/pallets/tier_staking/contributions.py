"""Contributions of stakers besides staking, and their payment by quarter."""

from __future__ import annotations

from typing import Final

from btt_chain.primitives.account import AccountId
from btt_chain.scale import u32, u64, u128
from runtime.accounts import REFERRAL
from runtime.frame import Component, DoubleMap, Hasher, Map, Pallet, Value
from runtime.pallets.tier_staking import errors, events
from runtime.pallets.tier_staking.positions import Positions
from runtime.pallets.tier_staking.rewards import Rewards
from runtime.pallets.tier_staking.time import MsClock
from runtime.pallets.tier_staking.types import Contribution, ContributionPoints, Quarter
from runtime.splits import mul_div

MAX_VOTES: Final = 20
"""Maximum number of votes of an account that count in a quarter."""
POINTS: Final = {Contribution.Vote: 1, Contribution.Referral: 5, Contribution.Credential: 3}
"""Points of each kind of contribution."""


class Contributions(Component):
    """Points of stakers by quarter, and the budgets shared among them."""

    contrib_points = DoubleMap(
        u32, AccountId, ContributionPoints, hashers=(Hasher.Twox64Concat, Hasher.Blake2_128Concat)
    )
    """Contributions of stakers, by quarter; removed when they are paid."""
    quarters = Map(u32, Quarter, hasher=Hasher.Twox64Concat)
    """Sum of contributions of all stakers, by quarter."""
    contribution_budget = Value(u128, default=u128(0))
    """Budget of quarters without a contribution so far, in planck."""

    def __init__(
        self,
        pallet: Pallet,
        time: MsClock,
        positions: Positions,
        rewards: Rewards,
        quarter: u64,
    ) -> None:
        super().__init__(pallet)
        self.time = time
        self.positions = positions
        self.rewards = rewards
        self.quarter = int(quarter)

    def claim(self, who: AccountId, quarter: u32) -> None:
        """Pay the contributions of `who` in a quarter. Raises QuarterNotOver and NothingToClaim."""
        if quarter >= self.quarter_now():
            raise errors.QuarterNotOver
        mine, whole = self.contrib_points.get((quarter, who)), self.quarters.get(quarter)
        if mine is None or whole is None:
            raise errors.NothingToClaim
        amount = mul_div(whole.budget, mine.points, whole.points)
        del self.contrib_points[quarter, who]
        self.rewards.pay(REFERRAL, who, amount, discretionary=False)
        self.deposit(events.ContributionPaid(who, quarter, amount))

    def quarter_now(self) -> int:
        """Return the number of the current quarter, counted from genesis."""
        return self.time.now() // self.quarter

    def add_points(self, who: AccountId, kind: Contribution, count: int = 1) -> None:
        """Count `count` contributions of `who` in this quarter.

        They count only if `who` has an active stake. Votes beyond the maximum are ignored.
        """
        if not self.positions.active(who):
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
