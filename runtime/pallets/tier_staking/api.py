"""Runtime API of stakes. Amounts are in planck."""

from __future__ import annotations

from btt_chain.primitives.account import AccountId
from btt_chain.scale import u32, u128
from runtime.frame import DispatchError
from runtime.frame.api import PalletOf, RuntimeApi
from runtime.pallets.tier_staking.pallet import TierStaking
from runtime.pallets.tier_staking.types import (
    Benefits,
    ContributionView,
    PoolState,
    PremiumView,
    StakeQuote,
)


class StakingApi(RuntimeApi, version=1):
    """Stakes and their benefits."""

    _staking = PalletOf(TierStaking)

    def benefits(self, account: AccountId) -> Benefits:
        """Return the current benefits of an account's stakes."""
        return self._staking.benefits(account)

    def premium(self, account: AccountId) -> list[PremiumView]:
        """Return all premium services on sale, with what an account has of each."""
        return self._staking.premium.views(account)

    def contributions(self, account: AccountId) -> ContributionView:
        """Return an account's contributions in this quarter, and what it can claim for others."""
        return self._staking.contributions.view(account)

    def pool(self) -> PoolState:
        """Return the promised and the free part of the reward pool."""
        return self._staking.reward_pool.state()

    def quote(self, amount: u128, tier: u32) -> StakeQuote | None:
        """Return the reward of a stake that an account without stakes would open now.

        None below the tier's minimum, and for a tier that does not exist.
        """
        staking = self._staking
        try:
            terms = staking.tier_terms.terms(tier)
        except DispatchError:  # UnknownTier
            return None
        return staking.reward_pool.quote(amount, terms)
