"""Life cycle of a receipt: a pure state machine.

`advance` maps the state of a receipt, a trigger and the present slot to the next state and the
effects that the pallet carries out, in order. Two effects find out something and give the next
trigger: "count votes" gives the result of the votes, "pay" whether the work was paid. Each phase
but Ended ends by itself in slot `State.until`; the trigger then depends on what the pallet finds.
"Too few verifiers" counts as a replacement; rows with the same trigger differ by what is left.

The table lists all transitions that can happen. A row with several phases stands for one row each.

| phase | trigger | next phase | effects |
|---|---|---|---|
| none | submitted | Waiting | store phase |
| none | submitted confidentially | Pending | store phase, job pending |
| Waiting | no beacon | Waiting | store phase |
| Waiting | committee selected | Checking | store phase, job checking, announce committee |
| Waiting | too few verifiers | Waiting | unseat invalid, store phase, job checking |
| Waiting | too few verifiers | Disclosing | store phase |
| Waiting | too few verifiers | Ended | refuse unverified, close |
| Checking | round ended | Disclosing | unseat silent, store phase |
| Checking | round ended | Checking | unseat silent, count votes |
| Disclosing | planted error revealed | Waiting | store phase |
| Disclosing | nothing revealed | Disclosing | count votes |
| Disclosing | nothing revealed | Ended | convict, close |
| Disputed | dispute ended | Disputed | slash unproven, count votes |
| Withheld | leaves shown | Withheld | unseat missing, count votes |
| Pending | quorum lost | Pending | count votes |
| Checking, Disclosing, Disputed, Withheld, Pending | votes: valid | Pending | store phase, job pending |
| Checking, Disclosing, Disputed, Withheld, Pending | votes: error | Disputed | store phase |
| Checking, Disclosing, Disputed, Withheld, Pending | votes: withheld | Withheld | request leaves, store phase |
| Checking, Disclosing, Disputed, Withheld, Pending | votes: missed | Waiting | note quorum, unseat invalid, store phase, job checking |
| Checking, Disclosing, Disputed, Withheld, Pending | votes: missed | Withheld | request leaves, store phase |
| Checking, Disclosing, Disputed, Withheld, Pending | votes: undecided | Waiting | unseat invalid, store phase, job checking |
| Checking, Disclosing, Disputed, Withheld, Pending | votes: undecided | Ended | refuse unverified, close |
| Pending | result due | Pending | store phase |
| Pending | result due | Pending | pay |
| Pending | paid | Ended | settle planted error, close |
| Pending | not paid | Pending | store phase |
| Waiting, Checking, Disclosing | fraud proven | Waiting, Checking, Disclosing | store proof |
| Waiting, Checking, Disputed, Withheld, Pending | fraud proven | Ended | convict, close |
| Waiting, Checking, Disclosing, Disputed, Withheld, Pending | leaf not shown | Ended | refuse withheld, close, fine provider |
"""  # noqa: E501 - rows of a table

from __future__ import annotations

from dataclasses import replace
from enum import Enum

from btt_chain.lazyclass import dataclass
from runtime.pallets.receipts.constants import (
    CONFIDENTIAL_FACTOR,
    KEEP_EPOCHS,
    RETRY_SLOTS,
    STALE_SLOTS,
    Rules,
)
from runtime.pallets.receipts.types import MAX_REPLACEMENTS, Phase


class Trigger(Enum):
    """An event in the life of a receipt; the values are the names in the table above."""

    SUBMITTED = "submitted"
    SUBMITTED_CONFIDENTIALLY = "submitted confidentially"
    NO_BEACON = "no beacon"
    COMMITTEE_SELECTED = "committee selected"
    TOO_FEW_VERIFIERS = "too few verifiers"
    ROUND_ENDED = "round ended"
    PLANTED_ERROR_REVEALED = "planted error revealed"
    NOTHING_REVEALED = "nothing revealed"
    DISPUTE_ENDED = "dispute ended"
    LEAVES_SHOWN = "leaves shown"
    LEAF_NOT_SHOWN = "leaf not shown"
    QUORUM_LOST = "quorum lost"
    VOTES_VALID = "votes: valid"
    VOTES_ERROR = "votes: error"
    VOTES_WITHHELD = "votes: withheld"
    VOTES_MISSED = "votes: missed"
    VOTES_UNDECIDED = "votes: undecided"
    RESULT_DUE = "result due"
    PAID = "paid"
    NOT_PAID = "not paid"
    FRAUD_PROVEN = "fraud proven"


