"""Parties vanish or lie at any step: every job ends, and not a planck is stuck or lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from random import Random

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from numpy.random import Generator

from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.primitives.validity import Future, Invalid, Unknown
from btt_chain.scale import u16, u32, u64, u128
from btt_chain.work import ids
from runtime.audits import audit
from runtime.constants import BTT
from runtime.frame import ROOT
from runtime.pallets.jobs import events
from runtime.pallets.jobs.pallet import Jobs
from runtime.pallets.jobs.types import ENDED, Check, JobState, Outcome, Tier
from runtime.pallets.providers import events as providers_events
from runtime.pallets.receipts import events as receipts_events
from runtime.pallets.receipts.pallet import Receipts
from runtime.pallets.receipts.tally import missed_before
from runtime.pallets.receipts.types import Missing, Phase, Seat, Valid, Verdict, Wrong
from runtime.params import WorkRules
from support.market import (
    ALICE,
    BOB,
    ENDPOINT,
    JOB_KEY,
    RANDOMNESS,
    SALT,
    Claim,
    Market,
    inputs_root,
)
from support.tiers import amount
from support.whole_market import WholeMarket

ITEMS = 3
KEYS = {Tier.Open: None, Tier.Confidential: JOB_KEY}
TRUTH = {tier: Claim(ITEMS, key=key) for tier, key in KEYS.items()}
LIES = {tier: Claim(ITEMS, [(1, 1, 2)], key=key) for tier, key in KEYS.items()}
PLANTED = Claim(ITEMS, [(item, 1, 2) for item in range(ITEMS)])
LIVE = tuple(phase for phase in Phase if phase is not Phase.Ended)
ANY = st.integers(0, 10**6)
WHO = st.sampled_from((ALICE, BOB))


class WorkMachine(RuleBasedStateMachine):
    """Requesters, providers and verifiers who do what they like, when they like.

    The first provider and the first three verifiers are honest: what they say is right, and they
    show what they are asked for. They may still be away for a while.
    """

    kind: type[Market] = Market
    """The market on which all this happens."""

    def __init__(self) -> None:
        super().__init__()
        self.market = Market()
        self.claims: dict[H256, Claim] = {}
        self.planted: set[H256] = set()
        self.reveals: list[Callable[[], None]] = []
        self.rng = Random(0)

    @initialize(planted=st.booleans())
    def begin(self, planted: bool) -> None:
        rules = WorkRules(
            committee=u32(3),
            quorum=u32(2),
            min_operators=u32(2),
            planted_error_ppm=u32(1_000_000 if planted else 0),
        )
        self.market = self.kind(rules, verifiers=8)
        self.honest_verifiers = self.market.verifier_accounts[:3]
        self.honest_provider = self.market.provider_accounts[0]

    @rule(seed=ANY)
    def something_happens(self, seed: int) -> None:
        """Make one of the steps, by chance: as rules of their own, most runs would lack some."""
        self.rng = Random(seed)
        if self.market.clock.holds_beacons and self.rng.randrange(2):
            self.the_beacon_comes_or_goes()
        self.rng.choice(self.steps())()

    def steps(self) -> list[Callable[[], None]]:
        """Return the steps, the likely ones several times."""
        rng = self.rng
        pick, who = rng.randrange(10**6), rng.choice((ALICE, BOB))
        return [
            *[lambda: self.people_are_busy(rng.randint(10, 40), pick)] * 7,
            lambda: self.slots_stay_empty(rng.choice((2, 5, 13, 30, 120, 4_000))),
            self.the_beacon_comes_or_goes,
            lambda: self.post(
                who, rng.choice(list(Tier)), rng.choice(list(Check)), rng.choice((0, 1, 200_000)),
                rng.randint(2, 30),
            ),
            self.the_chain_posts,
            lambda: self.cancel(pick),
            *[lambda: self.a_verifier_leaves(pick)] * 2,
            *[lambda: self.a_verifier_comes_back(pick)] * 2,
        ]  # fmt: skip

    # ---- time

    def people_are_busy(self, blocks: int, seed: int) -> None:
        """Make blocks in which most do what they should, and some what they should not."""
        randomness = np.random.default_rng(seed)
        for _ in range(blocks):
            self.market.step()
            if randomness.random() < 0.15:
                tier = Tier.Confidential if randomness.random() < 0.1 else Tier.Open
                mib = int(randomness.choice([0, 1, 200_000]))
                self.post(ALICE, tier, Check(int(randomness.integers(2))), mib, 20)
            for job in self.jobs_in(JobState.Assigned, JobState.Computing):
                self.work(randomness, job)
            for receipt in self.receipts_in(*LIVE):
                self.look_at(randomness, receipt)
            if randomness.random() < 0.9:
                self.reveal()

    def work(self, randomness: Generator, job: H256) -> None:
        """Let a provider do something about a job, or nothing."""
        provider, chance = self.market.provider(job), randomness.random()
        if self.market.job(job).state is JobState.Assigned:
            if chance < 0.8:
                self.market.tried(provider, "Jobs.accept", job=job)
            elif chance < 0.85:
                self.market.tried(provider, "Jobs.decline", job=job)
        elif job[0] % 8 == 0:  # its payload never comes
            self.market.tried(provider, "Jobs.refuse_payload", job=job)
        elif job[0] % 8 == 1:
            return  # its provider never comes back
        elif chance < 0.6:
            kind = str(randomness.choice(["right", "right", "wrong", "planted"]))
            self.submit_one(job, kind)
        elif chance < 0.65:
            self.market.tried(provider, "Jobs.refuse_payload", job=job)

    def look_at(self, randomness: Generator, receipt: H256) -> None:
        """Let all parties of a receipt do something about it, or nothing."""
        found, now = self.market.receipt(receipt), self.market.clock.now()
        if found.phase is Phase.Checking and now < found.commit_until:
            for seat in found.seats:
                if not (seat.commitment or seat.verdict) and randomness.random() < 0.6:
                    moods = ["honest", "honest", "honest", "valid", "wrong", "missing"]
                    self.commit_one(receipt, seat, str(randomness.choice(moods)))
        if randomness.random() < 0.1:
            self.prove(receipt, int(randomness.integers(ITEMS)), ALICE)
        if randomness.random() < 0.1:
            self.ask(
                receipt,
                int(randomness.integers(ITEMS)),
                ALICE if randomness.random() < 0.5 else BOB,
            )
        if randomness.random() < 0.05:
            self.market.tried(ALICE, "Receipts.accept_result", receipt=receipt)
        honest = self.market.receipt(receipt).provider == self.honest_provider
        if honest or randomness.random() < 0.4:
            self.show(receipt)
        if self.market.receipt(receipt).phase is Phase.Disclosing and randomness.random() < 0.7:
            self.reveal_planted_error(receipt)

    def slots_stay_empty(self, slots: int) -> None:
        self.market.step(slots)

    def the_beacon_comes_or_goes(self) -> None:
        self.market.clock.holds_beacons = not self.market.clock.holds_beacons

    # ---- requesters

    def post(self, who: AccountId, tier: Tier, check: Check, mib: int, deadline: int) -> None:
        self.market.post(
            who, ITEMS, tier=tier, check=check, data_bytes=u64(mib << 20), deadline=u32(deadline)
        )

    def the_chain_posts(self) -> None:
        self.market.tried(
            ROOT, "Jobs.add_protocol_set", model=self.market.model, items=u32(ITEMS),
            input_root=inputs_root(ITEMS), data_bytes=u64(0), deadline=u32(15), endpoints=ENDPOINT,
        )  # fmt: skip

    def cancel(self, pick: int) -> None:
        job = self.pick_job(pick, JobState.Posted, JobState.Assigned)
        if job is None:
            job = self.market.post(ALICE, ITEMS)
        requester = self.market.job(job).requester
        if requester is not None:
            self.market.do(requester, "Jobs.cancel", job=job)

    # ---- providers

    def submit_one(self, job: H256, kind: str) -> None:
        found = self.market.job(job)
        if self.market.provider(job) == self.honest_provider and kind == "wrong":
            kind = "right"
        if kind == "planted" and (
            found.tier is not Tier.Open or not self.market.rules.planted_error_ppm
        ):
            kind = "right"
        claim = {"right": TRUTH[found.tier], "wrong": LIES[found.tier], "planted": PLANTED}[kind]
        right = TRUTH[Tier.Open]
        commitment = (
            ids.planted_error_commit(right.item_root, right.output_root, SALT)
            if kind == "planted"
            else RANDOMNESS
        )
        receipt = self.market.submit(job, claim, commitment)
        self.claims[receipt] = claim
        if kind == "planted":
            self.planted.add(receipt)

    # ---- verifiers

    def commit_one(self, receipt: H256, seat: Seat, mood: str) -> None:
        market, claim = self.market, self.claim_of(receipt)
        if seat.verifier in self.honest_verifiers:
            mood = "honest"
        job = market.job(market.receipt(receipt).job)
        found, sample_count = market.receipt(receipt), market.jobs.deliveries.sample_count(job)
        randomness, missed = market.rho(receipt, seat), missed_before(found, seat)
        seen = ids.sample(randomness, ITEMS, sample_count, missed)
        verdict: Verdict = Valid()
        if mood == "missing":
            verdict = Missing(u32(seen[0]), u16(0), u32(0))
        if mood == "wrong":
            verdict = Wrong(u32(seen[0]), u16(1), u32(0))
        wrong = [
            item for item in seen if claim is PLANTED or (claim is LIES[Tier.Open] and item == 1)
        ]
        if mood == "honest" and wrong:
            verdict = Wrong(u32(wrong[0]), u16(0), u32(2))
        reveal = market.commit(receipt, seat, verdict, claim)

        def reveal_and_prove() -> None:
            reveal()
            if mood == "honest" and wrong:
                self.prove(receipt, wrong[0], None)

        self.reveals.append(reveal_and_prove)

    def reveal(self) -> None:
        """Reveal what can be now; what cannot any more is forgotten."""
        early = []
        for reveal in self.reveals:
            try:
                reveal()
            except Invalid as error:
                if isinstance(error.reason, Future):
                    early.append(reveal)
            except (KeyError, Unknown):
                continue
        self.reveals = early

    def a_verifier_leaves(self, pick: int) -> None:
        working = [row[0] for row in self.market.receipts.bonds.roster.value]
        if len(working) > 4:
            self.market.do(working[pick % len(working)], "Receipts.leave")

    def a_verifier_comes_back(self, pick: int) -> None:
        working = [row[0] for row in self.market.receipts.bonds.roster.value]
        idle = [who for who in self.market.verifier_accounts if who not in working]
        people = idle or self.market.verifier_accounts
        who = people[pick % len(people)]
        if idle and pick % 3 == 0:
            self.market.step(700)  # until its bond is free
        self.market.tried(who, "Receipts.withdraw")
        self.market.tried(who, "Receipts.join", bond=u128(6_000 * BTT))

    # ---- disputes

    def prove(self, receipt: H256, item: int, who: AccountId | None) -> None:
        proof = self.claim_of(receipt).proof(item, 0, 2)
        if who is not None:
            self.market.tried(who, "Receipts.prove_fraud", receipt=receipt, proof=proof)
            return
        try:
            self.market.bare("prove_fraud", receipt=receipt, proof=proof)
        except Invalid:
            return

    def ask(self, receipt: H256, item: int, who: AccountId) -> None:
        self.market.tried(
            who, "Receipts.challenge_data", receipt=receipt, item=u32(item), tensor=u32(2),
            leaf=u32(0),
        )  # fmt: skip
        if self.market.receipt(receipt).provider == self.honest_provider:
            self.show(receipt)

    def show(self, receipt: H256) -> None:
        claim, found = self.claim_of(receipt), self.market.receipt(receipt)
        for one in found.challenges:
            proof = claim.leaf(int(one.item), int(one.tensor), int(one.leaf))
            self.market.tried(found.provider, "Receipts.answer_data", receipt=receipt, proof=proof)

    def reveal_planted_error(self, receipt: H256) -> None:
        market, found, right = self.market, self.market.receipt(receipt), TRUTH[Tier.Open]
        pair = market.ring.pairs[found.provider]
        output, proof = market.vrf.sign(pair, ids.planted_error_input(market.job(found.job).seed))
        market.tried(
            found.provider, "Receipts.reveal_planted_error", receipt=receipt,
            pre_output=output.pre_output, proof=proof, item_root=right.item_root,
            output_root=right.output_root, salt=SALT,
        )  # fmt: skip
        if market.receipt(receipt).planted_error is not None:
            items = range(ITEMS)
            market.tried(  # there may be no lazy verifier
                BOB, "Receipts.expose_voters", receipt=receipt, was=PLANTED.items_opened(*items),
                right=right.items_opened(*items),
            )  # fmt: skip

    # ---- what holds

    @invariant()
    def all_adds_up(self) -> None:
        self.market.audit()

    @invariant()
    def no_honest_party_is_punished(self) -> None:
        for event in self.market.announced():
            if isinstance(event, receipts_events.VerifierSlashed):
                assert event.verifier not in self.honest_verifiers
            if isinstance(event, providers_events.Slashed):
                honest = event.provider == self.honest_provider
                assert not honest or self.by_planted_error(event.job)
            if isinstance(event, events.Ended):
                self.check_refund(event)

    def by_planted_error(self, job: H256) -> bool:
        """Return True if a provider lost by a planted error that it did not reveal."""
        return any(self.market.receipts.receipts[one].job == job for one in self.planted)

    def check_refund(self, event: events.Ended) -> None:
        job = self.market.jobs.store.get(event.job)
        if job is None:
            return
        assert event.returned + event.burned + event.verification == job.escrow or (
            job.requester is None
        )
        if event.burned:
            assert event.outcome in (Outcome.BadPayload, Outcome.Cancelled)
            assert event.burned == job.deposit
        assert event.verification <= job.verification

    def teardown(self) -> None:
        """Let time run: everything ends, and nothing is left on hold."""
        market = self.market
        market.clock.holds_beacons = False
        for index in range(int(market.jobs.protocol_jobs.next_set.value)):
            market.tried(ROOT, "Jobs.remove_protocol_set", index=u32(index))
        for _ in range(1_500):
            if all(job.state in ENDED for _, job in market.jobs.store.jobs.items()):
                break
            market.step()
        else:
            raise AssertionError("a job does not end")
        market.audit()
        assert market.jobs.escrows.escrowed.value == 0
        assert not list(market.providers.engagements.reservations.items())
        for who in market.people:
            assert market.balances.held(market.jobs.reason, who) == 0
        self.no_honest_party_is_punished()

    # ---- steps

    def jobs_in(self, *states: JobState) -> list[H256]:
        return sorted(id for id, job in self.market.jobs.store.jobs.items() if job.state in states)

    def receipts_in(self, *phases: Phase) -> list[H256]:
        known = self.market.receipts.receipts.items()
        return sorted(id for id, one in known if one.phase in phases)

    def pick_job(self, pick: int, *states: JobState) -> H256 | None:
        jobs = self.jobs_in(*states)
        return jobs[pick % len(jobs)] if jobs else None

    def claim_of(self, receipt: H256) -> Claim:
        """Return the claim of a receipt: the right one after a planted error was revealed."""
        if self.market.receipt(receipt).planted_error is not None:
            return TRUTH[Tier.Open]
        return self.claims[receipt]


TestWork = WorkMachine.TestCase
TestWork.settings = settings(
    max_examples=amount(5, 100),
    stateful_step_count=12,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)


def test_random_parties_reach_every_event_of_jobs_and_receipts() -> None:
    reached: set[type] = set()
    outcomes: set[Outcome] = set()
    for number in range(6):
        machine, randomness = WorkMachine(), Random(number)
        machine.begin(planted=number % 2 == 1)
        for _ in range(12):
            machine.something_happens(randomness.getrandbits(20))
            machine.all_adds_up()
        machine.teardown()
        reached |= {type(event) for event in machine.market.announced()}
        ended = [event for event in machine.market.announced() if isinstance(event, events.Ended)]
        outcomes |= {event.outcome for event in ended}
    wanted = {*Jobs.EVENTS.values(), *Receipts.EVENTS.values()}
    assert {event.__name__ for event in wanted - reached} == {"ParamsSet"}
    # What is done is announced as finalized; the pool that pays the chain's jobs is not empty.
    assert set(Outcome) - outcomes == {Outcome.Done, Outcome.Unpaid}


class WholeWorkMachine(WorkMachine):
    """The same in real blocks of the whole runtime, whose books are audited after each.

    The verifiers are the validators; epochs turn, providers lend them their work, and bonds change.
    `long_run` runs it.
    """

    kind = WholeMarket

    def steps(self) -> list[Callable[[], None]]:
        """Return the steps, with those that this runtime has besides."""
        rng = self.rng
        pick, more = rng.randrange(10**6), rng.choice((False, True))
        return [
            *super().steps(),
            *[lambda: self.all_parties_act_and_time_passes(pick)] * 4,
            lambda: self.a_provider_lends_its_work(pick, rng.randrange(20)),
            lambda: self.a_provider_rests_or_comes_back(
                pick, rng.choice(("chill", "resume", "withdraw"))
            ),
            lambda: self.a_bond_changes(pick, rng.choice((1, 10**18, 10**21, 10**22)), more),
            lambda: self.a_validator_leaves_or_comes_back(pick, rng.choice(("chill", "validate"))),
            self.the_models_endpoints_move_and_it_is_judged,
        ]

    def all_parties_act_and_time_passes(self, seed: int) -> None:
        for who in self.market.provider_accounts:
            self.market.tried(who, "Providers.heartbeat")
        self.people_are_busy(20, seed)

    def a_provider_lends_its_work(self, pick: int, to: int) -> None:
        validators = [None, *self.market.verifier_accounts]
        who = self.market.provider_accounts[pick % 3]
        validator = validators[to % len(validators)]
        self.market.tried(who, "Providers.delegate_score", validator=validator)

    def a_provider_rests_or_comes_back(self, pick: int, name: str) -> None:
        self.market.tried(self.market.provider_accounts[1 + pick % 2], f"Providers.{name}")

    def a_bond_changes(self, pick: int, amount: int, more: bool) -> None:
        people = [*self.market.provider_accounts, *self.market.verifier_accounts]
        who = people[pick % len(people)]
        pallet = "Providers" if who in self.market.provider_accounts else "Authorities"
        name = "bond_extra" if more else "unbond"
        self.market.tried(who, f"{pallet}.{name}", amount=u128(amount))

    def a_validator_leaves_or_comes_back(self, pick: int, name: str) -> None:
        who = self.market.verifier_accounts[pick % 8]
        self.market.tried(who, f"Authorities.{name}")

    def the_models_endpoints_move_and_it_is_judged(self) -> None:
        market = self.market
        market.do(BOB, "Models.set_endpoints", model=market.model, endpoints=ENDPOINT)
        market.do(ROOT, "Models.suspend", model=market.model)
        market.do(ROOT, "Models.resume", model=market.model)

    @invariant()
    def what_was_held_for_a_job_is_paid_out_whole(self) -> None:
        for event in self.market.announced():
            if not isinstance(event, events.Finalized):
                continue
            job = self.market.jobs.store.get(event.job)
            if job is not None and job.requester is not None:
                parts = (event.paid, event.fees, event.verification, event.returned)
                assert sum(map(int, parts)) == job.escrow


def test_in_the_whole_runtime_a_day_without_blocks_shifts_all_deadlines() -> None:
    market, honest = WholeMarket(), Claim(4)
    receipt = market.checking(job := market.post(), honest)
    market.step(14_400)
    market.vote(receipt, honest)
    assert market.until(job, JobState.Finalized).outcome is Outcome.Done
    assert not any(one.misses for _, one in market.receipts.bonds.verifiers.items())


# ---- long runs


ROUNDS = 6
"""Of twenty busy blocks each, and whatever else comes between."""
AUDIT_EVERY = 5
"""Number of blocks from one audit to the next; nothing that is lost comes back by itself."""
ENDS = {Outcome.Fraud, Outcome.Unverified, Outcome.BadPayload, Outcome.Cancelled}
"""Outcomes other than success in such a run; the others depend on the seed."""


def test_not_a_planck_is_lost_in_long_runs() -> None:
    done, ended = 0, Counter[Outcome]()
    for seed, planted in ((2, False), (1, True)):
        happened = long_run(seed, planted=planted)
        done += sum(isinstance(event, events.Finalized) for event in happened)
        ended += Counter(event.outcome for event in happened if isinstance(event, events.Ended))
    assert done >= 10
    assert {*ended} >= ENDS, ended


def long_run(seed: int, *, planted: bool) -> list[object]:
    """Have all parties act at random for a while, then stop; return all events."""
    randomness, machine = Random(seed), WholeWorkMachine()
    machine.begin(planted=planted)
    market = machine.market
    assert isinstance(market, WholeMarket)
    # An audit takes three times as long as its block.
    market.audit_every = AUDIT_EVERY
    machine.the_chain_posts()
    for _ in range(ROUNDS):
        pick = randomness.randrange(10**6)
        machine.all_parties_act_and_time_passes(seed=pick)
        machine.something_happens(pick)
        machine.no_honest_party_is_punished()
        machine.what_was_held_for_a_job_is_paid_out_whole()
    for job in machine.jobs_in(JobState.Posted):
        requester = market.job(job).requester
        if requester is not None:
            market.do(requester, "Jobs.cancel", job=job)
    # No party acts any more; most of the slots until all is over are empty.
    market.tried(ROOT, "Jobs.remove_protocol_set", index=u32(0))
    for _ in range(100):
        market.step(10)
    assert audit(market.whole) == []
    machine.teardown()
    return market.announced()
