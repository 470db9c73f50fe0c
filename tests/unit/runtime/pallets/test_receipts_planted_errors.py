"""Receipts with planted errors: disclosure, exposure of lazy verifiers, and payments."""

from __future__ import annotations

import pytest

from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.primitives.validity import Invalid
from btt_chain.scale import u32
from btt_chain.work import ids
from runtime.pallets.jobs.types import JobState, Outcome
from runtime.pallets.receipts import errors, events
from runtime.pallets.receipts.constants import PLANTED_ERROR_POOL
from runtime.pallets.receipts.tally import missed_before
from runtime.pallets.receipts.types import Phase
from runtime.params import WorkRules
from support.market import ALICE, BOB, RANDOMNESS, SALT, Claim, Market
from support.receipts import (
    ALL_LIES,
    HONEST,
    LIE,
    PLANTED_ERRORS,
    by_item,
    one_misses,
    planted,
    seen,
)


@pytest.fixture
def market() -> Market:
    return Market()


def test_items_missed_under_a_planted_error_are_checked_under_the_right_roots() -> None:
    market = Market(PLANTED_ERRORS, verifiers=8)
    job = market.post()
    commit = ids.planted_error_commit(HONEST.item_root, HONEST.output_root, SALT)
    receipt = market.checking(job, LIE, commit)
    votes = one_misses(market, receipt)
    missed = seen(market, receipt, market.receipt(receipt).seats[0])
    market.vote(receipt, LIE, votes)
    market.until_phase(receipt, Phase.Disclosing)
    assert reveal_planted_error(market, receipt) is None
    found = market.until_phase(receipt, Phase.Checking)
    assert [missed_before(found, seat) for seat in found.seats] == [missed] * 3
    market.vote(receipt, HONEST)
    assert market.until(job, JobState.Finalized).outcome is Outcome.Done
    market.audit()


def reveal_planted_error(market: Market, receipt: H256, **other: object) -> Exception | None:
    found = market.receipt(receipt)
    pair = market.ring.pairs[found.provider]
    output, proof = market.vrf.sign(pair, ids.planted_error_input(market.job(found.job).seed))
    args: dict[str, object] = {
        "receipt": receipt, "pre_output": output.pre_output, "proof": proof,
        "item_root": HONEST.item_root, "output_root": HONEST.output_root, "salt": SALT,
    }  # fmt: skip
    return market.tried(found.provider, "Receipts.reveal_planted_error", **(args | other))


def expose(market: Market, receipt: H256, *items: int, lie: Claim = ALL_LIES) -> Exception | None:
    return market.tried(
        BOB, "Receipts.expose_voters", receipt=receipt, was=lie.items_opened(*items),
        right=HONEST.items_opened(*items),
    )  # fmt: skip


