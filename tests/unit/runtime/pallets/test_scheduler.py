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
from runtime.pallets.preimage import MAX_INLINE, Inline, Lookup
from runtime.pallets.scheduler import (
    MAX_SCHEDULED,
    RetryConfig,
    Scheduler,
)
from runtime.weights import scheduler as weights
from support.governance import ALICE, Diary, GovernanceRuntime
from support.runtime import reconfigure, refused

NAME, OTHER = b"name".ljust(32), b"other".ljust(32)
BY_ROOT = SystemOrigin(RawRoot())
LONG = bytes(MAX_INLINE)
CRAMPED_MS = 5


@pytest.fixture
def town() -> GovernanceRuntime:
    made = GovernanceRuntime()
    made.open()
    made.tick(0)
    return made


def schedule(
    town: GovernanceRuntime,
    when: int,
    text: bytes,
    priority: int = 0,
    micros: int = 100,
    **more: bool,
) -> tuple[u32, u32]:
    """Schedule an entry in the diary; return its address."""
    inner = town.entry(text, micros, **more)
    town.scheduler.schedule(ROOT, u32(when), None, u8(priority), inner)
    last = town.announced()[-1]
    assert isinstance(last, Scheduler.Scheduled)
    return last.when, last.index


def pending(town: GovernanceRuntime) -> int:
    return sum(
        task is not None for _, tasks in list(town.scheduler.tasks.agenda.items()) for task in tasks
    )


def test_a_call_is_made_at_its_slot_and_once(town: GovernanceRuntime) -> None:
    address = schedule(town, 3, b"now")
    town.tick(2)
    assert town.written() == []
    used = town.tick()
    events = town.announced()
    assert events == [Diary.Written(b"now"), Scheduler.Dispatched(address, None, Ok(()))]
    own = weights.look(0) + weights.look(1) + weights.task(0)
    assert own < used < own + 100 * PICOS_PER_MICRO
    town.new_events()
    town.tick(5)
    assert town.new_events() == []
    assert pending(town) == 0


def test_empty_slots_delay_and_lose_nothing(town: GovernanceRuntime) -> None:
    for slot in (5, 3, 4):
        schedule(town, slot, bytes((slot,)))
    town.new_events()
    town.tick(100)
    assert town.written() == [b"\3", b"\4", b"\5"]


def test_the_lower_number_goes_first_and_then_the_older_task(town: GovernanceRuntime) -> None:
    for text, priority in ((b"c", 9), (b"a", 1), (b"d", 9), (b"b", 1)):
        schedule(town, 2, text, priority)
    town.new_events()
    town.tick(2)
    assert town.written() == [b"a", b"b", b"c", b"d"]


def test_a_failure_is_reported_and_leaves_nothing(town: GovernanceRuntime) -> None:
    address = schedule(town, 1, b"bad", fails=True)
    town.new_events()
    town.tick()
    (event,) = town.new_events()
    assert isinstance(event, Scheduler.Dispatched)
    assert event.task == address
    assert isinstance(event.result, Err)


def test_a_hundred_calls_stay_within_the_weight_and_the_rest_waits_in_order(
    town: GovernanceRuntime,
) -> None:
    texts = [bytes((n,)) for n in range(MAX_SCHEDULED)]
    for text in texts:
        schedule(town, 1, text, micros=20_000)
    schedule(town, 2, b"later", priority=0)
    with refused(town, Scheduler.FailedToSchedule):
        town.scheduler.schedule(ROOT, u32(1), None, u8(0), town.entry(b"one too many"))
    town.new_events()
    limit, made, blocks = town.room * PICOS_PER_MILLI, list[bytes](), 0
    while pending(town):
        assert town.tick() <= limit
        blocks += 1
        waits = [e.when for e in town.announced() if isinstance(e, Scheduler.AgendaIncomplete)]
        assert bool(waits) == bool(pending(town))
        assert town.scheduler.incomplete_since.get() == (waits[0] if waits else None)
        made += town.written()
    assert made == [*texts, b"later"]
    # The declared 20 ms each, of which half is given back: the first block takes nearly 50.
    assert blocks == 3


