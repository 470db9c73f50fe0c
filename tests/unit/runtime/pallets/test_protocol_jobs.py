"""Protocol jobs: the chain posts no more than its emission can pay for."""

from __future__ import annotations

from dataclasses import replace

import pytest

from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.scale import u16, u32, u64, u128
from runtime.constants import BTT
from runtime.frame import ROOT, BadOrigin, signed
from runtime.frame.error import DispatchError
from runtime.pallets.jobs import errors, events, pricing
from runtime.pallets.jobs.types import Check, JobState, Outcome, Params
from runtime.pallets.providers.types import ProviderInfo, ProviderKind
from runtime.pallets.receipts.types import Phase
from support.market import ALICE, BOB, ENDPOINT, RULES, Claim, Market, inputs_root, person

HONEST = Claim(4)
GIB = 1 << 30


@pytest.fixture
def market() -> Market:
    return Market()


def failed(market: Market, who: AccountId, name: str, **args: object) -> DispatchError | None:
    return market.tried(who, f"Jobs.{name}", **args)


# ---- the chain's own jobs


def protocol(market: Market) -> None:
    market.do(
        ROOT, "Jobs.add_protocol_set", model=market.model, items=u32(4),
        input_root=inputs_root(4), data_bytes=u64(0), deadline=u32(20), endpoints=ENDPOINT,
    )  # fmt: skip


def own_job(market: Market) -> H256:
    event = next(
        event for event in reversed(market.announced()) if isinstance(event, events.Posted)
    )
    assert event.requester is None
    return event.job


def test_the_chain_pays_for_its_own_jobs_from_unallocated_emission(market: Market) -> None:
    protocol(market)
    market.step(100)
    market.step()
    job = own_job(market)
    found = market.job(job)
    assert market.balances.held(market.jobs.reason, ALICE) == 0
    assert found.escrow == 0
    unallocated = market.mining.ledger.unallocated.value
    receipt = market.checking(job, HONEST)
    seats = [seat.verifier for seat in market.receipt(receipt).seats]
    provider = market.provider(job)
    before = market.wealth(provider, *seats)
    market.vote(receipt, HONEST)
    market.until(job, JobState.Finalized)
    fee = int(found.verification) // 3
    assert fee == pricing.fee_of(int(found.price), 4, 1, Params())
    gained = [new - old for new, old in zip(market.wealth(provider, *seats), before, strict=True)]
    assert gained == [int(found.price), fee, fee, fee]
    assert unallocated - market.mining.ledger.unallocated.value == int(found.price) + 3 * fee
    assert job not in market.mining.receipts
    assert market.mining.eras.running.value.score == 0
    market.audit()


def test_a_protocol_job_is_posted_once_an_era_while_there_is_money(market: Market) -> None:
    protocol(market)
    for era in range(1, 4):
        market.step(100)
        market.run(5)
        posted = [event for event in market.announced() if isinstance(event, events.Posted)]
        assert len(posted) == era
    market.do(ROOT, "Jobs.remove_protocol_set", index=u32(0))
    market.step(100)
    market.run(5)
    assert market.jobs.protocol_jobs.protocol_nonce.value == 3
    gone = market.tried(ROOT, "Jobs.remove_protocol_set", index=u32(0))
    assert isinstance(gone, errors.UnknownSet)
    market.audit()


def test_no_job_is_posted_without_unallocated_emission(market: Market) -> None:
    protocol(market)
    market.mining.prices.protocol_price.value = u128(10**27)
    market.step(100)
    market.run(3)
    assert market.jobs.protocol_jobs.protocol_nonce.value == 0


def test_a_provider_without_a_bond_is_checked_in_full_and_its_pay_is_held() -> None:
    market = Market(providers=0)
    poor = person("provider poor")
    market.balances.transfer(BOB, poor, u128(5 * BTT))
    market.ring.pairs[poor] = market.ring.pairs[market.verifier_accounts[0]]
    market.providers.register(signed(poor), poor_info(), u128(0))
    paid = market.post()
    protocol(market)
    market.step(100)
    market.step()
    job = own_job(market)
    receipt = market.checking(job, HONEST)
    assert market.provider(job) == poor
    assert market.job(job).check is Check.Full
    assert market.jobs.deliveries.sample_count(market.job(job)) == 4
    whole = pricing.fee_of(int(market.job(job).price), 4, 4, Params())
    assert market.job(job).verification == 3 * whole
    market.vote(receipt, HONEST)
    market.until(job, JobState.Finalized)
    ledger = market.providers.ledgers[poor]
    assert ledger.bond == market.job(job).paid
    assert market.job(paid).state is JobState.Posted
    market.audit()


def poor_info() -> ProviderInfo:
    return ProviderInfo(ProviderKind.Home, None, [u16(0)], u32(1), bytes(32), bytes(32), ENDPOINT)


