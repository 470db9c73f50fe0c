"""Grandpa: who votes on finality.

The voters are those of the session, weighted by what they can lose. A new list is announced in
the block whose session brings it, only when ids or weights differ, and takes over once that block
is final; so does the number of the set. Changes that do not wait for finality ("forced") are
neither made nor followed here: whoever could order one could replace the voters.
Source of the rules: Substrate's `pallet_grandpa`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Final, TypeAlias, cast

from btt_chain.primitives import grandpa
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.grandpa import (
    AuthorityId,
    AuthorityList,
    ChangeScheduled,
    EquivocationProof,
    OnDisabled,
    ScheduledChange,
    check_equivocation,
    consensus,
)
from btt_chain.primitives.validity import TransactionSource, ValidTransaction
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
    Unavailable,
    Value,
    call,
)
from runtime.pallets.evidence import (
    GRANDPA_KEY,
    KeyOwnerProof,
    MembershipProof,
    Offence,
    Offences,
    Seats,
    by_validators,
    judge_unsigned,
    owner,
    ownership,
    submit,
)
from runtime.pallets.system import System
from runtime.params import MAX_VALIDATORS
from runtime.weights import grandpa as weights

OFFENCE: Final = b"grandpa:equivoca"
"""The kind of offence that voting twice in one round is. Source: `sp_consensus_grandpa`."""
TAG: Final = b"GrandpaEquivocation"
REPORT_UNSIGNED: Final = 1
"""The index of the call that needs no signature."""

Authorities = Bounded[list[tuple[AuthorityId, u64]], MAX_VALIDATORS]
NUMBER: Final = {"N": u32}


class Live(Variant, index=0):
    """Voting goes on."""


class PendingPause(Variant, index=1):
    """Voting is to pause; never here."""

    scheduled_at: Annotated[u32, TypeName("N")]
    delay: Annotated[u32, TypeName("N")]


class IsPaused(Variant, index=2, name="Paused"):
    """Voting pauses; never here."""


class PendingResume(Variant, index=3):
    """Voting is to go on; never here."""

    scheduled_at: Annotated[u32, TypeName("N")]
    delay: Annotated[u32, TypeName("N")]


StoredState = Annotated[
    Live | PendingPause | IsPaused | PendingResume,
    Path("pallet_grandpa::StoredState", params=NUMBER),
]


@path("pallet_grandpa::StoredPendingChange", params={"N": u32, "Limit": None})
@dataclass(frozen=True, slots=True)
class StoredPendingChange:
    """A change of voters that the block at hand makes."""

    scheduled_at: Annotated[u32, TypeName("N")]
    delay: Annotated[u32, TypeName("N")]
    next_authorities: Annotated[Authorities, TypeName("BoundedAuthorityList<Limit>")]
    forced: Annotated[u32 | None, TypeName("Option<N>")]


Proof: TypeAlias = Annotated[
    EquivocationProof, TypeName("Box<EquivocationProof<T::Hash, BlockNumberFor<T>>>")
]


class Grandpa(Pallet):
    """Who votes on finality, and with what weight."""

    system: System
    seats: Seats | None = None
    """None: no keys are remembered, and no report is taken. See `lean_on`."""
    offences: Offences | None = None
    """None: nobody judges, and no report is taken."""

    max_authorities: Const[u32]
    """The most voters there may be."""
    max_nominators: Const[u32]
    """Nobody is nominated on this chain."""
    max_set_id_session_entries: Const[u64]
    """Of how many sets it is remembered when they voted: at least as long as reports are taken."""
    report_longevity: u64
    """For how many blocks a report without a signature is worth keeping."""

    state = Value(StoredState, default=Live())
    pending_change = Value(StoredPendingChange)
    next_forced = Value(u32)
    stalled = Value(tuple[u32, u32])
    current_set_id = Value(u64, default=u64(0))
    set_id_session = Map(u64, u32, hasher=Hasher.Twox64Concat)
    """The last session of each set."""
    authorities = Value(Authorities, default=[])

    class NewAuthorities(Event, index=0):
        """Other voters take over once this block is final."""

        authority_set: Annotated[AuthorityList, TypeName("AuthorityList")]

    class Paused(Event, index=1):
        """Voting pauses."""

    class Resumed(Event, index=2):
        """Voting goes on."""

    class PauseFailed(Error, index=0):
        """Voting cannot pause: it does not go on, or a change of that is pending."""

    class ResumeFailed(Error, index=1):
        """Voting cannot go on: it does not pause, or a change of that is pending."""

    class ChangePending(Error, index=2):
        """A change of the voters is pending already."""

    class TooSoon(Error, index=3):
        """The voters of this chain do not change without finality."""

    class InvalidKeyOwnershipProof(Error, index=4):
        """The key belonged to no validator of that session, or the session is forgotten."""

    class InvalidEquivocationProof(Error, index=5):
        """The votes do not prove that somebody voted twice, or not in that session."""

    class DuplicateOffenceReport(Error, index=6):
        """The offence has been reported before."""

    # ---- hooks

    def on_finalize(self, number: int) -> None:
        """Announce the change that this block makes, if it makes one, and put it into force."""
        change = self.pending_change.take()
        if change is None:
            return
        following = change.next_authorities
        announced = ChangeScheduled(ScheduledChange(following, change.delay))
        self.system.deposit_log(consensus(announced))
        self.authorities.value = following
        self.deposit(self.NewAuthorities(following))

    def validate_unsigned(self, call: Call, source: TransactionSource) -> ValidTransaction | None:
        """Pass reports of equivocations that are right and new, from here or from a block."""
        if call.index != REPORT_UNSIGNED:
            return None
        proof, membership = cast("tuple[EquivocationProof, MembershipProof]", call.args)
        return judge_unsigned(
            source, lambda: self._judged(proof, membership), TAG, self.report_longevity
        )

    # ---- calls

    @call(0, weight=by_validators(weights.report_equivocation))
    def report_equivocation(
        self, origin: Origin, equivocation_proof: Proof, key_owner_proof: KeyOwnerProof
    ) -> PostInfo:
        """Report a voter who voted twice in one round.

        Costs nothing if it costs an offender something.
        """
        who, own = origin.signed(), weights.report_equivocation
        return self._report(equivocation_proof, key_owner_proof, who, own)

    @call(1, weight=by_validators(weights.report_equivocation_unsigned))
    def report_equivocation_unsigned(
        self, origin: Origin, equivocation_proof: Proof, key_owner_proof: KeyOwnerProof
    ) -> PostInfo:
        """Report a voter who voted twice in one round. Nodes of voters send this."""
        origin.none()
        own = weights.report_equivocation_unsigned
        return self._report(equivocation_proof, key_owner_proof, None, own)

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

    # ---- doors

    def lean_on(self, seats: Seats, offences: Offences | None) -> None:
        """Tie to pallets that this one gives its reports to."""
        self.seats, self.offences = seats, offences

    def key_ownership(self, set_id: int, key: bytes) -> bytes | None:
        """Return the encoded proof of whose key it was in a set; None if it was nobody's."""
        session = self.set_id_session.get(u64(set_id)) if set_id <= u64.MAX else None
        if session is None or self.seats is None:
            return None
        return ownership(self.seats, int(session), GRANDPA_KEY, key)

    # ---- doors for Session

    def genesis_voters(self, voters: Sequence[tuple[bytes, int]]) -> None:
        """Take the first voters, with weights."""
        self.authorities.value = listed(voters)
        self.set_id_session[u64(0)] = u32(0)

    def new_voters(self, voters: Sequence[tuple[bytes, int]], session: int) -> None:
        """Take the voters of a session that begins; announce them if they are others."""
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
        """Tell whom it may concern that a voter is out for the rest of the session."""
        self.system.deposit_note(consensus(OnDisabled(u64(index))))

    # ---- steps

    def _report(
        self,
        proof: EquivocationProof,
        membership: MembershipProof,
        reporter: AccountId | None,
        own: Callable[[int], int],
    ) -> PostInfo:
        offences, offence = self._judged(proof, membership)
        try:
            return submit(offences, offence, reporter, own)
        except offences.DuplicateReport:
            raise self.DuplicateOffenceReport from None

    def _judged(
        self, proof: EquivocationProof, membership: MembershipProof
    ) -> tuple[Offences, Offence]:
        """Return what a proof proves, and who judges it. Raises the calls' errors."""
        if self.seats is None or self.offences is None:
            raise Unavailable
        set_id = int(proof.set_id)
        last = self.set_id_session.get(u64(set_id))
        before = self.set_id_session.get(u64(set_id - 1)) if set_id else None
        session = membership.session
        if last is None or session > last or (before is not None and session <= before):
            raise self.InvalidEquivocationProof
        offender = owner(self.seats, membership, GRANDPA_KEY, proof.offender)
        if offender is None:
            raise self.InvalidKeyOwnershipProof
        try:
            check_equivocation(proof)
        except grandpa.NoEquivocation:
            raise self.InvalidEquivocationProof from None
        count = int(membership.validator_count)
        when = set_id | proof.round << 64  # the two as Substrate encodes them, set first
        return self.offences, Offence(OFFENCE, int(session), count, offender, when)


def listed(voters: Sequence[tuple[bytes, int]]) -> AuthorityList:
    """Return voters as they are stored and announced."""
    return [(AuthorityId(key), u64(weight)) for key, weight in voters]