def test_a_call_is_begun_only_if_there_is_room_for_all_that_it_may_use(
    town: GovernanceRuntime,
) -> None:
    for text in (b"a", b"b", b"c"):
        schedule(town, 1, text, micros=town.room * 600)
    town.new_events()
    town.tick()
    assert town.written() == [b"a", b"b"], "each used half of what it may, and the third may not"
    town.tick()
    assert town.written() == [b"c"]


def test_a_task_heavier_than_any_block_is_removed_and_reported(town: GovernanceRuntime) -> None:
    address = schedule(town, 1, LONG, micros=town.room * 1_000)
    schedule(town, 1, b"after it", priority=1)
    town.new_events()
    town.tick()
    assert town.announced()[1] == Scheduler.PermanentlyOverweight(address, None)
    assert town.announced()[-2:] == [
        Diary.Written(b"after it"),
        Scheduler.Dispatched((u32(1), u32(1)), None, Ok(())),
    ]
    assert list(town.preimage.request_status_for.items()) == []


def test_a_task_without_its_preimage_is_removed_and_reported(town: GovernanceRuntime) -> None:
    key = Lookup(H256(blake2_256(b"nothing")), u32(7))
    address = town.scheduler.put(u32(1), key, BY_ROOT, 0, NAME)
    town.new_events()
    town.tick()
    assert town.new_events() == [Scheduler.CallUnavailable(address, NAME)]
    assert NAME not in town.scheduler.tasks.lookup
    assert list(town.preimage.request_status_for.items()) == []


def test_a_call_noted_late_is_still_in_time(town: GovernanceRuntime) -> None:
    inner = town.entry(LONG)
    key = H256(blake2_256(inner.raw))
    town.scheduler.put(u32(2), Lookup(key, u32(len(inner.raw))), BY_ROOT, 0)
    town.tick()
    town.preimage.note_preimage(signed(ALICE), inner.raw)
    town.new_events()
    town.tick()
    assert town.written() == [LONG]
    assert list(town.preimage.request_status_for.items()) == []


def test_a_task_is_cancelled_by_its_place(town: GovernanceRuntime) -> None:
    address = schedule(town, 4, LONG)
    town.scheduler.cancel(ROOT, *address)
    assert town.announced()[-1] == Scheduler.Canceled(*address)
    assert list(town.scheduler.tasks.agenda.items()) == []
    assert list(town.preimage.request_status_for.items()) == []
    with refused(town, Scheduler.NotFound):
        town.scheduler.cancel(ROOT, *address)


def test_a_name_is_one_task_at_a_time(town: GovernanceRuntime) -> None:
    make = town.scheduler.schedule_named
    make(ROOT, NAME, u32(2), None, u8(0), town.entry(b"first"))
    with refused(town, Scheduler.FailedToSchedule):
        make(ROOT, NAME, u32(3), None, u8(0), town.entry(b"second"))
    with refused(town, Scheduler.NotFound):
        town.scheduler.cancel_named(ROOT, OTHER)
    town.scheduler.cancel_named(ROOT, NAME)
    make(ROOT, NAME, u32(3), None, u8(0), town.entry(b"second"))
    town.new_events()
    town.tick(3)
    assert town.written() == [b"second"]
    assert NAME not in town.scheduler.tasks.lookup


def test_the_gap_that_a_cancelled_task_leaves_is_used_again(town: GovernanceRuntime) -> None:
    first = schedule(town, 2, b"first")
    schedule(town, 2, b"second")
    town.scheduler.cancel(ROOT, *first)
    assert schedule(town, 2, b"third") == first


def test_after_counts_from_the_next_slot(town: GovernanceRuntime) -> None:
    town.scheduler.schedule_after(ROOT, u32(0), None, u8(0), town.entry(b"next"))
    town.scheduler.schedule_named_after(ROOT, NAME, u32(1), None, u8(0), town.entry(b"named"))
    town.new_events()
    town.tick()
    assert town.written() == [b"next"]
    town.tick()
    assert town.written() == [b"named"]


def test_the_past_and_the_present_are_too_late(town: GovernanceRuntime) -> None:
    town.tick(7)
    for when in (3, 7):
        with refused(town, Scheduler.TargetBlockNumberInPast):
            town.scheduler.schedule(ROOT, u32(when), None, u8(0), town.entry(b"late"))
    schedule(town, 8, b"in time")


