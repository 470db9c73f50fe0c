"""Receipts: fraud proofs, confidential jobs and wrong digests."""

from __future__ import annotations

from dataclasses import replace

import pytest

from btt_chain.primitives.validity import Future, Invalid
from btt_chain.scale import u16, u32
from btt_chain.work import ids
from btt_chain.work.graph import MAX_NODES
from btt_chain.work.shapes import MAX_JUDGED, judged_of
from runtime.frame import TokenError, signed
from runtime.pallets.jobs.types import Check, JobState, Outcome, Tier
from runtime.pallets.receipts import errors, events, weights
from runtime.pallets.receipts.types import Phase, Seat, Valid, Verdict, Wrong
from runtime.params import WorkRules
from support.market import (
    ALICE,
    BOB,
    JOB_KEY,
    RANDOMNESS,
    RULES,
    Claim,
    Market,
    net,
    opened,
    person,
)
from support.receipts import ALL_LIES, DEAR, HONEST, LIE, ask, by_item, found_it, nodes, planted


@pytest.fixture
def market() -> Market:
    return Market()


FULL = {"check": Check.Full}


def test_a_wrong_element_is_proven_and_all_penalties_and_rewards_are_paid(market: Market) -> None:
    job = market.post(**FULL, **DEAR)
    found = market.job(job)
    price, fee = int(found.price), int(found.verification) // 3
    receipt = market.checking(job, LIE)
    provider = market.provider(job)
    before = market.wealth(ALICE, BOB, provider)
    seats = [seat.verifier for seat in market.receipt(receipt).seats]
    wealth_before = market.wealth(*seats)

    def verdict(seat: Seat, place: int) -> Verdict:
        return Valid() if place == 0 else found_it(seat, place)

    market.vote(receipt, LIE, verdict)
    market.until_phase(receipt, Phase.Disputed)
    market.audit()
    market.do(BOB, "Receipts.prove_fraud", receipt=receipt, proof=LIE.proof(2, 0, 3))

    assert market.job(job).state is JobState.Slashed
    after = market.wealth(ALICE, BOB, provider)
    assert after[0] - before[0] == -2 * fee
    assert after[1] == before[1]
    assert before[2] - after[2] == 10 * price
    share = 10 * price // 2 // 2
    gained = [new - old for new, old in zip(market.wealth(*seats), wealth_before, strict=True)]
    assert gained[0] == -2 * price
    assert gained[1] == share + fee + price  # the first finder gets half of the voter's loss
    assert gained[2] == share + fee
    market.audit()


def test_a_proof_without_a_vote_gives_its_sender_half(market: Market) -> None:
    job = market.post(**DEAR)
    price = int(market.job(job).price)
    market.accepted(job)
    receipt = market.submit(job, LIE)
    before, before_all = market.wealth(ALICE), market.wealth(BOB)
    market.do(BOB, "Receipts.prove_fraud", receipt=receipt, proof=LIE.proof(2, 0, 3))
    assert market.job(job).state is JobState.Slashed
    assert market.wealth(BOB)[0] - before_all[0] == 5 * price
    assert market.wealth(ALICE) == before
    market.audit()


def test_a_lie_behind_a_product_without_leaves_is_proven(market: Market) -> None:
    """The last table is judged together with the product whose result it looks up."""
    second, sharp = net().graph.nodes[1:]
    assert (second.out.committed, sharp.out.committed) == (False, True)
    lie, job = Claim(4, [(2, 2, 1)]), market.post()
    market.accepted(job)
    receipt = market.submit(job, lie)
    proof = lie.proof(2, 2, 1)
    inside = replace(proof, node=u16(1))
    for wrong in (inside, lie.proof(2, 2, 0)):
        market.do(BOB, "Receipts.prove_fraud", receipt=receipt, proof=wrong)
        assert market.job(job).state is JobState.Committed
    market.do(BOB, "Receipts.prove_fraud", receipt=receipt, proof=proof)
    assert market.job(job).outcome is Outcome.Fraud
    market.audit()


