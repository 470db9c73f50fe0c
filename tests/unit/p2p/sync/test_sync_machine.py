"""A node catches up with honest peers, whatever the others do."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import Phase as Stage
from hypothesis import example, given, settings
from hypothesis import strategies as st

from btt_chain.primitives.digest import H256
from p2p.network import BLOCKS, Ask, Connected, StatusReceived
from p2p.protocols.messages import BlockAnswer, BlockData, BlockRequest, Direction
from p2p.sync.machine import Sync
from p2p.sync.types import BlockId, Phase
from support.sync_world import (
    BAD,
    BODIES,
    GENESIS,
    FakeChain,
    FakePeer,
    World,
    body_root,
    branch,
    child,
)


def honest(length: int, salt: bytes = b"") -> FakePeer:
    return FakePeer(FakeChain(branch(length, salt)))


def test_an_announced_child_is_fetched_once() -> None:
    chain = branch(5)
    peers = {name: FakePeer(FakeChain(chain)) for name in "abc"}
    world = World(FakeChain(chain[:4]), {})
    world.peers = peers
    for name, peer in peers.items():
        peer.chain = FakeChain(chain[:4])
        world.connect(name)
    world.run(200)
    for name, peer in peers.items():
        peer.chain = FakeChain(chain)
        world.announce(name, chain[4])
    assert world.run(2_000, lambda: world.chain.head.number == 5)
    world.run(1_000)
    assert len(world.asks) == 1
    assert world.costs == {}


def test_a_gap_before_an_announced_block_is_fetched() -> None:
    chain = branch(30)
    world = World(FakeChain(chain[:10]), {"a": FakePeer(FakeChain(chain[:10]))})
    world.run(100)
    world.peers["a"].chain = FakeChain(chain)
    world.announce("a", chain[-1])
    assert world.run(3_000, world.synced)
    assert sum(request.limit for _, request in world.asks) <= 64


def test_a_far_chain_is_fetched_in_ranges_from_all_peers() -> None:
    world = World(FakeChain(), {name: honest(3_000) for name in "abcd"})
    assert world.run(60_000, world.synced)
    assert world.costs == {}
    assert world.imported == [bytes(header.hash()) for header in branch(3_000)]
    bodies = [request.limit for _, request in world.asks if request.fields & 2]
    assert sum(bodies) < 3_300
    assert all(peer.served > 300 for peer in world.peers.values())
    assert world.highest_held <= 1_024 + 128 + 64
    assert world.highest_out <= 2 * 4


def test_one_peer_is_enough() -> None:
    world = World(FakeChain(), {"a": honest(500)})
    assert world.run(30_000, world.synced)


def test_a_fork_is_followed_from_the_common_ancestor() -> None:
    trunk = branch(20)
    ours = [*trunk, *branch(5, b"ours", trunk[-1])]
    theirs = [*trunk, *branch(9, b"theirs", trunk[-1])]
    world = World(FakeChain(ours), {"a": FakePeer(FakeChain(theirs))})
    assert world.run(5_000, world.synced)
    assert world.chain.head.hash == theirs[-1].hash()
    assert set(world.imported) == {bytes(header.hash()) for header in theirs[20:]}


@pytest.mark.parametrize("longer", [1, 300])
def test_a_deep_fork_heals(longer: int) -> None:
    trunk = branch(20)
    ours = [*trunk, *branch(400, b"ours", trunk[-1])]
    theirs = [*trunk, *branch(400 + longer, b"theirs", trunk[-1])]
    world = World(FakeChain(ours), {name: FakePeer(FakeChain(theirs)) for name in "ab"})
    world.chain.finalize(10)
    assert world.run(60_000, world.synced)
    assert world.chain.head.hash == theirs[-1].hash()
    assert world.costs == {}


def test_a_chain_that_parts_below_what_is_final_is_not_followed() -> None:
    ours = branch(50)
    theirs = branch(400, b"theirs")
    world = World(FakeChain(ours), {"a": FakePeer(FakeChain(theirs))})
    world.chain.finalize(40)
    world.run(120_000)
    assert world.chain.head.number == 50
    # One of the two chains is false, and no answer shows which: its peer is left alone, not banned.
    assert world.costs == {}
    assert world.peers["a"].asked < 10


def test_a_claimed_height_is_not_believed() -> None:
    liar = honest(100)
    liar.claim = 2**32 - 1
    world = World(FakeChain(), {"liar": liar, **{name: honest(400) for name in "ab"}})
    assert world.run(30_000, world.synced)
    assert world.run(900_000, lambda: world.banned == ["liar"])
    assert world.sync.progress(world.now).target == 400


def test_a_silent_peer_does_not_hold_others_up() -> None:
    silent = honest(800)
    silent.silent = True
    world = World(FakeChain(), {"s": silent, **{name: honest(800) for name in "ab"}})
    assert world.run(60_000, world.synced)
    assert set(world.costs) <= {"s"}


def test_a_slow_peer_is_replaced() -> None:
    slow = honest(2_000)
    slow.per_block = 250
    world = World(FakeChain(), {"slow": slow, **{name: honest(2_000) for name in "ab"}})
    assert world.run(60_000, world.synced)
    assert set(world.costs) <= {"slow"}


def cheat(how: str, length: int) -> FakePeer:
    """A peer whose answers about blocks are wrong in one way."""

    def twist(protocol: str, question: bytes, found: bytes | None) -> bytes | None:
        if protocol != BLOCKS or found is None:
            return found
        asked = BlockRequest.decode(question)
        blocks = BlockAnswer.decode(found).blocks
        match how:
            case "body":
                for block in blocks:
                    if block.body is not None:
                        block.body = [*block.body, b"more"]
            case "links":
                blocks = [blocks[0], *blocks[:1], *blocks[2:]] if len(blocks) > 2 else blocks
            case "hash":
                blocks = [
                    BlockData(H256(bytes(32)), b.header, b.body, b.justification) for b in blocks
                ]
            case "header":
                for block in blocks:
                    block.header = GENESIS.encode()
            case "garbage":
                return b"\xff" * 100
            case "more":
                blocks = blocks + blocks
            case "nothing":
                blocks = []
            case "no bodies":
                if asked.fields & 2:
                    blocks = []
        return BlockAnswer(blocks).encode() if len(blocks) <= 128 else b"\x00\x01"

    return FakePeer(FakeChain(branch(length)), twist=twist)


CHEATS = ["body", "links", "hash", "header", "garbage", "more", "nothing", "no bodies"]


@pytest.mark.parametrize("how", CHEATS)
def test_a_liar_is_found_and_the_rest_is_fetched_from_others(how: str) -> None:
    blamed: dict[str, int] = {}
    for place in range(3):
        # The first to come leads, is busy with headers, and rarely asked for bodies.
        names = ["a", "b"]
        names.insert(place, "liar")
        peers = {n: cheat(how, 1_500) if n == "liar" else honest(1_500) for n in names}
        world = World(FakeChain(), peers, seed=place)
        assert world.run(90_000, world.synced)
        blamed |= world.costs
    # Not to have blocks is not a lie: a peer may be on a fork, or have left it.
    free = how in ("nothing", "no bodies")
    assert set(blamed) == {"liar"} or (free and set(blamed) <= {"liar"})


@pytest.mark.parametrize("how", CHEATS)
def test_a_liar_near_the_head_is_found(how: str) -> None:
    peers = {"liar": cheat(how, 20), "a": honest(20)}
    world = World(FakeChain(branch(10)), peers)
    assert world.run(30_000, world.synced)
    assert set(world.costs) <= {"liar"}


def forged(length: int, bad_at: int) -> FakePeer:
    """A peer whose chain is well formed and breaks a rule."""
    headers, parent = [], GENESIS
    for number in range(1, length + 1):
        parent, body = child(parent, BAD if number == bad_at else b"")
        BODIES[parent.hash()] = body
        headers.append(parent)
    return FakePeer(FakeChain(headers))


def test_a_forged_chain_is_left_at_its_first_bad_block() -> None:
    liar = forged(3_000, 40)
    world = World(FakeChain(), {"liar": liar, "a": honest(600)})
    assert world.run(60_000, lambda: world.chain.head.hash == branch(600)[-1].hash())
    assert set(world.costs) == {"liar"}
    world.run(60_000)
    assert "liar" in world.banned


def test_a_bad_announced_block_is_refused_once_and_its_children_never_fetched() -> None:
    liar = forged(3, 2)
    world = World(FakeChain(), {"liar": liar})
    world.run(5_000)
    assert world.chain.head.number == 1
    asked = len(world.asks)
    world.run(5_000)
    assert len(world.asks) <= asked + 1
    assert world.costs["liar"] >= 8_000


def test_a_flood_of_announces_is_bounded() -> None:
    world = World(FakeChain(branch(5)), {"a": honest(5), "liar": honest(5)}, ban=10**9)
    world.run(100)
    for number in range(2_000):
        header, _ = child(branch(5)[-1], b"%d" % number)
        orphan, _ = child(header, b"x")
        world.announce("liar", orphan, after=number // 10)
    world.run(3_000)
    assert len(world.sync._fork_sync.fetches) <= 64
    assert world.highest_out <= 8
    assert world.costs["liar"] >= 10_000
    assert "a" not in world.costs


def test_an_announce_of_an_unknown_peer_is_fetched_from_connected_ones() -> None:
    chain = branch(11)
    world = World(FakeChain(chain[:10]), {"a": FakePeer(FakeChain(chain))})
    world.run(10)
    world.announce("unknown", chain[-1])
    assert world.run(3_000, world.synced)


def test_a_forwarder_that_has_the_block_a_little_later_is_not_blamed() -> None:
    chain = branch(11)
    world = World(FakeChain(chain[:10]), {"a": FakePeer(FakeChain(chain[:10]))})
    world.run(10)
    world.announce("a", chain[-1])
    world.run(400)
    world.peers["a"].chain = FakeChain(chain)
    assert world.run(5_000, world.synced)
    assert world.costs == {}


def test_a_justification_is_asked_of_one_peer_after_another() -> None:
    peers = {name: honest(10) for name in "abc"}
    target = BlockId(5, bytes(branch(10)[4].hash()))
    peers["a"].chain.proofs[target.hash] = b"no proof"
    peers["c"].chain.proofs[target.hash] = b"proof" + target.hash
    world = World(FakeChain(branch(10)), peers)
    world.run(100)
    world.apply(world.sync.need_justification(target, world.now))
    assert world.run(20_000, lambda: target.hash in world.chain.proofs)
    assert set(world.costs) <= {"a"}
    asked = [peer.asked for peer in peers.values()]
    world.run(20_000)
    assert [peer.asked for peer in peers.values()] == asked


def test_a_justification_that_no_peer_has_yet_is_requested_again() -> None:
    peers = {name: honest(10) for name in "ab"}
    target = BlockId(5, bytes(branch(10)[4].hash()))
    world = World(FakeChain(branch(10)), peers)
    world.run(100)
    world.apply(world.sync.need_justification(target, world.now))
    world.run(60_000)
    assert 4 <= peers["a"].asked + peers["b"].asked <= 40
    peers["b"].chain.proofs[target.hash] = b"proof" + target.hash
    assert world.run(70_000, lambda: target.hash in world.chain.proofs)


def test_a_block_that_voters_speak_of_is_fetched() -> None:
    trunk = branch(10)
    side = branch(2, b"side", trunk[4])
    peer = FakePeer(FakeChain(trunk))
    for header in side:
        peer.chain.headers[header.hash()] = header
    world = World(FakeChain(trunk), {"a": peer})
    world.run(100)
    wanted = BlockId(int(side[-1].number), bytes(side[-1].hash()))
    world.apply(world.sync.want_block(wanted, "a", world.now))
    assert world.run(2_000, lambda: wanted.hash in world.chain.headers)


def test_progress_has_height_speed_and_time_left() -> None:
    world = World(FakeChain(), {name: honest(3_000) for name in "ab"}, import_ms=5)
    world.run(6_000, lambda: world.chain.head.number > 500)
    found = world.sync.progress(world.now)
    assert (found.phase, found.starting, found.target, found.peers) == (Phase.FULL, 0, 3_000, 2)
    assert found.syncing
    assert found.rate > 10
    assert found.seconds_left is not None
    assert world.run(60_000, world.synced)
    world.run(1_000)
    found = world.sync.progress(world.now)
    assert not found.syncing
    assert found.seconds_left is None


def test_a_claimed_head_is_looked_up_once_until_the_next_final_block() -> None:
    class Chain(FakeChain):
        looked_up = 0

        def number(self, hash: bytes) -> int | None:
            self.looked_up += 1
            return super().number(hash)

    ours, fork = branch(20), branch(8, b"fork", branch(10)[-1])
    chain, ids = Chain([*ours, *fork]), iter(range(1, 100))
    sync = Sync(chain, body_root=body_root, new_id=lambda: next(ids), seed=1, now=0)
    claim = FakeChain([*ours[:10], *fork]).status()
    assert sync.handle(Connected("p", claim), 0) == []
    assert chain.looked_up == 1
    for now in range(250, 2_000, 250):
        assert sync.tick(now) == []
    assert chain.looked_up == 1
    chain.finalize(12)  # our fork wins, and the other one is dropped with it
    for header in fork:
        del chain.headers[header.hash()]
    [ask] = sync.tick(2_000)
    assert isinstance(ask, Ask)
    assert BlockRequest.decode(ask.data).start == claim.best_hash


def test_a_claim_of_a_resting_peer_is_followed_after_its_rest_though_nothing_moved() -> None:
    blocks, ids = branch(12), iter(range(1, 100))
    chain = FakeChain(blocks[:10])
    sync = Sync(chain, body_root=body_root, new_id=lambda: next(ids), seed=1, now=0)
    assert sync.handle(Connected("p", chain.status()), 0) == []
    sync._tracker.peers["p"].rests_until = 3_000
    assert sync.handle(StatusReceived("p", FakeChain(blocks).status()), 1_000) == []
    assert sync.tick(2_000) == []
    [ask] = sync.tick(3_000)
    assert isinstance(ask, Ask)
    assert BlockRequest.decode(ask.data).start == blocks[-1].hash()


def test_a_chain_that_lacks_no_block_is_not_searched_for_a_gap_again() -> None:
    class Chain(FakeChain):
        searched = 0

        def keeps_body(self, number: int) -> bool:
            return True

        def gap(self) -> tuple[BlockId, int] | None:
            self.searched += 1
            return super().gap()

    chain = Chain(branch(10))
    sync = Sync(chain, body_root=body_root, new_id=lambda: 1, seed=1, now=0)
    chain.missing = BlockId(3, chain.at[3]), 3
    sync.tick(0)
    assert not sync.idle
    chain.missing = None
    sync.tick(250)
    searched = chain.searched
    sync.tick(500)
    assert (sync.idle, chain.searched) == (True, searched)


def test_an_idle_node_asks_nothing() -> None:
    world = World(FakeChain(branch(10)), {name: honest(10) for name in "ab"})
    world.run(60_000)
    assert world.asks == []


def test_the_same_seed_gives_the_same_run() -> None:
    def once() -> list[tuple[str, BlockRequest]]:
        peers = {name: honest(700) for name in "abc"}
        world = World(FakeChain(), peers, seed=5, loss=0.1, twice=0.1)
        world.run(100_000, world.synced)
        return world.asks

    assert once() == once()


def test_a_node_follows_from_announce_to_announce_without_the_status() -> None:
    chain = branch(40)
    world = World(FakeChain(), {name: FakePeer(FakeChain()) for name in "ab"})
    for number, header in enumerate(chain, 1):
        for peer in world.peers.values():
            peer.chain = FakeChain(chain[:number])
        world.announce("a", header)
        world.announce("b", header, after=30)
        assert world.comes_to(number)
    assert Counter(request.direction for _, request in world.asks) == {Direction.DESCENDING: 40}


@pytest.mark.parametrize("how", [*CHEATS, "silent", "claims"])
def test_a_node_among_liars_only_does_not_run_in_circles(how: str) -> None:
    peers = {}
    for name in "abc":
        match how:
            case "silent":
                peers[name] = FakePeer(FakeChain(branch(900)), silent=True)
            case "claims":
                peers[name] = FakePeer(FakeChain(), claim=2**32 - 1)
            case _:
                peers[name] = cheat(how, 900)
    world = World(FakeChain(), peers, ban=10**9)
    world.run(200_000)
    late = len(world.asks)
    world.run(100_000)
    assert len(world.asks) - late <= 100  # once a second, all together
    assert world.highest_held <= 1_300


def test_a_node_that_restarts_goes_on_where_it_was() -> None:
    chain = branch(2_000)
    world = World(FakeChain(), {name: honest(2_000) for name in "ab"})
    assert world.run(60_000, lambda: world.chain.head.number > 600)
    have = world.chain.head.number
    world = World(FakeChain(chain[:have]), {name: honest(2_000) for name in "ab"})
    assert world.run(60_000, world.synced)
    assert len(world.imported) == 2_000 - have
    assert world.sync.progress(world.now).starting == have


@settings(max_examples=25, deadline=None, phases=[Stage.explicit, Stage.generate])
@given(
    seed=st.integers(0, 2**32),
    length=st.integers(1, 700),
    have=st.integers(0, 80),
    fork=st.integers(0, 80),
    loss=st.sampled_from([0.0, 0.1, 0.3]),
    cheats=st.lists(st.sampled_from([*CHEATS, "forged", "silent", "claims", "short"]), max_size=4),
    flaky=st.integers(0, 3),
)
# The block in common lay on a fork of ours, not on our best chain.
@example(
    seed=650,
    length=322,
    have=21,
    fork=51,
    loss=0.1,
    cheats=["forged", "more", "links"],
    flaky=1,
)
def test_one_honest_peer_that_stays_is_enough(
    seed: int, length: int, have: int, fork: int, loss: float, cheats: list[str], flaky: int
) -> None:
    chain = branch(700)[:length]
    have = min(have, length)
    ours = chain[:have]
    if fork:
        ours += branch(80, b"ours", ours[-1] if ours else GENESIS)[:fork]
    peers = {"honest": FakePeer(FakeChain(chain))}
    for place, how in enumerate(cheats):
        match how:
            case "forged":
                peer = forged(200, 50)
            case "silent":
                peer = FakePeer(FakeChain(chain), silent=True)
            case "claims":
                peer = FakePeer(FakeChain(chain[:5]), claim=10**9)
            case "short":
                peer = FakePeer(FakeChain(chain[: length // 2]))
            case _:
                peer = cheat(how, length)
        peers[f"cheat{place}"] = peer
    for number in range(flaky):
        peers[f"flaky{number}"] = FakePeer(FakeChain(chain))
    world = World(FakeChain(ours), peers, seed=seed, loss=loss, twice=0.1)
    for number in range(flaky):
        for start in range(0, 40_000, 8_000):
            world.leave(f"flaky{number}", start + 1_000 * number + 3_000)
            world.connect(f"flaky{number}", start + 1_000 * number + 5_000)
    world.ban = 10**9 if loss else 10_000
    tip = chain[-1].hash()
    assert world.run(900_000, lambda: tip in world.chain.headers)
    assert "honest" not in world.banned
    assert world.highest_held <= 2_000
    assert world.highest_out <= 2 * len(peers)
