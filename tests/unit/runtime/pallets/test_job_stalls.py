"""Stalls: gaps between blocks that are longer than the limit, and only those, shift deadlines."""

from __future__ import annotations

import pytest

from btt_chain.scale import u32
from runtime.frame import Pallet, Part
from runtime.pallets.jobs import events
from runtime.pallets.jobs.store import GAP_SLOTS, StallTracker
from support.runtime import DictState, SmallRuntime


class Stalling(Pallet):
    """A pallet with nothing but a tracker of stalls."""

    Stalled = events.Stalled

    stalls = Part(StallTracker)


class StallRuntime(SmallRuntime):
    """A runtime that tracks stalls."""

    def build(self) -> None:
        """Add the pallet under test."""
        self.stalling = self.add(42, Stalling())


@pytest.fixture
def runtime() -> StallRuntime:
    made = StallRuntime()
    made.enter(DictState())
    return made


def test_blocks_within_the_limit_are_no_stall(runtime: StallRuntime) -> None:
    stalls = runtime.stalling.stalls
    for slot in (0, 1, 1 + GAP_SLOTS):
        stalls.note_block(slot)
    assert stalls.stalled_slots() == 0
    assert runtime.announced() == []


def test_the_empty_slots_of_longer_gaps_add_up(runtime: StallRuntime) -> None:
    stalls = runtime.stalling.stalls
    stalls.note_block(GAP_SLOTS + 1)
    assert stalls.stalled_slots() == GAP_SLOTS
    stalls.note_block(GAP_SLOTS + 2)
    stalls.note_block(GAP_SLOTS + 102)
    assert stalls.stalled_slots() == GAP_SLOTS + 99
    assert runtime.announced() == [events.Stalled(u32(GAP_SLOTS)), events.Stalled(u32(99))]
