"""The executive: execution of blocks, step by step, and validation of transactions.

A block is initialized (`initialize_block`), extrinsics are applied one by one (`apply_extrinsic`),
and it is finalized (`finalize_block`). An author performs these steps with extrinsics of the pool;
`execute_block` performs them with an imported block and compares the result with the header. Any
difference rejects the block with a reason.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Protocol

from btt_chain.primitives import validity
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256, Digest, PreRuntime
from btt_chain.primitives.era import FOR_EVER, Era
from btt_chain.primitives.header import Header
from btt_chain.primitives.limits import MAX_CLAIM_BYTES, RESERVED_LOGS
from btt_chain.primitives.validity import Invalid, TransactionSource, Unknown, ValidTransaction
from btt_chain.scale import u64, u128
from runtime.block_limits import BlockLimits
from runtime.direct import DirectCalls
from runtime.frame import (
    NONE,
    Call,
    DispatchClass,
    DispatchError,
    DispatchInfo,
    InvalidBlock,
    PostInfo,
    Runtime,
    State,
    StateRootMismatch,
    signed,
)
from runtime.implicits import FindDigest, no_digest
from runtime.kept import FindKept, Kept, UsualCall, nothing_kept
from runtime.pallets.system.pallet import System
from runtime.pallets.transaction_payment.pallet import TransactionPayment
from runtime.transactions import SignatureCheck, Signer, Transaction, TransactionDecoder


class RootedState(State, Protocol):
    """A state with a Merkle root."""

    def root(self) -> bytes:
        """Return the current root of the state, 32 bytes."""


OrderedRoot = Callable[[Sequence[bytes]], bytes]
"""Root of the trie of a list: the extrinsics root."""


MAX_KEPT: Final = 4_096
"""Maximum number of fees that are kept."""

Quote = tuple[u128, u64]
"""Fee with the tip, and priority."""


class PoolTerms:
    """Terms of signed transactions, on the state since the last `clear`.

    A pool validates thousands of transactions on one state: fee and priority are computed once for
    all that have weight, length, tip and discount in common.
    """

    def __init__(self, system: System, fees: TransactionPayment, limits: BlockLimits) -> None:
        self._system = system
        self._fees = fees
        self._limits = limits
        self._quotes: dict[tuple[DispatchClass, int, bool, int, int, int], Quote] = {}
        self._number: int | None = None

    def clear(self) -> None:
        """Forget everything: the state is another one."""
        self._quotes.clear()
        self._number = None

    def of(self, signer: Signer, info: DispatchInfo, size: int) -> ValidTransaction:
        """Return the validity of a transaction of `size` encoded bytes; set its signer's fee.

        Raises Invalid if no block has room for it, or its signer cannot pay for it.
        """
        who, extra = signer.who, signer.extra
        fee, priority = self._quote(who, info, size, extra.tip)
        if not self._fees.can_pay(who, fee, extra.tip, signer.account):
            raise Invalid(validity.Payment())
        signer.fee = int(fee)
        nonce = int(extra.nonce)
        waits = nonce > signer.account.nonce
        return ValidTransaction(
            priority=priority,
            requires=[who + (nonce - 1).to_bytes(4, "little")] if waits else [],
            provides=[who + nonce.to_bytes(4, "little")],
            longevity=self._life(extra.era),
        )

    def _quote(self, who: AccountId, info: DispatchInfo, size: int, tip: u128) -> Quote:
        discount = self._fees.discount_of(who)
        key = (info.dispatch_class, info.weight, info.pays, size, int(tip), discount)
        quote = self._quotes.get(key)
        if quote is not None:
            return quote
        self._limits.with_one_more(info, size)
        try:
            fee = self._fees.fee(info, size, tip, discount=discount)
        except ArithmeticError:  # a tip that no account can hold
            raise Invalid(validity.Payment()) from None
        if len(self._quotes) >= MAX_KEPT:
            self._quotes.clear()
        quote = self._quotes[key] = fee, self._fees.priority(info, size, tip, fee)
        return quote

    def _life(self, era: Era) -> u64:
        """Return the number of blocks for which a transaction of `era` stays valid."""
        if self._number is None:
            self._number = int(self._system.number.value)
        death = era.death(self._number)
        return validity.FOREVER if death == FOR_EVER else u64(death - self._number)


class Executive:
    """Executes blocks and validates transactions under one runtime."""

    def __init__(
        self,
        runtime: Runtime,
        *,
        check_signature: SignatureCheck,
        ordered_root: OrderedRoot,
        family: object = None,
        find_digest: FindDigest = no_digest,
    ) -> None:
        """`family` identifies the executives of one version with the same parameters: they can use
        each other's decoded transactions. `find_digest` returns the digest of the metadata; without
        it, no transaction may be signed over one.
        """
        self.runtime = runtime
        self._family = runtime if family is None else family
        self.ordered_root = ordered_root
        self.system: System = runtime.pallet(System)
        self.fees: TransactionPayment = runtime.pallet(TransactionPayment)
        weights, length = self.system.block_weights, self.system.block_length
        self._limits = BlockLimits(runtime.host, weights, length)
        self.decoder: Final = TransactionDecoder(
            runtime, self.system, self._limits, check_signature, find_digest
        )
        self._terms = PoolTerms(self.system, self.fees, self._limits)
        self._direct = DirectCalls.of(runtime, self._limits, self.decoder, check_signature)
        self._extrinsics: list[bytes] = []
        self._inherents_over = False

    # ---- a block

    def initialize_block(self, state: RootedState, header: Header) -> None:
        """Initialize the block of `header`; its roots are not checked here."""
        self._begin(state)
        self.runtime.enter(state)
        # Digests written by the runtime itself are made anew, and compared at the end.
        given = [item for item in header.digest.logs if isinstance(item, PreRuntime)]
        if len(given) > RESERVED_LOGS or sum(len(item.payload) for item in given) > MAX_CLAIM_BYTES:
            raise InvalidBlock(f"block {int(header.number)} has a digest that no author makes")
        self.system.begin_block(header.number, header.parent_hash, Digest([*given]))
        weight = self.runtime.migrated + self.runtime.on_initialize(int(header.number))
        base = int(self.system.block_weights.base_block.ref_time)
        self.runtime.host.weights[DispatchClass.Mandatory] += weight + base

    def apply_extrinsic(self, raw: bytes, kept: Kept | None = None) -> DispatchError | None:
        """Apply one extrinsic (without its length prefix); return the error of its call, or None.

        `kept` are the values kept for these bytes when an executive admitted them: they are not
        decoded again, nor is their signature checked, unless it would cover other data now. Raises
        Invalid or Unknown if it may not be in this block; then all its effects are undone.
        """
        if self.decoder.keeps_senders:  # a pool view, whose state changes now
            self._forget()
        if self._direct is not None and self._direct.apply(raw, kept, self._family):
            self._inherents_over = True
            self.system.end_extrinsic()
            self._extrinsics.append(raw)
            return None
        if self._direct is not None:
            self._direct.forget()
        host, state, decoder = self.runtime.host, self._state, self.decoder
        state.begin()
        before = list(host.weights), host.length, len(host.events)
        call = None if kept is None else kept.call
        try:
            transaction = decoder.reuse(raw, kept, self._family) or decoder.decode(raw)
            self.system.begin_extrinsic()
            # A decoded call is dispatched once only: it may change its arguments.
            if kept is not None:
                kept.call = None
            outcome = self._apply(transaction)
        except (Invalid, Unknown):
            if kept is not None:  # rejected before its dispatch
                kept.call = call
            self._undo(before)
            raise
        state.commit()
        self.system.end_extrinsic()
        self._extrinsics.append(raw)
        return outcome

    def resume_block(self, state: RootedState) -> None:
        """Continue the unfinished block of `state`: for stand-alone API calls."""
        self._begin(state)

    def finalize_block(self) -> Header:
        """Finalize the block; return its header (without a seal)."""
        return self._close(self.ordered_root(self._extrinsics))

    def _close(self, extrinsics_root: bytes) -> Header:
        self.system.end_extrinsics()
        number = self.system.number.value
        self.runtime.on_finalize(int(number))
        parent = self.system.parent_hash.value
        digest = self.system.end_block()
        self.runtime.host.events = []  # they are in the state now
        return Header(
            parent_hash=parent,
            number=number,
            state_root=H256(self._state.root()),
            extrinsics_root=H256(extrinsics_root),
            digest=digest,
        )

    def execute_block(
        self,
        state: RootedState,
        header: Header,
        extrinsics: Sequence[bytes],
        find: FindKept = nothing_kept,
    ) -> None:
        """Execute an imported block (its seal removed from the header).

        `find` returns the values kept for an extrinsic when it was admitted. Raises InvalidBlock,
        with the reason, unless every extrinsic is valid in it and the header equals the result.
        """
        self._limits.check_body(header, extrinsics)
        expected = self.ordered_root(extrinsics)
        if expected != header.extrinsics_root:
            given = header.extrinsics_root.hex()
            raise InvalidBlock(f"extrinsics root {given} is not that of the body, {expected.hex()}")
        self.initialize_block(state, header)
        for place, raw in enumerate(extrinsics):
            try:
                self.apply_extrinsic(raw, find(raw))
            except (Invalid, Unknown) as error:
                raise InvalidBlock(
                    f"extrinsic {place} of block {int(header.number)}: {error}"
                ) from error
        made = self._close(expected)
        if made.state_root != header.state_root:
            raise StateRootMismatch(made.state_root, header.state_root, int(header.number))
        if made.digest != header.digest:
            raise InvalidBlock(
                f"digest of block {int(header.number)} is not what its execution gives"
            )

    # ---- a transaction

    def open_pool_view(self, state: RootedState, at: H256) -> None:
        """Prepare to validate transactions as in the block after `at`, whose state is `state`."""
        self._begin(state)
        self.runtime.enter(state)
        number = self.system.number.value
        self.system.block_hash[number] = at
        self.system.number.value = number + 1
        self.decoder.keep_senders()

    def validate_transaction(self, source: TransactionSource, raw: bytes) -> ValidTransaction:
        """Validate an extrinsic (without its length prefix) in the current pool view.

        Raises Invalid or Unknown. The state is not changed.
        """
        return self.admit(source, raw)[0]

    def admit(self, source: TransactionSource, raw: bytes) -> tuple[ValidTransaction, Kept | None]:
        """Validate an extrinsic as `validate_transaction` does; also return the data for `recheck`.

        None for an unsigned one: it is validated in full each time.
        """
        opened = None if self._direct is None else self._direct.open(raw)
        if opened is not None:
            self.runtime.bind()  # as in `_open_layer`: the sender's freezes may be decoded
            return self._terms.of(*opened[:3]), self._kept(*opened)
        before = self._open_layer()
        try:
            transaction = self.decoder.decode(raw)
            if transaction.info.dispatch_class is DispatchClass.Mandatory:
                raise Invalid(validity.MandatoryValidation())
            valid = self._validate(transaction, source)
            signer = transaction.signer
            if signer is None:
                return valid, None
            info, length, call = transaction.info, transaction.length, transaction.call
            return valid, self._kept(signer, info, length, call)
        finally:
            self._undo(before)

    def _kept(
        self, signer: Signer, info: DispatchInfo, length: int, call: Call | UsualCall
    ) -> Kept:
        """Return the values to keep for an admitted transaction."""
        who, extra, implicit, fee = signer.who, signer.extra, signer.implicit, signer.fee
        return Kept(self.runtime, who, extra, implicit, info, length, fee, self._family, call)

    def recheck(self, kept: Kept) -> ValidTransaction | None:
        """Validate a transaction again in the current pool view, from its kept values.

        Returns the result of `validate_transaction` for its bytes, or None if that is required:
        under another runtime, and if the signature would have to cover other data.
        """
        if kept.runtime is not self.runtime:
            return None
        before = self._open_layer()
        try:
            if self.decoder.implicits.of(kept.extra) != kept.implicit:
                return None
            return self._terms.of(self.decoder.sender(kept.who, kept.extra), kept.info, kept.length)
        finally:
            self._undo(before)

    def simulate(self, raw: bytes) -> DispatchError | None:
        """Apply an extrinsic in the current pool view as the next one of its sender.

        Its signature is not checked, and a nonce above the sender's counts as the next one. Returns
        the error of its call. Raises Invalid or Unknown if no block could contain it.
        """
        self._forget()  # the state changes
        transaction = self.decoder.decode_unchecked(raw)
        if transaction.info.dispatch_class is DispatchClass.Mandatory:
            raise Invalid(validity.MandatoryValidation())
        if transaction.signer is not None:
            extra = transaction.signer.extra
            self.decoder.implicits.of(extra)  # raises for an era whose first block is too old
            signer = self.decoder.sender(transaction.signer.who, extra)
            signer.account.nonce = extra.nonce
            transaction.signer = signer
        self.system.begin_extrinsic()
        return self._apply(transaction)

    def check_room(self, info: DispatchInfo, size: int) -> None:
        """Raise ExhaustsResources if an empty block has no room for a call of `size` bytes."""
        self._limits.with_one_more(info, size)

    def can_pay(self, who: AccountId, fees: int) -> bool:
        """Return True if an account can pay `fees` planck of fees, in the current pool view."""
        before = self._open_layer()
        try:
            return self.fees.can_pay(who, u128(min(fees, u128.MAX)), u128(0))
        finally:
            self._undo(before)

    def nonce_of(self, who: AccountId) -> int:
        """Return the nonce of an account in the current pool view."""
        self.runtime.bind()
        return int.from_bytes((self.system.account.raw(who) or b"")[:4], "little")

    # ---- internals

    def _open_layer(self) -> tuple[list[int], int, int]:
        """Open a layer for a validation, after which state and block counters are restored."""
        self.runtime.bind()  # another runtime may have been active since the view was opened
        self._state.begin()
        host = self.runtime.host
        return list(host.weights), host.length, len(host.events)

    def _undo(self, before: tuple[list[int], int, int]) -> None:
        self._state.rollback()
        host = self.runtime.host
        host.weights, host.length, events = before
        del host.events[events:]

    def _begin(self, state: RootedState) -> None:
        self._state = state
        self._extrinsics = []
        self._inherents_over = False
        self._forget()

    def _forget(self) -> None:
        """Forget what was read of the state."""
        self.decoder.clear()
        self._terms.clear()
        if self._direct is not None:
            self._direct.forget()

    def _validate(self, transaction: Transaction, source: TransactionSource) -> ValidTransaction:
        """Validate a transaction; one that is unsigned changes the counters of block limits."""
        signer = transaction.signer
        if signer is not None:
            return self._terms.of(signer, transaction.info, transaction.length)
        self._limits.count(transaction.info, transaction.length)
        pallet = self.runtime.pallets[transaction.call.pallet]
        valid = pallet.validate_unsigned(transaction.call, source)
        if valid is None:
            raise Unknown(validity.NoUnsignedValidator())
        return valid

    def _apply(self, transaction: Transaction) -> DispatchError | None:
        runtime, host = self.runtime, self.runtime.host
        info, signer = transaction.info, transaction.signer
        taken = u128(0)
        if signer is None:
            self._check_bare(transaction)
            origin = NONE
        else:
            self._inherents_over = True
            taken = self._prepare(transaction, signer)
            origin = signed(signer.who)
        failure: DispatchError | None = None
        try:
            post = host.dispatcher.dispatch(origin, transaction.call)
        except DispatchError as error:
            failure, post = error, error.post or PostInfo()
        if failure is not None and info.dispatch_class is DispatchClass.Mandatory:
            raise Invalid(validity.BadMandatory())
        if post.weight is not None and post.weight < info.weight:
            host.weights[info.dispatch_class] -= info.weight - post.weight
        if signer is not None:
            self._settle(transaction, signer, taken, post)
        error_on_wire = None if failure is None else runtime.wire_error(failure)
        self.system.announce_outcome(error_on_wire, info, post)
        return failure

    def _settle(
        self, transaction: Transaction, signer: Signer, taken: u128, post: PostInfo
    ) -> None:
        """Refund the part of the fee that the call did not use, and distribute the rest."""
        actual, tip = taken, signer.extra.tip
        if post.weight is not None or post.pays is not None:
            fee = self.fees.fee(
                transaction.info, transaction.length, tip, post, discount=signer.discount
            )
            actual = min(fee, taken)
        self.fees.settle(signer.who, taken, actual, tip, transaction.length)

    def _check_bare(self, transaction: Transaction) -> None:
        """Accept inherents before all other extrinsics; validate other unsigned extrinsics."""
        if transaction.info.dispatch_class is DispatchClass.Mandatory:
            if self._inherents_over:
                raise Invalid(validity.BadMandatory())
            self._limits.count(transaction.info, transaction.length)
            return
        self._inherents_over = True
        self._validate(transaction, TransactionSource.InBlock)

    def _prepare(self, transaction: Transaction, signer: Signer) -> u128:
        """Increment the nonce and charge the fee; both persist even if the call fails."""
        # A call with a nested inherent is of its class, which block limits do not restrict.
        if transaction.info.dispatch_class is DispatchClass.Mandatory:
            raise Invalid(validity.MandatoryValidation())
        who, extra = signer.who, signer.extra
        if extra.nonce != signer.nonce:
            raise Invalid(validity.Future())
        self._limits.count(transaction.info, transaction.length)
        # Before the call, which may open or close the stake that gives the discount.
        signer.discount = self.fees.discount_of(who)
        try:
            fee = self.fees.fee(
                transaction.info, transaction.length, extra.tip, discount=signer.discount
            )
            if signer.known is not None or not self.fees.charge_record(who, signer.record, fee):
                account = signer.account
                account.nonce += 1
                self.fees.charge(who, fee, extra.tip, account)
        except (DispatchError, ArithmeticError):
            raise Invalid(validity.Payment()) from None
        return fee