class Effect(Enum):
    """An action of the pallet; the values are the names in the table above."""

    STORE_PHASE = "store phase"
    """Set the timer to the end of the phase, store the receipt, and announce a new phase."""
    STORE_PROOF = "store proof"
    """Store the receipt with the proof of fraud, until a planted error is ruled out."""
    JOB_CHECKING = "job checking"
    JOB_PENDING = "job pending"
    ANNOUNCE_COMMITTEE = "announce committee"
    UNSEAT_SILENT = "unseat silent"
    """Record the votes, and remove silent verifiers from their seats."""
    UNSEAT_INVALID = "unseat invalid"
    """Remove all verifiers without a valid vote from their seats."""
    UNSEAT_MISSING = "unseat missing"
    """Remove verifiers that reported leaves as missing, which are shown now."""
    SLASH_UNPROVEN = "slash unproven"
    """Slash and remove verifiers that reported an error and did not prove it."""
    NOTE_QUORUM = "note quorum"
    """Note if a quorum voted, in a round that failed because of a miss."""
    COUNT_VOTES = "count votes"
    REQUEST_LEAVES = "request leaves"
    """Ask the provider to show all leaves that verifiers reported as missing."""
    CONVICT = "convict"
    """Slash the provider and the verifiers that missed the proven error; refund the requester."""
    REFUSE_UNVERIFIED = "refuse unverified"
    REFUSE_WITHHELD = "refuse withheld"
    FINE_PROVIDER = "fine provider"
    PAY = "pay"
    SETTLE_PLANTED_ERROR = "settle planted error"
    CLOSE = "close"
    """Release deposits, seats and timers."""


@dataclass(frozen=True, slots=True)
class State:
    """The part of a receipt that the life cycle depends on; see `Receipt` for the fields."""

    phase: Phase
    since: int
    until: int
    replacements: int = 0
    disclosed: bool = False
    proven: bool = False
    requested_until: int = 0
    """Last deadline of the requested leaves that are not shown; 0 without any."""


class NoTransition(ValueError):
    """The trigger does not happen in this phase."""


Step = tuple[State, list[Effect]]


def submitted(trigger: Trigger, now: int, rules: Rules) -> Step:
    """Return the first state of a receipt, and its effects."""
    if trigger is Trigger.SUBMITTED_CONFIDENTIALLY:
        until = now + CONFIDENTIAL_FACTOR * rules.challenge_slots
        return State(Phase.Pending, now, until), [Effect.STORE_PHASE, Effect.JOB_PENDING]
    if trigger is Trigger.SUBMITTED:
        return State(Phase.Waiting, now, now + rules.selection_slots), [Effect.STORE_PHASE]
    raise NoTransition(f"{trigger.value}: there is no receipt")


def advance(state: State, trigger: Trigger, now: int, rules: Rules) -> Step:
    """Return the state after `trigger`, and the effects. Raises NoTransition."""
    if state.phase is not Phase.Ended:
        if trigger is Trigger.FRAUD_PROVEN:
            return _proven(state, now, rules)
        if trigger is Trigger.LEAF_NOT_SHOWN:
            effects = [Effect.REFUSE_WITHHELD, Effect.CLOSE, Effect.FINE_PROVIDER]
            return _ended(state, now, rules), effects
    match state.phase:
        case Phase.Waiting:
            return _waiting(state, trigger, now, rules)
        case Phase.Checking if trigger is Trigger.ROUND_ENDED:
            return _round_ended(state, now, rules)
        case Phase.Disclosing if trigger is Trigger.PLANTED_ERROR_REVEALED:
            state = replace(state, disclosed=True, proven=False)
            return _begun(state, Phase.Waiting, now, rules.selection_slots), [Effect.STORE_PHASE]
        case Phase.Disclosing if trigger is Trigger.NOTHING_REVEALED:
            return _count(replace(state, disclosed=True), now, rules)
        case Phase.Disputed if trigger is Trigger.DISPUTE_ENDED:
            return _count(state, now, rules, Effect.SLASH_UNPROVEN)
        case Phase.Withheld if trigger is Trigger.LEAVES_SHOWN:
            return _count(state, now, rules, Effect.UNSEAT_MISSING)
        case Phase.Pending if trigger is Trigger.QUORUM_LOST:
            return _count(state, now, rules)
        case Phase.Pending if trigger in (Trigger.RESULT_DUE, Trigger.PAID, Trigger.NOT_PAID):
            return _pending(state, trigger, now, rules)
        case Phase.Ended:
            raise NoTransition(f"{trigger.value}, in phase Ended")
        case _:
            return _counted(state, trigger, now, rules)


def may_have_planted_error(state: State, rules: Rules) -> bool:
    """Return True if the provider may still reveal that the receipt has a planted error."""
    early = state.phase in (Phase.Waiting, Phase.Checking, Phase.Disclosing)
    return bool(rules.planted_error_ppm) and early and not state.disclosed


