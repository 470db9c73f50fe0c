"""Referenda: from the submission to the call that is made, and every way in which it ends."""

from __future__ import annotations

from contextlib import suppress

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
from runtime.pallets.balances import Balances, Reasons
from runtime.pallets.origins import Decision, DecisionOrigin, RawRoot, RawSigned, SystemOrigin
from runtime.pallets.preimage import Lookup
from runtime.pallets.referenda import (
    RESERVE_ID,
    Deposit,
    Ongoing,
    Referenda,
    ReferendumInfo,
    Tally,
    WasApproved,
    WasKilled,
    WasRejected,
    WasTimedOut,
    tracks,
)
from runtime.pallets.referenda.lifecycle import enactment_name
from runtime.pallets.referenda.tracks import ROOT_DEPOSIT
from runtime.pallets.scheduler import After, At, Scheduler
from support.governance import (
    ALICE,
    BOB,
    CAROL,
    PEOPLE,
    SMALL_SPENDER,
    WEALTH,
    Diary,
    Forum,
)
from support.runtime import refused

DAY = Forum.day
FIRST = u32(0)
SUBMISSION, DECISION = 10 * BTT, 100 * BTT
TRACK = u16(Decision.SmallSpender)
CANCELLER = decided(Decision.Canceller)
BY_ROOT = SystemOrigin(RawRoot())


@pytest.fixture
def town() -> Forum:
    made = Forum()
    made.open()
    made.tick(0)
    return made


def reserved(town: Forum, who: AccountId) -> int:
    return int(town.balances.reservable_currency.reserved_named(RESERVE_ID, who))


def test_an_approved_call_is_enacted_without_further_action(town: Forum) -> None:
    index = town.submit(b"roof mended")
    town.referenda.place_decision_deposit(signed(BOB), index)
    town.vote(CAROL, index, 9_999)
    town.wait(DAY - 1)
    assert town.status(index).deciding is None
    town.new_events()
    town.tick()
    events = town.new_events()
    assert (
        Referenda.DecisionStarted(
            index,
            TRACK,
            town.status(index).proposal,
            Tally(u128(9_999 * BTT), u128(0), u128(9_999 * BTT)),
        )
        in events
    )
    assert Referenda.ConfirmStarted(index) not in events, "9,999 of 50,000 are less than 20 %"
    town.vote(BOB, index, 5)
    town.tick()
    assert Referenda.ConfirmStarted(index) in town.new_events()
    town.wait(DAY - 1)
    assert isinstance(town.referenda.referendum_info_for[index], Ongoing)
    town.new_events()
    town.tick()
    events = town.new_events()
    assert Referenda.Approved(index) in events
    assert any(isinstance(event, Referenda.Confirmed) for event in events)
    info = town.referenda.referendum_info_for[index]
    assert info == WasApproved(
        u32(town.clock.slot), Deposit(ALICE, SUBMISSION), Deposit(BOB, DECISION)
    )
    assert town.referenda.queues.deciding_count[TRACK] == 1
    town.tick()
    assert town.referenda.queues.deciding_count[TRACK] == 0
    town.wait(DAY - 2)
    town.new_events()
    town.tick()
    events = town.new_events()
    assert events[0] == Diary.Written(b"roof mended")
    last = events[-1]
    assert isinstance(last, Scheduler.Dispatched)
    assert (last.id, last.result) == (enactment_name(index), Ok(()))
    town.referenda.refund_submission_deposit(signed(CAROL), index)
    town.referenda.refund_decision_deposit(signed(CAROL), index)
    assert reserved(town, ALICE) == reserved(town, BOB) == 0
    assert list(town.scheduler.tasks.agenda.items()) == []


def test_the_call_is_made_by_the_origin_that_was_decided_on(town: Forum) -> None:
    seen: list[Origin] = []
    town.scheduler.__dict__["schedule_origin"] = seen.append
    inner = town.call(
        "Scheduler",
        "schedule",
        when=u32(10**6),
        maybe_periodic=None,
        priority=0,
        call=town.entry(b""),
    )
    for by in (BY_ROOT, DecisionOrigin(Decision.Emergency)):
        bounded = town.preimage.bound(inner)
        town.referenda.submit(signed(ALICE), by, bounded, After(u32(0)))
    for index in (FIRST, u32(1)):
        town.referenda.place_decision_deposit(signed(ALICE), index)
        for who in PEOPLE:
            town.vote(who, index, 8_000)
    town.wait(20 * DAY)
    assert seen == [decided(Decision.Emergency), ROOT]


