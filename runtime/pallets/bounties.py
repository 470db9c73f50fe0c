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

from dataclasses import dataclass
from functools import partial
from typing import Annotated, Final, Protocol

from btt_chain.primitives.account import AccountId, MultiAddress
from btt_chain.primitives.arithmetic import Permill
from btt_chain.scale import (
    Bounded,
    Compact,
    Path,
    TypeName,
    Variant,
    path,
    u32,
    u128,
)
from runtime.frame import (
    BadOrigin,
    Const,
    DispatchError,
    DispatchInfo,
    Error,
    Event,
    Hasher,
    Map,
    Origin,
    OriginCheck,
    Pallet,
    PostInfo,
    Value,
    call,
)
from runtime.pallets.balances import lookup, sub_account
from runtime.pallets.treasury import MAX_APPROVALS, Clock, SpendOrigin, attempted
from runtime.weights import bounties as weights

MAX_REASON: Final = 16_384
"""Maximum length of a description, in bytes."""
RESERVE_ID: Final = b"btt/bnty"
"""Name of the reserve for deposits: other reserves are not touched."""


class Proposed(Variant, index=0):
    """The bounty waits for approval."""


class Approved(Variant, index=1):
    """The bounty is approved and waits for funds."""


class Funded(Variant, index=2):
    """The bounty's account holds its funds; it waits for a curator."""


class AwaitsCurator(Variant, index=3, name="CuratorProposed"):
    """A curator is proposed and has not accepted yet."""

    curator: Annotated[AccountId, TypeName("AccountId")]


class Active(Variant, index=4):
    """The curator has accepted; its next report is due by slot `update_due`."""

    curator: Annotated[AccountId, TypeName("AccountId")]
    update_due: Annotated[u32, TypeName("BlockNumber")]


class Awarded(Variant, index=5, name="PendingPayout"):
    """The bounty is awarded, and can be claimed from slot `unlock_at` on."""

    curator: Annotated[AccountId, TypeName("AccountId")]
    beneficiary: Annotated[AccountId, TypeName("AccountId")]
    unlock_at: Annotated[u32, TypeName("BlockNumber")]


class ApprovedWithCurator(Variant, index=6):
    """The bounty is approved with a proposed curator and waits for funds."""

    curator: Annotated[AccountId, TypeName("AccountId")]


BountyStatus = Annotated[
    Proposed | Approved | Funded | AwaitsCurator | Active | Awarded | ApprovedWithCurator,
    Path("pallet_bounties::BountyStatus", params={"AccountId": AccountId, "BlockNumber": u32}),
]


@path(
    "pallet_bounties::Bounty",
    params={"AccountId": AccountId, "Balance": u128, "BlockNumber": u32},
)
@dataclass(slots=True)
class Bounty:
    """A bounty, its deposits and its status. Amounts in planck."""

    proposer: Annotated[AccountId, TypeName("AccountId")]
    value: Annotated[u128, TypeName("Balance")]
    """Total payment, the curator's fee included."""
    fee: Annotated[u128, TypeName("Balance")]
    curator_deposit: Annotated[u128, TypeName("Balance")]
    bond: Annotated[u128, TypeName("Balance")]
    """Deposit of the proposer; released when the bounty is funded."""
    status: Annotated[BountyStatus, TypeName("BountyStatus<AccountId, BlockNumber>")]


Index = Annotated[u32, TypeName("BountyIndex")]
BountyId = Annotated[Compact[u32], TypeName("BountyIndex")]
Who = Annotated[AccountId, TypeName("T::AccountId")]
Address = Annotated[MultiAddress, TypeName("AccountIdLookupOf<T>")]
Amount = Annotated[u128, TypeName("BalanceOf<T, I>")]
CompactAmount = Annotated[Compact[u128], TypeName("BalanceOf<T, I>")]
Text = Annotated[bytes, TypeName("Vec<u8>")]


class Money(Protocol):
    """Reserves and transfers; Balances implements it. Amounts in planck."""

    @property
    def existential_deposit(self) -> u128:
        """Minimum balance of an account."""

    def ensure_not_pool(self, who: AccountId) -> None:
        """Raise DispatchError for an account that only its own pallet may move."""

    def reducible_balance(self, who: AccountId) -> u128:
        """Return the amount that `who` can spend."""

    def transfer(self, source: AccountId, dest: AccountId, amount: u128) -> None:
        """Transfer spendable balance; the source's account may be removed by it."""

    def reserve_named(self, name: bytes, who: AccountId, amount: u128) -> None:
        """Reserve balance of `who`; raise DispatchError if there is not enough."""

    def unreserve_named(self, name: bytes, who: AccountId, amount: u128) -> u128:
        """Release reserved balance; return the missing part of `amount`."""

    def slash_reserved_named(self, name: bytes, who: AccountId, amount: u128) -> u128:
        """Move reserved balance to the treasury; return the missing part of `amount`."""


