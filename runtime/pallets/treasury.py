"""Treasury: the chain's common pot, and how it is spent.

Into the pot go dust, slashes and what genesis gave to nobody; out of it goes only what an origin
with the right to spend has approved. `spend_local` queues a payment for the end of the spend
period; `spend` promises one that anybody may have paid out while it is valid. Neither takes more
than the pot holds. Nothing is ever burned for want of use.

Time is slots since genesis, never block height. At the end of a spend period, or in the first
block after it if slots were empty, the queue is paid in the order of approval as far as the pot
reaches; then `others` spend what they have been given to spend, from pots of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Annotated, Final, Protocol

from btt_chain.primitives.account import AccountId, MultiAddress
from btt_chain.primitives.arithmetic import Permill
from btt_chain.scale import (
    Bounded,
    Compact,
    FixedBytes,
    Path,
    TypeName,
    Variant,
    path,
    u32,
    u64,
    u128,
)
from runtime.accounts import TREASURY
from runtime.frame import (
    Const,
    DispatchError,
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
from runtime.frame.host import Host
from runtime.frame.weight import DispatchClass
from runtime.pallets.balances import lookup
from runtime.weights import treasury as weights

MAX_APPROVALS: Final = 100
"""Payments that may wait for the end of a spend period, here and for bounties."""


class PalletId(FixedBytes, size=8, path="frame_support::PalletId"):
    """What a pallet's account is derived from."""


POT_ID: Final = PalletId(b"py/trsry")
NO_BURN: Final = Permill(0)


@path("btt_runtime::AssetKind")
class AssetKind(IntEnum):
    """What a spend is paid in."""

    Native = 0
    """BTT, in planck."""


@path("pallet_treasury::Proposal", params={"AccountId": AccountId, "Balance": u128})
@dataclass(slots=True)
class Proposal:
    """A payment that waits for the end of a spend period. The bond is always zero here."""

    proposer: Annotated[AccountId, TypeName("AccountId")]
    value: Annotated[u128, TypeName("Balance")]
    beneficiary: Annotated[AccountId, TypeName("AccountId")]
    bond: Annotated[u128, TypeName("Balance")]


class Pending(Variant, index=0):
    """Not paid yet."""


class Attempted(Variant, index=1):
    """Paid; payments in planck are done at once, so that this is the end of it."""

    id: Annotated[u64, TypeName("Id")]


class Failed(Variant, index=2):
    """A payment went wrong on its way. Never happens here: a payment is made or refused."""


PaymentState = Annotated[
    Pending | Attempted | Failed, Path("pallet_treasury::PaymentState", params={"Id": u64})
]


@path(
    "pallet_treasury::SpendStatus",
    params={
        "AssetKind": AssetKind,
        "AssetBalance": u128,
        "Beneficiary": AccountId,
        "BlockNumber": u32,
        "PaymentId": u64,
    },
)
@dataclass(slots=True)
class SpendStatus:
    """A promised payment: to be claimed from slot `valid_from` on, and before `expire_at`."""

    asset_kind: Annotated[AssetKind, TypeName("AssetKind")]
    amount: Annotated[u128, TypeName("AssetBalance")]
    beneficiary: Annotated[AccountId, TypeName("Beneficiary")]
    valid_from: Annotated[u32, TypeName("BlockNumber")]
    expire_at: Annotated[u32, TypeName("BlockNumber")]
    status: Annotated[PaymentState, TypeName("PaymentState<PaymentId>")]


@path("btt_runtime::treasury::Approved")
@dataclass(slots=True)
class Approved:
    """How much the origins of one limit have approved, in planck, and in which spend period."""

    period: u32
    amount: u128


Index = Annotated[u32, TypeName("SpendIndex")]
ProposalIndex = Annotated[u32, TypeName("ProposalIndex")]
Amount = Annotated[u128, TypeName("BalanceOf<T, I>")]
CompactAmount = Annotated[Compact[u128], TypeName("BalanceOf<T, I>")]
AssetAmount = Annotated[u128, TypeName("AssetBalanceOf<T, I>")]
Slot = Annotated[u32, TypeName("BlockNumberFor<T, I>")]
PaymentId = Annotated[u64, TypeName("<T::Paymaster as Pay>::Id")]


class Clock(Protocol):
    """What time it is; Babe satisfies it."""

    def now(self) -> int:
        """Return the slots since genesis."""


