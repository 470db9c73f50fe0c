"""The stakers' part of the development fund."""

from __future__ import annotations

from btt_chain.primitives.account import AccountId
from btt_chain.scale import u128
from runtime.accounts import DEVELOPMENT_FUND
from runtime.frame import Component, Value
from runtime.pallets.balances.pallet import Balances
from runtime.pallets.tokenomics import errors, events
from runtime.pallets.tokenomics.ledger import PoolLedger, id_of
from runtime.pallets.tokenomics.releases import ReleaseControl


class Dividends(Component):
    """The development fund's income from compute fees, and the part set aside for stakers."""

    ledger: PoolLedger
    releases: ReleaseControl
    currency: Balances

    compute_inflow = Value(u128, default=u128(0))
    """Income of the development fund from compute fees since the end of the last era."""
    earmarked = Value(u128, default=u128(0))
    """Amount of the development fund that is set aside for stakers."""

    def add_inflow(self, amount: u128) -> None:
        """Count income of the development fund from a compute fee."""
        if amount:
            self.compute_inflow.value += amount

    def promised(self) -> int:
        """Return the planck set aside, and this era's income, of which a part will be set aside."""
        return int(self.earmarked.value) + int(self.compute_inflow.value)

    def compute_inflow_of_era(self) -> u128:
        """Return the development fund's income from compute fees since the last `earmark`."""
        return self.compute_inflow.value

    def earmark(self, amount: u128) -> None:
        """Close an era: set `amount` of its income aside for stakers, and begin the next era.

        The money stays in the development fund, where only `pay_earmarked` spends it. Raises
        PoolExhausted if the amount exceeds the income.
        """
        if amount > self.compute_inflow.value:
            raise errors.PoolExhausted
        self.compute_inflow.value = u128(0)
        if amount:
            self.earmarked.value += amount

    def pay_earmarked(self, to: AccountId, amount: u128) -> None:
        """Pay a staker from the amount set aside. Raises PoolExhausted, and TokenError."""
        if not amount:
            return
        earmarked = self.earmarked.value
        if amount > earmarked:
            raise errors.PoolExhausted
        counted = self.ledger.from_genesis_funds(DEVELOPMENT_FUND, amount)
        self.currency.transfer(DEVELOPMENT_FUND, to, amount)
        self.earmarked.value = earmarked - amount
        self.ledger.count_paid(DEVELOPMENT_FUND, amount)
        self.releases.count(counted)
        self.deposit(events.PoolReleased(id_of(DEVELOPMENT_FUND), amount, to))
