"""Multisig: one account, several owners, and a number of them that must agree.

The account is derived from its owners and the threshold; no key leads to it. The first
approval of a call reserves a deposit, the last one runs the call and gives the deposit back.
Approvals are stored under the hash of the call, so the call cannot be exchanged in between.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Annotated, Final

from btt_chain.crypto.hashing import blake2_256
from btt_chain.lazyclass import dataclass
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.multi_account import multi_account_id
from btt_chain.scale import Bounded, Err, Fixed, MaxLen, Ok, Result, TypeName, path, u16, u32, u128
from runtime.frame import (
    Call,
    Const,
    Constant,
    DispatchError,
    DispatchInfo,
    DoubleMap,
    Error,
    Event,
    Origin,
    Pallet,
    PostInfo,
    RuntimeCall,
    Weight,
    WireError,
    call,
)
from runtime.frame.aliases import Account, AccountIdOf, Balance, BalanceOf, BlockNumber
from runtime.frame.deposits import change_deposit
from runtime.frame.origin import OriginKind
from runtime.frame.traits import NamedReservable
from runtime.pallets.multisig import weights
from runtime.pallets.system.pallet import System
from runtime.pallets.utility.pallet import carrying_weight

MAX_SIGNATORIES: Final = 100
"""Prefix that all accounts of this pallet are derived from; excludes accounts of keys."""

RESERVE_ID: Final = b"py/multi"
"""Name that deposits are reserved under: reserves of other names are not touched."""

CallHash = Annotated[bytes, Fixed(32), TypeName("CallHash")]
Signatories = Annotated[list[AccountId], MaxLen(2 * MAX_SIGNATORIES), TypeName("Vec<T::AccountId>")]
"""Decoded up to twice the limit, so that a wallet sees TooManySignatories for a few too many."""
Outcome = Annotated[Result[tuple[()], WireError], TypeName("DispatchResult")]


@path("pallet_multisig::Timepoint", params={"BlockNumber": u32})
@dataclass(slots=True)
class Timepoint:
    """The block and the extrinsic index of the first approval."""

    height: BlockNumber
    index: u32


@path(
    "pallet_multisig::Multisig",
    params={"BlockNumber": u32, "Balance": u128, "AccountId": AccountId, "MaxApprovals": None},
)
@dataclass(slots=True)
class Operation:
    """A call that waits for approvals: its timepoint, deposit, depositor and approvals (sorted)."""

    when: Annotated[Timepoint, TypeName("Timepoint<BlockNumber>")]
    deposit: Balance
    depositor: Account
    approvals: Annotated[
        Bounded[list[AccountId], MAX_SIGNATORIES], TypeName("BoundedVec<AccountId, MaxApprovals>")
    ]


StoredTimepoint = Annotated[Timepoint, TypeName("Timepoint<BlockNumberFor<T>>")]
MaybeTimepoint = Annotated[Timepoint | None, TypeName("Option<Timepoint<BlockNumberFor<T>>>")]


def threshold_1_info(
    pallet: Multisig, other_signatories: Sequence[AccountId], inner: Call
) -> DispatchInfo:
    """Weigh `as_multi_threshold_1`: the call, and the hashing of its account."""
    info = pallet.host.dispatcher.info(inner)
    own = weights.as_multi_threshold_1(len(other_signatories))
    return DispatchInfo(own + info.weight, info.dispatch_class)


def approval_info(
    pallet: Multisig,
    threshold: u16,
    other_signatories: Sequence[AccountId],
    maybe_timepoint: Timepoint | None,
    call_or_hash: Call | bytes,
    max_weight: Weight,
) -> DispatchInfo:
    """Weigh an approval as if it were the last one: with the maximum weight given for the call."""
    del threshold, maybe_timepoint
    own = own_weight(pallet, other_signatories, call_or_hash)
    return DispatchInfo(own + int(max_weight.ref_time))


def keeping_info(own: Callable[[int], int]) -> Callable[..., DispatchInfo]:
    """Return the weight function of a call that never runs another, by the other owners."""

    def weigh(
        _: Multisig, threshold: u16, other_signatories: Sequence[AccountId], *rest: object
    ) -> DispatchInfo:
        del threshold, rest
        return DispatchInfo(own(len(other_signatories)))

    return weigh


def own_weight(
    multisig: Multisig,
    other_signatories: Sequence[AccountId],
    call_or_hash: Call | bytes | None = None,
) -> int:
    """Return the weight of this pallet's part of an approval, in picoseconds.

    If `call_or_hash` is a call, the weight of carrying it is included.
    """
    others = len(other_signatories)
    if isinstance(call_or_hash, Call):
        return weights.as_multi(others) + carrying_weight(multisig.host.dispatcher, call_or_hash)
    return weights.approve_as_multi(others)


class Multisig(Pallet):
    """One account, several owners, and a number of them that must agree."""

    deposit_base: Const[u128]
    """Base deposit for a call that waits for approvals, in planck."""
    deposit_factor: Const[u128]
    """Additional deposit for each approval needed, in planck."""
    max_signatories = Constant(u32(MAX_SIGNATORIES))
    """Maximum number of owners of an account of this kind."""
    currency: NamedReservable
    system: System

    multisigs = DoubleMap(AccountId, Annotated[bytes, Fixed(32)], Operation)

    class NewMultisig(Event, index=0):
        """A call was proposed, and approved by its proposer."""

        approving: AccountIdOf
        multisig: AccountIdOf
        call_hash: CallHash

    class MultisigApproval(Event, index=1):
        """A call was approved by one more owner."""

        approving: AccountIdOf
        timepoint: StoredTimepoint
        multisig: AccountIdOf
        call_hash: CallHash

    class MultisigExecuted(Event, index=2):
        """A call had its last approval and was run."""

        approving: AccountIdOf
        timepoint: StoredTimepoint
        multisig: AccountIdOf
        call_hash: CallHash
        result: Outcome

    class MultisigCancelled(Event, index=3):
        """A call was cancelled by its proposer."""

        cancelling: AccountIdOf
        timepoint: StoredTimepoint
        multisig: AccountIdOf
        call_hash: CallHash

    class DepositPoked(Event, index=4):
        """A deposit was changed to its current price."""

        who: AccountIdOf
        call_hash: CallHash
        old_deposit: BalanceOf
        new_deposit: BalanceOf

    class MinimumThreshold(Error, index=0):
        """The threshold is below two; for one there is `as_multi_threshold_1`."""

    class AlreadyApproved(Error, index=1):
        """The caller has approved this call already, or it has all its approvals."""

    class NoApprovalsNeeded(Error, index=2):
        """Never raised: a call with all its approvals is refused with `AlreadyApproved`."""

    class TooFewSignatories(Error, index=3):
        """The list of the other owners is empty."""

    class TooManySignatories(Error, index=4):
        """The account would have more owners than are allowed."""

    class SignatoriesOutOfOrder(Error, index=5):
        """The other owners are not in ascending order, each of them once."""

    class SenderInSignatories(Error, index=6):
        """The sender is among the other owners."""

    class NotFound(Error, index=7):
        """No such call is waiting for approvals of this account."""

    class NotOwner(Error, index=8):
        """Only the account that paid the deposit can do this."""

    class NoTimepoint(Error, index=9):
        """The call was proposed before: its timepoint is needed."""

    class WrongTimepoint(Error, index=10):
        """The call was proposed at another timepoint than given."""

    class UnexpectedTimepoint(Error, index=11):
        """A timepoint was given, but the call has not been proposed yet."""

    class MaxWeightTooLow(Error, index=12):
        """The call weighs more than the given maximum."""

    class AlreadyStored(Error, index=13):
        """Never raised: calls are not stored, only their hashes."""

    # ---- calls

    @call(0, weight=threshold_1_info)
    def as_multi_threshold_1(
        self,
        origin: Origin,
        other_signatories: Signatories,
        call: Annotated[RuntimeCall, TypeName("Box<<T as Config>::RuntimeCall>")],
    ) -> PostInfo:
        """Run a call as an account of which each owner may act alone."""
        account = multi_account_id(self._signatories(origin.signed(), other_signatories), 1)
        # The caller acts alone here, so the account is bound by the caller's own limits.
        as_account = Origin(OriginKind.SIGNED, account, origin.filters)
        try:
            post = self.host.dispatcher.dispatch(as_account, call)
        except DispatchError as error:
            error.post = self._after(other_signatories, error.post or PostInfo())
            raise
        return self._after(other_signatories, post)

    @call(1, weight=approval_info)
    def as_multi(
        self,
        origin: Origin,
        threshold: u16,
        other_signatories: Signatories,
        maybe_timepoint: MaybeTimepoint,
        call: Annotated[RuntimeCall, TypeName("Box<<T as Config>::RuntimeCall>")],
        max_weight: Weight,
    ) -> PostInfo:
        """Approve a call, and run it if this is the last approval it needs.

        The first approval gives no timepoint and reserves the deposit; every further one gives
        the timepoint of the first.
        """
        call_hash = blake2_256(call.raw)
        who = origin.signed()
        account = self._account(who, threshold, other_signatories)
        operation = self._operation(account, call_hash, maybe_timepoint)
        if operation is None or approvals_with(operation, who) < threshold:
            self._approve(who, account, threshold, call_hash, operation)
            return PostInfo(weight=own_weight(self, other_signatories, call))
        used = self._run(who, account, call_hash, operation, call, max_weight)
        return PostInfo(weight=own_weight(self, other_signatories, call) + used)

    @call(2, weight=approval_info)
    def approve_as_multi(
        self,
        origin: Origin,
        threshold: u16,
        other_signatories: Signatories,
        maybe_timepoint: MaybeTimepoint,
        call_hash: Annotated[bytes, Fixed(32), TypeName("[u8; 32]")],
        max_weight: Weight,
    ) -> PostInfo:
        """Approve a call by its hash. The last approval must bring the call: use `as_multi`."""
        who = origin.signed()
        account = self._account(who, threshold, other_signatories)
        operation = self._operation(account, call_hash, maybe_timepoint)
        self._approve(who, account, threshold, call_hash, operation)
        return PostInfo(weight=own_weight(self, other_signatories))

    @call(3, weight=keeping_info(weights.cancel_as_multi))
    def cancel_as_multi(
        self,
        origin: Origin,
        threshold: u16,
        other_signatories: Signatories,
        timepoint: StoredTimepoint,
        call_hash: Annotated[bytes, Fixed(32), TypeName("[u8; 32]")],
    ) -> None:
        """Cancel a call that the caller proposed; the deposit is returned."""
        who = origin.signed()
        account = self._account(who, threshold, other_signatories)
        operation = self.multisigs.get((account, call_hash))
        if operation is None:
            raise self.NotFound
        if operation.when != timepoint:
            raise self.WrongTimepoint
        if operation.depositor != who:
            raise self.NotOwner

        del self.multisigs[account, call_hash]
        self.currency.unreserve_named(RESERVE_ID, who, operation.deposit)
        self.deposit(self.MultisigCancelled(who, timepoint, account, call_hash))

    @call(4, weight=keeping_info(weights.poke_deposit))
    def poke_deposit(
        self,
        origin: Origin,
        threshold: u16,
        other_signatories: Signatories,
        call_hash: Annotated[bytes, Fixed(32), TypeName("[u8; 32]")],
    ) -> PostInfo | None:
        """Bring the deposit of the caller's proposed call to its current price; free if changed."""
        who = origin.signed()
        account = self._account(who, threshold, other_signatories)
        operation = self.multisigs.get((account, call_hash))
        if operation is None:
            raise self.NotFound
        if operation.depositor != who:
            raise self.NotOwner
        old, new = operation.deposit, self.deposit_for(threshold)
        if new == old:
            return None

        change_deposit(self.currency, RESERVE_ID, who, old, new)
        operation.deposit = new
        self.multisigs[account, call_hash] = operation
        self.deposit(self.DepositPoked(who, call_hash, old, new))
        return PostInfo(pays=False)

    # ---- public interface

    def deposit_for(self, threshold: int) -> u128:
        """Return the deposit for a call that needs `threshold` approvals, in planck."""
        return self.deposit_base + self.deposit_factor * threshold

    # ---- internals

    def _account(
        self, who: AccountId, threshold: int, other_signatories: list[AccountId]
    ) -> AccountId:
        """Return the account that `who` and the others own together."""
        if threshold < 2:
            raise self.MinimumThreshold
        return multi_account_id(self._signatories(who, other_signatories), threshold)

    def _signatories(self, who: AccountId, others: list[AccountId]) -> list[AccountId]:
        """Return all owners in order; raise if `others` are too few, too many or out of order."""
        if not others:
            raise self.TooFewSignatories
        if len(others) >= self.max_signatories:
            raise self.TooManySignatories
        if any(before >= after for before, after in pairwise(others)):
            raise self.SignatoriesOutOfOrder
        if who in others:
            raise self.SenderInSignatories
        return sorted([*others, who])

    def _operation(
        self, account: AccountId, call_hash: bytes, timepoint: Timepoint | None
    ) -> Operation | None:
        """Return the waiting call, if there is one; raise if `timepoint` does not match."""
        operation = self.multisigs.get((account, call_hash))
        if operation is None:
            if timepoint is not None:
                raise self.UnexpectedTimepoint
            return None
        if timepoint is None:
            raise self.NoTimepoint
        if operation.when != timepoint:
            raise self.WrongTimepoint
        return operation

    def _approve(
        self,
        who: AccountId,
        account: AccountId,
        threshold: int,
        call_hash: bytes,
        operation: Operation | None,
    ) -> None:
        """Store the approval of `who`; the first one reserves the deposit."""
        if operation is None:
            deposit = self.deposit_for(threshold)
            self.currency.reserve_named(RESERVE_ID, who, deposit)
            self.multisigs[account, call_hash] = Operation(self._timepoint(), deposit, who, [who])
            self.deposit(self.NewMultisig(who, account, call_hash))
            return
        if who in operation.approvals or len(operation.approvals) >= threshold:
            raise self.AlreadyApproved
        operation.approvals = sorted([*operation.approvals, who])
        self.multisigs[account, call_hash] = operation
        self.deposit(self.MultisigApproval(who, operation.when, account, call_hash))

    def _run(
        self,
        who: AccountId,
        account: AccountId,
        call_hash: bytes,
        operation: Operation,
        call: Call,
        max_weight: Weight,
    ) -> int:
        """Run a call that has its approvals; return the picoseconds it used.

        Its failure is reported in the event, not raised.
        """
        info = self.host.dispatcher.info(call)
        if info.weight > max_weight.ref_time:
            raise self.MaxWeightTooLow

        # Removed before the call, so that the call cannot lead back here and run a second time.
        del self.multisigs[account, call_hash]
        self.currency.unreserve_named(RESERVE_ID, operation.depositor, operation.deposit)
        result: Ok[tuple[()]] | Err[WireError] = Ok(())
        try:
            post = self.host.dispatcher.dispatch(Origin(OriginKind.SIGNED, account), call)
        except DispatchError as error:
            post = error.post or PostInfo()
            result = Err(self.host.dispatcher.wire_error(error))
        self.deposit(self.MultisigExecuted(who, operation.when, account, call_hash, result))
        return info.weight if post.weight is None else min(post.weight, info.weight)

    def _after(self, other_signatories: Sequence[AccountId], inner: PostInfo) -> PostInfo:
        """Return the total weight used, if the inner call reports its weight."""
        if inner.weight is None:
            return PostInfo()
        return PostInfo(weight=weights.as_multi_threshold_1(len(other_signatories)) + inner.weight)

    def _timepoint(self) -> Timepoint:
        return Timepoint(self.system.number.value, u32(self.host.extrinsic_index))


def approvals_with(operation: Operation, who: AccountId) -> int:
    """Return the number of approvals, including that of `who`."""
    return len(operation.approvals) + (who not in operation.approvals)
