"""Referenda: from the submission to the call that is made, and every way in which it ends."""

from __future__ import annotations

from typing import Self

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from btt_chain.crypto.hashing import blake2_256
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.scale import Ok, codec, u16, u32, u128
from runtime.accounts import TREASURY
from runtime.constants import BTT
from runtime.frame import NONE, ROOT, BadOrigin, Error, Origin, signed
from runtime.frame.origin import decided
from runtime.frame.traits import Reasons
from runtime.pallets.balances import errors as balances_errors
from runtime.pallets.conviction_voting.types import Standard, vote_of
from runtime.pallets.origins import Decision, DecisionOrigin, RawRoot, RawSigned, SystemOrigin
from runtime.pallets.preimage.pallet import Inline, Lookup
from runtime.pallets.referenda import errors as referenda_errors
from runtime.pallets.referenda import events as referenda_events
from runtime.pallets.referenda.lifecycle import enactment_name
from runtime.pallets.referenda.pallet import Referenda
from runtime.pallets.referenda.tracks import ROOT_DEPOSIT, tracks
from runtime.pallets.referenda.types import (
    RESERVE_ID,
    Deposit,
    Ongoing,
    ReferendumInfo,
    Tally,
    WasApproved,
    WasKilled,
    WasRejected,
    WasTimedOut,
)
from runtime.pallets.scheduler import events as scheduler_events
from runtime.pallets.scheduler.types import After, At
from support.governance import ALICE, BOB, CAROL, PEOPLE, SMALL_SPENDER, WEALTH, Diary, Forum
from support.histories import History, seeds, unreached
from support.runtime import refused

DAY = Forum.day
FIRST = u32(0)
SUBMISSION, DECISION = 10 * BTT, 100 * BTT
TRACK = u16(Decision.SmallSpender)
CANCELLER = decided(Decision.Canceller)
BY_ROOT = SystemOrigin(RawRoot())


@pytest.fixture
def runtime() -> Forum:
    made = Forum()
    made.open()
    made.tick(0)
    return made


def reserved(runtime: Forum, who: AccountId) -> int:
    return int(runtime.balances.reservable_currency.reserved_named(RESERVE_ID, who))


def test_an_approved_call_is_enacted_without_further_action(runtime: Forum) -> None:
    index = runtime.submit(b"roof mended")
    runtime.referenda.place_decision_deposit(signed(BOB), index)
    runtime.vote(CAROL, index, 9_999)
    runtime.wait(DAY - 1)
    assert runtime.status(index).deciding is None
    runtime.new_events()
    runtime.tick()
    events = runtime.new_events()
    assert (
        referenda_events.DecisionStarted(
            index,
            TRACK,
            runtime.status(index).proposal,
            Tally(u128(9_999 * BTT), u128(0), u128(9_999 * BTT)),
        )
        in events
    )
    assert referenda_events.ConfirmStarted(index) not in events, (
        "9,999 of 50,000 are less than 20 %"
    )
    runtime.vote(BOB, index, 5)
    runtime.tick()
    assert referenda_events.ConfirmStarted(index) in runtime.new_events()
    runtime.wait(DAY - 1)
    assert isinstance(runtime.referenda.referendum_info_for[index], Ongoing)
    runtime.new_events()
    runtime.tick()
    events = runtime.new_events()
    assert referenda_events.Approved(index) in events
    assert any(isinstance(event, referenda_events.Confirmed) for event in events)
    info = runtime.referenda.referendum_info_for[index]
    assert info == WasApproved(
        u32(runtime.clock.slot), Deposit(ALICE, SUBMISSION), Deposit(BOB, DECISION)
    )
    assert runtime.referenda.queues.deciding_count[TRACK] == 1
    runtime.tick()
    assert runtime.referenda.queues.deciding_count[TRACK] == 0
    runtime.wait(DAY - 2)
    runtime.new_events()
    runtime.tick()
    events = runtime.new_events()
    assert events[0] == Diary.Written(b"roof mended")
    last = events[-1]
    assert isinstance(last, scheduler_events.Dispatched)
    assert (last.id, last.result) == (enactment_name(index), Ok(()))
    runtime.referenda.refund_submission_deposit(signed(CAROL), index)
    runtime.referenda.refund_decision_deposit(signed(CAROL), index)
    assert reserved(runtime, ALICE) == reserved(runtime, BOB) == 0
    assert list(runtime.scheduler.tasks.agenda.items()) == []


