"""Payments and burns of money, counted by pool and by reason."""

from __future__ import annotations

from collections.abc import Sequence

from btt_chain.primitives.account import AccountId, MultiAddress
from btt_chain.scale import u128
from runtime.accounts import DEVELOPMENT_FUND, STAKING
from runtime.frame import Component, Map, Reason
from runtime.pallets.balances.pallet import Balances
from runtime.pallets.balances.types import is_pool, lookup
from runtime.pallets.tokenomics import errors, events
from runtime.pallets.tokenomics.dividends import Dividends
from runtime.pallets.tokenomics.ledger import ALL_POOLS, OPEN_TO_GIFTS, PoolLedger, id_of
from runtime.pallets.tokenomics.releases import ReleaseControl
from runtime.pallets.tokenomics.types import BurnReason


class Payments(Component):
    """Payments out of pools, and burns."""

    ledger: PoolLedger
    releases: ReleaseControl
    dividends: Dividends
    currency: Balances
    burned_by: Map[BurnReason, u128]

    def available(self, pool: AccountId) -> u128:
        """Return the amount that can be paid out of a pool.

        For the development fund this excludes the amount set aside for stakers, and the income of
        this era, a part of which will be set aside.
        """
        balance = self.currency.reducible_balance(pool)
        if pool != DEVELOPMENT_FUND:
            return balance
        return u128(max(0, int(balance) - self.dividends.promised()))

    def payee(self, pool: AccountId, beneficiary: MultiAddress) -> AccountId:
        """Return the payee of a payment by a pool; PoolClosed if it is a pool that cannot spend it.

        A payment to the pool itself is refused: it would move nothing, but be counted.
        """
        to = lookup(beneficiary)
        if is_pool(to) and (to == pool or to not in (*OPEN_TO_GIFTS, STAKING)):
            raise errors.PoolClosed
        return to

    def pay(self, pool: AccountId, to: AccountId, amount: u128, *, discretionary: bool) -> None:
        """Pay out of a pool. All payments of pools except the treasury's use this function.

        Raises PoolExhausted, errors of the transfer (TokenError), and if `discretionary` Paused and
        ReleaseCeilingReached. Other releases may exceed the ceiling and emit an event.
        """
        if amount:
            self._pay(pool, [to], amount, discretionary=discretionary)

    def pay_each(self, pool: AccountId, to: Sequence[AccountId], amount: u128) -> None:
        """Pay an amount to each of several accounts out of a pool; it is not discretionary.

        The sum is counted once. Raises PoolExhausted, errors of the transfer (TokenError).
        """
        if amount and to:
            self._pay(pool, to, amount, discretionary=False)

    def _pay(
        self, pool: AccountId, to: Sequence[AccountId], amount: u128, *, discretionary: bool
    ) -> None:
        total = u128(int(amount) * len(to))
        if total > self.available(pool):
            raise errors.PoolExhausted
        counted = self.ledger.from_genesis_funds(pool, total)
        if discretionary:
            self.releases.ensure_not_paused()
            self.releases.ensure_below_ceiling(counted)
        for each in to:
            self.currency.transfer(pool, each, amount)
        self.ledger.count_paid(pool, total)
        self.releases.count(counted)
        for each in to:
            self.deposit(events.PoolReleased(id_of(pool), amount, each))

    def destroy(self, who: AccountId, amount: u128, reason: BurnReason) -> None:
        """Destroy money of a pool or other account, and count it under `reason`.

        Raises PoolExhausted for pools, TokenError for others.
        """
        if not amount:
            return
        of_pool = who in ALL_POOLS
        if of_pool and amount > self.available(who):
            raise errors.PoolExhausted
        self.currency.fungible.burn_from(who, amount)
        if of_pool:
            self.ledger.count_burned(who, amount)
        self.count_burned(who, amount, reason)

    def destroy_held(
        self, reason: Reason, who: AccountId, amount: u128, why: BurnReason, *, force: bool = False
    ) -> None:
        """Destroy what `who` has on hold, and count it under `why`.

        `force` includes money that a lock relies on. Raises TokenError if less is on hold.
        """
        if not amount:
            return
        self.currency.fungible_hold.burn_held(reason, who, amount, force=force)
        self.count_burned(who, amount, why)

    def count_burned(self, who: AccountId, amount: u128, reason: BurnReason) -> None:
        """Count a burn under `reason`."""
        self.burned_by[reason] += amount
        self.deposit(events.TokensBurned(who, amount, reason))
