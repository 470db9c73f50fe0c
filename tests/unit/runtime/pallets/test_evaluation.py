"""Runs of models on labelled sets: what each call takes, refuses and costs, and each attack."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.scale import i32, u8, u16, u32
from runtime.constants import BTT
from runtime.frame import ROOT, BadOrigin, TokenError
from runtime.pallets.evaluation import errors, events
from runtime.pallets.evaluation.types import (
    PART_ITEMS,
    REPORT_BOND,
    SET_BOND,
    Binary,
    Classes,
    Question,
    Record,
)
from runtime.pallets.facilities.types import Kind
from runtime.pallets.jobs.types import Check, JobState, Tier
from support.evaluation import (
    AGAIN,
    CURATOR,
    DISPUTE,
    FINDER,
    FOUR,
    LEAVE,
    MODEL,
    OWNER,
    PROVIDER,
    REPORT,
    REPORTER,
    RICH,
    SCORE,
    EvaluationRuntime,
    Outputs,
    changed,
    inputs,
    outputs_of,
)
from support.runtime import refused

ITEMS = 40
ZERO = H256(bytes(32))


@pytest.fixture
def runtime() -> EvaluationRuntime:
    made = EvaluationRuntime()
    made.open()
    return made


class Measured:
    """A set with labels that are mostly the answers, and a run on it that is requested."""

    def __init__(
        self, runtime: EvaluationRuntime, items: int = ITEMS, question: Question = FOUR
    ) -> None:
        self.runtime, self.outputs = runtime, outputs_of(items, question=question)
        answers = self.outputs.answers
        width = 2 if isinstance(question, Binary) else 4
        self.labels = bytes(
            (answer if item % 3 else item) % width for item, answer in enumerate(answers)
        )
        self.set = runtime.add_labels(self.labels, question)
        self.run = runtime.request(self.set)

    def args(self, answers: bytes | None = None) -> dict[str, object]:
        """Return the arguments of a report, right if no answers are given."""
        answers = self.outputs.answers if answers is None else answers
        return self.runtime.report_args(self.run, self.outputs, answers, self.labels)

    def report(self, answers: bytes | None = None, who: AccountId = REPORTER) -> None:
        self.runtime.do(who, "report", **self.args(answers))

    def finish(self) -> Record:
        self.runtime.clock.slot += DISPUTE
        self.runtime.do(FINDER, "finish", run=self.run)
        record = self.runtime.evaluation.records.get((MODEL, self.set))
        assert record is not None
        return record


# ---- a run


def test_a_run_ends_with_the_counts_of_the_answers_and_all_bonds_are_as_before(
    runtime: EvaluationRuntime,
) -> None:
    measured = Measured(runtime)
    measured.report()
    assert runtime.held(REPORTER) == REPORT_BOND
    runtime.audit_money()
    record = measured.finish()
    pairs = list(zip(measured.outputs.answers, measured.labels, strict=True))
    assert record.counts == [pairs.count((said, true)) for true in range(4) for said in range(4)]
    assert (record.items, record.skill, record.curator) == (ITEMS, True, CURATOR)
    assert runtime.held(REPORTER) == 0
    assert runtime.wealth(REPORTER) == RICH
    assert runtime.evaluation.sets[measured.set].runs == 0
    assert (MODEL, measured.set) not in runtime.evaluation.running
    runtime.audit_money()


def test_a_score_is_counted_in_bins_by_label(runtime: EvaluationRuntime) -> None:
    measured = Measured(runtime, question=SCORE)
    measured.report()
    record = measured.finish()
    score = [data[1] - 256 * (data[1] > 127) + 128 for data in measured.outputs.data]
    pairs = list(zip(score, measured.labels, strict=True))
    assert record.counts == [pairs.count((said, true)) for true in (0, 1) for said in range(256)]


def test_parts_are_reported_by_several_accounts_and_added(runtime: EvaluationRuntime) -> None:
    parts = [outputs_of(PART_ITEMS, 1), outputs_of(3, 2)]
    labels = [part.answers for part in parts]
    set = runtime.add_labels(b"".join(labels))
    run = runtime.request(set)
    args = runtime.report_args(run, parts[1], labels[1], labels[1], part=1)
    runtime.do(REPORTER, "report", **args)
    runtime.clock.slot += DISPUTE
    assert isinstance(runtime.tried(FINDER, "finish", run=run), errors.NotComplete)
    runtime.do(FINDER, "report", **runtime.report_args(run, parts[0], labels[0], labels[0]))
    runtime.audit_money()
    assert isinstance(runtime.tried(FINDER, "finish", run=run), errors.TooEarly)
    runtime.clock.slot += DISPUTE
    runtime.do(FINDER, "finish", run=run)
    counts = runtime.evaluation.records[MODEL, set].counts
    joined = b"".join(labels)
    assert [counts[5 * label] for label in range(4)] == [joined.count(n) for n in range(4)]
    assert sum(map(int, counts)) == PART_ITEMS + 3
    runtime.audit_money()


def test_a_constant_model_has_no_skill_and_is_not_measured_again(
    runtime: EvaluationRuntime,
) -> None:
    constant = Outputs([b"\x05\x01\x01\x01"] * ITEMS)
    set = runtime.add_labels(bytes(item % 4 for item in range(ITEMS)))
    run = runtime.request(set)
    labels = bytes(item % 4 for item in range(ITEMS))
    runtime.do(REPORTER, "report", **runtime.report_args(run, constant, bytes(ITEMS), labels))
    runtime.clock.slot += DISPUTE
    runtime.do(FINDER, "finish", run=run)
    assert runtime.evaluation.records[MODEL, set].skill is False
    runtime.clock.slot += AGAIN
    assert isinstance(runtime.tried(OWNER, "request", model=MODEL, set=set), errors.NoSkill)


def test_a_run_is_repeated_after_90_days_only(runtime: EvaluationRuntime) -> None:
    measured = Measured(runtime)
    error = runtime.tried(OWNER, "request", model=MODEL, set=measured.set)
    assert isinstance(error, errors.AlreadyRunning)
    measured.report()
    measured.finish()
    runtime.clock.slot += AGAIN - 1
    error = runtime.tried(OWNER, "request", model=MODEL, set=measured.set)
    assert isinstance(error, errors.MeasuredRecently)
    runtime.clock.slot += 1
    assert runtime.request(measured.set) == measured.run + 1


def test_a_run_without_all_reports_fails_when_its_time_is_over(runtime: EvaluationRuntime) -> None:
    measured = Measured(runtime)
    runtime.clock.slot += REPORT - 1
    assert isinstance(runtime.tried(FINDER, "finish", run=measured.run), errors.NotComplete)
    runtime.clock.slot += 1
    assert isinstance(runtime.tried(REPORTER, "report", **measured.args()), errors.RunOver)
    runtime.do(FINDER, "finish", run=measured.run)
    assert runtime.announced()[-1] == events.RunFailed(measured.run, MODEL, measured.set)
    assert (MODEL, measured.set) not in runtime.evaluation.records
    runtime.request(measured.set)


# ---- wrong reports


@pytest.mark.parametrize("item", [0, 1, ITEMS // 2, ITEMS - 1])
@pytest.mark.parametrize("question", [FOUR, SCORE])
def test_a_wrong_answer_at_any_place_costs_the_bond(
    runtime: EvaluationRuntime, item: int, question: Question
) -> None:
    measured = Measured(runtime, question=question)
    wrong = changed(measured.outputs.answers, item, width=4 if question is FOUR else 256)
    issued = int(runtime.balances.total_issuance.value)
    measured.report(wrong)
    runtime.clock.slot += DISPUTE - 1
    args = runtime.dispute_args(measured.run, measured.outputs, item, wrong, measured.labels)
    runtime.do(FINDER, "dispute", **args)
    assert runtime.wealth(REPORTER) == RICH - REPORT_BOND
    assert runtime.wealth(FINDER) == RICH + REPORT_BOND // 2
    assert issued - int(runtime.balances.total_issuance.value) == REPORT_BOND // 2
    assert sum(map(int, runtime.evaluation.runs[measured.run].counts)) == 0
    runtime.audit_money()
    measured.report()
    assert measured.finish().items == ITEMS


def test_a_right_answer_cannot_be_disputed(runtime: EvaluationRuntime) -> None:
    measured = Measured(runtime)
    right = measured.outputs.answers
    measured.report()
    for item in range(ITEMS):
        args = runtime.dispute_args(measured.run, measured.outputs, item, right, measured.labels)
        with refused(runtime, errors.AnswerRight):
            runtime.do(FINDER, "dispute", **args)


def test_a_reporter_that_disputes_itself_loses_all(runtime: EvaluationRuntime) -> None:
    measured = Measured(runtime)
    wrong = changed(measured.outputs.answers, 3)
    measured.report(wrong)
    args = runtime.dispute_args(measured.run, measured.outputs, 3, wrong, measured.labels)
    runtime.do(REPORTER, "dispute", **args)
    assert runtime.wealth(REPORTER) == RICH - REPORT_BOND
    runtime.audit_money()


def test_a_report_counts_after_the_time_for_disputes(runtime: EvaluationRuntime) -> None:
    measured = Measured(runtime)
    wrong = changed(measured.outputs.answers, 3)
    measured.report(wrong)
    runtime.clock.slot += DISPUTE
    args = runtime.dispute_args(measured.run, measured.outputs, 3, wrong, measured.labels)
    assert isinstance(runtime.tried(FINDER, "dispute", **args), errors.DisputeOver)


def test_a_stall_of_the_chain_does_not_end_the_time_for_disputes(
    runtime: EvaluationRuntime,
) -> None:
    measured = Measured(runtime)
    wrong = changed(measured.outputs.answers, 3)
    measured.report(wrong)
    runtime.clock.slot += 10_000
    runtime.states.stalled += 9_999
    assert isinstance(runtime.tried(FINDER, "finish", run=measured.run), errors.TooEarly)
    args = runtime.dispute_args(measured.run, measured.outputs, 3, wrong, measured.labels)
    runtime.do(FINDER, "dispute", **args)


def test_a_late_dispute_leaves_time_for_another_report(runtime: EvaluationRuntime) -> None:
    measured = Measured(runtime)
    wrong = changed(measured.outputs.answers, 3)
    runtime.clock.slot += REPORT - 1
    measured.report(wrong)
    runtime.clock.slot += DISPUTE - 1
    args = runtime.dispute_args(measured.run, measured.outputs, 3, wrong, measured.labels)
    runtime.do(FINDER, "dispute", **args)
    runtime.clock.slot += DISPUTE - 1
    measured.report()
    assert measured.finish().items == ITEMS


def test_wrong_answers_cannot_hide_behind_other_bytes(runtime: EvaluationRuntime) -> None:
    measured = Measured(runtime)
    right = measured.outputs.answers
    wrong = changed(right, 3)
    measured.report(wrong)
    args = runtime.dispute_args(measured.run, measured.outputs, 3, wrong, measured.labels)
    moved = wrong + measured.labels
    refusals: list[tuple[dict[str, object], type[Exception]]] = [
        ({"answers": right}, errors.OtherAnswers),
        ({"labels": changed(measured.labels, 0)}, errors.OtherAnswers),
        ({"answers": moved[: ITEMS + 1], "labels": moved[ITEMS + 1 :]}, errors.OtherAnswers),
        ({"output": measured.outputs.data[4]}, errors.OutputRefused),
        ({"output": measured.outputs.data[3] + b"\0"}, errors.OutputRefused),
        ({"output": b""}, errors.OutputRefused),
        ({"opening": measured.outputs.shown(4)}, errors.OutputRefused),
        ({"opening": outputs_of(ITEMS, 9).shown(3)}, errors.OutputRefused),
        ({"item": u32(4)}, errors.OutputRefused),
        ({"item": u32(ITEMS)}, errors.OutputRefused),
        ({"part": u16(1)}, errors.UnknownPart),
        ({"run": u32(7)}, errors.UnknownRun),
    ]
    for other, error in refusals:
        assert isinstance(runtime.tried(FINDER, "dispute", **args | other), error), other
    runtime.do(FINDER, "dispute", **args)


# ---- reports that are refused


JOBS: list[tuple[str, dict[str, object], type[Exception]]] = [
    ("another model", {"model": ZERO}, errors.OtherJob),
    ("other inputs", {"input_root": inputs(1)}, errors.OtherJob),
    ("fewer items", {"items": u32(ITEMS - 1)}, errors.OtherJob),
    ("a job before the run", {"posted": u32(4)}, errors.OtherJob),
    ("no receipt", {"receipt": None}, errors.NotFinal),
    ("a receipt that is gone", {"receipt": ZERO}, errors.NotFinal),
    ("a receipt that can be disputed", {"state": JobState.Pending}, errors.NotFinal),
    ("a refunded job", {"state": JobState.Refunded}, errors.NotFinal),
    ("a slashed provider", {"state": JobState.Slashed}, errors.NotFinal),
    ("a confidential job", {"tier": Tier.Confidential}, errors.WeakCheck),
    ("too few operators", {"scores": False}, errors.WeakCheck),
    ("samples of few items", {"check": Check.Sampled}, errors.WeakCheck),
    ("the owner as provider", {"provider": OWNER}, errors.OwnProvider),
    ("the curator as provider", {"provider": CURATOR}, errors.OwnProvider),
]


@pytest.mark.parametrize(("other", "error"), [row[1:] for row in JOBS], ids=[r[0] for r in JOBS])
def test_only_a_final_receipt_of_the_model_and_the_inputs_counts(
    runtime: EvaluationRuntime, other: dict[str, object], error: type[Exception]
) -> None:
    runtime.clock.slot = 5
    measured = Measured(runtime)
    args = measured.args()
    args["job"] = runtime.finished_job(measured.outputs, other=other)
    assert isinstance(runtime.tried(REPORTER, "report", **args), error)
    assert runtime.held(REPORTER) == 0
    args["job"] = runtime.finished_job(measured.outputs)
    runtime.do(REPORTER, "report", **args)


@pytest.mark.parametrize("owner", [OWNER, CURATOR])
def test_a_provider_of_the_operator_of_an_owner_does_not_count(
    runtime: EvaluationRuntime, owner: AccountId
) -> None:
    measured = Measured(runtime)
    runtime.states.operators |= {PROVIDER: FINDER, owner: FINDER}
    assert isinstance(runtime.tried(REPORTER, "report", **measured.args()), errors.OwnProvider)


def test_samples_of_256_items_are_enough(runtime: EvaluationRuntime) -> None:
    measured = Measured(runtime, items=256)
    args = measured.args()
    args["job"] = runtime.finished_job(measured.outputs, other={"check": Check.Sampled})
    runtime.do(REPORTER, "report", **args)


def test_answers_and_labels_are_those_of_the_part(runtime: EvaluationRuntime) -> None:
    measured = Measured(runtime)
    right = measured.outputs.answers
    refusals: list[tuple[dict[str, object], type[Exception]]] = [
        ({"answers": right[:-1]}, errors.InvalidAnswers),
        ({"answers": right + b"\0"}, errors.InvalidAnswers),
        ({"answers": right[:-1] + b"\4"}, errors.InvalidAnswers),
        ({"labels": changed(measured.labels, 0)}, errors.OtherLabels),
        ({"labels": measured.labels[:-1]}, errors.OtherLabels),
        ({"job": ZERO}, errors.OtherJob),
        ({"part": u16(1)}, errors.UnknownPart),
        ({"run": u32(7)}, errors.UnknownRun),
    ]
    args = measured.args()
    for other, error in refusals:
        assert isinstance(runtime.tried(REPORTER, "report", **args | other), error), other
    runtime.do(REPORTER, "report", **args)
    assert isinstance(runtime.tried(REPORTER, "report", **args), errors.AlreadyReported)
    runtime.audit_money()


def test_labels_that_are_none_of_the_question_are_refused(runtime: EvaluationRuntime) -> None:
    outputs = outputs_of(4)
    run = runtime.request(runtime.add_labels(b"\0\1\2\4"))
    args = runtime.report_args(run, outputs, outputs.answers, b"\0\1\2\4")
    assert isinstance(runtime.tried(REPORTER, "report", **args), errors.OtherLabels)


def test_a_report_needs_its_bond(runtime: EvaluationRuntime) -> None:
    measured = Measured(runtime)
    poor = AccountId(b"\7" * 32)
    with pytest.raises(TokenError):
        runtime.do(poor, "report", **measured.args())
    assert not dict(runtime.evaluation.reports.items())


# ---- requests


def test_only_the_owner_of_a_usable_model_requests(runtime: EvaluationRuntime) -> None:
    set = runtime.add_labels(bytes(4))
    assert isinstance(runtime.tried(CURATOR, "request", model=MODEL, set=set), errors.NotModelOwner)
    assert isinstance(runtime.tried(OWNER, "request", model=ZERO, set=set), errors.UnknownModel)
    assert isinstance(runtime.tried(OWNER, "request", model=MODEL, set=ZERO), errors.UnknownSet)
    runtime.states.models[MODEL].retired = True
    assert isinstance(runtime.tried(OWNER, "request", model=MODEL, set=set), errors.UnknownModel)


@pytest.mark.parametrize("question", [Classes(u8(3)), Binary(u16(4), i32(0), i32(9))])
def test_a_model_must_answer_the_question_of_the_set(
    runtime: EvaluationRuntime, question: Question
) -> None:
    set = runtime.add_labels(bytes(4), question)
    assert isinstance(runtime.tried(OWNER, "request", model=MODEL, set=set), errors.UnfitModel)


def test_a_model_with_two_outputs_or_without_a_graph_is_unfit(runtime: EvaluationRuntime) -> None:
    set = runtime.add_labels(bytes(4))
    graph = runtime.states.graphs.pop(MODEL)
    assert isinstance(runtime.tried(OWNER, "request", model=MODEL, set=set), errors.UnfitModel)
    runtime.states.graphs[MODEL] = type(graph)(graph.inputs, graph.nodes, [*graph.outputs] * 2)
    assert isinstance(runtime.tried(OWNER, "request", model=MODEL, set=set), errors.UnfitModel)


def test_reports_are_disputed_after_the_model_is_removed(runtime: EvaluationRuntime) -> None:
    measured = Measured(runtime)
    wrong = changed(measured.outputs.answers, 3)
    measured.report(wrong)
    runtime.states.graphs.clear()
    runtime.states.models.clear()
    args = runtime.dispute_args(measured.run, measured.outputs, 3, wrong, measured.labels)
    runtime.do(FINDER, "dispute", **args)
    runtime.audit_money()


# ---- sets


@pytest.mark.parametrize("kind", Kind)
def test_hospitals_laboratories_and_auditors_add_sets(
    runtime: EvaluationRuntime, kind: Kind
) -> None:
    runtime.states.facilities[CURATOR] = kind
    error = runtime.tried(CURATOR, "add_set", **runtime.set_args(bytes(4)))
    if kind in (Kind.Hospital, Kind.Laboratory, Kind.Auditor):
        assert error is None
        assert runtime.held(CURATOR) == SET_BOND
    else:
        assert isinstance(error, errors.NotCurator)


def test_sets_that_do_not_add_up_are_refused(runtime: EvaluationRuntime) -> None:
    args = runtime.set_args(bytes(4))
    refusals: list[tuple[dict[str, object], type[Exception]]] = [
        ({"question": Classes(u8(17))}, errors.InvalidQuestion),
        ({"question": Binary(u16(0), i32(1), i32(1))}, errors.InvalidQuestion),
        ({"items": u32(PART_ITEMS + 1)}, errors.InvalidParts),
        ({"items": u32(0), "parts": []}, errors.InvalidParts),
        ({"endpoints": b"here"}, errors.InvalidEndpoints),
    ]
    for other, error in refusals:
        assert isinstance(runtime.tried(CURATOR, "add_set", **args | other), error), other
    runtime.do(CURATOR, "add_set", **args)
    assert isinstance(runtime.tried(CURATOR, "add_set", **args), errors.AlreadyAdded)
    assert runtime.held(CURATOR) == SET_BOND


def test_a_retired_set_is_removed_after_its_last_run(runtime: EvaluationRuntime) -> None:
    measured = Measured(runtime)
    assert isinstance(runtime.tried(OWNER, "retire_set", set=measured.set), errors.NotSetOwner)
    assert isinstance(runtime.tried(CURATOR, "remove_set", set=measured.set), errors.NotRetired)
    runtime.do(CURATOR, "retire_set", set=measured.set)
    error = runtime.tried(CURATOR, "retire_set", set=measured.set)
    assert isinstance(error, errors.AlreadyRetired)
    measured.report()
    runtime.clock.slot += LEAVE - 1
    assert isinstance(runtime.tried(CURATOR, "remove_set", set=measured.set), errors.TooEarly)
    runtime.clock.slot += 1
    assert isinstance(runtime.tried(CURATOR, "remove_set", set=measured.set), errors.SetInUse)
    measured.finish()
    error = runtime.tried(OWNER, "request", model=MODEL, set=measured.set)
    assert isinstance(error, errors.AlreadyRetired)
    runtime.do(CURATOR, "remove_set", set=measured.set)
    assert runtime.wealth(CURATOR) == RICH
    assert runtime.held(CURATOR) == 0
    assert isinstance(runtime.tried(CURATOR, "remove_set", set=measured.set), errors.UnknownSet)
    assert measured.set not in runtime.evaluation.set_parts
    runtime.audit_money()


@pytest.mark.parametrize("retired", [False, True])
def test_governance_burns_the_bond_of_a_set_with_wrong_labels(
    runtime: EvaluationRuntime, retired: bool
) -> None:
    measured = Measured(runtime)
    measured.report()
    if retired:
        runtime.do(CURATOR, "retire_set", set=measured.set)
    with pytest.raises(BadOrigin):
        runtime.do(CURATOR, "revoke_set", set=measured.set)
    runtime.do(ROOT, "revoke_set", set=measured.set)
    assert runtime.wealth(CURATOR) == RICH - 100 * BTT
    assert isinstance(runtime.tried(ROOT, "revoke_set", set=measured.set), errors.AlreadyRetired)
    runtime.clock.slot += max(DISPUTE, LEAVE)
    runtime.do(FINDER, "finish", run=measured.run)
    assert (MODEL, measured.set) not in runtime.evaluation.records
    assert runtime.wealth(REPORTER) == RICH
    assert isinstance(runtime.tried(CURATOR, "remove_set", set=measured.set), errors.NotRetired)
    args = runtime.set_args(measured.labels)
    assert isinstance(runtime.tried(CURATOR, "add_set", **args), errors.AlreadyAdded)
    runtime.audit_money()


def test_no_part_of_a_revoked_set_is_reported(runtime: EvaluationRuntime) -> None:
    measured = Measured(runtime)
    runtime.do(ROOT, "revoke_set", set=measured.set)
    error = runtime.tried(REPORTER, "report", **measured.args())
    assert isinstance(error, errors.AlreadyRetired)
    runtime.do(FINDER, "finish", run=measured.run)


def test_signed_calls_need_a_signature(runtime: EvaluationRuntime) -> None:
    measured = Measured(runtime)
    calls: dict[str, Callable[[], dict[str, object]]] = {
        "add_set": lambda: runtime.set_args(bytes(9)),
        "request": lambda: {"model": MODEL, "set": measured.set},
        "report": measured.args,
        "retire_set": lambda: {"set": measured.set},
        "remove_set": lambda: {"set": measured.set},
        "finish": lambda: {"run": measured.run},
    }
    for name, args in calls.items():
        with pytest.raises(BadOrigin):
            runtime.do(ROOT, name, **args())
