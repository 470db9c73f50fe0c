"""The time for making a block: shorter while blocks come late, whole again when they do not."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from btt_chain.node.blocks.build_time import MIN_PERCENT, BuildTime, MadeBlock
from btt_chain.node.engine.parts import Settings
from support.sim.wires import Links
from support.sim.world import World

SLOT_MS = 2_000
OURS, OTHER = b"ours", b"other"


@dataclass
class Maker:
    """A maker that imports a block of each slot."""

    time: BuildTime = field(default_factory=lambda: BuildTime(SLOT_MS, (1, 3)))
    slot: int = 100

    def imports(self, after: float, blocks: int = 1) -> int:
        """Import blocks after a part of their slots; return the percentage for the next one."""
        for _ in range(blocks):
            self.slot += 1
            self.time.imported(self.slot, self.slot, OTHER, self.slot - 1)
            self.time.advance(int((self.slot + after) * SLOT_MS))
        return self.time.percent


def test_a_block_may_take_a_third_of_its_slot_less_what_is_over() -> None:
    time = BuildTime(SLOT_MS, Settings(SLOT_MS).build_share)
    assert time.given_ms(0) == SLOT_MS // 3
    assert time.given_ms(200) == SLOT_MS // 3 - 200
    assert time.given_ms(SLOT_MS) == SLOT_MS // 20


def test_early_blocks_leave_the_whole_share() -> None:
    assert Maker().imports(0.5, blocks=20) == 100


def test_late_blocks_take_an_eighth_each_down_to_a_minimum() -> None:
    maker = Maker()
    assert maker.imports(0.9) == 87
    assert maker.time.given_ms(0) == SLOT_MS // 3 * 87 // 100
    assert maker.imports(1.2, blocks=40) == MIN_PERCENT
    assert maker.time.given_ms(0) >= SLOT_MS // 20


def test_the_share_is_whole_again_fifteen_slots_after_the_worst() -> None:
    maker = Maker()
    maker.imports(0.9, blocks=40)
    assert maker.imports(0.5, blocks=15) == 100


def test_between_early_and_late_the_share_stays_as_it_is() -> None:
    maker = Maker()
    before = maker.imports(0.9, blocks=3)
    assert maker.imports(0.84, blocks=20) == before


@pytest.mark.parametrize(("late", "early", "least"), [(1, 2, 82), (2, 3, 55), (1, 1, 39)])
def test_makers_that_delay_their_blocks_take_a_part_of_the_share(
    late: int, early: int, least: int
) -> None:
    """One of four, two of six, one of three: the maker's own block of a round says nothing."""
    maker, lowest = Maker(), 100
    for _ in range(50):
        lowest = min(lowest, maker.imports(0.99, blocks=late))
        maker.imports(0.3, blocks=early)
    assert least <= lowest < least + 5


def test_only_the_first_block_of_a_slot_counts() -> None:
    maker = Maker()
    maker.imports(0.5)
    for _ in range(10):
        maker.time.imported(maker.slot, maker.slot, OTHER, maker.slot - 1)
        maker.time.advance(int((maker.slot + 0.95) * SLOT_MS))
    assert maker.time.percent == 100


def test_an_import_counts_once_however_much_follows_it() -> None:
    maker = Maker()
    assert maker.imports(0.9) == 87
    for later in range(10):
        maker.time.advance((maker.slot + later) * SLOT_MS)
    assert maker.time.percent == 87


def test_blocks_that_are_caught_up_with_say_nothing() -> None:
    assert Maker().imports(3.0, blocks=100) == 100


@pytest.mark.parametrize(
    ("parent", "parent_slot", "number", "percent"),
    [
        (OURS, 100, 51, 100),  # built on
        (OTHER, 99, 50, 87),  # on the block before ours: ours came too late
        (OTHER, 100, 51, 100),  # on a rival of our slot
        (OTHER, 100, 50, 100),
    ],
)
def test_a_block_of_ours_that_the_next_maker_lacked_is_late(
    parent: bytes, parent_slot: int, number: int, percent: int
) -> None:
    time = BuildTime(SLOT_MS, (1, 3))
    time.made(MadeBlock(100, 50, OURS))
    time.imported(101, number, parent, parent_slot)
    assert time.percent == percent


def test_a_late_block_that_shows_a_loss_counts_once() -> None:
    time = BuildTime(SLOT_MS, (1, 3))
    time.made(MadeBlock(100, 50, OURS))
    time.imported(101, 50, OTHER, 99)
    time.advance(int(101.95 * SLOT_MS))
    assert time.percent == 87


def test_a_loss_counts_once() -> None:
    time = BuildTime(SLOT_MS, (1, 3))
    time.made(MadeBlock(100, 50, OURS))
    for slot in (101, 102, 103):
        time.imported(slot, 50, OTHER, 99)
    assert time.percent == 87


def test_makers_on_slow_wires_take_less_and_the_whole_share_on_quick_ones() -> None:
    # An announce, a request and its answer: nine tenths of a slot.
    world = World(seed=3, validators=3, links=Links(least=600, most=620), bodies=False)
    assert world.slot_ms == SLOT_MS
    world.run(slots=14)
    assert all(node.running._authoring.build_time.percent < 60 for node in world.nodes)

    world.links.least, world.links.most = 5, 60
    world.run(slots=32)
    assert [node.running._authoring.build_time.percent for node in world.nodes] == [100] * 3
    assert world.nodes[0].client.best().number >= 44
