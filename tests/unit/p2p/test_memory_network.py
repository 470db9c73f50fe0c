"""The network in memory keeps the promises of the real one."""

from __future__ import annotations

from itertools import combinations, pairwise

import pytest

from p2p.memory import MemoryHub, MemoryNetwork
from p2p.network import (
    ANNOUNCE,
    BLOCKS,
    MIB,
    Answer,
    Answered,
    Ask,
    Asked,
    Connected,
    Disconnected,
    Event,
    Failed,
    GossipReceived,
    Network,
    NoteReceived,
    Penalise,
    Publish,
    SetStatus,
    Status,
    StatusReceived,
    Tell,
)
from p2p.peers import FATAL

STATUS = Status(1, 0, bytes(32), 0, bytes(32))


def line(*names: str) -> tuple[MemoryHub, list[MemoryNetwork]]:
    """Nodes in a row, each connected with the next; their first events are read."""
    hub = MemoryHub()
    nodes = [hub.join(name, STATUS) for name in names]
    for one, other in pairwise(nodes):
        hub.connect(one, other)
    for node in nodes:
        node.drain()
    return hub, nodes


def test_a_node_in_memory_is_a_network() -> None:
    network: Network = MemoryHub().join("alice", STATUS)

    assert network.local_peer.startswith("12D3KooW")


def test_both_hear_that_they_are_connected() -> None:
    hub = MemoryHub()
    alice, bob = hub.join("alice", STATUS), hub.join("bob", STATUS)
    hub.connect(alice, bob)

    assert alice.drain() == [Connected(bob.local_peer, STATUS)]
    assert bob.drain() == [Connected(alice.local_peer, STATUS)]
    assert alice.peers()[0].outbound
    assert not bob.peers()[0].outbound


def test_gossip_goes_on_when_it_is_said_again_and_not_back() -> None:
    _, (alice, bob, charlie) = line("alice", "bob", "charlie")
    alice.do(Publish(ANNOUNCE, b"news"))
    assert bob.drain() == [GossipReceived(ANNOUNCE, alice.local_peer, b"news")]
    assert charlie.drain() == []

    bob.do(Publish(ANNOUNCE, b"news"))
    bob.do(Publish(ANNOUNCE, b"news"))
    charlie.do(Publish(ANNOUNCE, b"news"))
    assert charlie.drain() == [GossipReceived(ANNOUNCE, bob.local_peer, b"news")]
    assert bob.drain() == []
    assert alice.drain() == []


def test_notes_and_status_reach_neighbours_only() -> None:
    _, (alice, bob, charlie) = line("alice", "bob", "charlie")
    alice.do(Tell(charlie.local_peer, b"too far"))
    alice.do(Tell(bob.local_peer, b"note"))
    grown = Status(1, 5, bytes(32), 0, bytes(32))
    alice.do(SetStatus(grown))

    assert bob.drain() == [
        NoteReceived(alice.local_peer, b"note"),
        StatusReceived(alice.local_peer, grown),
    ]
    assert charlie.drain() == []


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (b"blocks", Answered(7, b"blocks")),
        (None, Failed(7, "refused")),
        (bytes(17 * MIB), Failed(7, "refused")),
    ],
    ids=["answered", "refused", "too large"],
)
def test_a_question_has_one_outcome(answer: bytes | None, outcome: Event) -> None:
    _, (alice, bob) = line("alice", "bob")
    alice.do(Ask(7, bob.local_peer, BLOCKS, b"?", 1_000))
    (asked,) = bob.drain()
    assert isinstance(asked, Asked)
    bob.do(Answer(asked.id, answer))
    bob.do(Answer(asked.id, b"again"))

    assert alice.drain() == [outcome]


def test_a_question_fails_when_it_is_late_or_its_peer_leaves() -> None:
    hub, (alice, bob) = line("alice", "bob")
    for number in (1, 2):
        alice.do(Ask(number, bob.local_peer, BLOCKS, b"?", 1_000))
    hub.time_out(alice, 1)
    hub.disconnect(alice, bob)
    alice.do(Ask(3, bob.local_peer, BLOCKS, b"?", 1_000))

    assert alice.drain() == [
        Failed(1, "no answer in time"),
        Failed(2, "it left"),
        Disconnected(bob.local_peer),
        Failed(3, "not connected"),
    ]


def test_a_banned_peer_is_cut_off_until_its_time_is_over() -> None:
    hub, (alice, bob) = line("alice", "bob")
    alice.do(Penalise(bob.local_peer, FATAL, "garbage"))
    hub.connect(bob, alice)
    assert bob.drain() == [Disconnected(alice.local_peer)]

    hub.now_ms += 3_600_000
    hub.connect(bob, alice)
    assert bob.drain() == [Connected(alice.local_peer, STATUS)]


def test_mistakes_are_refused_as_on_the_real_network() -> None:
    alice = MemoryHub().join("alice", STATUS)

    with pytest.raises(ValueError, match="no topic"):
        alice.do(Publish("gossip", b""))


async def test_events_end_with_the_network() -> None:
    _, (alice, bob) = line("alice", "bob")
    await alice.stop()

    assert [event async for event in alice.events()] == [Disconnected(bob.local_peer)]


def test_a_split_in_memory_heals_when_both_sides_say_so() -> None:
    hub = MemoryHub()
    nodes = [hub.join(name, STATUS) for name in ("alice", "bob", "charlie", "dora")]
    for one, other in combinations(nodes, 2):
        hub.connect(one, other)
    for half in (nodes[:2], nodes[2:]):
        for node in half:
            node.allow_only([one.local_peer for one in half])
    assert [len(node.peers()) for node in nodes] == [1, 1, 1, 1]
    hub.connect(nodes[0], nodes[2])
    nodes[0].reserve(nodes[2].listen_addresses()[0])
    assert [len(node.peers()) for node in nodes] == [1, 1, 1, 1]

    for node in nodes:
        node.allow_only(None)
    assert [len(node.peers()) for node in nodes] == [3, 3, 3, 3]
    assert nodes[0].reserved() == [nodes[2].local_peer]
    nodes[0].unreserve(nodes[2].local_peer)
    assert nodes[0].reserved() == []
