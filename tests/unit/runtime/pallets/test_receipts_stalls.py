"""Receipts while the chain stalls: all deadlines shift."""

from __future__ import annotations

import pytest

from btt_chain.scale import u16, u32
from runtime.pallets.jobs import events
from runtime.pallets.jobs.types import JobState, Outcome
from runtime.pallets.receipts.types import Missing, Phase, Seat, Valid, Verdict
from support.market import ALICE, Market
from support.receipts import DEAR, HONEST, LIE, found_it, seen


def missing(seat: Seat, place: int) -> Verdict:
    return Missing(u32(0), u16(1), u32(0))


DAY = 14_400
"""Slots without a block."""


@pytest.mark.parametrize("stop", range(7))
def test_a_day_without_blocks_shifts_all_deadlines_in_every_state_of_a_job(stop: int) -> None:
    market = Market()

    def pause(place: int) -> None:
        if place == stop:
            market.step(DAY)
            market.audit()

    job = market.post()
    market.until(job, JobState.Assigned)
    pause(0)
    provider = market.accepted(job)
    pause(1)
    receipt = market.submit(job, HONEST)
    pause(2)
    seats = market.until_phase(receipt, Phase.Checking).seats
    pause(3)
    reveals = [market.commit(receipt, seat, Valid(), HONEST) for seat in seats]
    pause(4)
    while market.clock.now() < market.receipt(receipt).commit_until:
        market.step()
    reveals[0]()
    pause(5)
    for reveal in reveals[1:]:
        reveal()
    market.until_phase(receipt, Phase.Pending)
    pause(6)
    market.run(int(market.receipt(receipt).due) - market.clock.now() - 1)
    assert market.job(job).state is JobState.Pending
    market.step()
    assert market.job(job).outcome is Outcome.Done
    assert market.provider(job) == provider
    assert not market.providers.performance.conduct[provider].declines
    assert not any(one.misses for _, one in market.receipts.bonds.verifiers.items())
    assert sum(isinstance(event, events.Stalled) for event in market.announced()) == 1
    market.audit()


def test_a_stall_extends_open_periods_by_its_length_and_no_more() -> None:
    market = Market()
    receipt = market.checking(market.post(), HONEST)
    before = market.receipt(receipt)
    market.step(DAY)
    after = market.receipt(receipt)
    moved = [
        int(new) - int(old)
        for new, old in (
            (after.commit_until, before.commit_until),
            (after.reveal_until, before.reveal_until),
            (after.due, before.due),
        )
    ]
    assert moved == [DAY - 1] * 3, "one slot has passed"
    market.step(DAY)
    assert market.receipt(receipt).due == int(before.due) + 2 * (DAY - 1)
    market.run(int(market.receipt(receipt).due) - market.clock.now())
    assert market.receipt(receipt).phase is Phase.Waiting, "no verifier voted"
    market.audit()


def test_a_stall_shifts_the_deadline_of_a_proof() -> None:
    market = Market()
    receipt = market.checking(job := market.post(**DEAR), LIE)
    market.vote(receipt, LIE, lambda seat, place: found_it(seat, place) if not place else Valid())
    market.until_phase(receipt, Phase.Disputed)
    market.step(DAY)
    assert market.receipt(receipt).phase is Phase.Disputed
    market.bare("prove_fraud", receipt=receipt, proof=LIE.proof(2, 0, 3))
    assert market.job(job).outcome is Outcome.Fraud
    market.audit()


def test_a_stall_shifts_the_deadline_of_a_requested_leaf() -> None:
    market = Market()
    receipt = market.checking(job := market.post(), HONEST)
    provider = market.provider(job)
    asked = {"receipt": receipt, "item": u32(1), "tensor": u32(0), "leaf": u32(0)}
    market.do(ALICE, "Receipts.challenge_data", **asked)
    market.step(DAY)
    answer = HONEST.leaf(1, 0, 0)
    market.do(provider, "Receipts.answer_data", receipt=receipt, proof=answer)
    looking = {seat.verifier for seat in market.receipt(receipt).seats}

    def missing(seat: Seat, _place: int) -> Verdict:
        return Missing(u32(seen(market, receipt, seat)[0]), u16(1), u32(0))

    market.vote(receipt, HONEST, missing)
    market.until_phase(receipt, Phase.Withheld)
    market.step(DAY)
    assert market.receipt(receipt).phase is Phase.Withheld
    for item in range(4):
        proof = HONEST.leaf(item, 1, 0)
        market.tried(provider, "Receipts.answer_data", receipt=receipt, proof=proof)
    assert market.until_phase(receipt, Phase.Checking).replacements == 1
    assert looking.isdisjoint(seat.verifier for seat in market.receipt(receipt).seats)
    market.audit()


def test_an_unanswered_challenge_ends_a_receipt_at_the_shifted_deadline() -> None:
    market = Market()
    receipt = market.checking(job := market.post(), HONEST)
    asked = {"receipt": receipt, "item": u32(1), "tensor": u32(0), "leaf": u32(0)}
    market.do(ALICE, "Receipts.challenge_data", **asked)
    market.step(DAY)
    (challenge,) = market.receipt(receipt).challenges
    market.run(int(challenge.until) - market.clock.now() - 1)
    assert market.receipt(receipt).phase is Phase.Checking
    market.step()
    assert market.job(job).outcome is Outcome.Withheld
    market.audit()
