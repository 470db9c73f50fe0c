"""Scheduler: no task is lost or made twice, however many slots are empty or blocks are full."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from btt_chain.crypto.hashing import blake2_256
from btt_chain.primitives.digest import H256
from btt_chain.scale import Err, Ok, u8, u32
from runtime.frame import ROOT, BadOrigin, Origin, signed
from runtime.frame.origin import decided
from runtime.frame.weight import PICOS_PER_MICRO, PICOS_PER_MILLI
from runtime.pallets.origins import Decision, RawRoot, SystemOrigin, ensure_decided
from runtime.pallets.preimage.pallet import MAX_INLINE, Inline, Lookup
from runtime.pallets.scheduler import errors, weights
from runtime.pallets.scheduler import events as scheduler_events
from runtime.pallets.scheduler.types import MAX_SCHEDULED, RetryConfig
from support.governance import ALICE, Diary, GovernanceRuntime
from support.runtime import reconfigure, refused

NAME, OTHER = b"name".ljust(32), b"other".ljust(32)
BY_ROOT = SystemOrigin(RawRoot())
LONG = bytes(MAX_INLINE)
CRAMPED_MS = 5


@pytest.fixture
def month_of_appointments() -> GovernanceRuntime:
    made = GovernanceRuntime()
    made.open()
    made.tick(0)
    return made


def schedule(
    month_of_appointments: GovernanceRuntime,
    when: int,
    text: bytes,
    priority: int = 0,
    micros: int = 100,
    **more: bool,
) -> tuple[u32, u32]:
    """Schedule an entry in the diary; return its address."""
    inner = month_of_appointments.entry(text, micros, **more)
    month_of_appointments.scheduler.schedule(ROOT, u32(when), None, u8(priority), inner)
    last = month_of_appointments.announced()[-1]
    assert isinstance(last, scheduler_events.Scheduled)
    return last.when, last.index


def pending(month_of_appointments: GovernanceRuntime) -> int:
    return sum(
        task is not None
        for _, tasks in list(month_of_appointments.scheduler.tasks.agenda.items())
        for task in tasks
    )


def test_a_call_is_made_at_its_slot_and_once(month_of_appointments: GovernanceRuntime) -> None:
    address = schedule(month_of_appointments, 3, b"now")
    month_of_appointments.tick(2)
    assert month_of_appointments.written() == []
    used = month_of_appointments.tick()
    events = month_of_appointments.announced()
    assert events == [Diary.Written(b"now"), scheduler_events.Dispatched(address, None, Ok(()))]
    own = weights.look(0) + weights.look(1) + weights.task(0)
    assert own < used < own + 100 * PICOS_PER_MICRO
    month_of_appointments.new_events()
    month_of_appointments.tick(5)
    assert month_of_appointments.new_events() == []
    assert pending(month_of_appointments) == 0


def test_empty_slots_delay_and_lose_nothing(month_of_appointments: GovernanceRuntime) -> None:
    for slot in (5, 3, 4):
        schedule(month_of_appointments, slot, bytes((slot,)))
    month_of_appointments.new_events()
    month_of_appointments.tick(100)
    assert month_of_appointments.written() == [b"\3", b"\4", b"\5"]


def test_the_lower_number_goes_first_and_then_the_older_task(
    month_of_appointments: GovernanceRuntime,
) -> None:
    for text, priority in ((b"c", 9), (b"a", 1), (b"d", 9), (b"b", 1)):
        schedule(month_of_appointments, 2, text, priority)
    month_of_appointments.new_events()
    month_of_appointments.tick(2)
    assert month_of_appointments.written() == [b"a", b"b", b"c", b"d"]


def test_a_failure_is_reported_and_leaves_nothing(month_of_appointments: GovernanceRuntime) -> None:
    address = schedule(month_of_appointments, 1, b"bad", fails=True)
    month_of_appointments.new_events()
    month_of_appointments.tick()
    (event,) = month_of_appointments.new_events()
    assert isinstance(event, scheduler_events.Dispatched)
    assert event.task == address
    assert isinstance(event.result, Err)


def test_a_hundred_calls_stay_within_the_weight_and_the_rest_waits_in_order(
    month_of_appointments: GovernanceRuntime,
) -> None:
    texts = [bytes((n,)) for n in range(MAX_SCHEDULED)]
    for text in texts:
        schedule(month_of_appointments, 1, text, micros=20_000)
    schedule(month_of_appointments, 2, b"later", priority=0)
    with refused(month_of_appointments, errors.FailedToSchedule):
        month_of_appointments.scheduler.schedule(
            ROOT, u32(1), None, u8(0), month_of_appointments.entry(b"one too many")
        )
    month_of_appointments.new_events()
    limit, made, blocks = month_of_appointments.room * PICOS_PER_MILLI, list[bytes](), 0
    while pending(month_of_appointments):
        assert month_of_appointments.tick() <= limit
        blocks += 1
        waits = [
            e.when
            for e in month_of_appointments.announced()
            if isinstance(e, scheduler_events.AgendaIncomplete)
        ]
        assert bool(waits) == bool(pending(month_of_appointments))
        assert month_of_appointments.scheduler.incomplete_since.get() == (
            waits[0] if waits else None
        )
        made += month_of_appointments.written()
    assert made == [*texts, b"later"]
    # The declared 20 ms each, of which half is given back: the first block takes nearly 50.
    assert blocks == 3


def test_a_call_is_begun_only_if_there_is_room_for_all_that_it_may_use(
    month_of_appointments: GovernanceRuntime,
) -> None:
    for text in (b"a", b"b", b"c"):
        schedule(month_of_appointments, 1, text, micros=month_of_appointments.room * 600)
    month_of_appointments.new_events()
    month_of_appointments.tick()
    assert month_of_appointments.written() == [b"a", b"b"], (
        "each used half of what it may, and the third may not"
    )
    month_of_appointments.tick()
    assert month_of_appointments.written() == [b"c"]


def test_a_task_heavier_than_any_block_is_removed_and_reported(
    month_of_appointments: GovernanceRuntime,
) -> None:
    address = schedule(month_of_appointments, 1, LONG, micros=month_of_appointments.room * 1_000)
    schedule(month_of_appointments, 1, b"after it", priority=1)
    month_of_appointments.new_events()
    month_of_appointments.tick()
    assert month_of_appointments.announced()[1] == scheduler_events.PermanentlyOverweight(
        address, None
    )
    assert month_of_appointments.announced()[-2:] == [
        Diary.Written(b"after it"),
        scheduler_events.Dispatched((u32(1), u32(1)), None, Ok(())),
    ]
    assert list(month_of_appointments.preimage.request_status_for.items()) == []


def test_a_task_without_its_preimage_is_removed_and_reported(
    month_of_appointments: GovernanceRuntime,
) -> None:
    key = Lookup(H256(blake2_256(b"nothing")), u32(7))
    address = month_of_appointments.scheduler.put(u32(1), key, BY_ROOT, 0, NAME)
    month_of_appointments.new_events()
    month_of_appointments.tick()
    assert month_of_appointments.new_events() == [scheduler_events.CallUnavailable(address, NAME)]
    assert NAME not in month_of_appointments.scheduler.tasks.lookup
    assert list(month_of_appointments.preimage.request_status_for.items()) == []


def test_a_call_noted_late_is_still_in_time(month_of_appointments: GovernanceRuntime) -> None:
    inner = month_of_appointments.entry(LONG)
    key = H256(blake2_256(inner.raw))
    month_of_appointments.scheduler.put(u32(2), Lookup(key, u32(len(inner.raw))), BY_ROOT, 0)
    month_of_appointments.tick()
    month_of_appointments.preimage.note_preimage(signed(ALICE), inner.raw)
    month_of_appointments.new_events()
    month_of_appointments.tick()
    assert month_of_appointments.written() == [LONG]
    assert list(month_of_appointments.preimage.request_status_for.items()) == []


def test_a_task_is_cancelled_by_its_place(month_of_appointments: GovernanceRuntime) -> None:
    address = schedule(month_of_appointments, 4, LONG)
    month_of_appointments.scheduler.cancel(ROOT, *address)
    assert month_of_appointments.announced()[-1] == scheduler_events.Canceled(*address)
    assert list(month_of_appointments.scheduler.tasks.agenda.items()) == []
    assert list(month_of_appointments.preimage.request_status_for.items()) == []
    with refused(month_of_appointments, errors.NotFound):
        month_of_appointments.scheduler.cancel(ROOT, *address)


def test_a_name_is_one_task_at_a_time(month_of_appointments: GovernanceRuntime) -> None:
    make = month_of_appointments.scheduler.schedule_named
    make(ROOT, NAME, u32(2), None, u8(0), month_of_appointments.entry(b"first"))
    with refused(month_of_appointments, errors.FailedToSchedule):
        make(ROOT, NAME, u32(3), None, u8(0), month_of_appointments.entry(b"second"))
    with refused(month_of_appointments, errors.NotFound):
        month_of_appointments.scheduler.cancel_named(ROOT, OTHER)
    month_of_appointments.scheduler.cancel_named(ROOT, NAME)
    make(ROOT, NAME, u32(3), None, u8(0), month_of_appointments.entry(b"second"))
    month_of_appointments.new_events()
    month_of_appointments.tick(3)
    assert month_of_appointments.written() == [b"second"]
    assert NAME not in month_of_appointments.scheduler.tasks.lookup


def test_the_gap_that_a_cancelled_task_leaves_is_used_again(
    month_of_appointments: GovernanceRuntime,
) -> None:
    first = schedule(month_of_appointments, 2, b"first")
    schedule(month_of_appointments, 2, b"second")
    month_of_appointments.scheduler.cancel(ROOT, *first)
    assert schedule(month_of_appointments, 2, b"third") == first


def test_after_counts_from_the_next_slot(month_of_appointments: GovernanceRuntime) -> None:
    month_of_appointments.scheduler.schedule_after(
        ROOT, u32(0), None, u8(0), month_of_appointments.entry(b"next")
    )
    month_of_appointments.scheduler.schedule_named_after(
        ROOT, NAME, u32(1), None, u8(0), month_of_appointments.entry(b"named")
    )
    month_of_appointments.new_events()
    month_of_appointments.tick()
    assert month_of_appointments.written() == [b"next"]
    month_of_appointments.tick()
    assert month_of_appointments.written() == [b"named"]


def test_the_past_and_the_present_are_too_late(month_of_appointments: GovernanceRuntime) -> None:
    month_of_appointments.tick(7)
    for when in (3, 7):
        with refused(month_of_appointments, errors.TargetBlockNumberInPast):
            month_of_appointments.scheduler.schedule(
                ROOT, u32(when), None, u8(0), month_of_appointments.entry(b"late")
            )
    schedule(month_of_appointments, 8, b"in time")


def test_a_periodic_task_is_made_so_many_times(month_of_appointments: GovernanceRuntime) -> None:
    inner = month_of_appointments.entry(LONG)
    month_of_appointments.scheduler.schedule_named(
        ROOT, NAME, u32(2), (u32(10), u32(3)), u8(0), inner
    )
    made = []
    for _ in range(40):
        month_of_appointments.new_events()
        month_of_appointments.tick()
        made += [month_of_appointments.clock.slot] * len(month_of_appointments.written())
    assert made == [2, 12, 22]
    assert pending(month_of_appointments) == 0
    assert NAME not in month_of_appointments.scheduler.tasks.lookup
    assert list(month_of_appointments.preimage.request_status_for.items()) == []


@pytest.mark.parametrize("periodic", [(0, 5), (5, 0), (5, 1)])
def test_a_period_of_nothing_is_none(
    month_of_appointments: GovernanceRuntime, periodic: tuple[int, int]
) -> None:
    once = (u32(periodic[0]), u32(periodic[1]))
    month_of_appointments.scheduler.schedule(
        ROOT, u32(1), once, u8(0), month_of_appointments.entry(b"once")
    )
    month_of_appointments.new_events()
    month_of_appointments.tick(50)
    month_of_appointments.tick(50)
    assert month_of_appointments.written() == [b"once"]


def test_a_task_that_fails_is_retried_as_often_as_set(
    month_of_appointments: GovernanceRuntime,
) -> None:
    address = schedule(month_of_appointments, 1, LONG, fails=True)
    month_of_appointments.scheduler.set_retry(ROOT, address, u8(2), u32(3))
    assert month_of_appointments.scheduler.tasks.retries[address] == RetryConfig(
        u8(2), u8(2), u32(3)
    )
    tries = []
    for _ in range(20):
        month_of_appointments.new_events()
        month_of_appointments.tick()
        tries += [
            month_of_appointments.clock.slot
            for e in month_of_appointments.announced()
            if isinstance(e, scheduler_events.Dispatched)
        ]
    assert tries == [1, 4, 7]
    assert list(month_of_appointments.scheduler.tasks.retries.items()) == []
    assert list(month_of_appointments.preimage.request_status_for.items()) == []


def test_a_time_after_all_slots_never_comes_and_stops_no_block(
    month_of_appointments: GovernanceRuntime,
) -> None:
    never = u32(u32.MAX)
    inner = month_of_appointments.entry(LONG)
    month_of_appointments.scheduler.schedule_named(
        ROOT, NAME, u32(2), (never, u32(3)), u8(0), inner
    )
    address = schedule(month_of_appointments, 2, b"", fails=True)
    month_of_appointments.scheduler.set_retry(ROOT, address, u8(9), never)
    month_of_appointments.new_events()
    month_of_appointments.tick(2)
    events = month_of_appointments.announced()
    assert scheduler_events.PeriodicFailed((u32(2), u32(0)), NAME) in events
    assert scheduler_events.RetryFailed(address, None) in events
    assert month_of_appointments.written() == [LONG]
    assert pending(month_of_appointments) == 0
    assert NAME not in month_of_appointments.scheduler.tasks.lookup
    assert list(month_of_appointments.preimage.request_status_for.items()) == []


def test_a_task_that_succeeds_is_not_tried_again(month_of_appointments: GovernanceRuntime) -> None:
    month_of_appointments.scheduler.schedule_named(
        ROOT, NAME, u32(1), None, u8(0), month_of_appointments.entry(b"fine")
    )
    month_of_appointments.scheduler.set_retry_named(ROOT, NAME, u8(9), u32(1))
    month_of_appointments.new_events()
    month_of_appointments.tick()
    month_of_appointments.tick(5)
    assert month_of_appointments.written() == [b"fine"]
    assert list(month_of_appointments.scheduler.tasks.retries.items()) == []


def test_retries_can_be_given_up(month_of_appointments: GovernanceRuntime) -> None:
    month_of_appointments.scheduler.schedule_named(
        ROOT, NAME, u32(1), None, u8(0), month_of_appointments.entry(b"", fails=True)
    )
    with refused(month_of_appointments, errors.NotFound):
        month_of_appointments.scheduler.cancel_retry_named(ROOT, NAME)
    month_of_appointments.scheduler.set_retry_named(ROOT, NAME, u8(9), u32(1))
    month_of_appointments.scheduler.cancel_retry(
        ROOT, month_of_appointments.scheduler.tasks.lookup[NAME]
    )
    assert month_of_appointments.announced()[-1] == scheduler_events.RetryCancelled(
        (u32(1), u32(0)), NAME
    )
    month_of_appointments.tick()
    assert pending(month_of_appointments) == 0


def test_a_task_can_neither_cancel_nor_double_one_of_its_own_slot(
    month_of_appointments: GovernanceRuntime,
) -> None:
    """A task's sibling is not in storage while the slot is worked through."""
    undo = month_of_appointments.call("Scheduler", "cancel", when=u32(1), index=u32(1))
    month_of_appointments.scheduler.schedule(ROOT, u32(1), None, u8(0), undo)
    schedule(month_of_appointments, 1, b"sibling")
    month_of_appointments.new_events()
    month_of_appointments.tick()
    assert month_of_appointments.written() == [b"sibling"]


