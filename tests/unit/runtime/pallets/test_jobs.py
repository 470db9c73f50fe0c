"""Jobs: each ends by itself, whichever party is missing, and its money is paid out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.scale import u16, u32, u64, u128
from runtime.accounts import DEVELOPMENT_FUND, OPERATIONS, TREASURY
from runtime.constants import BTT
from runtime.frame import ROOT, BadOrigin, TokenError, signed
from runtime.frame.error import DispatchError
from runtime.pallets.jobs import errors, events
from runtime.pallets.jobs.types import Check, JobFees, JobState, Outcome, Params, Tier, Urgency
from runtime.pallets.jobs.types import Market as Prices
from runtime.pallets.mining.types import KAPPA
from runtime.pallets.providers.conduct import step_of
from runtime.pallets.receipts.types import Valid
from runtime.pallets.tokenomics.types import BurnReason
from runtime.params import WorkRules
from runtime.splits import split_compute
from support.market import ALICE, BOB, RICH, RULES, Claim, Market, person

HONEST = Claim(4)
GIB = 1 << 30
DEAR: dict[str, object] = {"data_bytes": u64(2_000 * GIB)}


@pytest.fixture
def market() -> Market:
    return Market()


def failed(market: Market, who: AccountId, name: str, **args: object) -> DispatchError | None:
    return market.tried(who, f"Jobs.{name}", **args)


# ---- posting


def test_the_maximum_cost_of_a_job_is_on_hold_from_the_start(market: Market) -> None:
    job = market.post(**DEAR)
    found = market.job(job)
    quote = market.jobs.prices.quote(
        market.model, 4, Urgency.Routine, Check.Sampled, Tier.Open, 2_000 * GIB
    )
    assert found.escrow == quote.total == market.balances.held(market.jobs.reason, ALICE)
    assert found.deposit == -(-int(found.price) * 2 // 100)
    assert found.work == quote.work == 1
    assert market.announced()[-1] == events.Posted(
        job, ALICE, found.price, found.verification, found.deposit
    )
    market.audit()


def test_leaves_are_paid_and_neither_scored_nor_sold(market: Market) -> None:
    record = market.models.get(market.model)
    assert record is not None
    record.macs, record.committed = u64(4_100_000_000), u32(24_600_000)
    market.models.models[market.model] = record
    found = market.job(market.post())
    # 4 items of 4.1 GMAC, and 24.6 MB x 64 = 1.5744 GMAC more: 23 units, and a mebibyte of data.
    assert (found.work, found.price) == (17, (23 * 7 + 1) * 10**13)
    assert found.verification == 3 * max(10**15, -(-int(found.price) * 3 // 16))
    protocol = market.jobs.prices.protocol_quote(record, 4, 10**14)
    assert (protocol.work, protocol.price) == (17, 23 * 10**14)
    assert market.jobs.prices.min_deadline(0, 17) == 2, "of the multiplications alone"
    market.audit()


def test_a_transaction_posts_the_same_job_in_whichever_block_it_comes() -> None:
    early, late = Market(), Market()
    late.step(7)
    assert early.post() == (job := late.post())
    assert early.job(job).posted != late.job(job).posted
    assert early.post() != job


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"items": u32(0)}, errors.BadItems),
        ({"items": u32(4_097)}, errors.BadItems),
        ({"deadline": u32(1)}, errors.BadDeadline),
        ({"deadline": u32(100_801)}, errors.BadDeadline),
        ({"model": H256(bytes(32))}, errors.UnknownModel),
        ({"max_price": u128(1)}, errors.PriceAboveMax),
        ({"data_bytes": u64(u64.MAX)}, errors.PriceAboveMax),
        ({"data_bytes": u64(GIB * 10**8), "max_price": u128(u128.MAX)}, TokenError),
    ],
)
def test_orders_that_are_out_of_range_are_refused(
    market: Market, change: dict[str, object], error: type[DispatchError]
) -> None:
    with pytest.raises(error):
        market.post(**change)
    assert not market.balances.held(market.jobs.reason, ALICE)
    market.audit()


def test_no_job_is_posted_for_a_model_that_is_suspended(market: Market) -> None:
    market.models.suspend(ROOT, market.model)
    with pytest.raises(errors.UnknownModel):
        market.post()


def test_two_equal_jobs_have_different_ids(market: Market) -> None:
    jobs = [market.post() for _ in range(3)]
    assert len({*jobs}) == 3
    assert market.jobs.store.nonces[ALICE] == 3


# ---- the money


def test_each_leg_of_a_job_that_is_done_is_exact_to_the_planck(market: Market) -> None:
    market.tokenomics.foundation.value = person("foundation")
    legs = (DEVELOPMENT_FUND, person("foundation"), OPERATIONS, TREASURY)
    job = market.post(**DEAR)
    posted = market.job(job)
    price, verification = int(posted.price), int(posted.verification)
    receipt = market.checking(job, HONEST)
    provider = market.provider(job)
    voters = [seat.verifier for seat in market.receipt(receipt).seats]
    before = market.wealth(ALICE, provider, *voters, *legs)
    burned = market.balances.total_burned.value
    market.vote(receipt, HONEST)
    market.until(job, JobState.Finalized)
    after = market.wealth(ALICE, provider, *voters, *legs)
    gained = [new - old for new, old in zip(after, before, strict=True)]

    # The oracle: burn off the top by value, then 15, 10 and 5 of a hundred, the rest is earned.
    rate = 100 + 200 * min(price, 10_000 * int(BTT)) // (10_000 * int(BTT))
    burn = price * rate // 10_000
    net = price - burn
    development, foundation, reserve = net * 15 // 100, net * 10 // 100, net * 5 // 100
    earned = net - development - foundation - reserve
    fee = verification // 3
    assert gained == [
        -price - 3 * fee, earned, fee, fee, fee, development, foundation, reserve, 0,
    ]  # fmt: skip
    assert market.balances.total_burned.value - burned == burn
    assert market.tokenomics.burned_by[BurnReason.Compute] == burn
    assert market.tokenomics.dividends.compute_inflow.value == development
    returned = posted.escrow - price - 3 * fee
    assert market.announced()[-1] == events.Finalized(
        job, provider, u128(earned), u128(price - earned), u128(3 * fee), u128(returned)
    )
    assert market.mining.eras.running.value.fees == price - earned
    market.audit()


def test_what_a_requester_paid_is_reported_with_the_parts_that_are_lost(market: Market) -> None:
    reported: list[tuple[AccountId, JobFees]] = []

    class Counter:
        def count_job(self, requester: AccountId, fees: JobFees) -> None:
            reported.append((requester, fees))

    market.jobs.connect(Counter())
    job = market.post(**DEAR)
    market.finish(job, HONEST)
    market.until(job, JobState.Finalized)
    price = int(market.job(job).price)
    split = split_compute(price, 10_000 * int(BTT))
    lost = price - int(split.contributors)
    cap = lost * int(KAPPA) // 1_000_000
    dividends = int(split.development) * 2_000 // 10_000
    assert reported == [(ALICE, JobFees(price, lost, cap, dividends))]
    # Half of what comes back to no account is the value of the work in block production.
    provider = market.provider(job)
    (score,) = market.providers.work_scores.windows[provider]
    assert score.value == (lost - cap - dividends) // 2 > 0
    (_, era), *_ = list(market.mining.eras.shares.items())
    assert sum(step.cap for step in era) == cap


def test_unearned_verification_fees_are_returned() -> None:
    market = Market()
    job = market.post(**DEAR)
    fee = int(market.job(job).verification) // 3
    receipt = market.checking(job, HONEST)
    before = market.wealth(ALICE)[0]
    market.vote(receipt, HONEST, lambda _, place: None if place == 1 else Valid())
    market.until(job, JobState.Finalized)
    assert before - market.wealth(ALICE)[0] == int(market.job(job).price) + 2 * fee
    market.audit()


def test_work_scores_if_enough_operators_were_eligible() -> None:
    for providers, scores in ((3, True), (1, False)):
        market = Market(providers=providers)
        job = market.post(**DEAR)
        market.finish(job, HONEST)
        assert market.job(job).scores is scores
        assert (job in market.mining.receipts) is scores
        assert (market.mining.eras.running.value.units > 0) is scores
        market.audit()


def test_the_smallest_job_mines_something_that_can_be_claimed_when_the_era_is_over() -> None:
    market = Market()
    job = market.post()
    found = market.job(job)
    assert (found.work, found.price) == (1, Params().min_price)
    market.finish(job, HONEST)
    provider, era = market.provider(job), market.mining.eras.era_index.value
    while market.mining.eras.era_index.value == era:
        market.step()
    before = market.wealth(provider)[0]
    market.mining.claim_rewards(signed(provider), era, era)
    fees = int(found.price) - int(market.job(job).paid)
    assert market.wealth(provider)[0] - before == fees * 180_000 // 1_000_000 > 0
    assert market.providers.work_scores.windows[provider][0].parts == 1_000_000
    market.audit()


class Registrar:
    """Knows some people, all of them parts of the first."""

    def __init__(self, *known: AccountId) -> None:
        self.known = known

    def verified(self, who: AccountId) -> bool:
        return who in self.known

    def operator_of(self, account: AccountId) -> AccountId:
        return self.known[0] if account in self.known else account


def test_fees_of_an_approved_identity_mine_more_if_governance_sets_it(market: Market) -> None:
    market.give_jobs(identities=Registrar(ALICE))
    wanted = replace(
        market.mining.params.value, kappa_verified=u32(900_000), verified_budget=u128(BTT)
    )
    mined = {}
    for who in (ALICE, BOB):
        for params in (market.mining.params.value, wanted):
            market.mining.set_params(ROOT, params)
            market.wait(100)
            beat(market)
            market.finish(job := market.post(who), HONEST)
            found = market.mining.estimate(market.provider(job))
            assert found is not None
            mined[who, params.kappa_verified] = int(found.reward)
        market.mining.set_params(ROOT, replace(wanted, kappa_verified=wanted.kappa))
    assert mined[ALICE, u32(900_000)] == 5 * mined[ALICE, u32(180_000)] > 0
    assert mined[BOB, u32(900_000)] == mined[BOB, u32(180_000)] == mined[ALICE, u32(180_000)]
    market.audit()


def test_sub_accounts_of_an_approved_identity_share_one_budget(market: Market) -> None:
    market.give_jobs(identities=Registrar(ALICE, BOB))
    budget = int(BTT) // 10**4
    wanted = replace(
        market.mining.params.value, kappa_verified=u32(900_000), verified_budget=u128(budget)
    )
    market.mining.set_params(ROOT, wanted)
    fees, era = 0, market.mining.eras.era_index.value
    for who in (ALICE, BOB):
        market.finish(job := market.post(who), HONEST)
        fees += int(market.job(job).price) - int(market.job(job).paid)
    assert market.mining.eras.era_index.value == era
    assert market.mining.eras.granted[ALICE].amount == budget < fees * 720_000 // 1_000_000
    assert BOB not in market.mining.eras.granted
    market.audit()


# ---- cancelling


def test_cancelling_is_free_until_a_provider_is_assigned(market: Market) -> None:
    job = market.post(**DEAR)
    assert isinstance(failed(market, BOB, "cancel", job=job), errors.NotRequester)
    market.do(ALICE, "Jobs.cancel", job=job)
    assert market.job(job).outcome is Outcome.Cancelled
    assert market.wealth(ALICE) == [RICH]
    assert isinstance(failed(market, ALICE, "cancel", job=job), errors.WrongState)
    assert isinstance(failed(market, ALICE, "cancel", job=H256(bytes(32))), errors.UnknownJob)
    market.audit()


def test_cancelling_an_assigned_job_costs_the_deposit(market: Market) -> None:
    job = market.post(**DEAR)
    market.until(job, JobState.Assigned)
    market.do(ALICE, "Jobs.cancel", job=job)
    assert market.wealth(ALICE)[0] == RICH - int(market.job(job).deposit)
    market.audit()


def test_a_job_that_is_computed_cannot_be_cancelled(market: Market) -> None:
    job = market.post()
    market.accepted(job)
    assert isinstance(failed(market, ALICE, "cancel", job=job), errors.WrongState)


# ---- who does it


def test_only_the_selected_provider_accepts_declines_or_returns_a_job(market: Market) -> None:
    job = market.post()
    market.until(job, JobState.Assigned)
    for name in ("accept", "decline", "refuse_payload"):
        assert isinstance(failed(market, BOB, name, job=job), errors.NotProvider)
        assert isinstance(failed(market, BOB, name, job=H256(bytes(32))), errors.UnknownJob)
    provider = market.provider(job)
    assert isinstance(failed(market, provider, "refuse_payload", job=job), errors.WrongState)
    market.do(provider, "Jobs.accept", job=job)
    assert isinstance(failed(market, provider, "accept", job=job), errors.WrongState)
    assert isinstance(failed(market, provider, "decline", job=job), errors.WrongState)
    market.audit()


def test_a_declined_job_goes_to_another_provider(market: Market) -> None:
    job = market.post()
    market.until(job, JobState.Assigned)
    first = market.provider(job)
    market.do(first, "Jobs.decline", job=job)
    market.audit()
    market.until(job, JobState.Assigned)
    assert market.provider(job) != first
    assert market.job(job).refused == [first]


def test_a_provider_that_declines_more_than_one_in_twenty_is_fined() -> None:
    market = Market(providers=1)
    provider = market.provider_accounts[0]
    bond = market.wealth(provider)[0]
    for round_ in range(3):
        job = market.post()
        market.until(job, JobState.Assigned)
        market.do(provider, "Jobs.decline", job=job)
        market.do(ALICE, "Jobs.cancel", job=job)
        lost = bond - market.wealth(provider)[0]
        assert (lost > 0) is (round_ > 0)
    market.audit()


def test_a_provider_that_does_not_deliver_loses_the_job_and_no_bond() -> None:
    market = Market(providers=1)
    provider = market.provider_accounts[0]
    before = market.wealth(provider, ALICE)
    job = market.post(deadline=u32(7))
    market.accepted(job)
    market.run(11)
    assert market.job(job).state is JobState.Computing
    market.step()
    assert market.job(job).state is JobState.Posted
    assert market.job(job).provider is None
    market.audit()
    market.until(job, JobState.Refunded, limit=700)
    assert market.wealth(provider, ALICE) == before


def test_a_job_ends_if_its_last_provider_does_not_deliver(market: Market) -> None:
    job = market.post(deadline=u32(2))
    for _ in range(3):
        market.accepted(job)
        market.until(job, JobState.Posted, JobState.Refunded)
    assert market.job(job).outcome is Outcome.Late
    assert market.wealth(ALICE) == [RICH]
    market.audit()


def test_a_payload_that_does_not_come_costs_the_requester_its_deposit(market: Market) -> None:
    job = market.post(**DEAR)
    provider = market.accepted(job)
    before = market.wealth(provider)
    assert isinstance(failed(market, provider, "refuse_payload", job=job), errors.PayloadEarly)
    market.run(int(RULES.transcript_slots))
    market.do(provider, "Jobs.refuse_payload", job=job)
    assert market.providers.performance.conduct[provider].declines == 0
    assert market.job(job).outcome is Outcome.BadPayload
    deposit = int(market.job(job).deposit)
    assert market.wealth(ALICE)[0] == RICH - deposit
    assert market.wealth(provider)[0] == before[0] - deposit
    assert market.tokenomics.burned_by[BurnReason.Slash] == 2 * deposit
    market.audit()


def test_returning_a_job_costs_a_provider_with_the_smallest_bond(market: Market) -> None:
    job = market.post(**DEAR)
    provider = market.accepted(job)
    ledger = market.providers.ledgers[provider]
    ledger.active, left = u128(0), u128(ledger.active)
    market.providers.ledgers[provider] = ledger
    market.balances.release(market.providers.reason, provider, left)
    market.run(int(RULES.transcript_slots))
    before = market.wealth(provider)[0]
    market.do(provider, "Jobs.refuse_payload", job=job)
    assert before - market.wealth(provider)[0] == market.job(job).deposit
    market.audit()


@pytest.mark.parametrize("waited", [0, 7, 14])
@pytest.mark.parametrize("stopped", [1, 500])
def test_quality_is_the_time_of_the_receipt_relative_to_that_of_the_class(
    market: Market, waited: int, stopped: int
) -> None:
    job = market.post()
    provider = market.accepted(job)
    market.step(stopped)
    market.run(waited)
    receipt = market.checking(job, HONEST)
    market.run(3)  # nor do verifiers cost it anything
    market.vote(receipt, HONEST)
    market.until(job, JobState.Finalized)
    given = int(RULES.transcript_slots) + market.jobs.prices.min_deadline(0, 1)
    (timed,) = market.providers.performance.conduct[provider].times
    assert timed.step == step_of(1_000 * (waited + 1) // given)
    market.audit()


# ---- idle blocks


def test_a_block_in_which_nothing_is_due_iterates_over_no_keys(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        market.accepted(market.post())
    market.run(5)  # it looks once at where an offer was that was accepted
    walked: list[bytes] = []

    def keys(prefix: bytes) -> Iterator[bytes]:
        walked.append(prefix)
        return iter(())

    monkeypatch.setattr(market.state, "keys", keys)
    for _ in range(5):
        market.clock.slot += 1
        market.jobs.on_initialize(market.number)
        market.receipts.on_initialize(market.number)
    assert not walked


# ---- a chain that stands still


def test_a_stall_of_the_chain_costs_no_party_anything(market: Market) -> None:
    job = market.post()
    market.until(job, JobState.Assigned)
    left = int(market.job(job).due) - market.clock.now()
    market.step(80)
    assert market.job(job).state is JobState.Assigned
    assert market.job(job).due == market.clock.now() + left - 1, "the slot of this block passed"
    assert events.Stalled(u32(79)) in market.announced()
    market.audit()
    provider = market.accepted(job)
    market.step(2_000)
    assert market.job(job).state is JobState.Computing
    market.submit(job, HONEST)
    assert market.providers.performance.conduct[provider].declines == 0
    market.audit()


def test_a_provider_that_is_late_after_a_stall_is_late(market: Market) -> None:
    job = market.post(deadline=u32(7))
    provider = market.accepted(job)
    market.run(3)
    left = int(market.job(job).due) - market.clock.now()
    market.step(80)
    market.run(left - 2)
    assert market.job(job).state is JobState.Computing
    market.step()
    assert market.job(job).state is JobState.Posted
    assert market.job(job).refused == [provider]
    market.audit()


def test_a_few_slots_without_a_block_prolong_nothing(market: Market) -> None:
    job = market.post()
    market.until(job, JobState.Assigned)
    market.step(50)
    assert market.job(job).state is JobState.Posted
    market.audit()


# ---- prices


def test_prices_follow_what_is_sold_within_their_bounds(market: Market) -> None:
    first = int(market.jobs.prices.market(0).base)
    next_era(market)
    cheaper = int(market.jobs.prices.market(0).base)
    assert cheaper == first - first * 700_000 // 8_000_000
    model_class = market.models.class_of(0)
    assert model_class is not None
    assert cheaper == market.jobs.prices.market(0).base
    market.jobs.prices.markets[u16(0)] = Prices(model_class.least + 1)
    next_era(market)
    beat(market)
    next_era(market)
    assert market.jobs.prices.market(0).base == model_class.least
    everything = 3 * 4 * int(model_class.speed) * 600
    for sold in (everything * 7 // 10, everything, 10 * everything):
        beat(market)
        market.jobs.prices.markets[u16(0)] = Prices(u128(first), u64(sold))
        next_era(market)
        rise = 0 if sold < everything else first * 300_000 // 8_000_000
        assert market.jobs.prices.market(0).base == first + rise


def next_era(market: Market) -> None:
    """Begin the next era, and make as many blocks as it takes to move all prices."""
    market.step(100)
    market.run(len(market.models.known_classes()))


def beat(market: Market) -> None:
    for who in market.provider_accounts:
        market.providers.heartbeat(signed(who))


def test_only_work_that_was_taken_on_is_sold(market: Market) -> None:
    job = market.post()
    market.until(job, JobState.Assigned)
    assert market.jobs.prices.market(0).sold == 0
    market.do(market.provider(job), "Jobs.decline", job=job)
    market.accepted(job)
    assert market.jobs.prices.market(0).sold == market.job(job).work == 1


def test_prices_do_not_move_without_offered_capacity() -> None:
    market = Market(providers=0)
    first = market.jobs.prices.market(0).base
    market.step(100)
    assert market.jobs.prices.market(0).base == first


def test_governance_sets_what_data_and_checking_cost(market: Market) -> None:
    params = Params(price_mib=u128(BTT), min_fee=u128(BTT), min_price=u128(BTT))
    assert isinstance(failed(market, ALICE, "set_params", params=params), BadOrigin)
    market.do(ROOT, "Jobs.set_params", params=params)
    job = market.job(market.post(data_bytes=u64(3 << 20)))
    assert 3 * BTT <= job.price < 3 * BTT + BTT // 10
    assert job.verification >= 3 * BTT
    low = Params(min_fee=u128(1))
    assert isinstance(market.tried(ROOT, "Jobs.set_params", params=low), errors.InvalidParams)


def test_a_committee_of_one_is_enough_where_the_rules_say_so() -> None:
    market = Market(WorkRules(), providers=1, verifiers=1)
    job = market.post()
    market.finish(job, HONEST)
    assert market.job(job).outcome is Outcome.Done
    assert market.job(job).scores
    market.audit()
