"""The life cycle of receipts, without a runtime: the code does what the table of `phases` lists."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest

from runtime.pallets.receipts import phases
from runtime.pallets.receipts.constants import (
    CONFIDENTIAL_FACTOR,
    KEEP_EPOCHS,
    RETRY_SLOTS,
    STALE_SLOTS,
    Rules,
)
from runtime.pallets.receipts.phases import Effect, NoTransition, State, Trigger
from runtime.pallets.receipts.types import MAX_REPLACEMENTS, Phase

Row = tuple[str, str, str, tuple[str, ...]]

NOW = 10_000


def rules_of(planted_error_ppm: int) -> Rules:
    """Return the configuration that a pallet would inject."""
    rules = Rules()
    vars(rules).update(
        committee=3,
        quorum=2,
        planted_error_ppm=planted_error_ppm,
        beacon_delay=8,
        beacon_authors=3,
        transcript_slots=10,
        commit_slots=20,
        reveal_slots=5,
        challenge_slots=300,
        unbonding_slots=600,
        minimum_bond=1,
        epoch_slots=100,
    )
    return rules


RULES = rules_of(planted_error_ppm=20_000)
WITHOUT_PLANTED_ERRORS = rules_of(planted_error_ppm=0)
BEGINNINGS = (Trigger.SUBMITTED, Trigger.SUBMITTED_CONFIDENTIALLY)


def listed() -> set[Row]:
    """Return the rows of the table in the docstring, one for each phase."""
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in (phases.__doc__ or "").splitlines()
        if line.startswith("| ")
    ]
    found = set()
    for before, trigger, after, effects in rows[1:]:
        starts, ends = before.split(", "), after.split(", ")
        if len(ends) > 1:
            assert starts == ends
        for place, start in enumerate(starts):
            end = ends[place] if len(ends) > 1 else after
            row = (start, trigger, end, tuple(effects.split(", ")))
            assert row not in found, row
            found.add(row)
    return found


VOTES = frozenset(one for one in Trigger if one.value.startswith("votes: "))
PAYMENT = frozenset((Trigger.PAID, Trigger.NOT_PAID))


def following(effects: list[Effect]) -> frozenset[Trigger]:
    """Return the triggers that can follow these effects: the results that they give, or others."""
    if Effect.COUNT_VOTES in effects:
        return VOTES
    if Effect.PAY in effects:
        return PAYMENT
    return frozenset(Trigger) - VOTES - PAYMENT


def happening(rules: Rules) -> set[Row]:
    """Return the transitions of all states that can be reached."""
    found, ahead = set[Row](), list[tuple[State, frozenset[Trigger]]]()
    seen = set[tuple[State, frozenset[Trigger]]]()
    for trigger in BEGINNINGS:
        state, effects = phases.submitted(trigger, NOW, rules)
        found.add(("none", trigger.value, state.phase.name, tuple(one.value for one in effects)))
        ahead.append((kind_of(state), following(effects)))
    while ahead:
        before, triggers = ahead.pop()
        if (before, triggers) in seen:
            continue
        seen.add((before, triggers))
        for trigger, requested in product(triggers, (0, NOW + 7)):
            start = replace(before, requested_until=requested)
            try:
                after, effects = phases.advance(start, trigger, NOW, rules)
            except NoTransition:
                continue
            names = tuple(one.value for one in effects)
            found.add((before.phase.name, trigger.value, after.phase.name, names))
            ahead.append((kind_of(after), following(effects)))
    return found


def kind_of(state: State) -> State:
    """Return the state without its times, which no transition but the stale request depends on."""
    return replace(state, since=NOW, until=NOW, requested_until=0)


def begun(phase: Phase, replacements: int = 0, *, proven: bool = False) -> State:
    """Return a state of a receipt whose phase began some slots ago."""
    return State(phase, NOW - 9, NOW, replacements, proven=proven)


def test_the_transitions_that_happen_are_those_of_the_table() -> None:
    assert happening(RULES) | happening(WITHOUT_PLANTED_ERRORS) == listed()


def test_without_planted_errors_no_receipt_waits_for_their_disclosure() -> None:
    assert not {
        row for row in happening(WITHOUT_PLANTED_ERRORS) if "Disclosing" in (row[0], row[2])
    }


def test_each_trigger_and_each_effect_is_in_the_table() -> None:
    rows = listed()
    assert {trigger for _, trigger, _, _ in rows} == {one.value for one in Trigger}
    assert {effect for *_, effects in rows for effect in effects} == {one.value for one in Effect}


def test_a_phase_that_has_ended_has_a_later_end_or_follows_a_trigger_that_is_due_now() -> None:
    """A receipt whose phase was stored has a timer in the future: it cannot be forgotten."""
    for phase, trigger in product(Phase, Trigger):
        try:
            after, effects = phases.advance(begun(phase), trigger, NOW, RULES)
        except NoTransition:
            continue
        if Effect.STORE_PHASE in effects or Effect.CLOSE in effects:
            assert after.until > NOW, (phase, trigger)


@pytest.mark.parametrize("trigger", Trigger)
def test_nothing_happens_to_a_receipt_that_has_ended(trigger: Trigger) -> None:
    with pytest.raises(NoTransition, match=f"{trigger.value}, in phase Ended"):
        phases.advance(begun(Phase.Ended), trigger, NOW, RULES)


def test_only_a_submission_begins_a_receipt() -> None:
    with pytest.raises(NoTransition, match="paid: there is no receipt"):
        phases.submitted(Trigger.PAID, NOW, RULES)


def test_a_confidential_receipt_can_be_disputed_longer_and_has_no_committee() -> None:
    state, effects = phases.submitted(Trigger.SUBMITTED_CONFIDENTIALLY, NOW, RULES)
    assert state == State(Phase.Pending, NOW, NOW + CONFIDENTIAL_FACTOR * RULES.challenge_slots)
    assert effects == [Effect.STORE_PHASE, Effect.JOB_PENDING]


def test_a_request_for_a_committee_is_renewed_when_it_is_stale() -> None:
    fresh = replace(begun(Phase.Waiting), since=NOW - STALE_SLOTS + 1)
    assert phases.advance(fresh, Trigger.NO_BEACON, NOW, RULES)[0] == replace(fresh, until=NOW + 1)
    stale = replace(fresh, since=NOW - STALE_SLOTS)
    after, _ = phases.advance(stale, Trigger.NO_BEACON, NOW, RULES)
    assert after == replace(stale, since=NOW, until=NOW + 1)


@pytest.mark.parametrize(
    ("trigger", "slots"),
    [(Trigger.TOO_FEW_VERIFIERS, RETRY_SLOTS), (Trigger.VOTES_UNDECIDED, RULES.beacon_delay + 1)],
)
def test_committees_are_replaced_as_often_as_the_limit_allows(trigger: Trigger, slots: int) -> None:
    phase = Phase.Waiting if trigger is Trigger.TOO_FEW_VERIFIERS else Phase.Checking
    for number in range(MAX_REPLACEMENTS):
        after, _ = phases.advance(begun(phase, replacements=number), trigger, NOW, RULES)
        assert after == State(Phase.Waiting, NOW, NOW + slots, number + 1)
    last = begun(phase, replacements=MAX_REPLACEMENTS)
    after, effects = phases.advance(last, trigger, NOW, RULES)
    assert after == State(Phase.Ended, NOW, NOW + KEEP_EPOCHS * 100, MAX_REPLACEMENTS)
    assert effects == [Effect.REFUSE_UNVERIFIED, Effect.CLOSE]


def test_a_miss_in_the_last_round_has_to_be_shown_on_chain() -> None:
    last = begun(Phase.Checking, replacements=MAX_REPLACEMENTS)
    after, effects = phases.advance(last, Trigger.VOTES_MISSED, NOW, RULES)
    assert (after.phase, after.until) == (Phase.Withheld, NOW + RULES.transcript_slots)
    assert effects == [Effect.REQUEST_LEAVES, Effect.STORE_PHASE]


@pytest.mark.parametrize(("until", "due"), [(NOW + 30, NOW + 30), (NOW - 3, NOW + 1)])
def test_a_result_waits_for_the_leaves_that_are_requested(until: int, due: int) -> None:
    state = replace(begun(Phase.Pending), requested_until=until)
    after, effects = phases.advance(state, Trigger.RESULT_DUE, NOW, RULES)
    assert (after.phase, after.since, after.until) == (Phase.Pending, NOW, due)
    assert effects == [Effect.STORE_PHASE]


def test_a_proof_is_kept_until_a_planted_error_is_ruled_out_then_it_convicts() -> None:
    state, effects = phases.advance(begun(Phase.Checking), Trigger.FRAUD_PROVEN, NOW, RULES)
    assert (state.phase, state.proven, effects) == (Phase.Checking, True, [Effect.STORE_PROOF])
    state, _ = phases.advance(state, Trigger.ROUND_ENDED, NOW, RULES)
    assert (state.phase, state.until) == (Phase.Disclosing, NOW + RULES.reveal_slots)
    state, effects = phases.advance(state, Trigger.NOTHING_REVEALED, NOW, RULES)
    assert (state.phase, effects) == (Phase.Ended, [Effect.CONVICT, Effect.CLOSE])


def test_a_stored_proof_convicts_also_after_planted_errors_were_abolished() -> None:
    state = begun(Phase.Checking, proven=True)
    state, effects = phases.advance(state, Trigger.ROUND_ENDED, NOW, WITHOUT_PLANTED_ERRORS)
    assert state.phase is Phase.Ended
    assert effects == [Effect.UNSEAT_SILENT, Effect.CONVICT, Effect.CLOSE]


def test_a_planted_error_is_revealed_once_and_clears_the_proof() -> None:
    state = begun(Phase.Disclosing, proven=True)
    state, _ = phases.advance(state, Trigger.PLANTED_ERROR_REVEALED, NOW, RULES)
    assert state == State(Phase.Waiting, NOW, NOW + RULES.beacon_delay + 1, disclosed=True)
    assert not phases.may_have_planted_error(state, RULES)
    _, effects = phases.advance(state, Trigger.FRAUD_PROVEN, NOW, RULES)
    assert effects == [Effect.CONVICT, Effect.CLOSE]
