"""Evidence of equivocation: the common part of the reports of Babe and Grandpa.

A report carries the proof and the session of the offender's key. The state stores the key owners of
the sessions that can still be reported, so the session's index suffices as key-ownership proof; it
is encoded in the form of Substrate's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Final, Generic, Protocol, TypeAlias, TypeVar, cast

from btt_chain.lazyclass import dataclass
from btt_chain.primitives import validity
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.limits import MAX_TRIE_NODE_BYTES, MAX_TRIE_NODES
from btt_chain.primitives.validity import Invalid, TransactionSource, ValidTransaction
from btt_chain.scale import FixedBytes, MaxLen, TypeName, codec, path, u32, u64, u128
from runtime.frame import Call, DispatchError, DispatchInfo, Error, PostInfo, Unavailable
from runtime.params import MAX_VALIDATORS


class KeyTypeId(FixedBytes, size=4, path="sp_core::crypto::KeyTypeId"):
    """Purpose of a session key: `babe`, `gran`."""

    __slots__ = ()


BABE_EQUIVOCATION: Final = b"babe:equivocatio"
GRANDPA_EQUIVOCATION: Final = b"grandpa:equivoca"
"""Kinds of offence: two blocks in one slot, two votes in one round. Source: `sp_consensus_babe`,
`sp_consensus_grandpa`."""
REPORT_UNSIGNED: Final = 1
"""Index of the unsigned call in each pallet."""
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


class KeyOwners(Protocol):
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


class EquivocationProof(Protocol):
    """A proof that the owner of a key equivocated."""

    @property
    def offender(self) -> bytes:
        """The key."""


P = TypeVar("P", bound=EquivocationProof)


@dataclass(frozen=True, slots=True)
class Equivocation(Generic[P]):
    """The rules of one kind of equivocation, and the errors of its reports."""

    kind: bytes
    """Identifier of the kind of offence, 16 bytes."""
    tag: bytes
    """Prefix of the pool's tags of reports."""
    key_type: KeyTypeId
    check_session: Callable[[P, u32], None]
    """Raise the pallet's error if the offence was not in this session."""
    is_proven: Callable[[P], bool]
    time_slot: Callable[[P], int]
    """Return the time of the offence, in the unit of its kind."""
    invalid_proof: type[Error]
    invalid_owner: type[Error]
    duplicate: type[Error]


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


class Reports(Generic[P]):
    """The reports of one kind of equivocation, of a pallet."""

    def __init__(
        self,
        rules: Equivocation[P],
        longevity: u64,
        owners: KeyOwners | None,
        offences: Offences | None,
    ) -> None:
        """Accept reports once `owners` and `offences` are given, here or by `connect`.

        An unsigned report stays valid in the pool for `longevity` blocks.
        """
        self._rules: Final = rules
        self._longevity: Final = longevity
        self.owners = owners
        self.offences = offences

    def connect(self, owners: KeyOwners, offences: Offences | None) -> None:
        """Set the pallets that reports depend on."""
        self.owners, self.offences = owners, offences

    def ownership(self, session_index: int, key: bytes) -> bytes | None:
        """Return the encoded proof of a key's owner; None if none is stored."""
        if self.owners is None:
            return None
        seat = self.owners.owner_of(session_index, self._rules.key_type, key)
        if seat is None:
            return None
        return _PROOF.encode(MembershipProof(u32(session_index), [], u32(seat[1])))

    def submit(
        self,
        proof: P,
        membership: MembershipProof,
        reporter: AccountId | None,
        own: Callable[[int], int],
    ) -> PostInfo:
        """Report a proven offence. Raises the calls' errors.

        The call is free if the offender is slashed. Otherwise it pays: an offender without stake
        could equivocate without end, and fill blocks for nothing. Its weight is `own` of the
        offences at that time, whose penalties it raises.
        """
        offences, offence = self.prove(proof, membership)
        try:
            taken = offences.report(
                offence.kind,
                offence.session,
                offence.validator_count,
                offence.offender,
                offence.time_slot,
                reporter,
            )
        except offences.DuplicateReport:
            raise self._rules.duplicate from None
        used = own(offences.concurrent(offence.kind, offence.time_slot))
        return PostInfo(weight=used, pays=False if taken else None)

    def validate_unsigned(self, call: Call, source: TransactionSource) -> ValidTransaction | None:
        """Return the validity of an unsigned report, None for other calls.

        Raises Invalid unless it is correct and new. It pays no fee, so it is accepted only from
        this node and from blocks, and not gossiped.
        """
        if call.index != REPORT_UNSIGNED:
            return None
        if source is TransactionSource.External:
            raise Invalid(validity.Call())
        proof, membership = cast("tuple[P, MembershipProof]", call.args)
        try:
            offences, offence = self.prove(proof, membership)
        except (Error, Unavailable):
            raise Invalid(validity.BadProof()) from None
        refuse_known(offences, offence)
        return valid_report(self._rules.tag, offence, self._longevity)

    def prove(self, proof: P, membership: MembershipProof) -> tuple[Offences, Offence]:
        """Return the offence that a report proves, with its handler. Raises the calls' errors."""
        rules = self._rules
        if self.owners is None or self.offences is None:
            raise Unavailable
        rules.check_session(proof, membership.session)
        offender = owner(self.owners, membership, rules.key_type, proof.offender)
        if offender is None:
            raise rules.invalid_owner
        if not rules.is_proven(proof):
            raise rules.invalid_proof
        session, count = int(membership.session), int(membership.validator_count)
        time_slot = rules.time_slot(proof)
        return self.offences, Offence(rules.kind, session, count, offender, time_slot)


def owner(
    owners: KeyOwners, proof: MembershipProof, key_type: bytes, key: bytes
) -> AccountId | None:
    """Return the owner of a key; None if `proof` differs from the result of `ownership`."""
    seat = owners.owner_of(int(proof.session), key_type, key)
    if seat is None or proof.trie_nodes or seat[1] != proof.validator_count:
        return None
    return seat[0]


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