def test_a_task_can_schedule_more(month_of_appointments: GovernanceRuntime) -> None:
    more = month_of_appointments.call(
        "Scheduler",
        "schedule_after",
        after=u32(0),
        maybe_periodic=None,
        priority=u8(0),
        call=month_of_appointments.entry(b"more"),
    )
    month_of_appointments.scheduler.schedule(ROOT, u32(1), None, u8(0), more)
    month_of_appointments.tick()
    month_of_appointments.new_events()
    month_of_appointments.tick()
    assert month_of_appointments.written() == [b"more"]


def test_only_who_may_schedule_does_and_changes_only_its_own(
    month_of_appointments: GovernanceRuntime,
) -> None:
    with refused(month_of_appointments, BadOrigin):
        month_of_appointments.scheduler.schedule(
            signed(ALICE), u32(1), None, u8(0), month_of_appointments.entry(b"mine")
        )
    month_of_appointments.scheduler.__dict__["schedule_origin"] = ensure_decided(
        Decision.Technical, Decision.Emergency
    )
    technical, emergency = decided(Decision.Technical), decided(Decision.Emergency)
    month_of_appointments.scheduler.schedule(
        technical, u32(2), None, u8(0), month_of_appointments.entry(b"technical")
    )
    with refused(month_of_appointments, BadOrigin):
        month_of_appointments.scheduler.cancel(emergency, u32(2), u32(0))
    with refused(month_of_appointments, BadOrigin):
        month_of_appointments.scheduler.set_retry(emergency, (u32(2), u32(0)), u8(1), u32(1))
    with refused(month_of_appointments, BadOrigin):
        month_of_appointments.scheduler.schedule(
            decided(Decision.Grants), u32(1), None, u8(0), month_of_appointments.entry(b"")
        )
    limited = technical.filtered(lambda _: True)
    with refused(month_of_appointments, BadOrigin):
        month_of_appointments.scheduler.schedule(
            limited, u32(2), None, u8(0), month_of_appointments.entry(b"")
        )
    month_of_appointments.scheduler.cancel(technical, u32(2), u32(0))
    month_of_appointments.scheduler.schedule(
        technical, u32(2), None, u8(0), month_of_appointments.entry(b"again")
    )
    month_of_appointments.scheduler.cancel(ROOT, u32(2), u32(0))


