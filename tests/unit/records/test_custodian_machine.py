"""A custodian's decisions: revocation in any view, reorganisations, stale nodes (C15)."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from btt_chain.records.custodian.batches import (
    MAX_RETRY_MS,
    RETRY_MS,
    Anchor,
    Anchored,
    AnchorFailed,
    Batch,
    Clock,
    Kind,
    Move,
    Schedule,
)
from btt_chain.records.custodian.machine import (
    BUSY,
    CONTRADICTED,
    MAX_AGE_MS,
    MAX_ASKED,
    MAX_SESSIONS_OF_CONSENT,
    MAX_WAITING,
    NO_SESSION,
    REVOKED,
    SESSION_MS,
    STALE,
    UNSETTLED,
    AccessWanted,
    Action,
    Block,
    Check,
    Checked,
    Close,
    Machine,
    Refuse,
    Serve,
    SessionWanted,
    Ticked,
    Unanswered,
    View,
    Viewed,
)

HANDLE = b"\1" * 32
NOW = 10_000_000


def block(number: int, fork: int = 0, time_ms: int = NOW) -> Block:
    return Block(number, bytes([number, fork]) + bytes(30), time_ms)


def view(best: int, final: int, fork: int = 0, time_ms: int = NOW) -> View:
    return View(block(best, fork, time_ms), block(final, 0, time_ms))


def ready(at: View) -> Machine:
    machine = Machine()
    assert machine.on(Viewed(at, NOW)) == []
    return machine


def checked(at: View, best: bool = False, final: bool = False, now: int = NOW) -> Checked:
    return Checked(HANDLE, at, best, final, now)


def wanted(id: str = "a", session: str | None = None, now: int = NOW) -> AccessWanted:
    return AccessWanted(id, HANDLE, session, now)


def opened(machine: Machine, at: View) -> Machine:
    """The machine with a session `s`."""
    assert machine.on(SessionWanted("s", HANDLE, NOW + 10**9, NOW)) == [Check(HANDLE, at)]
    assert machine.on(checked(at)) == [Serve("s")]
    return machine


def test_an_access_is_served_after_a_check_at_both_blocks() -> None:
    at = view(9, 7)
    machine = ready(at)
    assert machine.on(wanted()) == [Check(HANDLE, at)]
    assert machine.on(checked(at)) == [Serve("a")]
    # The next access is checked again.
    assert machine.on(wanted("b")) == [Check(HANDLE, at)]


@pytest.mark.parametrize(("best", "final"), [(True, False), (False, True), (True, True)])
def test_a_revocation_in_one_view_is_enough(best: bool, final: bool) -> None:
    at = view(9, 7)
    machine = ready(at)
    machine.on(wanted())
    assert machine.on(checked(at, best, final)) == [Refuse("a", REVOKED)]
    # Without asking: the secret is public.
    assert machine.on(wanted("b")) == [Refuse("b", REVOKED)]


def test_a_revocation_whose_block_was_reverted_still_counts() -> None:
    before, after = view(9, 7), view(10, 7, fork=1)
    machine = ready(before)
    machine.on(wanted())
    machine.on(Viewed(after, NOW))
    # The answer is about a block that is gone; the secret was published all the same.
    assert machine.on(checked(before, best=True)) == [Refuse("a", REVOKED)]
    assert machine.on(wanted("b")) == [Refuse("b", REVOKED)]


def test_an_answer_about_a_replaced_block_is_asked_again() -> None:
    views = [view(9 + number, 7, fork=number) for number in range(MAX_ASKED + 1)]
    machine = ready(views[0])
    machine.on(wanted())
    for before, after in pairwise(views):
        machine.on(Viewed(after, NOW))
        last = machine.on(checked(before))
        if after != views[-1]:
            assert last == [Check(HANDLE, after)]
    assert last == [Refuse("a", UNSETTLED)]


def test_an_open_session_is_checked_at_each_block_and_closed() -> None:
    first, second = view(9, 7), view(10, 7)
    machine = opened(ready(first), first)
    assert machine.on(Viewed(second, NOW)) == [Check(HANDLE, second)]
    assert machine.on(checked(second)) == []
    third = view(11, 8)
    machine.on(Viewed(third, NOW))
    assert machine.on(checked(third, best=True)) == [Close("s", REVOKED)]
    assert machine.on(wanted(session="s")) == [Refuse("a", NO_SESSION)]


def test_access_and_revocation_in_one_block_is_refused() -> None:
    before, after = view(9, 7), view(10, 7)
    machine = opened(ready(before), before)
    machine.on(wanted(session="s"))
    machine.on(Viewed(after, NOW))
    # The node answered for the block before: not served.
    assert machine.on(checked(before)) == [Check(HANDLE, after)]
    assert set(machine.on(checked(after, best=True))) == {
        Refuse("a", REVOKED), Close("s", REVOKED),
    }  # fmt: skip


def test_a_node_without_recent_blocks_vouches_for_nothing() -> None:
    at = view(9, 7)
    machine = ready(at)
    late = NOW + MAX_AGE_MS + 1
    assert machine.on(wanted(now=late)) == [Refuse("a", STALE)]
    machine.on(wanted("b"))
    assert machine.on(checked(at, now=late)) == [Refuse("b", STALE)]
    assert Machine().on(wanted()) == [Refuse("a", STALE)]
    machine.on(wanted("c"))
    assert machine.on(Unanswered(HANDLE)) == [Refuse("c", STALE)]


@pytest.mark.parametrize("final", [block(6), block(7, 1)])
def test_a_final_chain_that_contradicts_itself_ends_all_service(final: Block) -> None:
    at = view(9, 7)
    machine = opened(ready(at), at)
    machine.on(wanted())
    broken = replace(at, final=final)
    assert machine.on(Viewed(broken, NOW)) == [Refuse("a", CONTRADICTED), Close("s", CONTRADICTED)]
    assert machine.on(wanted("b")) == [Refuse("b", CONTRADICTED)]
    assert machine.on(Viewed(view(30, 20), NOW)) == []
    assert machine.on(wanted("c")) == [Refuse("c", CONTRADICTED)]


def test_an_emergency_needs_no_chain() -> None:
    assert Machine().on(AccessWanted("a", None, None, NOW)) == [Serve("a")]


def test_sessions_end_with_their_time_and_with_their_consent() -> None:
    at = view(9, 7)
    machine = ready(at)
    machine.on(SessionWanted("short", HANDLE, NOW + 1_000, NOW))
    machine.on(SessionWanted("long", HANDLE, NOW + 10**9, NOW))
    assert machine.on(checked(at)) == [Serve("short"), Serve("long")]
    assert machine.on(Ticked(NOW + 1_000)) == [Close("short", NO_SESSION)]
    assert machine.on(wanted(session="long", now=NOW + SESSION_MS)) == [Refuse("a", NO_SESSION)]


def test_what_waits_is_bounded() -> None:
    machine = ready(view(9, 7))
    for number in range(MAX_WAITING):
        machine.on(wanted(str(number)))
    assert machine.on(wanted("more")) == [Refuse("more", BUSY)]


def test_sessions_of_one_consent_leave_room_for_others() -> None:
    machine = ready(at := view(9, 7))
    for number in range(MAX_SESSIONS_OF_CONSENT):
        machine.on(SessionWanted(str(number), HANDLE, NOW + 10**9, NOW))
    machine.on(checked(at))
    assert machine.on(SessionWanted("more", HANDLE, NOW + 10**9, NOW)) == [Refuse("more", BUSY)]
    assert machine.on(wanted()) == [Check(HANDLE, at)]
    other = bytes(32)
    assert machine.on(SessionWanted("b", other, NOW + 10**9, NOW)) == [Check(other, at)]


# ---- random chains

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("extend"), st.integers(0, 3), st.booleans()),
        st.tuples(st.just("see"), st.just(0), st.just(False)),
        st.tuples(st.just("want"), st.integers(0, 1), st.just(False)),
        st.tuples(st.just("answer"), st.integers(0, 5), st.just(False)),
        st.tuples(st.just("wait"), st.integers(0, MAX_AGE_MS), st.just(False)),
    ),
    max_size=40,
)


@given(STEPS)
def test_nothing_is_served_that_the_current_view_revokes(
    steps: list[tuple[str, int, bool]],
) -> None:
    blocks, revoked, now = [block(0)], {block(0).hash: False}, NOW
    machine, seen = Machine(), View(block(0), block(0))
    machine.on(Viewed(seen, now))
    questions: list[Check] = []
    known_revoked = False
    asked = 0

    def take(actions: list[Action]) -> None:
        for action in actions:
            if isinstance(action, Check):
                questions.append(action)
            if isinstance(action, Serve):
                assert not revoked[seen.best.hash]
                assert not revoked[seen.final.hash]
                assert not known_revoked
                assert now - seen.best.time_ms <= MAX_AGE_MS

    for kind, number, revokes in steps:
        if kind == "extend":
            parent = blocks[-1 - number % len(blocks)]
            made = Block(parent.number + 1, len(blocks).to_bytes(32, "big"), now)
            blocks.append(made)
            revoked[made.hash] = revoked[parent.hash] or revokes
        elif kind == "see":
            seen = View(blocks[-1], seen.final)
            take(machine.on(Viewed(seen, now)))
        elif kind == "want":
            asked += 1
            if number and machine.sessions:
                take(machine.on(wanted(f"{asked}", next(iter(machine.sessions)), now)))
            elif number:
                take(machine.on(SessionWanted(f"{asked}", HANDLE, now + 10**6, now)))
            else:
                take(machine.on(wanted(f"{asked}", None, now)))
        elif kind == "answer" and questions:
            question = questions.pop(number % len(questions))
            best = revoked[question.view.best.hash]
            known_revoked = known_revoked or best
            take(machine.on(Checked(HANDLE, question.view, best, False, now)))
            if best:
                assert not machine.sessions
        elif kind == "wait":
            now += number


# ---- batches


def test_each_epoch_gets_one_root_of_each_kind() -> None:
    schedule = Schedule(first=10, max_late=2)
    assert schedule.on(Clock(10, NOW)) == []
    due = schedule.on(Clock(11, NOW))
    assert due == [Anchor(Batch(kind, 10)) for kind in Kind]
    assert schedule.on(Clock(11, NOW)) == []
    for action in due:
        schedule.on(Anchored(action.batch))
    assert schedule.on(Clock(12, NOW)) == [Anchor(Batch(kind, 11)) for kind in Kind]


def test_roots_of_a_kind_are_sent_in_order() -> None:
    schedule = Schedule(first=10, max_late=2)
    schedule.on(Clock(11, NOW))
    schedule.on(Anchored(Batch(Kind.RECORDS, 10)))
    # Consents and accesses of 10 are still under way: theirs of 11 wait.
    assert schedule.on(Clock(12, NOW)) == [Anchor(Batch(Kind.RECORDS, 11))]
    schedule.on(Anchored(Batch(Kind.CONSENTS, 10)))
    assert schedule.on(Clock(12, NOW)) == [Anchor(Batch(Kind.CONSENTS, 11))]


def test_a_root_that_failed_is_sent_again_after_a_growing_pause() -> None:
    schedule = Schedule(first=10, max_late=2)
    due = schedule.on(Clock(11, NOW))
    batch = due[0].batch
    for each in due[1:]:
        schedule.on(Anchored(each.batch))
    now, pauses = NOW, []
    for _ in range(8):
        schedule.on(AnchorFailed(batch, False, now))
        pause = RETRY_MS
        while not schedule.on(Clock(11, now + pause)):
            pause += RETRY_MS
        pauses.append(pause)
        now += pause
    assert pauses[:3] == [RETRY_MS, 2 * RETRY_MS, 4 * RETRY_MS]
    assert max(pauses) == MAX_RETRY_MS


def test_leaves_that_are_too_late_move_to_the_open_epoch() -> None:
    schedule = Schedule(first=10, max_late=2)
    schedule.on(Clock(11, NOW))
    assert schedule.on(AnchorFailed(Batch(Kind.ACCESSES, 10), True, NOW)) == [
        Move(Batch(Kind.ACCESSES, 10), 11)
    ]
    # After a long pause: what waited moves, and only the epochs that the chain takes are sent.
    pause = Schedule(first=40, max_late=2, open={Batch(Kind.RECORDS, 7)})
    actions = pause.on(Clock(50, NOW))
    assert actions[0] == Move(Batch(Kind.RECORDS, 7), 50)
    assert {each.batch.epoch for each in actions[1:]} == {48}
