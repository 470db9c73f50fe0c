"""The runtime API of useful work returns the state of the pallets."""

from __future__ import annotations

import pytest

from btt_chain.primitives.digest import H256
from btt_chain.scale import decode, u32, u64
from runtime.pallets.jobs.api import WorkApi
from runtime.pallets.jobs.types import Check, Job, JobState, Outcome, Tier, Urgency
from runtime.pallets.jobs.views import (
    ClassPrice,
    Duty,
    JobView,
    ModelView,
    ProviderView,
    Rules,
    Task,
    WorkQuote,
)
from runtime.pallets.receipts.types import Phase, Valid, Wrong
from support.chain import DevChain
from support.market import ALICE, BOB, RULES, Claim, Market, net, person

HONEST, LIE = Claim(4), Claim(4, [(2, 1, 3)])
NOTHING = H256(bytes(32))


@pytest.fixture
def market() -> Market:
    return Market()


def asked(market: Market, name: str, *args: object) -> object:
    """Ask as a client does: everything goes through SCALE."""
    api = WorkApi.__new__(WorkApi)
    api._runtime = market
    method = WorkApi.METHODS[name]
    encoded = [
        part.decode_all(part.encode(arg))
        for (_, part), arg in zip(method.inputs, args, strict=True)
    ]
    return method.output.decode_all(method.output.encode(method.run(api, *encoded)))


def viewed(market: Market, job: H256) -> JobView:
    found = asked(market, "job", job)
    assert isinstance(found, JobView)
    return found


def duties(market: Market, who: object) -> list[Duty]:
    found = asked(market, "duties", who)
    assert isinstance(found, list)
    return found


def test_the_rules_of_a_chain_contain_its_first_slot() -> None:
    chain = DevChain()
    chain.seal()
    rules = decode(Rules, chain.client.call(chain.client.best().hash, "WorkApi_rules", b""))
    runtime = chain.at()
    assert rules.genesis == chain.client.genesis_hash
    assert rules.genesis_slot == runtime.babe.genesis_slot.value
    assert rules.committee == runtime.receipts.committee
    assert rules.confidential_slots == 3 * rules.challenge_slots


def test_periods_are_shifted_after_a_stall(market: Market) -> None:
    receipt = market.checking(job := market.post(), HONEST)
    waiting = market.post(BOB)
    before, due = viewed(market, job).receipt, viewed(market, waiting).due
    market.clock.slot += 1_000
    market.jobs.on_initialize(1)
    market.receipts.on_initialize(1)
    after = viewed(market, job).receipt
    assert before is not None
    assert after is not None
    assert after.commit_until == before.commit_until + 999
    assert after.reveal_until == before.reveal_until + 999
    assert viewed(market, waiting).due == due + 999
    (duty,) = duties(market, market.receipt(receipt).seats[0].verifier)
    assert duty.job.receipt == after


def test_a_quote_is_what_is_held_then(market: Market) -> None:
    args = (market.model, u32(4), Urgency.Urgent, Check.Full, Tier.Open, u64(5 << 20))
    quote = asked(market, "quote", *args)
    assert isinstance(quote, WorkQuote)
    job = market.job(market.post(urgency=Urgency.Urgent, check=Check.Full, data_bytes=u64(5 << 20)))
    assert quote.total == job.escrow == quote.price + quote.verification + quote.deposit
    assert quote.providers == 12
    assert quote.min_deadline == 2
    assert asked(market, "quote", NOTHING, *args[1:]) is None
    assert asked(market, "quote", market.model, u32(0), *args[2:]) is None


def test_a_job_is_returned_in_every_state(market: Market) -> None:
    assert asked(market, "job", NOTHING) is None
    job = market.post()
    posted = viewed(market, job)
    assert (posted.state, posted.requester, posted.provider) == (JobState.Posted, ALICE, None)
    provider = market.accepted(job)
    computing = viewed(market, job)
    assert computing.provider_info == market.providers.engagements.info(provider)
    assert computing.due == computing.now + RULES.transcript_slots + computing.deadline
    receipt = market.checking(job, HONEST)
    checking = viewed(market, job).receipt
    assert checking is not None
    assert checking.id == receipt
    assert checking.sample_count == 1
    assert [seat.beacon for seat in checking.seats] == market.receipt(receipt).beacons * 3
    assert asked(market, "receipt", receipt) == viewed(market, job)
    assert asked(market, "receipt", NOTHING) is None
    market.vote(receipt, HONEST)
    market.until(job, JobState.Finalized)
    done = viewed(market, job)
    assert done.outcome is Outcome.Done
    assert done.paid == market.job(job).paid
    assert done.receipt is not None
    assert all(seat.verdict == Valid() and seat.committed for seat in done.receipt.seats)