def test_the_call_is_made_by_the_origin_that_was_decided_on(runtime: Forum) -> None:
    seen: list[Origin] = []
    runtime.scheduler.__dict__["schedule_origin"] = seen.append
    inner = runtime.call(
        "Scheduler",
        "schedule",
        when=u32(10**6),
        maybe_periodic=None,
        priority=0,
        call=runtime.entry(b""),
    )
    for by in (BY_ROOT, DecisionOrigin(Decision.Emergency)):
        bounded = runtime.preimage.bound(inner)
        runtime.referenda.submit(signed(ALICE), by, bounded, After(u32(0)))
    for index in (FIRST, u32(1)):
        runtime.referenda.place_decision_deposit(signed(ALICE), index)
        for who in PEOPLE:
            runtime.vote(who, index, 8_000)
    runtime.wait(20 * DAY)
    assert seen == [decided(Decision.Emergency), ROOT]


@pytest.mark.parametrize(
    "origin", [SystemOrigin(RawSigned(ALICE)), SystemOrigin(RawSigned(TREASURY))]
)
def test_no_track_decides_for_an_account(runtime: Forum, origin: SystemOrigin) -> None:
    with refused(runtime, referenda_errors.NoTrack):
        runtime.submit(by=origin)


def test_a_submission_costs_a_deposit_that_may_be_locked_money(runtime: Forum) -> None:
    runtime.balances.set_lock(b"vesting ", ALICE, WEALTH * BTT, Reasons.All)
    index = runtime.submit()
    assert reserved(runtime, ALICE) == SUBMISSION
    runtime.referenda.place_decision_deposit(signed(ALICE), index)
    assert reserved(runtime, ALICE) == SUBMISSION + DECISION
    with refused(runtime, referenda_errors.HasDeposit):
        runtime.referenda.place_decision_deposit(signed(BOB), index)
    with refused(runtime, balances_errors.InsufficientBalance):
        runtime.submit(who=AccountId(b"\x77" * 32))


def test_what_gets_too_few_votes_is_rejected_at_the_end(runtime: Forum) -> None:
    index = runtime.deciding()
    runtime.vote(BOB, index, 9_000)
    runtime.wait(7 * DAY - 1)
    assert isinstance(runtime.referenda.referendum_info_for[index], Ongoing)
    runtime.new_events()
    runtime.tick()
    assert any(isinstance(event, referenda_events.Rejected) for event in runtime.new_events())
    assert isinstance(runtime.referenda.referendum_info_for[index], WasRejected)
    runtime.wait(3 * DAY)
    assert runtime.written() == []
    runtime.referenda.refund_submission_deposit(signed(ALICE), index)
    runtime.referenda.refund_decision_deposit(ROOT, index)
    assert reserved(runtime, ALICE) == 0


def test_equal_votes_are_rejected(runtime: Forum) -> None:
    index = runtime.deciding()
    runtime.vote(BOB, index, 9_000)
    runtime.vote(CAROL, index, 9_000, aye=False)
    runtime.vote(ALICE, index, 5_000)
    runtime.tick()
    assert runtime.status(index).deciding is not None
    runtime.vote(ALICE, index, 0)
    runtime.wait(7 * DAY)
    assert isinstance(runtime.referenda.referendum_info_for[index], WasRejected)


def test_a_confirmation_that_is_interrupted_starts_anew(runtime: Forum) -> None:
    index = runtime.deciding()
    runtime.vote(BOB, index, 10_000)
    runtime.vote(CAROL, index, 5_000)
    runtime.tick()
    deciding = runtime.status(index).deciding
    assert deciding is not None
    assert deciding.confirming == runtime.clock.slot + DAY
    runtime.wait(DAY - 5)
    runtime.voting.remove_vote(signed(BOB), None, index)
    runtime.tick()
    assert referenda_events.ConfirmAborted(index) in runtime.new_events()
    runtime.vote(BOB, index, 10_000)
    runtime.tick()
    deciding = runtime.status(index).deciding
    assert deciding is not None
    assert deciding.confirming == runtime.clock.slot + DAY


