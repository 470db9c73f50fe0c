"""Runtime API of supply, burns and releases. Amounts are in planck.

No method iterates over accounts: all results are read from sums that the pallet keeps.
"""

from __future__ import annotations

from btt_chain.scale import u32, u128
from runtime.frame.api import PalletOf, RuntimeApi
from runtime.pallets.tokenomics.pallet import Tokenomics
from runtime.pallets.tokenomics.types import BurnReason, PoolStatus, Supply, YearRelease


class TokenomicsApi(RuntimeApi, version=1):
    """Supply, burns and releases of money."""

    _tokenomics = PalletOf(Tokenomics)

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