@pytest.mark.parametrize(
    "origin",
    [SystemOrigin(RawSigned(ALICE)), SystemOrigin(RawSigned(TREASURY))],
)
def test_no_track_decides_for_an_account(town: Forum, origin: SystemOrigin) -> None:
    with refused(town, Referenda.NoTrack):
        town.submit(by=origin)


def test_a_submission_costs_a_deposit_that_may_be_locked_money(town: Forum) -> None:
    town.balances.set_lock(b"vesting ", ALICE, WEALTH * BTT, Reasons.All)
    index = town.submit()
    assert reserved(town, ALICE) == SUBMISSION
    town.referenda.place_decision_deposit(signed(ALICE), index)
    assert reserved(town, ALICE) == SUBMISSION + DECISION
    with refused(town, Referenda.HasDeposit):
        town.referenda.place_decision_deposit(signed(BOB), index)
    with refused(town, Balances.InsufficientBalance):
        town.submit(who=AccountId(b"\x77" * 32))


def test_what_gets_too_few_votes_is_rejected_at_the_end(town: Forum) -> None:
    index = town.deciding()
    town.vote(BOB, index, 9_000)
    town.wait(7 * DAY - 1)
    assert isinstance(town.referenda.referendum_info_for[index], Ongoing)
    town.new_events()
    town.tick()
    assert any(isinstance(event, Referenda.Rejected) for event in town.new_events())
    assert isinstance(town.referenda.referendum_info_for[index], WasRejected)
    town.wait(3 * DAY)
    assert town.written() == []
    town.referenda.refund_submission_deposit(signed(ALICE), index)
    town.referenda.refund_decision_deposit(ROOT, index)
    assert reserved(town, ALICE) == 0


def test_equal_votes_are_rejected(town: Forum) -> None:
    index = town.deciding()
    town.vote(BOB, index, 9_000)
    town.vote(CAROL, index, 9_000, aye=False)
    town.vote(ALICE, index, 5_000)
    town.tick()
    assert town.status(index).deciding is not None
    town.vote(ALICE, index, 0)
    town.wait(7 * DAY)
    assert isinstance(town.referenda.referendum_info_for[index], WasRejected)


def test_a_confirmation_that_is_interrupted_starts_anew(town: Forum) -> None:
    index = town.deciding()
    town.vote(BOB, index, 10_000)
    town.vote(CAROL, index, 5_000)
    town.tick()
    deciding = town.status(index).deciding
    assert deciding is not None
    assert deciding.confirming == town.clock.slot + DAY
    town.wait(DAY - 5)
    town.voting.remove_vote(signed(BOB), None, index)
    town.tick()
    assert Referenda.ConfirmAborted(index) in town.new_events()
    town.vote(BOB, index, 10_000)
    town.tick()
    deciding = town.status(index).deciding
    assert deciding is not None
    assert deciding.confirming == town.clock.slot + DAY


def test_a_confirmation_that_began_in_time_may_end_after_the_decision_period(town: Forum) -> None:
    index = town.deciding()
    town.wait(7 * DAY - 2)
    town.vote(BOB, index, 10_000)
    town.vote(CAROL, index, 5_000)
    town.wait(DAY + 1)
    assert isinstance(town.referenda.referendum_info_for[index], WasApproved)


def test_without_a_deposit_it_times_out(town: Forum) -> None:
    index = town.submit()
    town.wait(14 * DAY - 1)
    assert isinstance(town.referenda.referendum_info_for[index], Ongoing)
    town.new_events()
    town.tick()
    assert town.new_events()[0] == Referenda.TimedOut(index, Tally())
    info = town.referenda.referendum_info_for[index]
    assert info == WasTimedOut(u32(14 * DAY), Deposit(ALICE, SUBMISSION), None)
    with refused(town, Referenda.NoDeposit):
        town.referenda.refund_decision_deposit(signed(ALICE), index)
    town.referenda.refund_submission_deposit(signed(ALICE), index)
    with refused(town, Referenda.NoDeposit):
        town.referenda.refund_submission_deposit(signed(ALICE), index)


def test_empty_slots_delay_a_referendum_and_nothing_else(town: Forum) -> None:
    index = town.submit()
    town.referenda.place_decision_deposit(signed(ALICE), index)
    town.vote(BOB, index, 10_000)
    town.vote(CAROL, index, 10_000)
    town.tick(3 * DAY)
    assert Referenda.ConfirmStarted(index) in town.new_events()
    town.tick(5 * DAY)
    assert Referenda.Approved(index) in town.new_events()
    town.tick(5 * DAY)
    assert town.written() == [b"done"]