def test_a_bare_proof_is_taken_if_a_verifier_has_revealed_its_place_and_it_is_right(
    market: Market,
) -> None:
    receipt = market.checking(job := market.post(), LIE)
    right, false = LIE.proof(2, 0, 3), LIE.proof(1, 0, 3)

    def verdict(seat: Seat, place: int) -> Verdict:
        return [found_it(seat, place), Wrong(u32(1), u16(0), u32(3)), Valid()][place]

    # It may come to nodes that are a block behind: early transactions are not banned.
    assert isinstance(nodes(market, "prove_fraud", receipt=receipt, proof=right), errors.TooEarly)
    with pytest.raises(Invalid) as early:
        market.bare("prove_fraud", receipt=receipt, proof=right)
    assert isinstance(early.value.reason, Future)
    market.vote(receipt, LIE, verdict)
    for proof, error in (
        (LIE.proof(2, 0, 2), errors.NotAllowed),  # no verifier reported it
        (false, errors.NotFraudulent),
    ):
        with pytest.raises(Invalid):
            market.bare("prove_fraud", receipt=receipt, proof=proof)
        assert isinstance(nodes(market, "prove_fraud", receipt=receipt, proof=proof), error)
    market.bare("prove_fraud", receipt=receipt, proof=right)
    assert market.job(job).outcome is Outcome.Fraud
    market.audit()


