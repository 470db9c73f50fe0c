"""The life cycle of a job: the transitions are those of the table, and every job ends."""

from __future__ import annotations

import pytest

from runtime.pallets.jobs import errors, phases
from runtime.pallets.jobs.phases import TRANSITIONS, Action, Transition
from runtime.pallets.jobs.types import ENDED, MAX_ATTEMPTS, JobState, Outcome


def documented() -> dict[tuple[JobState, Action], Transition]:
    """Return the transitions of the table in the module's docstring."""
    rows: dict[tuple[JobState, Action], Transition] = {}
    for line in (phases.__doc__ or "").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not line.startswith("| ") or cells[0] == "state":
            continue
        state, action, after, outcome, deposit = cells
        key = (JobState[state], Action(action))
        assert key not in rows, f"{state} {action} has two rows"
        rows[key] = Transition(
            JobState[after],
            Outcome[outcome] if outcome else None,
            burns_deposit={"": False, "burned": True}[deposit],
        )
    return rows


def test_the_table_in_the_docstring_is_the_code() -> None:
    assert documented() == dict(TRANSITIONS)


@pytest.mark.parametrize("state", JobState)
@pytest.mark.parametrize("action", Action)
def test_an_action_that_is_not_in_the_table_is_refused(state: JobState, action: Action) -> None:
    if (state, action) in TRANSITIONS:
        assert phases.step(state, action) == TRANSITIONS[state, action]
    else:
        with pytest.raises(errors.WrongState):
            phases.step(state, action)


def test_each_state_can_be_reached_and_only_ended_ones_have_no_way_on() -> None:
    reached = {JobState.Posted}
    for _ in JobState:
        reached |= {step.state for (state, _), step in TRANSITIONS.items() if state in reached}
    assert reached == set(JobState)
    assert set(JobState) - {state for state, _ in TRANSITIONS} == set(ENDED)


def test_a_deposit_is_burned_only_where_a_job_ends() -> None:
    burning = [step for step in TRANSITIONS.values() if step.burns_deposit]
    assert burning
    assert all(step.state is JobState.Refunded for step in burning)


def test_a_job_has_a_bounded_number_of_attempts() -> None:
    assert [phases.may_wait_again(attempt) for attempt in range(MAX_ATTEMPTS + 1)] == [
        *[True] * (MAX_ATTEMPTS - 1), False, False]  # fmt: skip