def test_a_confirmation_that_began_in_time_may_end_after_the_decision_period(
    runtime: Forum,
) -> None:
    index = runtime.deciding()
    runtime.wait(7 * DAY - 2)
    runtime.vote(BOB, index, 10_000)
    runtime.vote(CAROL, index, 5_000)
    runtime.wait(DAY + 1)
    assert isinstance(runtime.referenda.referendum_info_for[index], WasApproved)


def test_without_a_deposit_it_times_out(runtime: Forum) -> None:
    index = runtime.submit()
    runtime.wait(14 * DAY - 1)
    assert isinstance(runtime.referenda.referendum_info_for[index], Ongoing)
    runtime.new_events()
    runtime.tick()
    assert runtime.new_events()[0] == referenda_events.TimedOut(index, Tally())
    info = runtime.referenda.referendum_info_for[index]
    assert info == WasTimedOut(u32(14 * DAY), Deposit(ALICE, SUBMISSION), None)
    with refused(runtime, referenda_errors.NoDeposit):
        runtime.referenda.refund_decision_deposit(signed(ALICE), index)
    runtime.referenda.refund_submission_deposit(signed(ALICE), index)
    with refused(runtime, referenda_errors.NoDeposit):
        runtime.referenda.refund_submission_deposit(signed(ALICE), index)


def test_empty_slots_delay_a_referendum_and_nothing_else(runtime: Forum) -> None:
    index = runtime.submit()
    runtime.referenda.place_decision_deposit(signed(ALICE), index)
    runtime.vote(BOB, index, 10_000)
    runtime.vote(CAROL, index, 10_000)
    runtime.tick(3 * DAY)
    assert referenda_events.ConfirmStarted(index) in runtime.new_events()
    runtime.tick(5 * DAY)
    assert referenda_events.Approved(index) in runtime.new_events()
    runtime.tick(5 * DAY)
    assert runtime.written() == [b"done"]


@pytest.mark.parametrize(("moment", "delay"), [(After(u32(3 * DAY)), 3), (After(u32(1)), 1)])
def test_the_call_is_made_when_it_was_wanted_but_not_too_early(
    runtime: Forum, moment: After, delay: int
) -> None:
    inner = runtime.preimage.bound(runtime.entry(b"late"))
    runtime.referenda.submit(signed(ALICE), SMALL_SPENDER, inner, moment)
    runtime.referenda.place_decision_deposit(signed(ALICE), FIRST)
    for who in PEOPLE:
        runtime.vote(who, FIRST, 9_000)
    runtime.wait(2 * DAY)
    assert isinstance(runtime.referenda.referendum_info_for[FIRST], WasApproved)
    runtime.new_events()
    runtime.wait(delay * DAY - 1)
    assert runtime.written() == []
    runtime.tick()
    assert runtime.written() == [b"late"]


def test_a_moment_can_be_a_slot(runtime: Forum) -> None:
    inner = runtime.preimage.bound(runtime.entry(b"at"))
    runtime.referenda.submit(signed(ALICE), SMALL_SPENDER, inner, At(u32(10 * DAY)))
    runtime.referenda.place_decision_deposit(signed(ALICE), FIRST)
    for who in PEOPLE:
        runtime.vote(who, FIRST, 9_000)
    runtime.wait(10 * DAY - 1)
    runtime.new_events()
    runtime.tick()
    assert runtime.written() == [b"at"]


