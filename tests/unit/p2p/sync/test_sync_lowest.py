"""Peers that synchronized by warp lack blocks below a height: these are not requested."""

from __future__ import annotations

from dataclasses import replace

import pytest

from btt_chain.primitives.digest import H256
from p2p.network import BLOCKS, Status
from p2p.protocols.messages import BODY, HEADER, BlockAnswer, BlockData
from p2p.sync.types import BlockId, ImportHistory
from support.sync_world import FakeChain, FakePeer, World, branch

CHAIN = branch(1_000)
FINAL = 990


class WarpedChain(FakeChain):
    """Has what lies from a height on, and genesis: its history is still on the way."""

    def __init__(self, lowest: int) -> None:
        super().__init__(CHAIN)
        self.finalize(FINAL)
        self.falls_to(lowest)

    def falls_to(self, lowest: int) -> None:
        """Some history came."""
        self.lowest = lowest
        highest = BlockId(lowest - 1, self.at[lowest - 1])
        self.missing = (highest, highest.number) if highest.number else None

    def hash_at(self, number: int) -> bytes | None:
        return super().hash_at(number) if self.is_here(number) else None

    def number(self, hash: bytes) -> int | None:
        found = super().number(hash)
        return found if found is not None and self.is_here(found) else None

    def header(self, hash: bytes) -> bytes | None:
        return None if self.number(hash) is None else super().header(hash)

    def body(self, hash: bytes) -> list[bytes] | None:
        return None if self.number(hash) is None else super().body(hash)

    def is_here(self, number: int) -> bool:
        return number == 0 or number >= self.lowest


class Filling(World):
    """A node that fills its own history."""

    def import_history(self, action: ImportHistory) -> None:
        assert isinstance(self.chain, WarpedChain)
        self.chain.falls_to(int(action.blocks[-1].header.number))


class PrunedChain(FakeChain):
    """Has all headers, and bodies from a height on that rises with each status."""

    def __init__(self, lowest: int, rise: int = 0) -> None:
        super().__init__(CHAIN)
        self.finalize(FINAL)
        self.lowest, self.rise = lowest, rise

    def body(self, hash: bytes) -> list[bytes] | None:
        number = self.number(hash)
        return super().body(hash) if number is None or number >= self.lowest else None

    def status(self) -> Status:
        self.lowest = min(self.lowest + self.rise, FINAL)
        return replace(super().status(), lowest=self.lowest)


class HeadersOnly(WarpedChain):
    """Fills its history, of which it would remove all bodies at once."""

    def keeps_body(self, number: int) -> bool:
        return number >= 950


def warped(count: int, lowest: int = 800) -> dict[str, FakePeer]:
    return {f"w{number}": FakePeer(WarpedChain(lowest)) for number in range(count)}


def whole() -> FakePeer:
    chain = FakeChain(CHAIN)
    chain.finalize(FINAL)
    return FakePeer(chain, per_block=2)


def asked_below(world: World, lowest: int) -> list[tuple[str, int]]:
    """Questions to warped peers that reach below what they have: name and height."""
    found = []
    for name, request in world.asks:
        start = request.start
        first = start if isinstance(start, int) else world.peers[name].chain.headers[start].number
        if name.startswith("w") and first < lowest:
            found.append((name, int(first)))
    return found


def test_peers_whose_history_is_on_its_way_are_not_asked_for_it_and_pay_nothing() -> None:
    world = World(FakeChain(), warped(3))
    assert not world.run(600_000, world.synced)
    assert world.costs == {}
    assert world.asks == []
    assert not world.sync.major


def test_one_with_all_blocks_leads_and_the_others_help_where_they_can() -> None:
    world = World(FakeChain(), {"full": whole(), **warped(3)}, import_ms=5)
    assert world.run(60_000, world.synced)
    assert world.costs == {}
    assert asked_below(world, 800) == []
    assert {name for name, request in world.asks if request.fields & BODY} > {"full"}


def test_they_are_asked_as_soon_as_their_status_says_that_the_blocks_are_here() -> None:
    peers = warped(2)
    world = World(FakeChain(), peers, import_ms=1)
    world.run(30_000)
    for peer in peers.values():
        chain = peer.chain
        assert isinstance(chain, WarpedChain)
        chain.falls_to(1)
    assert world.run(60_000, world.synced)
    assert world.costs == {}


