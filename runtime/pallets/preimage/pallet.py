"""Preimage: the bytes behind a hash, stored until they are needed.

A referendum or a task names its call by hash; an account stores the call's bytes here, against a
deposit. They stay for as long as the owner wants or a request is open: a requester may rely on
bytes that were noted. Invariant: the deposits in `RequestStatusFor` equal the amounts on hold for
this pallet's reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import Annotated, Final

from btt_chain.crypto.hashing import blake2_256
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.scale import (
    Bounded,
    Codec,
    DecodeError,
    MaxLen,
    Path,
    TypeName,
    Variant,
    codec,
    u32,
    u128,
)
from btt_chain.scale.shape import Composite, Shape
from runtime.frame import (
    Call,
    DispatchInfo,
    Error,
    Event,
    Hasher,
    Map,
    Origin,
    OriginCheck,
    Pallet,
    PostInfo,
    Reason,
    RuntimeCall,
    call,
)
from runtime.frame.aliases import HashOf
from runtime.frame.origin import OriginKind
from runtime.frame.traits import MutateHold
from runtime.pallets.preimage import weights

MAX_SIZE: Final = 4 << 20
"""Maximum length of one preimage in bytes."""
MAX_INLINE: Final = 128
"""Maximum length in bytes of a call that is stored inline, without a preimage."""
MAX_HASHES: Final = 1_024
"""Maximum number of hashes in one call."""


def unit(name: str) -> Codec[None]:
    """Return the codec of a type without content, which is only a name."""
    return Codec(
        name, lambda _: b"", lambda _, at: (None, at), Shape(lambda: Composite(()), path=name), 0
    )


class Legacy(Variant, index=0):
    """A call by its hash alone: an old form, which is not written on this chain."""

    hash: Annotated[H256, TypeName("H::Output")]


class Inline(Variant, index=1, unnamed=True):
    """A short call itself."""

    call: Annotated[Bounded[bytes, MAX_INLINE], TypeName("BoundedInline")]


class Lookup(Variant, index=2):
    """A call by its hash and length."""

    hash: Annotated[H256, TypeName("H::Output")]
    len: u32


BoundedCall = Annotated[
    Legacy | Inline | Lookup,
    Path(
        "frame_support::traits::preimages::Bounded",
        params={"T": RuntimeCall, "H": Annotated[None, unit("sp_runtime::traits::BlakeTwo256")]},
    ),
]
"""A call, inline or by its hash."""

Holder = tuple[AccountId, u128]
"""The depositor, and the deposit in planck."""

Ticket = Annotated[
    u128,
    Path(
        "frame_support::traits::tokens::fungible::HoldConsideration",
        params={"A": None, "F": None, "R": None, "D": None, "Fp": None},
    ),
]
Ticketed = tuple[AccountId, Ticket]


class OldUnrequested(Variant, index=0, name="Unrequested"):
    """An old form; unused."""

    deposit: Annotated[Holder, TypeName("(AccountId, Balance)")]
    len: u32


class OldRequested(Variant, index=1, name="Requested"):
    """An old form; unused."""

    deposit: Annotated[Holder | None, TypeName("Option<(AccountId, Balance)>")]
    count: u32
    len: Annotated[u32 | None, TypeName("Option<u32>")]


class Unrequested(Variant, index=0):
    """Noted by an account, and not requested."""

    ticket: Annotated[Ticketed, TypeName("(AccountId, Ticket)")]
    len: u32


class Requested(Variant, index=1):
    """Requested `count` times; noted if the length is known."""

    maybe_ticket: Annotated[Ticketed | None, TypeName("Option<(AccountId, Ticket)>")]
    count: u32
    maybe_len: Annotated[u32 | None, TypeName("Option<u32>")]


OldRequestStatus = Annotated[
    OldUnrequested | OldRequested,
    Path("pallet_preimage::OldRequestStatus", params={"AccountId": AccountId, "Balance": u128}),
]
RequestStatus = Annotated[
    Unrequested | Requested,
    Path("pallet_preimage::RequestStatus", params={"AccountId": AccountId, "Ticket": Ticket}),
]


def note_info(_: object, data: bytes) -> DispatchInfo:
    """Weigh a preimage by its length."""
    return DispatchInfo(weights.note_preimage(len(data)))


def hashes_info(_: object, hashes: Sequence[H256]) -> DispatchInfo:
    """Weigh a list of hashes by its length."""
    return DispatchInfo(weights.ensure_updated(len(hashes)))


class Preimage(Pallet):
    """The bytes behind a hash, stored until they are needed."""

    currency: MutateHold
    base_deposit: u128
    """Base deposit of a preimage's owner, in planck."""
    byte_deposit: u128
    """Additional deposit for each byte of it, in planck."""
    manager: OriginCheck
    """Origin that notes without a deposit, and requests."""

    status_for = Map(H256, OldRequestStatus, hasher=Hasher.Identity)
    """Always empty: the storage of an old form of this pallet."""
    request_status_for = Map(H256, RequestStatus, hasher=Hasher.Identity)
    """The owner, deposit, length and open requests of a preimage."""
    preimage_for = Map(tuple[H256, u32], Bounded[bytes, MAX_SIZE], hasher=Hasher.Identity)
    """The bytes, by hash and length."""

    class Noted(Event, index=0):
        """A preimage was noted."""

        hash: HashOf

    class NowRequested(Event, index=1, name="Requested"):
        """A preimage was requested."""

        hash: HashOf

    class Cleared(Event, index=2):
        """A preimage was removed."""

        hash: HashOf

    class TooBig(Error, index=0):
        """The preimage is longer than 4 MiB. Note something shorter."""

    class AlreadyNoted(Error, index=1):
        """The preimage is stored already. There is nothing left to do: use its hash."""

    class NotAuthorized(Error, index=2):
        """Another account noted this preimage. Only its owner can remove it."""

    class NotNoted(Error, index=3):
        """There is no such preimage. Note it first, or check the hash."""

    class Requested(Error, index=4):
        """Never raised: a requested preimage can be unnoted, and stays until no task needs it."""

    class NotRequested(Error, index=5):
        """The preimage is not requested. There is no request to withdraw."""

    class TooMany(Error, index=6):
        """There are more than 1,024 hashes. Send them in several calls."""

    class TooFew(Error, index=7):
        """The list of hashes is empty. Name at least one."""

    class HoldReason(IntEnum):
        """Reasons for which money is on hold."""

        Preimage = 0

    # ---- calls

    @call(0, weight=note_info)
    def note_preimage(
        self, origin: Origin, bytes_: Annotated[bytes, TypeName("Vec<u8>")]
    ) -> PostInfo:
        """Store a preimage against a deposit. No fee if it is requested already."""
        owner = self._owner(origin)
        needed = isinstance(self.request_status_for.get(H256(blake2_256(bytes_))), Requested)
        self._note(bytes_, owner)
        return PostInfo(pays=not needed)

    @call(1, weight=weights.UNNOTE_PREIMAGE)
    def unnote_preimage(self, origin: Origin, hash: HashOf) -> None:
        """Remove the caller's preimage; the deposit is returned. The bytes stay while requested.

        The manager may remove any that has no owner.
        """
        owner = self._owner(origin)
        status = self.request_status_for.get(hash)
        match status:
            case Unrequested((holder, deposit), length):
                self._ensure_own(owner, holder)
                self._refund(holder, deposit)
                self._clear(hash, length)
            case Requested((holder, deposit), count, length):
                self._ensure_own(owner, holder)
                self._refund(holder, deposit)
                self.request_status_for[hash] = Requested(None, count, length)
            case Requested(None, _, _):
                self._ensure_own(owner, None)
                self._unrequest(hash)
            case _:
                raise self.NotNoted

    @call(2, weight=weights.REQUEST_PREIMAGE)
    def request_preimage(self, origin: Origin, hash: HashOf) -> None:
        """Request a preimage: it stays while requested, and noting it is free. For the manager."""
        self.manager(origin)
        self._request(hash)

    @call(3, weight=weights.UNREQUEST_PREIMAGE)
    def unrequest_preimage(self, origin: Origin, hash: HashOf) -> None:
        """Withdraw a request; the last one removes a preimage without an owner. For the manager."""
        self.manager(origin)
        self._unrequest(hash)

    @call(4, weight=hashes_info)
    def ensure_updated(
        self,
        origin: Origin,
        hashes: Annotated[list[H256], MaxLen(2 * MAX_HASHES), TypeName("Vec<T::Hash>")],
    ) -> None:
        """Convert preimages of an old form. There are none: nothing changes."""
        origin.signed()
        if not hashes:
            raise self.TooFew
        if len(hashes) > MAX_HASHES:
            raise self.TooMany

    # ---- public interface

    def bound(self, call: Call) -> Legacy | Inline | Lookup:
        """Return a form of `call` to be stored; a long one is noted and requested here.

        The caller owes one `drop`.
        """
        if len(call.raw) <= MAX_INLINE:
            return Inline(call.raw)
        key = Lookup(H256(blake2_256(call.raw)), u32(len(call.raw)))
        self._request(key.hash)
        if not self.have(key.hash):
            self._note(call.raw, None)
        return key

    def request(self, bounded: Legacy | Inline | Lookup) -> None:
        """Keep the bytes behind `bounded` from now on; one `drop` ends it."""
        if not isinstance(bounded, Inline):
            self._request(bounded.hash)

    def drop(self, bounded: Legacy | Inline | Lookup) -> None:
        """Withdraw a request for the bytes behind `bounded`. Does nothing if there is none."""
        if not isinstance(bounded, Inline) and isinstance(
            self.request_status_for.get(bounded.hash), Requested
        ):
            self._unrequest(bounded.hash)

    def peek(self, bounded: Legacy | Inline | Lookup) -> Call | None:
        """Return the call behind `bounded`; None if it is not stored or no call of this chain."""
        match bounded:
            case Inline(raw):
                data: bytes | None = raw
            case Legacy(hash):
                length = self.length(hash)
                data = None if length is None else self.preimage_for.get((hash, length))
            case Lookup(hash, length):
                data = self.preimage_for.get((hash, length))
        return None if data is None else decoded(data)

    def length(self, hash: H256) -> u32 | None:
        """Return the number of bytes behind `hash`; None if they are not stored."""
        match self.request_status_for.get(hash):
            case Unrequested(_, length):
                return length
            case Requested(_, _, length):
                return length
            case _:
                return None

    def have(self, hash: H256) -> bool:
        """Return True if the bytes behind `hash` are stored."""
        return self.length(hash) is not None

    def fetch(self, hash: H256, length: u32) -> bytes | None:
        """Return the bytes behind `hash`, if they are stored and `length` long."""
        return self.preimage_for.get((hash, length))

    # ---- internals

    def _owner(self, origin: Origin) -> AccountId | None:
        """Return the owner that pays; None for the manager. Raises BadOrigin for other origins."""
        if origin.kind is OriginKind.SIGNED:
            return origin.signed()
        self.manager(origin)
        return None

    def _ensure_own(self, owner: AccountId | None, holder: AccountId | None) -> None:
        if owner is not None and owner != holder:
            raise self.NotAuthorized

    def _note(self, data: bytes, owner: AccountId | None) -> None:
        if len(data) > MAX_SIZE:
            raise self.TooBig
        hash, length = H256(blake2_256(data)), u32(len(data))
        match self.request_status_for.get(hash):
            case Requested(ticket, count, None):
                self.request_status_for[hash] = Requested(ticket, count, length)
            case None if owner is None:
                self.request_status_for[hash] = Requested(None, u32(1), length)
            case None if owner is not None:
                deposit = self.base_deposit + self.byte_deposit * len(data)
                self.currency.hold(self._reason(), owner, deposit)
                self.request_status_for[hash] = Unrequested((owner, deposit), length)
            case _:
                raise self.AlreadyNoted
        self.preimage_for[(hash, length)] = data
        self.deposit(self.Noted(hash))

    def _request(self, hash: H256) -> None:
        match self.request_status_for.get(hash):
            case Requested(ticket, count, length):
                self.request_status_for[hash] = Requested(ticket, count + 1, length)
                return
            case Unrequested(ticket, length):
                self.request_status_for[hash] = Requested(ticket, u32(1), length)
            case _:
                self.request_status_for[hash] = Requested(None, u32(1), None)
        self.deposit(self.NowRequested(hash))

    def _unrequest(self, hash: H256) -> None:
        match self.request_status_for.get(hash):
            case Requested(ticket, count, length) if count > 1:
                self.request_status_for[hash] = Requested(ticket, count - 1, length)
            case Requested(_, _, None):
                del self.request_status_for[hash]
            case Requested(None, _, length) if length is not None:
                self._clear(hash, length)
            case Requested(ticket, _, length) if ticket is not None and length is not None:
                self.request_status_for[hash] = Unrequested(ticket, length)
            case _:
                raise self.NotRequested

    def _clear(self, hash: H256, length: u32) -> None:
        del self.request_status_for[hash]
        del self.preimage_for[(hash, length)]
        self.deposit(self.Cleared(hash))

    def _refund(self, holder: AccountId, deposit: u128) -> None:
        self.currency.release(self._reason(), holder, deposit)

    def _reason(self) -> Reason:
        return Reason(self.index, self.HoldReason.Preimage)


def decoded(data: bytes) -> Call | None:
    """Return the call that `data` encodes; None if it is not a call of this chain."""
    try:
        return codec(RuntimeCall).decode_all(data)
    except DecodeError:
        return None