def test_a_proposal_by_hash_is_made_from_its_preimage(runtime: Forum) -> None:
    inner = runtime.entry(b"x" * 200)
    key, length = H256(blake2_256(inner.raw)), u32(len(inner.raw))
    runtime.preimage.note_preimage(signed(BOB), inner.raw)
    with refused(runtime, referenda_errors.PreimageStoredWithDifferentLength):
        runtime.referenda.submit(signed(ALICE), SMALL_SPENDER, Lookup(key, u32(5)), After(u32(0)))
    runtime.referenda.submit(signed(ALICE), SMALL_SPENDER, Lookup(key, length), After(u32(0)))
    runtime.referenda.place_decision_deposit(signed(ALICE), FIRST)
    for who in PEOPLE:
        runtime.vote(who, FIRST, 9_000)
    runtime.wait(2 * DAY)
    runtime.preimage.unnote_preimage(signed(BOB), key)
    assert runtime.preimage.have(key), "the task keeps it"
    runtime.wait(DAY)
    assert runtime.written() == [b"x" * 200]
    assert not runtime.preimage.have(key)


def test_a_track_decides_so_many_at_a_time_and_then_the_best_that_waits(runtime: Forum) -> None:
    by = DecisionOrigin(Decision.Emergency)
    for number in range(8):
        runtime.submit(bytes((number,)), by)
        runtime.referenda.place_decision_deposit(signed(ALICE), u32(number))
    track = u16(Decision.Emergency)
    assert runtime.referenda.queues.deciding_count[track] == 5
    assert [index for index, _ in runtime.referenda.queues.track_queue[track]] == [7, 6, 5]
    runtime.vote(BOB, u32(6), 50)
    runtime.vote(BOB, u32(7), 20)
    assert [index for index, _ in runtime.referenda.queues.track_queue[track]] == [5, 7, 6]
    runtime.vote(BOB, u32(5), 30)
    assert [index for index, _ in runtime.referenda.queues.track_queue[track]] == [7, 5, 6]
    runtime.referenda.nudge_referendum(ROOT, u32(5))
    assert [index for index, _ in runtime.referenda.queues.track_queue[track]] == [7, 5, 6]
    runtime.referenda.cancel(CANCELLER, FIRST)
    runtime.tick()
    assert runtime.status(u32(6)).deciding is not None
    assert not runtime.status(u32(6)).in_queue
    runtime.referenda.cancel(CANCELLER, u32(5))
    assert [index for index, _ in runtime.referenda.queues.track_queue[track]] == [7]
    assert runtime.referenda.queues.deciding_count[track] == 5
    runtime.wait(3 * DAY)
    assert runtime.referenda.queues.deciding_count[track] == 0
    assert runtime.referenda.queues.track_queue[track] == []


class Narrow(Forum):
    """A forum in which only two can wait."""

    max_queued = 2


def test_who_finds_the_queue_full_tries_again_and_the_least_wanted_leaves() -> None:
    runtime = Narrow()
    runtime.open()
    runtime.tick(0)
    by, track = DecisionOrigin(Decision.Emergency), u16(Decision.Emergency)
    for number in range(8):
        runtime.submit(bytes((number,)), by)
        if number >= 5:
            runtime.vote(BOB, u32(number), number)
        runtime.referenda.place_decision_deposit(signed(ALICE), u32(number))
    assert [index for index, _ in runtime.referenda.queues.track_queue[track]] == [6, 7]
    assert not runtime.status(u32(5)).in_queue
    runtime.wait(4 * DAY)
    ended = [runtime.referenda.referendum_info_for[u32(number)] for number in range(8)]
    assert all(isinstance(info, WasRejected) for info in ended), "each had its turn"


def test_who_is_wanted_as_much_as_the_last_that_waits_does_not_take_its_place() -> None:
    runtime = Narrow()
    runtime.open()
    runtime.tick(0)
    by, track = DecisionOrigin(Decision.Emergency), u16(Decision.Emergency)
    for number in range(8):
        runtime.submit(bytes((number,)), by)
        runtime.vote(BOB, u32(number), 3)
        runtime.referenda.place_decision_deposit(signed(ALICE), u32(number))
    assert [index for index, _ in runtime.referenda.queues.track_queue[track]] == [6, 5]


