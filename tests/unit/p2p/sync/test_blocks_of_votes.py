"""Blocks that votes name: their announces come soon, and else they are requested."""

from __future__ import annotations

from itertools import count

from p2p.network import Ask, Connected
from p2p.protocols.messages import BlockRequest
from p2p.sync.delayed import ANNOUNCE_MS, MAX_NAMED, Delayed, DelayedBlocks
from p2p.sync.machine import Sync, SyncOptions
from p2p.sync.types import Action, BlockId
from support.sync_world import BODIES, FakeChain, FakePeer, World, body_root, branch

CHAIN = branch(11)
NEW = BlockId(11, bytes(CHAIN[-1].hash()))


def world_of(names: str = "ab", have: int = 11) -> World:
    """A node at height 10 with peers at `have`, whose statuses are older."""
    world = World(FakeChain(CHAIN[:10]), {name: FakePeer(FakeChain(CHAIN[:10])) for name in names})
    world.run(10)
    for peer in world.peers.values():
        peer.chain = FakeChain(CHAIN[:have])
    return world


def vote(world: World, peer: str) -> None:
    world.apply(world.sync.want_block(NEW, peer, world.now))


def test_a_block_that_is_announced_soon_after_a_vote_is_not_requested() -> None:
    world = world_of()
    vote(world, "a")
    world.announce("b", CHAIN[-1], after=ANNOUNCE_MS - 1, body=BODIES[NEW.hash])

    assert world.run(2 * ANNOUNCE_MS, world.synced)

    world.run(2_000)
    assert world.asks == []
    assert world.imported == [NEW.hash]


def test_a_block_that_is_never_announced_is_requested_of_the_voter_after_the_wait() -> None:
    world = world_of()
    vote(world, "a")
    assert world.sync.retry_at == world.now + ANNOUNCE_MS
    world.run(ANNOUNCE_MS - 1)
    assert world.asks == []

    assert world.run(300, world.synced)

    assert [name for name, _ in world.asks] == ["a"]
    assert world.costs == {}


def test_a_block_that_is_announced_without_its_body_is_requested_at_once() -> None:
    world = world_of()
    vote(world, "a")
    world.announce("b", CHAIN[-1], after=5)
    world.run(6)
    assert len(world.asks) == 1


def test_all_peers_whose_votes_name_a_block_may_be_asked_for_it() -> None:
    world = world_of("abc")
    world.peers["a"].chain = world.peers["b"].chain = FakeChain(CHAIN[:10])  # they do not have it
    for name in "abc":
        vote(world, name)

    assert world.run(1_000, world.synced)

    assert world.asks[-1][0] == "c"
    assert world.costs == {}


def test_a_block_is_requested_again_while_votes_name_it() -> None:
    world = world_of("a", have=10)
    vote(world, "a")
    world.run(400)
    asked = len(world.asks)
    assert asked > 0
    world.peers["a"].chain = FakeChain(CHAIN)
    vote(world, "a")
    assert world.run(3_000, world.synced)


def starts(actions: list[Action]) -> list[bytes | int]:
    return [BlockRequest.decode(ask.data).start for ask in actions if isinstance(ask, Ask)]


def test_the_wait_is_that_of_the_node_and_only_so_many_blocks_wait() -> None:
    ids = count(1)
    sync = Sync(
        FakeChain(CHAIN[:10]),
        body_root=body_root,
        new_id=lambda: next(ids),
        seed=1,
        now=0,
        options=SyncOptions(announce_ms=25),
    )
    sync.handle(Connected("a", FakeChain(CHAIN[:10]).status()), 0)
    for number in range(MAX_NAMED):
        assert sync.want_block(BlockId(11, b"%032d" % number), "a", 0) == []
    assert sync.retry_at == 25
    assert starts(sync.want_block(BlockId(11, b"one more".ljust(32)), "a", 0)) == [
        b"one more".ljust(32)
    ]
    assert sync.tick(24) == []
    assert starts(sync.tick(25)) == [b"%032d" % 0]  # no peer is asked for more than two at once


def test_a_vote_with_another_height_hides_no_vote_with_the_right_one() -> None:
    world = world_of()
    world.apply(world.sync.want_block(BlockId(3, NEW.hash), "a", world.now))
    world.chain.finalize(5)  # while both votes wait
    vote(world, "b")

    assert world.run(ANNOUNCE_MS + 300, world.synced)

    assert world.costs == {}


def test_a_vote_does_not_end_the_wait_of_an_early_block() -> None:
    delayed = DelayedBlocks(ANNOUNCE_MS)
    delayed.add_early(NEW, ["a"], 3_000, 0)
    assert delayed.add_named(NEW, "b", 0)

    assert delayed.take_due(ANNOUNCE_MS) == [Delayed(NEW, ANNOUNCE_MS, {"b": None})]

    assert delayed.is_early(NEW.hash, 2_999)
    assert delayed.due == 3_000
    assert delayed.take_due(3_000) == [Delayed(NEW, 3_000, {"a": None})]