@pytest.mark.parametrize(("moment", "delay"), [(After(u32(3 * DAY)), 3), (After(u32(1)), 1)])
def test_the_call_is_made_when_it_was_wanted_but_not_too_early(
    town: Forum, moment: After, delay: int
) -> None:
    inner = town.preimage.bound(town.entry(b"late"))
    town.referenda.submit(signed(ALICE), SMALL_SPENDER, inner, moment)
    town.referenda.place_decision_deposit(signed(ALICE), FIRST)
    for who in PEOPLE:
        town.vote(who, FIRST, 9_000)
    town.wait(2 * DAY)
    assert isinstance(town.referenda.referendum_info_for[FIRST], WasApproved)
    town.new_events()
    town.wait(delay * DAY - 1)
    assert town.written() == []
    town.tick()
    assert town.written() == [b"late"]


def test_a_moment_can_be_a_slot(town: Forum) -> None:
    inner = town.preimage.bound(town.entry(b"at"))
    town.referenda.submit(signed(ALICE), SMALL_SPENDER, inner, At(u32(10 * DAY)))
    town.referenda.place_decision_deposit(signed(ALICE), FIRST)
    for who in PEOPLE:
        town.vote(who, FIRST, 9_000)
    town.wait(10 * DAY - 1)
    town.new_events()
    town.tick()
    assert town.written() == [b"at"]


def test_a_proposal_by_hash_is_made_from_its_preimage(town: Forum) -> None:
    inner = town.entry(b"x" * 200)
    key, length = H256(blake2_256(inner.raw)), u32(len(inner.raw))
    town.preimage.note_preimage(signed(BOB), inner.raw)
    with refused(town, Referenda.PreimageStoredWithDifferentLength):
        town.referenda.submit(signed(ALICE), SMALL_SPENDER, Lookup(key, u32(5)), After(u32(0)))
    town.referenda.submit(signed(ALICE), SMALL_SPENDER, Lookup(key, length), After(u32(0)))
    town.referenda.place_decision_deposit(signed(ALICE), FIRST)
    for who in PEOPLE:
        town.vote(who, FIRST, 9_000)
    town.wait(2 * DAY)
    town.preimage.unnote_preimage(signed(BOB), key)
    assert town.preimage.have(key), "the task keeps it"
    town.wait(DAY)
    assert town.written() == [b"x" * 200]
    assert not town.preimage.have(key)


def test_a_track_decides_so_many_at_a_time_and_then_the_best_that_waits(town: Forum) -> None:
    by = DecisionOrigin(Decision.Emergency)
    for number in range(8):
        town.submit(bytes((number,)), by)
        town.referenda.place_decision_deposit(signed(ALICE), u32(number))
    track = u16(Decision.Emergency)
    assert town.referenda.queues.deciding_count[track] == 5
    assert [index for index, _ in town.referenda.queues.track_queue[track]] == [7, 6, 5]
    town.vote(BOB, u32(6), 50)
    town.vote(BOB, u32(7), 20)
    assert [index for index, _ in town.referenda.queues.track_queue[track]] == [5, 7, 6]
    town.vote(BOB, u32(5), 30)
    assert [index for index, _ in town.referenda.queues.track_queue[track]] == [7, 5, 6]
    town.referenda.nudge_referendum(ROOT, u32(5))
    assert [index for index, _ in town.referenda.queues.track_queue[track]] == [7, 5, 6]
    town.referenda.cancel(CANCELLER, FIRST)
    town.tick()
    assert town.status(u32(6)).deciding is not None
    assert not town.status(u32(6)).in_queue
    town.referenda.cancel(CANCELLER, u32(5))
    assert [index for index, _ in town.referenda.queues.track_queue[track]] == [7]
    assert town.referenda.queues.deciding_count[track] == 5
    town.wait(3 * DAY)
    assert town.referenda.queues.deciding_count[track] == 0
    assert town.referenda.queues.track_queue[track] == []


class Narrow(Forum):
    """A forum in which only two can wait."""

    max_queued = 2


def test_who_finds_the_queue_full_tries_again_and_the_least_wanted_leaves() -> None:
    town = Narrow()
    town.open()
    town.tick(0)
    by, track = DecisionOrigin(Decision.Emergency), u16(Decision.Emergency)
    for number in range(8):
        town.submit(bytes((number,)), by)
        if number >= 5:
            town.vote(BOB, u32(number), number)
        town.referenda.place_decision_deposit(signed(ALICE), u32(number))
    assert [index for index, _ in town.referenda.queues.track_queue[track]] == [6, 7]
    assert not town.status(u32(5)).in_queue
    town.wait(4 * DAY)
    ended = [town.referenda.referendum_info_for[u32(number)] for number in range(8)]
    assert all(isinstance(info, WasRejected) for info in ended), "each had its turn"