def test_a_planted_error_costs_the_lazy_and_pays_the_diligent_and_the_work_is_paid() -> None:
    market, job, receipt = planted(by_item)
    seats = [seat.verifier for seat in market.receipt(receipt).seats]
    before = market.wealth(*seats, ALICE)
    fee, price = int(market.job(job).verification) // 3, int(market.job(job).price)
    assert isinstance(reveal_planted_error(market, receipt), errors.WrongPhase)
    assert isinstance(expose(market, receipt, 0), errors.NoPlantedError)
    market.until_phase(receipt, Phase.Disclosing)
    for wrong in ({"salt": RANDOMNESS}, {"proof": bytes(64)}, {"output_root": RANDOMNESS}):
        assert isinstance(reveal_planted_error(market, receipt, **wrong), errors.NoPlantedError)
    assert reveal_planted_error(market, receipt) is None
    assert expose(market, receipt, 0, 1, 2, 3) is None
    assert market.announced()[-1] == events.VoterExposed(receipt, seats[0])
    assert market.wealth(*seats, ALICE) == before
    market.audit()

    market.until_phase(receipt, Phase.Checking)
    assert not {seat.verifier for seat in market.receipt(receipt).seats} & {*seats}
    market.vote(receipt, HONEST)
    assert market.until(job, JobState.Finalized).outcome is Outcome.Done
    gained = [new - old for new, old in zip(market.wealth(*seats, ALICE), before, strict=True)]
    made_up = -(-price * 2 // 100)
    assert gained == [-50 * fee, 5 * fee, 5 * fee, made_up - price - 3 * fee]
    assert market.wealth(PLANTED_ERROR_POOL)[0] == 40 * fee - made_up
    assert isinstance(expose(market, receipt, 0), errors.TooLate)
    market.audit()


def seen_by_some() -> tuple[Market, H256, Claim, int, list[AccountId]]:
    """Return a planted error in one item that all voted valid, and those that checked the item."""
    for item in range(4):
        market, lie = Market(PLANTED_ERRORS, verifiers=8), Claim(4, [(item, 1, 3)])
        commit = ids.planted_error_commit(HONEST.item_root, HONEST.output_root, SALT)
        receipt = market.checking(market.post(), lie, commit)
        market.vote(receipt, lie)
        seats = market.receipt(receipt).seats
        looked = [seat.verifier for seat in seats if item in ids.sample(seat.rho, 4, 1)]
        if 0 < len(looked) < len(seats):
            return market, receipt, lie, item, looked
    raise AssertionError("every item was checked by all verifiers or by none")


def test_verifiers_that_checked_no_wrong_item_are_not_exposed() -> None:
    market, receipt, lie, item, looked = seen_by_some()
    market.until_phase(receipt, Phase.Disclosing)
    assert reveal_planted_error(market, receipt) is None
    assert isinstance(expose(market, receipt, (item + 1) % 4, lie=lie), errors.LeafRefused)
    assert isinstance(expose(market, receipt, item, lie=ALL_LIES), errors.LeafRefused)
    assert expose(market, receipt, item, lie=lie) is None
    again = expose(market, receipt, item, lie=lie)
    assert isinstance(again, errors.NoSuchLeaf)  # all are by now
    error = market.receipt(receipt).planted_error
    assert error is not None
    assert error.lazy == looked


def test_no_verifier_pays_for_a_planted_error_whose_right_roots_are_wrong() -> None:
    market = Market(PLANTED_ERRORS, verifiers=8)
    job = market.post()
    commit = ids.planted_error_commit(ALL_LIES.item_root, ALL_LIES.output_root, SALT)
    receipt = market.checking(job, HONEST, commit)
    market.vote(receipt, HONEST)
    voters = [seat.verifier for seat in market.receipt(receipt).seats]
    before = market.wealth(*voters)
    market.until_phase(receipt, Phase.Disclosing)
    roots = {"item_root": ALL_LIES.item_root, "output_root": ALL_LIES.output_root}
    assert reveal_planted_error(market, receipt, **roots) is None
    items = range(4)
    market.tried(
        BOB, "Receipts.expose_voters", receipt=receipt, was=HONEST.items_opened(*items),
        right=ALL_LIES.items_opened(*items),
    )  # fmt: skip
    market.do(BOB, "Receipts.prove_fraud", receipt=receipt, proof=ALL_LIES.proof(0, 0, 3))
    assert market.job(job).outcome is Outcome.Fraud
    assert market.wealth(*voters) == before
    market.audit()


def test_the_bonds_of_voters_on_a_planted_error_are_liable_until_the_end() -> None:
    market, job, receipt = planted(by_item)
    lazy = market.receipt(receipt).seats[0].verifier
    market.until_phase(receipt, Phase.Disclosing)
    assert reveal_planted_error(market, receipt) is None
    market.do(lazy, "Receipts.leave")
    market.clock.slot += 600
    assert isinstance(market.tried(lazy, "Receipts.withdraw"), errors.StillBonded)
    market.until(job, JobState.Refunded)
    market.run(600)
    market.do(lazy, "Receipts.withdraw")
    market.audit()


def test_a_proof_against_a_planted_error_waits_and_is_void() -> None:
    market, job, receipt = planted(by_item)
    market.bare("prove_fraud", receipt=receipt, proof=ALL_LIES.proof(1, 0, 3))
    with pytest.raises(Invalid):
        market.bare("prove_fraud", receipt=receipt, proof=ALL_LIES.proof(2, 0, 3))
    assert market.job(job).state is JobState.Checking
    market.until_phase(receipt, Phase.Disclosing)
    assert reveal_planted_error(market, receipt) is None
    market.until_phase(receipt, Phase.Checking)
    market.vote(receipt, HONEST)
    assert market.until(job, JobState.Finalized).outcome is Outcome.Done


def test_a_planted_error_that_is_not_revealed_is_fraud() -> None:
    market, job, receipt = planted(by_item)
    provider = market.provider(job)
    price, before_all = int(market.job(job).price), market.wealth(provider)[0]
    market.bare("prove_fraud", receipt=receipt, proof=ALL_LIES.proof(1, 0, 3))
    market.until(job, JobState.Slashed)
    assert before_all - market.wealth(provider)[0] == 10 * price
    market.audit()


def test_after_a_planted_error_a_wrong_element_is_fraud_at_once() -> None:
    market = Market(PLANTED_ERRORS, verifiers=8)
    job = market.post()
    commit = ids.planted_error_commit(LIE.item_root, LIE.output_root, SALT)
    receipt = market.checking(job, ALL_LIES, commit)
    market.vote(receipt, ALL_LIES, by_item)
    market.until_phase(receipt, Phase.Disclosing)
    roots = {"item_root": LIE.item_root, "output_root": LIE.output_root}
    assert reveal_planted_error(market, receipt, **roots) is None
    market.do(BOB, "Receipts.prove_fraud", receipt=receipt, proof=LIE.proof(2, 0, 3))
    assert market.job(job).state is JobState.Slashed
    market.audit()


def late_committee(claim: Claim, commitment: H256) -> tuple[Market, H256, H256]:
    """A receipt for which there were no verifiers at first."""
    market = Market(PLANTED_ERRORS, verifiers=8)
    job = market.post()
    market.accepted(job)
    keys, market.ring.pairs = market.ring.pairs, {}
    receipt = market.submit(job, claim, commitment)
    market.run(4)
    assert market.receipt(receipt).replacements == 1
    market.ring.pairs = keys
    return market, job, receipt


def test_a_planted_error_can_be_revealed_however_late_its_first_committee_is() -> None:
    commit = ids.planted_error_commit(HONEST.item_root, HONEST.output_root, SALT)
    market, job, receipt = late_committee(ALL_LIES, commit)
    market.do(BOB, "Receipts.prove_fraud", receipt=receipt, proof=ALL_LIES.proof(1, 0, 3))
    market.until_phase(receipt, Phase.Checking)
    market.vote(receipt, ALL_LIES, by_item)
    market.until_phase(receipt, Phase.Disclosing)
    assert reveal_planted_error(market, receipt) is None
    market.until_phase(receipt, Phase.Checking)
    market.vote(receipt, HONEST)
    assert market.until(job, JobState.Finalized).outcome is Outcome.Done
    market.audit()


def test_a_proven_receipt_is_fraud_without_any_verifiers() -> None:
    market = Market(PLANTED_ERRORS, verifiers=1)
    job = market.post()
    market.accepted(job)
    receipt = market.submit(job, ALL_LIES)
    market.do(BOB, "Receipts.prove_fraud", receipt=receipt, proof=ALL_LIES.proof(1, 0, 3))
    market.until_phase(receipt, Phase.Disclosing)
    market.audit()
    assert market.until(job, JobState.Slashed).outcome is Outcome.Fraud
    market.audit()


def test_without_a_due_planted_error_none_can_be_revealed() -> None:
    market = Market(
        WorkRules(committee=u32(3), quorum=u32(2), planted_error_ppm=u32(1)), verifiers=8
    )
    job = market.post()
    commit = ids.planted_error_commit(HONEST.item_root, HONEST.output_root, SALT)
    receipt = market.checking(job, ALL_LIES, commit)
    market.vote(receipt, ALL_LIES, by_item)
    market.until_phase(receipt, Phase.Disclosing)
    assert isinstance(reveal_planted_error(market, receipt), errors.NoPlantedError)
