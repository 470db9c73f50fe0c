"""Broken claims delay neither block production nor the fetch of the next block."""

from __future__ import annotations

from btt_chain.primitives.header import Header
from support.sync_world import FakeChain, FakePeer, World, branch, child

CHAIN = branch(130)


def at(length: int) -> FakePeer:
    return FakePeer(FakeChain(CHAIN[:length]))


def boaster(length: int, claim: int) -> FakePeer:
    peer = at(length)
    peer.claim, peer.silent = claim, True
    return peer


def times_of_major(world: World, ms: int) -> int:
    found = 0
    for _ in range(ms // 100):
        world.run(100)
        found += world.sync.major
    return found


def test_a_minority_that_claims_a_high_chain_stops_no_author() -> None:
    peers = {"a": at(100), "b": at(100), "liar": boaster(100, 9_000)}
    world = World(FakeChain(CHAIN[:100]), peers)
    assert times_of_major(world, 60_000) == 0
    assert world.sync.progress(world.now).target == 100


def test_one_of_two_is_no_majority() -> None:
    world = World(FakeChain(CHAIN[:100]), {"a": at(100), "liar": boaster(100, 9_000)})
    assert times_of_major(world, 30_000) == 0


def test_a_chain_whose_blocks_come_counts_even_if_no_other_peer_has_it() -> None:
    peers = {"new": at(0), "newer": at(0), "old": FakePeer(FakeChain(branch(600)))}
    world = World(FakeChain(), peers, import_ms=5)
    assert world.run(2_000, lambda: world.sync.major)
    assert world.run(20_000, world.synced)
    assert world.run(1_000, lambda: not world.sync.major)


def test_the_quickest_to_speak_of_blocks_need_not_be_the_one_to_give_them() -> None:
    liar, honest = at(100), at(100)
    liar.silent = True
    world = World(FakeChain(CHAIN[:100]), {"liar": liar, "a": honest})
    world.run(200)
    for length in range(101, 107):
        for peer in (liar, honest):
            peer.chain = FakeChain(CHAIN[:length])
        world.announce("liar", CHAIN[length - 1])
        world.announce("a", CHAIN[length - 1], after=20)
        assert world.run(2_500, world.synced), f"block {length} is held up"
        world.run(500)


def test_made_up_blocks_leave_room_for_those_that_are_there() -> None:
    peers = {"a": at(100), **{f"liar{n}": at(100) for n in range(5)}}
    world = World(FakeChain(CHAIN[:100]), peers)
    world.run(200)
    for number in range(5):
        for mark in range(16):
            world.announce(f"liar{number}", made_up(b"%d %d" % (number, mark)))
    world.run(100)
    peers["a"].chain = FakeChain(CHAIN[:101])
    world.announce("a", CHAIN[100])
    assert world.run(1_500, world.synced)


def made_up(salt: bytes) -> Header:
    """Return a header some blocks ahead, on a parent that there is not."""
    parent, _ = child(CHAIN[109], salt)
    return child(parent, salt)[0]


def test_a_resting_peer_does_not_prevent_asking_the_others_again() -> None:
    liar, honest = at(100), at(100)
    world = World(FakeChain(CHAIN[:100]), {"liar": liar, "a": honest})
    world.run(200)
    resting = world.sync._tracker.peers["liar"]
    resting.rests_until = world.now + 600_000
    for name in ("liar", "a"):
        world.announce(name, CHAIN[100])
    world.run(2_000)  # the peer has received the announce, but not the block
    honest.chain = FakeChain(CHAIN[:101])
    assert world.run(20_000, world.synced)
    assert resting.rests_until > world.now