def test_a_false_proof_costs_its_sender_one_percent(market: Market) -> None:
    job = market.post(**DEAR)
    price = int(market.job(job).price)
    receipt = market.checking(job, HONEST)
    before_all = market.wealth(BOB)[0]
    market.do(BOB, "Receipts.prove_fraud", receipt=receipt, proof=HONEST.proof(2, 0, 3))
    assert before_all - market.wealth(BOB)[0] == -(-price // 100)
    assert market.receipt(receipt).phase is Phase.Checking
    market.vote(receipt, HONEST)
    assert market.until(job, JobState.Finalized).outcome is Outcome.Done
    market.audit()


def test_a_sender_that_cannot_pay_for_a_false_proof_is_refused(market: Market) -> None:
    receipt = market.checking(market.post(**DEAR), HONEST)
    failed = market.tried(
        person("pauper"), "Receipts.prove_fraud", receipt=receipt, proof=HONEST.proof(2, 0, 3)
    )
    assert isinstance(failed, TokenError)


def test_another_output_than_the_committed_one_is_fraud(market: Market) -> None:
    claim = Claim(4, outputs=[1])
    job = market.post()
    market.accepted(job)
    receipt = market.submit(job, claim)
    for item, output in ((1, False), (2, True)):
        proof = claim.output_proof(item)
        market.do(BOB, "Receipts.prove_edge", receipt=receipt, proof=proof, output=output)
        assert isinstance(market.announced()[-1], events.FalseProof)
    market.do(BOB, "Receipts.prove_edge", receipt=receipt, proof=claim.output_proof(1), output=True)
    assert market.job(job).outcome is Outcome.Fraud
    market.audit()


def test_another_input_than_was_asked_for_is_fraud(market: Market) -> None:
    claim = Claim(4, [(1, 0, 0)])
    job = market.post()
    market.accepted(job)
    receipt = market.submit(job, claim)
    market.do(BOB, "Receipts.prove_edge", receipt=receipt, proof=claim.input_proof(1), output=False)
    assert market.job(job).outcome is Outcome.Fraud
    market.audit()


def test_fraud_is_proven_while_payment_is_pending_and_not_after(market: Market) -> None:
    job = market.post()
    receipt = market.checking(job, LIE)
    market.vote(receipt, LIE)
    market.until(job, JobState.Pending)
    wealth_before = market.wealth(*market.verifier_accounts)
    market.do(BOB, "Receipts.prove_fraud", receipt=receipt, proof=LIE.proof(2, 0, 3))
    assert market.job(job).state is JobState.Slashed
    looked = [seat for seat in market.receipt(receipt).seats if 2 in ids.sample(seat.rho, 4, 1)]
    lost = [
        old - new
        for old, new in zip(wealth_before, market.wealth(*market.verifier_accounts), strict=True)
    ]
    assert sum(part > 0 for part in lost) == len(looked)
    failed = market.tried(BOB, "Receipts.prove_fraud", receipt=receipt, proof=LIE.proof(2, 0, 3))
    assert isinstance(failed, errors.TooLate)
    market.audit()


def test_a_false_alarm_costs_its_sender_and_the_receipt_continues(market: Market) -> None:
    job = market.post(**DEAR)
    price = int(market.job(job).price)
    receipt = market.checking(job, HONEST)
    liar = market.receipt(receipt).seats[2].verifier
    market.vote(
        receipt, HONEST, lambda seat, place: found_it(seat, place) if place == 2 else Valid()
    )
    before_all = market.wealth(liar)[0]
    market.until_phase(receipt, Phase.Disputed)
    market.audit()
    assert market.until(job, JobState.Finalized).outcome is Outcome.Done
    assert before_all - market.wealth(liar)[0] == 2 * price
    market.audit()


def test_a_copied_digest_costs_two_prices_and_the_vote(market: Market) -> None:
    job = market.post(**FULL, **DEAR)
    price = int(market.job(job).price)
    receipt = market.checking(job, HONEST)
    seats = market.receipt(receipt).seats
    tree = ids.digest_tree(HONEST.digests(market.rho(receipt, seats[0]), 4))
    reveals = [
        market.commit(receipt, seat, Valid(), HONEST, tree.root if place < 2 else None)
        for place, seat in enumerate(seats)
    ]
    while market.clock.now() < market.receipt(receipt).commit_until:
        market.step()
    for reveal in reveals:
        reveal()
    market.until(job, JobState.Pending)
    leaves = HONEST.digests(market.rho(receipt, seats[0]), 4)
    said = opened(tree, 0, leaves[0])
    args: dict[str, object] = {"receipt": receipt, "proof": HONEST.leaf(0, 0, 0), "said": said}

    honest = market.tried(BOB, "Receipts.dispute_digest", verifier=seats[0].verifier, **args)
    assert isinstance(honest, errors.DigestRight)
    wealth_before = market.wealth(BOB, seats[1].verifier)
    market.do(BOB, "Receipts.dispute_digest", verifier=seats[1].verifier, **args)
    after = market.wealth(BOB, seats[1].verifier)
    assert after[0] - wealth_before[0] == price
    assert wealth_before[1] - after[1] == 2 * price
    assert market.receipt(receipt).phase is Phase.Pending  # two valid votes are enough
    gone = market.tried(BOB, "Receipts.dispute_digest", verifier=seats[1].verifier, **args)
    assert isinstance(gone, errors.NotSeated)
    other = market.tried(BOB, "Receipts.dispute_digest", verifier=seats[2].verifier, **args)
    assert isinstance(other, errors.LeafRefused)
    market.until(job, JobState.Finalized)
    market.audit()


SECRET = Claim(4, key=JOB_KEY)


def test_a_confidential_job_is_paid_when_its_requester_accepts_or_is_silent(market: Market) -> None:
    jobs = [market.post(tier=Tier.Confidential) for _ in range(2)]
    assert market.job(jobs[0]).verification == 0
    receipts = []
    for job in jobs:
        market.accepted(job)
        receipts.append(market.submit(job, SECRET))
        assert market.job(job).state is JobState.Pending
    refusal = market.tried(BOB, "Receipts.accept_result", receipt=receipts[0])
    assert isinstance(refusal, errors.NotAllowed)
    market.do(ALICE, "Receipts.accept_result", receipt=receipts[0])
    assert market.job(jobs[0]).outcome is Outcome.Done
    again = market.tried(ALICE, "Receipts.accept_result", receipt=receipts[0])
    assert isinstance(again, errors.WrongPhase)
    market.run(3 * int(RULES.challenge_slots) - 1)
    assert market.job(jobs[1]).state is JobState.Pending
    market.run(4)
    assert market.job(jobs[1]).outcome is Outcome.Done
    assert not market.job(jobs[1]).scores
    market.audit()


def test_only_the_requester_of_a_confidential_job_can_prove_it_wrong(market: Market) -> None:
    lie = Claim(4, [(2, 1, 3)], key=JOB_KEY)
    job = market.post(tier=Tier.Confidential)
    market.accepted(job)
    receipt = market.submit(job, lie)
    proof = lie.proof(2, 0, 3)
    with pytest.raises(Invalid):
        market.bare("prove_fraud", receipt=receipt, proof=proof)
    failed = market.tried(BOB, "Receipts.prove_fraud", receipt=receipt, proof=proof)
    assert isinstance(failed, errors.NotAllowed)
    market.do(ALICE, "Receipts.prove_fraud", receipt=receipt, proof=proof)
    assert market.job(job).state is JobState.Slashed
    market.audit()


def test_a_proof_that_is_refused_says_why() -> None:
    market, _, receipt = planted(by_item)
    false = HONEST.proof(1, 0, 3)
    right = ALL_LIES.proof(1, 0, 3)
    assert isinstance(
        nodes(market, "prove_fraud", receipt=receipt, proof=false), errors.NotFraudulent
    )
    assert isinstance(
        nodes(market, "prove_fraud", receipt=RANDOMNESS, proof=right), errors.UnknownReceipt
    )
    market.do(BOB, "Receipts.prove_fraud", receipt=receipt, proof=right)
    again = market.tried(BOB, "Receipts.prove_fraud", receipt=receipt, proof=right)
    assert isinstance(again, errors.AlreadyProven)
    market.audit()


def test_the_requester_of_a_confidential_job_can_have_a_leaf_shown(market: Market) -> None:
    jobs = [market.post(tier=Tier.Confidential) for _ in range(2)]
    receipts = []
    for job in jobs:
        market.accepted(job)
        receipts.append(market.submit(job, SECRET))
    assert ask(market, ALICE, receipts[0]) is None
    assert ask(market, ALICE, receipts[1]) is None
    open_ = market.tried(
        BOB, "Receipts.answer_data", receipt=receipts[0], proof=HONEST.leaf(1, 1, 0)
    )
    assert isinstance(open_, errors.LeafRefused)
    market.do(BOB, "Receipts.answer_data", receipt=receipts[0], proof=SECRET.leaf(1, 1, 0))
    market.run(3 * int(RULES.challenge_slots) + 5)
    assert [market.job(job).outcome for job in jobs] == [Outcome.Done, Outcome.Withheld]
    market.audit()


def test_a_removed_vote_sends_a_pending_receipt_to_other_verifiers() -> None:
    market = Market(WorkRules(committee=u32(2), quorum=u32(2), min_operators=u32(2)), verifiers=6)
    job = market.post(**FULL)
    receipt = market.checking(job, HONEST)
    first, second = market.receipt(receipt).seats
    tree = ids.digest_tree(HONEST.digests(market.rho(receipt, first), 4))
    reveals = [market.commit(receipt, seat, Valid(), HONEST, tree.root) for seat in (first, second)]
    while market.clock.now() < market.receipt(receipt).commit_until:
        market.step()
    for reveal in reveals:
        reveal()
    market.until(job, JobState.Pending)
    said = opened(tree, 0, HONEST.digests(market.rho(receipt, first), 4)[0])
    market.do(
        BOB, "Receipts.dispute_digest", receipt=receipt, verifier=second.verifier,
        proof=HONEST.leaf(0, 0, 0), said=said,
    )  # fmt: skip
    assert market.job(job).state is JobState.Checking
    market.audit()
    market.until_phase(receipt, Phase.Checking)
    assert second.verifier not in [seat.verifier for seat in market.receipt(receipt).seats]
    market.vote(receipt, HONEST)
    assert market.until(job, JobState.Finalized).outcome is Outcome.Done
    market.audit()


@pytest.mark.parametrize(("claim", "node"), [(LIE, 0), (HONEST, 0), (HONEST, 99)])
def test_a_proof_weighs_by_the_graph_and_the_numbers_it_needs(
    market: Market, claim: Claim, node: int
) -> None:
    job = market.post(**DEAR)
    market.accepted(job)
    receipt = market.submit(job, claim)
    graph = market.models.graph(market.job(job).model)
    assert graph is not None
    proof = replace(claim.proof(2, 0, 3), node=u16(node))
    call = market.call("Receipts", "prove_fraud", receipt=receipt, proof=proof)

    post = market.dispatch(signed(BOB), call)

    judged = judged_of(graph, node) if node < len(graph.nodes) else 0
    assert post.weight == weights.prove_fraud(len(graph.nodes), judged)
    assert post.weight < market.info(call).weight == weights.prove_fraud(MAX_NODES, MAX_JUDGED)


def test_a_proof_of_an_edge_weighs_by_the_graph(market: Market) -> None:
    job = market.post(**DEAR)
    market.accepted(job)
    receipt = market.submit(job, HONEST)
    graph = market.models.graph(market.job(job).model)
    assert graph is not None
    proof = HONEST.output_proof(2)
    call = market.call("Receipts", "prove_edge", receipt=receipt, proof=proof, output=True)

    post = market.dispatch(signed(BOB), call)

    assert post.weight == weights.prove_edge(len(graph.nodes))
    assert post.weight < market.info(call).weight == weights.prove_edge(MAX_NODES)
