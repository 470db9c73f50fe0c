"""Wrong answers and silence lower a peer's reputation; distance and our own failures do not."""

from __future__ import annotations

import pytest

from p2p.network import (
    CLOSED,
    LATE,
    LEFT,
    LIMITED,
    NOT_CONNECTED,
    REFUSED,
    Answered,
    Ask,
    Connected,
    Failed,
    Penalise,
    StatusReceived,
)
from p2p.reputation import RECOVERY_PER_SECOND
from p2p.sync.machine import Sync
from p2p.sync.requests import FORGIVE_MS, SILENT
from support.sync_world import FakeChain, FakePeer, World, body_root, branch, child

CHAIN = branch(130)


def alone(peers: int = 1) -> tuple[Sync, list[Ask], int]:
    """A machine at block 100, peers at 130, and what it asks of them at once."""
    ids = iter(range(1, 10_000))
    sync = Sync(
        FakeChain(CHAIN[:100]), body_root=body_root, new_id=lambda: next(ids), seed=1, now=0
    )
    actions = []
    for number in range(peers):
        actions += sync.handle(Connected(f"p{number}", FakeChain(CHAIN).status()), 0)
    return sync, [action for action in actions if isinstance(action, Ask)], 0


def costs(actions: object) -> list[int]:
    assert isinstance(actions, list)
    return [action.cost for action in actions if isinstance(action, Penalise)]


@pytest.mark.parametrize("why", [NOT_CONNECTED, LEFT, CLOSED, LIMITED, REFUSED, "it broke"])
def test_a_failed_request_without_a_fault_costs_nothing_however_often(why: str) -> None:
    sync, asks, now = alone()
    charged = []
    for _ in range(10):
        for ask in asks:
            charged += costs(sync.handle(Failed(ask.id, why), now))
        until, asks = now + 120_000, []
        while not asks and now < until:
            now += 250
            found = sync.handle(StatusReceived("p0", FakeChain(CHAIN).status()), now)
            found += sync.tick(now)
            charged += costs(found)
            asks = [action for action in found if isinstance(action, Ask)]
        assert asks
    assert charged == []


@pytest.mark.parametrize("why", [NOT_CONNECTED, LIMITED])
def test_own_failures_are_repeated_soon_and_count_against_no_peer(why: str) -> None:
    sync, asks, now = alone()
    for _ in range(5):
        sync.handle(Failed(asks[0].id, why), now)
        until, asks = now + 2_000, []
        while not asks and now < until:
            now += 250
            asks = [action for action in sync.tick(now) if isinstance(action, Ask)]
        assert asks, "it rests too long"
    assert sync._tracker.peers["p0"].faults == 0


def test_silence_is_charged_from_the_second_time_on_and_never_faster_than_it_is_forgiven() -> None:
    world = World(FakeChain(CHAIN[:100]), {"a": FakePeer(FakeChain(CHAIN), silent=True)})
    world.run(15_000)
    assert world.costs == {}
    world.run(600_000)
    assert SILENT <= world.costs["a"] < 600 * RECOVERY_PER_SECOND


def test_a_peer_that_answers_now_and_then_is_not_charged_for_the_rest() -> None:
    sync, asks, now = alone()
    peer = FakePeer(FakeChain(CHAIN))
    (first,) = asks
    assert costs(sync.handle(Failed(first.id, LATE), now)) == []
    now += 5_000
    (again,) = [action for action in sync.tick(now) if isinstance(action, Ask)]
    found = peer.reply(again.protocol, again.data)
    assert found is not None
    assert costs(sync.handle(Answered(again.id, found), now + 100)) == []
    assert sync._tracker.peers["p0"].faults == 0


def test_a_stalled_node_penalizes_no_peer_for_answers_it_could_not_receive() -> None:
    sync, (ask,), now = alone()
    sync._tracker.peers["p0"].faults = 3
    for now in range(250, 2_000, 250):
        assert costs(sync.tick(now)) == []
    now += 60_000  # the process was stopped, or the machine slept
    assert costs(sync.tick(now)) == []
    assert ask.id in sync._tracker.pending
    assert costs(sync.handle(Failed(ask.id, LATE), now)) == []


def test_far_away_peers_are_followed_without_blame() -> None:
    peers = {name: FakePeer(FakeChain(CHAIN[:100]), delay=2_500) for name in "abc"}
    world = World(FakeChain(CHAIN[:100]), peers)
    world.run(200)
    for length in range(101, 131):
        for name, peer in peers.items():
            peer.chain = FakeChain(CHAIN[:length])
            world.announce(name, CHAIN[length - 1])
        world.run(6_000)
    assert world.run(10_000, world.synced)
    assert world.costs == {}


def test_one_that_is_slower_than_the_others_is_asked_last_and_pays_nothing() -> None:
    slow = FakePeer(FakeChain(branch(2_000)), per_block=250)
    quick = {name: FakePeer(FakeChain(branch(2_000))) for name in "ab"}
    world = World(FakeChain(), {"slow": slow, **quick})
    assert world.run(60_000, world.synced)
    assert world.costs == {}
    assert slow.served < min(peer.served for peer in quick.values()) / 2


def test_a_claim_that_was_not_kept_once_costs_nothing_and_is_forgiven() -> None:
    peer = FakePeer(FakeChain(CHAIN[:100]), claim=9_000)
    world = World(FakeChain(CHAIN[:100]), {"a": peer})
    world.run(10)
    assert world.run(60_000, lambda: world.sync._tracker.peers["a"].broken == 1)
    peer.claim = None  # it was a fork that it has left
    world.run(10_000)
    assert world.costs == {}
    assert world.run(FORGIVE_MS + 10_000, lambda: world.sync._tracker.peers["a"].broken == 0)


def test_claims_that_are_never_kept_cost_ever_more() -> None:
    world = World(FakeChain(CHAIN[:100]), {"a": FakePeer(FakeChain(CHAIN[:100]), claim=9_000)})
    assert world.run(20 * FORGIVE_MS, lambda: "a" in world.banned)


def test_announces_of_a_peer_that_is_not_asked_are_no_flood() -> None:
    peer = FakePeer(FakeChain(CHAIN[:100]))
    world = World(FakeChain(CHAIN[:100]), {"a": peer})
    world.run(10)
    world.sync._tracker.peers["a"].rests_until = world.now + 60_000
    for length in range(101, 131):
        peer.chain = FakeChain(CHAIN[:length])
        world.announce("a", CHAIN[length - 1])
        world.run(1_000)
    assert len(world.sync._fork_sync.fetches) > 10
    assert world.costs == {}
    assert world.run(60_000, world.synced)


def test_a_peer_that_announces_blocks_it_does_not_have_is_charged_for_too_many() -> None:
    world = World(FakeChain(CHAIN[:100]), {"a": FakePeer(FakeChain(CHAIN[:100]))}, ban=10**9)
    world.run(10)
    for number in range(120):
        world.announce("a", child(CHAIN[100], b"made up %d" % number)[0])
        world.run(100)
    assert world.costs["a"] > 0
