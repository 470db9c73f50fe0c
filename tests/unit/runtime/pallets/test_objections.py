"""Objections of the chambers to milestones: ten percent of all weights stop one."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from btt_chain.primitives.account import AccountId, Id
from btt_chain.primitives.digest import H256
from btt_chain.scale import u32, u64, u128
from runtime.constants import BTT, YEAR_MS
from runtime.frame import ROOT, TokenError, signed
from runtime.pallets.chambers import errors as chambers_errors
from runtime.pallets.chambers import events as chambers_events
from runtime.pallets.chambers import formulas
from runtime.pallets.chambers.formulas import Chamber
from runtime.pallets.chambers.types import MAX_OBJECTIONS, OBJECTION_LOCK_ID, ChamberRecord, Share
from runtime.pallets.tokenomics import errors as tokenomics_errors
from runtime.pallets.tokenomics import events as tokenomics_events
from runtime.pallets.tokenomics.types import Milestone, MilestoneStatus, PoolId, Programme
from support.assembly import SLOT_MS, Assembly
from support.governance import ALICE, BOB, CAROL, DAVE, EVE
from support.histories import History, seeds, unreached
from support.runtime import refused

FOUNDATION = AccountId(b"\xf0" * 32)
PROOF = H256(b"\x01" * 32)
FIRST, SECOND = u32(0), u32(1)
WHOLE = 7_000 * 10**9


class Objecting(Assembly):
    """The chambers, and a programme of the Foundation with milestones to object to."""

    window = 14 * Assembly.day

    def more(self) -> None:
        self.tokenomics = self.add_tokenomics(
            self.balances, window=u64(self.window), slot_ms=u64(SLOT_MS)
        )
        self.milestones = self.tokenomics.programmes
        super().more()

    def open(self) -> None:
        super().open()
        items = [Milestone(u32(500), PROOF) for _ in range(20)]
        programme = Programme(PoolId(b"btt/fnd1"), u128(1_000 * BTT), u32(48), items)
        self.tokenomics.programmes.programmes[FIRST] = programme
        self.tokenomics.foundation.value = FOUNDATION

    def attest(self, index: u32 = FIRST) -> None:
        """Attest a milestone in this slot."""
        self.tokenomics.attest_milestone(signed(FOUNDATION), FIRST, index, PROOF)

    def object(self, who: AccountId, planck: int, index: u32 = FIRST) -> None:
        """Object with so many planck."""
        self.chambers.object_to_milestone(signed(who), FIRST, index, u128(planck))

    def status_of(self, index: u32 = FIRST) -> MilestoneStatus:
        """Return the state of a milestone."""
        return self.tokenomics.programmes.programmes[FIRST].milestones[index].status

    def objected(self, index: u32 = FIRST) -> int:
        """Return the weight of the objections to the present attestation."""
        item = self.tokenomics.programmes.programmes[FIRST].milestones[index]
        return self.chambers.objections.objected(FIRST, index, item.since)

    def locked(self, who: AccountId) -> int:
        """Return the amount that objections lock."""
        locks = self.balances.locks[who]
        return sum(int(lock.amount) for lock in locks if lock.id == OBJECTION_LOCK_ID)


@pytest.fixture
def runtime() -> Objecting:
    made = Objecting()
    made.open()
    made.seat(ALICE, 6_000)
    made.seat(BOB, 1_000)
    made.attest()
    made.host.events.clear()
    return made


# ---- the threshold


def test_an_objection_of_a_tenth_of_all_weights_stops_a_milestone(runtime: Objecting) -> None:
    # Institutions have 70 % of the weights: a seventh of them is a tenth of all.
    runtime.object(BOB, 1_000 * BTT)
    assert runtime.status_of() is MilestoneStatus.Objected
    assert runtime.announced()[-2:] == [
        chambers_events.ObjectionRaised(BOB, FIRST, FIRST, u128(WHOLE // 10)),
        tokenomics_events.MilestoneObjected(FIRST, FIRST),
    ]


@pytest.mark.parametrize("planck", [999 * BTT, 1_000 * BTT - 1])
def test_less_than_a_tenth_does_not_stop_a_milestone(runtime: Objecting, planck: int) -> None:
    runtime.object(BOB, planck)
    assert runtime.objected() == WHOLE * planck // (10_000 * BTT)
    assert runtime.status_of() is MilestoneStatus.Attested
    runtime.clock.slot += runtime.window
    assert (
        runtime.tokenomics.programmes.cap(runtime.tokenomics.programmes.programmes[FIRST], 10**8)
        > 0
    )


def test_objections_add_up_over_accounts_and_chambers(runtime: Objecting) -> None:
    runtime.object(BOB, 999 * BTT)
    # Holders have 15 %, of 30,000 BTT: 100 BTT are 0.05 % of all weights.
    runtime.object(CAROL, 10 * BTT)
    assert runtime.status_of() is MilestoneStatus.Attested
    runtime.object(DAVE, 30 * BTT)
    assert runtime.status_of() is MilestoneStatus.Objected


def test_work_and_seats_count_in_their_chambers() -> None:
    runtime = Objecting()
    runtime.open()
    runtime.elect(DAVE, EVE)
    runtime.work(CAROL, 900)
    runtime.work(DAVE, 100)
    runtime.wait(runtime.day)
    runtime.attest()
    runtime.object(DAVE, int(BTT))
    holders = 1_050 * Fraction(1, 50_000)
    expected = 750 * Fraction(1, 10) + holders + 300 * Fraction(1, 2)
    assert abs(runtime.objected() - expected * 10**9) < 4


def test_weights_are_those_of_the_first_objection(runtime: Objecting) -> None:
    runtime.clock.slot = 3 * YEAR_MS // SLOT_MS - 10
    runtime.attest(SECOND)
    runtime.object(BOB, 900 * BTT, SECOND)  # in 2027, institutions have 40 %
    runtime.clock.slot += 20
    assert runtime.chambers.schedule.year() == 2028
    assert runtime.objected(SECOND) == 2_800 * 10**9 * 900 // 7_000
    runtime.object(ALICE, 800 * BTT, SECOND)
    assert runtime.objected(SECOND) == 2_800 * 10**9 * 1_700 // 7_000


@given(
    rows=st.lists(
        st.tuples(st.integers(0, 10**27), st.integers(0, 10**27)), min_size=4, max_size=4
    ),
    year=st.integers(2025, 2032),
)
def test_the_objected_weight_is_exact_and_at_most_the_whole(
    rows: list[tuple[int, int]], year: int
) -> None:
    weights = formulas.weights(formulas.Mode.Scheduled, year)
    chambers = [
        ChamberRecord(u32(weight), u128(all_), Share(nays=u128(nays)))
        for weight, (nays, all_) in zip(weights, rows, strict=True)
    ]
    parts = [
        weight * 10**9 * min(Fraction(nays, all_), Fraction(1))
        for weight, (nays, all_) in zip(weights, rows, strict=True)
        if all_
    ]
    found = formulas.objected(chambers)
    assert found == sum(int(part) for part in parts)
    assert 0 <= found <= WHOLE


# ---- clocks


def test_an_objection_after_the_window_is_refused(runtime: Objecting) -> None:
    runtime.clock.slot = runtime.window - 1
    runtime.object(CAROL, int(BTT))
    runtime.clock.slot = runtime.window
    with refused(runtime, tokenomics_errors.WindowClosed):
        runtime.object(BOB, 1_000 * BTT)
    with refused(runtime, tokenomics_errors.WindowClosed):
        runtime.chambers.withdraw_objection(signed(CAROL), FIRST, FIRST)


def test_only_an_attested_milestone_can_be_objected_to(runtime: Objecting) -> None:
    with refused(runtime, tokenomics_errors.NotAttested):
        runtime.object(BOB, int(BTT), SECOND)
    with refused(runtime, tokenomics_errors.MilestoneUnknown):
        runtime.object(BOB, int(BTT), u32(20))
    runtime.tokenomics.confirm_milestone(ROOT, FIRST, FIRST)
    with refused(runtime, tokenomics_errors.NotAttested):
        runtime.object(BOB, int(BTT))


def test_a_stopped_milestone_counts_after_it_is_attested_again_or_confirmed(
    runtime: Objecting,
) -> None:
    runtime.object(BOB, 1_000 * BTT)
    with refused(runtime, tokenomics_errors.NotAttested):
        runtime.object(CAROL, int(BTT))
    runtime.attest()  # in the same slot
    assert runtime.objected() == 0
    runtime.object(CAROL, int(BTT))
    assert runtime.status_of() is MilestoneStatus.Attested
    runtime.object(BOB, 1_000 * BTT)
    assert runtime.status_of() is MilestoneStatus.Objected
    runtime.tokenomics.confirm_milestone(ROOT, FIRST, FIRST)
    assert runtime.status_of() is MilestoneStatus.Confirmed


def test_objections_count_for_one_attestation_of_several_in_a_slot(runtime: Objecting) -> None:
    for _ in range(3):
        runtime.object(BOB, 1_000 * BTT)
        assert runtime.status_of() is MilestoneStatus.Objected
        runtime.attest()
        assert runtime.objected() == 0
        runtime.object(CAROL, int(BTT))
        assert runtime.status_of() is MilestoneStatus.Attested


# ---- weight counts once


def test_an_account_objects_once(runtime: Objecting) -> None:
    runtime.object(BOB, 500 * BTT)
    with refused(runtime, chambers_errors.AlreadyObjected):
        runtime.object(BOB, 500 * BTT)
    runtime.chambers.withdraw_objection(signed(BOB), FIRST, FIRST)
    assert runtime.announced()[-1] == chambers_events.ObjectionWithdrawn(BOB, FIRST, FIRST)
    assert (runtime.objected(), runtime.locked(BOB)) == (0, 0)
    with refused(runtime, chambers_errors.NotObjecting):
        runtime.chambers.withdraw_objection(signed(BOB), FIRST, FIRST)
    runtime.object(BOB, 400 * BTT)
    assert runtime.objected() == WHOLE * 400 // 10_000


def test_the_same_money_does_not_object_twice(runtime: Objecting) -> None:
    runtime.object(CAROL, 9_990 * BTT)
    before = runtime.objected()
    with refused(runtime, TokenError):
        runtime.balances.transfer(CAROL, DAVE, 1_000 * BTT)
    with refused(runtime, chambers_errors.NotObjecting):
        runtime.chambers.unlock_objections(signed(DAVE), Id(CAROL))
    runtime.chambers.withdraw_objection(signed(CAROL), FIRST, FIRST)
    runtime.balances.transfer(CAROL, DAVE, 9_990 * BTT)
    runtime.object(DAVE, 9_990 * BTT)
    assert runtime.objected() == before


def test_one_amount_objects_to_several_milestones(runtime: Objecting) -> None:
    runtime.attest(SECOND)
    runtime.object(CAROL, 100 * BTT)
    runtime.object(CAROL, 300 * BTT, SECOND)
    assert runtime.locked(CAROL) == 300 * BTT
    runtime.chambers.withdraw_objection(signed(CAROL), FIRST, SECOND)
    assert runtime.locked(CAROL) == 100 * BTT


def test_money_is_unlocked_once_a_milestone_is_decided(runtime: Objecting) -> None:
    for place in (1, 2, 3):
        runtime.attest(u32(place))
    for place in range(4):
        runtime.object(CAROL, (place + 1) * 10 * BTT, u32(place))
    unlock = runtime.chambers.unlock_objections
    with refused(runtime, chambers_errors.NotObjecting):
        unlock(signed(BOB), Id(CAROL))
    runtime.tokenomics.confirm_milestone(ROOT, FIRST, u32(3))
    unlock(signed(BOB), Id(CAROL))
    assert runtime.locked(CAROL) == 30 * BTT
    runtime.object(BOB, 1_000 * BTT, u32(2))
    unlock(signed(BOB), Id(CAROL))
    assert runtime.locked(CAROL) == 20 * BTT
    runtime.clock.slot += runtime.window
    unlock(signed(BOB), Id(CAROL))
    assert runtime.locked(CAROL) == 0
    assert CAROL not in runtime.chambers.objections.own_objections


# ---- what an objection needs


def test_an_objection_needs_power_and_money(runtime: Objecting) -> None:
    poor = AccountId(b"\x77" * 32)
    with refused(runtime, chambers_errors.InsufficientFunds):
        runtime.object(poor, int(BTT))
    with refused(runtime, chambers_errors.ObjectionTooSmall):
        runtime.object(CAROL, BTT - 1)
    with refused(runtime, chambers_errors.InsufficientFunds):
        runtime.object(CAROL, 10_001 * BTT)
    runtime.ledger.vesting[DAVE] = 10_000 * BTT
    with refused(runtime, chambers_errors.NoVotingPower):
        runtime.object(DAVE, 5_000 * BTT)


def test_an_account_has_at_most_sixteen_objections(runtime: Objecting) -> None:
    for place in range(1, MAX_OBJECTIONS + 1):
        runtime.attest(u32(place))
    for place in range(MAX_OBJECTIONS):
        runtime.object(CAROL, int(BTT), u32(place))
    with refused(runtime, chambers_errors.TooManyObjections):
        runtime.object(CAROL, int(BTT), u32(MAX_OBJECTIONS))
    runtime.clock.slot += runtime.window
    runtime.attest(u32(MAX_OBJECTIONS + 1))
    runtime.object(CAROL, int(BTT), u32(MAX_OBJECTIONS + 1))
    assert len(runtime.chambers.objections.own_objections[CAROL]) == 1


class Objections(History):
    """Five accounts that object, withdraw and send their money to Carol, on one milestone
    after the other."""

    accounts = (ALICE, BOB, CAROL, DAVE, EVE)

    def __init__(self) -> None:
        self.runtime = Objecting()
        super().__init__(self.runtime)
        self.runtime.open()
        self.runtime.seat(ALICE, 60_000)
        self.runtime.attest()
        self.index = FIRST

    def step(self) -> None:
        steps = (
            *[self.object] * 6, *[self.withdraw] * 3, *[self.unlock] * 2, self.send, self.wait,
            *[self.attest] * 2,
        )  # fmt: skip
        self.one_of(steps)(self.one_of(self.accounts))

    def object(self, who: AccountId) -> None:
        """Object with little, or with up to all that the account has."""
        amount = self.rng.randint(1, self.one_of((20, 2_000, 9_000)) * int(BTT))
        call = self.runtime.chambers.object_to_milestone
        self.attempt(call, signed(who), FIRST, self.index, u128(amount))

    def withdraw(self, who: AccountId) -> None:
        own = dict(self.runtime.chambers.objections.own_objections.items())
        who = self.one_of(list(own) or [who])
        self.attempt(self.runtime.chambers.withdraw_objection, signed(who), FIRST, self.index)

    def unlock(self, who: AccountId) -> None:
        self.attempt(self.runtime.chambers.unlock_objections, signed(CAROL), Id(who))

    def send(self, who: AccountId) -> None:
        amount = u128(self.rng.randint(1, 2_000) * int(BTT))
        self.attempt(self.runtime.balances.transfer, who, CAROL, amount)

    def wait(self, who: AccountId) -> None:
        self.runtime.clock.slot += self.one_of((1, self.runtime.window // 3, self.runtime.window))

    def attest(self, who: AccountId) -> None:
        """Attest again what was objected to, or the next milestone once the window is closed."""
        if self.runtime.milestones.pending_since(FIRST, self.index) is None and self.one_in(2):
            self.index = u32(self.index + 1)
        call = self.runtime.tokenomics.attest_milestone
        self.attempt(call, signed(FOUNDATION), FIRST, self.index, PROOF)

    def check(self) -> None:
        runtime = self.runtime
        current = runtime.chambers.objections.objection_rounds.get((FIRST, self.index))
        own = dict(runtime.chambers.objections.own_objections.items())
        since = runtime.milestones.pending_since(FIRST, self.index)
        if current is not None and current.since != since:
            current = None  # that of an earlier attestation: it only locks, and counts no more
        for chamber in Chamber if since is not None else ():
            counted = [
                one
                for ones in own.values()
                for one in ones
                if (one.index, one.since) == (self.index, since)
            ]
            total = sum(int(one.powers[chamber]) for one in counted)
            nays = 0 if current is None else int(current.poll.chambers[chamber].votes.nays)
            assert nays == total <= runtime.electorate(chamber)
        for person in self.accounts:
            amounts = [int(one.locked) for one in own.get(person, [])]
            assert runtime.locked(person) == max(amounts, default=0)


@settings(max_examples=settings().max_examples // 2)
@given(seeds(20, 50))
def test_the_sums_are_those_of_the_objections_whatever_happens(steps: list[int]) -> None:
    Objections().run(steps)


def test_random_objections_are_raised_withdrawn_and_unlocked() -> None:
    names = (
        "Chambers.object_to_milestone", "Chambers.withdraw_objection",
        "Chambers.unlock_objections", "Chambers.ObjectionRaised", "Chambers.ObjectionWithdrawn",
        "Tokenomics.MilestoneObjected", "Tokenomics.attest_milestone",
    )  # fmt: skip
    assert unreached(Objections, others=names, runs=4, steps=60) == set()