def test_what_was_not_being_decided_frees_no_place(runtime: Forum) -> None:
    by, track = DecisionOrigin(Decision.Emergency), u16(Decision.Emergency)
    for number in range(7):
        runtime.submit(bytes((number,)), by)
        if number < 6:
            runtime.referenda.place_decision_deposit(signed(ALICE), u32(number))
    assert [index for index, _ in runtime.referenda.queues.track_queue[track]] == [5]
    for index in (u32(5), u32(6)):
        runtime.referenda.cancel(CANCELLER, index)
    runtime.tick(2)
    assert runtime.referenda.queues.deciding_count[track] == 5
    runtime.referenda.cancel(CANCELLER, FIRST)
    runtime.tick(2)
    assert runtime.referenda.queues.deciding_count[track] == 4


def test_a_referendum_can_be_cancelled_and_the_deposits_come_back(runtime: Forum) -> None:
    index = runtime.deciding()
    with refused(runtime, BadOrigin):
        runtime.referenda.cancel(signed(ALICE), index)
    runtime.new_events()
    runtime.referenda.cancel(CANCELLER, index)
    assert referenda_events.Cancelled(index, Tally()) in runtime.new_events()
    with refused(runtime, referenda_errors.NotOngoing):
        runtime.referenda.cancel(CANCELLER, index)
    runtime.tick()
    assert runtime.referenda.queues.deciding_count[TRACK] == 0
    assert list(runtime.scheduler.tasks.agenda.items()) == []
    runtime.referenda.refund_submission_deposit(signed(ALICE), index)
    runtime.referenda.refund_decision_deposit(signed(ALICE), index)
    assert reserved(runtime, ALICE) == 0


def test_a_referendum_can_be_killed_and_the_deposits_are_lost(runtime: Forum) -> None:
    index = runtime.deciding()
    before, text = runtime.balances.free(TREASURY), b"why"
    runtime.preimage.note_preimage(signed(BOB), text)
    runtime.referenda.set_metadata(signed(ALICE), index, H256(blake2_256(text)))
    runtime.referenda.kill(CANCELLER, index)
    assert index not in runtime.referenda.descriptions.metadata_of
    assert runtime.balances.free(TREASURY) - before == SUBMISSION + DECISION
    assert runtime.referenda.referendum_info_for[index] == WasKilled(u32(runtime.clock.slot))
    with refused(runtime, referenda_errors.BadStatus):
        runtime.referenda.refund_submission_deposit(signed(ALICE), index)
    with refused(runtime, referenda_errors.NoDeposit):
        runtime.referenda.refund_decision_deposit(signed(ALICE), index)
    runtime.tick()
    assert runtime.referenda.queues.deciding_count[TRACK] == 0
    assert reserved(runtime, ALICE) == 0


def test_deposits_stay_while_it_is_going_on(runtime: Forum) -> None:
    index = runtime.submit()
    with refused(runtime, referenda_errors.NoDeposit):
        runtime.referenda.refund_decision_deposit(signed(ALICE), index)
    runtime.referenda.place_decision_deposit(signed(ALICE), index)
    with refused(runtime, referenda_errors.Unfinished):
        runtime.referenda.refund_decision_deposit(signed(ALICE), index)
    with refused(runtime, referenda_errors.BadStatus):
        runtime.referenda.refund_submission_deposit(signed(ALICE), index)
    for refund in (
        runtime.referenda.refund_decision_deposit,
        runtime.referenda.refund_submission_deposit,
    ):
        with refused(runtime, referenda_errors.BadReferendum):
            refund(signed(ALICE), u32(9))
        with refused(runtime, BadOrigin):
            refund(NONE, index)


def test_alarms_are_the_chains_own(runtime: Forum) -> None:
    index = runtime.submit()
    with refused(runtime, BadOrigin):
        runtime.referenda.nudge_referendum(signed(ALICE), index)
    with refused(runtime, BadOrigin):
        runtime.referenda.one_fewer_deciding(signed(ALICE), TRACK)
    with refused(runtime, referenda_errors.NoTrack):
        runtime.referenda.one_fewer_deciding(ROOT, u16(99))
    runtime.referenda.nudge_referendum(ROOT, index)
    with refused(runtime, referenda_errors.NotOngoing):
        runtime.referenda.nudge_referendum(ROOT, u32(9))


