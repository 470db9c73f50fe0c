"""The life cycle of a dispute: the table of transitions, its clocks, and that it always ends."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.pallets.payfi import dispute_phases
from runtime.pallets.payfi.dispute_phases import (
    ROUNDS,
    Clocks,
    DisputePhase,
    Effect,
    NoTransition,
    State,
    Trigger,
    advance,
    opened,
)

CLOCKS = Clocks(answer=72, judgement=168, beacon=3)
ENDS = (Effect.PAYER_GETS_ALL, Effect.PAYER_GETS_NOTHING, Effect.PAYER_GETS_DECISION)
DEPOSIT = (Effect.RETURN_DEPOSIT, Effect.FORFEIT_DEPOSIT)


def reached() -> dict[State, None]:
    """Return all states that can be reached, with times as they fall due."""
    found = {opened(0, CLOCKS): None}
    waiting = list(found)
    while waiting:
        state = waiting.pop()
        for trigger in Trigger:
            for now in {state.until, state.judged_by or state.until}:
                try:
                    after, _ = advance(state, trigger, now, CLOCKS)
                except NoTransition:
                    continue
                if after not in found and after.until < 400:
                    found[after] = None
                    waiting.append(after)
    return found


def described() -> set[tuple[str, str, str, str]]:
    rows = re.findall(
        r"^\| (.+) \| (.+) \| (.+) \| (.+) \|$", dispute_phases.__doc__ or "", re.MULTILINE
    )
    found = set()
    for phases, trigger, after, effects in rows[1:]:
        for phase in phases.split(", before a panel")[0].split(", "):
            found.add((phase, trigger.split(", ")[0], after, effects))
    return found


def test_the_table_lists_exactly_the_transitions() -> None:
    table = {row for row in described() if row[0] != "none"}
    found = set()
    for state in reached():
        for trigger in Trigger:
            for now in {state.until, state.judged_by or state.until}:
                try:
                    after, effects = advance(state, trigger, now, CLOCKS)
                except NoTransition:
                    continue
                names = ", ".join(effect.value for effect in effects)
                found.add((state.phase.name, trigger.value, after.phase.name, names))
    assert found == table


def test_the_merchant_has_72_hours_and_the_panels_seven_days() -> None:
    state = opened(10, CLOCKS)
    assert (state.phase, state.until) == (DisputePhase.Answering, 82)
    state, _ = advance(state, Trigger.CONTESTED, 50, CLOCKS)
    assert (state.phase, state.until, state.judged_by) == (DisputePhase.Selecting, 53, 218)
    state, _ = advance(state, Trigger.PANEL_SELECTED, 54, CLOCKS)
    assert (state.phase, state.until) == (DisputePhase.Judging, 54 + 82)
    state, effects = advance(state, Trigger.ABSENT, 136, CLOCKS)
    assert effects == [Effect.FINE_ABSENT, Effect.STORE]
    state, _ = advance(state, Trigger.PANEL_SELECTED, 139, CLOCKS)
    assert (state.phase, state.until) == (DisputePhase.Judging, 218)
    state, effects = advance(state, Trigger.ABSENT, 218, CLOCKS)
    assert state.phase is DisputePhase.Ended
    assert effects == [Effect.FINE_ABSENT, Effect.PAYER_GETS_DECISION]


def test_silence_of_the_merchant_gives_the_payer_all() -> None:
    _, effects = advance(opened(0, CLOCKS), Trigger.NO_ANSWER, 72, CLOCKS)
    assert effects == [Effect.PAYER_GETS_ALL, Effect.RETURN_DEPOSIT, Effect.COUNT_LOSS]


def test_without_a_beacon_the_merchant_wins_in_the_end() -> None:
    state, _ = advance(opened(0, CLOCKS), Trigger.CONTESTED, 0, CLOCKS)
    for now in range(3, 168):
        state, effects = advance(state, Trigger.NO_BEACON, now, CLOCKS)
        assert (state.until, effects) == (now + 1, [Effect.STORE])
    state, effects = advance(state, Trigger.NO_BEACON, 168, CLOCKS)
    assert state.phase is DisputePhase.Ended
    assert effects == [Effect.PAYER_GETS_NOTHING, Effect.RETURN_DEPOSIT]


@pytest.mark.parametrize("panels", [0, 1])
def test_withdrawing_after_arbiters_could_answer_costs_the_deposit(panels: int) -> None:
    state, _ = advance(opened(0, CLOCKS), Trigger.CONTESTED, 0, CLOCKS)
    _, effects = advance(state, Trigger.WITHDRAWN, 1, CLOCKS)
    assert effects[-1] is Effect.RETURN_DEPOSIT
    state, _ = advance(state, Trigger.PANEL_SELECTED, 3, CLOCKS)
    for _ in range(panels):
        state, _ = advance(state, Trigger.ABSENT, state.until, CLOCKS)
    _, effects = advance(state, Trigger.WITHDRAWN, state.until - 1, CLOCKS)
    assert effects == [Effect.PAYER_GETS_NOTHING, Effect.FORFEIT_DEPOSIT]


@given(st.lists(st.sampled_from(Trigger), max_size=60), st.integers(0, 100))
def test_every_dispute_ends_once_and_in_time(triggers: list[Trigger], start: int) -> None:
    state, now, ends = opened(start, CLOCKS), start, 0
    for trigger in (*triggers, *[Trigger.NO_ANSWER, Trigger.NO_BEACON, Trigger.ABSENT] * 200):
        if state.phase is DisputePhase.Ended:
            break
        now = state.until
        try:
            state, effects = advance(state, trigger, now, CLOCKS)
        except NoTransition:
            continue
        ends += sum(effect in ENDS for effect in effects)
        decided = sum(effect in DEPOSIT for effect in effects)
        assert decided == (1 if effects[0] in ENDS and effects[0] is not ENDS[2] else 0)
        assert state.round <= ROUNDS
    assert (state.phase, ends) == (DisputePhase.Ended, 1)
    assert now <= start + CLOCKS.answer + CLOCKS.judgement + 1


def test_nothing_happens_after_the_end() -> None:
    state, _ = advance(opened(0, CLOCKS), Trigger.ACCEPTED, 1, CLOCKS)
    for trigger in Trigger:
        with pytest.raises(NoTransition, match="in phase Ended"):
            advance(state, trigger, 2, CLOCKS)