def test_one_that_says_it_has_them_pays_for_not_having_them() -> None:
    """The same peers, but for what their status says."""
    peers = warped(3)
    for peer in peers.values():
        peer.chain.missing = None
    world = World(FakeChain(), peers)
    world.run(120_000)
    assert sum(world.costs.values()) > 10_000


def test_one_that_denies_what_lies_above_pays_like_any_other() -> None:
    liar = FakePeer(WarpedChain(400))
    chain = liar.chain
    assert isinstance(chain, WarpedChain)
    chain.lowest = 950  # what it really answers for
    world = World(FakeChain(CHAIN[:500]), {"w0": liar})
    world.chain.finalize(499)
    world.run(600_000)
    assert world.costs["w0"] > 1_000


@pytest.mark.parametrize("ours", [940, 970])
def test_a_gap_near_the_head_is_no_fault_of_a_peer(ours: int) -> None:
    """Their blocks begin a little above our head: it can be joined only later."""
    peers = warped(2, lowest=980)
    world = World(FakeChain(CHAIN[:ours]), peers)
    world.chain.finalize(ours - 2)
    for header in CHAIN[-5:]:
        world.announce("w0", header, after=500)
    world.run(300_000)
    assert world.costs == {}
    for peer in peers.values():
        chain = peer.chain
        assert isinstance(chain, WarpedChain)
        chain.falls_to(ours - 1)
    assert world.run(60_000, world.synced)
    assert world.costs == {}


def test_history_is_fetched_from_a_peer_that_has_it() -> None:
    own = WarpedChain(900)
    world = Filling(own, {"full": whole(), **warped(2)})
    assert world.run(60_000, lambda: own.missing is None)
    assert world.costs == {}
    assert asked_below(world, 800) == []


def test_history_waits_for_a_peer_that_has_it() -> None:
    own, peers = WarpedChain(900), warped(2, lowest=900)
    world = Filling(own, peers)
    world.run(60_000)
    assert world.asks == []
    other = peers["w1"].chain
    assert isinstance(other, WarpedChain)
    other.falls_to(1)
    assert world.run(60_000, lambda: own.missing is None)
    assert {name for name, _ in world.asks} == {"w1"}


def test_peers_that_pruned_bodies_are_not_asked_for_them_and_pay_nothing() -> None:
    peers = {f"w{number}": FakePeer(PrunedChain(800)) for number in range(2)}
    world = World(FakeChain(), {"full": whole(), **peers}, import_ms=5)
    assert world.run(60_000, world.synced)
    assert world.costs == {}
    assert asked_below(world, 800) == []


def test_a_peer_that_prunes_while_it_is_followed_pays_nothing() -> None:
    """It loses the bodies that come next before they were requested."""
    world = World(FakeChain(), {"w0": FakePeer(PrunedChain(-400, rise=400))}, import_ms=20)
    assert not world.run(120_000, world.synced)
    assert world.costs == {}
    assert not world.sync._tracker.peers["w0"].broken
    world.peers["full"] = whole()
    world.connect("full")
    assert world.run(120_000, world.synced)
    assert world.costs == {}


def test_history_whose_bodies_would_be_pruned_at_once_is_fetched_as_headers() -> None:
    own = HeadersOnly(900)
    world = Filling(own, {"w0": FakePeer(PrunedChain(960))})
    assert world.run(60_000, lambda: own.missing is None)
    assert world.costs == {}
    assert {request.fields for _, request in world.asks} == {HEADER}
    peer = world.peers["w0"]
    assert peer.served == 899, "each header comes once"


def test_false_headers_of_a_history_without_bodies_cost_their_sender() -> None:
    own = HeadersOnly(900)
    liar = FakePeer(PrunedChain(960), twist=lambda protocol, _, found: other(protocol, found))
    world = Filling(own, {"w0": liar})
    assert not world.run(20_000, lambda: own.missing is None)
    assert world.costs["w0"] >= 4_000


def other(protocol: str, found: bytes | None) -> bytes | None:
    """Return an answer with another first header."""
    if protocol != BLOCKS or found is None:
        return found
    return BlockAnswer([BlockData(H256(CHAIN[5].hash()), CHAIN[5].encode(), None, None)]).encode()


def test_many_that_cannot_be_followed_do_not_help_a_liar_to_a_majority() -> None:
    peers = {"liar": FakePeer(FakeChain(CHAIN[:100]), claim=9_000, silent=True), **warped(3)}
    world = World(FakeChain(CHAIN[:100]), peers)
    major = 0
    for _ in range(300):
        world.run(100)
        major += world.sync.major
    assert major == 0
