"""Bounties: grants for work, paid out of the grants pool by somebody who judges the work.

Somebody proposes a bounty against a deposit, governance approves it, and at the end of the spend
period the pool of grants fills the bounty's own account. A curator, who has a deposit at stake,
awards it; after a delay in which governance may intervene anybody may have it paid out, the
curator's fee included. A bounty that the pool cannot pay, or that the ceiling of the year does
not allow, stays approved and is tried again at the end of each spend period.

What always holds: an approved bounty has no account yet, a funded one has its whole value there,
and the deposits in `Bounties` are what is reserved under this pallet's name. Times are slots since
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
"""Bytes of a description."""
RESERVE_ID: Final = b"btt/bnty"
"""The name that deposits are reserved under: what others reserve is not touched."""


class Proposed(Variant, index=0):
    """It waits for approval."""


class Approved(Variant, index=1):
    """It waits for its money."""


class Funded(Variant, index=2):
    """Its money lies in its account; it waits for a curator."""


class AwaitsCurator(Variant, index=3, name="CuratorProposed"):
    """It waits for the curator to accept."""

    curator: Annotated[AccountId, TypeName("AccountId")]


class Active(Variant, index=4):
    """The curator is at work, and must show it before slot `update_due`."""

    curator: Annotated[AccountId, TypeName("AccountId")]
    update_due: Annotated[u32, TypeName("BlockNumber")]


class Awarded(Variant, index=5, name="PendingPayout"):
    """It is awarded, and can be claimed from slot `unlock_at` on."""

    curator: Annotated[AccountId, TypeName("AccountId")]
    beneficiary: Annotated[AccountId, TypeName("AccountId")]
    unlock_at: Annotated[u32, TypeName("BlockNumber")]


class ApprovedWithCurator(Variant, index=6):
    """It waits for its money and has a curator in view."""

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
    """What somebody is to be paid for, and how far that has come. Amounts in planck."""

    proposer: Annotated[AccountId, TypeName("AccountId")]
    value: Annotated[u128, TypeName("Balance")]
    """All that is paid, the curator's fee included."""
    fee: Annotated[u128, TypeName("Balance")]
    curator_deposit: Annotated[u128, TypeName("Balance")]
    bond: Annotated[u128, TypeName("Balance")]
    """The proposer's deposit; given back once the bounty is funded."""
    status: Annotated[BountyStatus, TypeName("BountyStatus<AccountId, BlockNumber>")]


Index = Annotated[u32, TypeName("BountyIndex")]
BountyId = Annotated[Compact[u32], TypeName("BountyIndex")]
Who = Annotated[AccountId, TypeName("T::AccountId")]
Address = Annotated[MultiAddress, TypeName("AccountIdLookupOf<T>")]
Amount = Annotated[u128, TypeName("BalanceOf<T, I>")]
CompactAmount = Annotated[Compact[u128], TypeName("BalanceOf<T, I>")]
Text = Annotated[bytes, TypeName("Vec<u8>")]


class Money(Protocol):
    """Deposits, and the money of bounties; Balances satisfies it. Amounts in planck."""

    @property
    def existential_deposit(self) -> u128:
        """The least that an account can be opened with."""

    def ensure_not_pool(self, who: AccountId) -> None:
        """Raise DispatchError for an account that only its own pallet may move."""

    def reducible_balance(self, who: AccountId) -> u128:
        """Return what `who` could spend at once."""

    def transfer(self, source: AccountId, dest: AccountId, amount: u128) -> None:
        """Move spendable money; the source's account may be closed by it."""

    def reserve_named(self, name: bytes, who: AccountId, amount: u128) -> None:
        """Set money of `who` aside; raise DispatchError if there is not enough."""

    def unreserve_named(self, name: bytes, who: AccountId, amount: u128) -> u128:
        """Give back what was set aside; return how much of `amount` was not there."""

    def slash_reserved_named(self, name: bytes, who: AccountId, amount: u128) -> u128:
        """Take what was set aside for the treasury; return how much of `amount` was not there."""


class Grants(Protocol):
    """The pools and the rules by which they pay; Tokenomics satisfies it."""

    def pay(self, pool: AccountId, to: AccountId, amount: u128, *, discretionary: bool) -> None:
        """Pay `amount` planck of `pool`; raise DispatchError if it is dry or may not pay."""


def by_length(_: Bounties, value: u128, description: bytes) -> DispatchInfo:
    """Weigh `propose_bounty`: reserving, and a little for every byte that is stored."""
    del value
    return DispatchInfo(weights.propose_bounty(len(description)))


