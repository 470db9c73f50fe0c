"""Evaluation of a real model by real jobs, receipts and votes, and the attacks of its owner."""

from __future__ import annotations

from hashlib import sha256

import numpy as np
import pytest

from btt_chain.primitives.digest import H256
from btt_chain.scale import u8, u16, u32
from btt_chain.work.commit import roots_tree
from btt_chain.work.merkle import Leaf, Opening
from runtime.frame import ensure_root
from runtime.pallets.evaluation import errors, formulas
from runtime.pallets.evaluation.pallet import Evaluation
from runtime.pallets.evaluation.types import REPORT_BOND, Classes, SetPart
from runtime.pallets.jobs.types import Check, JobState
from support.evaluation import AGAIN, DISPUTE, LEAVE, LICENCE, REPORT, States
from support.market import ALICE, BOB, ENDPOINT, Claim, Market, inputs_root, person

ITEMS = 12
FOUR = Classes(u8(4))
HOSPITAL = ALICE
HONEST = Claim(ITEMS)


def answers(claim: Claim) -> bytes:
    """Return the places of the largest outputs, by numpy."""
    outputs = np.array([np.frombuffer(tensors[-1], np.int8) for tensors in claim.tensors])
    return bytes(outputs.argmax(axis=1).tolist())


LABELS = bytes((*answers(HONEST)[:-2], 0, 1))


class Hospital(Market):
    """A market with a hospital that has a labelled set; BOB owns the model."""

    def build(self) -> None:
        super().build()
        self.states = States()
        self.states.facilities = {HOSPITAL: next(iter(self.states.facilities.values()))}
        self.evaluation = self.add(
            67,
            Evaluation(
                report_slots=u32(REPORT),
                dispute_slots=u32(DISPUTE),
                again_slots=u32(AGAIN),
                leave_slots=u32(LEAVE),
                currency=self.balances,
                payer=self.tokenomics,
                clock=self.clock,
                operators=self.states,
                registry=self.states,
                models=self.models,
                jobs=self.jobs.deliveries,
                receipts=self.receipts,
                technical=ensure_root,
            ),
        )

    def request(self) -> H256:
        """Add the set, and request a run; return the set's id."""
        parts = [SetPart(inputs_root(ITEMS), H256(sha256(LABELS).digest()))]
        self.do(
            HOSPITAL, "Evaluation.add_set", question=FOUR, items=u32(ITEMS), parts=parts,
            licence=LICENCE, endpoints=ENDPOINT,
        )  # fmt: skip
        set = formulas.set_id(HOSPITAL, FOUR, u32(ITEMS), parts)
        self.do(BOB, "Evaluation.request", model=self.model, set=set)
        return set

    def report(self, job: H256, said: bytes) -> Exception | None:
        return self.tried(
            BOB, "Evaluation.report", run=u32(0), part=u16(0), job=job, answers=said, labels=LABELS
        )


@pytest.fixture
def hospital() -> Hospital:
    return Hospital()


def full(hospital: Hospital) -> H256:
    """Post a job of the set that is checked in full."""
    return hospital.post(BOB, ITEMS, check=Check.Full)


def test_a_real_job_is_measured(hospital: Hospital) -> None:
    set = hospital.request()
    job = full(hospital)
    hospital.finish(job, HONEST)
    assert hospital.report(job, answers(HONEST)) is None
    hospital.run(DISPUTE)
    hospital.do(person("passer-by"), "Evaluation.finish", run=u32(0))
    record = hospital.evaluation.records[hospital.model, set]
    pairs = list(zip(answers(HONEST), LABELS, strict=True))
    assert record.counts == [pairs.count((said, true)) for true in range(4) for said in range(4)]


def test_a_receipt_does_not_count_before_it_is_final(hospital: Hospital) -> None:
    hospital.request()
    job = full(hospital)
    receipt = hospital.checking(job, HONEST)
    hospital.vote(receipt, HONEST)
    hospital.until(job, JobState.Pending)
    assert isinstance(hospital.report(job, answers(HONEST)), errors.NotFinal)
    hospital.until(job, JobState.Finalized)
    assert hospital.report(job, answers(HONEST)) is None


def test_a_wrong_report_is_refuted_by_the_output_of_the_receipt(hospital: Hospital) -> None:
    hospital.request()
    job = full(hospital)
    hospital.finish(job, HONEST)
    wrong = bytes([(answers(HONEST)[0] + 1) % 4]) + answers(HONEST)[1:]
    (before,) = hospital.wealth(ALICE)
    assert hospital.report(job, wrong) is None
    root = HONEST.output_roots[0]
    opening = Opening(
        [Leaf(u32(0), None, bytes(root))], roots_tree(HONEST.output_roots).siblings([0])
    )
    hospital.do(
        ALICE, "Evaluation.dispute", run=u32(0), part=u16(0), item=u32(0), answers=wrong,
        labels=LABELS, output=HONEST.tensors[0][-1], opening=opening,
    )  # fmt: skip
    assert hospital.wealth(ALICE) == [before + REPORT_BOND // 2]


def test_a_job_before_the_request_does_not_count(hospital: Hospital) -> None:
    job = full(hospital)
    hospital.finish(job, HONEST)
    hospital.request()
    assert isinstance(hospital.report(job, answers(HONEST)), errors.OtherJob)


def test_the_owner_s_second_account_is_refused_as_provider(hospital: Hospital) -> None:
    hospital.request()
    job = full(hospital)
    hospital.finish(job, HONEST)
    hospital.states.operators = dict.fromkeys((BOB, hospital.provider(job)), BOB)
    assert isinstance(hospital.report(job, answers(HONEST)), errors.OwnProvider)


def test_a_job_with_samples_of_few_items_is_refused(hospital: Hospital) -> None:
    hospital.request()
    job = hospital.post(BOB, ITEMS)
    hospital.finish(job, HONEST)
    assert isinstance(hospital.report(job, answers(HONEST)), errors.WeakCheck)
