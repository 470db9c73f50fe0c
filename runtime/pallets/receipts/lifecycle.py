"""The life of a receipt on chain: carries out what `phases` decides."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.scale import u8, u32
from btt_chain.work import ids
from runtime.frame import Component, Constant
from runtime.frame.timers import NO_TIMER, TimerQueues
from runtime.pallets.babe.types import BeaconClock
from runtime.pallets.jobs.types import JobState, Outcome
from runtime.pallets.providers.engagements import Engagements
from runtime.pallets.receipts import errors, events, phases
from runtime.pallets.receipts.challenges import Challenges
from runtime.pallets.receipts.committee import Committees
from runtime.pallets.receipts.constants import (
    CONFIDENTIAL_FACTOR,
    FORGETTING,
    KEEP_EPOCHS,
    PHASE_WEIGHTS,
    PHASES,
    RETRY_SLOTS,
    STALE_SLOTS,
    WITHHELD_PPM,
    Rules,
)
from runtime.pallets.receipts.disputes import Disputes, Proof, ProofCost
from runtime.pallets.receipts.phases import Effect, State, Step, Trigger
from runtime.pallets.receipts.planted_errors import Disclosure, PlantedErrors, voters_on
from runtime.pallets.receipts.records import Case, Records
from runtime.pallets.receipts.tally import Ruling, found_missing, found_valid, found_wrong, rule
from runtime.pallets.receipts.types import MAX_REPLACEMENTS, JobLedger, Phase, Receipt, Seat
from runtime.pallets.receipts.verifiers import VerifierBonds
from runtime.pallets.system.pallet import System

VOTES: Final[Mapping[Ruling, Trigger]] = MappingProxyType(
    {
        Ruling.STANDS: Trigger.VOTES_VALID,
        Ruling.DISPUTED: Trigger.VOTES_ERROR,
        Ruling.WITHHELD: Trigger.VOTES_WITHHELD,
        Ruling.MISSED: Trigger.VOTES_MISSED,
        Ruling.UNDECIDED: Trigger.VOTES_UNDECIDED,
    }
)


class Lifecycle(Component):
    """Applies triggers to receipts, with all effects."""

    confidential_factor = Constant(u32(CONFIDENTIAL_FACTOR))
    """Factor on `ChallengeSlots` for confidential receipts; only the requester can dispute them."""
    withheld_share = Constant(u32(WITHHELD_PPM))
    """Part of a provider's bond lost for not showing data, in parts per million."""
    max_replacements = Constant(u32(MAX_REPLACEMENTS))
    """Maximum number of further selections: for missing votes or leaves, or too few verifiers."""
    retry_slots = Constant(u32(RETRY_SLOTS))
    """Number of slots until the next attempt with too few verifiers or no unallocated emission."""
    stale_slots = Constant(u32(STALE_SLOTS))
    """Number of slots after which a receipt requests another beacon instead of a missing one."""
    keep_epochs = Constant(u32(KEEP_EPOCHS))
    """Number of epochs for which an ended receipt is kept."""

    _rules: Rules
    _records: Records
    _timers: TimerQueues
    _bonds: VerifierBonds
    _committees: Committees
    _challenges: Challenges
    _disputes: Disputes
    _planted_errors: PlantedErrors
    _clock: BeaconClock
    _jobs: JobLedger
    _providers: Engagements
    _system: System

    def setup(self) -> None:
        """Map the effects to the methods that apply them."""
        self._effects: Mapping[Effect, Callable[[Case], Trigger | None]] = {
            Effect.STORE_PHASE: self._store_phase,
            Effect.STORE_PROOF: self._records.store,
            Effect.JOB_CHECKING: self._job_checking,
            Effect.JOB_PENDING: self._job_pending,
            Effect.ANNOUNCE_COMMITTEE: self._committees.announce,
            Effect.UNSEAT_SILENT: self._unseat_silent,
            Effect.UNSEAT_INVALID: self._unseat_invalid,
            Effect.UNSEAT_MISSING: self._unseat_missing,
            Effect.SLASH_UNPROVEN: self._slash_unproven,
            Effect.NOTE_QUORUM: self._note_quorum,
            Effect.COUNT_VOTES: self._count_votes,
            Effect.REQUEST_LEAVES: self._challenges.request_missing,
            Effect.CONVICT: self._convict,
            Effect.REFUSE_UNVERIFIED: self._refuse_unverified,
            Effect.REFUSE_WITHHELD: self._refuse_withheld,
            Effect.FINE_PROVIDER: self._fine_provider,
            Effect.PAY: self._pay,
            Effect.SETTLE_PLANTED_ERROR: self._planted_errors.settle,
            Effect.CLOSE: self._close,
        }

    # ---- public interface

    def submit(self, receipt: Receipt) -> None:
        """Begin the life of a receipt; see `Receipts.submit`."""
        job, provider = receipt.job, receipt.provider
        id = ids.receipt_id(
            self._system.genesis_hash(), job, provider, int(receipt.attempt), receipt.item_root
        )
        found = self._jobs.committed(job, provider, int(receipt.attempt), id)
        if not found.accepted <= receipt.started <= receipt.finished <= receipt.submitted:
            raise errors.BadTimes
        receipt.stalled = u32(self._jobs.stalled_slots())
        self.deposit(events.Submitted(id, job, provider))
        case = self._records.new(id, receipt, found)
        trigger = Trigger.SUBMITTED_CONFIDENTIALLY if case.is_keyed else Trigger.SUBMITTED
        self._apply(case, phases.submitted(trigger, self._clock.now(), self._rules))

    def accept(self, who: AccountId, id: H256) -> None:
        """Pay for a confidential result; see `Receipts.accept_result`."""
        case = self._records.case(id)
        if case.job.requester != who:
            raise errors.NotAllowed
        if case.receipt.phase is not Phase.Pending or not case.is_keyed:
            raise errors.WrongPhase
        self.advance(case, Trigger.RESULT_DUE)

    def advance(self, case: Case, trigger: Trigger) -> None:
        """Apply a trigger to a receipt, and those that follow."""
        step = phases.advance(state_of(case.receipt), trigger, self._clock.now(), self._rules)
        self._apply(case, step)

    def end_phase(self, id: H256) -> int:
        """End the phase of a receipt whose timer is due; return the weight."""
        case = self._records.case(id)
        weight = PHASE_WEIGHTS[case.receipt.phase]
        self.advance(case, self._due(case))
        return weight

    def end_request(self, id: H256) -> None:
        """Refuse a receipt of which a requested leaf was not shown in time."""
        found = self._records.find(id)
        if found is None or found.phase is Phase.Ended or not self._challenges.expired(found):
            return
        self.advance(self._records.with_job(id, found), Trigger.LEAF_NOT_SHOWN)

    def disclose(self, who: AccountId, id: H256, claim: Disclosure) -> None:
        """Have the right roots checked of a receipt whose planted error is revealed by `who`."""
        case, planted = self._planted_errors.disclosed(who, id, claim)
        receipt = case.receipt
        receipt.planted_error = planted
        liable = {*voters_on(receipt)}
        # The next committee must check the missed items under the right roots, too.
        self._unseat(case, self._challenges.note_missed(case))
        self._unseat(case, [seat for seat in receipt.seats if seat.verifier not in liable])
        receipt.seats, receipt.quorum_voted = [], False
        receipt.item_root, receipt.output_root = claim.item_root, claim.output_root
        self.advance(case, Trigger.PLANTED_ERROR_REVEALED)
        self.deposit(events.PlantedErrorRevealed(case.id))

    def prove(self, by: AccountId | None, id: H256, proof: Proof) -> ProofCost:
        """Convict a receipt that is proven wrong, or keep the proof until that is possible."""
        case, cost = self._disputes.prove(by, id, proof)
        if case is not None:
            self.advance(case, Trigger.FRAUD_PROVEN)
        return cost

    def remove_vote(self, case: Case, seat: Seat) -> None:
        """Remove a vote; a receipt that was valid only with it is decided again."""
        self._unseat(case, [seat])
        receipt = case.receipt
        if (
            receipt.phase is Phase.Pending
            and rule(receipt, self._rules.quorum) is not Ruling.STANDS
        ):
            self.advance(case, Trigger.QUORUM_LOST)
        else:
            self._records.store(case)

    # ---- internals

    def _apply(self, case: Case, step: Step) -> None:
        state, effects = step
        apply(state, case)
        for effect in effects:
            trigger = self._effects[effect](case)
            if trigger is not None:
                self.advance(case, trigger)

    def _due(self, case: Case) -> Trigger:
        """Return the trigger at the end of a phase."""
        match case.receipt.phase:
            case Phase.Waiting:
                return self._committees.select(case)
            case Phase.Checking:
                return Trigger.ROUND_ENDED
            case Phase.Disclosing:
                return Trigger.NOTHING_REVEALED
            case Phase.Disputed:
                return Trigger.DISPUTE_ENDED
            case Phase.Withheld:
                shown = self._challenges.all_shown(case)
                return Trigger.LEAVES_SHOWN if shown else Trigger.LEAF_NOT_SHOWN
            case _:
                return Trigger.RESULT_DUE

    def _unseat(self, case: Case, seats: Sequence[Seat]) -> None:
        self._committees.unseat(case.id, case.receipt, seats)

    # ---- internals: effects

    def _store_phase(self, case: Case) -> None:
        receipt = case.receipt
        self._timers.remove(PHASES, receipt.timer)
        receipt.timer = self._timers.enter(PHASES, int(receipt.due), case.id)
        self._records.store(case)
        if receipt.phase is not Phase.Waiting:
            self.deposit(events.PhaseBegan(case.id, receipt.phase, receipt.due))

    def _job_checking(self, case: Case) -> None:
        self._jobs.advance(case.receipt.job, JobState.Checking)

    def _job_pending(self, case: Case) -> None:
        self._jobs.advance(case.receipt.job, JobState.Pending)

    def _unseat_silent(self, case: Case) -> None:
        receipt = case.receipt
        newest = len(receipt.beacons) - 1
        for seat in receipt.seats:
            if seat.round == newest:
                self._bonds.note_vote(seat.verifier, voted=seat.verdict is not None)
        self._unseat(case, [seat for seat in receipt.seats if seat.verdict is None])

    def _unseat_invalid(self, case: Case) -> None:
        valid = found_valid(case.receipt.seats)
        self._unseat(case, [seat for seat in case.receipt.seats if seat not in valid])

    def _unseat_missing(self, case: Case) -> None:
        receipt = case.receipt
        self._unseat(case, found_missing(receipt.seats))
        if receipt.quorum_voted and receipt.replacements >= MAX_REPLACEMENTS:
            # No further round can check it. But a quorum checked it before, and would have reported
            # what is wrong as missing: a false report of a missing leaf makes it no easier to pass.
            newest = len(receipt.beacons) - 1
            receipt.missed = [(round, item) for round, item in receipt.missed if round < newest]

    def _slash_unproven(self, case: Case) -> None:
        self._unseat(case, self._disputes.slash_unproven(case))

    def _note_quorum(self, case: Case) -> None:
        receipt = case.receipt
        voted = len(found_valid(receipt.seats)) + len(found_missing(receipt.seats))
        receipt.quorum_voted = receipt.quorum_voted or voted >= self._rules.quorum

    def _count_votes(self, case: Case) -> Trigger:
        self._unseat(case, self._challenges.note_missed(case))
        return VOTES[rule(case.receipt, self._rules.quorum)]

    def _convict(self, case: Case) -> None:
        proven = case.proven or case.receipt.proven
        if proven is None:
            raise ValueError(f"receipt {case.id.hex()} is convicted without a proof")
        self._disputes.convict(case, proven)
        self._refuse(case, Outcome.Fraud, found_wrong(case.receipt.seats))

    def _refuse_unverified(self, case: Case) -> None:
        self._refuse(case, Outcome.Unverified, found_valid(case.receipt.seats))

    def _refuse_withheld(self, case: Case) -> None:
        self._refuse(case, Outcome.Withheld, found_missing(case.receipt.seats))

    def _refuse(self, case: Case, outcome: Outcome, voters: Sequence[Seat]) -> None:
        self._jobs.refuse(case.receipt.job, outcome, [seat.verifier for seat in voters])

    def _fine_provider(self, case: Case) -> None:
        # Only after the refusal: before, the job's part of the bond is reserved, and may be all.
        self._providers.fine(case.receipt.provider, WITHHELD_PPM)

    def _pay(self, case: Case) -> Trigger:
        voters = [seat.verifier for seat in found_valid(case.receipt.seats)]
        paid = self._jobs.finalize(case.receipt.job, voters)
        return Trigger.PAID if paid else Trigger.NOT_PAID

    def _close(self, case: Case) -> None:
        id, receipt = case.id, case.receipt
        self._challenges.release(receipt.challenges)
        receipt.challenges = []
        seated = (seat.verifier for seat in receipt.seats)
        self._committees.release(id, (*seated, *voters_on(receipt)))
        self._timers.remove(PHASES, receipt.timer)
        receipt.timer = NO_TIMER
        self._timers.enter(FORGETTING, int(receipt.due), id)
        self._records.store(case)


def state_of(receipt: Receipt) -> State:
    """Return the part of a receipt that its life cycle depends on."""
    requested = [int(one.until) for one in receipt.challenges if not one.answered]
    return State(
        receipt.phase,
        int(receipt.since),
        int(receipt.due),
        int(receipt.replacements),
        disclosed=receipt.disclosed,
        proven=receipt.proven is not None,
        requested_until=max(requested, default=0),
    )


def apply(state: State, case: Case) -> None:
    """Change the receipt of a case to this state."""
    receipt = case.receipt
    receipt.phase, receipt.since, receipt.due = state.phase, u32(state.since), u32(state.until)
    receipt.replacements, receipt.disclosed = u8(state.replacements), state.disclosed
    if not state.proven:
        receipt.proven = None
    elif receipt.proven is None:
        receipt.proven = case.proven
