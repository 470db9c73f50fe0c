"""Evidence of equivocation: the common part of the reports of Babe and Grandpa.

A report carries the proof and the session of the offender's key. The state stores the key owners of
the sessions that can still be reported, so the session's index suffices as key-ownership proof; it
is encoded in the form of Substrate's.
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


class KeyTypeId(FixedBytes, size=4, path="sp_core::crypto::KeyTypeId"):
    """Purpose of a session key: `babe`, `gran`."""

    __slots__ = ()


BABE_KEY: Final = KeyTypeId(b"babe")
GRANDPA_KEY: Final = KeyTypeId(b"gran")


@path("sp_session::MembershipProof")
@dataclass(slots=True)
class MembershipProof:
    """Proof of a key's owner: the state has the owner by session, so no trie nodes are needed."""

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
    """A proven offence."""

    kind: bytes
    """Identifier of the kind of offence, 16 bytes."""
    session: int
    validator_count: int
    """Number of validators of the session."""
    offender: AccountId
    time_slot: int
    """Time of the offence, in the unit of its kind."""


class Seats(Protocol):
    """Owners of session keys; Session implements it."""

    def owner_of(
        self, session_index: int, key_type: bytes, key: bytes
    ) -> tuple[AccountId, int] | None:
        """Return the owner of a key in a session and the number of its validators.

        None for unknown keys, and for sessions that are no longer stored.
        """


class Offences(Protocol):
    """Handling of offences; the pallet Offences implements it."""

    @property
    def DuplicateReport(self) -> type[DispatchError]:  # noqa: N802 - an exception's name
        """Error that `report` raises for an offence that was reported before."""

    def report(
        self,
        kind: bytes,
        session_index: int,
        validator_count: int,
        offender: AccountId,
        time_slot: int,
        reporter: AccountId | None,
    ) -> u128:
        """Punish the offender; return the slashed amount, in planck. Raises DuplicateReport."""

    def check(self, kind: bytes, session_index: int, offender: AccountId, time_slot: int) -> u128:
        """Raise the errors of `report` without punishing."""

    def concurrent(self, kind: bytes, time_slot: int) -> int:
        """Return the number of offences of this kind reported for the same time."""


_PROOF: Final = codec(MembershipProof)
_TAG: Final = codec(tuple[bytes, AccountId, u32, bytes])


def by_validators(
    own: Callable[[int], int],
) -> Callable[[object, object, MembershipProof], DispatchInfo]:
    """Return the weight function of a report, as if all validators had committed the offence."""

    def weigh(_: object, proof: object, membership: MembershipProof) -> DispatchInfo:
        del proof
        return DispatchInfo(own(min(int(membership.validator_count), MAX_VALIDATORS)))

    return weigh


def ownership(seats: Seats, session_index: int, key_type: bytes, key: bytes) -> bytes | None:
    """Return the encoded proof of a key's owner; None if it has none or is no longer stored."""
    seat = seats.owner_of(session_index, key_type, key)
    if seat is None:
        return None
    return _PROOF.encode(MembershipProof(u32(session_index), [], u32(seat[1])))


def owner(seats: Seats, proof: MembershipProof, key_type: bytes, key: bytes) -> AccountId | None:
    """Return the owner of a key; None if `proof` differs from the result of `ownership`."""
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
    """Return the validity of an unsigned report. Raises Invalid unless it is correct and new.

    It pays no fee, so it is accepted only from this node and from blocks, and not gossiped.
    `judged` checks the proof, and raises the errors of calls.
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
    """Return the validity of an unsigned report: one per offence, with the highest priority."""
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
    """Raise Invalid if the offence was reported before, or can no longer be reported."""
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
    """Report an offence. Raises Offences.DuplicateReport.

    The call is free if the offender is slashed. Otherwise it pays: an offender without stake could
    equivocate without end, and fill blocks for nothing. Its weight is `own` of the offences at that
    time, whose penalties it raises.
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
