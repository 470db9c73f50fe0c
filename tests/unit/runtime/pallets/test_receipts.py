"""Receipts: submission, attestation and payment."""

from __future__ import annotations

import pytest

from btt_chain.crypto.keypair import KeyPair
from btt_chain.crypto.vrf import SchnorrkelVrf
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.primitives.validity import (
    BadProof,
    CannotLookup,
    Invalid,
    TransactionSource,
    Unknown,
)
from btt_chain.scale import u8, u16, u32, u128
from btt_chain.work import ids
from runtime.constants import BTT
from runtime.frame import NONE, BadOrigin, Call
from runtime.pallets.jobs import errors as jobs_errors
from runtime.pallets.jobs.types import JobState, Outcome
from runtime.pallets.receipts import errors as receipts_errors
from runtime.pallets.receipts.types import Phase, Seat, Valid, Wrong
from support.market import ALICE, GENESIS, RANDOMNESS, RULES, SALT, Claim, Market
from support.receipts import HONEST, nodes


@pytest.fixture
def market() -> Market:
    return Market()


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
    assert pending.due == market.clock.now() + RULES.challenge_slots
    market.audit()

    market.run(int(RULES.challenge_slots) - 1)
    assert market.job(job).state is JobState.Pending
    market.step()
    assert market.job(job).state is JobState.Finalized
    assert market.receipt(receipt).phase is Phase.Ended
    market.audit()


def test_a_receipt_is_paid_with_vrf_outputs_of_real_keys() -> None:
    market = Market(vrf=lambda ring: SchnorrkelVrf())
    job = market.post()
    market.finish(job, HONEST)
    assert market.job(job).outcome is Outcome.Done
    market.audit()


def test_the_sample_of_a_verifier_is_random_and_unknown_until_it_reveals(market: Market) -> None:
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
        selected = {seat.verifier for seat in market.receipt(receipt).seats}
        assert ALICE not in selected
        assert market.provider(job) not in selected
        market.vote(receipt, HONEST)
    market.audit()


def test_only_the_assigned_provider_submits(market: Market) -> None:
    job = market.post()
    provider = market.accepted(job)
    thief = next(who for who in market.provider_accounts if who != provider)
    args = {
        "job": job, "attempt": u8(0), "item_root": HONEST.item_root,
        "output_root": HONEST.output_root, "planted_error_commit": RANDOMNESS,
        "started": u32(market.clock.now()), "finished": u32(market.clock.now()),
    }  # fmt: skip
    assert isinstance(market.tried(thief, "Receipts.submit", **args), jobs_errors.NotProvider)
    late = args | {"attempt": u8(1)}
    assert isinstance(market.tried(provider, "Receipts.submit", **late), jobs_errors.WrongAttempt)
    for times in ((0, market.clock.now()), (market.clock.now(), market.clock.now() + 1)):
        wrong = args | {"started": u32(times[0]), "finished": u32(times[1])}
        assert isinstance(
            market.tried(provider, "Receipts.submit", **wrong), receipts_errors.BadTimes
        )
    absent = args | {"job": H256(bytes(32))}
    assert isinstance(market.tried(provider, "Receipts.submit", **absent), jobs_errors.UnknownJob)

    market.do(provider, "Receipts.submit", **args)
    assert isinstance(market.tried(provider, "Receipts.submit", **args), jobs_errors.WrongState)
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
    provider, now = market.provider(job), u32(market.clock.now())
    failed = market.tried(
        provider, "Receipts.submit", job=job, attempt=u8(0), item_root=HONEST.item_root,
        output_root=HONEST.output_root, planted_error_commit=RANDOMNESS, started=now, finished=now,
    )  # fmt: skip
    assert isinstance(failed, jobs_errors.WrongState)
    paid = market.job(job).paid
    market.run(100)
    assert market.job(job).paid == paid


def test_a_committee_is_selected_by_a_beacon_that_was_unknown_at_submission(market: Market) -> None:
    job = market.post()
    market.accepted(job)
    market.clock.holds_beacons = True
    receipt = market.submit(job, HONEST)
    market.run(30)
    assert market.receipt(receipt).phase is Phase.Waiting
    assert market.job(job).state is JobState.Committed
    market.audit()
    market.clock.holds_beacons = False
    market.step()
    assert market.receipt(receipt).phase is Phase.Checking


def test_a_stale_request_for_a_beacon_is_renewed(market: Market) -> None:
    job = market.post()
    market.accepted(job)
    market.clock.holds_beacons = True
    receipt = market.submit(job, HONEST)
    begun = market.clock.now()
    market.wait(904)
    assert begun + 900 <= market.receipt(receipt).since <= market.clock.now()
    market.audit()


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
    for wrong, refusal in (
        ({"signature": bytes(64)}, Invalid),
        ({"commitment": H256(bytes(32))}, Invalid),
        ({"verifier": market.receipt(receipt).seats[1].verifier}, Invalid),
        ({"verifier": ALICE}, Unknown),
        ({"receipt": RANDOMNESS}, Unknown),
    ):
        with pytest.raises(refusal):
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
    while market.clock.now() < market.receipt(receipt).commit_until:
        market.step()
    output, proof = market.vrf.sign(
        market.ring.pairs[seat.verifier],
        ids.check_input(market.receipt(receipt).beacons[0], receipt),
    )
    with pytest.raises(Invalid):
        market.bare(
            "attest_reveal", receipt=receipt, verifier=seat.verifier, verdict=Valid(),
            digest=RANDOMNESS, salt=SALT, pre_output=output.pre_output, proof=proof,
        )  # fmt: skip
    reveal()
    assert market.receipt(receipt).seats[0].verdict == Valid()
    with pytest.raises(Invalid):
        reveal()
    market.audit()