def test_who_is_wanted_as_much_as_the_last_that_waits_does_not_take_its_place() -> None:
    town = Narrow()
    town.open()
    town.tick(0)
    by, track = DecisionOrigin(Decision.Emergency), u16(Decision.Emergency)
    for number in range(8):
        town.submit(bytes((number,)), by)
        town.vote(BOB, u32(number), 3)
        town.referenda.place_decision_deposit(signed(ALICE), u32(number))
    assert [index for index, _ in town.referenda.queues.track_queue[track]] == [6, 5]


def test_what_was_not_being_decided_frees_no_place(town: Forum) -> None:
    by, track = DecisionOrigin(Decision.Emergency), u16(Decision.Emergency)
    for number in range(7):
        town.submit(bytes((number,)), by)
        if number < 6:
            town.referenda.place_decision_deposit(signed(ALICE), u32(number))
    assert [index for index, _ in town.referenda.queues.track_queue[track]] == [5]
    for index in (u32(5), u32(6)):
        town.referenda.cancel(CANCELLER, index)
    town.tick(2)
    assert town.referenda.queues.deciding_count[track] == 5
    town.referenda.cancel(CANCELLER, FIRST)
    town.tick(2)
    assert town.referenda.queues.deciding_count[track] == 4


def test_a_referendum_can_be_cancelled_and_the_deposits_come_back(town: Forum) -> None:
    index = town.deciding()
    with refused(town, BadOrigin):
        town.referenda.cancel(signed(ALICE), index)
    town.new_events()
    town.referenda.cancel(CANCELLER, index)
    assert Referenda.Cancelled(index, Tally()) in town.new_events()
    with refused(town, Referenda.NotOngoing):
        town.referenda.cancel(CANCELLER, index)
    town.tick()
    assert town.referenda.queues.deciding_count[TRACK] == 0
    assert list(town.scheduler.tasks.agenda.items()) == []
    town.referenda.refund_submission_deposit(signed(ALICE), index)
    town.referenda.refund_decision_deposit(signed(ALICE), index)
    assert reserved(town, ALICE) == 0


def test_a_referendum_can_be_killed_and_the_deposits_are_lost(town: Forum) -> None:
    index = town.deciding()
    before, text = town.balances.free(TREASURY), b"why"
    town.preimage.note_preimage(signed(BOB), text)
    town.referenda.set_metadata(signed(ALICE), index, H256(blake2_256(text)))
    town.referenda.kill(CANCELLER, index)
    assert index not in town.referenda.descriptions.metadata_of
    assert town.balances.free(TREASURY) - before == SUBMISSION + DECISION
    assert town.referenda.referendum_info_for[index] == WasKilled(u32(town.clock.slot))
    with refused(town, Referenda.BadStatus):
        town.referenda.refund_submission_deposit(signed(ALICE), index)
    with refused(town, Referenda.NoDeposit):
        town.referenda.refund_decision_deposit(signed(ALICE), index)
    town.tick()
    assert town.referenda.queues.deciding_count[TRACK] == 0
    assert reserved(town, ALICE) == 0


def test_deposits_stay_while_it_is_going_on(town: Forum) -> None:
    index = town.submit()
    with refused(town, Referenda.NoDeposit):
        town.referenda.refund_decision_deposit(signed(ALICE), index)
    town.referenda.place_decision_deposit(signed(ALICE), index)
    with refused(town, Referenda.Unfinished):
        town.referenda.refund_decision_deposit(signed(ALICE), index)
    with refused(town, Referenda.BadStatus):
        town.referenda.refund_submission_deposit(signed(ALICE), index)
    for refund in (
        town.referenda.refund_decision_deposit,
        town.referenda.refund_submission_deposit,
    ):
        with refused(town, Referenda.BadReferendum):
            refund(signed(ALICE), u32(9))
        with refused(town, BadOrigin):
            refund(NONE, index)


