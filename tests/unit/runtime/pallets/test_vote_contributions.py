"""A vote is a contribution of its account once in each decided referendum, however it is cast."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings

from btt_chain.primitives.account import Id
from btt_chain.scale import u16, u32, u128
from runtime.constants import BTT
from runtime.frame import signed
from runtime.frame.origin import decided
from runtime.pallets.conviction_voting.pallet import ConvictionVoting
from runtime.pallets.conviction_voting.types import Conviction, SplitAbstain, Standard, vote_of
from runtime.pallets.origins import Decision
from support.governance import ALICE, BOB, CAROL, DAVE, EVE, PEOPLE, Forum
from support.histories import History, seeds, unreached
from support.runtime import refused

DAY, PERIOD = Forum.day, 7 * Forum.day
FIRST, SECOND = u32(0), u32(1)
TRACK = u16(Decision.SmallSpender)
CANCELLER = decided(Decision.Canceller)
LOCKED = Conviction.Locked1x


@pytest.fixture
def runtime() -> Forum:
    made = Forum()
    made.open()
    made.tick(0)
    made.submit()
    made.submit()
    return made


def approve(runtime: Forum, index: u32 = FIRST) -> None:
    """Let a referendum be approved by CAROL, DAVE and EVE."""
    runtime.referenda.place_decision_deposit(signed(EVE), index)
    for who in (CAROL, DAVE, EVE):
        runtime.vote(who, index, 9_000)
    runtime.wait(2 * DAY)
    assert runtime.referenda.ended(index) is not None


def test_a_vote_that_stood_to_the_decision_counts_when_it_is_removed(runtime: Forum) -> None:
    runtime.vote(ALICE, FIRST, 1, aye=False)
    approve(runtime)
    assert runtime.contributions.counted == []
    runtime.voting.remove_vote(signed(ALICE), TRACK, FIRST)
    assert runtime.contributions.counted == [ALICE]
    with refused(runtime, ConvictionVoting.NotVoter):
        runtime.voting.remove_vote(signed(ALICE), TRACK, FIRST)
    with refused(runtime, ConvictionVoting.NotOngoing):
        runtime.vote(ALICE, FIRST, 1)


def test_a_vote_that_another_account_removes_counts_for_its_voter(runtime: Forum) -> None:
    approve(runtime)
    runtime.wait(PERIOD)
    runtime.voting.remove_other_vote(signed(ALICE), Id(CAROL), TRACK, FIRST)
    assert runtime.contributions.counted == [CAROL]


def test_changing_and_repeating_a_vote_counts_once(runtime: Forum) -> None:
    for amount in (5, 1, 7):
        runtime.vote(ALICE, FIRST, amount, aye=amount == 1)
    runtime.voting.remove_vote(signed(ALICE), TRACK, FIRST)
    assert runtime.contributions.counted == [], "a vote that is withdrawn counts for nothing"
    runtime.vote(ALICE, FIRST, 1)
    approve(runtime)
    runtime.voting.remove_vote(signed(ALICE), TRACK, FIRST)
    assert runtime.contributions.counted == [ALICE]


def test_an_abstention_counts_and_a_vote_with_nothing_does_not(runtime: Forum) -> None:
    nothing = u128(0)
    runtime.voting.vote(signed(ALICE), FIRST, SplitAbstain(nothing, nothing, BTT))
    runtime.voting.vote(signed(BOB), FIRST, Standard(vote_of(aye=True), nothing))
    approve(runtime)
    for who in (ALICE, BOB):
        runtime.voting.remove_vote(signed(who), TRACK, FIRST)
    assert runtime.contributions.counted == [ALICE]


def test_votes_in_referenda_that_were_not_decided_do_not_count(runtime: Forum) -> None:
    runtime.vote(ALICE, FIRST, 1)
    runtime.vote(ALICE, SECOND, 1)
    runtime.referenda.cancel(CANCELLER, FIRST)
    runtime.referenda.kill(CANCELLER, SECOND)
    late = runtime.submit()
    runtime.vote(BOB, late, 1)
    runtime.wait(14 * DAY + 1)
    for who, index in ((ALICE, FIRST), (ALICE, SECOND), (BOB, late)):
        assert runtime.referenda.ended(index) is None
        runtime.voting.remove_vote(signed(who), TRACK, index)
    assert runtime.contributions.counted == []


def test_who_delegates_does_not_contribute_and_its_delegate_counts_once(runtime: Forum) -> None:
    for who in (ALICE, BOB):
        runtime.voting.delegate(signed(who), TRACK, Id(CAROL), LOCKED, 100 * BTT)
    approve(runtime)
    for who in (ALICE, BOB):
        runtime.voting.undelegate(signed(who), TRACK)
        with refused(runtime, ConvictionVoting.NotVoter):
            runtime.voting.remove_vote(signed(who), TRACK, FIRST)
    runtime.voting.remove_vote(signed(CAROL), TRACK, FIRST)
    assert runtime.contributions.counted == [CAROL]


class Votes(History):
    """Votes, delegations and time, on three referenda of one track."""

    def __init__(self) -> None:
        self.forum = Forum()
        super().__init__(self.forum)
        self.forum.open()
        self.forum.tick(0)
        for _ in range(3):
            index = self.forum.submit()
            self.forum.referenda.place_decision_deposit(signed(EVE), index)

    def step(self) -> None:
        voting, who, other = self.forum.voting, self.one_of(PEOPLE), self.one_of(PEOPLE)
        index = u32(self.rng.randrange(3))
        match self.one_of(KINDS):
            case "vote":
                given = Standard(vote_of(aye=not self.one_in(5)), u128((1 + int(index)) * BTT))
                self.attempt(voting.vote, signed(who), index, given)
            case "all vote":
                for voter in PEOPLE:
                    given = Standard(vote_of(aye=True), u128(9_000 * BTT))
                    self.attempt(voting.vote, signed(voter), index, given)
            case "remove":
                for number in range(3):
                    self.attempt(voting.remove_vote, signed(who), TRACK, u32(number))
            case "clear":
                self.attempt(voting.remove_other_vote, signed(who), Id(other), TRACK, index)
            case "delegate":
                self.attempt(voting.delegate, signed(who), TRACK, Id(other), LOCKED, BTT)
            case "undelegate":
                for one in PEOPLE:
                    if self.one_in(2):
                        self.attempt(voting.undelegate, signed(one), TRACK)
            case "unlock":
                self.attempt(voting.unlock, signed(who), TRACK, Id(other))
            case _:
                self.forum.wait(self.one_of((1, 1, DAY, 9 * DAY)))

    def check(self) -> None:
        """Check that no account counts twice in a referendum."""
        ended = sum(self.forum.referenda.ended(u32(number)) is not None for number in range(3))
        counted = Counter(self.forum.contributions.counted)
        assert max(counted.values(), default=0) <= ended
        if counted:
            self.reached.add("counted")


KINDS = (
    "vote", "vote", "vote", "all vote", "remove", "remove", "clear", "delegate", "undelegate",
    "unlock", "wait", "wait",
)  # fmt: skip


@settings(max_examples=settings().max_examples // 2)
@given(seeds(20, 50))
def test_an_account_never_counts_twice_in_a_referendum(steps: list[int]) -> None:
    Votes().run(steps)


def test_random_votes_are_counted_and_reach_all_calls() -> None:
    assert unreached(Votes, ConvictionVoting, others=("counted",), runs=8, steps=60) == set()