def test_a_task_is_made_by_whose_it_is(month_of_appointments: GovernanceRuntime) -> None:
    seen: list[Origin] = []
    month_of_appointments.scheduler.__dict__["schedule_origin"] = seen.append
    remark = month_of_appointments.call("System", "remark_with_event", remark=b"hello")
    month_of_appointments.scheduler.schedule(signed(ALICE), u32(1), None, u8(0), remark)
    assert seen == [signed(ALICE)]
    month_of_appointments.new_events()
    month_of_appointments.tick()
    assert month_of_appointments.announced()[0] == month_of_appointments.system.Remarked(
        ALICE, H256(blake2_256(b"hello"))
    )


def test_other_pallets_get_the_next_slot_that_has_room(
    month_of_appointments: GovernanceRuntime,
) -> None:
    for _ in range(MAX_SCHEDULED):
        schedule(month_of_appointments, 5, b"full")
    door, task = (
        month_of_appointments.scheduler.put,
        Inline(month_of_appointments.entry(b"door").raw),
    )
    address = door(u32(5), task, BY_ROOT, 0, NAME)
    assert address == (6, 0)
    with refused(month_of_appointments, errors.FailedToSchedule):
        door(u32(9), task, BY_ROOT, 0, NAME)
    with refused(month_of_appointments, errors.TargetBlockNumberInPast):
        door(u32(0), task, BY_ROOT, 0)
    month_of_appointments.scheduler.cancel_at(address)
    month_of_appointments.scheduler.cancel_at(address)
    assert NAME not in month_of_appointments.scheduler.tasks.lookup


