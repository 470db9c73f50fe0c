"""Blocks of slots to come: not fetched before they can be taken in, and their wait is known."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from btt_chain.consensus.babe.verify import slot_of
from btt_chain.primitives.header import Header
from p2p import network
from p2p.network import ANNOUNCE, Ask, GossipReceived
from p2p.protocols.messages import Announce
from p2p.sync.types import Block, BlocksImported, ImportBlocks, Refusal
from support.sim.nodes import SimNode
from support.sim.world import World

SLOT_MS = 2_000


@pytest.fixture
def world() -> World:
    """Two nodes, and a third that has none of their last blocks."""
    world = World(seed=4, validators=2, observers=1)
    world.run(3)
    world.links.partition([[0, 1], [2]])
    world.run(4)
    return world


def newest(world: World) -> Block:
    """A block of node 0 that continues what node 2 has."""
    maker, behind = world.nodes[0].client, world.nodes[2].client
    header = maker.header_of(maker.block_hash(behind.best().number + 1) or b"")
    body = maker.body(header.hash()) or []
    return Block(bytes(header.hash()), header, body, None, ("n0",))


def before(header: Header) -> int:
    """A time at which a block cannot be taken in yet, by two slots."""
    return (slot_of(header) - 3) * SLOT_MS


def questions(actions: Iterable[network.Action]) -> list[Ask]:
    return [action for action in actions if isinstance(action, Ask)]


def set_back(node: SimNode, now: int) -> None:
    """Set a node's clock."""
    node.running.tick(now)


def test_an_announce_that_is_early_is_looked_at_when_its_slot_comes(world: World) -> None:
    block = newest(world)
    engine, early = world.nodes[2].running, before(block.header)
    set_back(world.nodes[2], early)
    event = GossipReceived(ANNOUNCE, "n0", Announce(block.header, is_best=True).encode())
    assert not questions(engine.handle(event, early))
    assert not questions(engine.tick(early + 2 * SLOT_MS - 1))
    found = questions(engine.tick(early + 2 * SLOT_MS))
    assert [ask.protocol for ask in found] == [network.BLOCKS]


def test_the_report_to_sync_says_how_long_an_early_block_has_to_wait(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    block = newest(world)
    engine, early = world.nodes[2].running, before(block.header)
    set_back(world.nodes[2], early)
    reports: list[BlocksImported] = []

    def handle(report: BlocksImported, now: int) -> list[ImportBlocks]:
        reports.append(report)
        return []

    monkeypatch.setattr(engine.parts.sync, "handle", handle)
    engine.parts.importer._checked.clear()  # its announce may have come before the cut
    engine._sync.follow([ImportBlocks(1, (block,))])
    engine.work(early)
    assert [(report.refused, report.wait_ms) for report in reports] == [
        (Refusal.EARLY, 2 * SLOT_MS)
    ]
    engine._sync.follow([ImportBlocks(2, (block,))])
    engine.work(early + 2 * SLOT_MS)
    assert (reports[-1].done, reports[-1].refused, reports[-1].wait_ms) == (1, None, 0)