class Pot(Protocol):
    """The money of the pot; Balances satisfies it. Amounts in planck."""

    def reducible_balance(self, who: AccountId) -> u128:
        """Return what `who` could spend at once."""

    def transfer(self, source: AccountId, dest: AccountId, amount: u128) -> None:
        """Move spendable money; raise DispatchError if there is not enough."""


class SpendOrigin(Protocol):
    """Who may spend, and how much."""

    def __call__(self, origin: Origin) -> u128 | None:
        """Return the most that `origin` may approve in one spend period, in planck.

        That is together with all other origins that have this limit; None is no limit. Raises
        BadOrigin for those who may approve nothing.
        """


class SpendsToo(Protocol):
    """Another pallet that spends at the end of a spend period; Bounties satisfies it."""

    def spend_funds(self) -> int:
        """Pay what is approved as far as possible; return the weight in picoseconds."""


def attempted(host: Host, step: Callable[[], None]) -> bool:
    """Tell whether `step` succeeded; if it was refused, nothing is left of it.

    For hooks, where a refused payment waits and must not stop the block.
    """
    state, before = host.state, len(host.events)
    state.begin()
    try:
        step()
    except (DispatchError, ArithmeticError):
        state.rollback()
        del host.events[before:]
        return False
    state.commit()
    return True


