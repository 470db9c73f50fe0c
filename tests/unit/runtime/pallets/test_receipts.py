"""Receipts: what is wrong is found, proven and punished, and what is right is paid."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from btt_chain.crypto.keypair import KeyPair
from btt_chain.crypto.vrf import SchnorrkelVrf
from btt_chain.primitives import ss58
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.primitives.validity import Invalid, TransactionSource
from btt_chain.scale import u8, u16, u32, u64, u128
from btt_chain.work import ids
from runtime.constants import BTT
from runtime.frame import NONE, BadOrigin, GenesisError, TokenError, signed
from runtime.frame.error import Error
from runtime.pallets.jobs import Check, Jobs, JobState, Outcome, Tier
from runtime.pallets.receipts import (
    Missing,
    Phase,
    Receipts,
    Seat,
    Valid,
    Verdict,
    Wrong,
)
from runtime.pallets.receipts.constants import PLANTED_ERROR_POOL
from runtime.pallets.receipts.tally import missed_before
from runtime.pallets.receipts.types import MAX_REPLACEMENTS, OUTAGE_SLOTS
from runtime.params import WorkRules
from support.market import (
    ALICE,
    BOB,
    GENESIS,
    JOB_KEY,
    RANDOMNESS,
    RICH,
    RULES,
    SALT,
    Claim,
    Market,
    net,
    opened,
    person,
)

HONEST = Claim(4)
LIE = Claim(4, [(2, 1, 3)])
"""Item 2, node 0, element 3."""
ALL_LIES = Claim(4, [(item, 1, 3) for item in range(4)])
FULL = {"check": Check.Full}
DEAR = {"data_bytes": u64(2_000_000 << 20)}
"""A job of about 20 BTT."""


@pytest.fixture
def market() -> Market:
    return Market()


def found_it(seat: Seat, place: int) -> Verdict:
    return Wrong(u32(2), u16(0), u32(3))


# ---- the honest path


def test_a_receipt_that_enough_find_valid_is_paid_after_the_challenge_window(
    market: Market,
) -> None:
    job = market.post()
    receipt = market.checking(job, HONEST)
    assert market.job(job).state is JobState.Checking
    assert len(market.receipt(receipt).seats) == 3
    market.vote(receipt, HONEST)
    pending = market.until_phase(receipt, Phase.Pending)
    assert market.job(job).state is JobState.Pending
    assert pending.due == market.sky.now() + RULES.challenge_slots
    market.audit()

    market.run(int(RULES.challenge_slots) - 1)
    assert market.job(job).state is JobState.Pending
    market.step()
    assert market.job(job).state is JobState.Finalized
    assert market.receipt(receipt).phase is Phase.Ended
    market.audit()


def test_the_whole_way_with_the_draws_of_real_keys() -> None:
    market = Market(vrf=lambda ring: SchnorrkelVrf())
    job = market.post()
    market.finish(job, HONEST)
    assert market.job(job).outcome is Outcome.Done
    market.audit()


def test_what_verifiers_look_at_is_their_own_luck_and_told_only_when_they_reveal(
    market: Market,
) -> None:
    receipt = market.checking(market.post(ALICE, 32), claim := Claim(32))
    seats = market.receipt(receipt).seats
    assert all(seat.rho == bytes(32) for seat in seats)
    market.vote(receipt, claim)
    lucks = [seat.rho for seat in market.receipt(receipt).seats]
    assert lucks == [market.rho(receipt, seat) for seat in seats]
    assert len({tuple(ids.sample(randomness, 32, 2)) for randomness in lucks}) > 1


def test_no_committee_has_a_verifier_of_the_provider_or_the_requester() -> None:
    market = Market(providers=2, verifiers=3)
    provider = market.provider_accounts[0]
    both = [*market.verifier_accounts, provider, ALICE]
    for who in both[3:]:
        market.ring.pairs[who] = KeyPair.from_seed(who)
        market.do(who, "Receipts.join", bond=u128(500_000 * BTT))
    for _ in range(3):
        job = market.post()
        receipt = market.checking(job, HONEST)
        drawn = {seat.verifier for seat in market.receipt(receipt).seats}
        assert ALICE not in drawn
        assert market.provider(job) not in drawn
        market.vote(receipt, HONEST)
    market.audit()


# ---- submitting


def test_only_the_assigned_provider_submits(market: Market) -> None:
    job = market.post()
    provider = market.accepted(job)
    thief = next(who for who in market.provider_accounts if who != provider)
    args = {
        "job": job, "attempt": u8(0), "item_root": HONEST.item_root,
        "output_root": HONEST.output_root, "planted_error_commit": RANDOMNESS,
        "started": u32(market.sky.now()), "finished": u32(market.sky.now()),
    }  # fmt: skip
    assert isinstance(market.tried(thief, "Receipts.submit", **args), Jobs.NotProvider)
    late = args | {"attempt": u8(1)}
    assert isinstance(market.tried(provider, "Receipts.submit", **late), Jobs.WrongAttempt)
    for times in ((0, market.sky.now()), (market.sky.now(), market.sky.now() + 1)):
        wrong = args | {"started": u32(times[0]), "finished": u32(times[1])}
        assert isinstance(market.tried(provider, "Receipts.submit", **wrong), Receipts.BadTimes)
    absent = args | {"job": H256(bytes(32))}
    assert isinstance(market.tried(provider, "Receipts.submit", **absent), Jobs.UnknownJob)

    market.do(provider, "Receipts.submit", **args)
    assert isinstance(market.tried(provider, "Receipts.submit", **args), Jobs.WrongState)
    market.audit()


def test_a_receipt_of_another_chain_is_none_here(market: Market) -> None:
    job = market.post()
    receipt = market.checking(job, HONEST)
    provider = market.provider(job)
    other = ids.receipt_id(b"\x08" * 32, job, provider, 0, HONEST.item_root)
    assert receipt != other
    assert other not in market.receipts.receipts
    seat = market.receipt(receipt).seats[0]
    commitment = H256(bytes(32))
    beacon = market.receipt(receipt).beacons[0]
    message = ids.commit_message(b"\x08" * 32, receipt, seat.verifier, beacon, commitment)
    signature = market.ring.pairs[seat.verifier].sign(message)
    with pytest.raises(Invalid):
        market.bare(
            "attest_commit", receipt=receipt, verifier=seat.verifier, commitment=commitment,
            signature=signature,
        )  # fmt: skip


def test_a_job_that_ended_takes_no_second_receipt(market: Market) -> None:
    job = market.post()
    market.finish(job, HONEST)
    provider, now = market.provider(job), u32(market.sky.now())
    failed = market.tried(
        provider, "Receipts.submit", job=job, attempt=u8(0), item_root=HONEST.item_root,
        output_root=HONEST.output_root, planted_error_commit=RANDOMNESS, started=now, finished=now,
    )  # fmt: skip
    assert isinstance(failed, Jobs.WrongState)
    paid = market.job(job).paid
    market.run(100)
    assert market.job(job).paid == paid


def test_nobody_is_drawn_before_a_beacon_that_was_not_known_at_submission(market: Market) -> None:
    job = market.post()
    market.accepted(job)
    market.sky.dark = True
    receipt = market.submit(job, HONEST)
    market.run(30)
    assert market.receipt(receipt).phase is Phase.Waiting
    assert market.job(job).state is JobState.Committed
    market.audit()
    market.sky.dark = False
    market.step()
    assert market.receipt(receipt).phase is Phase.Checking


def test_a_beacon_that_may_be_forgotten_is_asked_for_anew(market: Market) -> None:
    job = market.post()
    market.accepted(job)
    market.sky.dark = True
    receipt = market.submit(job, HONEST)
    begun = market.sky.now()
    market.wait(904)
    assert begun + 900 <= market.receipt(receipt).since <= market.sky.now()
    market.audit()


# ---- attesting


def commit_args(market: Market, receipt: H256, seat: Seat) -> dict[str, object]:
    beacon = market.receipt(receipt).beacons[seat.round]
    message = ids.commit_message(GENESIS, receipt, seat.verifier, beacon, RANDOMNESS)
    signature = market.ring.pairs[seat.verifier].sign(message)
    return {
        "receipt": receipt, "verifier": seat.verifier, "commitment": RANDOMNESS,
        "signature": signature,
    }  # fmt: skip


def test_only_the_key_of_a_seat_commits_once_and_in_time(market: Market) -> None:
    receipt = market.checking(market.post(), HONEST)
    seat = market.receipt(receipt).seats[0]
    args = commit_args(market, receipt, seat)
    for wrong in (
        {"signature": bytes(64)},
        {"commitment": H256(bytes(32))},
        {"verifier": market.receipt(receipt).seats[1].verifier},
        {"verifier": ALICE},
        {"receipt": RANDOMNESS},
    ):
        with pytest.raises(Invalid):
            market.bare("attest_commit", **(args | wrong))
    assert isinstance(market.tried(ALICE, "Receipts.attest_commit", **args), BadOrigin)
    market.bare("attest_commit", **args)
    with pytest.raises(Invalid):
        market.bare("attest_commit", **args)
    market.run(10)
    other = commit_args(market, receipt, market.receipt(receipt).seats[1])
    with pytest.raises(Invalid):
        market.bare("attest_commit", **other)


def test_a_reveal_comes_in_its_window_and_opens_the_commitment(market: Market) -> None:
    receipt = market.checking(market.post(), HONEST)
    seat = market.receipt(receipt).seats[0]
    reveal = market.commit(receipt, seat, Valid(), HONEST)
    with pytest.raises(Invalid, match="in the future"):
        reveal()
    while market.sky.now() < market.receipt(receipt).commit_until:
        market.step()
    draw, proof = market.vrf.sign(
        market.ring.pairs[seat.verifier],
        ids.check_input(market.receipt(receipt).beacons[0], receipt),
    )
    with pytest.raises(Invalid):
        market.bare(
            "attest_reveal", receipt=receipt, verifier=seat.verifier, verdict=Valid(),
            digest=RANDOMNESS, salt=SALT, pre_output=draw.pre_output, proof=proof,
        )  # fmt: skip
    reveal()
    assert market.receipt(receipt).seats[0].verdict == Valid()
    with pytest.raises(Invalid):
        reveal()
    market.audit()


def test_nobody_spoils_the_vote_of_another_by_its_opening_with_a_bad_draw(market: Market) -> None:
    receipt = market.checking(market.post(), HONEST)
    seat = market.receipt(receipt).seats[0]
    reveal = market.commit(receipt, seat, Valid(), HONEST)
    while market.sky.now() < market.receipt(receipt).commit_until:
        market.step()
    rho = market.rho(receipt, seat)
    digest = ids.digest_tree(HONEST.digests(rho, 1)).root
    args: dict[str, object] = {
        "receipt": receipt, "verifier": seat.verifier, "verdict": Valid(), "digest": digest,
        "salt": SALT, "pre_output": bytes(32), "proof": bytes(64),
    }  # fmt: skip
    with pytest.raises(Invalid, match="bad signature"):
        market.bare("attest_reveal", **args)
    # Nor who makes the block, and need not ask the pool.
    call = market.call("Receipts", "attest_reveal", **args)
    assert market.receipts.validate_unsigned(call, TransactionSource.InBlock) is not None
    failed = market.tried(NONE, "Receipts.attest_reveal", **args)
    assert isinstance(failed, Receipts.BadVrfProof)
    reveal()
    assert market.receipt(receipt).seats[0].verdict == Valid()


def test_who_is_silent_is_replaced_and_that_is_noted(market: Market) -> None:
    job = market.post()
    receipt = market.checking(job, HONEST)
    before = [seat.verifier for seat in market.receipt(receipt).seats]
    market.vote(receipt, HONEST, lambda seat, place: Valid() if place == 0 else None)
    market.until_phase(receipt, Phase.Waiting)
    market.until_phase(receipt, Phase.Checking)
    after = [seat.verifier for seat in market.receipt(receipt).seats]
    assert after[0] == before[0]
    assert not {*after[1:]} & {*before[1:]}
    assert market.receipts.bonds.verifiers[before[1]].misses == 1
    market.vote(receipt, HONEST)
    market.until(job, JobState.Finalized)
    assert market.job(job).outcome is Outcome.Done
    market.audit()


def test_a_receipt_that_nobody_votes_on_is_refunded_without_a_fault(market: Market) -> None:
    before = market.wealth(ALICE, *market.provider_accounts)
    job = market.post()
    market.checking(job, HONEST)
    market.until(job, JobState.Refunded)
    assert market.job(job).outcome is Outcome.Unverified
    assert market.wealth(ALICE, *market.provider_accounts) == before
    assert market.receipt(market.job(job).receipt or RANDOMNESS).replacements <= 2
    market.audit()


def all_but(idle: AccountId) -> Callable[[Seat, int], Verdict | None]:
    return lambda seat, _: None if seat.verifier == idle else Valid()


def test_a_verifier_that_never_votes_is_none_after_three_receipts() -> None:
    market = Market(verifiers=3)

    def misses_one() -> AccountId:
        job = market.post()
        receipt = market.checking(job, HONEST)
        idle = min(seat.verifier for seat in market.receipt(receipt).seats)
        market.vote(receipt, HONEST, all_but(idle))
        market.until(job, JobState.Finalized)
        return idle

    idle = misses_one()
    misses_one()
    assert market.receipts.bonds.verifiers[idle].misses == 1  # the same outage
    for _ in range(2):
        market.wait(OUTAGE_SLOTS)
        misses_one()
    found = market.receipts.bonds.verifiers[idle]
    assert found.misses == 3
    assert found.free_at is not None
    assert idle not in [row[0] for row in market.receipts.bonds.roster.value]
    market.audit()


# ---- fraud


def test_a_vote_ends_a_row_of_silences() -> None:
    market = Market(verifiers=3)

    def misses_after(votes: bool) -> int:
        market.wait(OUTAGE_SLOTS)
        job = market.post()
        receipt = market.checking(job, HONEST)
        idle = min(seat.verifier for seat in market.receipt(receipt).seats)
        market.vote(receipt, HONEST, all_find_it_valid if votes else all_but(idle))
        market.until(job, JobState.Finalized)
        return int(market.receipts.bonds.verifiers[idle].misses)

    assert [misses_after(votes) for votes in (False, False, True, False)] == [1, 2, 0, 1]
    market.audit()


def test_a_wrong_element_is_proven_and_everybody_gets_what_is_due(market: Market) -> None:
    job = market.post(**FULL, **DEAR)
    found = market.job(job)
    price, fee = int(found.price), int(found.verification) // 3
    receipt = market.checking(job, LIE)
    provider = market.provider(job)
    before = market.wealth(ALICE, BOB, provider)
    seats = [seat.verifier for seat in market.receipt(receipt).seats]
    purses = market.wealth(*seats)

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
    gained = [new - old for new, old in zip(market.wealth(*seats), purses, strict=True)]
    assert gained[0] == -2 * price
    assert gained[1] == share + fee + price  # the first finder gets half of the voter's loss
    assert gained[2] == share + fee
    market.audit()


def test_a_proof_without_a_vote_gives_its_sender_half(market: Market) -> None:
    job = market.post(**DEAR)
    price = int(market.job(job).price)
    market.accepted(job)
    receipt = market.submit(job, LIE)
    before, purse = market.wealth(ALICE), market.wealth(BOB)
    market.do(BOB, "Receipts.prove_fraud", receipt=receipt, proof=LIE.proof(2, 0, 3))
    assert market.job(job).state is JobState.Slashed
    assert market.wealth(BOB)[0] - purse[0] == 5 * price
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

    assert isinstance(
        nodes(market, "prove_fraud", receipt=receipt, proof=right), Receipts.NotAllowed
    )
    market.vote(receipt, LIE, verdict)
    for proof, error in (
        (LIE.proof(2, 0, 2), Receipts.NotAllowed),  # nobody said so
        (false, Receipts.NotFraudulent),
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
    purse = market.wealth(BOB)[0]
    market.do(BOB, "Receipts.prove_fraud", receipt=receipt, proof=HONEST.proof(2, 0, 3))
    assert purse - market.wealth(BOB)[0] == -(-price // 100)
    assert market.receipt(receipt).phase is Phase.Checking
    market.vote(receipt, HONEST)
    assert market.until(job, JobState.Finalized).outcome is Outcome.Done
    market.audit()


def test_who_cannot_pay_for_a_false_proof_sends_none(market: Market) -> None:
    receipt = market.checking(market.post(**DEAR), HONEST)
    failed = market.tried(
        person("pauper"), "Receipts.prove_fraud", receipt=receipt, proof=HONEST.proof(2, 0, 3)
    )
    assert isinstance(failed, TokenError)


def test_another_output_than_was_told_is_fraud(market: Market) -> None:
    claim = Claim(4, outputs=[1])
    job = market.post()
    market.accepted(job)
    receipt = market.submit(job, claim)
    for item, output in ((1, False), (2, True)):
        proof = claim.output_proof(item)
        market.do(BOB, "Receipts.prove_edge", receipt=receipt, proof=proof, output=output)
        assert isinstance(market.announced()[-1], Receipts.FalseProof)
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
    purses = market.wealth(*market.verifier_accounts)
    market.do(BOB, "Receipts.prove_fraud", receipt=receipt, proof=LIE.proof(2, 0, 3))
    assert market.job(job).state is JobState.Slashed
    looked = [seat for seat in market.receipt(receipt).seats if 2 in ids.sample(seat.rho, 4, 1)]
    lost = [
        old - new for old, new in zip(purses, market.wealth(*market.verifier_accounts), strict=True)
    ]
    assert sum(part > 0 for part in lost) == len(looked)
    failed = market.tried(BOB, "Receipts.prove_fraud", receipt=receipt, proof=LIE.proof(2, 0, 3))
    assert isinstance(failed, Receipts.TooLate)
    market.audit()


def test_a_false_alarm_costs_who_raised_it_and_the_receipt_goes_on(market: Market) -> None:
    job = market.post(**DEAR)
    price = int(market.job(job).price)
    receipt = market.checking(job, HONEST)
    liar = market.receipt(receipt).seats[2].verifier
    market.vote(
        receipt, HONEST, lambda seat, place: found_it(seat, place) if place == 2 else Valid()
    )
    purse = market.wealth(liar)[0]
    market.until_phase(receipt, Phase.Disputed)
    market.audit()
    assert market.until(job, JobState.Finalized).outcome is Outcome.Done
    assert purse - market.wealth(liar)[0] == 2 * price
    market.audit()


# ---- data


def missing(seat: Seat, place: int) -> Verdict:
    return Missing(u32(0), u16(1), u32(0))


def sampled(market: Market, receipt: H256) -> Callable[[Seat, int], Verdict]:
    """Miss a leaf that one looks at."""

    def verdict(seat: Seat, place: int) -> Verdict:
        return Missing(u32(ids.sample(market.rho(receipt, seat), 4, 1)[0]), u16(1), u32(0))

    return verdict


def test_a_provider_that_shows_nothing_is_fined_and_the_requester_refunded(
    market: Market,
) -> None:
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


def test_a_provider_that_shows_what_is_missed_is_looked_at_by_others(market: Market) -> None:
    job = market.post()
    receipt = market.checking(job, HONEST)
    provider = market.provider(job)
    bond = market.wealth(provider)
    market.vote(receipt, HONEST, sampled(market, receipt))
    found = market.until_phase(receipt, Phase.Withheld)
    for one in found.challenges:
        proof = HONEST.leaf(int(one.item), 1, 0)
        failed = market.tried(provider, "Receipts.answer_data", receipt=receipt, proof=proof)
        assert failed is None or isinstance(failed, Receipts.NotRequested)
    market.until_phase(receipt, Phase.Checking)
    market.vote(receipt, HONEST)
    assert market.until(job, JobState.Finalized).outcome is Outcome.Done
    assert market.wealth(provider) > bond
    market.audit()


def test_what_is_missed_must_exist(market: Market) -> None:
    receipt = market.checking(job := market.post(), HONEST)
    market.vote(receipt, HONEST, lambda seat, _: Missing(u32(9), u16(1), u32(0)))
    market.until_phase(receipt, Phase.Waiting)
    assert market.job(job).state is JobState.Checking
    assert not market.receipt(receipt).seats
    market.audit()


# ---- items that somebody misses


FIVE = WorkRules(committee=u32(5), quorum=u32(3), min_operators=u32(2))


def seen(market: Market, receipt: H256, seat: Seat, looked_at: int = 1) -> list[int]:
    """What a verifier looks at."""
    found = market.receipt(receipt)
    items = int(market.job(found.job).items)
    return ids.sample(market.rho(receipt, seat), items, looked_at, missed_before(found, seat))


def rounds(
    market: Market, job: H256, receipt: H256, claim: Claim, *votes: Callable[[Seat, int], Verdict]
) -> Phase:
    """Have each round vote as told (the last as all after it) until no other is drawn."""
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
    ("items", "looked_at", "check"),
    [(4, 1, Check.Sampled), (32, 2, Check.Sampled), (4, 4, Check.Full)],
)
def test_who_serves_all_but_the_wrong_item_is_not_paid_once_it_is_drawn(
    wrong: int, items: int, looked_at: int, check: Check
) -> None:
    market = Market(FIVE, verifiers=20)
    claim = Claim(items, [(wrong, 1, 3)])
    job = market.post(ALICE, items, check=check)
    before = market.wealth(ALICE, *market.provider_accounts)
    receipt = market.checking(job, claim)
    drawn = [
        wrong in seen(market, receipt, seat, looked_at) for seat in market.receipt(receipt).seats
    ]

    def verdict(seat: Seat, _place: int) -> Verdict:
        served = wrong not in seen(market, receipt, seat, looked_at)
        return Valid() if served else Missing(u32(wrong), u16(1), u32(0))

    phase = rounds(market, job, receipt, claim, verdict)
    if not any(drawn):
        assert phase is Phase.Pending  # nobody looked
        return
    assert phase is Phase.Withheld
    market.until(job, JobState.Refunded)
    assert market.job(job).outcome is Outcome.Withheld
    after = market.wealth(ALICE, *market.provider_accounts)
    assert sum(after[1:]) < sum(before[1:])
    market.audit()


@pytest.mark.parametrize("pattern", range(1, 32))
def test_whichever_of_five_miss_something_no_round_stands(pattern: int) -> None:
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


def one_misses(market: Market, receipt: H256) -> Callable[[Seat, int], Verdict]:
    """The first of those who vote says that it was not served."""

    def verdict(seat: Seat, place: int) -> Verdict:
        missed = Missing(u32(seen(market, receipt, seat)[0]), u16(1), u32(0))
        return missed if place == 0 else Valid()

    return verdict


def all_find_it_valid(seat: Seat, place: int) -> Verdict:
    return Valid()


@pytest.mark.parametrize("liars", [1, 2])
def test_who_lies_that_something_is_missing_only_delays(liars: int) -> None:
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


def test_somebody_that_lies_so_in_every_round_keeps_nobody_from_the_pay() -> None:
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


def test_where_others_are_silent_what_is_shown_in_the_end_does_not_count_as_served() -> None:
    """Nobody looked in the rounds before: the last one would be the only one."""
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
def test_with_a_liar_in_every_round_a_cheat_passes_nothing_that_was_drawn_before_the_last(
    wrong: int,
) -> None:
    """It serves all but the wrong item, and shows any leaf; one in each round is in league."""
    market = Market(FIVE, verifiers=20)
    claim = Claim(4, [(wrong, 1, 3)])
    receipt = market.checking(job := market.post(), claim)
    drawn: list[int] = []

    def verdict(seat: Seat, place: int) -> Verdict:
        looked_at = seen(market, receipt, seat)
        if place == 0:
            other = next((item for item in looked_at if item != wrong), wrong)
            return Missing(u32(other), u16(1), u32(0))
        if wrong in looked_at:
            drawn.append(int(seat.round))
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
    assert phase is Phase.Ended or min(drawn, default=MAX_REPLACEMENTS) == MAX_REPLACEMENTS
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
    assert isinstance(failed, Receipts.DigestRight)


def test_what_was_missed_of_a_trap_is_looked_at_by_those_who_look_at_what_is_right() -> None:
    market = Market(TRAPS, verifiers=8)
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


def ask(
    market: Market, who: AccountId, receipt: H256, leaf: int = 0, tensor: int = 1
) -> Error | None:
    failed = market.tried(
        who, "Receipts.challenge_data", receipt=receipt, item=u32(1), tensor=u32(tensor),
        leaf=u32(leaf),
    )  # fmt: skip
    assert failed is None or isinstance(failed, Error)
    return failed


def test_the_requester_asks_for_a_leaf_and_pays_if_it_is_shown(market: Market) -> None:
    job = market.post(**DEAR)
    price = int(market.job(job).price)
    receipt = market.checking(job, HONEST)
    assert isinstance(ask(market, BOB, receipt), Receipts.NotAllowed)
    assert isinstance(ask(market, ALICE, receipt, 99), Receipts.NoSuchLeaf)
    # The graph has a fourth tensor, the item none: one of them has no leaves.
    assert len(net().graph.tensors) == 4
    assert isinstance(ask(market, ALICE, receipt, tensor=3), Receipts.NoSuchLeaf)
    before = market.wealth(ALICE)[0]
    assert ask(market, ALICE, receipt) is None
    market.audit()
    other = market.tried(BOB, "Receipts.answer_data", receipt=receipt, proof=LIE.leaf(1, 1, 0))
    assert isinstance(other, Receipts.LeafRefused)
    wrong = market.tried(BOB, "Receipts.answer_data", receipt=receipt, proof=HONEST.leaf(0, 1, 0))
    assert isinstance(wrong, Receipts.NotRequested)
    market.do(BOB, "Receipts.answer_data", receipt=receipt, proof=HONEST.leaf(1, 1, 0))
    again = market.tried(BOB, "Receipts.answer_data", receipt=receipt, proof=HONEST.leaf(1, 1, 0))
    assert isinstance(again, Receipts.NotRequested)
    assert before - market.wealth(ALICE)[0] == -(-price // 100)
    market.vote(receipt, HONEST)
    market.until(job, JobState.Finalized)
    market.audit()


def test_who_shows_what_was_asked_for_pays_no_fee(market: Market) -> None:
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
    while market.sky.now() + int(RULES.transcript_slots) <= found.due:
        market.step()
    assert isinstance(ask(market, ALICE, receipt), Receipts.TooLate)


def test_so_many_leaves_and_no_more(market: Market) -> None:
    receipt = market.checking(market.post(), HONEST)
    for _ in range(16):
        assert ask(market, ALICE, receipt) is None
    assert isinstance(ask(market, ALICE, receipt), Receipts.TooManyRequests)
    market.audit()


# ---- digests


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
    while market.sky.now() < market.receipt(receipt).commit_until:
        market.step()
    for reveal in reveals:
        reveal()
    market.until(job, JobState.Pending)
    leaves = HONEST.digests(market.rho(receipt, seats[0]), 4)
    said = opened(tree, 0, leaves[0])
    args: dict[str, object] = {"receipt": receipt, "proof": HONEST.leaf(0, 0, 0), "said": said}

    honest = market.tried(BOB, "Receipts.dispute_digest", verifier=seats[0].verifier, **args)
    assert isinstance(honest, Receipts.DigestRight)
    purses = market.wealth(BOB, seats[1].verifier)
    market.do(BOB, "Receipts.dispute_digest", verifier=seats[1].verifier, **args)
    after = market.wealth(BOB, seats[1].verifier)
    assert after[0] - purses[0] == price
    assert purses[1] - after[1] == 2 * price
    assert market.receipt(receipt).phase is Phase.Pending  # two valid votes are enough
    gone = market.tried(BOB, "Receipts.dispute_digest", verifier=seats[1].verifier, **args)
    assert isinstance(gone, Receipts.NotSeated)
    other = market.tried(BOB, "Receipts.dispute_digest", verifier=seats[2].verifier, **args)
    assert isinstance(other, Receipts.LeafRefused)
    market.until(job, JobState.Finalized)
    market.audit()


# ---- traps


TRAPS = WorkRules(
    committee=u32(3), quorum=u32(2), min_operators=u32(2), planted_error_ppm=u32(1_000_000)
)


def trapped(verdicts: Callable[[Seat, int], Verdict | None]) -> tuple[Market, H256, H256]:
    """A receipt that is a trap, voted on, and ready to be revealed as one."""
    market = Market(TRAPS, verifiers=8)
    job = market.post(**DEAR)
    commit = ids.planted_error_commit(HONEST.item_root, HONEST.output_root, SALT)
    receipt = market.checking(job, ALL_LIES, commit)
    market.vote(receipt, ALL_LIES, verdicts)
    return market, job, receipt


def reveal_planted_error(market: Market, receipt: H256, **other: object) -> Exception | None:
    found = market.receipt(receipt)
    pair = market.ring.pairs[found.provider]
    draw, proof = market.vrf.sign(pair, ids.planted_error_input(market.job(found.job).seed))
    args: dict[str, object] = {
        "receipt": receipt, "pre_output": draw.pre_output, "proof": proof,
        "item_root": HONEST.item_root, "output_root": HONEST.output_root, "salt": SALT,
    }  # fmt: skip
    return market.tried(found.provider, "Receipts.reveal_planted_error", **(args | other))


def by_item(seat: Seat, place: int) -> Verdict:
    return Wrong(u32(place), u16(0), u32(3)) if place else Valid()


def expose(market: Market, receipt: H256, *items: int, lie: Claim = ALL_LIES) -> Exception | None:
    return market.tried(
        BOB, "Receipts.expose_voters", receipt=receipt, was=lie.items_opened(*items),
        right=HONEST.items_opened(*items),
    )  # fmt: skip


def test_a_trap_costs_the_lazy_and_pays_the_diligent_and_the_work_is_paid() -> None:
    market, job, receipt = trapped(by_item)
    seats = [seat.verifier for seat in market.receipt(receipt).seats]
    before = market.wealth(*seats, ALICE)
    fee, price = int(market.job(job).verification) // 3, int(market.job(job).price)
    assert isinstance(reveal_planted_error(market, receipt), Receipts.WrongPhase)
    assert isinstance(expose(market, receipt, 0), Receipts.NoPlantedError)
    market.until_phase(receipt, Phase.Disclosing)
    for wrong in ({"salt": RANDOMNESS}, {"proof": bytes(64)}, {"output_root": RANDOMNESS}):
        assert isinstance(reveal_planted_error(market, receipt, **wrong), Receipts.NoPlantedError)
    assert reveal_planted_error(market, receipt) is None
    assert expose(market, receipt, 0, 1, 2, 3) is None
    assert market.announced()[-1] == Receipts.VoterExposed(receipt, seats[0])
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
    assert isinstance(expose(market, receipt, 0), Receipts.TooLate)
    market.audit()


def seen_by_some() -> tuple[Market, H256, Claim, int, list[AccountId]]:
    """A trap wrong in one item, voted valid by all, and who of them looked at that item."""
    for item in range(4):
        market, lie = Market(TRAPS, verifiers=8), Claim(4, [(item, 1, 3)])
        commit = ids.planted_error_commit(HONEST.item_root, HONEST.output_root, SALT)
        receipt = market.checking(market.post(), lie, commit)
        market.vote(receipt, lie)
        seats = market.receipt(receipt).seats
        looked = [seat.verifier for seat in seats if item in ids.sample(seat.rho, 4, 1)]
        if 0 < len(looked) < len(seats):
            return market, receipt, lie, item, looked
    raise AssertionError("every item was looked at by all or by nobody")


def test_who_looked_at_nothing_wrong_is_not_exposed_by_a_trap() -> None:
    market, receipt, lie, item, looked = seen_by_some()
    market.until_phase(receipt, Phase.Disclosing)
    assert reveal_planted_error(market, receipt) is None
    assert isinstance(expose(market, receipt, (item + 1) % 4, lie=lie), Receipts.LeafRefused)
    assert isinstance(expose(market, receipt, item, lie=ALL_LIES), Receipts.LeafRefused)
    assert expose(market, receipt, item, lie=lie) is None
    again = expose(market, receipt, item, lie=lie)
    assert isinstance(again, Receipts.NoSuchLeaf)  # all are by now
    trap = market.receipt(receipt).planted_error
    assert trap is not None
    assert trap.lazy == looked


def test_nobody_pays_for_a_trap_whose_right_roots_are_wrong() -> None:
    market = Market(TRAPS, verifiers=8)
    job = market.post()
    commit = ids.planted_error_commit(ALL_LIES.item_root, ALL_LIES.output_root, SALT)
    receipt = market.checking(job, HONEST, commit)
    market.vote(receipt, HONEST)
    voters = [seat.verifier for seat in market.receipt(receipt).seats]
    before = market.wealth(*voters)
    market.until_phase(receipt, Phase.Disclosing)
    told = {"item_root": ALL_LIES.item_root, "output_root": ALL_LIES.output_root}
    assert reveal_planted_error(market, receipt, **told) is None
    items = range(4)
    market.tried(
        BOB, "Receipts.expose_voters", receipt=receipt, was=HONEST.items_opened(*items),
        right=ALL_LIES.items_opened(*items),
    )  # fmt: skip
    market.do(BOB, "Receipts.prove_fraud", receipt=receipt, proof=ALL_LIES.proof(0, 0, 3))
    assert market.job(job).outcome is Outcome.Fraud
    assert market.wealth(*voters) == before
    market.audit()


def test_the_bond_of_who_voted_on_a_trap_answers_until_the_end() -> None:
    market, job, receipt = trapped(by_item)
    lazy = market.receipt(receipt).seats[0].verifier
    market.until_phase(receipt, Phase.Disclosing)
    assert reveal_planted_error(market, receipt) is None
    market.do(lazy, "Receipts.leave")
    market.sky.slots += 600
    assert isinstance(market.tried(lazy, "Receipts.withdraw"), Receipts.StillBonded)
    market.until(job, JobState.Refunded)
    market.run(600)
    market.do(lazy, "Receipts.withdraw")
    market.audit()


def test_a_proof_against_a_trap_waits_and_comes_to_nothing() -> None:
    market, job, receipt = trapped(by_item)
    market.bare("prove_fraud", receipt=receipt, proof=ALL_LIES.proof(1, 0, 3))
    with pytest.raises(Invalid):
        market.bare("prove_fraud", receipt=receipt, proof=ALL_LIES.proof(2, 0, 3))
    assert market.job(job).state is JobState.Checking
    market.until_phase(receipt, Phase.Disclosing)
    assert reveal_planted_error(market, receipt) is None
    market.until_phase(receipt, Phase.Checking)
    market.vote(receipt, HONEST)
    assert market.until(job, JobState.Finalized).outcome is Outcome.Done


def test_a_trap_that_is_not_revealed_is_fraud() -> None:
    market, job, receipt = trapped(by_item)
    provider = market.provider(job)
    price, purse = int(market.job(job).price), market.wealth(provider)[0]
    market.bare("prove_fraud", receipt=receipt, proof=ALL_LIES.proof(1, 0, 3))
    market.until(job, JobState.Slashed)
    assert purse - market.wealth(provider)[0] == 10 * price
    market.audit()


def test_after_a_trap_what_is_wrong_is_fraud_at_once() -> None:
    market = Market(TRAPS, verifiers=8)
    job = market.post()
    commit = ids.planted_error_commit(LIE.item_root, LIE.output_root, SALT)
    receipt = market.checking(job, ALL_LIES, commit)
    market.vote(receipt, ALL_LIES, by_item)
    market.until_phase(receipt, Phase.Disclosing)
    told = {"item_root": LIE.item_root, "output_root": LIE.output_root}
    assert reveal_planted_error(market, receipt, **told) is None
    market.do(BOB, "Receipts.prove_fraud", receipt=receipt, proof=LIE.proof(2, 0, 3))
    assert market.job(job).state is JobState.Slashed
    market.audit()


def late_committee(claim: Claim, trap: H256) -> tuple[Market, H256, H256]:
    """A receipt for which there were no verifiers at first."""
    market = Market(TRAPS, verifiers=8)
    job = market.post()
    market.accepted(job)
    keys, market.ring.pairs = market.ring.pairs, {}
    receipt = market.submit(job, claim, trap)
    market.run(4)
    assert market.receipt(receipt).replacements == 1
    market.ring.pairs = keys
    return market, job, receipt


def test_a_trap_can_be_revealed_whenever_its_first_committee_comes() -> None:
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


def test_what_is_proven_is_fraud_though_no_verifiers_come() -> None:
    market = Market(TRAPS, verifiers=1)
    job = market.post()
    market.accepted(job)
    receipt = market.submit(job, ALL_LIES)
    market.do(BOB, "Receipts.prove_fraud", receipt=receipt, proof=ALL_LIES.proof(1, 0, 3))
    market.until_phase(receipt, Phase.Disclosing)
    market.audit()
    assert market.until(job, JobState.Slashed).outcome is Outcome.Fraud
    market.audit()


def test_where_no_trap_is_due_none_can_be_revealed() -> None:
    market = Market(
        WorkRules(committee=u32(3), quorum=u32(2), planted_error_ppm=u32(1)), verifiers=8
    )
    job = market.post()
    commit = ids.planted_error_commit(HONEST.item_root, HONEST.output_root, SALT)
    receipt = market.checking(job, ALL_LIES, commit)
    market.vote(receipt, ALL_LIES, by_item)
    market.until_phase(receipt, Phase.Disclosing)
    assert isinstance(reveal_planted_error(market, receipt), Receipts.NoPlantedError)


# ---- confidential jobs


SECRET = Claim(4, key=JOB_KEY)


def test_a_confidential_job_is_paid_when_its_requester_accepts_or_is_silent(
    market: Market,
) -> None:
    jobs = [market.post(tier=Tier.Confidential) for _ in range(2)]
    assert market.job(jobs[0]).verification == 0
    receipts = []
    for job in jobs:
        market.accepted(job)
        receipts.append(market.submit(job, SECRET))
        assert market.job(job).state is JobState.Pending
    stranger = market.tried(BOB, "Receipts.accept_result", receipt=receipts[0])
    assert isinstance(stranger, Receipts.NotAllowed)
    market.do(ALICE, "Receipts.accept_result", receipt=receipts[0])
    assert market.job(jobs[0]).outcome is Outcome.Done
    again = market.tried(ALICE, "Receipts.accept_result", receipt=receipts[0])
    assert isinstance(again, Receipts.WrongPhase)
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
    assert isinstance(failed, Receipts.NotAllowed)
    market.do(ALICE, "Receipts.prove_fraud", receipt=receipt, proof=proof)
    assert market.job(job).state is JobState.Slashed
    market.audit()


# ---- verifiers


def test_a_verifier_joins_adds_leaves_and_has_its_bond_back(market: Market) -> None:
    def failed(name: str, **args: object) -> Exception | None:
        return market.tried(ALICE, f"Receipts.{name}", **args)

    assert isinstance(failed("join", bond=u128(4_999 * BTT)), Receipts.BondTooSmall)
    assert isinstance(failed("join", bond=u128(5_000 * BTT)), Receipts.NoSessionKeys)
    assert isinstance(failed("bond_extra", amount=u128(1)), Receipts.NotVerifier)
    assert isinstance(failed("leave"), Receipts.NotVerifier)
    market.ring.pairs[ALICE] = KeyPair.from_seed(ALICE)
    market.do(ALICE, "Receipts.join", bond=u128(5_000 * BTT))
    assert isinstance(failed("join", bond=u128(5_000 * BTT)), Receipts.AlreadyVerifier)
    market.do(ALICE, "Receipts.bond_extra", amount=u128(BTT))
    assert market.receipts.bonds.verifiers[ALICE].bond == 5_001 * BTT
    assert market.receipts.staked_total() == 65_001 * BTT
    assert isinstance(failed("withdraw"), Receipts.StillBonded)
    market.do(ALICE, "Receipts.leave")
    assert isinstance(failed("leave"), Receipts.NotVerifier)
    market.audit()
    market.step(599)
    assert isinstance(failed("withdraw"), Receipts.StillBonded)
    market.step()
    market.do(ALICE, "Receipts.withdraw")
    assert market.wealth(ALICE) == [RICH]
    assert ALICE not in market.receipts.bonds.verifiers
    market.audit()


def test_a_bond_answers_until_the_last_receipt_is_over(market: Market) -> None:
    receipt = market.checking(market.post(), HONEST)
    who = market.receipt(receipt).seats[0].verifier
    market.do(who, "Receipts.leave")
    market.sky.slots += 600
    assert isinstance(market.tried(who, "Receipts.withdraw"), Receipts.StillBonded)
    market.run(200)
    market.do(who, "Receipts.withdraw")
    market.audit()


def test_genesis_names_what_is_wrong_with_a_verifier(market: Market) -> None:
    alice = ss58.encode(ALICE)
    for rows, message in (
        ([[alice, "1"]], "at least"),
        ([[alice, str(5_000 * BTT)]] * 2, "once"),
        ([[alice, str(2 * RICH)]], "can bond so much"),
        ([["x", "1"]], "verifiers"),
    ):
        with pytest.raises(GenesisError, match=message):
            Market().receipts.genesis({"verifiers": rows})


def test_what_ended_long_ago_is_forgotten(market: Market) -> None:
    job = market.post()
    receipt = market.finish(job, HONEST)
    market.wait(1_400)
    assert market.jobs.store.get(job) is None
    assert receipt not in market.receipts.receipts
    assert not list(market.jobs.store.involved.items())
    market.audit()


def test_only_the_calls_of_nodes_come_without_a_signature(market: Market) -> None:
    call = market.call("Receipts", "leave")
    assert market.receipts.validate_unsigned(call, TransactionSource.Local) is None
    with pytest.raises(BadOrigin):
        market.dispatch(NONE, call)


# ---- a chain that stands still


DAY = 14_400
"""Slots without a block."""


@pytest.mark.parametrize("stop", range(7))
def test_a_day_without_blocks_takes_nobodys_time_wherever_a_job_is(stop: int) -> None:
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
    while market.sky.now() < market.receipt(receipt).commit_until:
        market.step()
    reveals[0]()
    pause(5)
    for reveal in reveals[1:]:
        reveal()
    market.until_phase(receipt, Phase.Pending)
    pause(6)
    market.run(int(market.receipt(receipt).due) - market.sky.now() - 1)
    assert market.job(job).state is JobState.Pending
    market.step()
    assert market.job(job).outcome is Outcome.Done
    assert market.provider(job) == provider
    assert not market.providers.performance.conduct[provider].declines
    assert not any(one.misses for _, one in market.receipts.bonds.verifiers.items())
    assert sum(isinstance(event, Jobs.Stalled) for event in market.announced()) == 1
    market.audit()


def test_what_was_open_when_the_chain_stopped_is_open_as_long_again_and_no_longer() -> None:
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
    market.run(int(market.receipt(receipt).due) - market.sky.now())
    assert market.receipt(receipt).phase is Phase.Waiting, "nobody voted"
    market.audit()


def test_there_is_as_much_time_to_prove_after_the_chain_stood_still() -> None:
    market = Market()
    receipt = market.checking(job := market.post(**DEAR), LIE)
    market.vote(receipt, LIE, lambda seat, place: found_it(seat, place) if not place else Valid())
    market.until_phase(receipt, Phase.Disputed)
    market.step(DAY)
    assert market.receipt(receipt).phase is Phase.Disputed
    market.bare("prove_fraud", receipt=receipt, proof=LIE.proof(2, 0, 3))
    assert market.job(job).outcome is Outcome.Fraud
    market.audit()


def test_there_is_as_much_time_to_show_a_leaf_after_the_chain_stood_still() -> None:
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


def test_an_unanswered_challenge_ends_a_receipt_in_its_time_after_the_chain_stood_still() -> None:
    market = Market()
    receipt = market.checking(job := market.post(), HONEST)
    asked = {"receipt": receipt, "item": u32(1), "tensor": u32(0), "leaf": u32(0)}
    market.do(ALICE, "Receipts.challenge_data", **asked)
    market.step(DAY)
    (challenge,) = market.receipt(receipt).challenges
    market.run(int(challenge.until) - market.sky.now() - 1)
    assert market.receipt(receipt).phase is Phase.Checking
    market.step()
    assert market.job(job).outcome is Outcome.Withheld
    market.audit()


# ---- what each refusal says


def nodes(market: Market, name: str, **args: object) -> Exception | None:
    """Make a call as a block would that holds it all the same."""
    return market.tried(NONE, f"Receipts.{name}", **args)


def test_a_commitment_that_is_refused_says_why(market: Market) -> None:
    receipt = market.checking(market.post(), HONEST)
    seat, other = market.receipt(receipt).seats[:2]
    args = commit_args(market, receipt, seat)

    def failed(**change: object) -> Exception | None:
        return nodes(market, "attest_commit", **(args | change))

    assert isinstance(failed(signature=bytes(64)), Receipts.BadSignature)
    assert isinstance(failed(verifier=other.verifier), Receipts.BadSignature)
    assert isinstance(failed(verifier=ALICE), Receipts.NotSeated)
    assert isinstance(failed(receipt=RANDOMNESS), Receipts.UnknownReceipt)
    assert failed() is None
    assert isinstance(failed(), Receipts.AlreadyCommitted)
    market.run(int(RULES.transcript_slots) + int(RULES.commit_slots))
    late = commit_args(market, receipt, other)
    assert isinstance(nodes(market, "attest_commit", **late), Receipts.TooLate)
    market.run(3)
    assert isinstance(failed(), Receipts.WrongPhase)


def test_a_reveal_that_is_refused_says_why(market: Market) -> None:
    receipt = market.checking(market.post(), HONEST)
    seat = market.receipt(receipt).seats[0]
    rho = market.rho(receipt, seat)
    what = ids.check_input(market.receipt(receipt).beacons[0], receipt)
    draw, proof = market.vrf.sign(market.ring.pairs[seat.verifier], what)
    args: dict[str, object] = {
        "receipt": receipt, "verifier": seat.verifier, "verdict": Valid(),
        "digest": ids.digest_tree(HONEST.digests(rho, 1)).root, "salt": SALT,
        "pre_output": draw.pre_output, "proof": proof,
    }  # fmt: skip

    def failed(**change: object) -> Exception | None:
        return nodes(market, "attest_reveal", **(args | change))

    market.commit(receipt, seat, Valid(), HONEST)
    assert isinstance(failed(), Receipts.TooEarly)
    while market.sky.now() < market.receipt(receipt).commit_until:
        market.step()
    for change in (
        {"salt": RANDOMNESS},
        {"digest": RANDOMNESS},
        {"verdict": Wrong(u32(0), u16(0), u32(0))},
    ):
        assert isinstance(failed(**change), Receipts.WrongOpening)
    idle = market.receipt(receipt).seats[1].verifier
    assert isinstance(failed(verifier=idle), Receipts.WrongOpening)
    assert failed() is None
    assert isinstance(failed(), Receipts.AlreadyCommitted)
    market.sky.slots = int(market.receipt(receipt).reveal_until)
    assert isinstance(failed(), Receipts.TooLate)
    market.step()
    assert isinstance(failed(), Receipts.WrongPhase)


def test_a_proof_that_is_refused_says_why() -> None:
    market, _, receipt = trapped(by_item)
    false = HONEST.proof(1, 0, 3)
    right = ALL_LIES.proof(1, 0, 3)
    assert isinstance(
        nodes(market, "prove_fraud", receipt=receipt, proof=false), Receipts.NotFraudulent
    )
    assert isinstance(
        nodes(market, "prove_fraud", receipt=RANDOMNESS, proof=right), Receipts.UnknownReceipt
    )
    market.do(BOB, "Receipts.prove_fraud", receipt=receipt, proof=right)
    again = market.tried(BOB, "Receipts.prove_fraud", receipt=receipt, proof=right)
    assert isinstance(again, Receipts.AlreadyProven)
    market.audit()


def test_nobody_is_drawn_that_could_not_pay_for_a_wrong_vote(market: Market) -> None:
    for who in market.provider_accounts:
        market.providers.bond_extra(signed(who), u128(100_000 * BTT))
    job = market.post(data_bytes=u64(600_000_000 << 20))
    price = int(market.job(job).price)
    poor, rich = market.verifier_accounts[:3], market.verifier_accounts[3:]
    bond = int(market.receipts.bonds.verifiers[poor[0]].bond)
    assert bond < 2 * price
    provider = market.accepted(job)
    for who in rich:
        market.do(who, "Receipts.bond_extra", amount=u128(2 * price - bond))
    receipt = market.submit(job, HONEST)
    market.until_phase(receipt, Phase.Checking)
    assert {seat.verifier for seat in market.receipt(receipt).seats} == {*rich} - {provider}


def test_there_are_so_many_verifiers_and_no_more(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runtime.pallets.receipts.verifiers.MAX_VERIFIERS", 6)
    market.ring.pairs[ALICE] = KeyPair.from_seed(ALICE)
    failed = market.tried(ALICE, "Receipts.join", bond=u128(5_000 * BTT))
    assert isinstance(failed, Receipts.VerifiersFull)


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
    assert isinstance(open_, Receipts.LeafRefused)
    market.do(BOB, "Receipts.answer_data", receipt=receipts[0], proof=SECRET.leaf(1, 1, 0))
    market.run(3 * int(RULES.challenge_slots) + 5)
    assert [market.job(job).outcome for job in jobs] == [Outcome.Done, Outcome.Withheld]
    market.audit()


def test_who_bonds_after_the_draw_was_asked_for_is_not_drawn_by_it() -> None:
    market = Market(verifiers=3)
    job = market.post()
    market.accepted(job)
    late = person("verifier late")
    market.balances.transfer(BOB, late, u128(600_000 * BTT))
    market.ring.pairs[late] = KeyPair.from_seed(late)
    receipt = market.submit(job, HONEST)
    market.step()
    market.do(late, "Receipts.join", bond=u128(500_000 * BTT))
    market.until_phase(receipt, Phase.Checking)
    assert late not in [seat.verifier for seat in market.receipt(receipt).seats]
    other = market.post()
    receipt = market.checking(other, HONEST)
    assert late in [seat.verifier for seat in market.receipt(receipt).seats]
    market.audit()


def test_a_receipt_for_which_there_are_no_verifiers_is_refunded() -> None:
    market = Market(verifiers=1)
    job = market.post()
    market.accepted(job)
    market.submit(job, HONEST)
    market.audit()
    assert market.until(job, JobState.Refunded).outcome is Outcome.Unverified
    assert market.wealth(ALICE) == [RICH]
    market.audit()


def test_a_vote_that_fell_sends_a_pending_receipt_to_others() -> None:
    market = Market(WorkRules(committee=u32(2), quorum=u32(2), min_operators=u32(2)), verifiers=6)
    job = market.post(**FULL)
    receipt = market.checking(job, HONEST)
    first, second = market.receipt(receipt).seats
    tree = ids.digest_tree(HONEST.digests(market.rho(receipt, first), 4))
    reveals = [market.commit(receipt, seat, Valid(), HONEST, tree.root) for seat in (first, second)]
    while market.sky.now() < market.receipt(receipt).commit_until:
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
