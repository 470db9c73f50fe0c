"""Usual signed calls, executed on encoded records.

Most extrinsics of a full block are transfers between accounts that exist before and after them, and
payments to merchants. `DirectCalls` reads the envelope of such a one in place, and a `Shortcut` of
its kind executes it in a single pass: the features of a runtime bring them
(docs/decisions/0077-shortcuts-of-features.md). A shortcut makes all its checks before its first
change. Whatever is not usual, or would be refused, is left to the executive, untouched; both give
the same state, events and counters (tests/unit/runtime/test_direct_transfers.py,
test_direct_payments.py and, for random rows on random states, test_rows_in_two_ways.py compare
them).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Final, NamedTuple, Protocol, runtime_checkable

from btt_chain.primitives import validity
from btt_chain.primitives.account import (
    AccountId,
    Ed25519Signature,
    MultiSignature,
    Sr25519Signature,
)
from btt_chain.primitives.extrinsic import SIGNED_V4, signing_payload
from btt_chain.primitives.validity import Invalid, Unknown
from btt_chain.scale import DecodeError, u32
from btt_chain.scale.compact import compact_decode
from runtime.block_limits import BlockLimits
from runtime.extensions import SignedExtra
from runtime.fee_shares import NO_TIP, FeeShares
from runtime.frame import Call, DispatchInfo, Runtime
from runtime.kept import Kept, UsualCall
from runtime.pallets.balances.pallet import Balances
from runtime.pallets.system.pallet import System
from runtime.pallets.transaction_payment.pallet import TransactionPayment
from runtime.transactions import SignatureCheck, Signer, TransactionDecoder, prefix_size

EXTRA: Final = 99
"""Position of the era: after the version, an account id and a signature of 64 bytes."""
SHORTEST: Final = EXTRA + 4 + 3 + 32 + 1
"""Bytes of a transfer without an era, of a value below 64, by a nonce below 64."""
SCHEMES: Final = (Ed25519Signature, Sr25519Signature)


class Shortcut(Protocol):
    """Reads and executes the usual calls of one kind."""

    kind: type[UsualCall]
    infos: Mapping[bytes, DispatchInfo]
    """Dispatch infos by the calls' indices: that of the pallet, then that in the pallet."""

    def forget(self) -> None:
        """Forget what was read of the state, before it changes or another one is used."""

    def read(self, raw: bytes, at: int, who: AccountId, nonce: int) -> UsualCall | None:
        """Return the call that begins at `at` and ends the extrinsic; None if it is not usual.

        Raises DecodeError or IndexError for some that are malformed.
        """

    def execute(self, call: UsualCall, size: int, is_signed: Callable[[], bool]) -> bool:
        """Return True if the call of an extrinsic of `size` bytes was executed.

        Else nothing is changed. `is_signed` checks its signature.
        """


@runtime_checkable
class ShortcutSource(Protocol):
    """A runtime whose features bring shortcuts."""

    def shortcuts(self, shares: FeeShares, limits: BlockLimits) -> list[Shortcut]:
        """Return the shortcuts that fit the configuration of the runtime's pallets."""


class Envelope(NamedTuple):
    """A usual call in an extrinsic, before its signature is checked."""

    call: UsualCall
    info: DispatchInfo
    signature: MultiSignature
    payload: bytes
    """Bytes that the signature covers."""
    implicit: bytes
    """The part of them that is not transmitted."""
    like: SignedExtra
    """Extra data with the same era and mode."""


