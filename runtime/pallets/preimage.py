"""Preimage: the bytes behind a hash, kept until they are needed.

A referendum or a task names its call by hash; somebody puts the call's bytes here, against a
deposit. They stay for as long as the owner wants or somebody has requested them: who requests may
rely on finding what was noted. What always holds: the deposits in `RequestStatusFor` are what is
held for this pallet's reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import Annotated, Final, Protocol

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
    Unavailable,
    call,
)
from runtime.frame.origin import OriginKind
from runtime.weights import preimage as weights

MAX_SIZE: Final = 4 << 20
"""Bytes of one preimage."""
MAX_INLINE: Final = 128
"""Bytes of a call that is written where it is needed, without a preimage."""
MAX_HASHES: Final = 1_024
"""Hashes in one call."""


def unit(name: str) -> Codec[None]:
    """Return the codec of a type without content, which is only a name."""
    return Codec(
        name, lambda _: b"", lambda _, at: (None, at), Shape(lambda: Composite(()), path=name), 0
    )


class Legacy(Variant, index=0):
    """A call by its hash alone, as it was once written; nothing here is written so."""

    hash: Annotated[H256, TypeName("H::Output")]


class Inline(Variant, index=1, unnamed=True):
    """A short call itself."""

    call: Annotated[Bounded[bytes, MAX_INLINE], TypeName("BoundedInline")]


class Lookup(Variant, index=2):
    """A call by its hash and length."""

    hash: Annotated[H256, TypeName("H::Output")]
    len: Annotated[u32, TypeName("u32")]


BoundedCall = Annotated[
    Legacy | Inline | Lookup,
    Path(
        "frame_support::traits::preimages::Bounded",
        params={
            "T": RuntimeCall,
            "H": Annotated[None, unit("sp_runtime::traits::BlakeTwo256")],
        },
    ),
]
"""A call, or where to find it."""

Holder = tuple[AccountId, u128]
"""Who pays for the place, and how many planck are held for it."""

Ticket = Annotated[
    u128,
    Path(
        "frame_support::traits::tokens::fungible::HoldConsideration",
        params={"A": None, "F": None, "R": None, "D": None, "Fp": None},
    ),
]
Ticketed = tuple[AccountId, Ticket]


class OldUnrequested(Variant, index=0, name="Unrequested"):
    """Of an old form; there are none."""

    deposit: Annotated[Holder, TypeName("(AccountId, Balance)")]
    len: Annotated[u32, TypeName("u32")]


class OldRequested(Variant, index=1, name="Requested"):
    """Of an old form; there are none."""

    deposit: Annotated[Holder | None, TypeName("Option<(AccountId, Balance)>")]
    count: Annotated[u32, TypeName("u32")]
    len: Annotated[u32 | None, TypeName("Option<u32>")]


class Unrequested(Variant, index=0):
    """Noted by somebody, and needed by nobody yet."""

    ticket: Annotated[Ticketed, TypeName("(AccountId, Ticket)")]
    len: Annotated[u32, TypeName("u32")]


class Requested(Variant, index=1):
    """Needed by `count` others; noted if the length is known."""

    maybe_ticket: Annotated[Ticketed | None, TypeName("Option<(AccountId, Ticket)>")]
    count: Annotated[u32, TypeName("u32")]
    maybe_len: Annotated[u32 | None, TypeName("Option<u32>")]


OldRequestStatus = Annotated[
    OldUnrequested | OldRequested,
    Path("pallet_preimage::OldRequestStatus", params={"AccountId": AccountId, "Balance": u128}),
]
RequestStatus = Annotated[
    Unrequested | Requested,
    Path("pallet_preimage::RequestStatus", params={"AccountId": AccountId, "Ticket": Ticket}),
]

Hash = Annotated[H256, TypeName("T::Hash")]


class Money(Protocol):
    """The money that deposits are made of; Balances satisfies it. Amounts in planck."""

    def hold(self, reason: Reason, who: AccountId, amount: u128) -> None:
        """Set money of `who` aside; raise TokenError if there is not enough."""

    def release(self, reason: Reason, who: AccountId, amount: u128) -> None:
        """Give it back."""


def note_info(_: object, data: bytes) -> DispatchInfo:
    """Weigh a preimage by its length."""
    return DispatchInfo(weights.note_preimage(len(data)))


def hashes_info(_: object, hashes: Sequence[H256]) -> DispatchInfo:
    """Weigh a list of hashes by its length."""
    return DispatchInfo(weights.ensure_updated(len(hashes)))


class Preimage(Pallet):
    """The bytes behind a hash, kept until they are needed."""

    currency: Money
    base_deposit: u128
    """What one preimage costs its owner as a deposit, in planck."""
    byte_deposit: u128
    """What each byte of it adds, in planck."""
    manager: OriginCheck
    """Who notes without a deposit, and requests."""

    status_for = Map(H256, OldRequestStatus, hasher=Hasher.Identity)
    """Always empty: what an old form of this pallet kept."""
    request_status_for = Map(H256, RequestStatus, hasher=Hasher.Identity)
    """Who noted a preimage, and who needs it."""
    preimage_for = Map(tuple[H256, u32], Bounded[bytes, MAX_SIZE], hasher=Hasher.Identity)
    """The bytes, by hash and length."""

    class Noted(Event, index=0):
        """The bytes behind a hash are here now."""

        hash: Hash

    class NowRequested(Event, index=1, name="Requested"):
        """Somebody needs the bytes behind a hash."""

        hash: Hash

    class Cleared(Event, index=2):
        """The bytes behind a hash are gone."""

        hash: Hash

    class TooBig(Error, index=0):
        """The preimage is longer than 4 MiB. Note something shorter."""

    class AlreadyNoted(Error, index=1):
        """The preimage is here already. There is nothing left to do: use its hash."""

    class NotAuthorized(Error, index=2):
        """Somebody else noted this preimage. Only its owner can take it back."""

    class NotNoted(Error, index=3):
        """There is no such preimage. Note it first, or check the hash."""

    class Requested(Error, index=4):
        """The preimage is needed by a task or a referendum. Wait until that is over."""

    class NotRequested(Error, index=5):
        """Nobody has requested this preimage. There is nothing to take back."""

    class TooMany(Error, index=6):
        """More than 1,024 hashes. Send them in several calls."""

    class TooFew(Error, index=7):
        """There is not one hash. Name at least one."""

    class HoldReason(IntEnum):
        """Why money is on hold."""

        Preimage = 0

    # ---- calls

    @call(0, weight=note_info)
    def note_preimage(
        self, origin: Origin, bytes_: Annotated[bytes, TypeName("Vec<u8>")]
    ) -> PostInfo:
        """Keep these bytes here, against a deposit. Free of charge if they are needed already."""
        owner = self._owner(origin)
        needed = isinstance(self.request_status_for.get(H256(blake2_256(bytes_))), Requested)
        self._note(bytes_, owner)
        return PostInfo(pays=not needed)

    @call(1, weight=weights.UNNOTE_PREIMAGE)
    def unnote_preimage(self, origin: Origin, hash: Hash) -> None:
        """Take your preimage back, and the deposit with it. What is needed stays until it is not.

        The manager may take back any that has no owner.
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
    def request_preimage(self, origin: Origin, hash: Hash) -> None:
        """Say that the preimage is needed: it stays while it is, and noting it costs nothing."""
        self.manager(origin)
        self._request(hash)

    @call(3, weight=weights.UNREQUEST_PREIMAGE)
    def unrequest_preimage(self, origin: Origin, hash: Hash) -> None:
        """Say that the preimage is needed no more. Without an owner it goes."""
        self.manager(origin)
        self._unrequest(hash)

    @call(4, weight=hashes_info)
    def ensure_updated(
        self,
        origin: Origin,
        hashes: Annotated[list[H256], MaxLen(2 * MAX_HASHES), TypeName("Vec<T::Hash>")],
    ) -> None:
        """Bring preimages of an old form to the new one. There are none: nothing changes."""
        origin.signed()
        if not hashes:
            raise self.TooFew
        if len(hashes) > MAX_HASHES:
            raise self.TooMany

    # ---- doors

    def bound(self, call: Call) -> Legacy | Inline | Lookup:
        """Return a form of `call` to be stored; a long one is noted and requested here.

        Whoever has it owes one `drop`.
        """
        if len(call.raw) <= MAX_INLINE:
            return Inline(call.raw)
        key = Lookup(H256(blake2_256(call.raw)), u32(len(call.raw)))
        self._request(key.hash)
        if not self.have(key.hash):
            self._note(call.raw, None)
        return key

    def request(self, bounded: Legacy | Inline | Lookup) -> None:
        """Keep what is behind `bounded` from now on; one `drop` ends it."""
        if not isinstance(bounded, Inline):
            self._request(bounded.hash)

    def drop(self, bounded: Legacy | Inline | Lookup) -> None:
        """Need what is behind `bounded` no more. Does nothing if it was not requested."""
        if not isinstance(bounded, Inline) and isinstance(
            self.request_status_for.get(bounded.hash), Requested
        ):
            self._unrequest(bounded.hash)

    def peek(self, bounded: Legacy | Inline | Lookup) -> Call | None:
        """Return the call behind `bounded`; None if it is not here, or is none of this chain."""
        match bounded:
            case Inline(raw):
                data: bytes | None = raw
            case Legacy(hash):
                length = self.length(hash)
                data = None if length is None else self.preimage_for.get((hash, length))
            case Lookup(hash, length):
                data = self.preimage_for.get((hash, length))
        return None if data is None else decoded(data)

    def realize(self, bounded: Legacy | Inline | Lookup) -> Call:
        """Return the call behind `bounded`, and drop it. Raises Unavailable."""
        found = self.peek(bounded)
        if found is None:
            raise Unavailable
        self.drop(bounded)
        return found

    def length(self, hash: H256) -> u32 | None:
        """Return how many bytes are behind `hash`; None if they are not here."""
        match self.request_status_for.get(hash):
            case Unrequested(_, length):
                return length
            case Requested(_, _, length):
                return length
            case _:
                return None

    def have(self, hash: H256) -> bool:
        """Tell whether the bytes behind `hash` are here."""
        return self.length(hash) is not None

    def fetch(self, hash: H256, length: u32) -> bytes | None:
        """Return the bytes behind `hash`, if they are here and so many."""
        return self.preimage_for.get((hash, length))

    # ---- private steps

    def _owner(self, origin: Origin) -> AccountId | None:
        """Return who pays and owns; None for the manager. Raises BadOrigin for nobody."""
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
    """Return the call that `data` is; None if it is none of this chain."""
    try:
        return codec(RuntimeCall).decode_all(data)
    except DecodeError:
        return None
