"""Matching: a beacon that was unknown at posting selects a provider, within a budget a block."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest

from btt_chain.primitives.account import AccountId
from btt_chain.scale import u16, u64, u128
from runtime.constants import BTT
from runtime.frame import signed
from runtime.pallets.jobs import events
from runtime.pallets.jobs.matching import (
    BUDGET,
    MAX_SELECTIONS,
    MIN_SELECTIONS,
    PICOS,
    WORST_SELECTION,
)
from runtime.pallets.jobs.types import JobState, NoBenefit, NoBenefits, Outcome, Urgency
from support.market import ALICE, BOB, RICH, SLOT_MS, Market, person

GIB = 1 << 30
DEAR: dict[str, object] = {"data_bytes": u64(2_000 * GIB)}


@pytest.fixture
def market() -> Market:
    return Market()


# ---- assignment


def test_no_provider_is_assigned_before_a_beacon_unknown_at_posting(market: Market) -> None:
    market.clock.holds_beacons = True
    job = market.post()
    market.run(30)
    assert market.job(job).state is JobState.Posted
    market.audit()
    market.clock.holds_beacons = False
    market.step()
    assert market.job(job).state is JobState.Assigned


def test_the_requester_never_does_its_own_job() -> None:
    market = Market(providers=2)
    own = market.provider_accounts[0]
    for _ in range(6):
        job = market.post(own)
        market.until(job, JobState.Assigned)
        assert market.provider(job) != own


def test_a_job_that_is_not_accepted_ends_after_three_offers_and_is_refunded(market: Market) -> None:
    job = market.post(**DEAR)
    seen: Counter[AccountId] = Counter()
    for _ in range(3):
        market.until(job, JobState.Assigned)
        seen[market.provider(job)] += 1
        market.audit()
        market.until(job, JobState.Posted, JobState.Refunded)
    assert seen.most_common(1)[0][1] == 1
    assert market.job(job).outcome is Outcome.NoProvider
    assert market.wealth(ALICE) == [RICH]
    market.audit()


def test_a_job_without_a_free_provider_waits_and_then_ends(market: Market) -> None:
    for who in market.provider_accounts:
        market.providers.chill(signed(who))
    job = market.post()
    market.run(599)
    assert market.job(job).state is JobState.Posted
    market.audit()
    market.run(30)
    assert market.job(job).outcome is Outcome.NoProvider
    assert market.wealth(ALICE) == [RICH]
    market.audit()


@pytest.mark.parametrize(("urgency", "slots"), [(0, 40), (1, 20), (2, 10)])
def test_a_job_that_waited_for_long_soon_gets_a_new_provider(urgency: int, slots: int) -> None:
    """Otherwise jobs posted later would be served before it each time."""
    market = Market(providers=0)
    job = market.post(urgency=Urgency(urgency))
    market.run(175)
    late = person("provider late")
    market.balances.transfer(BOB, late, u128(10_000 * BTT))
    market.register(late, 5_000)
    came = market.clock.now()
    market.until(job, JobState.Assigned)
    assert market.provider(job) == late
    assert market.clock.now() <= came + slots


def test_urgent_jobs_go_first_and_stakers_before_others_of_their_urgency(market: Market) -> None:
    class Stakers(NoBenefits):
        def benefits(self, who: AccountId) -> NoBenefit:
            return NoBenefit(priority=who == BOB)

    market.give_jobs(benefits=Stakers())
    routine, staker, urgent, emergency = (
        market.post(who, urgency=urgency)
        for who, urgency in (
            (ALICE, Urgency.Routine),
            (BOB, Urgency.Routine),
            (ALICE, Urgency.Urgent),
            (ALICE, Urgency.Emergency),
        )
    )
    market.until(routine, JobState.Assigned)
    order = [event.job for event in market.announced() if isinstance(event, events.Assigned)]
    assert order == [emergency, urgent, staker, routine]
    prices = [int(market.job(job).price) for job in (routine, urgent, emergency)]
    assert prices[0] <= prices[1] <= prices[2]


def test_jobs_of_hospitals_go_before_others_of_their_urgency(market: Market) -> None:
    class Hospitals:
        def is_requester(self, who: AccountId) -> bool:
            return who == BOB

    market.give_jobs(facilities=Hospitals())
    routine, hospital, urgent = (
        market.post(who, urgency=urgency)
        for who, urgency in (
            (ALICE, Urgency.Routine),
            (BOB, Urgency.Routine),
            (ALICE, Urgency.Urgent),
        )
    )
    market.until(routine, JobState.Assigned)
    order = [event.job for event in market.announced() if isinstance(event, events.Assigned)]
    assert order == [urgent, hospital, routine]


def test_a_block_selects_for_a_bounded_number_of_jobs_and_the_rest_stays_due() -> None:
    market = Market(providers=11)
    jobs = [market.post() for _ in range(44)]
    market.run(3)
    states = Counter(market.job(job).state for job in jobs)
    assert states == {JobState.Assigned: 32, JobState.Posted: 12}
    market.step()
    assert {market.job(job).state for job in jobs} == {JobState.Assigned}
    market.audit()


def test_a_block_of_a_short_slot_selects_for_fewer_jobs() -> None:
    market = Market(providers=11)
    market.give_jobs(slot_ms=u64(1_000))
    jobs = [market.post() for _ in range(44)]
    market.run(3)
    assert sum(market.job(job).state is JobState.Assigned for job in jobs) == 8
    market.audit()


def test_jobs_cancelled_at_once_are_soon_removed_however_many_they_are(market: Market) -> None:
    for _ in range(40):
        market.do(ALICE, "Jobs.cancel", job=market.post())
    taken = market.post()
    market.until(taken, JobState.Assigned)
    market.do(ALICE, "Jobs.cancel", job=taken)
    market.wait(60)
    assert [id for id, _ in market.jobs.store.jobs.items()] == [taken]
    market.audit()


def move_model(market: Market, model_class: int) -> None:
    """Let a model need machines of another class, of which there is no provider."""
    record = market.models.models[market.model]
    record.model_class = u16(model_class)
    market.models.models[market.model] = record


def test_many_jobs_without_a_provider_do_not_block_others(market: Market) -> None:
    move_model(market, 2)
    flood = [market.post(BOB, urgency=Urgency.Emergency) for _ in range(60)]
    move_model(market, 0)
    job = market.post(urgency=Urgency.Routine)
    market.run(4)
    assert market.job(job).state is JobState.Assigned
    market.audit()
    for id in flood:
        market.until(id, JobState.Refunded, limit=700)
    assert market.wealth(BOB) == [RICH]
    market.audit()


def test_selections_for_a_job_without_a_provider_become_rarer(market: Market) -> None:
    for who in market.provider_accounts:
        market.providers.chill(signed(who))
    job = market.post()
    selections: list[int] = []
    while market.job(job).state is JobState.Posted:
        due = int(market.job(job).due)
        if due not in selections:
            selections.append(due)
        market.step()
    waits = [new - old for old, new in pairwise(selections)]
    assert waits[:4] == [10, 13, 26, 40]
    assert {*waits[4:-1]} == {40}


def test_a_block_selects_for_as_many_jobs_as_surely_fit() -> None:
    jobs = Market().jobs
    budget = SLOT_MS * PICOS // BUDGET
    assert jobs.matching.room(0, 0) == max(MIN_SELECTIONS, budget // WORST_SELECTION)
    assert jobs.matching.room(MIN_SELECTIONS, budget - WORST_SELECTION) == 1
    assert jobs.matching.room(MIN_SELECTIONS, budget - WORST_SELECTION + 1) == 0
    assert jobs.matching.room(MIN_SELECTIONS - 1, budget) == 1
    assert jobs.matching.room(MAX_SELECTIONS, 0) == 0