def test_a_periodic_task_is_made_so_many_times(town: GovernanceRuntime) -> None:
    inner = town.entry(LONG)
    town.scheduler.schedule_named(ROOT, NAME, u32(2), (u32(10), u32(3)), u8(0), inner)
    made = []
    for _ in range(40):
        town.new_events()
        town.tick()
        made += [town.clock.slot] * len(town.written())
    assert made == [2, 12, 22]
    assert pending(town) == 0
    assert NAME not in town.scheduler.tasks.lookup
    assert list(town.preimage.request_status_for.items()) == []


@pytest.mark.parametrize("periodic", [(0, 5), (5, 0), (5, 1)])
def test_a_period_of_nothing_is_none(town: GovernanceRuntime, periodic: tuple[int, int]) -> None:
    once = (u32(periodic[0]), u32(periodic[1]))
    town.scheduler.schedule(ROOT, u32(1), once, u8(0), town.entry(b"once"))
    town.new_events()
    town.tick(50)
    town.tick(50)
    assert town.written() == [b"once"]


def test_a_task_that_fails_is_retried_as_often_as_set(town: GovernanceRuntime) -> None:
    address = schedule(town, 1, LONG, fails=True)
    town.scheduler.set_retry(ROOT, address, u8(2), u32(3))
    assert town.scheduler.tasks.retries[address] == RetryConfig(u8(2), u8(2), u32(3))
    tries = []
    for _ in range(20):
        town.new_events()
        town.tick()
        tries += [town.clock.slot for e in town.announced() if isinstance(e, Scheduler.Dispatched)]
    assert tries == [1, 4, 7]
    assert list(town.scheduler.tasks.retries.items()) == []
    assert list(town.preimage.request_status_for.items()) == []


def test_a_time_after_all_slots_never_comes_and_stops_no_block(town: GovernanceRuntime) -> None:
    never = u32(u32.MAX)
    inner = town.entry(LONG)
    town.scheduler.schedule_named(ROOT, NAME, u32(2), (never, u32(3)), u8(0), inner)
    address = schedule(town, 2, b"", fails=True)
    town.scheduler.set_retry(ROOT, address, u8(9), never)
    town.new_events()
    town.tick(2)
    events = town.announced()
    assert Scheduler.PeriodicFailed((u32(2), u32(0)), NAME) in events
    assert Scheduler.RetryFailed(address, None) in events
    assert town.written() == [LONG]
    assert pending(town) == 0
    assert NAME not in town.scheduler.tasks.lookup
    assert list(town.preimage.request_status_for.items()) == []


def test_a_task_that_succeeds_is_not_tried_again(town: GovernanceRuntime) -> None:
    town.scheduler.schedule_named(ROOT, NAME, u32(1), None, u8(0), town.entry(b"fine"))
    town.scheduler.set_retry_named(ROOT, NAME, u8(9), u32(1))
    town.new_events()
    town.tick()
    town.tick(5)
    assert town.written() == [b"fine"]
    assert list(town.scheduler.tasks.retries.items()) == []


def test_retries_can_be_given_up(town: GovernanceRuntime) -> None:
    town.scheduler.schedule_named(ROOT, NAME, u32(1), None, u8(0), town.entry(b"", fails=True))
    with refused(town, Scheduler.NotFound):
        town.scheduler.cancel_retry_named(ROOT, NAME)
    town.scheduler.set_retry_named(ROOT, NAME, u8(9), u32(1))
    town.scheduler.cancel_retry(ROOT, town.scheduler.tasks.lookup[NAME])
    assert town.announced()[-1] == Scheduler.RetryCancelled((u32(1), u32(0)), NAME)
    town.tick()
    assert pending(town) == 0


def test_a_task_can_neither_cancel_nor_double_one_of_its_own_slot(town: GovernanceRuntime) -> None:
    """A task's sibling is not in storage while the slot is worked through."""
    undo = town.call("Scheduler", "cancel", when=u32(1), index=u32(1))
    town.scheduler.schedule(ROOT, u32(1), None, u8(0), undo)
    schedule(town, 1, b"sibling")
    town.new_events()
    town.tick()
    assert town.written() == [b"sibling"]


