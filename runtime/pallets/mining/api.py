"""Runtime API of the emission to operators of compute. Amounts are in planck."""

from __future__ import annotations

from btt_chain.primitives.account import AccountId
from btt_chain.scale import u32
from runtime.frame.api import PalletOf, RuntimeApi
from runtime.pallets.mining.pallet import Mining
from runtime.pallets.mining.types import Emission, Estimate, OperatorView


class MiningApi(RuntimeApi, version=1):
    """Emission to operators of compute."""

    _mining = PalletOf(Mining)

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