class Grants(Protocol):
    """Payments out of pools; Tokenomics implements it."""

    def pay(self, pool: AccountId, to: AccountId, amount: u128, *, discretionary: bool) -> None:
        """Pay `amount` planck from `pool`; raise DispatchError if it cannot or may not pay."""


def by_length(_: Bounties, value: u128, description: bytes) -> DispatchInfo:
    """Return the weight of `propose_bounty`: a reserve, and a part per stored byte."""
    del value
    return DispatchInfo(weights.propose_bounty(len(description)))


class Bounties(Pallet, instances=True):
    """Grants for work, paid from a pool and judged by curators."""

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
    maximum_reason_length: Const[u32] = u32(MAX_REASON)
    """Maximum length of a description, in bytes."""
    currency: Money
    clock: Clock
    grants: Grants
    pool: AccountId
    """Pool account that pays the bounties."""
    spend_origin: SpendOrigin
    reject_origin: OriginCheck
    """Origin that rejects bounties and dismisses curators."""

    bounty_count = Value(u32, default=u32(0))
    """Number of bounties ever proposed."""
    bounties = Map(u32, Bounty, hasher=Hasher.Twox64Concat)
    """Bounties, by index."""
    bounty_descriptions = Map(u32, Bounded[bytes, MAX_REASON], hasher=Hasher.Twox64Concat)
    """Descriptions of the bounties."""
    bounty_approvals = Value(Bounded[list[u32], MAX_APPROVALS], default=[])
    """Approved bounties that wait for funds, in the order of approval."""

    class BountyProposed(Event, index=0):
        """A bounty was proposed."""

        index: Index

    class BountyRejected(Event, index=1):
        """A proposed bounty was rejected; the proposer's deposit went to the treasury."""

        index: Index
        bond: Amount

    class BountyBecameActive(Event, index=2):
        """A bounty was funded."""

        index: Index

    class BountyAwarded(Event, index=3):
        """A bounty was awarded; it can be claimed after a delay."""

        index: Index
        beneficiary: Who

    class BountyClaimed(Event, index=4):
        """A bounty was paid; `payout` does not include the curator's fee."""

        index: Index
        payout: Amount
        beneficiary: Who

    class BountyCanceled(Event, index=5):
        """A bounty was canceled; its funds went back to the pool."""

        index: Index

    class BountyExtended(Event, index=6):
        """The curator reported; the period until the next report started."""

        index: Index

    class BountyApproved(Event, index=7):
        """A bounty was approved; it is funded at the end of the spend period."""

        index: Index

    class CuratorProposed(Event, index=8):
        """A curator was proposed for a bounty."""

        bounty_id: Index
        curator: Who

    class CuratorUnassigned(Event, index=9):
        """The curator of a bounty was removed."""

        bounty_id: Index

    class CuratorAccepted(Event, index=10):
        """A curator accepted a bounty; its deposit was reserved."""

        bounty_id: Index
        curator: Who

    class DepositPoked(Event, index=11):
        """The proposer's deposit was adjusted to the current rates."""

        bounty_id: Index
        proposer: Who
        old_deposit: Amount
        new_deposit: Amount

    class InsufficientProposersBalance(Error, index=0):
        """The caller's free balance is too small for the deposit; a shorter text needs less."""

    class InvalidIndex(Error, index=1):
        """There is no bounty of this index; they are listed in `Bounties`."""

    class ReasonTooBig(Error, index=2):
        """The description is too long; it can contain the hash of a longer document instead."""

    class UnexpectedStatus(Error, index=3):
        """The status of the bounty does not allow the call."""

    class RequireCurator(Error, index=4):
        """The caller is not the curator of the bounty."""

    class InvalidValue(Error, index=5):
        """The value is below the minimum of a bounty."""

    class InvalidFee(Error, index=6):
        """The fee would leave less than the existential deposit for the beneficiary."""

    class PendingPayout(Error, index=7):
        """The bounty is awarded; unassigning the curator revokes the award."""

    class Premature(Error, index=8):
        """The slot from which the call is possible is not reached; the bounty's status names it."""

    class HasActiveChildBounty(Error, index=9):
        """The bounty has an active child bounty. Never raised: there are no child bounties."""

    class TooManyQueued(Error, index=10):
        """The maximum number of bounties wait for funds; it falls after the spend period."""

    class NotProposer(Error, index=11):
        """The caller did not propose the bounty."""

    class InsufficientPermission(Error, index=12):
        """The value exceeds the amount that this origin may grant."""

    # ---- calls

    @call(0, weight=by_length)
    def propose_bounty(self, origin: Origin, value: CompactAmount, description: Text) -> None:
        """Propose a bounty of `value` planck, the curator's fee included, for the described work.

        A deposit is reserved, which grows with the description. It is released when the bounty is
        funded and goes to the treasury if the bounty is rejected.
        """
        who = origin.signed()
        if len(description) > self.maximum_reason_length:
            raise self.ReasonTooBig
        if value < self.bounty_value_minimum:
            raise self.InvalidValue
        bond = self._bond(description)
        try:
            self.currency.reserve_named(RESERVE_ID, who, bond)
        except DispatchError as error:
            raise self.InsufficientProposersBalance from error

        index = self.bounty_count.value
        self.bounty_count.value = index + u32(1)
        self.bounties[index] = Bounty(who, value, u128(0), u128(0), bond, Proposed())
        self.bounty_descriptions[index] = description
        self.deposit(self.BountyProposed(index))

    @call(1, weight=weights.APPROVE_BOUNTY)
    def approve_bounty(self, origin: Origin, bounty_id: BountyId) -> None:
        """Approve a proposed bounty, funded at the end of the spend period. Spend origin only."""
        bounty = self._approvable(origin, bounty_id)
        self._approve(bounty_id, bounty, Approved())

    @call(2, weight=weights.PROPOSE_CURATOR)
    def propose_curator(
        self, origin: Origin, bounty_id: BountyId, curator: Address, fee: CompactAmount
    ) -> None:
        """Propose a curator, with a fee that is part of the bounty's value. Spend origin only."""
        bounty = self._grantable(origin, bounty_id)
        chosen = lookup(curator)
        if not isinstance(bounty.status, Funded):
            raise self.UnexpectedStatus
        self._ensure_fee(bounty, fee)

        bounty.fee, bounty.status = fee, AwaitsCurator(chosen)
        self.bounties[bounty_id] = bounty
        self.deposit(self.CuratorProposed(bounty_id, chosen))

    @call(3, weight=weights.UNASSIGN_CURATOR)
    def unassign_curator(self, origin: Origin, bounty_id: BountyId) -> None:
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
                    self._give_back(curator, bounty)
                elif who is None or self.clock.now() > update_due:
                    self._slash(curator, bounty)
                else:
                    raise self.Premature
                bounty.status = Funded()
            case Awarded(curator, _, _):
                if who is not None:
                    raise BadOrigin
                self._slash(curator, bounty)
                bounty.status = Funded()
            case _:
                raise self.UnexpectedStatus
        self.bounties[bounty_id] = bounty
        self.deposit(self.CuratorUnassigned(bounty_id))

    @call(4, weight=weights.ACCEPT_CURATOR)
    def accept_curator(self, origin: Origin, bounty_id: BountyId) -> None:
        """Accept the role of curator. A deposit is reserved until the bounty is claimed."""
        who, bounty = origin.signed(), self._bounty(bounty_id)
        if not isinstance(bounty.status, AwaitsCurator):
            raise self.UnexpectedStatus
        if who != bounty.status.curator:
            raise self.RequireCurator
        deposit = self._curator_deposit(bounty.fee)
        self.currency.reserve_named(RESERVE_ID, who, deposit)

        bounty.curator_deposit = deposit
        bounty.status = Active(who, self._after(self.bounty_update_period))
        self.bounties[bounty_id] = bounty
        self.deposit(self.CuratorAccepted(bounty_id, who))

    @call(5, weight=weights.AWARD_BOUNTY)
    def award_bounty(self, origin: Origin, bounty_id: BountyId, beneficiary: Address) -> None:
        """Award the bounty to `beneficiary`, to be claimed after a delay. Curator only.

        Raises TokenError for pools and accounts of bounties: the money would be stuck there.
        """
        bounty, work = self._curated(origin, bounty_id)
        payee = lookup(beneficiary)
        self.currency.ensure_not_pool(payee)

        unlock_at = self._after(self.bounty_deposit_payout_delay)
        bounty.status = Awarded(work.curator, payee, unlock_at)
        self.bounties[bounty_id] = bounty
        self.deposit(self.BountyAwarded(bounty_id, payee))

    @call(6, weight=weights.CLAIM_BOUNTY)
    def claim_bounty(self, origin: Origin, bounty_id: BountyId) -> None:
        """Pay an awarded bounty to its beneficiary and its curator. Any signed origin."""
        origin.signed()
        bounty = self._bounty(bounty_id)
        if not isinstance(bounty.status, Awarded):
            raise self.UnexpectedStatus
        curator, payee = bounty.status.curator, bounty.status.beneficiary
        if self.clock.now() < bounty.status.unlock_at:
            raise self.Premature

        # The deposit first: it keeps the curator's account alive for a fee however small.
        self._give_back(curator, bounty)
        source = self.account_of(bounty_id)
        held = self.currency.reducible_balance(source)
        fee = min(bounty.fee, held)
        self.currency.transfer(source, curator, fee)
        self.currency.transfer(source, payee, held - fee)
        self._forget(bounty_id)
        self.deposit(self.BountyClaimed(bounty_id, held - fee, payee))

    @call(7, weight=weights.CLOSE_BOUNTY)
    def close_bounty(self, origin: Origin, bounty_id: BountyId) -> None:
        """Cancel a bounty. Its funds go back to the pool, the curator's deposit is released.

        The proposer's deposit goes to the treasury if the bounty was only proposed; it is released
        if the bounty was approved and not funded. Reject origin only.
        """
        self.reject_origin(origin)
        bounty = self._bounty(bounty_id)
        match bounty.status:
            case Proposed():
                self.currency.slash_reserved_named(RESERVE_ID, bounty.proposer, bounty.bond)
                self._forget(bounty_id)
                self.deposit(self.BountyRejected(bounty_id, bounty.bond))
                return
            case Awarded():
                raise self.PendingPayout
            case Approved() | ApprovedWithCurator():
                queue = self.bounty_approvals.value
                queue.remove(bounty_id)
                self.bounty_approvals.value = queue
                self.currency.unreserve_named(RESERVE_ID, bounty.proposer, bounty.bond)
            case Active(curator, _):
                self._give_back(curator, bounty)
                self._refund(bounty_id)
            case Funded() | AwaitsCurator():
                self._refund(bounty_id)
        self._forget(bounty_id)
        self.deposit(self.BountyCanceled(bounty_id))

    @call(8, weight=weights.EXTEND_BOUNTY_EXPIRY)
    def extend_bounty_expiry(self, origin: Origin, bounty_id: BountyId, remark: Text) -> None:
        """Report on the bounty, which postpones the next report. Curator only.

        The remark is not stored; it is in the block.
        """
        bounty, work = self._curated(origin, bounty_id)
        due = max(work.update_due, self._after(self.bounty_update_period))
        bounty.status = Active(work.curator, due)
        self.bounties[bounty_id] = bounty
        self.deposit(self.BountyExtended(bounty_id))

    @call(9, weight=weights.APPROVE_BOUNTY_WITH_CURATOR)
    def approve_bounty_with_curator(
        self, origin: Origin, bounty_id: BountyId, curator: Address, fee: CompactAmount
    ) -> None:
        """Approve a proposed bounty and propose its curator. Spend origin only."""
        bounty = self._approvable(origin, bounty_id)
        chosen = lookup(curator)
        self._ensure_fee(bounty, fee)

        bounty.fee = fee
        self._approve(bounty_id, bounty, ApprovedWithCurator(chosen))
        self.deposit(self.CuratorProposed(bounty_id, chosen))

    @call(10, weight=weights.POKE_DEPOSIT)
    def poke_deposit(self, origin: Origin, bounty_id: BountyId) -> PostInfo:
        """Adjust the deposit of the caller's proposed bounty to the current rates.

        Free if that changes the deposit.
        """
        who, bounty = origin.signed(), self._bounty(bounty_id)
        if who != bounty.proposer:
            raise self.NotProposer
        if not isinstance(bounty.status, Proposed):
            raise self.UnexpectedStatus
        old, new = bounty.bond, self._bond(self.bounty_descriptions[bounty_id])
        if new == old:
            return PostInfo(pays=True)
        if new > old:
            self.currency.reserve_named(RESERVE_ID, who, new - old)
        else:
            self.currency.unreserve_named(RESERVE_ID, who, old - new)

        bounty.bond = new
        self.bounties[bounty_id] = bounty
        self.deposit(self.DepositPoked(bounty_id, who, old, new))
        return PostInfo(pays=False)

    # ---- public interface

    def account_of(self, bounty_id: u32) -> AccountId:
        """Return the account with a bounty's funds; it has no key."""
        return sub_account(self.pool, bounty_id)

    def spend_funds(self) -> int:
        """Fund approved bounties from the pool; return the weight in picoseconds.

        Called by the treasury at the end of its spend period. Refused bounties stay in the queue.
        """
        queue = self.bounty_approvals.value
        waiting = [index for index in queue if not attempted(self.host, partial(self._fund, index))]
        if waiting != queue:
            self.bounty_approvals.value = waiting
        return weights.fund(len(queue))

    # ---- internals

    def _bounty(self, bounty_id: u32) -> Bounty:
        bounty = self.bounties.get(bounty_id)
        if bounty is None:
            raise self.InvalidIndex
        return bounty

    def _grantable(self, origin: Origin, bounty_id: u32) -> Bounty:
        """Return a bounty whose value `origin` may grant."""
        limit = self.spend_origin(origin)
        bounty = self._bounty(bounty_id)
        if limit is not None and bounty.value > limit:
            raise self.InsufficientPermission
        return bounty

    def _approvable(self, origin: Origin, bounty_id: u32) -> Bounty:
        """Return a proposed bounty that `origin` may approve now."""
        bounty = self._grantable(origin, bounty_id)
        if not isinstance(bounty.status, Proposed):
            raise self.UnexpectedStatus
        if len(self.bounty_approvals.value) >= MAX_APPROVALS:
            raise self.TooManyQueued
        return bounty

    def _curated(self, origin: Origin, bounty_id: u32) -> tuple[Bounty, Active]:
        """Return an active bounty whose curator is `origin`, and its status."""
        who, bounty = origin.signed(), self._bounty(bounty_id)
        if not isinstance(bounty.status, Active):
            raise self.UnexpectedStatus
        if who != bounty.status.curator:
            raise self.RequireCurator
        return bounty, bounty.status

    def _ensure_fee(self, bounty: Bounty, fee: u128) -> None:
        """Raise InvalidFee if the rest of the value is below the existential deposit."""
        if int(fee) + int(self.currency.existential_deposit) > bounty.value:
            raise self.InvalidFee

    def _approve(
        self, bounty_id: u32, bounty: Bounty, status: Approved | ApprovedWithCurator
    ) -> None:
        bounty.status = status
        self.bounties[bounty_id] = bounty
        self.bounty_approvals.value = [*self.bounty_approvals.value, u32(bounty_id)]
        self.deposit(self.BountyApproved(bounty_id))

    def _fund(self, bounty_id: u32) -> None:
        """Fund the account of an approved bounty. Raises the pool's error if it may not pay."""
        bounty = self.bounties[bounty_id]
        self.grants.pay(self.pool, self.account_of(bounty_id), bounty.value, discretionary=True)
        self.currency.unreserve_named(RESERVE_ID, bounty.proposer, bounty.bond)
        bounty.bond = u128(0)
        if isinstance(bounty.status, ApprovedWithCurator):
            bounty.status = AwaitsCurator(bounty.status.curator)
        else:
            bounty.status = Funded()
        self.bounties[bounty_id] = bounty
        self.deposit(self.BountyBecameActive(bounty_id))

    def _refund(self, bounty_id: u32) -> None:
        """Return the balance of a bounty's account to the pool."""
        source = self.account_of(bounty_id)
        self.currency.transfer(source, self.pool, self.currency.reducible_balance(source))

    def _forget(self, bounty_id: u32) -> None:
        del self.bounties[bounty_id]
        del self.bounty_descriptions[bounty_id]

    def _ensure_may_unassign(self, who: AccountId | None, curator: AccountId) -> None:
        if who not in (None, curator):
            raise BadOrigin

    def _give_back(self, curator: AccountId, bounty: Bounty) -> None:
        """Release the curator's deposit."""
        self.currency.unreserve_named(RESERVE_ID, curator, bounty.curator_deposit)
        bounty.curator_deposit = u128(0)

    def _slash(self, curator: AccountId, bounty: Bounty) -> None:
        """Move the curator's deposit to the treasury."""
        self.currency.slash_reserved_named(RESERVE_ID, curator, bounty.curator_deposit)
        bounty.curator_deposit = u128(0)

    def _bond(self, description: bytes) -> u128:
        """Return the deposit for proposing a bounty with this description, in planck."""
        return self.bounty_deposit_base + self.data_deposit_per_byte * len(description)

    def _curator_deposit(self, fee: u128) -> u128:
        """Return the deposit of a curator for a fee, in planck."""
        share = u128(self.curator_deposit_multiplier.of(fee))
        if self.curator_deposit_max is not None:
            share = min(share, self.curator_deposit_max)
        if self.curator_deposit_min is not None:
            share = max(share, self.curator_deposit_min)
        return share

    def _after(self, slots: u32) -> u32:
        """Return the slot `slots` from now, at most the maximum of u32."""
        return u32(min(self.clock.now() + int(slots), u32.MAX))