class Treasury(Pallet, instances=True):
    """The chain's common pot, and how it is spent. Amounts are in planck, times in slots."""

    spend_period: Const[u32]
    """How many slots lie between two payments of what was approved."""
    burn: Const[Permill] = NO_BURN
    """The share of the rest that is destroyed after a spend period: nothing."""
    pallet_id: Const[PalletId] = POT_ID
    """What the pot's account is derived from."""
    max_approvals: Const[u32] = u32(MAX_APPROVALS)
    """How many approved payments may wait."""
    payout_period: Const[u32]
    """For how many slots a promised payment can be claimed."""
    pot_account: Annotated[Const[AccountId], "pot_account"] = TREASURY
    """The account of the pot."""
    currency: Pot
    clock: Clock
    spend_origin: SpendOrigin
    reject_origin: OriginCheck
    """Who takes approvals and promises back."""
    others: Sequence[SpendsToo] = ()
    """Pallets that spend at the end of a spend period, too."""

    proposal_count = Value(u32, default=u32(0))
    """How many payments were ever queued."""
    proposals = Map(u32, Proposal, hasher=Hasher.Twox64Concat)
    """Payments that wait for the end of the spend period."""
    deactivated = Value(u128, default=u128(0))
    """What of the pot counts for no vote; in every chain's metadata, and always zero here."""
    approvals = Value(Bounded[list[u32], MAX_APPROVALS], default=[])
    """The queue: payments in the order of approval."""
    spend_count = Value(u32, default=u32(0))
    """How many payments were ever promised."""
    spends = Map(u32, SpendStatus, hasher=Hasher.Twox64Concat)
    """Promised payments."""
    last_spend_period = Value(u32)
    """When the last spend period ended; not set before the first one has."""
    approved_by_limit = Map(u128, Approved, hasher=Hasher.Twox64Concat)
    """What was approved under each limit, in the last spend period that anything was."""

    class Spending(Event, index=0):
        """A spend period ended; so much is in the pot to be spent."""

        budget_remaining: Amount

    class Awarded(Event, index=1):
        """A payment that waited was made."""

        proposal_index: ProposalIndex
        award: Amount
        account: Annotated[AccountId, TypeName("T::AccountId")]

    class Burnt(Event, index=2):
        """Some of the rest was destroyed. Never happens here: the rest stays."""

        burnt_funds: Amount

    class Rollover(Event, index=3):
        """Payments are made; so much stays in the pot for the next spend period."""

        rollover_balance: Amount

    class Deposit(Event, index=4):
        """Money came into the pot. Never happens here: `Balances.Deposit` tells of it."""

        value: Amount

    class SpendApproved(Event, index=5):
        """A payment was approved; it is made at the end of the spend period."""

        proposal_index: ProposalIndex
        amount: Amount
        beneficiary: Annotated[AccountId, TypeName("T::AccountId")]

    class UpdatedInactive(Event, index=6):
        """What counts for no vote has changed. Never happens here."""

        reactivated: Amount
        deactivated: Amount

    class AssetSpendApproved(Event, index=7):
        """A payment was promised; anybody may have it paid out while it is valid."""

        index: Index
        asset_kind: Annotated[AssetKind, TypeName("T::AssetKind")]
        amount: AssetAmount
        beneficiary: Annotated[AccountId, TypeName("T::Beneficiary")]
        valid_from: Slot
        expire_at: Slot

    class AssetSpendVoided(Event, index=8):
        """A promised payment was taken back."""

        index: Index

    class Paid(Event, index=9):
        """A promised payment was made."""

        index: Index
        payment_id: PaymentId

    class PaymentFailed(Event, index=10):
        """A payment went wrong on its way. Never happens here: it is made or refused."""

        index: Index
        payment_id: PaymentId

    class SpendProcessed(Event, index=11):
        """A promised payment is over, paid or expired, and forgotten."""

        index: Index

    class InvalidIndex(Error, index=0):
        """There is no promised payment of this index; look it up in `Spends`."""

    class TooManyApprovals(Error, index=1):
        """As many payments as may wait are waiting; try again after the spend period."""

    class InsufficientPermission(Error, index=2):
        """The amount exceeds what this origin may spend in a spend period; ask a higher one."""

    class ProposalNotApproved(Error, index=3):
        """No payment of this index waits; look it up in `Approvals`."""

    class FailedToConvertBalance(Error, index=4):
        """The amount has no worth in BTT. Never happens here: everything is paid in BTT."""

    class SpendExpired(Error, index=5):
        """The time in which the payment could be claimed is over; it must be approved anew."""

    class EarlyPayout(Error, index=6):
        """The payment cannot be claimed yet; try again from its `valid_from` on."""

    class AlreadyAttempted(Error, index=7):
        """The payment has been made already."""

    class PayoutError(Error, index=8):
        """The pot holds too little, or the amount is too small to open an account; try later."""

    class NotAttempted(Error, index=9):
        """The payment has not been made yet and is still valid; call `payout`."""

    class Inconclusive(Error, index=10):
        """The payment is on its way. Never happens here: it is made at once."""

    # ---- hooks

    def on_initialize(self, number: int) -> int:
        """Pay what was approved if a spend period has ended since the last time."""
        last, now = int(self.last_spend_period.get() or 0), self.clock.now()
        period = max(1, int(self.spend_period))
        if last + period > now:
            return 0
        # Periods end at multiples of their length, whichever slots were empty.
        self.last_spend_period.value = u32(now - now % period)
        used = self._spend_approved()
        return used + sum(other.spend_funds() for other in self.others)

    # ---- calls

    @call(3, weight=weights.SPEND_LOCAL)
    def spend_local(
        self,
        origin: Origin,
        amount: CompactAmount,
        beneficiary: Annotated[MultiAddress, TypeName("AccountIdLookupOf<T>")],
    ) -> None:
        """Approve a payment of `amount` planck to `beneficiary` at the end of the spend period."""
        limit = self._limit(origin, amount)
        payee = lookup(beneficiary)
        queue = self.approvals.value
        if len(queue) >= self.max_approvals:
            raise self.TooManyApprovals

        self._count_approved(limit, amount)
        index = self.proposal_count.value
        self.proposal_count.value = index + u32(1)
        self.proposals[index] = Proposal(payee, amount, payee, u128(0))
        self.approvals.value = [*queue, index]
        self.deposit(self.SpendApproved(index, amount, payee))

    @call(4, weight=weights.REMOVE_APPROVAL, dispatch_class=DispatchClass.Operational)
    def remove_approval(
        self, origin: Origin, proposal_id: Annotated[Compact[u32], TypeName("ProposalIndex")]
    ) -> None:
        """Take back the approval of a payment that still waits."""
        self.reject_origin(origin)
        queue = self.approvals.value
        if proposal_id not in queue:
            raise self.ProposalNotApproved
        queue.remove(proposal_id)
        self.approvals.value = queue
        del self.proposals[proposal_id]

    @call(5, weight=weights.SPEND)
    def spend(
        self,
        origin: Origin,
        asset_kind: Annotated[AssetKind, TypeName("Box<T::AssetKind>")],
        amount: Annotated[Compact[u128], TypeName("AssetBalanceOf<T, I>")],
        beneficiary: Annotated[MultiAddress, TypeName("Box<BeneficiaryLookupOf<T, I>>")],
        valid_from: Annotated[u32 | None, TypeName("Option<BlockNumberFor<T, I>>")],
    ) -> None:
        """Promise `amount` planck to `beneficiary`; `payout` pays it from slot `valid_from` on.

        Without `valid_from`, from now on. The promise ends a payout period later.
        """
        limit = self._limit(origin, amount)
        payee, now = lookup(beneficiary), self.clock.now()
        begin = u32(now) if valid_from is None else valid_from
        end = u32(min(int(begin) + int(self.payout_period), u32.MAX))
        if end <= now:
            raise self.SpendExpired

        self._count_approved(limit, amount)
        index = self.spend_count.value
        self.spend_count.value = index + u32(1)
        self.spends[index] = SpendStatus(asset_kind, amount, payee, begin, end, Pending())
        self.deposit(self.AssetSpendApproved(index, asset_kind, amount, payee, begin, end))

    @call(6, weight=weights.PAYOUT)
    def payout(self, origin: Origin, index: Index) -> None:
        """Have a promised payment made. Anybody may ask for it; the money goes to who it is for."""
        origin.signed()
        promised, now = self._spend(index), self.clock.now()
        if now < promised.valid_from:
            raise self.EarlyPayout
        if promised.expire_at <= now:
            raise self.SpendExpired
        if isinstance(promised.status, Attempted):
            raise self.AlreadyAttempted
        try:
            self.currency.transfer(self.pot_account, promised.beneficiary, promised.amount)
        except DispatchError as error:
            raise self.PayoutError from error

        payment = u64(index)
        promised.status = Attempted(payment)
        self.spends[index] = promised
        self.deposit(self.Paid(index, payment))

    @call(7, weight=weights.CHECK_STATUS)
    def check_status(self, origin: Origin, index: Index) -> PostInfo:
        """Clear away a promised payment that was made or has expired. Then it costs no fee."""
        origin.signed()
        promised = self._spend(index)
        paid = isinstance(promised.status, Attempted)
        if not paid and promised.expire_at > self.clock.now():
            raise self.NotAttempted
        del self.spends[index]
        self.deposit(self.SpendProcessed(index))
        return PostInfo(pays=False)

    @call(8, weight=weights.VOID_SPEND)
    def void_spend(self, origin: Origin, index: Index) -> None:
        """Take back the promise of a payment that has not been made."""
        self.reject_origin(origin)
        if isinstance(self._spend(index).status, Attempted):
            raise self.AlreadyAttempted
        del self.spends[index]
        self.deposit(self.AssetSpendVoided(index))

    # ---- doors

    def pot(self) -> u128:
        """Return what could be spent now, in planck; what is promised is still in it."""
        return self.currency.reducible_balance(self.pot_account)

    # ---- steps

    def _spend(self, index: u32) -> SpendStatus:
        promised = self.spends.get(index)
        if promised is None:
            raise self.InvalidIndex
        return promised

    def _period(self) -> u32:
        return u32(self.clock.now() // max(1, int(self.spend_period)))

    def _limit(self, origin: Origin, amount: u128) -> u128 | None:
        """Return the limit of `origin`; raise InsufficientPermission if `amount` exceeds it.

        What was approved under it before in this spend period counts: else one decision for each
        part, or a batch of them, would get around any limit.
        """
        limit = self.spend_origin(origin)
        if limit is not None and int(self._approved_under(limit)) + int(amount) > limit:
            raise self.InsufficientPermission
        return limit

    def _approved_under(self, limit: u128) -> u128:
        """Return what was approved under `limit` in this spend period, in planck."""
        known = self.approved_by_limit.get(limit)
        return known.amount if known and known.period == self._period() else u128(0)

    def _count_approved(self, limit: u128 | None, amount: u128) -> None:
        if limit is not None:
            total = self._approved_under(limit) + amount
            self.approved_by_limit[limit] = Approved(self._period(), total)

    def _spend_approved(self) -> int:
        """Pay the queue as far as the pot reaches; return the weight in picoseconds.

        What exceeds the pot waits, and what cannot be received; the smaller ones behind it do not.
        """
        self.deposit(self.Spending(self.pot()))
        queue = self.approvals.value
        waiting = [index for index in queue if not self._award(index)]
        if waiting != queue:
            self.approvals.value = waiting
        self.deposit(self.Rollover(self.pot()))
        return weights.pay_approved(len(queue))

    def _award(self, index: u32) -> bool:
        """Make a payment that waited; tell whether it is off the queue."""
        proposal = self.proposals[index]
        if proposal.value > self.pot():
            return False

        def pay() -> None:
            self.currency.transfer(self.pot_account, proposal.beneficiary, proposal.value)

        if not attempted(self.host, pay):
            return False
        del self.proposals[index]
        self.deposit(self.Awarded(index, proposal.value, proposal.beneficiary))
        return True
