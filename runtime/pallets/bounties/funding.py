"""Funding: approved bounties wait for the pool, and each has an account with its funds."""

from __future__ import annotations

from functools import partial
from typing import Protocol

from btt_chain.primitives.account import AccountId
from btt_chain.scale import Bounded, u32, u128
from runtime.frame import Component, Map, Value
from runtime.frame.traits import Inspect, Mutate, Payer
from runtime.pallets.balances.types import sub_account
from runtime.pallets.bounties import events, weights
from runtime.pallets.bounties.deposits import Deposits
from runtime.pallets.bounties.types import (
    Approved,
    ApprovedWithCurator,
    AwaitsCurator,
    Bounty,
    Funded,
)
from runtime.pallets.treasury.pallet import MAX_APPROVALS, attempted


class Currency(Inspect, Mutate, Protocol):
    """Transfers of funds; Balances implements it."""


class Funding(Component):
    """The queue of approved bounties, and payments between the pool and their accounts."""

    bounties: Map[u32, Bounty]
    deposits: Deposits
    currency: Currency
    grants: Payer
    pool: AccountId

    bounty_approvals = Value(Bounded[list[u32], MAX_APPROVALS], default=[])
    """Approved bounties that wait for funds, in the order of approval."""

    # ---- public interface: the queue

    def is_full(self) -> bool:
        """Return True if no further bounty can be approved now."""
        return len(self.bounty_approvals.value) >= MAX_APPROVALS

    def approve(
        self, bounty_id: u32, bounty: Bounty, status: Approved | ApprovedWithCurator
    ) -> None:
        """Store a bounty as approved, and add it to the queue."""
        bounty.status = status
        self.bounties[bounty_id] = bounty
        self.bounty_approvals.value = [*self.bounty_approvals.value, u32(bounty_id)]
        self.deposit(events.BountyApproved(bounty_id))

    def remove(self, bounty_id: u32) -> None:
        """Remove an approved bounty from the queue."""
        queue = self.bounty_approvals.value
        queue.remove(bounty_id)
        self.bounty_approvals.value = queue

    def spend_funds(self) -> int:
        """Fund approved bounties from the pool; return the weight in picoseconds.

        Called by the treasury at the end of its spend period. Refused bounties stay in the queue.
        """
        queue = self.bounty_approvals.value
        waiting = [index for index in queue if not attempted(self.host, partial(self._fund, index))]
        if waiting != queue:
            self.bounty_approvals.value = waiting
        return weights.fund(len(queue))

    # ---- public interface: the bounties' accounts

    def account_of(self, bounty_id: u32) -> AccountId:
        """Return the account with a bounty's funds; it has no key."""
        return sub_account(self.pool, bounty_id)

    def pay_out(self, bounty_id: u32, curator: AccountId, fee: u128, payee: AccountId) -> u128:
        """Pay up to `fee` to the curator, and the rest to the payee; return the rest."""
        source = self.account_of(bounty_id)
        held = self.currency.reducible_balance(source)
        fee = min(fee, held)
        self.currency.transfer(source, curator, fee)
        self.currency.transfer(source, payee, held - fee)
        return held - fee

    def refund(self, bounty_id: u32) -> None:
        """Return the balance of a bounty's account to the pool."""
        source = self.account_of(bounty_id)
        self.currency.transfer(source, self.pool, self.currency.reducible_balance(source))

    # ---- internals

    def _fund(self, bounty_id: u32) -> None:
        """Fund the account of an approved bounty. Raises the pool's error if it may not pay."""
        bounty = self.bounties[bounty_id]
        self.grants.pay(self.pool, self.account_of(bounty_id), bounty.value, discretionary=True)
        self.deposits.release_bond(bounty)
        if isinstance(bounty.status, ApprovedWithCurator):
            bounty.status = AwaitsCurator(bounty.status.curator)
        else:
            bounty.status = Funded()
        self.bounties[bounty_id] = bounty
        self.deposit(events.BountyBecameActive(bounty_id))
