"""Receipts: leaves that are not served, and items that verifiers report as missing."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from btt_chain.primitives.digest import H256
from btt_chain.scale import u16, u32, u128
from btt_chain.work import ids
from runtime.constants import BTT
from runtime.frame import signed
from runtime.pallets.jobs.types import Check, JobState, Outcome
from runtime.pallets.receipts import errors
from runtime.pallets.receipts.types import MAX_REPLACEMENTS, Missing, Phase, Seat, Valid, Verdict
from runtime.params import WorkRules
from support.market import ALICE, BOB, RULES, Claim, Market, net, opened
from support.receipts import DEAR, HONEST, LIE, all_find_it_valid, ask, found_it, one_misses, seen


@pytest.fixture
def market() -> Market:
    return Market()


def sampled(market: Market, receipt: H256) -> Callable[[Seat, int], Verdict]:
    """Report a leaf of the own sample as missing."""

    def verdict(seat: Seat, place: int) -> Verdict:
        return Missing(u32(ids.sample(market.rho(receipt, seat), 4, 1)[0]), u16(1), u32(0))

    return verdict


def test_a_provider_that_shows_nothing_is_fined_and_the_requester_refunded(market: Market) -> None:
    job = market.post()
    receipt = market.checking(job, HONEST)
    fee = int(market.job(job).verification) // 3
    provider = market.provider(job)
    before = market.wealth(ALICE, provider)
    bond = int(market.providers.ledgers[provider].bond)
    market.vote(receipt, HONEST, sampled(market, receipt))
    market.until_phase(receipt, Phase.Withheld)
    market.audit()
    market.until(job, JobState.Refunded)
    assert market.job(job).outcome is Outcome.Withheld
    after = market.wealth(ALICE, provider)
    assert before[0] - after[0] == 3 * fee
    assert before[1] - after[1] == bond * 5 // 100
    market.audit()


def test_a_bond_that_is_all_reserved_is_fined_as_well(market: Market) -> None:
    job = market.post(**DEAR)
    provider = market.accepted(job)
    market.providers.unbond(signed(provider), u128(5_000 * BTT))
    for _ in range(7):  # eras
        market.mining.eras.era_index.value += 1
    market.providers.withdraw(signed(provider))
    ledger = market.providers.ledgers[provider]
    assert (ledger.active, ledger.leaving) == (0, 0)
    receipt = market.checking(job, HONEST)
    market.vote(receipt, HONEST, sampled(market, receipt))
    market.until(job, JobState.Refunded)
    assert market.job(job).outcome is Outcome.Withheld
    assert market.providers.ledgers[provider].bond == ledger.bond - ledger.bond * 5 // 100
    market.audit()


def test_a_provider_that_shows_a_missed_leaf_is_checked_by_others(market: Market) -> None:
    job = market.post()
    receipt = market.checking(job, HONEST)
    provider = market.provider(job)
    bond = market.wealth(provider)
    market.vote(receipt, HONEST, sampled(market, receipt))
    found = market.until_phase(receipt, Phase.Withheld)
    for one in found.challenges:
        proof = HONEST.leaf(int(one.item), 1, 0)
        failed = market.tried(provider, "Receipts.answer_data", receipt=receipt, proof=proof)
        assert failed is None or isinstance(failed, errors.NotRequested)
    market.until_phase(receipt, Phase.Checking)
    market.vote(receipt, HONEST)
    assert market.until(job, JobState.Finalized).outcome is Outcome.Done
    assert market.wealth(provider) > bond
    market.audit()


def test_a_missed_leaf_must_exist(market: Market) -> None:
    receipt = market.checking(job := market.post(), HONEST)
    market.vote(receipt, HONEST, lambda seat, _: Missing(u32(9), u16(1), u32(0)))
    market.until_phase(receipt, Phase.Waiting)
    assert market.job(job).state is JobState.Checking
    assert not market.receipt(receipt).seats
    market.audit()


FIVE = WorkRules(committee=u32(5), quorum=u32(3), min_operators=u32(2))


def rounds(
    market: Market, job: H256, receipt: H256, claim: Claim, *votes: Callable[[Seat, int], Verdict]
) -> Phase:
    """Have each round vote by its entry (the last for all later ones) until none is selected."""
    for number in range(4):
        market.vote(receipt, claim, votes[min(number, len(votes) - 1)])
        market.audit()
        phase = market.until_phase(
            receipt, Phase.Waiting, Phase.Disputed, Phase.Withheld, Phase.Pending
        ).phase
        market.audit()
        if phase is not Phase.Waiting:
            return phase
        market.until_phase(receipt, Phase.Checking, Phase.Ended)
        if market.receipt(receipt).phase is Phase.Ended:
            return Phase.Ended
    raise AssertionError("there are rounds without end")


@pytest.mark.parametrize("wrong", range(4))
@pytest.mark.parametrize(
    ("items", "sample_count", "check"),
    [(4, 1, Check.Sampled), (32, 2, Check.Sampled), (4, 4, Check.Full)],
)
def test_serving_all_but_the_wrong_item_is_not_paid_once_that_is_selected(
    wrong: int, items: int, sample_count: int, check: Check
) -> None:
    market = Market(FIVE, verifiers=20)
    claim = Claim(items, [(wrong, 1, 3)])
    job = market.post(ALICE, items, check=check)
    before = market.wealth(ALICE, *market.provider_accounts)
    receipt = market.checking(job, claim)
    selected = [
        wrong in seen(market, receipt, seat, sample_count) for seat in market.receipt(receipt).seats
    ]

    def verdict(seat: Seat, _place: int) -> Verdict:
        served = wrong not in seen(market, receipt, seat, sample_count)
        return Valid() if served else Missing(u32(wrong), u16(1), u32(0))

    phase = rounds(market, job, receipt, claim, verdict)
    if not any(selected):
        assert phase is Phase.Pending  # no verifier checked it
        return
    assert phase is Phase.Withheld
    market.until(job, JobState.Refunded)
    assert market.job(job).outcome is Outcome.Withheld
    after = market.wealth(ALICE, *market.provider_accounts)
    assert sum(after[1:]) < sum(before[1:])
    market.audit()


@pytest.mark.parametrize("pattern", range(1, 32))
def test_no_round_with_a_miss_is_valid_whichever_of_five_report_it(pattern: int) -> None:
    market = Market(FIVE, verifiers=20)
    receipt = market.checking(job := market.post(), HONEST)

    def verdict(seat: Seat, place: int) -> Verdict:
        missed = Missing(u32(seen(market, receipt, seat)[0]), u16(1), u32(0))
        return missed if pattern >> place & 1 else Valid()

    market.vote(receipt, HONEST, verdict)
    phase = market.until_phase(receipt, Phase.Waiting, Phase.Withheld, Phase.Pending).phase
    assert phase is (Phase.Withheld if pattern.bit_count() > 2 else Phase.Waiting)
    market.until(job, JobState.Refunded)
    assert market.job(job).outcome in (Outcome.Unverified, Outcome.Withheld)
    market.audit()


@pytest.mark.parametrize("liars", [1, 2])
def test_a_false_report_of_a_missing_leaf_only_delays(liars: int) -> None:
    market = Market(FIVE, verifiers=7)
    receipt = market.checking(job := market.post(), HONEST)
    first = [seat.verifier for seat in market.receipt(receipt).seats]
    before = market.wealth(*market.verifier_accounts)
    fee = int(market.job(job).verification) // 5
    votes = [*[one_misses(market, receipt)] * liars, all_find_it_valid]
    assert rounds(market, job, receipt, HONEST, *votes) is Phase.Pending
    found = market.receipt(receipt)
    assert {seat.round for seat in found.seats} == {liars}
    assert len(found.missed) == liars
    items = {int(item) for _, item in found.missed}
    assert all(items <= {*seen(market, receipt, seat)} for seat in found.seats)
    seated = [seat.verifier for seat in found.seats]
    assert first[0] not in seated
    assert len({*first} & {*seated}) >= 3  # who did not lie looked again
    assert market.until(job, JobState.Finalized).outcome is Outcome.Done
    after = market.wealth(*market.verifier_accounts)
    gained = {
        who: new - old
        for who, new, old in zip(market.verifier_accounts, after, before, strict=True)
    }
    assert gained == {who: fee if who in seated else 0 for who in market.verifier_accounts}
    market.audit()


def test_a_false_report_of_a_miss_in_every_round_does_not_prevent_payment() -> None:
    market = Market(FIVE, verifiers=8)
    receipt = market.checking(job := market.post(), HONEST)
    provider = market.provider(job)
    assert rounds(market, job, receipt, HONEST, one_misses(market, receipt)) is Phase.Withheld
    (asked,) = market.receipt(receipt).challenges
    proof = HONEST.leaf(int(asked.item), 1, 0)
    market.do(provider, "Receipts.answer_data", receipt=receipt, proof=proof)
    found = market.until_phase(receipt, Phase.Pending)
    assert len(found.seats) == 4, "the last that lied is not paid"
    assert len(found.missed) == 2
    market.audit()
    market.until(job, JobState.Finalized)
    assert market.job(job).outcome is Outcome.Done
    market.audit()


def test_a_leaf_shown_after_silent_rounds_does_not_count_as_served() -> None:
    """No verifier checked in the earlier rounds: the last one would be the only one."""
    market = Market(FIVE, verifiers=20)
    receipt = market.checking(job := market.post(), HONEST)
    liar = one_misses(market, receipt)

    def alone(seat: Seat, place: int) -> Verdict | None:
        return liar(seat, place) if place == 0 else None

    for _ in range(2):
        market.vote(receipt, HONEST, alone)
        market.until_phase(receipt, Phase.Waiting)
        market.until_phase(receipt, Phase.Checking)
    market.vote(receipt, HONEST, liar)
    market.until_phase(receipt, Phase.Withheld)
    for item in range(4):
        proof = HONEST.leaf(item, 1, 0)
        market.tried(ALICE, "Receipts.answer_data", receipt=receipt, proof=proof)
    market.until(job, JobState.Refunded)
    assert market.job(job).outcome is Outcome.Unverified
    market.audit()


@pytest.mark.parametrize("wrong", range(4))
def test_with_a_liar_in_every_round_no_wrong_item_passes_that_was_selected_before_the_last(
    wrong: int,
) -> None:
    """It serves all but the wrong item, and shows any leaf; one in each round is in league."""
    market = Market(FIVE, verifiers=20)
    claim = Claim(4, [(wrong, 1, 3)])
    receipt = market.checking(job := market.post(), claim)
    selected: list[int] = []

    def verdict(seat: Seat, place: int) -> Verdict:
        sample_count = seen(market, receipt, seat)
        if place == 0:
            other = next((item for item in sample_count if item != wrong), wrong)
            return Missing(u32(other), u16(1), u32(0))
        if wrong in sample_count:
            selected.append(int(seat.round))
            return Missing(u32(wrong), u16(1), u32(0))
        return Valid()

    phase = rounds(market, job, receipt, claim, verdict)
    while phase is Phase.Withheld:
        for asked in market.receipt(receipt).challenges:
            proof = claim.leaf(int(asked.item), 1, 0)
            market.tried(ALICE, "Receipts.answer_data", receipt=receipt, proof=proof)
        phase = market.until_phase(receipt, Phase.Checking, Phase.Pending, Phase.Ended).phase
        if phase is Phase.Checking:
            phase = rounds(market, job, receipt, claim, verdict)
    assert phase is Phase.Ended or min(selected, default=MAX_REPLACEMENTS) == MAX_REPLACEMENTS
    market.audit()


def test_all_of_the_next_round_answer_for_what_was_missed() -> None:
    market = Market(FIVE, verifiers=8)
    looking: list[Seat] = []
    while not looking:
        job = market.post(**DEAR)
        receipt = market.checking(job, LIE)
        seats = market.receipt(receipt).seats
        looking = [seat for seat in seats if seen(market, receipt, seat) == [2]]
    price, one = int(market.job(job).price), looking[0]

    def missed_once(seat: Seat, _place: int) -> Verdict:
        misses = seat.verifier == one.verifier
        return Missing(u32(2), u16(1), u32(0)) if misses else Valid()

    market.vote(receipt, LIE, missed_once)
    market.until_phase(receipt, Phase.Waiting)
    market.until_phase(receipt, Phase.Checking)
    seats = market.receipt(receipt).seats
    assert [seat.verdict for seat in seats] == [None] * 5
    before = market.wealth(*(seat.verifier for seat in seats))
    market.vote(receipt, LIE, lambda seat, place: found_it(seat, place) if place == 0 else Valid())
    market.until_phase(receipt, Phase.Disputed)
    market.bare("prove_fraud", receipt=receipt, proof=LIE.proof(2, 0, 3))
    assert market.job(job).outcome is Outcome.Fraud
    after = market.wealth(*(seat.verifier for seat in seats))
    lost = [old - new for old, new in zip(before, after, strict=True)]
    assert lost[1:] == [2 * price] * 4
    market.audit()


def test_a_digest_has_what_was_missed_as_well() -> None:
    market = Market(FIVE, verifiers=8)
    job = market.post(**DEAR)
    receipt = market.checking(job, HONEST)
    votes = (one_misses(market, receipt), all_find_it_valid)
    assert rounds(market, job, receipt, HONEST, *votes) is Phase.Pending
    found = market.receipt(receipt)
    ((_, missed),) = found.missed
    (seat, *_) = [one for one in found.seats if len(seen(market, receipt, one)) == 2]
    leaves = HONEST.digests(seat.rho, 1, [int(missed)])
    place = ids.digest_place(HONEST.graph, seen(market, receipt, seat), int(missed), 0, 0)
    said = opened(ids.digest_tree(leaves), place, leaves[place])
    failed = market.tried(
        BOB, "Receipts.dispute_digest", receipt=receipt, verifier=seat.verifier,
        proof=HONEST.leaf(int(missed), 0, 0), said=said,
    )  # fmt: skip
    assert isinstance(failed, errors.DigestRight)


def test_the_requester_asks_for_a_leaf_and_pays_if_it_is_shown(market: Market) -> None:
    job = market.post(**DEAR)
    price = int(market.job(job).price)
    receipt = market.checking(job, HONEST)
    assert isinstance(ask(market, BOB, receipt), errors.NotAllowed)
    assert isinstance(ask(market, ALICE, receipt, 99), errors.NoSuchLeaf)
    # The graph has a fourth tensor, the item none: one of them has no leaves.
    assert len(net().graph.tensors) == 4
    assert isinstance(ask(market, ALICE, receipt, tensor=3), errors.NoSuchLeaf)
    before = market.wealth(ALICE)[0]
    assert ask(market, ALICE, receipt) is None
    market.audit()
    other = market.tried(BOB, "Receipts.answer_data", receipt=receipt, proof=LIE.leaf(1, 1, 0))
    assert isinstance(other, errors.LeafRefused)
    wrong = market.tried(BOB, "Receipts.answer_data", receipt=receipt, proof=HONEST.leaf(0, 1, 0))
    assert isinstance(wrong, errors.NotRequested)
    market.do(BOB, "Receipts.answer_data", receipt=receipt, proof=HONEST.leaf(1, 1, 0))
    again = market.tried(BOB, "Receipts.answer_data", receipt=receipt, proof=HONEST.leaf(1, 1, 0))
    assert isinstance(again, errors.NotRequested)
    assert before - market.wealth(ALICE)[0] == -(-price // 100)
    market.vote(receipt, HONEST)
    market.until(job, JobState.Finalized)
    market.audit()


def test_showing_a_requested_leaf_costs_no_fee(market: Market) -> None:
    receipt = market.checking(market.post(), HONEST)
    assert ask(market, ALICE, receipt) is None
    answer = market.call("Receipts", "answer_data", receipt=receipt, proof=HONEST.leaf(1, 1, 0))
    assert market.dispatch(signed(BOB), answer).pays is False


def test_a_leaf_that_is_not_shown_ends_the_job_and_the_deposit_comes_back(market: Market) -> None:
    job = market.post()
    receipt = market.checking(job, HONEST)
    market.vote(receipt, HONEST)
    market.until(job, JobState.Pending)
    before = market.wealth(ALICE)[0]
    assert ask(market, ALICE, receipt) is None
    market.until(job, JobState.Refunded)
    assert market.job(job).outcome is Outcome.Withheld
    assert market.wealth(ALICE)[0] == before
    market.audit()


def test_no_leaf_is_asked_for_that_could_not_be_shown_in_time(market: Market) -> None:
    job = market.post()
    receipt = market.checking(job, HONEST)
    market.vote(receipt, HONEST)
    found = market.until_phase(receipt, Phase.Pending)
    while market.clock.now() + int(RULES.transcript_slots) <= found.due:
        market.step()
    assert isinstance(ask(market, ALICE, receipt), errors.TooLate)


def test_the_number_of_requested_leaves_is_bounded(market: Market) -> None:
    receipt = market.checking(market.post(), HONEST)
    for _ in range(16):
        assert ask(market, ALICE, receipt) is None
    assert isinstance(ask(market, ALICE, receipt), errors.TooManyRequests)
    market.audit()