class DirectCalls:
    """Executes the usual calls of a runtime."""

    def __init__(
        self,
        runtime: Runtime,
        shares: FeeShares,
        shortcuts: Sequence[Shortcut],
        decoder: TransactionDecoder,
        check_signature: SignatureCheck,
    ) -> None:
        self._runtime = runtime
        self._host = runtime.host
        self._shares = shares
        self._shortcuts = shortcuts
        self._decoder = decoder
        self._check_signature = check_signature
        self._by_index = {index: shortcut for shortcut in shortcuts for index in shortcut.infos}
        self._by_kind: dict[type, Shortcut] = {shortcut.kind: shortcut for shortcut in shortcuts}

    @staticmethod
    def of(
        runtime: Runtime,
        limits: BlockLimits,
        decoder: TransactionDecoder,
        check_signature: SignatureCheck,
    ) -> DirectCalls | None:
        """Return one for a runtime; None if its transfers or fees have other rules than these."""
        pallets = {type(pallet): pallet for pallet in runtime.pallets.values()}
        balances, fees = pallets.get(Balances), pallets.get(TransactionPayment)
        if not isinstance(balances, Balances) or not isinstance(fees, TransactionPayment):
            return None
        if fees.currency is not balances or type(balances.accounts) is not System:
            return None
        if not isinstance(runtime, ShortcutSource):
            return None
        shares = FeeShares(fees, balances)
        shortcuts = runtime.shortcuts(shares, limits)
        return DirectCalls(runtime, shares, shortcuts, decoder, check_signature)

    # ---- public interface

    def forget(self) -> None:
        """Forget what was read besides accounts, before the state changes or is another one."""
        self._shares.forget()
        for shortcut in self._shortcuts:
            shortcut.forget()

    def apply(self, raw: bytes, kept: Kept | None, family: object) -> bool:
        """Return True if the extrinsic was applied; else nothing is changed.

        `kept` and `family` are those of `TransactionDecoder.reuse`.
        """
        if self._host.dispatcher is not self._runtime:  # an observer wants to see the call
            return False
        if kept is not None:
            return self._apply_kept(kept, len(raw), family)
        envelope = self._read(raw)
        if envelope is None:
            return False
        call, _, signature, payload, _, _ = envelope
        is_signed = partial(self._check_signature, signature, payload, call.who)
        return self._by_kind[call.__class__].execute(call, len(raw), is_signed)

    def open(self, raw: bytes) -> tuple[Signer, DispatchInfo, int, UsualCall] | None:
        """Return the usual call in an extrinsic, with its signer, dispatch info and encoded length.

        None if the executive is to decode it. Raises Invalid as that does, for a signature
        or a sender that is not valid.
        """
        envelope = self._read(raw)
        if envelope is None:
            return None
        call, info, signature, payload, implicit, like = envelope
        who = call.who
        if not self._check_signature(signature, payload, who):
            raise Invalid(validity.BadProof())
        extra = SignedExtra(like.era, u32(call.nonce), NO_TIP, like.mode)
        signer, size = self._decoder.sender(who, extra), len(raw)
        signer.implicit = implicit
        return signer, info, size + prefix_size(size), call

    # ---- internals

    def _read(self, raw: bytes) -> Envelope | None:
        """Return the usual call in an extrinsic; None if it holds anything else."""
        if len(raw) < SHORTEST or raw[0] != SIGNED_V4 or raw[1] or raw[34] >= len(SCHEMES):
            return None
        try:
            nonce, at = compact_decode(raw, EXTRA + (2 if raw[EXTRA] else 1))
            if raw[at] or nonce > u32.MAX:  # a tip, or no nonce
                return None
            start = at + 2
            index = raw[start : start + 2]
            shortcut = self._by_index.get(index)
            if shortcut is None:
                return None
            call = shortcut.read(raw, start, bytes.__new__(AccountId, raw[2:34]), nonce)
        except (DecodeError, IndexError):
            return None
        if call is None:
            return None
        extra_raw, call_raw = raw[EXTRA:start], raw[start:]
        try:
            like, implicit = self._decoder.implicits.of_encoded(extra_raw)
        except (DecodeError, Invalid, Unknown):
            return None
        payload = signing_payload(call_raw, extra_raw, implicit)
        signature = SCHEMES[raw[34]](raw[35:EXTRA])
        return Envelope(call, shortcut.infos[index], signature, payload, implicit, like)

    def _apply_kept(self, kept: Kept, size: int, family: object) -> bool:
        """Return True if the call that was kept is a usual one, still valid, and was executed."""
        call = kept.call
        if call is None or isinstance(call, Call) or kept.family is not family:
            return False
        shortcut = self._by_kind[call.__class__]
        try:
            is_same = self._decoder.implicits.of(kept.extra) == kept.implicit
        except (Invalid, Unknown):
            return False
        if not is_same or not shortcut.execute(call, size, checked):
            return False
        kept.call = None
        return True


def checked() -> bool:
    """Return True if the signature of a kept call is valid: it was, on admission."""
    return True
