"""Random histories of sets, runs, reports and disputes: no planck is lost or made."""

from __future__ import annotations

from random import Random

import pytest

from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.scale import u16, u32
from runtime.frame import ROOT
from runtime.pallets.evaluation import events
from runtime.pallets.evaluation.types import PART_ITEMS, REPORT_BOND, SET_BOND
from support.evaluation import (
    AGAIN,
    CURATOR,
    DISPUTE,
    FINDER,
    LEAVE,
    MODEL,
    OWNER,
    REPORT,
    REPORTER,
    RICH,
    EvaluationRuntime,
    Outputs,
    changed,
    outputs_of,
)

PEOPLE = (OWNER, CURATOR, REPORTER, FINDER)
LAST = 5
"""Items of the second part."""
STEPS = 200
PARTS = (outputs_of(PART_ITEMS, 1), outputs_of(LAST, 2))
RIGHT = tuple(part.answers for part in PARTS)


class History:
    """A runtime, and what was reported of each part of each run."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.runtime = EvaluationRuntime()
        self.runtime.open()
        self.said: dict[tuple[int, int], bytes] = {}
        self.sets = [
            self.runtime.add_labels(b"".join((RIGHT[0], changed(RIGHT[1], item))))
            for item in range(2)
        ]

    def labels_of(self, set: H256, part: int) -> bytes:
        return RIGHT[0] if part == 0 else changed(RIGHT[1], self.sets.index(set))

    def step(self) -> None:
        """Make a random call, which may fail, or let time pass."""
        name = self.random.choice(
            ("request", "report", "report", "report", "dispute", "dispute", "finish", "finish",
             "time", "time", "retire_set", "remove_set", "revoke_set")
        )  # fmt: skip
        runs = dict(self.runtime.evaluation.runs.items())
        who, set = self.random.choice(PEOPLE), self.random.choice(self.sets)
        run = self.random.choice([*runs, u32(9)])
        match name:
            case "time":
                self.runtime.clock.slot += self.random.choice(
                    (1, 1, DISPUTE, DISPUTE, LEAVE, REPORT, AGAIN)
                )
            case "request":
                self.runtime.tried(OWNER, name, model=MODEL, set=set)
            case "finish":
                self.runtime.tried(who, name, run=run)
            case "report" if run in runs:
                self.report(int(run), runs[run].set, who)
            case "dispute" if run in runs:
                self.dispute(int(run), runs[run].set, who)
            case "revoke_set" if self.random.random() < 0.03:
                self.runtime.tried(ROOT, name, set=set)
            case "retire_set" | "remove_set" if self.random.random() < 0.1:
                self.runtime.tried(CURATOR, name, set=set)

    def report(self, run: int, set: H256, who: AccountId) -> None:
        part = self.random.randrange(2)
        outputs: Outputs = PARTS[part]
        answers = RIGHT[part]
        if self.random.random() < 0.5:
            answers = changed(answers, self.random.randrange(LAST))
        args = self.runtime.report_args(run, outputs, answers, self.labels_of(set, part), part)
        if self.runtime.tried(who, "report", **args) is None:
            self.said[run, part] = answers

    def dispute(self, run: int, set: H256, who: AccountId) -> None:
        part = self.random.randrange(2)
        answers = self.said.get((run, part), b"")
        wrong = [item for item, said in enumerate(answers) if said != RIGHT[part][item]]
        item = self.random.choice([self.random.randrange(LAST), *wrong])
        args = self.runtime.dispute_args(
            run, PARTS[part], item, answers, self.labels_of(set, part), part
        )
        is_open = (u32(run), u16(part)) in self.runtime.evaluation.reports
        if self.runtime.tried(who, "dispute", **args) is None:
            assert item in wrong
            assert is_open


@pytest.mark.parametrize("seed", range(6))
def test_what_is_missing_in_a_history_was_burned(seed: int) -> None:
    history = History(seed)
    runtime = history.runtime
    for _ in range(STEPS):
        history.step()
        runtime.audit_money()
    happened = runtime.announced()
    refuted = [event for event in happened if isinstance(event, events.ReportRefuted)]
    revoked = sum(isinstance(event, events.SetRevoked) for event in happened)
    burned = revoked * int(SET_BOND) + sum(
        int(REPORT_BOND) // (1 if event.by == event.reporter else 2) for event in refuted
    )
    assert sum(map(runtime.wealth, PEOPLE)) == len(PEOPLE) * RICH - burned
    runs = dict(runtime.evaluation.runs.items())
    for number, run in runs.items():
        parts = dict(runtime.evaluation.reports.under(number))
        assert sum(map(int, run.counts)) == sum(run.items_of(int(part)) for part in parts)


def test_the_histories_have_records_disputes_and_failures() -> None:
    kinds = set[type[object]]()
    for seed in range(6):
        history = History(seed)
        for _ in range(STEPS):
            history.step()
        kinds |= {type(event) for event in history.runtime.announced()}
    assert kinds >= {
        events.Measured, events.ReportRefuted, events.RunFailed, events.SetRetired,
        events.SetRevoked,
    }  # fmt: skip
