"""Agendas: what is due is found in its order, and lanes in which nothing is are not looked into."""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis import given, settings
from hypothesis import strategies as st

from btt_chain.primitives.digest import H256
from btt_chain.scale import u8, u32
from runtime.frame import Pallet, Value
from runtime.pallets.jobs import DueKey, agenda
from support.runtime import DictState, SmallRuntime

LANES = (0, 3, 7)


class Diary(Pallet):
    """What is due."""

    due = agenda.agenda()
    ahead = Value(agenda.Ahead, default=agenda.Ahead())


class Walked(DictState):
    """Counts the walks over keys."""

    walks = 0

    def keys(self, prefix: bytes) -> Iterator[bytes]:
        self.walks += 1
        return super().keys(prefix)


class Desk(SmallRuntime):
    """A diary on a runtime of its own."""

    def build(self) -> None:
        self.diary = self.add(42, Diary())

    def fresh(self) -> Walked:
        state = Walked()
        self.enter(state)
        return state


DESK = Desk()
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("enter"), st.sampled_from(LANES), st.integers(0, 40)),
        st.tuples(st.just("strike"), st.sampled_from(LANES), st.integers(0, 9)),
        st.tuples(st.just("take"), st.sampled_from(LANES), st.integers(1, 3)),
        st.tuples(st.just("pass"), st.just(0), st.integers(0, 12)),
    ),
    max_size=40,
)


@settings(max_examples=60, deadline=None)
@given(STEPS)
def test_what_is_taken_is_what_a_sorted_list_would_give(steps: list[tuple[str, int, int]]) -> None:
    DESK.fresh()
    diary, now = DESK.diary, 0
    known: dict[int, list[tuple[DueKey, H256]]] = {lane: [] for lane in LANES}
    for number, (what, lane, value) in enumerate(steps):
        mine = known[lane]
        if what == "enter":
            name = H256.of(number.to_bytes(4, "big"))
            mine.append((agenda.enter(diary.due, diary.ahead, lane, now + value, name), name))
        elif what == "strike" and mine:
            key, _ = mine.pop(value % len(mine))
            del diary.due[u8(lane), key]
        elif what == "take":
            ripe = [row for row in sorted(mine) if agenda.time_of(row[0]) <= now][:value]
            taken = agenda.take(diary.due, diary.ahead, lane, now, value)
            assert taken == [name for _, name in ripe]
            known[lane] = [row for row in mine if row not in ripe]
        else:
            now += value
    assert len(list(diary.due.items())) == sum(len(rows) for rows in known.values())


def test_lanes_are_walked_only_when_something_may_be_due() -> None:
    state, diary = DESK.fresh(), DESK.diary
    first = agenda.enter(diary.due, diary.ahead, 3, 10, H256.of(b"first"))
    agenda.enter(diary.due, diary.ahead, 3, 20, H256.of(b"second"))

    def take(now: int) -> list[H256]:
        return [name for lane in LANES for name in agenda.take(
            diary.due, diary.ahead, lane, now, 4)]  # fmt: skip

    assert [take(now) for now in range(10)] == [[]] * 10
    assert state.walks == 0
    assert take(10) == [H256.of(b"first")]
    assert (u8(3), first) not in diary.due
    assert [take(now) for now in range(11, 20)] == [[]] * 9
    assert state.walks == 1
    assert take(25) == [H256.of(b"second")]
    assert diary.ahead.value.first == [agenda.NEVER] * agenda.MAX_LANES
    assert take(10**6) == []
    assert state.walks == 2


def test_what_was_struck_off_costs_one_look() -> None:
    state, diary = DESK.fresh(), DESK.diary
    key = agenda.enter(diary.due, diary.ahead, 0, 5, H256.of(b"gone"))
    agenda.enter(diary.due, diary.ahead, 0, 9, H256.of(b"there"))
    del diary.due[u8(0), key]
    for now in (5, 6, 7):
        assert agenda.take(diary.due, diary.ahead, 0, now, 4) == []
    assert state.walks == 1
    assert diary.ahead.value.first[0] == u32(9)