def test_lists_of_jobs_are_by_account_and_go_on_where_they_ended(market: Market) -> None:
    mine = {market.post() for _ in range(5)}
    other = market.post(BOB)
    market.do(BOB, "Jobs.cancel", job=other)

    def listed(who: object, open_: bool, after: object, limit: int) -> list[H256]:
        views = asked(market, "jobs", who, open_, after, u32(limit))
        assert isinstance(views, list)
        return [view.id for view in views]

    assert {*listed(None, False, None, 100)} == mine | {other}
    assert {*listed(None, True, None, 100)} == mine
    assert listed(BOB, False, None, 100) == [other]
    assert listed(person("unknown"), False, None, 100) == []
    first = listed(ALICE, False, None, 2)
    rest = listed(ALICE, False, first[-1], 100)
    assert {*first, *rest} == mine
    assert len(first) == 2
    assert listed(ALICE, False, NOTHING, 100) == []


def test_a_provider_sees_what_it_has_to_do_until_it_is_paid(market: Market) -> None:
    job = market.post()
    market.until(job, JobState.Assigned)
    provider = market.provider(job)
    seen = asked(market, "assignments", provider)
    assert isinstance(seen, list)
    assert [view.id for view in seen] == [job]
    market.finish(job, HONEST)
    assert asked(market, "assignments", provider) == []
    assert asked(market, "assignments", ALICE) == []


def test_a_verifier_has_duties_to_commit_to_reveal_and_to_prove(market: Market) -> None:
    job = market.post()
    receipt = market.checking(job, LIE)
    seat = market.receipt(receipt).seats[0]
    [duty] = duties(market, seat.verifier)
    assert (duty.task, duty.job.id, duty.seat.key) == (Task.Commit, job, seat.key)
    assert duty.job.receipt is not None
    reveal = market.commit(receipt, seat, Wrong(u32(2), market.job(job).model_class, u32(3)), LIE)
    assert [duty.task for duty in duties(market, seat.verifier)] == [Task.Reveal]
    while market.clock.now() < market.receipt(receipt).commit_until:
        market.step()
    idle = market.receipt(receipt).seats[1].verifier
    assert duties(market, idle) == []
    reveal()
    assert [duty.task for duty in duties(market, seat.verifier)] == [Task.Prove]
    market.until_phase(receipt, Phase.Disputed)
    assert [duty.task for duty in duties(market, seat.verifier)] == [Task.Prove]
    market.bare("prove_fraud", receipt=receipt, proof=LIE.proof(2, 0, 3))
    assert duties(market, seat.verifier) == []


def test_verifiers_providers_models_and_prices_are_returned(market: Market) -> None:
    who = market.verifier_accounts[0]
    assert asked(market, "verifier", who) == market.receipts.bonds.verifiers[who]
    assert asked(market, "verifier", ALICE) is None

    provider = market.provider_accounts[0]
    view = asked(market, "provider", provider)
    assert isinstance(view, ProviderView)
    assert view.active == market.providers.ledgers[provider].active
    assert view.operator == provider
    assert asked(market, "provider", ALICE) is None
    many = asked(market, "providers", None, u32(100))
    assert isinstance(many, list)
    assert {one.provider for one in many} == {*market.provider_accounts}
    assert asked(market, "providers", many[0].provider, u32(1)) == many[1:2]

    model = asked(market, "model", market.model)
    assert isinstance(model, ModelView)
    assert (model.name, model.macs) == (b"A net", net().manifest.macs)
    assert asked(market, "model", NOTHING) is None
    assert asked(market, "models", None, u32(9)) == [model]
    assert asked(market, "manifest", market.model) == net().manifest
    assert asked(market, "manifest", NOTHING) is None

    prices = asked(market, "prices")
    assert isinstance(prices, list)
    assert [type(price) for price in prices] == [ClassPrice] * 3
    assert prices[0].base == market.jobs.prices.market(0).base
    assert prices[0].offered == 12
    assert asked(market, "weight", ALICE) == market.providers.work_scores.weight_of(ALICE)


def test_a_job_that_was_forgotten_is_nowhere(market: Market) -> None:
    job = market.post()
    market.do(ALICE, "Jobs.cancel", job=job)
    found: Job = market.job(job)
    market.step(int(found.due))
    assert asked(market, "job", job) is None
    assert asked(market, "jobs", ALICE, False, None, u32(9)) == []


def test_what_ended_does_not_hide_what_is_to_be_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runtime.pallets.jobs.api.MAX_LENGTH", 1)
    market = Market(providers=1)
    for _ in range(5):
        job = market.post()
        market.until(job, JobState.Assigned)
        market.do(ALICE, "Jobs.cancel", job=job)
    job = market.post()
    market.until(job, JobState.Assigned)
    found = asked(market, "assignments", market.provider(job))
    assert isinstance(found, list)
    assert [view.id for view in found] == [job]


def test_receipts_that_only_wait_do_not_hide_those_to_look_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("runtime.pallets.jobs.api.MAX_LENGTH", 1)
    market = Market(verifiers=3)
    for _ in range(4):
        waiting = market.checking(market.post(), HONEST)
        market.vote(waiting, HONEST)
        market.until_phase(waiting, Phase.Pending)
    receipt = market.checking(market.post(), HONEST)
    for seat in market.receipt(receipt).seats:
        [duty] = duties(market, seat.verifier)
        assert duty.job.receipt is not None
        assert duty.job.receipt.id == receipt
