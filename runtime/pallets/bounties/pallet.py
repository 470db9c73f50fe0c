"""Bounties: grants for work, paid from the grants pool and judged by a curator.

An account proposes a bounty with a deposit, governance approves it, and at the end of the spend
period the pool of grants funds the bounty's own account. A curator, with a deposit at stake, awards
it; after a delay in which governance may intervene any account may claim it, the curator's fee
included. A bounty that the pool cannot pay, or that exceeds the ceiling of the year, stays approved
and is tried again at the end of each spend period.

Invariants: an approved bounty has no account yet, a funded one has its whole value there, and the
deposits in `Bounties` are the amounts reserved under this pallet's name. Times are slots since
genesis, amounts planck.
"""

from __future__ import annotations

from typing import Protocol

from btt_chain.primitives.account import AccountId
from btt_chain.primitives.arithmetic import Permill
from btt_chain.scale import Bounded, u32, u128
from runtime.frame import (
    BadOrigin,
    Const,
    Constant,
    DispatchInfo,
    Hasher,
    Map,
    Origin,
    OriginCheck,
    Pallet,
    Part,
    PostInfo,
    Value,
    call,
)
from runtime.frame.aliases import AccountIdLookupOf
from runtime.frame.origin import SpendOrigin
from runtime.frame.traits import Clock, Payer, SlashNamed
from runtime.pallets.balances.types import lookup
from runtime.pallets.bounties import errors, events, weights
from runtime.pallets.bounties.funding import Currency, Deposits, Funding
from runtime.pallets.bounties.types import (
    MAX_REASON,
    Active,
    Approved,
    ApprovedWithCurator,
    AwaitsCurator,
    Awarded,
    Bounty,
    CompactAmount,
    CompactIndex,
    Funded,
    Proposed,
    Text,
)


class Money(Currency, SlashNamed, Protocol):
    """Reserves and transfers; Balances implements it."""


def by_length(_: Bounties, value: u128, description: bytes) -> DispatchInfo:
    """Return the weight of `propose_bounty`: a reserve, and a part per stored byte."""
    del value
    return DispatchInfo(weights.propose_bounty(len(description)))


