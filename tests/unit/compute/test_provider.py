"""Decisions of a provider about its jobs, on a chain that a test makes up."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from btt_chain.compute.provider.actions import (
    Abandon,
    Accept,
    Action,
    Answer,
    Claim,
    Compute,
    Decline,
    Ended,
    Expose,
    Fetch,
    Forget,
    Heartbeat,
    Keep,
    Lost,
    Publish,
    Refuse,
    RevealPlantedError,
    Right,
    Submit,
    Weigh,
)
from btt_chain.compute.provider.machine import FORGET_SLOTS, Provider, Time
from btt_chain.compute.provider.records import Flip, PlantedError, Record
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.scale import u8, u16, u32, u64, u128
from runtime.pallets.jobs.types import Check, JobState, Outcome, Tier, Urgency
from runtime.pallets.jobs.views import JobView, ProviderView, ReceiptView
from runtime.pallets.providers.types import ProviderInfo, ProviderKind
from runtime.pallets.receipts.types import Challenge, Phase

ME, OTHER = AccountId(b"\x01" * 32), AccountId(b"\x02" * 32)
JOB, SEED = H256(b"\x11" * 32), H256(b"\x33" * 32)
NOTHING = H256(bytes(32))
PAYLOAD_SLOTS, KEEP_SLOTS = 5, 100
INFO = ProviderInfo(ProviderKind.Home, None, [u16(0)], u32(2), bytes(32), bytes(32), b"/p2p/x")


def view_of(state: JobState, **changes: object) -> JobView:
    zero, none = u128(0), u32(0)
    made = JobView(
        id=JOB, now=none, state=state, outcome=None, requester=OTHER, model=NOTHING,
        model_class=u16(0),
        items=u32(3), input_root=NOTHING, tier=Tier.Open, check=Check.Sampled,
        urgency=Urgency.Routine, price=zero, verification=zero, deposit=zero, paid=zero,
        work=u64(1), data_bytes=u64(0), deadline=u32(30), reply_key=bytes(32), endpoints=b"",
        posted=none, since=none, due=u32(3), attempt=u8(0), seed=SEED, scores=True, accepted=none,
        provider=ME, provider_info=INFO, receipt=None,
    )  # fmt: skip
    return replace(made, **changes)  # type: ignore[arg-type]


def receipt_of(record: Record, phase: Phase = Phase.Checking, **changes: object) -> ReceiptView:
    no = u32(0)
    made = ReceiptView(
        record.receipt, JOB, ME, record.attempt, record.item_root, record.output_root,
        record.planted_error_commit, no, no, no, phase, no, no, no, u8(0), False, u32(1), [], [],
    )  # fmt: skip
    return replace(made, **changes)  # type: ignore[arg-type]


def record_of(
    number: int = 1, view: JobView | None = None, *, planted_error: bool = False
) -> Record:
    view = view or view_of(JobState.Computing)
    root = H256(number.to_bytes(32, "big"))
    laid = (
        PlantedError(NOTHING, NOTHING, bytes(32), [Flip(u32(0), u64(1), u8(2))])
        if planted_error
        else None
    )
    return Record(
        JOB, view.attempt, view.seed, root, u32(3), root, root, root, u32(1), u32(2), laid,
        published=not planted_error,
    )  # fmt: skip


def provider(*records: Record, at_a_time: int = 1) -> Provider:
    return Provider(
        ME, payload_slots=PAYLOAD_SLOTS, slot_ms=1_000, at_a_time=at_a_time,
        keep_slots=KEEP_SLOTS, records=records,
    )  # fmt: skip


def at(slot: int) -> Time:
    """A slot whose block is final at once, by a clock that is right."""
    return Time(slot, slot, slot)


def see(machine: Provider, now: int, view: JobView | None, *, final: bool = True) -> list[Action]:
    return see_fork(machine, at(now), view, view if final else None)


def see_fork(
    machine: Provider, time: Time, best: JobView | None, final: JobView | None
) -> list[Action]:
    return machine.seen(time, {JOB: best}, {JOB: final})


def kinds(actions: list[Action]) -> list[type]:
    return [type(action) for action in actions]


def computing(machine: Provider, now: int = 3) -> JobView:
    """Bring a job to where its payload is fetched."""
    view = view_of(JobState.Computing, accepted=u32(now), due=u32(now + 30))
    assert see(machine, now, view) == [Fetch(view)]
    return view


# ---- offers


def test_an_offer_is_weighed_once_and_accepted() -> None:
    machine, view = provider(), view_of(JobState.Assigned, due=u32(10))
    assert see(machine, 1, view) == [Weigh(view)]
    assert see(machine, 2, view) == []
    assert machine.weighed(JOB, 2, None) == [Accept(JOB)]
    assert see(machine, 3, view) == []  # it is on its way


def test_an_acceptance_that_came_to_nothing_is_sent_again_with_the_next_block() -> None:
    machine, view = provider(), view_of(JobState.Assigned, due=u32(10))
    see(machine, 1, view)
    (accept,) = machine.weighed(JOB, 1, None)
    machine.sent(accept, 1, ok=False)
    assert see(machine, 2, view) == [accept]


def test_what_cannot_be_done_here_is_declined() -> None:
    machine, view = provider(), view_of(JobState.Assigned, due=u32(10))
    see(machine, 1, view)
    assert machine.weighed(JOB, 1, "too large") == [Decline(JOB, "too large")]
    assert machine.weighed(JOB, 1, None) == []


def test_an_offer_that_is_weighed_too_long_is_taken_before_it_ends() -> None:
    machine, view = provider(), view_of(JobState.Assigned, due=u32(10))
    see(machine, 1, view)
    assert see(machine, 7, view) == []
    assert see(machine, 8, view) == [Accept(JOB)]


def test_an_offer_that_is_seen_too_late_is_left_alone() -> None:
    machine = provider()
    assert see(machine, 10, view_of(JobState.Assigned, due=u32(10))) == []
    assert see(machine, 11, view_of(JobState.Assigned, due=u32(10))) == []


def test_others_jobs_are_others_business() -> None:
    machine = provider()
    assert see(machine, 1, view_of(JobState.Assigned, provider=OTHER)) == []
    assert see(machine, 1, view_of(JobState.Posted, provider=None)) == []
    assert machine.open_jobs() == []


# ---- payloads


def test_a_vanished_requester_is_blamed_only_when_it_had_its_time() -> None:
    machine = provider()
    view = computing(machine, 3)
    now = 3
    while now < 3 + PAYLOAD_SLOTS:
        assert machine.missing(JOB, now, "no answer") == []
        now += 1
        actions = see(machine, now, view)
        assert actions == ([Fetch(view)] if now < 3 + PAYLOAD_SLOTS else [Refuse(JOB, "no answer")])
    assert see(machine, now + 1, view) == []


def test_no_requester_is_blamed_while_the_assignment_is_not_final() -> None:
    machine = provider()
    view = view_of(JobState.Computing, accepted=u32(3), due=u32(33))
    assert see(machine, 3, view, final=False) == [Fetch(view)]
    for now in range(4, 31):
        machine.missing(JOB, now - 1, "no answer")
        assert see(machine, now, view, final=False) == [Fetch(view)]
    machine.missing(JOB, 30, "no answer")
    assert see(machine, 31, view, final=False) == [Refuse(JOB, "no answer")]  # or we pay for it


def test_a_payload_that_trickles_until_the_deadline_is_refused() -> None:
    machine = provider()
    view = computing(machine, 3)
    assert see(machine, 30, view) == []
    assert kinds(see(machine, 31, view)) == [Abandon, Refuse]


def test_what_goes_wrong_here_is_never_the_requesters_fault() -> None:
    machine = provider()
    view = computing(machine, 3)
    for now in range(4, 33):
        machine.failed(JOB, now - 1, "the disk is full")
        assert Refuse not in kinds(see(machine, now, view))


def test_a_payload_that_comes_late_is_computed() -> None:
    machine = provider()
    view = computing(machine, 3)
    machine.missing(JOB, 3, "not yet")
    assert see(machine, 4, view) == [Fetch(view)]
    assert machine.fetched(JOB) == [Compute(view)]


def test_what_is_due_first_is_computed_first() -> None:
    machine = provider()
    late = computing(machine, 3)
    other = H256(b"\x12" * 32)
    early = view_of(JobState.Computing, id=other, due=u32(9))
    assert machine.seen(at(4), {JOB: late, other: early}, {}) == [Fetch(early)]
    third = H256(b"\x13" * 32)
    last = view_of(JobState.Computing, id=third, due=u32(99))
    machine.seen(at(4), {JOB: late, other: early, third: last}, {})
    assert machine.fetched(third) == [Compute(last)]
    assert machine.fetched(JOB) == []
    assert machine.fetched(other) == []
    done = replace(record_of(), job=third)
    assert machine.computed(done) == [Keep(done)]
    assert machine.kept(done, 5) == [Submit(done, 0)]
    assert machine.seen(at(5), {JOB: late, other: early, third: last}, {}) == [Compute(early)]


# ---- receipts


def kept(machine: Provider, record: Record) -> JobView:
    """Bring a job to where its receipt is sent."""
    view = computing(machine)
    assert machine.fetched(JOB) == [Compute(view)]
    assert machine.computed(record) == [Keep(record)]
    assert machine.kept(record, 4) == [Submit(record, 3)]
    return view


def test_nothing_leaves_before_it_is_on_the_disk() -> None:
    machine, record = provider(), record_of()
    view = computing(machine)
    machine.fetched(JOB)
    assert machine.computed(record) == [Keep(record)]
    assert see(machine, 5, view) == []
    assert machine.not_kept(record, 5) == [Forget(record)]
    assert see(machine, 8, view) == [Fetch(view)]


def test_a_receipt_that_a_fork_undid_is_sent_again() -> None:
    machine, record = provider(), record_of()
    view = kept(machine, record)
    machine.sent(Submit(record, 3), 5, ok=True)
    committed = view_of(JobState.Committed, due=u32(0), receipt=receipt_of(record, Phase.Waiting))
    assert see(machine, 6, committed) == []
    assert see(machine, 7, view) == []
    assert see(machine, 8, view) == [Submit(record, 3)]


def test_another_selection_for_the_same_job_is_computed_anew() -> None:
    record = record_of()
    machine = provider(record)
    again = view_of(JobState.Computing, attempt=u8(1), seed=NOTHING, due=u32(40))
    assert see(machine, 9, again) == [Forget(record), Fetch(again)]


def test_leaves_that_are_asked_for_are_shown_once() -> None:
    record = record_of()
    machine = provider(record)
    asked = Challenge(u32(1), u16(2), u32(0), u32(20), None)
    shown = Challenge(u32(2), u16(0), u32(0), u32(20), None, answered=True)
    late = Challenge(u32(0), u16(0), u32(0), u32(9), OTHER)
    receipt = receipt_of(record, Phase.Withheld, challenges=[asked, shown, late])
    view = view_of(JobState.Checking, receipt=receipt)
    (answer,) = see(machine, 9, view)
    assert answer == Answer(record, view, 1, 2, 0)
    assert see(machine, 10, view) == []
    machine.sent(answer, 10, ok=False)
    assert see(machine, 11, view) == [answer]


def test_a_planted_error_is_revealed_then_what_is_right_is_served_then_the_result() -> None:
    record = record_of(planted_error=True)
    machine = provider(record)
    trapping = view_of(JobState.Checking, receipt=receipt_of(record, Phase.Disclosing))
    assert see(machine, 5, trapping) == [RevealPlantedError(record)]
    revealed = receipt_of(record, Phase.Waiting, had_planted_error=True)
    reported = view_of(JobState.Checking, receipt=revealed)
    assert see(machine, 6, reported) == [Right(record)]
    assert see(machine, 7, reported) == []
    righted = replace(record, righted=True)
    assert machine.kept(righted, 7) == [Expose(righted)]
    machine.sent(Expose(righted), 8, ok=False)
    assert see(machine, 9, reported) == [Expose(righted)]
    machine.sent(Expose(righted), 10, ok=True)
    assert see(machine, 20, reported) == []
    paid = view_of(
        JobState.Finalized, receipt=replace(revealed, phase=Phase.Ended), outcome=Outcome.Done
    )
    assert see(machine, 30, paid) == [Ended(paid), Publish(righted)]
    published = replace(righted, published=True)
    assert machine.kept(published, 30) == [Keep(replace(published, until=u32(30 + KEEP_SLOTS)))]


def test_what_is_behind_a_receipt_is_served_for_a_while_and_then_forgotten() -> None:
    record = record_of()
    machine = provider(record)
    paid = view_of(JobState.Finalized, receipt=receipt_of(record, Phase.Ended))
    reported = replace(record, until=u32(10 + KEEP_SLOTS))
    assert see(machine, 10, paid) == [Ended(paid), Keep(reported)]
    assert machine.kept(reported, 10) == []
    assert machine.open_jobs() == []
    again = provider(reported)
    for one in (machine, again):
        assert one.seen(at(9 + KEEP_SLOTS), {}, {}) == []
        assert one.seen(at(10 + KEEP_SLOTS), {}, {}) == [Forget(reported)]
        assert one.seen(at(11 + KEEP_SLOTS), {}, {}) == []


def test_a_lost_disk_is_reported_and_nothing_is_made_up() -> None:
    machine = provider()
    view = view_of(JobState.Checking, receipt=receipt_of(record_of()))
    assert kinds(see(machine, 5, view)) == [Abandon, Lost]
    assert see(machine, 6, view) == []


def test_a_job_that_went_to_another_provider_is_forgotten_when_no_fork_can_bring_it_back() -> None:
    machine, record = provider(), record_of()
    kept(machine, record)
    gone = view_of(JobState.Assigned, provider=OTHER, attempt=u8(1))
    assert see(machine, 40, gone) == []
    last = 3 + FORGET_SLOTS
    assert see(machine, last, gone) == []
    assert see(machine, last + 1, gone) == [Forget(record)]
    assert machine.open_jobs() == []


def test_a_record_is_not_deleted_by_slots_that_pass_while_a_node_syncs() -> None:
    record = record_of()
    machine = provider(record)
    # A node that was purged: it is at block 0, then it runs through a day of slots in a second.
    for slot in range(0, 20_000, 500):
        assert see_fork(machine, Time(slot, slot, 30), None, None) == []
    committed = view_of(JobState.Pending, receipt=receipt_of(record, Phase.Pending))
    assert see_fork(machine, Time(20_001, 19_999, 20_001), committed, committed) == []
    assert machine.open_jobs() == [JOB]


def test_a_record_is_not_deleted_by_a_clock_that_jumps_while_nothing_is_final() -> None:
    record = record_of()
    machine = provider(record, replace(record, job=SEED, until=u32(9)))
    for clock in (10, 10**6, 10**9):
        assert machine.seen(Time(50, 5, clock), {JOB: None}, {JOB: None}) == []


def test_a_fork_without_a_job_stops_and_deletes_nothing() -> None:
    machine, record = provider(), record_of()
    view = kept(machine, record)
    committed = view_of(JobState.Pending, receipt=receipt_of(record, Phase.Pending))
    assert see_fork(machine, Time(9, 3, 9), committed, view) == []
    for slot in range(10, 10 + 3 * FORGET_SLOTS):
        assert see_fork(machine, Time(slot, 3, slot), None, view) == []
    assert see_fork(machine, Time(300, 299, 300), committed, committed) == []


def test_a_computation_goes_on_in_a_fork_without_its_job() -> None:
    machine = provider()
    view = computing(machine)
    assert machine.fetched(JOB) == [Compute(view)]
    assert see_fork(machine, Time(5, 3, 5), None, view) == []
    record = record_of()
    assert machine.computed(record) == [Keep(record)]


@pytest.mark.parametrize("state", [JobState.Finalized, JobState.Slashed])
def test_a_job_is_over_when_that_is_final(state: JobState) -> None:
    record = record_of()
    machine = provider(record)
    pending = view_of(JobState.Pending, receipt=receipt_of(record, Phase.Pending))
    over = view_of(state, receipt=receipt_of(record, Phase.Ended))
    assert see_fork(machine, Time(10, 8, 10), over, pending) == []
    assert see_fork(machine, Time(11, 8, 11), pending, pending) == []
    reported = replace(record, until=u32(11 + KEEP_SLOTS))
    assert see_fork(machine, Time(13, 11, 14), over, over) == [Ended(over), Keep(reported)]
    machine.kept(reported, 13)
    last = 11 + KEEP_SLOTS
    assert machine.seen(Time(last, last - 1, last), {}, {}) == []
    assert machine.seen(Time(last, last, last - 1), {}, {}) == []
    assert machine.seen(Time(last, last, last), {}, {}) == [Forget(reported)]


def test_another_selection_replaces_a_record_when_it_is_final() -> None:
    record = record_of()
    machine = provider(record)
    committed = view_of(JobState.Pending, receipt=receipt_of(record, Phase.Pending))
    before = view_of(JobState.Computing, due=u32(40))
    again = view_of(JobState.Computing, attempt=u8(1), seed=NOTHING, due=u32(40))
    for final in (None, before):
        assert see_fork(machine, Time(9, 5, 9), again, final) == []
    assert see_fork(machine, Time(10, 6, 10), committed, before) == []
    assert see_fork(machine, Time(11, 9, 11), again, again) == [Forget(record), Fetch(again)]


def test_an_offer_of_a_job_that_was_computed_before_is_accepted_and_the_record_stays() -> None:
    record = record_of()
    machine = provider(record)
    offered = view_of(JobState.Assigned, attempt=u8(1), seed=NOTHING, due=u32(20))
    assert see_fork(machine, Time(9, 5, 9), offered, None) == [Accept(JOB)]


def test_a_receipt_made_elsewhere_replaces_a_record_when_it_is_final() -> None:
    record, other = record_of(1), record_of(2)
    machine = provider(record)
    foreign = view_of(JobState.Pending, receipt=receipt_of(other, Phase.Pending))
    ours = view_of(JobState.Pending, receipt=receipt_of(record, Phase.Pending))
    assert see_fork(machine, Time(9, 5, 9), foreign, None) == []
    assert see_fork(machine, Time(9, 5, 9), foreign, ours) == []
    assert kinds(see_fork(machine, Time(9, 5, 9), foreign, foreign)) == [Forget, Abandon, Lost]


def test_what_the_chain_has_no_more_is_served_as_long_as_after_an_end_that_was_seen() -> None:
    record = record_of()
    machine = provider(record)
    last = int(record.finished) + KEEP_SLOTS
    assert see(machine, last, None) == []
    assert see(machine, last + 1, None) == [Forget(record)]


def test_no_requester_is_blamed_by_slots_that_pass_while_a_node_catches_up() -> None:
    machine = provider()
    view = computing(machine, 3)
    machine.missing(JOB, 3, "no answer")
    slot = 3 + 2 * PAYLOAD_SLOTS
    assert see_fork(machine, Time(slot, slot, 4), view, view) == [Fetch(view)]
    machine.missing(JOB, slot, "no answer")
    clock = 3 + PAYLOAD_SLOTS
    assert see_fork(machine, Time(slot + 1, slot, clock), view, view) == [Refuse(JOB, "no answer")]


def test_a_job_that_is_taken_away_is_not_computed_on() -> None:
    machine = provider()
    computing(machine)
    machine.fetched(JOB)
    assert see(machine, 34, view_of(JobState.Posted, provider=None)) == [Abandon(JOB)]
    record = record_of()
    assert machine.computed(record) == [Forget(record)]


def test_a_job_that_ended_without_a_receipt_is_reported_once_and_forgotten() -> None:
    machine = provider()
    computing(machine, 3)
    over = view_of(JobState.Refunded, outcome=Outcome.BadPayload)
    assert see(machine, 9, over) == [Abandon(JOB), Ended(over)]
    for now in range(10, 9 + FORGET_SLOTS + 2):
        assert see(machine, now, over) == []
    assert machine.open_jobs() == []


def test_a_refusal_that_a_fork_undid_lets_the_job_go_on() -> None:
    machine = provider()
    view = computing(machine, 3)
    over = view_of(JobState.Refunded, outcome=Outcome.BadPayload)
    assert kinds(see(machine, 9, over)) == [Abandon, Ended]
    assert see(machine, 10, view) == [Fetch(view)]


# ---- eras


def test_one_heartbeat_an_era_and_every_reward_claimed() -> None:
    machine = provider()
    me = ProviderView(
        ME, ME, INFO, u128(1), u128(0), u128(0), u32(1), u32(0), u32(3), False, u128(0)
    )
    assert machine.upkeep(10, me, 4, [2, 3]) == [Heartbeat(), Claim(2), Claim(3)]
    assert machine.upkeep(15, me, 4, [2, 3]) == []
    for action in (Heartbeat(), Claim(2)):
        machine.upkept(action, 15, ok=True)
    machine.upkept(Claim(3), 15, ok=False)
    assert machine.upkeep(16, replace(me, last_heartbeat=u32(4)), 4, [3]) == [Claim(3)]


# ---- crashes


class World:
    """A chain with one job, a disk, and a provider that may be killed between any two steps."""

    def __init__(self) -> None:
        self.now = 0
        self.state = JobState.Assigned
        self.due, self.accepted = 40, 0
        self.receipt: Record | None = None
        self.challenge = False
        self.answered = False
        self.disk: dict[H256, Record] = {}
        self.served: set[H256] = set()
        self.payload = False
        self.computed = 0
        self.pending: list[Action] = []
        self.ended = 0
        self.boot()

    def boot(self) -> None:
        self.pending = []
        self.machine = provider(*self.disk.values())

    @property
    def view(self) -> JobView:
        receipt = None
        if self.receipt is not None:
            asked = Challenge(u32(0), u16(0), u32(0), u32(10_000), None, answered=self.answered)
            phase = Phase.Ended if self.state is JobState.Finalized else Phase.Pending
            receipt = receipt_of(self.receipt, phase, challenges=[asked] if self.challenge else [])
        return view_of(self.state, due=u32(self.due), accepted=u32(self.accepted), receipt=receipt)

    def step(self) -> None:
        self.now += 1
        if self.state is JobState.Pending and self.answered:
            self.state = JobState.Finalized
        if self.state is JobState.Committed:
            self.state, self.challenge = JobState.Pending, True
        self.pending += see(self.machine, self.now, self.view)

    def perform(self, action: Action, *, well: bool) -> None:
        machine, now = self.machine, self.now
        more: list[Action] = []
        match action:
            case Weigh():
                more = machine.weighed(JOB, now, None)
            case Fetch():
                more = machine.fetched(JOB) if well else machine.missing(JOB, now, "not yet")
            case Compute():
                # Planted errors differ, so that a job that is computed twice would show.
                self.computed += 1
                self.served.add(record_of(self.computed).receipt)
                made = record_of(self.computed, self.view)
                more = machine.computed(made) if well else machine.failed(JOB, now, "no memory")
            case Keep(record):
                if well:
                    assert record.receipt in self.served
                    self.disk[JOB] = record
                    more = machine.kept(record, now)
                else:
                    more = machine.not_kept(record, now)
            case Forget(record):
                assert (
                    self.receipt is None
                    or self.receipt.receipt != record.receipt
                    or (0 < record.until <= now)
                )
                self.served.discard(record.receipt)
                if self.disk.get(JOB) == record:
                    del self.disk[JOB]
            case Accept() | Submit() | Answer():
                ok = well and self.send(action)
                machine.sent(action, now, ok=ok)
            case Ended():
                self.ended += 1
            case _:
                pytest.fail(f"{action} though all are honest")
        self.pending += more

    def send(self, action: Action) -> bool:
        if isinstance(action, Accept):
            if self.state is JobState.Assigned:
                self.state, self.accepted, self.due = JobState.Computing, self.now, 100_000
        elif isinstance(action, Submit):
            assert self.disk[JOB] == action.record
            if self.state is JobState.Computing:
                self.state, self.receipt = JobState.Committed, action.record
        elif isinstance(action, Answer):
            assert self.receipt is not None
            assert action.record.receipt == self.receipt.receipt
            assert self.receipt.receipt in self.served
            self.answered = True
        return True


@given(st.lists(st.sampled_from(["slot", "well", "badly", "later", "crash"]), max_size=60))
def test_no_crash_loses_a_job_or_its_bond(story: list[str]) -> None:
    world = World()
    for word in story:
        match word:
            case "slot" if world.state is not JobState.Assigned or world.now < 30:
                world.step()
            case "well" | "badly" if world.pending:
                world.perform(world.pending.pop(0), well=word == "well")
            case "later" if world.pending:
                world.pending.append(world.pending.pop(0))
            case "crash":
                world.boot()
    for _ in range(40):
        world.step()
        while world.pending:
            world.perform(world.pending.pop(0), well=True)
    assert world.state is JobState.Finalized
    assert world.receipt is not None
    assert world.disk[JOB].receipt == world.receipt.receipt
    assert world.disk[JOB].until > world.now
    assert world.ended >= 1
