"""Treasury: the chain's common funds, and their spending.

The treasury account receives dust, slashes and the unassigned rest of genesis; it pays only what an
origin with the right to spend has approved. `spend_local` queues a payment for the end of the spend
period; `spend` promises a payment that any account may trigger while it is valid. Neither reserves
funds: payments beyond the balance are not made. Unused funds are never burned.

Time is slots since genesis, never block height. At the end of a spend period, or in the first block
after it if slots were empty, the queue is paid in order of approval as far as the balance allows;
then `others` spend their approved amounts, from pool accounts of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import IntEnum
from typing import Annotated, Final, Protocol

from btt_chain.lazyclass import dataclass
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
from runtime.frame.aliases import Account, AccountIdOf, Balance, BlockNumber
from runtime.frame.host import Host
from runtime.frame.origin import SpendOrigin
from runtime.frame.traits import Clock
from runtime.frame.weight import DispatchClass
from runtime.pallets.balances.pallet import Balances
from runtime.pallets.balances.types import lookup
from runtime.pallets.treasury import weights

MAX_APPROVALS: Final = 100
"""Maximum number of queued payments, here and for bounties."""


class PalletId(FixedBytes, size=8, path="frame_support::PalletId"):
    """Identifier from which a pallet's account is derived."""


TREASURY_ID: Final = PalletId(b"py/trsry")
NO_BURN: Final = Permill(0)


@path("btt_runtime::AssetKind")
class AssetKind(IntEnum):
    """The currency of a spend."""

    Native = 0
    """BTT, in planck."""


@path("pallet_treasury::Proposal", params={"AccountId": AccountId, "Balance": u128})
@dataclass(slots=True)
class Proposal:
    """A queued payment for the end of a spend period. The bond is always zero here."""

    proposer: Account
    value: Balance
    beneficiary: Account
    bond: Balance


class Pending(Variant, index=0):
    """Not paid yet."""


class Attempted(Variant, index=1):
    """Paid; payments in planck are immediate, so that this state is final."""

    id: Annotated[u64, TypeName("Id")]


class Failed(Variant, index=2):
    """Failed in transfer. Never happens here: a payment is made or refused."""


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
    """A promised payment, payable from slot `valid_from` on, and before `expire_at`."""

    asset_kind: AssetKind
    amount: Annotated[u128, TypeName("AssetBalance")]
    beneficiary: Annotated[AccountId, TypeName("Beneficiary")]
    valid_from: BlockNumber
    expire_at: BlockNumber
    status: Annotated[PaymentState, TypeName("PaymentState<PaymentId>")]


@path("btt_runtime::treasury::Approved")
@dataclass(slots=True)
class Approved:
    """Amount approved by the origins of one limit, in planck, and its spend period."""

    period: u32
    amount: u128


Index = Annotated[u32, TypeName("SpendIndex")]
ProposalIndex = Annotated[u32, TypeName("ProposalIndex")]
Amount = Annotated[u128, TypeName("BalanceOf<T, I>")]
CompactAmount = Annotated[Compact[u128], TypeName("BalanceOf<T, I>")]
AssetAmount = Annotated[u128, TypeName("AssetBalanceOf<T, I>")]
Slot = Annotated[u32, TypeName("BlockNumberFor<T, I>")]
PaymentId = Annotated[u64, TypeName("<T::Paymaster as Pay>::Id")]


class SpendsToo(Protocol):
    """Further spending at the end of a spend period; `Funding` of Bounties implements it."""

    def spend_funds(self) -> int:
        """Make approved payments as far as possible; return the weight in picoseconds."""