def test_a_protocol_job_waits_until_the_emission_can_pay(market: Market) -> None:
    protocol(market)
    market.step(100)
    market.step()
    job = own_job(market)
    receipt = market.checking(job, HONEST)
    market.vote(receipt, HONEST)
    kept = market.mining.ledger.unallocated.value
    market.mining.ledger.unallocated.value = u128(0)
    market.run(40)
    assert market.job(job).state is JobState.Pending
    market.mining.ledger.unallocated.value = kept
    market.run(12)
    assert market.job(job).state is JobState.Finalized
    market.audit()


def test_the_chain_promises_no_more_than_its_emission_has(market: Market) -> None:
    market.step(100)
    room = int(market.mining.emission_now().protocol_room)
    market.mining.prices.protocol_price.value = u128(room // 4)
    for _ in range(3):
        protocol(market)
    market.step()
    emission = market.mining.emission_now()
    first = market.job(own_job(market))
    assert market.jobs.protocol_jobs.protocol_nonce.value == 2
    assert market.jobs.escrows.promised.value == 2 * first.promise
    assert 2 * first.promise <= emission.protocol_room < 3 * first.promise
    market.audit()


def test_a_provider_whose_full_check_the_emission_cannot_pay_is_not_selected() -> None:
    market = Market(providers=0)
    poor = person("provider poor")
    market.balances.transfer(BOB, poor, u128(5 * BTT))
    market.providers.register(signed(poor), poor_info(), u128(0))
    market.step(100)
    market.mining.prices.protocol_price.value = u128(
        market.mining.emission_now().protocol_room * 2 // 5
    )
    protocol(market)
    market.run(30)
    job = own_job(market)
    assert market.job(job).state is JobState.Posted
    assert market.jobs.escrows.promised.value == market.job(job).promise
    market.audit()


def test_a_protocol_job_that_is_never_paid_ends_and_releases_the_bond(market: Market) -> None:
    protocol(market)
    market.step(100)
    market.step()
    market.do(ROOT, "Jobs.remove_protocol_set", index=u32(0))
    job = own_job(market)
    receipt = market.checking(job, HONEST)
    provider = market.provider(job)
    market.vote(receipt, HONEST)
    for _ in range(260):
        market.mining.ledger.unallocated.value = u128(0)
        market.step()
    assert market.job(job).outcome is Outcome.Unpaid
    assert not market.providers.ledgers[provider].reserved
    assert (
        market.providers.performance.conduct[provider].good
        == market.providers.performance.conduct[provider].done
    )
    assert not market.jobs.escrows.promised.value


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"items": u32(0)}, errors.BadItems),
        ({"deadline": u32(1)}, errors.BadDeadline),
        ({"model": H256(bytes(32))}, errors.UnknownModel),
    ],
)
def test_protocol_sets_that_are_out_of_range_are_refused(
    market: Market, change: dict[str, object], error: type[DispatchError]
) -> None:
    args: dict[str, object] = {
        "model": market.model, "items": u32(4), "input_root": inputs_root(4),
        "data_bytes": u64(0), "deadline": u32(20), "endpoints": ENDPOINT,
    }  # fmt: skip
    assert isinstance(failed(market, ALICE, "add_protocol_set", **args), BadOrigin)
    refused = market.tried(ROOT, "Jobs.add_protocol_set", **(args | change))
    assert isinstance(refused, error)


def test_the_chain_has_a_bounded_number_of_own_jobs(market: Market) -> None:
    for _ in range(16):
        protocol(market)
    with pytest.raises(errors.TooManySets):
        protocol(market)
    market.step(100)
    for _ in range(5):
        market.step()
    assert market.jobs.protocol_jobs.protocol_nonce.value == 16
    market.audit()


def test_a_long_window_of_dispute_leaves_the_emission_as_much_time_to_pay() -> None:
    market = Market(replace(RULES, challenge_slots=u32(250)))
    protocol(market)
    market.step(100)
    market.step()
    market.do(ROOT, "Jobs.remove_protocol_set", index=u32(0))
    job = own_job(market)
    receipt = market.checking(job, HONEST)
    market.vote(receipt, HONEST)
    market.until_phase(receipt, Phase.Pending)
    market.run(249)
    unallocated = market.mining.ledger.unallocated.value
    for _ in range(20):
        market.mining.ledger.unallocated.value = u128(0)
        market.step()
    assert market.job(job).state is JobState.Pending
    market.mining.ledger.unallocated.value = unallocated
    market.until(job, JobState.Finalized)
    assert market.job(job).outcome is Outcome.Done


def test_no_job_is_posted_for_a_class_without_providers(market: Market) -> None:
    protocol(market)
    members, nonce = market.providers.membership.members, market.jobs.protocol_jobs.protocol_nonce
    known = members[u16(0)]
    members[u16(0)] = []
    market.step(100)
    market.run(3)
    assert market.mining.ledger.unallocated.value > 0
    assert nonce.value == 0
    members[u16(0)] = known
    market.step(100)
    market.run(3)
    assert nonce.value == 1