def test_a_crowd_that_wants_the_same_slots_is_not_walked_over(
    month_of_appointments: GovernanceRuntime,
) -> None:
    """Six times as many as fit, block after block: what is looked at for room stays little."""
    reconfigure(month_of_appointments.scheduler, max_scheduled_per_block=u32(1))
    task, looked, get = (
        Inline(month_of_appointments.entry(b"me").raw),
        [0],
        month_of_appointments.state.get,
    )

    def counted(key: bytes) -> bytes | None:
        looked[0] += key.startswith(month_of_appointments.scheduler.tasks.agenda.prefix)
        return get(key)

    month_of_appointments.state.get = counted  # type: ignore[method-assign]
    costs = []
    for number in range(600):
        looked[0] = 0
        when, _ = month_of_appointments.scheduler.put(u32(10 + number // 6), task, BY_ROOT, 0)
        assert when >= 10 + number // 6
        costs.append(looked[0])
    assert max(costs) <= 20
    assert max(costs[:6]) <= 6


def test_modest_tasks_leave_half_of_a_slot_to_others(
    month_of_appointments: GovernanceRuntime,
) -> None:
    reconfigure(month_of_appointments.scheduler, max_scheduled_per_block=u32(4))
    task = Inline(month_of_appointments.entry(b"me").raw)
    modest = [
        month_of_appointments.scheduler.put(u32(9), task, BY_ROOT, 0, modest=True)[0]
        for _ in range(5)
    ]
    assert modest == [9, 9, 10, 10, 12]
    assert [month_of_appointments.scheduler.put(u32(9), task, BY_ROOT, 0)[0] for _ in range(3)] == [
        9,
        9,
        10,
    ]


def test_a_pause_of_any_length_costs_nothing(month_of_appointments: GovernanceRuntime) -> None:
    schedule(month_of_appointments, 10**6, b"long ago")
    schedule(month_of_appointments, 10**9, b"to come")
    month_of_appointments.new_events()
    assert (
        month_of_appointments.tick(10**8)
        < weights.look(0) + weights.look(1) + weights.task(200) + 100 * PICOS_PER_MICRO
    )
    assert month_of_appointments.written() == [b"long ago"]
    assert month_of_appointments.tick() == weights.look(0)


STEP = st.one_of(
    st.tuples(st.just("task"), st.integers(1, 6), st.integers(0, 3), st.integers(1, 240)),
    st.tuples(st.just("cancel"), st.integers(0, 50), st.just(0), st.just(0)),
    st.tuples(st.just("tick"), st.integers(1, 4), st.just(0), st.just(0)),
)


@settings(deadline=None)
@given(st.lists(STEP, max_size=60))
def test_no_task_is_lost_or_made_twice(steps: list[tuple[str, int, int, int]]) -> None:
    month_of_appointments = GovernanceRuntime()
    month_of_appointments.open()
    month_of_appointments.tick(0)
    owed: dict[bytes, tuple[int, int, int]] = {}
    made: list[bytes] = []

    def block(slots: int) -> None:
        month_of_appointments.new_events()
        assert month_of_appointments.tick(slots) <= month_of_appointments.room * PICOS_PER_MILLI
        texts = month_of_appointments.written()
        due = sorted(
            (owed[text], text) for text in owed if owed[text][0] <= month_of_appointments.clock.slot
        )
        assert texts == [text for _, text in due][: len(texts)], "not in order"
        for text in texts:
            del owed[text]
        made.extend(texts)

    for number, (step, first, priority, millis) in enumerate(steps):
        text = number.to_bytes(2, "big") * (70 if number % 3 == 0 else 1)
        if step == "task":
            when, place = schedule(
                month_of_appointments,
                month_of_appointments.clock.slot + first,
                text,
                priority,
                micros=millis * 1_000,
            )
            owed[text] = (int(when), priority, int(place))
        elif step == "cancel" and owed:
            gone = sorted(owed)[first % len(owed)]
            when_, _, place_ = owed.pop(gone)
            month_of_appointments.scheduler.cancel(ROOT, u32(when_), u32(place_))
        elif step == "tick":
            block(first)
        assert pending(month_of_appointments) == len(owed)
        slots = [int(when) for when, _ in month_of_appointments.scheduler.tasks.agenda.items()]
        due = [
            int.from_bytes(key, "big")
            for key, _ in month_of_appointments.scheduler.tasks.due.items()
        ]
        assert sorted(slots) == due
    for _ in range(80):
        block(1)
    assert owed == {}
    assert len(made) == len(set(made))
    assert list(month_of_appointments.scheduler.tasks.agenda.items()) == []
    assert list(month_of_appointments.preimage.request_status_for.items()) == []


class Cramped(GovernanceRuntime):
    """A runtime whose blocks have a few milliseconds for tasks."""

    room = CRAMPED_MS


def test_a_few_milliseconds_a_block_get_all_of_it_done() -> None:
    month_of_appointments = Cramped()
    month_of_appointments.open()
    month_of_appointments.tick(0)
    for number in range(40):
        schedule(month_of_appointments, 1, bytes((number,)), micros=1 + number * 35 % 450)
    made: list[bytes] = []
    for _ in range(20):
        month_of_appointments.new_events()
        assert month_of_appointments.tick() <= CRAMPED_MS * PICOS_PER_MILLI
        made += month_of_appointments.written()
    assert made == [bytes((number,)) for number in range(40)]


def test_a_periodic_task_keeps_its_retries_for_the_next_time(
    month_of_appointments: GovernanceRuntime,
) -> None:
    inner = month_of_appointments.entry(b"", fails=True)
    month_of_appointments.scheduler.schedule_named(
        ROOT, NAME, u32(1), (u32(10), u32(2)), u8(0), inner
    )
    month_of_appointments.scheduler.set_retry_named(ROOT, NAME, u8(1), u32(3))
    tries = []
    for _ in range(30):
        month_of_appointments.new_events()
        month_of_appointments.tick()
        tries += [
            (month_of_appointments.clock.slot, e.id)
            for e in month_of_appointments.announced()
            if isinstance(e, scheduler_events.Dispatched)
        ]
    assert tries == [(1, NAME), (4, None), (11, NAME), (14, None)]
    assert list(month_of_appointments.scheduler.tasks.retries.items()) == []