def test_a_task_can_schedule_more(town: GovernanceRuntime) -> None:
    more = town.call(
        "Scheduler",
        "schedule_after",
        after=u32(0),
        maybe_periodic=None,
        priority=u8(0),
        call=town.entry(b"more"),
    )
    town.scheduler.schedule(ROOT, u32(1), None, u8(0), more)
    town.tick()
    town.new_events()
    town.tick()
    assert town.written() == [b"more"]


def test_only_who_may_schedule_does_and_changes_only_its_own(town: GovernanceRuntime) -> None:
    with refused(town, BadOrigin):
        town.scheduler.schedule(signed(ALICE), u32(1), None, u8(0), town.entry(b"mine"))
    town.scheduler.__dict__["schedule_origin"] = ensure_decided(
        Decision.Technical, Decision.Emergency
    )
    technical, emergency = decided(Decision.Technical), decided(Decision.Emergency)
    town.scheduler.schedule(technical, u32(2), None, u8(0), town.entry(b"technical"))
    with refused(town, BadOrigin):
        town.scheduler.cancel(emergency, u32(2), u32(0))
    with refused(town, BadOrigin):
        town.scheduler.set_retry(emergency, (u32(2), u32(0)), u8(1), u32(1))
    with refused(town, BadOrigin):
        town.scheduler.schedule(decided(Decision.Grants), u32(1), None, u8(0), town.entry(b""))
    limited = technical.filtered(lambda _: True)
    with refused(town, BadOrigin):
        town.scheduler.schedule(limited, u32(2), None, u8(0), town.entry(b""))
    town.scheduler.cancel(technical, u32(2), u32(0))
    town.scheduler.schedule(technical, u32(2), None, u8(0), town.entry(b"again"))
    town.scheduler.cancel(ROOT, u32(2), u32(0))


def test_a_task_is_made_by_whose_it_is(town: GovernanceRuntime) -> None:
    seen: list[Origin] = []
    town.scheduler.__dict__["schedule_origin"] = seen.append
    remark = town.call("System", "remark_with_event", remark=b"hello")
    town.scheduler.schedule(signed(ALICE), u32(1), None, u8(0), remark)
    assert seen == [signed(ALICE)]
    town.new_events()
    town.tick()
    assert town.announced()[0] == town.system.Remarked(ALICE, H256(blake2_256(b"hello")))


def test_other_pallets_get_the_next_slot_that_has_room(town: GovernanceRuntime) -> None:
    for _ in range(MAX_SCHEDULED):
        schedule(town, 5, b"full")
    door, task = town.scheduler.put, Inline(town.entry(b"door").raw)
    address = door(u32(5), task, BY_ROOT, 0, NAME)
    assert address == (6, 0)
    with refused(town, Scheduler.FailedToSchedule):
        door(u32(9), task, BY_ROOT, 0, NAME)
    with refused(town, Scheduler.TargetBlockNumberInPast):
        door(u32(0), task, BY_ROOT, 0)
    town.scheduler.cancel_at(address)
    town.scheduler.cancel_at(address)
    assert NAME not in town.scheduler.tasks.lookup


