"""Small blocks that are announced with their bodies."""

from __future__ import annotations

from p2p.sync.delayed import ANNOUNCE_MS
from p2p.sync.types import BlockId
from support.sync_world import BAD, BODIES, FakeChain, FakePeer, World, branch, child


def world_of(length: int, names: str = "ab") -> World:
    world = World(
        FakeChain(branch(length)), {name: FakePeer(FakeChain(branch(length))) for name in names}
    )
    world.run(100)
    return world


def test_a_block_that_came_with_its_announce_is_imported_without_a_request() -> None:
    world, header = world_of(10), branch(11)[-1]
    world.announce("a", header, body=BODIES[header.hash()])
    world.announce("b", header, body=BODIES[header.hash()])

    assert world.run(100, lambda: world.chain.head.hash == header.hash())

    assert world.imported == [header.hash()]
    world.run(1_000)
    assert world.asks == []
    assert world.costs == {}
    assert world.sync.held == (0, 0)


def test_a_block_that_was_requested_is_not_waited_for_when_it_is_announced() -> None:
    world, header = world_of(10), branch(11)[-1]
    for peer in world.peers.values():
        peer.chain, peer.delay = FakeChain(branch(11)), 900
    world.announce("a", header)
    world.announce("b", header, after=10, body=BODIES[header.hash()])

    assert world.run(100, lambda: world.chain.head.hash == header.hash())

    assert len(world.asks) == 1
    world.run(3_000)  # the late answer is dropped
    assert world.sync.held == (0, 0)
    assert world.imported == [header.hash()]
    assert world.costs == {}


def test_the_blocks_below_an_announced_one_are_fetched() -> None:
    world, chain = world_of(10), branch(14)
    for peer in world.peers.values():
        peer.chain = FakeChain(chain)
    world.announce("a", chain[-1], body=BODIES[chain[-1].hash()])

    assert world.run(3_000, world.synced)

    assert world.imported == [header.hash() for header in chain[10:]]
    assert all(request.start != chain[-1].hash() for _, request in world.asks)


def test_a_body_that_is_not_the_headers_costs_its_sender_and_is_not_used() -> None:
    world, header = world_of(10), branch(11)[-1]
    world.announce("a", header, body=[b"another", b"body"])
    world.run(1_000)
    assert world.chain.head.number == 10
    assert world.costs == {"a": 100}
    assert world.asks == []


def test_a_bad_block_that_was_announced_whole_costs_no_peer_and_is_refused_once() -> None:
    world = world_of(10)
    [bad] = branch(1, BAD, branch(10)[-1])
    above, body_above = child(bad, b"above")
    world.announce("a", bad, body=BODIES[bad.hash()])
    world.run(100)
    world.announce("b", bad, body=BODIES[bad.hash()])
    world.announce("b", above, after=10, body=body_above)
    world.run(2_000)
    assert world.chain.head.number == 10
    assert world.refused == [bad.hash()]
    assert world.costs == {}


def test_a_block_that_was_claimed_at_another_height_is_fetched_at_its_own() -> None:
    world, header = world_of(10), branch(11)[-1]
    for peer in world.peers.values():
        peer.chain = FakeChain(branch(11))
    world.apply(world.sync.want_block(BlockId(12, bytes(header.hash())), "a", world.now))
    world.announce("b", header, after=ANNOUNCE_MS + 20, body=BODIES[header.hash()])
    assert world.run(5_000, world.synced)
    assert len(world.asks) == 2
    assert world.costs == {}
