"""Evidence of double signing: what Babe and Grandpa have in common when somebody reports it.

A report carries the proof and says in which session the offender's key was whose. The state
remembers the keys of the sessions that can still be reported (ruling A11), so that the session's
index is all the key-ownership proof there is; it travels in the shape of Substrate's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Final, Protocol, TypeAlias

from btt_chain.primitives import validity
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.limits import MAX_TRIE_NODE_BYTES, MAX_TRIE_NODES
from btt_chain.primitives.validity import Invalid, TransactionSource, ValidTransaction
from btt_chain.scale import FixedBytes, MaxLen, TypeName, codec, path, u32, u64, u128
from runtime.frame import DispatchError, DispatchInfo, Error, PostInfo, Unavailable
from runtime.params import MAX_VALIDATORS

"""Two signatures and two headers, and the offender's seat."""


class KeyTypeId(FixedBytes, size=4, path="sp_core::crypto::KeyTypeId"):
    """What a session key is for: `babe`, `gran`."""

    __slots__ = ()


BABE_KEY: Final = KeyTypeId(b"babe")
GRANDPA_KEY: Final = KeyTypeId(b"gran")


@path("sp_session::MembershipProof")
@dataclass(slots=True)
class MembershipProof:
    """Whose key it was: the state knows, once it is told the session. No trie nodes are needed."""

    session: Annotated[u32, TypeName("SessionIndex")]
    trie_nodes: Annotated[
        list[Annotated[bytes, MaxLen(MAX_TRIE_NODE_BYTES)]],
        MaxLen(MAX_TRIE_NODES),
        TypeName("Vec<Vec<u8>>"),
    ]
    validator_count: Annotated[u32, TypeName("ValidatorCount")]


KeyOwnerProof: TypeAlias = Annotated[MembershipProof, TypeName("T::KeyOwnerProof")]


@dataclass(frozen=True, slots=True)
class Offence:
    """An offence that was proven."""

    kind: bytes
    """16 bytes."""
    session: int
    validator_count: int
    """How many validators the session had."""
    offender: AccountId
    time_slot: int
    """When it happened, in what the kind of offence counts time by."""


class Seats(Protocol):
    """Whose keys were whose; Session satisfies it."""

    def owner_of(
        self, session_index: int, key_type: bytes, key: bytes
    ) -> tuple[AccountId, int] | None:
        """Return the owner of a key in a session and the number of its validators.

        None for keys of nobody, and for sessions that are forgotten.
        """


class Offences(Protocol):
    """Where offences are judged; Offences satisfies it."""

    @property
    def DuplicateReport(self) -> type[DispatchError]:  # noqa: N802 - an exception's name
        """What `report` raises for an offence that was reported before."""

    def report(
        self,
        kind: bytes,
        session_index: int,
        validator_count: int,
        offender: AccountId,
        time_slot: int,
        reporter: AccountId | None,
    ) -> u128:
        """Punish the offender; return what was taken. Raises DuplicateReport."""

    def check(self, kind: bytes, session_index: int, offender: AccountId, time_slot: int) -> u128:
        """Raise what `report` would raise."""

    def concurrent(self, kind: bytes, time_slot: int) -> int:
        """Return how many offences of this kind were reported for the same time."""


_PROOF: Final = codec(MembershipProof)
_TAG: Final = codec(tuple[bytes, AccountId, u32, bytes])


def by_validators(
    own: Callable[[int], int],
) -> Callable[[object, object, MembershipProof], DispatchInfo]:
    """Return how to weigh a report: all validators may have done the same in the same slot."""

    def weigh(_: object, proof: object, membership: MembershipProof) -> DispatchInfo:
        del proof
        return DispatchInfo(own(min(int(membership.validator_count), MAX_VALIDATORS)))

    return weigh


def ownership(seats: Seats, session_index: int, key_type: bytes, key: bytes) -> bytes | None:
    """Return the encoded proof of whose key it was; None if it was nobody's or is forgotten."""
    seat = seats.owner_of(session_index, key_type, key)
    if seat is None:
        return None
    return _PROOF.encode(MembershipProof(u32(session_index), [], u32(seat[1])))


def owner(seats: Seats, proof: MembershipProof, key_type: bytes, key: bytes) -> AccountId | None:
    """Return whose key it was; None if `proof` is not the one that `ownership` gives."""
    seat = seats.owner_of(int(proof.session), key_type, key)
    if seat is None or proof.trie_nodes or seat[1] != proof.validator_count:
        return None
    return seat[0]


def judge_unsigned(
    source: TransactionSource,
    judged: Callable[[], tuple[Offences, Offence]],
    prefix: bytes,
    longevity: u64,
) -> ValidTransaction:
    """Return the terms of a report without a signature, if it is right and new; else Invalid.

    Nobody pays for it, so it is taken from this node and from blocks, and not gossiped. `judged`
    checks the proof, and raises the errors of calls.
    """
    if source is TransactionSource.External:
        raise Invalid(validity.Call())
    try:
        offences, offence = judged()
    except (Error, Unavailable):
        raise Invalid(validity.BadProof()) from None
    refuse_known(offences, offence)
    return valid_report(prefix, offence, longevity)


def valid_report(prefix: bytes, offence: Offence, longevity: u64) -> ValidTransaction:
    """Return the terms of a report without a signature: one for an offence, before all others."""
    width = max(1, (offence.time_slot.bit_length() + 7) // 8)
    tag = (
        offence.kind,
        offence.offender,
        u32(offence.session),
        offence.time_slot.to_bytes(width, "little"),
    )
    return ValidTransaction(
        priority=u64(u64.MAX),
        requires=[],
        provides=[prefix + _TAG.encode(tag)],
        longevity=longevity,
        propagate=False,
    )


def refuse_known(offences: Offences, offence: Offence) -> None:
    """Raise Invalid if the offence was reported before, or can be reported no more."""
    try:
        offences.check(offence.kind, offence.session, offence.offender, offence.time_slot)
    except offences.DuplicateReport:
        raise Invalid(validity.Stale()) from None
    except DispatchError:
        raise Invalid(validity.BadProof()) from None


def submit(
    offences: Offences,
    offence: Offence,
    reporter: AccountId | None,
    own: Callable[[int], int],
) -> PostInfo:
    """Hand an offence over to be judged. Raises Offences.DuplicateReport.

    A report is free if it cost somebody something. One who has nothing left to lose can sign
    contradictions without end, and would fill blocks for nothing. It weighs `own` of the offences
    at that time, whose penalties it raises.
    """
    taken = offences.report(
        offence.kind,
        offence.session,
        offence.validator_count,
        offence.offender,
        offence.time_slot,
        reporter,
    )
    used = own(offences.concurrent(offence.kind, offence.time_slot))
    return PostInfo(weight=used, pays=False if taken else None)
