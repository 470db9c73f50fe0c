"""Verifiers of receipts: bonds, missed votes and selection."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from btt_chain.crypto.keypair import KeyPair
from btt_chain.primitives import ss58
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.validity import TransactionSource
from btt_chain.scale import u64, u128
from runtime.constants import BTT
from runtime.frame import NONE, BadOrigin, GenesisError, signed
from runtime.pallets.jobs.types import JobState, Outcome
from runtime.pallets.receipts import errors
from runtime.pallets.receipts.types import OUTAGE_SLOTS, Phase, Seat, Valid, Verdict
from support.market import ALICE, BOB, RICH, Market, person
from support.receipts import HONEST, all_find_it_valid


@pytest.fixture
def market() -> Market:
    return Market()


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


def test_a_verifier_joins_adds_leaves_and_has_its_bond_back(market: Market) -> None:
    def failed(name: str, **args: object) -> Exception | None:
        return market.tried(ALICE, f"Receipts.{name}", **args)

    assert isinstance(failed("join", bond=u128(4_999 * BTT)), errors.BondTooSmall)
    assert isinstance(failed("join", bond=u128(5_000 * BTT)), errors.NoSessionKeys)
    assert isinstance(failed("bond_extra", amount=u128(1)), errors.NotVerifier)
    assert isinstance(failed("leave"), errors.NotVerifier)
    market.ring.pairs[ALICE] = KeyPair.from_seed(ALICE)
    market.do(ALICE, "Receipts.join", bond=u128(5_000 * BTT))
    assert isinstance(failed("join", bond=u128(5_000 * BTT)), errors.AlreadyVerifier)
    market.do(ALICE, "Receipts.bond_extra", amount=u128(BTT))
    assert market.receipts.bonds.verifiers[ALICE].bond == 5_001 * BTT
    assert market.receipts.staked_total() == 65_001 * BTT
    assert isinstance(failed("withdraw"), errors.StillBonded)
    market.do(ALICE, "Receipts.leave")
    assert isinstance(failed("leave"), errors.NotVerifier)
    market.audit()
    market.step(599)
    assert isinstance(failed("withdraw"), errors.StillBonded)
    market.step()
    market.do(ALICE, "Receipts.withdraw")
    assert market.wealth(ALICE) == [RICH]
    assert ALICE not in market.receipts.bonds.verifiers
    market.audit()


def test_a_bond_is_liable_until_the_last_receipt_has_ended(market: Market) -> None:
    receipt = market.checking(market.post(), HONEST)
    who = market.receipt(receipt).seats[0].verifier
    market.do(who, "Receipts.leave")
    market.clock.slot += 600
    assert isinstance(market.tried(who, "Receipts.withdraw"), errors.StillBonded)
    market.run(200)
    market.do(who, "Receipts.withdraw")
    market.audit()


def test_genesis_reports_errors_of_verifiers(market: Market) -> None:
    alice = ss58.encode(ALICE)
    for rows, message in (
        ([[alice, "1"]], "at least"),
        ([[alice, str(5_000 * BTT)]] * 2, "once"),
        ([[alice, str(2 * RICH)]], "can bond so much"),
        ([["x", "1"]], "verifiers"),
    ):
        with pytest.raises(GenesisError, match=message):
            Market().receipts.genesis({"verifiers": rows})


def test_a_receipt_is_removed_long_after_its_end(market: Market) -> None:
    job = market.post()
    receipt = market.finish(job, HONEST)
    market.wait(1_400)
    assert market.jobs.store.get(job) is None
    assert receipt not in market.receipts.receipts
    assert not list(market.jobs.store.involved.items())
    market.audit()


def test_only_the_calls_of_nodes_need_no_signature(market: Market) -> None:
    call = market.call("Receipts", "leave")
    assert market.receipts.validate_unsigned(call, TransactionSource.Local) is None
    with pytest.raises(BadOrigin):
        market.dispatch(NONE, call)


def test_verifiers_that_could_not_pay_for_a_wrong_vote_are_not_selected(market: Market) -> None:
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


def test_the_number_of_verifiers_is_bounded(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runtime.pallets.receipts.verifiers.MAX_VERIFIERS", 6)
    market.ring.pairs[ALICE] = KeyPair.from_seed(ALICE)
    failed = market.tried(ALICE, "Receipts.join", bond=u128(5_000 * BTT))
    assert isinstance(failed, errors.VerifiersFull)


def test_a_bond_after_the_request_is_not_selected_by_its_randomness() -> None:
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
