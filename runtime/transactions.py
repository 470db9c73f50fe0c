"""Decoding of extrinsics: envelope, signature and sender are checked before the call is decoded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from btt_chain.crypto.signature import Scheme, verify
from btt_chain.lazyclass import dataclass
from btt_chain.primitives import validity
from btt_chain.primitives.account import (
    AccountId,
    AccountInfo,
    EcdsaSignature,
    Ed25519Signature,
    Id,
    MultiSignature,
    Sr25519Signature,
)
from btt_chain.primitives.extrinsic import (
    Extrinsic,
    ExtrinsicKind,
    decode_extrinsic,
    signing_payload,
)
from btt_chain.primitives.limits import EXTRINSIC
from btt_chain.primitives.validity import Invalid, Unknown
from btt_chain.scale import DecodeError, codec, u32
from runtime.block_limits import BlockLimits
from runtime.extensions import SIGNED_EXTRA, SignedExtra
from runtime.frame import Call, DispatchInfo, Runtime
from runtime.implicits import FindDigest, Implicits
from runtime.kept import Kept
from runtime.pallets.system.pallet import System

ACCOUNT: Final = codec(AccountInfo)
NO_REFERENCES: Final = bytes(8)
"""Providers and sufficients in the record of an account that does not exist."""
NO_ACCOUNT: Final = AccountId(bytes(32))
"""The account whose key is all zeros: under ZIP-215 any account can sign for it."""

LAST_NONCE: Final = u32.MAX
"""The nonce of no valid transaction: the next one of its account would not fit."""

MAX_SENDERS: Final = 4_096
"""Maximum number of accounts that are kept in a pool view."""

SignatureCheck = Callable[[MultiSignature, bytes, AccountId], bool]
"""(signature, signed bytes, account) -> validity. The node provides one with a cache."""


@dataclass(slots=True)
class Signer:
    """The signer of an extrinsic, its extra data, and the signer's current account."""

    who: AccountId
    extra: SignedExtra
    record: bytes
    """The encoded record of the account; of no use once `known` is set."""
    known: AccountInfo | None = None
    """The decoded record, once it was needed."""
    implicit: bytes = b""
    """Signed bytes besides call and extra; empty if no signature was checked."""
    discount: int = 0
    """Discount on the fee, in hundredths of a percent; see `_prepare`."""
    fee: int = 0
    """Fee including the tip, in planck, once it is computed."""

    @property
    def account(self) -> AccountInfo:
        """The signer's current account, which may be changed."""
        if self.known is None:
            self.known = ACCOUNT.decode_all(self.record)
        return self.known

    @property
    def nonce(self) -> int:
        """Nonce of the account."""
        known = self.known
        return int.from_bytes(self.record[:4], "little") if known is None else int(known.nonce)


@dataclass(slots=True)
class Transaction:
    """A decoded extrinsic: its signer (None: unsigned), and its declared dispatch info."""

    signer: Signer | None
    call: Call
    info: DispatchInfo
    length: int
    """Encoded length in bytes, including the length prefix."""


class Malformed(Invalid):
    """The bytes are not a valid extrinsic of this runtime; the message names the position."""

    def __init__(self, why: str) -> None:
        super().__init__(validity.Call())
        self.why = why

    def __str__(self) -> str:
        return f"malformed extrinsic: {self.why}"


