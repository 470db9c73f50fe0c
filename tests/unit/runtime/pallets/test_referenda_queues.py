"""Queues of referenda: order by ayes, bounds, and the places of the tracks."""

from __future__ import annotations

import pytest

from btt_chain.scale import u16, u32, u128
from runtime.frame import Pallet, Part
from runtime.pallets.referenda.lifecycle import Queues
from support.runtime import SmallRuntime

TRACK = u16(10)
LIMIT = 3


class Queued(Pallet):
    """A pallet with queues only."""

    queues = Part(Queues)


class QueueRuntime(SmallRuntime):
    def build(self) -> None:
        self.queues = self.add(60, Queued()).queues


@pytest.fixture
def queues() -> Queues:
    return QueueRuntime().queues


def add(queues: Queues, *entries: tuple[int, int]) -> list[tuple[bool, u32 | None]]:
    """Add referenda with their ayes."""
    return [queues.add(TRACK, u32(index), u128(ayes), LIMIT) for index, ayes in entries]


def order(queues: Queues) -> list[int]:
    """Return the queued referenda; the last one is the next to be decided."""
    return [int(index) for index, _ in queues.track_queue[TRACK]]


def test_referenda_are_queued_by_their_ayes(queues: Queues) -> None:
    assert add(queues, (1, 5), (2, 9), (3, 7)) == [(True, None)] * 3
    assert order(queues) == [1, 3, 2]


def test_of_equal_ayes_the_one_that_was_queued_first_is_next(queues: Queues) -> None:
    add(queues, (1, 5), (2, 5), (3, 5))
    assert [queues.next(TRACK) for _ in range(3)] == [1, 2, 3]


def test_a_full_queue_removes_the_one_with_the_fewest_ayes(queues: Queues) -> None:
    add(queues, (1, 5), (2, 9), (3, 7))
    assert add(queues, (4, 6)) == [(True, u32(1))]
    assert order(queues) == [4, 3, 2]


def test_a_full_queue_accepts_none_without_more_ayes_than_the_fewest(queues: Queues) -> None:
    add(queues, (1, 5), (2, 9), (3, 7))
    assert add(queues, (4, 5)) == [(False, None)]
    assert order(queues) == [1, 3, 2]


def test_a_queued_referendum_moves_with_its_ayes(queues: Queues) -> None:
    add(queues, (1, 5), (2, 9), (3, 7))
    queues.update(TRACK, u32(1), u128(10))
    assert order(queues) == [3, 2, 1]


def test_a_removed_referendum_is_not_next(queues: Queues) -> None:
    add(queues, (1, 5), (2, 9))
    queues.remove(TRACK, u32(2))
    assert queues.next(TRACK) == 1


def test_a_place_is_kept_for_the_next_and_free_if_there_is_none(queues: Queues) -> None:
    queues.deciding_count[TRACK] = u32(2)
    add(queues, (1, 5))
    assert queues.next(TRACK) == 1
    assert queues.deciding_count[TRACK] == 2
    assert queues.next(TRACK) is None
    assert queues.deciding_count[TRACK] == 1


def test_the_queues_of_tracks_are_independent(queues: Queues) -> None:
    add(queues, (1, 5))
    assert queues.next(u16(11)) is None
    assert order(queues) == [1]