def test_a_crowd_that_wants_the_same_slots_is_not_walked_over(town: GovernanceRuntime) -> None:
    """Six times as many as fit, block after block: what is looked at for room stays little."""
    reconfigure(town.scheduler, max_scheduled_per_block=u32(1))
    task, looked, get = Inline(town.entry(b"me").raw), [0], town.state.get

    def counted(key: bytes) -> bytes | None:
        looked[0] += key.startswith(town.scheduler.tasks.agenda.prefix)
        return get(key)

    town.state.get = counted  # type: ignore[method-assign]
    costs = []
    for number in range(600):
        looked[0] = 0
        when, _ = town.scheduler.put(u32(10 + number // 6), task, BY_ROOT, 0)
        assert when >= 10 + number // 6
        costs.append(looked[0])
    assert max(costs) <= 20
    assert max(costs[:6]) <= 6


def test_modest_tasks_leave_half_of_a_slot_to_others(town: GovernanceRuntime) -> None:
    reconfigure(town.scheduler, max_scheduled_per_block=u32(4))
    task = Inline(town.entry(b"me").raw)
    modest = [town.scheduler.put(u32(9), task, BY_ROOT, 0, modest=True)[0] for _ in range(5)]
    assert modest == [9, 9, 10, 10, 12]
    assert [town.scheduler.put(u32(9), task, BY_ROOT, 0)[0] for _ in range(3)] == [9, 9, 10]


def test_a_pause_of_any_length_costs_nothing(town: GovernanceRuntime) -> None:
    schedule(town, 10**6, b"long ago")
    schedule(town, 10**9, b"to come")
    town.new_events()
    assert (
        town.tick(10**8)
        < weights.look(0) + weights.look(1) + weights.task(200) + 100 * PICOS_PER_MICRO
    )
    assert town.written() == [b"long ago"]
    assert town.tick() == weights.look(0)


STEP = st.one_of(
    st.tuples(st.just("task"), st.integers(1, 6), st.integers(0, 3), st.integers(1, 240)),
    st.tuples(st.just("cancel"), st.integers(0, 50), st.just(0), st.just(0)),
    st.tuples(st.just("tick"), st.integers(1, 4), st.just(0), st.just(0)),
)


@settings(deadline=None)
@given(st.lists(STEP, max_size=60))
def test_no_task_is_lost_or_made_twice(steps: list[tuple[str, int, int, int]]) -> None:
    town = GovernanceRuntime()
    town.open()
    town.tick(0)
    owed: dict[bytes, tuple[int, int, int]] = {}
    made: list[bytes] = []

    def block(slots: int) -> None:
        town.new_events()
        assert town.tick(slots) <= town.room * PICOS_PER_MILLI
        texts = town.written()
        due = sorted((owed[text], text) for text in owed if owed[text][0] <= town.clock.slot)
        assert texts == [text for _, text in due][: len(texts)], "not in order"
        for text in texts:
            del owed[text]
        made.extend(texts)

    for number, (step, first, priority, millis) in enumerate(steps):
        text = number.to_bytes(2, "big") * (70 if number % 3 == 0 else 1)
        if step == "task":
            when, place = schedule(
                town, town.clock.slot + first, text, priority, micros=millis * 1_000
            )
            owed[text] = (int(when), priority, int(place))
        elif step == "cancel" and owed:
            gone = sorted(owed)[first % len(owed)]
            when_, _, place_ = owed.pop(gone)
            town.scheduler.cancel(ROOT, u32(when_), u32(place_))
        elif step == "tick":
            block(first)
        assert pending(town) == len(owed)
        slots = [int(when) for when, _ in town.scheduler.tasks.agenda.items()]
        due = [int.from_bytes(key, "big") for key, _ in town.scheduler.tasks.due.items()]
        assert sorted(slots) == due
    for _ in range(80):
        block(1)
    assert owed == {}
    assert len(made) == len(set(made))
    assert list(town.scheduler.tasks.agenda.items()) == []
    assert list(town.preimage.request_status_for.items()) == []


class Cramped(GovernanceRuntime):
    """A town whose blocks have a few milliseconds for tasks."""

    room = CRAMPED_MS


def test_a_few_milliseconds_a_block_get_all_of_it_done() -> None:
    town = Cramped()
    town.open()
    town.tick(0)
    for number in range(40):
        schedule(town, 1, bytes((number,)), micros=1 + number * 35 % 450)
    made: list[bytes] = []
    for _ in range(20):
        town.new_events()
        assert town.tick() <= CRAMPED_MS * PICOS_PER_MILLI
        made += town.written()
    assert made == [bytes((number,)) for number in range(40)]


def test_a_periodic_task_keeps_its_retries_for_the_next_time(town: GovernanceRuntime) -> None:
    inner = town.entry(b"", fails=True)
    town.scheduler.schedule_named(ROOT, NAME, u32(1), (u32(10), u32(2)), u8(0), inner)
    town.scheduler.set_retry_named(ROOT, NAME, u8(1), u32(3))
    tries = []
    for _ in range(30):
        town.new_events()
        town.tick()
        tries += [
            (town.clock.slot, e.id) for e in town.announced() if isinstance(e, Scheduler.Dispatched)
        ]
    assert tries == [(1, NAME), (4, None), (11, NAME), (14, None)]
    assert list(town.scheduler.tasks.retries.items()) == []
