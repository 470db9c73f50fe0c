"""Contributions of stakers besides staking, and their payment by quarter.

A contribution counts for an account with a judged identity of its own and an active stake, up to a
maximum of each kind in a quarter. Without the identity one staker could contribute under many names
and take most of the budget, which is shared by points and not by stakes. Sub-accounts do not count
for the same reason: their parent does.
"""

from __future__ import annotations

from typing import Final

from btt_chain.primitives.account import AccountId
from btt_chain.scale import u32, u64, u128
from runtime.accounts import REFERRAL
from runtime.frame import Component, DoubleMap, Hasher, Map, Value
from runtime.frame.traits import IdentityInspect
from runtime.pallets.tier_staking import errors, events
from runtime.pallets.tier_staking.positions import Positions
from runtime.pallets.tier_staking.rewards import Rewards
from runtime.pallets.tier_staking.time import MsClock
from runtime.pallets.tier_staking.types import (
    Contribution,
    ContributionPoints,
    ContributionView,
    Quarter,
)
from runtime.splits import mul_div

MAX_VOTES: Final = 20
MAX_REFERRALS: Final = 4
MAX_CREDENTIALS: Final = 4
"""Maximum numbers of contributions of an account that count in a quarter."""
VOTE_POINTS: Final = 1
REFERRAL_POINTS: Final = 5
CREDENTIAL_POINTS: Final = 3
"""Points of one contribution of each kind."""
SHOWN_QUARTERS: Final = 8
"""Number of earlier quarters that a view looks through."""


class Contributions(Component):
    """Points of stakers by quarter, and the budgets shared among them."""

    time: MsClock
    positions: Positions
    rewards: Rewards
    identities: IdentityInspect
    quarter: int

    contrib_points = DoubleMap(
        u32, AccountId, ContributionPoints, hashers=(Hasher.Twox64Concat, Hasher.Blake2_128Concat)
    )
    """Contributions of stakers, by quarter; removed when they are paid."""
    quarters = Map(u32, Quarter, hasher=Hasher.Twox64Concat)
    """Sum of contributions of all stakers, by quarter."""
    contribution_budget = Value(u128, default=u128(0))
    """Budget of quarters without a contribution so far, in planck."""

    def claim(self, who: AccountId, quarter: u32) -> None:
        """Pay the contributions of `who` in a quarter. Raises QuarterNotOver and NothingToClaim."""
        if quarter >= self.quarter_now():
            raise errors.QuarterNotOver
        mine, whole = self.contrib_points.get((quarter, who)), self.quarters.get(quarter)
        if mine is None or whole is None:
            raise errors.NothingToClaim
        amount = earned(mine, whole)
        del self.contrib_points[quarter, who]
        self.rewards.pay(REFERRAL, who, amount, discretionary=False)
        self.deposit(events.ContributionPaid(who, quarter, amount))

    def view(self, who: AccountId) -> ContributionView:
        """Return the contributions of `who` in this quarter, and what it can claim."""
        now = self.quarter_now()
        this, claimable = u32(now), list[tuple[u32, u128]]()
        for quarter in map(u32, range(max(0, now - SHOWN_QUARTERS), now)):
            mine, whole = self.contrib_points.get((quarter, who)), self.quarters.get(quarter)
            if mine is not None and whole is not None:
                claimable.append((quarter, earned(mine, whole)))
        known = self.quarters.get(this) or Quarter(u64(0), self.contribution_budget.value)
        mine = self.contrib_points.get((this, who)) or ContributionPoints()
        counts = self.counts(who)
        return ContributionView(this, counts, mine, known.points, known.budget, claimable)

    def quarter_now(self) -> int:
        """Return the number of the current quarter, counted from genesis."""
        return self.time.now() // self.quarter

    def count_vote(self, who: AccountId) -> None:
        """Count a vote that stood until its referendum was decided.

        The caller counts each account once in each referendum.
        """
        self.add_points(who, Contribution.Vote)

    def count_referral(self, who: AccountId, bound: u128) -> None:
        """Count a complete referral, whose points earn at most `bound` planck.

        The caller counts each referee once.
        """
        self.add_points(who, Contribution.Referral, bound)

    def count_credential(self, who: AccountId, bound: u128) -> None:
        """Count a credential that an educator attested, whose points earn at most `bound` planck.

        The caller counts each credential once.
        """
        self.add_points(who, Contribution.Credential, bound)

    def add_points(self, who: AccountId, kind: Contribution, bound: u128 = u128(0)) -> None:
        """Add the points of a contribution in this quarter; those of votes have no bound.

        It is ignored if `who` has no judged identity of its own or no active stake, or if the
        maximum of the quarter is reached.
        """
        if not self.counts(who):
            return
        quarter = u32(self.quarter_now())
        mine = self.contrib_points.get((quarter, who)) or ContributionPoints()
        points = counted(mine, kind)
        if not points:
            return
        whole = self.quarters.get(quarter) or Quarter(u64(0), self.contribution_budget.value)
        mine.points += points
        mine.bound += bound
        whole.points += points
        self.contrib_points[quarter, who] = mine
        self.quarters[quarter] = whole

    def counts(self, who: AccountId) -> bool:
        """Return True if contributions of `who` count now."""
        identities = self.identities
        judged = identities.verified(who) and identities.operator_of(who) == who
        return judged and bool(self.positions.active(who))


def counted(mine: ContributionPoints, kind: Contribution) -> int:
    """Count a contribution in `mine`; return its points, zero if the maximum is reached."""
    match kind:
        case Contribution.Vote if mine.votes < MAX_VOTES:
            mine.votes += 1
            return VOTE_POINTS
        case Contribution.Referral if mine.referrals < MAX_REFERRALS:
            mine.referrals += 1
            return REFERRAL_POINTS
        case Contribution.Credential if mine.credentials < MAX_CREDENTIALS:
            mine.credentials += 1
            return CREDENTIAL_POINTS
        case _:
            return 0


def earned(mine: ContributionPoints, whole: Quarter) -> u128:
    """Return the amount that contributions earn: their part of the budget, rounded down.

    The points of referrals and credentials add at most their bound, which is less than the fees
    behind them: a staker who refers or attests itself gains nothing, however few others contribute.
    """
    votes = mine.votes * VOTE_POINTS
    most = mul_div(whole.budget, votes, whole.points) + mine.bound
    return min(mul_div(whole.budget, mine.points, whole.points), most)
