"""Blocks whose time has not come take no room from others, and come in when it has."""

from __future__ import annotations

from p2p.sync.delayed import MAX_EARLY
from p2p.sync.fork_sync import HOLD_EARLY_MS
from p2p.sync.range_sync import STALL_MS
from support.sync_world import BODIES, FakeChain, FakePeer, World, branch, child

CHAIN = branch(700)


def world_with_early(length: int, wait: int, *, have: int = 100) -> World:
    """A node at `have`, a peer whose chain ends in a block that is early by `wait`."""
    world = World(FakeChain(CHAIN[:have]), {"a": FakePeer(FakeChain(CHAIN[:length]))})
    world.early[bytes(CHAIN[length - 1].hash())] = world.now + wait
    return world


def test_a_block_that_is_a_little_early_is_kept_and_taken_in_when_it_is_due() -> None:
    world = world_with_early(101, HOLD_EARLY_MS - 200)
    assert not world.run(HOLD_EARLY_MS - 300, world.synced)
    assert world.run(1_000, world.synced)
    assert len(world.asks) == 1
    assert world.costs == {}


def test_a_block_that_is_very_early_is_put_off_and_fetched_again_when_it_is_due() -> None:
    world = world_with_early(101, 30_000)
    world.run(29_000)
    assert len(world.asks) == 1
    assert not world.sync._fork_sync.fetches
    assert world.sync.held == (0, 0)
    assert world.run(3_000, world.synced)
    assert len(world.asks) == 2
    assert world.costs == {}


def test_early_blocks_hold_up_no_other_one() -> None:
    world = world_with_early(101, 60_000)
    for number in range(40):
        header, body = child(CHAIN[99], b"early %d" % number)
        BODIES[header.hash()] = body
        world.peers["a"].chain.headers[header.hash()] = header
        world.early[bytes(header.hash())] = world.now + 60_000
        world.announce("a", header, after=120 * number)
    world.run(6_000)
    good, body = child(CHAIN[99], b"good")
    BODIES[good.hash()] = body
    world.peers["a"].chain.headers[good.hash()] = good
    world.announce("a", good)
    assert world.run(1_000, lambda: good.hash() in world.chain.headers)
    assert len(world.sync._delayed._early) <= MAX_EARLY


def test_a_slow_clock_far_behind_penalizes_no_peer_for_its_blocks() -> None:
    world = world_with_early(700, 10 * STALL_MS, have=100)
    for header in CHAIN[400:699]:
        world.early[bytes(header.hash())] = world.now + 10 * STALL_MS
    world.run(5 * STALL_MS)
    assert world.chain.head.number == 400
    assert world.costs == {}
    world.early.clear()  # the clock was set right
    assert world.run(15_000, world.synced)


def test_a_chain_that_cannot_go_on_here_does_not_keep_us_from_one_that_can() -> None:
    longer = branch(600, b"stands", CHAIN[99])
    world = World(
        FakeChain(CHAIN[:100]),
        {"a": FakePeer(FakeChain(CHAIN[:100] + longer)), "b": FakePeer(FakeChain(CHAIN[:650]))},
    )
    for header in longer[200:]:
        world.early[bytes(header.hash())] = world.now + 100 * STALL_MS
    assert world.run(5 * STALL_MS, lambda: world.chain.head.number == 650)
    assert world.costs == {}
