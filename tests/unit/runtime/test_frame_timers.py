"""Timer queues: entries are taken in the order in which they are due, after stalls too."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from btt_chain.primitives.digest import H256
from btt_chain.scale import u8, u32
from runtime.frame import Pallet, Part
from runtime.frame.timers import MAX_QUEUES, NEVER, NO_TIMER, DueKey, ShiftedQueues, time_of
from runtime.frame.traits import Clock, Slot, Stalls
from support.runtime import CountingState, SmallRuntime

QUEUES = (0, 3, 7)


class SettableClock(Clock, Stalls):
    """A clock that tests set, of a chain that may stall."""

    slot = 0
    stalled = 0
    looks = 0

    def now(self) -> Slot:
        """Return the slot, and count the question."""
        self.looks += 1
        return Slot(self.slot)

    def stalled_slots(self) -> int:
        return self.stalled


CLOCK = SettableClock()


class Reminders(Pallet):
    """A pallet with nothing but timer queues."""

    clock: SettableClock
    timers = Part(ShiftedQueues)


class TimerRuntime(SmallRuntime):
    """A runtime with timer queues, on a state that counts."""

    def build(self) -> None:
        self.reminders = self.add(42, Reminders(clock=CLOCK))

    def fresh(self) -> CountingState:
        """Start from an empty state, at slot 0."""
        CLOCK.slot = CLOCK.stalled = 0
        state = CountingState()
        self.enter(state)
        return state


RUNTIME = TimerRuntime()
TIMERS = RUNTIME.reminders.timers
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("enter"), st.sampled_from(QUEUES), st.integers(0, 40)),
        st.tuples(st.just("remove"), st.sampled_from(QUEUES), st.integers(0, 9)),
        st.tuples(st.just("take"), st.sampled_from(QUEUES), st.integers(1, 3)),
        st.tuples(st.just("pass"), st.just(0), st.integers(0, 12)),
        st.tuples(st.just("stall"), st.just(0), st.integers(0, 12)),
    ),
    max_size=40,
)


def named(name: str) -> H256:
    """Return a value to be stored in an entry."""
    return H256.of(name.encode())


@settings(max_examples=60, deadline=None)
@given(STEPS)
def test_entries_are_taken_as_from_a_sorted_list(steps: list[tuple[str, int, int]]) -> None:
    state = RUNTIME.fresh()
    known: dict[int, list[tuple[DueKey, H256]]] = {queue: [] for queue in QUEUES}
    for number, (what, queue, value) in enumerate(steps):
        mine = known[queue]
        if what == "enter":
            name = named(str(number))
            mine.append((TIMERS.enter(queue, CLOCK.slot + value, name), name))
        elif what == "remove" and mine:
            key, _ = mine.pop(value % len(mine))
            TIMERS.remove(queue, key)
        elif what == "take":
            worked = CLOCK.slot - CLOCK.stalled
            if TIMERS.nothing_due():
                assert not any(time_of(key) <= worked for rows in known.values() for key, _ in rows)
                before = dict(state.data)
                assert not any(TIMERS.take(each, 9) for each in QUEUES)
                assert state.data == before
            due = [row for row in sorted(mine) if time_of(row[0]) <= worked][:value]
            assert TIMERS.take(queue, value) == [name for _, name in due]
            known[queue] = [row for row in mine if row not in due]
        else:
            CLOCK.slot += value
            CLOCK.stalled += value if what == "stall" else 0
    assert len(list(TIMERS.due.items())) == sum(len(rows) for rows in known.values())


def test_a_queue_is_read_only_when_an_entry_may_be_due() -> None:
    state = RUNTIME.fresh()
    first = TIMERS.enter(3, 10, named("first"))
    TIMERS.enter(3, 20, named("second"))

    def take(now: int) -> list[H256]:
        CLOCK.slot = now
        return [name for queue in QUEUES for name in TIMERS.take(queue, 4)]

    assert [take(now) for now in range(10)] == [[]] * 10
    assert state.walks == 0
    assert take(10) == [named("first")]
    assert (u8(3), first) not in TIMERS.due
    assert [take(now) for now in range(11, 20)] == [[]] * 9
    assert state.walks == 1
    assert take(25) == [named("second")]
    assert TIMERS.ahead.value.first == [NEVER] * MAX_QUEUES
    assert take(10**6) == []
    assert state.walks == 2


def test_a_removed_entry_costs_one_read_of_its_queue() -> None:
    state = RUNTIME.fresh()
    key = TIMERS.enter(0, 5, named("removed"))
    TIMERS.enter(0, 9, named("left"))
    TIMERS.remove(0, key)
    TIMERS.remove(0, NO_TIMER)
    for CLOCK.slot in (5, 6, 7):
        assert TIMERS.take(0, 4) == []
    assert state.walks == 1
    assert TIMERS.ahead.value.first[0] == u32(9)


def test_entries_beyond_a_limit_stay_due() -> None:
    RUNTIME.fresh()
    for number in range(5):
        TIMERS.enter(0, 7, named(str(number)))
    CLOCK.slot = 7
    assert TIMERS.take(0, 2) == [named("0"), named("1")]
    assert TIMERS.take(0, 2) == [named("2"), named("3")]
    assert TIMERS.take(0, 2) == [named("4")]


def test_a_stall_shifts_deadlines_by_its_length() -> None:
    RUNTIME.fresh()
    TIMERS.enter(0, 10, named("before"))
    CLOCK.slot, CLOCK.stalled = 59, 50
    TIMERS.enter(0, 60, named("after"))
    assert TIMERS.take(0, 4) == []
    CLOCK.slot = 60
    assert TIMERS.take(0, 4) == [named("before"), named("after")]


def test_one_read_shows_that_nothing_is_due_in_any_queue() -> None:
    state = RUNTIME.fresh()
    assert TIMERS.nothing_due()
    TIMERS.enter(7, 5, named("later"))
    TIMERS.enter(3, 2, named("soon"))
    shown = list[bool]()
    for CLOCK.slot in range(4):
        shown.append(TIMERS.nothing_due())
    assert shown == [True, True, False, False]
    CLOCK.stalled = 2
    assert TIMERS.nothing_due()
    assert state.walks == 0


def test_an_empty_queue_needs_no_clock() -> None:
    RUNTIME.fresh()
    CLOCK.looks = 0
    assert [TIMERS.take(queue, 5) for queue in range(MAX_QUEUES)] == [[]] * MAX_QUEUES
    assert CLOCK.looks == 0
    TIMERS.enter(3, 2, named("entry"))
    assert TIMERS.take(3, 5) == []
    assert CLOCK.looks == 1