class TransactionDecoder:
    """Decodes the extrinsics of blocks and of the pool under one runtime."""

    def __init__(
        self,
        runtime: Runtime,
        system: System,
        limits: BlockLimits,
        check_signature: SignatureCheck,
        find_digest: FindDigest,
    ) -> None:
        self._runtime = runtime
        self._system = system
        self._limits = limits
        self._check_signature = check_signature
        self.implicits: Final = Implicits(system, runtime.version, find_digest)
        """The implicit data of signatures, for the current block."""
        self._senders: dict[AccountId, AccountInfo] | None = None
        """Accounts in a pool view; None: they are read each time."""

    def clear(self) -> None:
        """Forget what was read: the state is another one, or changes."""
        self.implicits.clear()
        self._senders = None

    @property
    def keeps_senders(self) -> bool:
        """True if each account is read once."""
        return self._senders is not None

    def keep_senders(self) -> None:
        """Read each account once until the next `clear`: the state does not change."""
        self._senders = {}

    def decode(self, raw: bytes) -> Transaction:
        """Decode an extrinsic; signature and sender are checked before the call is decoded."""
        envelope = self._envelope(raw)
        signer = self._signer(envelope)
        transaction = self._opened(envelope, len(raw))
        transaction.signer = signer
        return transaction

    def reuse(self, raw: bytes, kept: Kept | None, family: object) -> Transaction | None:
        """Return a transaction from the values kept for it; None if it must be decoded.

        Values that an executive of another `family` kept are not used. Raises Invalid if the block
        has no room for it, even without its call: there may be thousands in the pool when a block
        is full.
        """
        if kept is None or kept.family is not family:
            return None
        if kept.call is None:
            self._limits.with_one_more(kept.info, kept.length)
            return None
        if self.implicits.of(kept.extra) != kept.implicit:
            return None
        signer, call = self.sender(kept.who, kept.extra), kept.call
        if not isinstance(call, Call):  # one that the usual way does not execute
            call = self._runtime.call_codec.decode_all(raw[call.at :])
        return Transaction(signer, call, kept.info, kept.length)

    def decode_unchecked(self, raw: bytes) -> Transaction:
        """Decode an extrinsic without checking its signature or sender: for fee queries."""
        envelope = self._envelope(raw)
        transaction = self._opened(envelope, len(raw))
        extra, address = envelope.extra, envelope.address
        if isinstance(extra, SignedExtra):
            who = address.account if isinstance(address, Id) else NO_ACCOUNT
            transaction.signer = Signer(who, extra, b"", AccountInfo())
        return transaction

    def sender(self, who: AccountId, extra: SignedExtra) -> Signer:
        """Return the signer with its current account. Raises Invalid if it may not send."""
        if who == NO_ACCOUNT:  # under ZIP-215 any account can sign for it
            raise Invalid(validity.BadSigner())
        kept, accounts = self._senders, self._system.account
        if kept is None:
            record = accounts.raw(who)
            if record is None or record[8:16] == NO_REFERENCES:
                raise Invalid(validity.Payment())
            signer = Signer(who, extra, record)
        else:
            account = kept.get(who)
            if account is None:
                if len(kept) >= MAX_SENDERS:
                    kept.clear()
                account = kept[who] = accounts[who]
            if not (account.providers or account.sufficients):
                raise Invalid(validity.Payment())
            signer = Signer(who, extra, b"", account)
        if extra.nonce < signer.nonce or extra.nonce == LAST_NONCE:
            raise Invalid(validity.Stale())
        return signer

    def _envelope(self, raw: bytes) -> Extrinsic:
        if len(raw) > EXTRINSIC.max_bytes:  # too large for any block: do not check its signature
            raise Invalid(validity.ExhaustsResources())
        try:
            envelope = decode_extrinsic(raw, SIGNED_EXTRA)
        except DecodeError as error:
            raise Malformed(str(error)) from error
        if envelope.kind is ExtrinsicKind.GENERAL:
            raise Invalid(validity.UnknownOrigin())
        return envelope

    def _opened(self, envelope: Extrinsic, size: int) -> Transaction:
        try:
            call = EXTRINSIC.decode(self._runtime.call_codec, envelope.call_raw)
        except DecodeError as error:
            raise Malformed(str(error)) from error
        return Transaction(None, call, self._runtime.info(call), size + prefix_size(size))

    def _signer(self, envelope: Extrinsic) -> Signer | None:
        """Return the signer, if it may send the extrinsic; None for an unsigned extrinsic."""
        extra, address = envelope.extra, envelope.address
        if envelope.signature is None or not isinstance(extra, SignedExtra):
            return None
        if not isinstance(address, Id):
            raise Unknown(validity.CannotLookup())
        who = address.account
        implicit = self._check_signed(envelope, extra, who, envelope.signature)
        signer = self.sender(who, extra)
        signer.implicit = implicit
        return signer

    def _check_signed(
        self, envelope: Extrinsic, extra: SignedExtra, who: AccountId, signature: MultiSignature
    ) -> bytes:
        """Return the implicit data of a valid signature; raise Invalid for an invalid one."""
        implicit = self.implicits.of(extra)
        payload = signing_payload(envelope.call_raw, envelope.extra_raw, implicit)
        if not self._check_signature(signature, payload, who):
            raise Invalid(validity.BadProof())
        return implicit


def prefix_size(size: int) -> int:
    """Return the length of the compact encoding of `size`, in bytes."""
    if size < 1 << 6:
        return 1
    return 2 if size < 1 << 14 else 4


def check_signature(signature: MultiSignature, payload: bytes, who: AccountId) -> bool:
    """Return True if `who` signed `payload`, by the rules of Substrate's MultiSignature."""
    match signature:
        case Ed25519Signature(signature=raw):
            return verify(Scheme.ED25519, who, payload, raw)
        case Sr25519Signature(signature=raw):
            return verify(Scheme.SR25519, who, payload, raw)
        case EcdsaSignature(signature=raw):
            return verify(Scheme.ECDSA, who, payload, raw)