class Bounties(Pallet, instances=True, events=events, errors=errors):
    """Grants for work, paid from a pool and judged by curators."""

    # ---- constants

    bounty_deposit_base: Const[u128]
    """Base deposit of a proposal, in planck."""
    bounty_deposit_payout_delay: Const[u32]
    """Slots between an award and its claim, in which governance may intervene."""
    bounty_update_period: Const[u32]
    """Slots without a report after which any account may dismiss a curator."""
    curator_deposit_multiplier: Const[Permill]
    """Deposit of a curator, as a share of its fee."""
    curator_deposit_max: Const[u128 | None]
    """Maximum deposit of a curator, in planck; None: unlimited."""
    curator_deposit_min: Const[u128 | None]
    """Minimum deposit of a curator, in planck; None: no minimum."""
    bounty_value_minimum: Const[u128]
    """Minimum value of a bounty, in planck; enough to create an account."""
    data_deposit_per_byte: Const[u128]
    """Deposit per byte of a description, in planck."""
    maximum_reason_length = Constant(u32(MAX_REASON))
    """Maximum length of a description, in bytes."""

    # ---- dependencies

    currency: Money
    clock: Clock
    grants: Payer
    pool: AccountId
    """Pool account that pays the bounties."""
    spend_origin: SpendOrigin
    reject_origin: OriginCheck
    """Origin that rejects bounties and dismisses curators."""

    # ---- storage

    bounty_count = Value(u32, default=u32(0))
    """Number of bounties ever proposed."""
    bounties = Map(u32, Bounty, hasher=Hasher.Twox64Concat)
    """Bounties, by index."""
    bounty_descriptions = Map(u32, Bounded[bytes, MAX_REASON], hasher=Hasher.Twox64Concat)
    """Descriptions of the bounties."""

    # ---- components

    deposits = Part(Deposits)
    funding = Part(Funding)

    # ---- hooks

    # ---- calls

    @call(0, weight=by_length)
    def propose_bounty(self, origin: Origin, value: CompactAmount, description: Text) -> None:
        """Propose a bounty of `value` planck, the curator's fee included, for the described work.

        A deposit is reserved, which grows with the description. It is released when the bounty is
        funded and goes to the treasury if the bounty is rejected.
        """
        who = origin.signed()
        if len(description) > self.maximum_reason_length:
            raise errors.ReasonTooBig
        if value < self.bounty_value_minimum:
            raise errors.InvalidValue
        bond = self.deposits.take_bond(who, description)

        index = self.bounty_count.value
        self.bounty_count.value = index + u32(1)
        self.bounties[index] = Bounty(who, value, u128(0), u128(0), bond, Proposed())
        self.bounty_descriptions[index] = description
        self.deposit(events.BountyProposed(index))

    @call(1, weight=weights.APPROVE_BOUNTY)
    def approve_bounty(self, origin: Origin, bounty_id: CompactIndex) -> None:
        """Approve a proposed bounty, funded at the end of the spend period. Spend origin only."""
        bounty = self._approvable(origin, bounty_id)
        self.funding.approve(bounty_id, bounty, Approved())

    @call(2, weight=weights.PROPOSE_CURATOR)
    def propose_curator(
        self,
        origin: Origin,
        bounty_id: CompactIndex,
        curator: AccountIdLookupOf,
        fee: CompactAmount,
    ) -> None:
        """Propose a curator, with a fee that is part of the bounty's value. Spend origin only."""
        bounty = self._grantable(origin, bounty_id)
        chosen = lookup(curator)
        if not isinstance(bounty.status, Funded):
            raise errors.UnexpectedStatus
        self._ensure_fee(bounty, fee)

        bounty.fee, bounty.status = fee, AwaitsCurator(chosen)
        self.bounties[bounty_id] = bounty
        self.deposit(events.CuratorProposed(bounty_id, chosen))

    @call(3, weight=weights.UNASSIGN_CURATOR)
    def unassign_curator(self, origin: Origin, bounty_id: CompactIndex) -> None:
        """Remove the curator of a bounty.

        A curator may resign before an award and receives its deposit back. The reject origin may
        dismiss the curator at any time, and any account may dismiss one whose report is overdue:
        then the deposit goes to the treasury.
        """
        who = origin.account
        if who is None:
            self.reject_origin(origin)
        bounty = self._bounty(bounty_id)
        match bounty.status:
            case ApprovedWithCurator(curator):
                self._ensure_may_unassign(who, curator)
                bounty.status = Approved()
            case AwaitsCurator(curator):
                self._ensure_may_unassign(who, curator)
                bounty.status = Funded()
            case Active(curator, update_due):
                if who == curator:
                    self.deposits.release_curator_deposit(curator, bounty)
                elif who is None or self.clock.now() > update_due:
                    self.deposits.slash_curator_deposit(curator, bounty)
                else:
                    raise errors.Premature
                bounty.status = Funded()
            case Awarded(curator, _, _):
                if who is not None:
                    raise BadOrigin
                self.deposits.slash_curator_deposit(curator, bounty)
                bounty.status = Funded()
            case _:
                raise errors.UnexpectedStatus
        self.bounties[bounty_id] = bounty
        self.deposit(events.CuratorUnassigned(bounty_id))

    @call(4, weight=weights.ACCEPT_CURATOR)
    def accept_curator(self, origin: Origin, bounty_id: CompactIndex) -> None:
        """Accept the role of curator. A deposit is reserved until the bounty is claimed."""
        who, bounty = origin.signed(), self._bounty(bounty_id)
        if not isinstance(bounty.status, AwaitsCurator):
            raise errors.UnexpectedStatus
        if who != bounty.status.curator:
            raise errors.RequireCurator
        self.deposits.take_curator_deposit(who, bounty)

        bounty.status = Active(who, self._after(self.bounty_update_period))
        self.bounties[bounty_id] = bounty
        self.deposit(events.CuratorAccepted(bounty_id, who))

    @call(5, weight=weights.AWARD_BOUNTY)
    def award_bounty(
        self, origin: Origin, bounty_id: CompactIndex, beneficiary: AccountIdLookupOf
    ) -> None:
        """Award the bounty to `beneficiary`, to be claimed after a delay. Curator only.

        Raises TokenError for pools and accounts of bounties: the money would be stuck there.
        """
        bounty, work = self._curated(origin, bounty_id)
        payee = lookup(beneficiary)
        self.currency.ensure_not_pool(payee)

        unlock_at = self._after(self.bounty_deposit_payout_delay)
        bounty.status = Awarded(work.curator, payee, unlock_at)
        self.bounties[bounty_id] = bounty
        self.deposit(events.BountyAwarded(bounty_id, payee))

    @call(6, weight=weights.CLAIM_BOUNTY)
    def claim_bounty(self, origin: Origin, bounty_id: CompactIndex) -> None:
        """Pay an awarded bounty to its beneficiary and its curator. Any signed origin."""
        origin.signed()
        bounty = self._bounty(bounty_id)
        if not isinstance(bounty.status, Awarded):
            raise errors.UnexpectedStatus
        curator, payee = bounty.status.curator, bounty.status.beneficiary
        if self.clock.now() < bounty.status.unlock_at:
            raise errors.Premature

        # The deposit first: it keeps the curator's account alive for a fee however small.
        self.deposits.release_curator_deposit(curator, bounty)
        payout = self.funding.pay_out(bounty_id, curator, bounty.fee, payee)
        self._forget(bounty_id)
        self.deposit(events.BountyClaimed(bounty_id, payout, payee))

    @call(7, weight=weights.CLOSE_BOUNTY)
    def close_bounty(self, origin: Origin, bounty_id: CompactIndex) -> None:
        """Cancel a bounty. Its funds go back to the pool, the curator's deposit is released.

        The proposer's deposit goes to the treasury if the bounty was only proposed; it is released
        if the bounty was approved and not funded. Reject origin only.
        """
        self.reject_origin(origin)
        bounty = self._bounty(bounty_id)
        match bounty.status:
            case Proposed():
                self.deposits.slash_bond(bounty)
                self._forget(bounty_id)
                self.deposit(events.BountyRejected(bounty_id, bounty.bond))
                return
            case Awarded():
                raise errors.PendingPayout
            case Approved() | ApprovedWithCurator():
                self.funding.remove(bounty_id)
                self.deposits.release_bond(bounty)
            case Active(curator, _):
                self.deposits.release_curator_deposit(curator, bounty)
                self.funding.refund(bounty_id)
            case Funded() | AwaitsCurator():
                self.funding.refund(bounty_id)
        self._forget(bounty_id)
        self.deposit(events.BountyCanceled(bounty_id))

    @call(8, weight=weights.EXTEND_BOUNTY_EXPIRY)
    def extend_bounty_expiry(self, origin: Origin, bounty_id: CompactIndex, remark: Text) -> None:
        """Report on the bounty, which postpones the next report. Curator only.

        The remark is not stored; it is in the block.
        """
        bounty, work = self._curated(origin, bounty_id)
        due = max(work.update_due, self._after(self.bounty_update_period))
        bounty.status = Active(work.curator, due)
        self.bounties[bounty_id] = bounty
        self.deposit(events.BountyExtended(bounty_id))

    @call(9, weight=weights.APPROVE_BOUNTY_WITH_CURATOR)
    def approve_bounty_with_curator(
        self,
        origin: Origin,
        bounty_id: CompactIndex,
        curator: AccountIdLookupOf,
        fee: CompactAmount,
    ) -> None:
        """Approve a proposed bounty and propose its curator. Spend origin only."""
        bounty = self._approvable(origin, bounty_id)
        chosen = lookup(curator)
        self._ensure_fee(bounty, fee)

        bounty.fee = fee
        self.funding.approve(bounty_id, bounty, ApprovedWithCurator(chosen))
        self.deposit(events.CuratorProposed(bounty_id, chosen))

    @call(10, weight=weights.POKE_DEPOSIT)
    def poke_deposit(self, origin: Origin, bounty_id: CompactIndex) -> PostInfo:
        """Adjust the deposit of the caller's proposed bounty to the current rates.

        Free if that changes the deposit.
        """
        who, bounty = origin.signed(), self._bounty(bounty_id)
        if who != bounty.proposer:
            raise errors.NotProposer
        if not isinstance(bounty.status, Proposed):
            raise errors.UnexpectedStatus
        description = self.bounty_descriptions[bounty_id]
        old, new = bounty.bond, self.deposits.bond(description)
        if new == old:
            return PostInfo(pays=True)
        self.deposits.adjust_bond(bounty, new)

        self.bounties[bounty_id] = bounty
        self.deposit(events.DepositPoked(bounty_id, who, old, new))
        return PostInfo(pays=False)

    # ---- internals

    def _bounty(self, bounty_id: u32) -> Bounty:
        bounty = self.bounties.get(bounty_id)
        if bounty is None:
            raise errors.InvalidIndex
        return bounty

    def _grantable(self, origin: Origin, bounty_id: u32) -> Bounty:
        """Return a bounty whose value `origin` may grant."""
        limit = self.spend_origin(origin)
        bounty = self._bounty(bounty_id)
        if limit is not None and bounty.value > limit:
            raise errors.InsufficientPermission
        return bounty

    def _approvable(self, origin: Origin, bounty_id: u32) -> Bounty:
        """Return a proposed bounty that `origin` may approve now."""
        bounty = self._grantable(origin, bounty_id)
        if not isinstance(bounty.status, Proposed):
            raise errors.UnexpectedStatus
        if self.funding.is_full():
            raise errors.TooManyQueued
        return bounty

    def _curated(self, origin: Origin, bounty_id: u32) -> tuple[Bounty, Active]:
        """Return an active bounty whose curator is `origin`, and its status."""
        who, bounty = origin.signed(), self._bounty(bounty_id)
        if not isinstance(bounty.status, Active):
            raise errors.UnexpectedStatus
        if who != bounty.status.curator:
            raise errors.RequireCurator
        return bounty, bounty.status

    def _ensure_fee(self, bounty: Bounty, fee: u128) -> None:
        """Raise InvalidFee if the rest of the value is below the existential deposit."""
        if int(fee) + int(self.currency.existential_deposit) > bounty.value:
            raise errors.InvalidFee

    def _forget(self, bounty_id: u32) -> None:
        del self.bounties[bounty_id]
        del self.bounty_descriptions[bounty_id]

    def _ensure_may_unassign(self, who: AccountId | None, curator: AccountId) -> None:
        if who not in (None, curator):
            raise BadOrigin

    def _after(self, slots: u32) -> u32:
        """Return the slot `slots` from now, at most the maximum of u32."""
        return u32(min(self.clock.now() + int(slots), u32.MAX))