def attempted(host: Host, step: Callable[[], None]) -> bool:
    """Return True if `step` succeeded; revert all its effects if it was refused.

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
    """The chain's common funds, and their spending. Amounts in planck, times in slots."""

    # ---- constants

    spend_period: Const[u32]
    """Number of slots between payments of the queue."""
    burn: Const[Permill] = NO_BURN
    """Part of unused funds burned after a spend period: zero."""
    pallet_id: Const[PalletId] = TREASURY_ID
    """Identifier from which the treasury's account is derived."""
    max_approvals: Const[u32] = u32(MAX_APPROVALS)
    """Maximum number of queued payments."""
    payout_period: Const[u32]
    """Number of slots in which a promised payment can be claimed."""
    account: Annotated[Const[AccountId], "pot_account"] = TREASURY
    """The account of the treasury."""

    # ---- dependencies

    currency: Balances
    clock: Clock
    spend_origin: SpendOrigin
    reject_origin: OriginCheck
    """Origin that may revoke approvals and promises."""
    others: Sequence[SpendsToo] = ()
    """Other pallets that spend at the end of a spend period."""

    # ---- storage

    proposal_count = Value(u32, default=u32(0))
    """Number of payments queued so far."""
    proposals = Map(u32, Proposal, hasher=Hasher.Twox64Concat)
    """Queued payments."""
    deactivated = Value(u128, default=u128(0))
    """Funds without voting power; in every chain's metadata, and always zero here."""
    approvals = Value(Bounded[list[u32], MAX_APPROVALS], default=[])
    """The queue: payments in order of approval."""
    spend_count = Value(u32, default=u32(0))
    """Number of payments promised so far."""
    spends = Map(u32, SpendStatus, hasher=Hasher.Twox64Concat)
    """Promised payments."""
    last_spend_period = Value(u32)
    """Slot of the end of the last spend period; unset before the first end."""
    approved_by_limit = Map(u128, Approved, hasher=Hasher.Twox64Concat)
    """Amounts approved under each limit, in the last spend period with an approval."""

    # ---- events

    class Spending(Event, index=0):
        """A spend period ended; `budget_remaining` is available for payments."""

        budget_remaining: Amount

    class Awarded(Event, index=1):
        """A queued payment was made."""

        proposal_index: ProposalIndex
        award: Amount
        account: AccountIdOf

    class Burnt(Event, index=2):
        """Unused funds were burned. Never happens here: they stay."""

        burnt_funds: Amount

    class Rollover(Event, index=3):
        """Queued payments were made; `rollover_balance` stays for the next spend period."""

        rollover_balance: Amount

    class Deposit(Event, index=4):
        """The treasury received funds. Never happens here: see `Balances.Deposit`."""

        value: Amount

    class SpendApproved(Event, index=5):
        """A payment was approved; it is made at the end of the spend period."""

        proposal_index: ProposalIndex
        amount: Amount
        beneficiary: AccountIdOf

    class UpdatedInactive(Event, index=6):
        """The funds without voting power changed. Never happens here."""

        reactivated: Amount
        deactivated: Amount

    class AssetSpendApproved(Event, index=7):
        """A payment was promised; any account may trigger it while it is valid."""

        index: Index
        asset_kind: Annotated[AssetKind, TypeName("T::AssetKind")]
        amount: AssetAmount
        beneficiary: Annotated[AccountId, TypeName("T::Beneficiary")]
        valid_from: Slot
        expire_at: Slot

    class AssetSpendVoided(Event, index=8):
        """A promised payment was revoked."""

        index: Index

    class Paid(Event, index=9):
        """A promised payment was made."""

        index: Index
        payment_id: PaymentId

    class PaymentFailed(Event, index=10):
        """A payment failed in transfer. Never happens here: it is made or refused."""

        index: Index
        payment_id: PaymentId

    class SpendProcessed(Event, index=11):
        """A promised payment was removed, after its payment or expiry."""

        index: Index

    # ---- errors

    class InvalidIndex(Error, index=0):
        """The promised payment does not exist; look it up in `Spends`."""

    class TooManyApprovals(Error, index=1):
        """The queue has the maximum number of payments; try again after the spend period."""

    class InsufficientPermission(Error, index=2):
        """The amount exceeds the origin's limit for a spend period; use one with a higher limit."""

    class ProposalNotApproved(Error, index=3):
        """The queue has no payment of this index; look it up in `Approvals`."""

    class FailedToConvertBalance(Error, index=4):
        """Never raised: all amounts are in BTT."""

    class SpendExpired(Error, index=5):
        """The payment has expired; it must be approved again."""

    class EarlyPayout(Error, index=6):
        """The payment cannot be claimed yet; try again from its `valid_from` on."""

    class AlreadyAttempted(Error, index=7):
        """The payment was made already."""

    class PayoutError(Error, index=8):
        """The funds are too small, or the amount cannot create an account; try later."""

    class NotAttempted(Error, index=9):
        """The payment was not made yet and is still valid; call `payout`."""

    class Inconclusive(Error, index=10):
        """Never raised: a payment is immediate."""

    # ---- hooks

    def on_initialize(self, number: int) -> int:
        """Make queued payments if a spend period has ended since the last time."""
        last, now = int(self.last_spend_period.get() or 0), self.clock.now()
        period = max(1, int(self.spend_period))
        if last + period > now:
            return 0
        # Periods end at multiples of their length, also after empty slots.
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
        """Revoke the approval of a queued payment."""
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

        Without `valid_from`, from now on. The promise expires a payout period later.
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
        """Make a promised payment to its beneficiary. Any account may call it."""
        origin.signed()
        promised, now = self._spend(index), self.clock.now()
        if now < promised.valid_from:
            raise self.EarlyPayout
        if promised.expire_at <= now:
            raise self.SpendExpired
        if isinstance(promised.status, Attempted):
            raise self.AlreadyAttempted
        try:
            self.currency.transfer(self.account, promised.beneficiary, promised.amount)
        except DispatchError as error:
            raise self.PayoutError from error

        payment = u64(index)
        promised.status = Attempted(payment)
        self.spends[index] = promised
        self.deposit(self.Paid(index, payment))

    @call(7, weight=weights.CHECK_STATUS)
    def check_status(self, origin: Origin, index: Index) -> PostInfo:
        """Remove a promised payment that was made or has expired. Successful calls are free."""
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
        """Revoke a promised payment that was not made."""
        self.reject_origin(origin)
        if isinstance(self._spend(index).status, Attempted):
            raise self.AlreadyAttempted
        del self.spends[index]
        self.deposit(self.AssetSpendVoided(index))

    # ---- public interface

    def available(self) -> u128:
        """Return the spendable funds, in planck; promised payments are not deducted."""
        return self.currency.reducible_balance(self.account)

    # ---- internals

    def _spend(self, index: u32) -> SpendStatus:
        promised = self.spends.get(index)
        if promised is None:
            raise self.InvalidIndex
        return promised

    def _period(self) -> u32:
        return u32(self.clock.now() // max(1, int(self.spend_period)))

    def _limit(self, origin: Origin, amount: u128) -> u128 | None:
        """Return the limit of `origin`; raise InsufficientPermission if `amount` exceeds it.

        Earlier approvals under it in this spend period count: otherwise several decisions, or a
        batch, could get around any limit.
        """
        limit = self.spend_origin(origin)
        if limit is not None and int(self._approved_under(limit)) + int(amount) > limit:
            raise self.InsufficientPermission
        return limit

    def _approved_under(self, limit: u128) -> u128:
        """Return the amount approved under `limit` in this spend period, in planck."""
        known = self.approved_by_limit.get(limit)
        return known.amount if known and known.period == self._period() else u128(0)

    def _count_approved(self, limit: u128 | None, amount: u128) -> None:
        if limit is not None:
            total = self._approved_under(limit) + amount
            self.approved_by_limit[limit] = Approved(self._period(), total)

    def _spend_approved(self) -> int:
        """Pay the queue as far as the funds allow; return the weight in picoseconds.

        Payments that exceed the funds or cannot be received stay queued; later ones are still made.
        """
        self.deposit(self.Spending(self.available()))
        queue = self.approvals.value
        waiting = [index for index in queue if not self._award(index)]
        if waiting != queue:
            self.approvals.value = waiting
        self.deposit(self.Rollover(self.available()))
        return weights.pay_approved(len(queue))

    def _award(self, index: u32) -> bool:
        """Make a queued payment; return True if it was made."""
        proposal = self.proposals[index]
        if proposal.value > self.available():
            return False

        def pay() -> None:
            self.currency.transfer(self.account, proposal.beneficiary, proposal.value)

        if not attempted(self.host, pay):
            return False
        del self.proposals[index]
        self.deposit(self.Awarded(index, proposal.value, proposal.beneficiary))
        return True