class Bounties(Pallet, instances=True):
    """Grants for work, paid by somebody who judges the work."""

    bounty_deposit_base: Const[u128]
    """The deposit for proposing a bounty, in planck."""
    bounty_deposit_payout_delay: Const[u32]
    """For how many slots an award can be prevented before it is paid."""
    bounty_update_period: Const[u32]
    """After how many slots without an update a curator may be dismissed by anybody."""
    curator_deposit_multiplier: Const[Permill]
    """A curator's deposit, as a share of the fee."""
    curator_deposit_max: Const[u128 | None]
    """The most that a curator has to deposit, in planck."""
    curator_deposit_min: Const[u128 | None]
    """The least that a curator has to deposit, in planck."""
    bounty_value_minimum: Const[u128]
    """The least value of a bounty, in planck; enough to open an account with."""
    data_deposit_per_byte: Const[u128]
    """What each byte of a description adds to the deposit, in planck."""
    maximum_reason_length: Const[u32] = u32(MAX_REASON)
    """How many bytes a description may have."""
    currency: Money
    clock: Clock
    grants: Grants
    pool: AccountId
    """The pool that pays."""
    spend_origin: SpendOrigin
    reject_origin: OriginCheck
    """Who rejects bounties and dismisses curators."""

    bounty_count = Value(u32, default=u32(0))
    """How many bounties were ever proposed."""
    bounties = Map(u32, Bounty, hasher=Hasher.Twox64Concat)
    """The bounties."""
    bounty_descriptions = Map(u32, Bounded[bytes, MAX_REASON], hasher=Hasher.Twox64Concat)
    """What they are for."""
    bounty_approvals = Value(Bounded[list[u32], MAX_APPROVALS], default=[])
    """Those that wait for their money, in the order of approval."""

    class BountyProposed(Event, index=0):
        """A bounty was proposed."""

        index: Index

    class BountyRejected(Event, index=1):
        """A proposed bounty was rejected; the proposer's deposit went to the treasury."""

        index: Index
        bond: Amount

    class BountyBecameActive(Event, index=2):
        """A bounty has its money."""

        index: Index

    class BountyAwarded(Event, index=3):
        """A bounty was awarded; it can be claimed after a delay."""

        index: Index
        beneficiary: Who

    class BountyClaimed(Event, index=4):
        """A bounty was paid; `payout` is without the curator's fee."""

        index: Index
        payout: Amount
        beneficiary: Who

    class BountyCanceled(Event, index=5):
        """A bounty was given up; its money went back into the pool."""

        index: Index

    class BountyExtended(Event, index=6):
        """The curator reported, and has time until the next report."""

        index: Index

    class BountyApproved(Event, index=7):
        """A bounty was approved; it gets its money at the end of the spend period."""

        index: Index

    class CuratorProposed(Event, index=8):
        """A curator was chosen, who may accept."""

        bounty_id: Index
        curator: Who

    class CuratorUnassigned(Event, index=9):
        """A bounty has no curator any more."""

        bounty_id: Index

    class CuratorAccepted(Event, index=10):
        """The curator accepted and made a deposit."""

        bounty_id: Index
        curator: Who

    class DepositPoked(Event, index=11):
        """The proposer's deposit was brought to what it would be today."""

        bounty_id: Index
        proposer: Who
        old_deposit: Amount
        new_deposit: Amount

    class InsufficientProposersBalance(Error, index=0):
        """Your free balance is too small for the deposit; propose less text, or get more BTT."""

    class InvalidIndex(Error, index=1):
        """There is no bounty of this index; look it up in `Bounties`."""

    class ReasonTooBig(Error, index=2):
        """The description is too long; put the details elsewhere and their hash here."""

    class UnexpectedStatus(Error, index=3):
        """The bounty is not at the stage for this; look at its status."""

    class RequireCurator(Error, index=4):
        """Only the curator of the bounty may do this; sign with the curator's account."""

    class InvalidValue(Error, index=5):
        """The value is below the least that a bounty may have; ask for more."""

    class InvalidFee(Error, index=6):
        """The fee must leave enough of the value for its winner to open an account; lower it."""

    class PendingPayout(Error, index=7):
        """The bounty is awarded; dismiss the curator first, if the award must not be paid."""

    class Premature(Error, index=8):
        """The time for this has not come yet; wait for the slot that the status names."""

    class HasActiveChildBounty(Error, index=9):
        """A part of the bounty is still open. Never happens here: bounties have no parts."""

    class TooManyQueued(Error, index=10):
        """As many bounties as may wait for money are waiting; try again after the spend period."""

    class NotProposer(Error, index=11):
        """Only who proposed the bounty may do this; sign with the proposer's account."""

    class InsufficientPermission(Error, index=12):
        """The value exceeds what this origin may grant; ask a higher one."""

    # ---- calls

    @call(0, weight=by_length)
    def propose_bounty(self, origin: Origin, value: CompactAmount, description: Text) -> None:
        """Propose a bounty of `value` planck, the curator's fee included, for what is described.

        A deposit is reserved, more for more text. It comes back when the bounty gets its money
        and goes to the treasury if the bounty is rejected.
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
        """Approve a proposed bounty; it gets its money at the end of the spend period."""
        bounty = self._approvable(origin, bounty_id)
        self._approve(bounty_id, bounty, Approved())

    @call(2, weight=weights.PROPOSE_CURATOR)
    def propose_curator(
        self, origin: Origin, bounty_id: BountyId, curator: Address, fee: CompactAmount
    ) -> None:
        """Choose who judges the work, for a fee that is taken from the bounty's value."""
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
        """Part with the curator.

        A curator may resign and has the deposit back, unless there is an award already. Whoever
        rejects bounties may dismiss the curator at any time, and anybody may dismiss one who is
        late with the update: then the deposit goes to the treasury.
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
        """Accept to judge the work. A deposit is reserved until the bounty is claimed."""
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
        """Award the bounty that you are the curator of; it can be claimed after a delay.

        Raises TokenError for pools, and for the account of a bounty: nobody would get it out again.
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
        """Have an awarded bounty paid. Anybody may ask for it; the money goes to who it is for."""
        origin.signed()
        bounty = self._bounty(bounty_id)
        if not isinstance(bounty.status, Awarded):
            raise self.UnexpectedStatus
        curator, payee = bounty.status.curator, bounty.status.beneficiary
        if self.clock.now() < bounty.status.unlock_at:
            raise self.Premature

        # The deposit first: it keeps the curator's account open for a fee however small.
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
        """Give a bounty up. Its money goes back into the pool, the curator has the deposit back.

        Of a bounty that was only proposed the proposer's deposit goes to the treasury; of one that
        was approved and waits for money it is given back.
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
        """Report on the bounty that you are the curator of, and have time until the next report.

        The remark is not kept; it is in the block.
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
        """Approve a proposed bounty and choose who judges the work, in one."""
        bounty = self._approvable(origin, bounty_id)
        chosen = lookup(curator)
        self._ensure_fee(bounty, fee)

        bounty.fee = fee
        self._approve(bounty_id, bounty, ApprovedWithCurator(chosen))
        self.deposit(self.CuratorProposed(bounty_id, chosen))

    @call(10, weight=weights.POKE_DEPOSIT)
    def poke_deposit(self, origin: Origin, bounty_id: BountyId) -> PostInfo:
        """Bring the deposit of a bounty that you proposed to what it would be today.

        Costs no fee if that changes it.
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

    # ---- doors

    def account_of(self, bounty_id: u32) -> AccountId:
        """Return the account in which a bounty's money lies; nobody has a key of it."""
        return sub_account(self.pool, bounty_id)

    def spend_funds(self) -> int:
        """Fill the accounts of approved bounties from the pool; return the weight in picoseconds.

        For the treasury, at the end of its spend period. Those that are refused wait for the next.
        """
        queue = self.bounty_approvals.value
        waiting = [index for index in queue if not attempted(self.host, partial(self._fund, index))]
        if waiting != queue:
            self.bounty_approvals.value = waiting
        return weights.fund(len(queue))

    # ---- steps

    def _bounty(self, bounty_id: u32) -> Bounty:
        bounty = self.bounties.get(bounty_id)
        if bounty is None:
            raise self.InvalidIndex
        return bounty

    def _grantable(self, origin: Origin, bounty_id: u32) -> Bounty:
        """Return a bounty that `origin` may grant."""
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
        """Return a bounty at work whose curator `origin` is, and the state of the work."""
        who, bounty = origin.signed(), self._bounty(bounty_id)
        if not isinstance(bounty.status, Active):
            raise self.UnexpectedStatus
        if who != bounty.status.curator:
            raise self.RequireCurator
        return bounty, bounty.status

    def _ensure_fee(self, bounty: Bounty, fee: u128) -> None:
        """Raise InvalidFee if what is left besides the fee is too little to be paid to anybody."""
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
        """Fill the account of an approved bounty; raise what the pool raises if it may not pay."""
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
        """Put what lies in a bounty's account back into the pool."""
        source = self.account_of(bounty_id)
        self.currency.transfer(source, self.pool, self.currency.reducible_balance(source))

    def _forget(self, bounty_id: u32) -> None:
        del self.bounties[bounty_id]
        del self.bounty_descriptions[bounty_id]

    def _ensure_may_unassign(self, who: AccountId | None, curator: AccountId) -> None:
        if who not in (None, curator):
            raise BadOrigin

    def _give_back(self, curator: AccountId, bounty: Bounty) -> None:
        """Give the curator the deposit back."""
        self.currency.unreserve_named(RESERVE_ID, curator, bounty.curator_deposit)
        bounty.curator_deposit = u128(0)

    def _slash(self, curator: AccountId, bounty: Bounty) -> None:
        """Let the treasury have the curator's deposit."""
        self.currency.slash_reserved_named(RESERVE_ID, curator, bounty.curator_deposit)
        bounty.curator_deposit = u128(0)

    def _bond(self, description: bytes) -> u128:
        """Return the deposit for proposing a bounty with this description, in planck."""
        return self.bounty_deposit_base + self.data_deposit_per_byte * len(description)

    def _curator_deposit(self, fee: u128) -> u128:
        """Return what a curator has to deposit for a fee, in planck."""
        share = u128(self.curator_deposit_multiplier.of(fee))
        if self.curator_deposit_max is not None:
            share = min(share, self.curator_deposit_max)
        if self.curator_deposit_min is not None:
            share = max(share, self.curator_deposit_min)
        return share

    def _after(self, slots: u32) -> u32:
        """Return the slot so many slots from now, or the last one there is."""
        return u32(min(self.clock.now() + int(slots), u32.MAX))
