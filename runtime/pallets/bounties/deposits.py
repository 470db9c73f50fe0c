"""Deposits of proposers and curators."""

from __future__ import annotations

from btt_chain.primitives.account import AccountId
from btt_chain.primitives.arithmetic import Permill
from btt_chain.scale import u128
from runtime.frame import Component, DispatchError
from runtime.frame.traits import SlashNamed
from runtime.pallets.bounties import errors
from runtime.pallets.bounties.types import RESERVE_ID, Bounty


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