def test_a_referendum_is_explained_by_its_submitter(runtime: Forum) -> None:
    index, text = runtime.submit(), b"why the roof"
    key = H256(blake2_256(text))
    with refused(runtime, referenda_errors.PreimageNotExist):
        runtime.referenda.set_metadata(signed(ALICE), index, key)
    runtime.preimage.note_preimage(signed(ALICE), text)
    with refused(runtime, referenda_errors.NoPermission):
        runtime.referenda.set_metadata(signed(BOB), index, key)
    runtime.referenda.set_metadata(signed(ALICE), index, key)
    assert runtime.referenda.descriptions.metadata_of[index] == key
    with refused(runtime, referenda_errors.NoPermission):
        runtime.referenda.set_metadata(signed(BOB), index, None)
    runtime.referenda.cancel(CANCELLER, index)
    with refused(runtime, referenda_errors.NotOngoing):
        runtime.referenda.set_metadata(signed(ALICE), index, key)
    runtime.referenda.set_metadata(signed(BOB), index, None)
    assert index not in runtime.referenda.descriptions.metadata_of


def test_the_tracks_are_those_of_the_economy() -> None:
    day = 14_400
    known = dict(tracks(day))
    assert len(known) == 11
    assert sorted(known) == [0, *sorted(Decision)]
    root, emergency = known[u16(0)], known[u16(30)]
    assert (root.prepare_period, root.decision_period) == (2 * day, 14 * day)
    assert (root.confirm_period, root.min_enactment_period) == (day, day)
    assert root.decision_deposit == ROOT_DEPOSIT
    assert (emergency.prepare_period, emergency.decision_period) == (0, day)
    assert (emergency.confirm_period, emergency.min_enactment_period) == (day // 4, 0)
    assert emergency.min_approval.threshold(0) == 750_000_000
    assert emergency.min_support.threshold(10**9) == 600_000_000
    assert all(track.decision_deposit == DECISION for index, track in known.items() if index)


def test_a_finished_referendum_is_written_as_wallets_read_it() -> None:
    info = WasApproved(u32(5), Deposit(ALICE, u128(7)), None)
    raw = b"\1\5\0\0\0\1" + ALICE + (7).to_bytes(16, "little") + b"\0"
    assert codec(ReferendumInfo).encode(info) == raw
    assert codec(ReferendumInfo).decode_all(b"\5\1\0\0\0") == WasKilled(u32(1))


class Debate(History):
    """People who propose, vote and are refunded on a track with room for few or many."""

    refusals = (Error,)

    def __init__(self, *, narrow: bool) -> None:
        self.forum = Narrow() if narrow else Forum()
        super().__init__(self.forum)
        self.forum.open()
        self.forum.tick(0)
        self.issuance = self.forum.balances.total_issuance.value
        self.referenda, self.track = self.forum.referenda, u16(Decision.Emergency)

    def step(self) -> None:
        known = dict(self.referenda.referendum_info_for.items())
        going = [index for index, info in known.items() if isinstance(info, Ongoing)]
        steps = (
            *[self.submit] * 2, *[self.place] * 4, *[self.vote] * 5, self.unvote, self.end,
            *[self.refund] * 3, self.explain, self.nudge, *[self.wait] * 3,
        )  # fmt: skip
        step = self.one_of(steps)
        if step == self.submit or not known:
            self.submit(u32(0), ALICE)
            return
        wanted = list(known) if step == self.refund or not going or self.one_in(10) else going
        step(self.one_of(wanted), self.one_of(PEOPLE))

    def submit(self, index: u32, who: AccountId) -> None:
        inner = Inline(self.forum.entry(bytes((self.rng.randrange(256),))).raw)
        by = DecisionOrigin(Decision.Emergency)
        who = self.one_of(PEOPLE)
        self.attempt(self.referenda.submit, signed(who), by, inner, After(u32(0)))

    def place(self, index: u32, who: AccountId) -> None:
        self.attempt(self.referenda.place_decision_deposit, signed(who), index)

    def vote(self, index: u32, who: AccountId) -> None:
        """Let one account vote, or all: together they can decide, and change their minds."""
        together = self.one_in(3)
        aye = not self.one_in(4)
        for voter in PEOPLE if together else (who,):
            amount = u128((9_000 if together else self.rng.randint(1, 60) * 150) * BTT)
            given = Standard(vote_of(aye=aye), amount)
            self.attempt(self.forum.voting.vote, signed(voter), index, given)

    def unvote(self, index: u32, who: AccountId) -> None:
        self.attempt(self.forum.voting.remove_vote, signed(who), self.track, index)

    def end(self, index: u32, who: AccountId) -> None:
        call = self.referenda.kill if self.one_in(3) else self.referenda.cancel
        if self.one_in(3):
            self.attempt(call, CANCELLER, index)

    def refund(self, index: u32, who: AccountId) -> None:
        self.attempt(self.referenda.refund_submission_deposit, signed(who), index)
        self.attempt(self.referenda.refund_decision_deposit, signed(who), index)

    def explain(self, index: u32, who: AccountId) -> None:
        info = self.referenda.referendum_info_for[index]
        if isinstance(info, Ongoing):
            who = info.status.submission_deposit.who
        text = bytes((self.rng.randrange(4),))
        key = H256(blake2_256(text))
        self.attempt(self.forum.preimage.note_preimage, signed(who), text)
        self.attempt(self.referenda.set_metadata, signed(who), index, self.one_of((key, key, None)))

    def nudge(self, index: u32, who: AccountId) -> None:
        self.attempt(self.referenda.nudge_referendum, ROOT, index)

    def wait(self, index: u32, who: AccountId) -> None:
        for _ in range(3):
            self.forum.tick(self.one_of((1, 2, 4, 6, 6, 5 * DAY)))

    def check(self) -> None:
        check(self.forum, self.track)

    def finish(self) -> Self:
        """Wait until all is decided, and check that nothing is left."""
        assert self.forum.balances.total_issuance.value == self.issuance
        for _ in range(3 * 14 * DAY // 7):
            self.forum.tick(7)
        for index, info in self.referenda.referendum_info_for.items():
            assert not isinstance(info, Ongoing), f"{index} stays ongoing"
        assert list(self.forum.scheduler.tasks.agenda.items()) == []
        assert self.referenda.queues.deciding_count[self.track] == 0
        return self


@settings(deadline=None, max_examples=settings().max_examples // 2)
@given(seeds(20, 60), st.booleans())
def test_deposits_places_and_alarms_add_up_whatever_happens(steps: list[int], narrow: bool) -> None:
    Debate(narrow=narrow).run(steps).finish()


def test_random_debates_reach_all_calls_and_events() -> None:
    absent = {"Referenda.one_fewer_deciding"}  # the chain's own, by the scheduler
    assert unreached(lambda: Debate(narrow=True), Referenda, runs=4, steps=200) == absent


def check(runtime: Forum, track: u16) -> None:
    """Check what Referenda promises."""
    owed = dict.fromkeys(PEOPLE, 0)
    deciding, waiting = 0, []
    both: tuple[Deposit | None, Deposit | None]
    for index, info in runtime.referenda.referendum_info_for.items():
        if isinstance(info, WasKilled):
            continue
        if isinstance(info, Ongoing):
            status = info.status
            both = (status.submission_deposit, status.decision_deposit)
            deciding += status.deciding is not None
            waiting += [index] if status.in_queue else []
            if not status.in_queue:
                assert status.alarm is not None
                assert runtime.scheduler.tasks.task(status.alarm[1]) is not None
        else:
            both = (info.submission, info.decision)
        for deposit in both:
            if deposit is not None:
                owed[deposit.who] += int(deposit.amount)
    assert owed == {who: reserved(runtime, who) for who in PEOPLE}
    queue = runtime.referenda.queues.track_queue[track]
    assert sorted(index for index, _ in queue) == sorted(waiting)
    assert [ayes for _, ayes in queue] == sorted(ayes for _, ayes in queue)
    assert deciding <= runtime.referenda.queues.deciding_count[track] <= 5
