"""Usefulness: sums over the events of a chain that pays, slashes and posts its own jobs."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest

from btt_chain.compute.usefulness import (
    ENDED,
    FINALIZED,
    REVEALED,
    Computation,
    Occurrence,
    UnknownWork,
    Usefulness,
)
from btt_chain.primitives.digest import H256
from btt_chain.scale import u16, u32, u64
from runtime.frame import ROOT, signed
from runtime.pallets.jobs import events
from runtime.pallets.jobs.api import WorkApi
from runtime.pallets.jobs.types import Check, JobState
from runtime.pallets.jobs.views import JobView, ModelView
from runtime.pallets.receipts.events import Revealed
from runtime.pallets.receipts.types import Wrong
from support.market import ALICE, BOB, ENDPOINT, Claim, Market, inputs_root

HONEST, LIE = Claim(4), Claim(4, [(2, 1, 3)])
MACS, LEAVES = 16 * 8 + 8 * 4, 64 * (16 + 8 + 4)
"""Of an item of the fixture's model: its input and two tensors have leaves."""


@dataclass
class Snapshot:
    """The views before a block."""

    jobs: dict[H256, JobView] = field(default_factory=dict)
    receipts: dict[H256, JobView] = field(default_factory=dict)
    models: dict[H256, ModelView] = field(default_factory=dict)

    async def job(self, id: H256) -> JobView | None:
        return self.jobs.get(id)

    async def job_of(self, receipt: H256) -> JobView | None:
        return self.receipts.get(receipt)

    async def model(self, id: H256) -> ModelView | None:
        return self.models.get(id)


class Recorded(Market):
    """A market that keeps the events of each block and the views before it."""

    def __init__(self) -> None:
        self.blocks: list[tuple[list[object], Snapshot]] = []
        self.counted = 0
        super().__init__()

    def step(self, slots: int = 1) -> None:
        self.close()
        self.before = self.snapshot()
        super().step(slots)

    def close(self) -> None:
        """End the block."""
        every = self.announced()
        if hasattr(self, "before"):
            self.blocks.append((every[self.counted :], self.before))
        self.counted = len(every)

    def snapshot(self) -> Snapshot:
        api = WorkApi.__new__(WorkApi)
        api._runtime = self
        found = Snapshot()
        for view in api.jobs(None, False, None, u32(256)):
            found.jobs[view.id] = view
            if view.receipt is not None:
                found.receipts[view.receipt.id] = view
        found.models = {view.id: view for view in api.models(None, u32(256))}
        return found

    def measured(self) -> Usefulness:
        """Return the sums over all blocks so far, of which the last one ends."""
        self.close()
        self.before = self.snapshot()
        sums = Usefulness()
        for happened, before in self.blocks:
            asyncio.run(sums.add([*filter(None, map(counted, happened))], before))
        return sums


def counted(event: object) -> Occurrence | None:
    match event:
        case events.Finalized(job=job):
            return Occurrence(FINALIZED, job)
        case events.Ended(job=job):
            return Occurrence(ENDED, job)
        case Revealed(receipt=receipt):
            return Occurrence(REVEALED, receipt)
    return None


@pytest.fixture
def market() -> Recorded:
    made = Recorded()
    made.step()
    return made


def test_nothing_computed_has_no_usefulness(market: Recorded) -> None:
    job = market.post()
    market.do(ALICE, "Jobs.cancel", job=job)
    sums = market.measured()
    assert (sums.share, sums.total, sums.paid) == (None, 0, Computation())


def test_paid_and_checked_items_are_counted_by_the_model_they_are_of(market: Recorded) -> None:
    market.finish(market.post(), HONEST)
    sums = market.measured()
    # Four items, and one of each of three verifiers.
    assert sums.paid == Computation(1, 4, 4 * MACS, 0, 3 * MACS, 7 * LEAVES)
    assert sums.own == Computation()
    assert sums.total == 7 * (MACS + LEAVES)
    assert sums.share == 4 * 160 * 10**6 // (7 * (160 + 1_792))


def test_a_full_check_costs_usefulness(market: Recorded) -> None:
    market.finish(market.post(check=Check.Full), HONEST)
    assert market.measured().paid == Computation(1, 4, 4 * MACS, 0, 12 * MACS, 16 * LEAVES)


def test_work_that_was_proven_wrong_is_lost(market: Recorded) -> None:
    market.finish(market.post(), HONEST)
    receipt = market.checking(job := market.post(BOB), LIE)
    proof = LIE.proof(2, 0, 3)
    market.do(ALICE, "Receipts.prove_fraud", receipt=receipt, proof=proof)
    market.until(job, JobState.Slashed)
    sums = market.measured()
    # Not checked by anybody but the sender of the proof.
    assert sums.paid == Computation(2, 8, 4 * MACS, 4 * MACS, 3 * MACS, 11 * LEAVES)
    assert sums.share == 4 * MACS * 10**6 // (11 * (MACS + LEAVES))


def test_checks_that_refuse_a_receipt_are_counted(market: Recorded) -> None:
    receipt = market.checking(job := market.post(), LIE)
    market.vote(receipt, LIE, lambda _seat, _place: Wrong(u32(2), u16(0), u32(3)))
    market.bare("prove_fraud", receipt=receipt, proof=LIE.proof(2, 0, 3))
    market.until(job, JobState.Slashed)
    assert market.measured().paid == Computation(1, 4, 0, 4 * MACS, 3 * MACS, 7 * LEAVES)


def test_jobs_of_the_chain_itself_stand_apart(market: Recorded) -> None:
    market.finish(market.post(), HONEST)
    market.do(
        ROOT, "Jobs.add_protocol_set", model=market.model, items=u32(4),
        input_root=inputs_root(4), data_bytes=u64(0), deadline=u32(20), endpoints=ENDPOINT,
    )  # fmt: skip
    market.step(100)
    market.step(100)
    market.step()
    own = next(id for id, job in market.jobs.store.jobs.items() if job.requester is None)
    market.finish(own, HONEST)
    sums = market.measured()
    assert sums.paid == Computation(1, 4, 4 * MACS, 0, 3 * MACS, 7 * LEAVES)
    assert sums.own == Computation(1, 4, 4 * MACS, 0, 3 * MACS, 7 * LEAVES)
    assert sums.share == 4 * MACS * 10**6 // (14 * (MACS + LEAVES))


def test_a_model_that_its_last_job_removes_is_counted(market: Recorded) -> None:
    job = market.post()
    market.models.retire(signed(BOB), market.model)
    market.finish(job, HONEST)
    assert market.models.get(market.model) is None
    assert market.measured().paid.finalized == 4 * MACS


def test_a_past_without_the_receipt_is_refused() -> None:
    with pytest.raises(UnknownWork):
        asyncio.run(Usefulness().add([Occurrence(REVEALED, H256(bytes(32)))], Snapshot()))
