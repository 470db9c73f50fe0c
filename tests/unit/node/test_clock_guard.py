"""No block is sealed by a clock that the blocks of other authors contradict."""

from __future__ import annotations

import pytest

from btt_chain.node.blocks.clock_guard import MAX_LAG, MEMORY, ClockGuard

HOUR = 3_600
NOW = 10_000


def running(head: int = NOW) -> ClockGuard:
    """Return a guard of a node whose best block is of slot `head`, in slot NOW."""
    guard = ClockGuard()
    guard.begin_slot(NOW, lambda: head)
    return guard


def pass_slots(guard: ClockGuard, first: int, number: int) -> None:
    for slot in range(first, first + number):
        guard.begin_slot(slot, lambda: NOW)


def test_a_clock_is_doubted_while_the_blocks_of_two_authors_arrive_late() -> None:
    guard = running()
    guard.saw_block(b"a", NOW - HOUR, NOW)
    assert guard.doubt(others=3) is None
    guard.saw_block(b"b", NOW - HOUR + 1, NOW)
    assert "this clock is ahead" in (guard.doubt(others=3) or "")


def test_one_author_is_enough_only_where_there_is_no_second() -> None:
    guard = running()
    for behind in range(20):
        guard.saw_block(b"a", NOW - HOUR + behind, NOW)
    assert guard.doubt(others=2) is None
    assert guard.doubt(others=1) is not None
    assert guard.doubt(others=0) is None


def test_one_block_that_arrives_in_time_ends_the_doubt() -> None:
    guard = running()
    for author in (b"a", b"b", b"c"):
        guard.saw_block(author, NOW - HOUR, NOW)
    guard.saw_block(b"d", NOW - MAX_LAG, NOW)
    assert guard.doubt(others=4) is None


def test_blocks_delayed_by_a_slow_network_are_not_late() -> None:
    guard = running()
    for author in (b"a", b"b", b"c"):
        guard.saw_block(author, NOW - MAX_LAG, NOW)
    assert guard.doubt(others=3) is None


def test_late_blocks_are_forgotten_where_no_others_follow() -> None:
    guard = running()
    guard.saw_block(b"a", NOW - HOUR, NOW)
    guard.saw_block(b"b", NOW - HOUR, NOW)
    pass_slots(guard, NOW + 1, MEMORY)
    assert guard.doubt(others=3) is not None
    pass_slots(guard, NOW + 1 + MEMORY, 1)
    assert guard.doubt(others=3) is None


@pytest.mark.parametrize("jump", [HOUR, MAX_LAG + 1])
def test_a_jump_of_the_clock_is_checked_by_a_block_before_anything_is_sealed(jump: int) -> None:
    guard = running()
    guard.begin_slot(NOW + jump, lambda: NOW)
    assert guard.doubt(others=3) is not None
    guard.saw_block(b"a", NOW + jump, NOW + jump)
    assert guard.doubt(others=3) is None


def test_a_chain_without_blocks_starts_again_after_a_wait() -> None:
    guard = running(head=NOW - HOUR)
    assert guard.doubt(others=3) is not None
    pass_slots(guard, NOW + 1, MAX_LAG - 1)
    assert guard.doubt(others=3) is not None
    pass_slots(guard, NOW + MAX_LAG, 1)
    assert guard.doubt(others=3) is None


def test_a_new_chain_starts_without_a_wait() -> None:
    assert running(head=0).doubt(others=3) is None


def test_empty_slots_of_a_chain_with_few_validators_are_not_a_jump() -> None:
    guard = running()
    for slot in range(NOW + 1, NOW + 200):
        guard.begin_slot(slot, lambda: NOW)
        assert guard.doubt(others=99) is None