def _proven(state: State, now: int, rules: Rules) -> Step:
    if may_have_planted_error(state, rules):
        return replace(state, proven=True), [Effect.STORE_PROOF]
    return _ended(state, now, rules), [Effect.CONVICT, Effect.CLOSE]


def _waiting(state: State, trigger: Trigger, now: int, rules: Rules) -> Step:
    match trigger:
        case Trigger.NO_BEACON:
            # The blocks after a stale request lack a beacon: later ones may have one.
            since = now if now - state.since >= STALE_SLOTS else state.since
            return replace(state, since=since, until=now + 1), [Effect.STORE_PHASE]
        case Trigger.COMMITTEE_SELECTED:
            state = _begun(state, Phase.Checking, now, rules.voting_slots + rules.reveal_slots)
            effects = [Effect.STORE_PHASE, Effect.JOB_CHECKING, Effect.ANNOUNCE_COMMITTEE]
            return state, effects
        case Trigger.TOO_FEW_VERIFIERS:
            return _replaced(state, now, RETRY_SLOTS, rules)
    raise NoTransition(f"{trigger.value}, in phase Waiting")


def _round_ended(state: State, now: int, rules: Rules) -> Step:
    if may_have_planted_error(state, rules):
        state = _begun(state, Phase.Disclosing, now, rules.reveal_slots)
        return state, [Effect.UNSEAT_SILENT, Effect.STORE_PHASE]
    return _count(state, now, rules, Effect.UNSEAT_SILENT)


def _pending(state: State, trigger: Trigger, now: int, rules: Rules) -> Step:
    if trigger is Trigger.PAID:
        return _ended(state, now, rules), [Effect.SETTLE_PLANTED_ERROR, Effect.CLOSE]
    if trigger is Trigger.NOT_PAID:
        return _begun(state, Phase.Pending, now, RETRY_SLOTS), [Effect.STORE_PHASE]
    if state.requested_until:
        slots = max(state.requested_until - now, 1)
        return _begun(state, Phase.Pending, now, slots), [Effect.STORE_PHASE]
    return state, [Effect.PAY]


def _count(state: State, now: int, rules: Rules, *before: Effect) -> Step:
    """Count the votes after these effects; a proof of fraud makes them irrelevant."""
    if state.proven:
        return _ended(state, now, rules), [*before, Effect.CONVICT, Effect.CLOSE]
    return state, [*before, Effect.COUNT_VOTES]


def _counted(state: State, trigger: Trigger, now: int, rules: Rules) -> Step:
    """Return the step after votes were counted, in any phase."""
    match trigger:
        case Trigger.VOTES_VALID:
            state = _begun(state, Phase.Pending, now, rules.challenge_slots)
            return state, [Effect.STORE_PHASE, Effect.JOB_PENDING]
        case Trigger.VOTES_ERROR:
            return _begun(state, Phase.Disputed, now, rules.voting_slots), [Effect.STORE_PHASE]
        case Trigger.VOTES_MISSED if state.replacements < MAX_REPLACEMENTS:
            state, effects = _replaced(state, now, rules.selection_slots, rules)
            return state, [Effect.NOTE_QUORUM, *effects]
        case Trigger.VOTES_MISSED | Trigger.VOTES_WITHHELD:
            state = _begun(state, Phase.Withheld, now, rules.transcript_slots)
            return state, [Effect.REQUEST_LEAVES, Effect.STORE_PHASE]
        case Trigger.VOTES_UNDECIDED:
            return _replaced(state, now, rules.selection_slots, rules)
    raise NoTransition(f"{trigger.value}, in phase {state.phase.name}")


def _replaced(state: State, now: int, slots: int, rules: Rules) -> Step:
    """Replace all seats without a valid vote, or conclude if no replacement is left."""
    if state.replacements < MAX_REPLACEMENTS:
        state = replace(state, replacements=state.replacements + 1)
        state = _begun(state, Phase.Waiting, now, slots)
        return state, [Effect.UNSEAT_INVALID, Effect.STORE_PHASE, Effect.JOB_CHECKING]
    if state.proven:
        # No round followed the proof in which a planted error could have been revealed.
        return _begun(state, Phase.Disclosing, now, rules.reveal_slots), [Effect.STORE_PHASE]
    return _ended(state, now, rules), [Effect.REFUSE_UNVERIFIED, Effect.CLOSE]


def _begun(state: State, phase: Phase, now: int, slots: int) -> State:
    return replace(state, phase=phase, since=now, until=now + slots)


def _ended(state: State, now: int, rules: Rules) -> State:
    return _begun(state, Phase.Ended, now, KEEP_EPOCHS * rules.epoch_slots)
