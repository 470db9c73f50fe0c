"""Funding: approved bounties wait for the pool, and each has an account with its funds."""

from __future__ import annotations

from functools import partial
from typing import Protocol

from btt_chain.primitives.account import AccountId
from btt_chain.primitives.arithmetic import Permill
from btt_chain.scale import Bounded, u32, u128
from runtime.frame import Component, DispatchError, Map, Value
from runtime.frame.traits import Inspect, Mutate, Payer, SlashNamed
from runtime.pallets.balances.types import sub_account
from runtime.pallets.bounties import errors, events, weights
from runtime.pallets.bounties.types import (
    RESERVE_ID,
    Approved,
    ApprovedWithCurator,
    AwaitsCurator,
    Bounty,
    Funded,
)
from runtime.pallets.treasury.pallet import MAX_APPROVALS, attempted


class Currency(Inspect, Mutate, Protocol):
    """Transfers of funds; Balances implements it."""


class Deposits(Component):
    """Named reserves of proposers and curators."""

    currency: SlashNamed
    bounty_deposit_base: u128
    data_deposit_per_byte: u128
    curator_deposit_multiplier: Permill
    curator_deposit_max: u128 | None
    curator_deposit_min: u128 | None

    def bond(self, description: bytes) -> u128:
        """Return the deposit for proposing a bounty with this description, in planck."""
        return self.bounty_deposit_base + self.data_deposit_per_byte * len(description)

    def take_bond(self, who: AccountId, description: bytes) -> u128:
        """Reserve the deposit of a proposal; return it. Raises InsufficientProposersBalance."""
        bond = self.bond(description)
        try:
            self.currency.reserve_named(RESERVE_ID, who, bond)
        except DispatchError as error:
            raise errors.InsufficientProposersBalance from error
        return bond

    def adjust_bond(self, bounty: Bounty, new: u128) -> None:
        """Change the deposit of a proposal to `new`. Raises DispatchError."""
        old, who = bounty.bond, bounty.proposer
        if new > old:
            self.currency.reserve_named(RESERVE_ID, who, new - old)
        else:
            self.currency.unreserve_named(RESERVE_ID, who, old - new)
        bounty.bond = new

    def release_bond(self, bounty: Bounty) -> None:
        """Release the deposit of a proposal."""
        self.currency.unreserve_named(RESERVE_ID, bounty.proposer, bounty.bond)
        bounty.bond = u128(0)

    def slash_bond(self, bounty: Bounty) -> None:
        """Move the deposit of a proposal to the treasury; the record keeps its amount."""
        self.currency.slash_reserved_named(RESERVE_ID, bounty.proposer, bounty.bond)

    def take_curator_deposit(self, curator: AccountId, bounty: Bounty) -> None:
        """Reserve the deposit of a curator. Raises DispatchError."""
        deposit = u128(self.curator_deposit_multiplier.of(bounty.fee))
        if self.curator_deposit_max is not None:
            deposit = min(deposit, self.curator_deposit_max)
        if self.curator_deposit_min is not None:
            deposit = max(deposit, self.curator_deposit_min)
        self.currency.reserve_named(RESERVE_ID, curator, deposit)
        bounty.curator_deposit = deposit

    def release_curator_deposit(self, curator: AccountId, bounty: Bounty) -> None:
        """Release the deposit of a curator."""
        self.currency.unreserve_named(RESERVE_ID, curator, bounty.curator_deposit)
        bounty.curator_deposit = u128(0)

    def slash_curator_deposit(self, curator: AccountId, bounty: Bounty) -> None:
        """Move the deposit of a curator to the treasury."""
        self.currency.slash_reserved_named(RESERVE_ID, curator, bounty.curator_deposit)
        bounty.curator_deposit = u128(0)


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
