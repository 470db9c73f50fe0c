"""Runtime APIs of the economy: supply, releases, pools, and emission to operators.

Amounts are in planck. No method iterates over accounts: all results are read from sums that the
pallets keep.
"""

from __future__ import annotations

from btt_chain.primitives.account import AccountId
from btt_chain.scale import u32, u128
from runtime.apis.base import RuntimeApi
from runtime.pallets.mining import Emission, Estimate, Mining, OperatorView
from runtime.pallets.tokenomics import BurnReason, PoolStatus, Supply, Tokenomics, YearRelease


class TokenomicsApi(RuntimeApi, version=1):
    """Supply, burns and releases of money."""

    def supply(self) -> Supply:
        """Return the supply of money, and its circulating part."""
        return self._tokenomics.supply()

    def burned(self) -> list[tuple[BurnReason, u128]]:
        """Return the burned amounts by reason; they add up to the burned amount of `supply`."""
        burned = self._tokenomics.burned_by
        return [(reason, burned[reason]) for reason in BurnReason]

    def release(self, year: u32) -> YearRelease:
        """Return the releases of a year by its label; the first is 2025."""
        return self._tokenomics.releases.release(int(year))

    def pools(self) -> list[PoolStatus]:
        """Return every pool's allocation, payments and balance."""
        return self._tokenomics.ledger.statuses()

    @property
    def _tokenomics(self) -> Tokenomics:
        return self._runtime.pallet(Tokenomics)


class MiningApi(RuntimeApi, version=1):
    """Emission to operators of compute."""

    def operator(self, account: AccountId) -> OperatorView:
        """Return an operator's records, and its work in the current era."""
        return self._mining.operator_view(account)

    def estimate(self, account: AccountId, era: u32 | None) -> Estimate | None:
        """Return an account's unclaimed earnings of an era; None if there are none.

        Without an era, or for the current one: as if it ended now.
        """
        return self._mining.estimate(account, None if era is None else int(era))

    def emission(self) -> Emission:
        """Return the current state of the emission."""
        return self._mining.emission_now()

    @property
    def _mining(self) -> Mining:
        return self._runtime.pallet(Mining)
