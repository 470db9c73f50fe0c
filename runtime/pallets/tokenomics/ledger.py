"""The accounting state of the pools."""

from __future__ import annotations

from typing import Final

from btt_chain.primitives.account import AccountId
from btt_chain.scale import u128
from runtime.accounts import (
    DEVELOPMENT_FUND,
    ECOSYSTEM,
    GRANTS,
    HEALTH,
    MINING,
    OPERATIONS,
    POOLS,
    REFERRAL,
    TREASURY,
    pool_identifier,
)
from runtime.frame import Component, Hasher, Map
from runtime.pallets.balances.pallet import Balances
from runtime.pallets.tokenomics.types import Pool, PoolId, PoolStatus

ALL_POOLS: Final = (*POOLS, TREASURY)
OPEN_TO_GIFTS: Final = (
    HEALTH, REFERRAL, GRANTS, ECOSYSTEM, DEVELOPMENT_FUND, OPERATIONS, TREASURY,
)  # fmt: skip
"""Pools that accept gifts: their accounting does not depend on their balance."""


class PoolLedger(Component):
    """Allocations, payments and burns of the pools; their funds are balances of their accounts."""

    currency: Balances

    pools = Map(PoolId, Pool, hasher=Hasher.Twox64Concat)
    """Accounting state of the pools."""

    def open(self) -> None:
        """Record the balances of all pools as their allocations: for the genesis block."""
        for account in ALL_POOLS:
            self.pools[id_of(account)] = Pool(account, self.currency.total(account))

    def entry(self, pool: AccountId) -> Pool:
        """Return the accounting state of a pool."""
        return self.pools.get(id_of(pool)) or Pool(pool, u128(0))

    def from_genesis_funds(self, pool: AccountId, amount: u128) -> int:
        """Return the part of a payment that counts as a release: from the pool's genesis funds.

        Later income of a pool was in circulation; mining is counted by its schedule.
        """
        if pool == MINING:
            return 0
        entry = self.entry(pool)
        return max(0, min(int(amount), int(entry.allocated) - int(entry.released)))

    def count_paid(self, pool: AccountId, amount: u128) -> None:
        """Count a payment out of a pool."""
        entry = self.entry(pool)
        entry.released += amount
        self.pools[id_of(pool)] = entry

    def count_burned(self, pool: AccountId, amount: u128) -> None:
        """Count a burn of a pool's funds."""
        entry = self.entry(pool)
        entry.burned += amount
        self.pools[id_of(pool)] = entry

    def pooled(self) -> int:
        """Return the sum of all pools' balances."""
        return sum(int(self.currency.total(account)) for account in ALL_POOLS)

    def statuses(self) -> list[PoolStatus]:
        """Return all pools, the treasury last; its record has milestone burns only."""
        found = []
        for account in ALL_POOLS:
            entry = self.entry(account)
            found.append(
                PoolStatus(
                    id=id_of(account),
                    account=account,
                    allocated=entry.allocated,
                    released=entry.released,
                    burned=entry.burned,
                    balance=self.currency.total(account),
                )
            )
        return found


def id_of(account: AccountId) -> PoolId:
    """Return the identifier of the pool with this account."""
    return PoolId(pool_identifier(account))