def test_an_opening_with_a_bad_vrf_proof_does_not_spoil_the_vote_of_another(market: Market) -> None:
    receipt = market.checking(market.post(), HONEST)
    seat = market.receipt(receipt).seats[0]
    reveal = market.commit(receipt, seat, Valid(), HONEST)
    while market.clock.now() < market.receipt(receipt).commit_until:
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
    assert isinstance(failed, receipts_errors.BadVrfProof)
    reveal()
    assert market.receipt(receipt).seats[0].verdict == Valid()


def test_a_commitment_that_is_a_block_early_is_unknown_and_no_pool_bans_it(market: Market) -> None:
    job = market.post()
    market.accepted(job)
    receipt = market.submit(job, HONEST)
    verifier = market.verifier_accounts[0]

    def commit(receipt: H256, who: AccountId) -> Call:
        return market.call(
            "Receipts", "attest_commit", receipt=receipt, verifier=who, commitment=H256(bytes(32)),
            signature=bytes(64),
        )  # fmt: skip

    def refused(call: Call) -> Invalid | Unknown:
        with pytest.raises((Invalid, Unknown)) as refusal:
            market.receipts.validate_unsigned(call, TransactionSource.External)
        assert isinstance(refusal.value, Invalid | Unknown)
        return refusal.value

    assert market.receipt(receipt).phase is Phase.Waiting
    assert refused(commit(receipt, verifier)).reason == CannotLookup()
    assert refused(commit(H256(bytes(32)), verifier)).reason == CannotLookup()
    market.until_phase(receipt, Phase.Checking)
    seated = market.receipt(receipt).seats[0].verifier
    assert refused(commit(receipt, ALICE)).reason == CannotLookup()
    # Now its signature can be checked.
    assert refused(commit(receipt, seated)).reason == BadProof()


def test_silent_verifiers_are_replaced_and_their_misses_are_noted(market: Market) -> None:
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


def test_a_receipt_without_votes_is_refunded_without_a_fault(market: Market) -> None:
    before = market.wealth(ALICE, *market.provider_accounts)
    job = market.post()
    market.checking(job, HONEST)
    market.until(job, JobState.Refunded)
    assert market.job(job).outcome is Outcome.Unverified
    assert market.wealth(ALICE, *market.provider_accounts) == before
    assert market.receipt(market.job(job).receipt or RANDOMNESS).replacements <= 2
    market.audit()


def test_a_commitment_that_is_refused_says_why(market: Market) -> None:
    receipt = market.checking(market.post(), HONEST)
    seat, other = market.receipt(receipt).seats[:2]
    args = commit_args(market, receipt, seat)

    def failed(**change: object) -> Exception | None:
        return nodes(market, "attest_commit", **(args | change))

    assert isinstance(failed(signature=bytes(64)), receipts_errors.BadSignature)
    assert isinstance(failed(verifier=other.verifier), receipts_errors.BadSignature)
    assert isinstance(failed(verifier=ALICE), receipts_errors.NotSeated)
    assert isinstance(failed(receipt=RANDOMNESS), receipts_errors.UnknownReceipt)
    assert failed() is None
    assert isinstance(failed(), receipts_errors.AlreadyCommitted)
    market.run(int(RULES.transcript_slots) + int(RULES.commit_slots))
    late = commit_args(market, receipt, other)
    assert isinstance(nodes(market, "attest_commit", **late), receipts_errors.TooLate)
    market.run(3)
    assert isinstance(failed(), receipts_errors.WrongPhase)


def test_a_reveal_that_is_refused_says_why(market: Market) -> None:
    receipt = market.checking(market.post(), HONEST)
    seat = market.receipt(receipt).seats[0]
    rho = market.rho(receipt, seat)
    what = ids.check_input(market.receipt(receipt).beacons[0], receipt)
    output, proof = market.vrf.sign(market.ring.pairs[seat.verifier], what)
    args: dict[str, object] = {
        "receipt": receipt, "verifier": seat.verifier, "verdict": Valid(),
        "digest": ids.digest_tree(HONEST.digests(rho, 1)).root, "salt": SALT,
        "pre_output": output.pre_output, "proof": proof,
    }  # fmt: skip

    def failed(**change: object) -> Exception | None:
        return nodes(market, "attest_reveal", **(args | change))

    market.commit(receipt, seat, Valid(), HONEST)
    assert isinstance(failed(), receipts_errors.TooEarly)
    while market.clock.now() < market.receipt(receipt).commit_until:
        market.step()
    for change in (
        {"salt": RANDOMNESS},
        {"digest": RANDOMNESS},
        {"verdict": Wrong(u32(0), u16(0), u32(0))},
    ):
        assert isinstance(failed(**change), receipts_errors.WrongOpening)
    idle = market.receipt(receipt).seats[1].verifier
    assert isinstance(failed(verifier=idle), receipts_errors.WrongOpening)
    assert failed() is None
    assert isinstance(failed(), receipts_errors.AlreadyCommitted)
    market.clock.slot = int(market.receipt(receipt).reveal_until)
    assert isinstance(failed(), receipts_errors.TooLate)
    market.step()
    assert isinstance(failed(), receipts_errors.WrongPhase)
