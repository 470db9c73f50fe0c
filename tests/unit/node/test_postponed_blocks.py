"""A secondary author waits for the block of a winner, and makes its own if none comes."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from btt_chain.chain.notify import ChainEvent, NewBlock
from btt_chain.node.blocks.authoring import WAIT_SHARE
from btt_chain.primitives.babe import Primary, pre_digest
from support.sim.nodes import SimNode
from support.sim.wires import Links
from support.sim.world import World

SLOT_MS = 2_000
SLOTS = 40
WAIT_MS = SLOT_MS // WAIT_SHARE


class Taken(NamedTuple):
    """A block that a node made or imported."""

    slot: int
    is_primary: bool
    after_ms: int
    """Time since its slot began."""


def blocks(world: World, node: SimNode) -> list[Taken]:
    """Return the blocks of a node, of some slots to come."""
    found: list[Taken] = []

    def note(event: ChainEvent) -> None:
        if isinstance(event, NewBlock):
            claim = pre_digest(node.client.header_of(event.hash).digest.logs)
            slot = int(claim.claim.slot)
            found.append(Taken(slot, isinstance(claim, Primary), world.now - slot * SLOT_MS))

    node.client.listen(note)
    world.run(SLOTS)
    return found


def test_no_slot_has_a_block_of_a_winner_and_a_secondary_one() -> None:
    world = World(seed=8, links=Links(least=1, most=WAIT_MS // 2))
    taken = blocks(world, world.nodes[0])
    won = {block.slot for block in taken if block.is_primary}
    others = {block.slot for block in taken if not block.is_primary}
    assert won
    assert others
    assert not won & others
    assert len(won | others) >= SLOTS - 1  # the last one may have just begun
    for block in taken:
        waited = 0 if block.is_primary else WAIT_MS
        assert waited <= block.after_ms <= waited + WAIT_MS // 2


def test_a_secondary_author_without_a_block_of_a_winner_makes_its_block() -> None:
    world = World(seed=8, validators=2)
    world.run(3)
    world.links.partition([[0], [1]])
    own = blocks(world, world.nodes[0])
    assert {block.after_ms for block in own} == {0, WAIT_MS}
    assert {block.is_primary for block in own if block.after_ms} == {False}


@pytest.mark.parametrize("validators", [1, 2])
def test_a_node_waits_only_if_others_may_have_won(validators: int) -> None:
    world = World(seed=8, validators=validators)
    taken = blocks(world, world.nodes[0])
    late = [block for block in taken if block.after_ms >= WAIT_MS]
    assert any(not block.is_primary for block in taken)
    assert bool(late) == (validators > 1)
