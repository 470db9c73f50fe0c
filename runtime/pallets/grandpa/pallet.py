"""Grandpa: the voters on finality.

The voters are the validators of the session, weighted by what they can lose. A new list is
announced in the block whose session brings it, only if ids or weights differ, and takes over once
that block is final; so does the number of the set. Changes that do not wait for finality
("forced") are neither made nor applied: an account that could order one could replace the voters.
Source of the rules: Substrate's `pallet_grandpa`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final, TypeAlias

from btt_chain.lazyclass import dataclass
from btt_chain.primitives.grandpa import (
    AuthorityList,
    ChangeScheduled,
    OnDisabled,
    ScheduledChange,
    consensus,
)
from btt_chain.primitives.grandpa_equivocation import (
    EquivocationProof,
    NoEquivocation,
    check_equivocation,
)
from btt_chain.primitives.validity import TransactionSource, ValidTransaction
from btt_chain.primitives.voters import AuthorityId
from btt_chain.scale import Bounded, Path, TypeName, Variant, path, u32, u64
from runtime.frame import (
    Call,
    Const,
    Error,
    Event,
    Hasher,
    Map,
    Origin,
    Pallet,
    PostInfo,
    Value,
    call,
)
from runtime.pallets.evidence import (
    GRANDPA_EQUIVOCATION,
    GRANDPA_KEY,
    Equivocation,
    KeyOwnerProof,
    KeyOwners,
    Offences,
    Reports,
    by_validators,
)
from runtime.pallets.grandpa import weights
from runtime.pallets.system.pallet import System
from runtime.params import MAX_VALIDATORS

TAG: Final = b"GrandpaEquivocation"

Authorities = Bounded[list[tuple[AuthorityId, u64]], MAX_VALIDATORS]
NUMBER: Final = {"N": u32}


class Live(Variant, index=0):
    """Voting is active."""


class PendingPause(Variant, index=1):
    """A pause of voting is scheduled; unused on this chain."""

    scheduled_at: Annotated[u32, TypeName("N")]
    delay: Annotated[u32, TypeName("N")]


class IsPaused(Variant, index=2, name="Paused"):
    """Voting is paused; unused on this chain."""


class PendingResume(Variant, index=3):
    """A resumption of voting is scheduled; unused on this chain."""

    scheduled_at: Annotated[u32, TypeName("N")]
    delay: Annotated[u32, TypeName("N")]


StoredState = Annotated[
    Live | PendingPause | IsPaused | PendingResume,
    Path("pallet_grandpa::StoredState", params=NUMBER),
]


@path("pallet_grandpa::StoredPendingChange", params={"N": u32, "Limit": None})
@dataclass(frozen=True, slots=True)
class StoredPendingChange:
    """A change of voters that the current block makes."""

    scheduled_at: Annotated[u32, TypeName("N")]
    delay: Annotated[u32, TypeName("N")]
    next_authorities: Annotated[Authorities, TypeName("BoundedAuthorityList<Limit>")]
    forced: Annotated[u32 | None, TypeName("Option<N>")]


Proof: TypeAlias = Annotated[
    EquivocationProof, TypeName("Box<EquivocationProof<T::Hash, BlockNumberFor<T>>>")
]


class Grandpa(Pallet):
    """The voters on finality and their weights."""

    # ---- constants

    max_authorities: Const[u32]
    """Maximum number of voters."""
    max_nominators: Const[u32]
    """Maximum number of nominators: 0, because this chain has none."""
    max_set_id_session_entries: Const[u64]
    """Number of sets whose last session is stored: covers the period for reports."""

    # ---- dependencies

    report_longevity: u64
    """Longevity of an unsigned report, in blocks."""
    system: System
    owners: KeyOwners | None = None
    """None: no key owners are stored, and reports are refused. See `connect`."""
    offences: Offences | None = None
    """None: no offences are judged, and reports are refused."""

    # ---- storage

    state = Value(StoredState, default=Live())
    pending_change = Value(StoredPendingChange)
    next_forced = Value(u32)
    stalled = Value(tuple[u32, u32])
    current_set_id = Value(u64, default=u64(0))
    set_id_session = Map(u64, u32, hasher=Hasher.Twox64Concat)
    """Last session of each set."""
    authorities = Value(Authorities, default=[])

    # ---- events

    class NewAuthorities(Event, index=0):
        """New voters take over once this block is final."""

        authority_set: Annotated[AuthorityList, TypeName("AuthorityList")]

    class Paused(Event, index=1):
        """Voting was paused."""

    class Resumed(Event, index=2):
        """Voting was resumed."""

    # ---- errors

    class PauseFailed(Error, index=0):
        """Never raised: no call pauses the voting."""

    class ResumeFailed(Error, index=1):
        """Never raised: no call resumes the voting."""

    class ChangePending(Error, index=2):
        """Never raised: a change of the voters takes effect in its block."""

    class TooSoon(Error, index=3):
        """The voters of this chain do not change without finality."""

    class InvalidKeyOwnershipProof(Error, index=4):
        """The key belonged to no validator of that session, or the session is no longer stored."""

    class InvalidEquivocationProof(Error, index=5):
        """The votes do not prove an equivocation, or the set did not vote in that session."""

    class DuplicateOffenceReport(Error, index=6):
        """The offence was reported before."""

    # ---- hooks

    def setup(self) -> None:
        """Build the reports of equivocations."""
        self.reports = Reports(
            Equivocation(
                kind=GRANDPA_EQUIVOCATION,
                tag=TAG,
                key_type=GRANDPA_KEY,
                check_session=self._check_session,
                is_proven=is_proven,
                time_slot=time_slot,
                invalid_proof=self.InvalidEquivocationProof,
                invalid_owner=self.InvalidKeyOwnershipProof,
                duplicate=self.DuplicateOffenceReport,
            ),
            self.report_longevity,
            self.owners,
            self.offences,
        )

    def on_finalize(self, number: int) -> None:
        """Announce the change of voters that this block makes, if any, and store the new voters."""
        change = self.pending_change.take()
        if change is None:
            return
        following = change.next_authorities
        announced = ChangeScheduled(ScheduledChange(following, change.delay))
        self.system.deposit_log(consensus(announced))
        self.authorities.value = following
        self.deposit(self.NewAuthorities(following))

    def validate_unsigned(self, call: Call, source: TransactionSource) -> ValidTransaction | None:
        """Return the validity of a report that is valid and new, from this node or from a block."""
        return self.reports.validate_unsigned(call, source)

    # ---- calls

    @call(0, weight=by_validators(weights.report_equivocation))
    def report_equivocation(
        self, origin: Origin, equivocation_proof: Proof, key_owner_proof: KeyOwnerProof
    ) -> PostInfo:
        """Report a voter that voted twice in one round.

        No fee if the report costs an offender something.
        """
        who = origin.signed()
        return self.reports.submit(
            equivocation_proof, key_owner_proof, who, weights.report_equivocation
        )

    @call(1, weight=by_validators(weights.report_equivocation_unsigned))
    def report_equivocation_unsigned(
        self, origin: Origin, equivocation_proof: Proof, key_owner_proof: KeyOwnerProof
    ) -> PostInfo:
        """Report a voter that voted twice in one round. Unsigned: sent by the nodes of voters."""
        origin.none()
        return self.reports.submit(
            equivocation_proof, key_owner_proof, None, weights.report_equivocation_unsigned
        )

    @call(2, weight=weights.NOTE_STALLED)
    def note_stalled(
        self,
        origin: Origin,
        delay: Annotated[u32, TypeName("BlockNumberFor<T>")],
        best_finalized_block_number: Annotated[u32, TypeName("BlockNumberFor<T>")],
    ) -> None:
        """Order a change of the voters without finality. Always refused on this chain."""
        del delay, best_finalized_block_number
        origin.root()
        raise self.TooSoon

    # ---- public interface

    def connect(self, owners: KeyOwners, offences: Offences | None) -> None:
        """Connect pallets that come later in the runtime's table, on which reports depend."""
        self.owners, self.offences = owners, offences
        self.reports.connect(owners, offences)

    def key_ownership(self, set_id: int, key: bytes) -> bytes | None:
        """Return the encoded proof of a key's owner in a set; None if no owner is known."""
        session = self.set_id_session.get(u64(set_id)) if set_id <= u64.MAX else None
        return None if session is None else self.reports.ownership(int(session), key)

    def genesis_voters(self, voters: Sequence[tuple[bytes, int]]) -> None:
        """Store the first voters, with weights."""
        self.authorities.value = listed(voters)
        self.set_id_session[u64(0)] = u32(0)

    def new_voters(self, voters: Sequence[tuple[bytes, int]], session: int) -> None:
        """Store the voters of a session that begins; announce them if they changed."""
        following, set_id = listed(voters), self.current_set_id.value
        if following != self.authorities.value:
            self.pending_change.value = StoredPendingChange(
                self.system.number.value, u32(0), following, None
            )
            set_id += 1
            self.current_set_id.value = set_id
            if set_id >= self.max_set_id_session_entries:
                del self.set_id_session[set_id - self.max_set_id_session_entries]
        self.set_id_session[set_id] = u32(session)

    def disable(self, index: int) -> None:
        """Announce that a voter is disabled for the rest of the session."""
        self.system.deposit_note(consensus(OnDisabled(u64(index))))

    # ---- internals

    def _check_session(self, proof: EquivocationProof, session: u32) -> None:
        """Check that the set of a proof voted in a session. Raises InvalidEquivocationProof."""
        set_id = int(proof.set_id)
        last = self.set_id_session.get(u64(set_id))
        before = self.set_id_session.get(u64(set_id - 1)) if set_id else None
        if last is None or session > last or (before is not None and session <= before):
            raise self.InvalidEquivocationProof


def listed(voters: Sequence[tuple[bytes, int]]) -> AuthorityList:
    """Return voters in the form that is stored and announced."""
    return [(AuthorityId(key), u64(weight)) for key, weight in voters]


def is_proven(proof: EquivocationProof) -> bool:
    """Return True if the votes prove an equivocation."""
    try:
        check_equivocation(proof)
    except NoEquivocation:
        return False
    return True


def time_slot(proof: EquivocationProof) -> int:
    """Return the time of an offence: set and round as Substrate encodes them, set id first."""
    return int(proof.set_id) | proof.round << 64
