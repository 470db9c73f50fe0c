"""Runtime APIs of the economy: supply, releases, pools, what stakes are good for, who earns what.

Amounts are in planck. Nothing here walks over accounts: everything is read from sums that the
pallets keep.
"""

from __future__ import annotations

from btt_chain.primitives.account import AccountId
from btt_chain.scale import u32, u128
from runtime.api_base import RuntimeApi
from runtime.pallets.mining import Emission, Estimate, Mining, OperatorView
from runtime.pallets.tier_staking import Benefits, PoolState, TierStaking
from runtime.pallets.tokenomics import BurnReason, PoolStatus, Supply, Tokenomics, YearRelease


class TokenomicsApi(RuntimeApi, version=1):
    """All the money there is: where it came from, where it is, what became of it."""

    def supply(self) -> Supply:
        """Return how much money there is, and how much of it moves."""
        return self._tokenomics.supply()

    def burned(self) -> list[tuple[BurnReason, u128]]:
        """Return what was destroyed, by why; together it is what `supply` says is burned."""
        burned = self._tokenomics.burned_by
        return [(reason, burned[reason]) for reason in BurnReason]

    def release(self, year: u32) -> YearRelease:
        """Return what is released in a year by its label, 2025 the chain's first."""
        return self._tokenomics.release(int(year))

    def pools(self) -> list[PoolStatus]:
        """Return every pool: what it got, what it paid, what it has."""
        return self._tokenomics.pools_now()

    @property
    def _tokenomics(self) -> Tokenomics:
        return self._executive.runtime.pallet(Tokenomics)


class StakingApi(RuntimeApi, version=1):
    """Money locked for a term, and what it is good for."""

    def benefits(self, account: AccountId) -> Benefits:
        """Return what the stakes of an account are good for now."""
        return self._staking.benefits(account)

    def pool(self) -> PoolState:
        """Return what of the reward pool is promised, and what is not."""
        return self._staking.pool()

    @property
    def _staking(self) -> TierStaking:
        return self._executive.runtime.pallet(TierStaking)


class MiningApi(RuntimeApi, version=1):
    """What is issued to those who compute."""

    def operator(self, account: AccountId) -> OperatorView:
        """Return what is known of an operator, and what it has done in the era that runs."""
        return self._mining.operator_view(account)

    def estimate(self, account: AccountId, era: u32 | None) -> Estimate | None:
        """Return what an account has earned in an era and not claimed; None if nothing.

        Without an era, or for the one that runs: what it would be if it ended now.
        """
        return self._mining.estimate(account, None if era is None else int(era))

    def emission(self) -> Emission:
        """Return where the emission stands."""
        return self._mining.emission_now()

    @property
    def _mining(self) -> Mining:
        return self._executive.runtime.pallet(Mining)


ECONOMY_APIS = (TokenomicsApi, StakingApi, MiningApi)