def test_alarms_are_the_chains_own(town: Forum) -> None:
    index = town.submit()
    with refused(town, BadOrigin):
        town.referenda.nudge_referendum(signed(ALICE), index)
    with refused(town, BadOrigin):
        town.referenda.one_fewer_deciding(signed(ALICE), TRACK)
    with refused(town, Referenda.NoTrack):
        town.referenda.one_fewer_deciding(ROOT, u16(99))
    town.referenda.nudge_referendum(ROOT, index)
    with refused(town, Referenda.NotOngoing):
        town.referenda.nudge_referendum(ROOT, u32(9))


def test_a_referendum_is_explained_by_its_submitter(town: Forum) -> None:
    index, text = town.submit(), b"why the roof"
    key = H256(blake2_256(text))
    with refused(town, Referenda.PreimageNotExist):
        town.referenda.set_metadata(signed(ALICE), index, key)
    town.preimage.note_preimage(signed(ALICE), text)
    with refused(town, Referenda.NoPermission):
        town.referenda.set_metadata(signed(BOB), index, key)
    town.referenda.set_metadata(signed(ALICE), index, key)
    assert town.referenda.descriptions.metadata_of[index] == key
    with refused(town, Referenda.NoPermission):
        town.referenda.set_metadata(signed(BOB), index, None)
    town.referenda.cancel(CANCELLER, index)
    with refused(town, Referenda.NotOngoing):
        town.referenda.set_metadata(signed(ALICE), index, key)
    town.referenda.set_metadata(signed(BOB), index, None)
    assert index not in town.referenda.descriptions.metadata_of


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


STEP = st.tuples(
    st.sampled_from(
        ("submit", "place", "vote", "vote", "unvote", "cancel", "kill", "refund", "wait", "wait")
    ),
    st.sampled_from(PEOPLE),
    st.integers(0, 7),
    st.integers(1, 60),
)


@settings(deadline=None, max_examples=60)
@given(st.lists(STEP, max_size=60), st.booleans())
def test_deposits_places_and_alarms_add_up_whatever_happens(
    steps: list[tuple[str, AccountId, int, int]], narrow: bool
) -> None:
    town: Forum = Narrow() if narrow else Forum()
    town.open()
    town.tick(0)
    issuance = town.balances.total_issuance.value
    emergency, track = DecisionOrigin(Decision.Emergency), u16(Decision.Emergency)
    for step, who, number, size in steps:
        index = u32(number)
        with suppress(Error):
            match step:
                case "submit":
                    town.submit(bytes((size,)), emergency, who)
                case "place":
                    town.referenda.place_decision_deposit(signed(who), index)
                case "vote":
                    town.vote(who, index, size * 150, aye=size % 4 != 0)
                case "unvote":
                    town.voting.remove_vote(signed(who), track, index)
                case "cancel":
                    town.referenda.cancel(CANCELLER, index)
                case "kill" if size < 10:
                    town.referenda.kill(CANCELLER, index)
                case "refund":
                    town.referenda.refund_submission_deposit(signed(who), index)
                    town.referenda.refund_decision_deposit(signed(who), index)
                case _:
                    for _ in range(3):
                        town.tick(1 + size // 12)
        check(town, track)
    assert town.balances.total_issuance.value == issuance
    for _ in range(3 * 14 * DAY // 7):
        town.tick(7)
    for index, info in town.referenda.referendum_info_for.items():
        assert not isinstance(info, Ongoing), f"{index} stays ongoing"
    assert list(town.scheduler.tasks.agenda.items()) == []
    assert town.referenda.queues.deciding_count[track] == 0


def check(town: Forum, track: u16) -> None:
    """Check what Referenda promises."""
    owed = dict.fromkeys(PEOPLE, 0)
    deciding, waiting = 0, []
    both: tuple[Deposit | None, Deposit | None]
    for index, info in town.referenda.referendum_info_for.items():
        if isinstance(info, WasKilled):
            continue
        if isinstance(info, Ongoing):
            status = info.status
            both = (status.submission_deposit, status.decision_deposit)
            deciding += status.deciding is not None
            waiting += [index] if status.in_queue else []
            if not status.in_queue:
                assert status.alarm is not None
                assert town.scheduler.tasks.task(status.alarm[1]) is not None
        else:
            both = (info.submission, info.decision)
        for deposit in both:
            if deposit is not None:
                owed[deposit.who] += int(deposit.amount)
    assert owed == {who: reserved(town, who) for who in PEOPLE}
    queue = town.referenda.queues.track_queue[track]
    assert sorted(index for index, _ in queue) == sorted(waiting)
    assert [ayes for _, ayes in queue] == sorted(ayes for _, ayes in queue)
    assert deciding <= town.referenda.queues.deciding_count[track] <= 5
