"""Long runs of a market on the whole runtime: all books again and again, and every way to end."""

from __future__ import annotations

from collections import Counter
from random import Random

from btt_chain.scale import u32
from runtime.audits import audit
from runtime.frame import ROOT
from runtime.pallets.jobs import events as jobs_events
from runtime.pallets.jobs.types import JobState, Outcome
from support.whole_market import WholeMarket
from unit.runtime.pallets.test_work_machine import WholeWorkMachine

ROUNDS = 6
"""Of twenty busy blocks each, and whatever else comes between."""
AUDIT_EVERY = 5
"""Number of blocks from one audit to the next; nothing that is lost comes back by itself."""
ENDS = {Outcome.Fraud, Outcome.Unverified, Outcome.BadPayload, Outcome.Cancelled}
"""Outcomes other than success in such a run; the others depend on the seed."""


def test_not_a_planck_is_lost_in_long_runs() -> None:
    done, ended = 0, Counter[Outcome]()
    for seed, planted in ((2, False), (1, True)):
        events = long_run(seed, planted=planted)
        done += sum(isinstance(event, jobs_events.Finalized) for event in events)
        ended += Counter(event.outcome for event in events if isinstance(event, jobs_events.Ended))
    assert done >= 10
    assert {*ended} >= ENDS, ended


def long_run(seed: int, *, planted: bool) -> list[object]:
    """Have all parties act at random for a while, then stop; return all events."""
    randomness, machine = Random(seed), WholeWorkMachine()
    machine.begin(planted=planted)
    market = machine.market
    assert isinstance(market, WholeMarket)
    # An audit takes three times as long as its block.
    market.audit_every = AUDIT_EVERY
    machine.the_chain_posts()
    for _ in range(ROUNDS):
        pick = randomness.randrange(10**6)
        machine.all_parties_act_and_time_passes(seed=pick)
        machine.something_happens(pick)
        machine.no_honest_party_is_punished()
        machine.what_was_held_for_a_job_is_paid_out_whole()
    for job in machine.jobs_in(JobState.Posted):
        requester = market.job(job).requester
        if requester is not None:
            market.do(requester, "Jobs.cancel", job=job)
    # No party acts any more; most of the slots until all is over are empty.
    market.tried(ROOT, "Jobs.remove_protocol_set", index=u32(0))
    for _ in range(100):
        market.step(10)
    assert audit(market.whole) == []
    machine.teardown()
    return market.announced()
