"""Messages for subscribers that are not in the mesh, or not yet: in played time, without hosts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from typing import cast

import pytest
import trio
from libp2p.host.basic_host import BasicHost
from libp2p.peer.id import ID
from libp2p.pubsub.gossipsub import PROTOCOL_ID_V11
from libp2p.pubsub.pb import rpc_pb2
from libp2p.pubsub.rpc_queue import RpcQueue
from trio.testing import MockClock

from p2p.host import gossip
from p2p.host.gossip import OFFERED, SEEN_SECONDS, ContainedGossipSub, ContainedPubsub
from p2p.host.recent import Recent
from p2p.host.reports import ReceptionReports
from p2p.host.rpc_queue import GatheringQueue
from p2p.network import GRANDPA
from p2p.wire import gossip_id, pack

NAME = "/btt/grandpa"
PEERS = [ID(b"peer %02d" % number) for number in range(20)]
LATER = 1.0
"""Seconds after which each queue was sent."""


class Hostless(ContainedPubsub):
    """Gossip of which only the router and the queues of peers are used."""

    def __init__(self, router: ContainedGossipSub) -> None:
        self.host = BasicHost.__new__(BasicHost)  # never asked
        self.router = router
        self.peers = {}
        self.peer_topics = {}
        self.peer_queues = {}
        self.recent = Recent(SEEN_SECONDS)
        setattr(self, "seen_messages", self.recent)  # noqa: B010  (the router uses it)
        self._published = Recent(SEEN_SECONDS)
        self.reports = ReceptionReports(router.report_unwanted)
        self._topics = {NAME: GRANDPA}
        self._wire_names = {GRANDPA: NAME}
        self._replayed_recent_topics = {}

    @property
    def my_id(self) -> ID:
        return ID(b"us")

    def serves(self, peer: ID, size: int) -> bool:
        return True


class Node:
    """A router whose RPCs to each peer can be taken."""

    def __init__(self) -> None:
        gossip.install()
        self.router = ContainedGossipSub()
        self.pubsub = Hostless(self.router)
        self.router.pubsub = self.pubsub
        self.router.mesh[NAME] = set()

    def has(self, peers: Iterable[ID], *, in_mesh: int = 0) -> None:
        """Let these peers be connected and subscribed, and the first of them in the mesh."""
        for place, peer in enumerate(peers):
            self.router.add_peer(peer, PROTOCOL_ID_V11)
            self.pubsub.peer_queues[peer] = cast("RpcQueue", GatheringQueue())
            self.pubsub.peer_topics.setdefault(NAME, set()).add(peer)
            if place < in_mesh:
                self.router.mesh[NAME].add(peer)

    async def publish(self, payload: bytes, sender: ID | None = None) -> bytes:
        """Publish a message of our own, or one that a peer delivered; return its id."""
        if sender is not None:
            data = pack(payload)
            self.pubsub.recent.add(gossip_id(GRANDPA, data), sender)
        await self.pubsub.publish_payload(GRANDPA, payload)
        return gossip_id(GRANDPA, pack(payload))

    async def sent(self) -> dict[ID, list[rpc_pb2.RPC]]:
        """Wait, and return what was sent to each peer since the last call."""
        found: dict[ID, list[rpc_pb2.RPC]] = {}
        for peer, queue in self.pubsub.peer_queues.items():
            waiting = cast(GatheringQueue, queue)
            while len(waiting):
                with trio.move_on_after(LATER):
                    data = await waiting.pop()
                    assert data is not None
                    start = next(at for at, byte in enumerate(data) if not byte & 0x80) + 1
                    found.setdefault(peer, []).append(rpc_pb2.RPC.FromString(data[start:]))
        return found

    async def grafts(self, peer: ID) -> None:
        """Let a peer join our mesh."""
        graft = rpc_pb2.ControlGraft(topicID=NAME)
        rpc = rpc_pb2.RPC(control=rpc_pb2.ControlMessage(graft=[graft]))
        await self.router.handle_rpc(rpc, peer)


def messages(sent: dict[ID, list[rpc_pb2.RPC]]) -> Counter[ID]:
    """Return the number of messages for each peer."""
    count = Counter({peer: sum(len(rpc.publish) for rpc in rpcs) for peer, rpcs in sent.items()})
    return +count


def offered(sent: dict[ID, list[rpc_pb2.RPC]], peer: ID) -> list[bytes]:
    """Return the ids that a peer was offered."""
    entries = [entry for rpc in sent.get(peer, ()) for entry in rpc.control.ihave]
    assert all(entry.topicID == NAME for entry in entries)
    return [message_id for entry in entries for message_id in entry.messageIDs]


def play(test: Callable[[], Awaitable[None]]) -> None:
    async def run() -> None:
        await test()

    trio.run(run, clock=MockClock(autojump_threshold=0))


@pytest.mark.parametrize("sender", [None, PEERS[1]])
def test_a_message_before_the_first_graft_goes_to_the_subscribers(sender: ID | None) -> None:
    async def test() -> None:
        node = Node()
        node.has(PEERS[:4])
        await node.publish(b"vote", sender)
        expected = [peer for peer in PEERS[:4] if peer != sender]
        assert messages(await node.sent()) == Counter(expected)

    play(test)


@pytest.mark.parametrize("in_mesh", [0, 1, 3])
def test_a_thin_mesh_is_extended_up_to_the_degree(in_mesh: int) -> None:
    async def test() -> None:
        node, reached = Node(), set[ID]()
        node.has(PEERS, in_mesh=in_mesh)
        for number in range(60):
            await node.publish(b"%d" % number)
            sent = messages(await node.sent())
            assert len(sent) == node.router.degree
            assert set(sent.values()) == {1}
            assert sent.keys() >= set(PEERS[:in_mesh])
            reached |= sent.keys()
        # Others each time: a few deaf peers cannot keep messages from the rest.
        assert reached == set(PEERS)

    play(test)


@pytest.mark.parametrize(("peers", "in_mesh"), [(20, 4), (20, 6), (20, 12), (3, 3), (1, 1)])
def test_nothing_is_added_to_a_mesh_that_is_full_or_has_all_peers(peers: int, in_mesh: int) -> None:
    async def test() -> None:
        node = Node()
        node.has(PEERS[:peers], in_mesh=in_mesh)
        for number in range(20):
            await node.publish(b"%d" % number)
        sent = await node.sent()
        assert messages(sent) == Counter(dict.fromkeys(PEERS[:in_mesh], 20))
        assert not any(rpc.HasField("control") for rpcs in sent.values() for rpc in rpcs)

    play(test)


def test_a_peer_that_joins_is_offered_what_it_was_not_sent() -> None:
    async def test() -> None:
        node, late = Node(), PEERS[4]
        node.has(PEERS[:4], in_mesh=4)
        before = await node.publish(b"before it subscribed")
        node.has([late])
        await node.router.send_recent_messages(late, NAME)
        between = await node.publish(b"between")
        of_its_own = await node.publish(b"of its own", sender=late)
        assert messages(await node.sent())[late] == 1

        await node.grafts(late)
        sent = await node.sent()
        assert offered(sent, late) == [between]
        assert sent.keys() == {late}
        want = rpc_pb2.ControlIWant(messageIDs=[between])
        await node.router.handle_iwant(want, late)
        [rpc] = (await node.sent())[late]
        assert [message.seqno for message in rpc.publish] == [between]

        after = await node.publish(b"after")
        assert messages(await node.sent())[late] == 1
        assert len({before, between, of_its_own, after}) == 4

    play(test)


def test_a_peer_that_has_all_is_offered_nothing() -> None:
    async def test() -> None:
        node = Node()
        node.has(PEERS[:3])
        await node.publish(b"1")
        await node.publish(b"2", sender=PEERS[0])
        assert messages(await node.sent()) == Counter({PEERS[0]: 1, PEERS[1]: 2, PEERS[2]: 2})
        for peer in PEERS[:3]:
            await node.grafts(peer)
            await node.router.send_recent_messages(peer, NAME)
        assert await node.sent() == {}

    play(test)


def test_offers_are_bounded_and_not_repeated() -> None:
    async def test() -> None:
        node, late = Node(), PEERS[5]
        node.has(PEERS[:6], in_mesh=5)
        ids = [await node.publish(b"%d" % number) for number in range(OFFERED + 50)]
        await node.sent()
        await node.grafts(late)
        assert offered(await node.sent(), late) == ids[:OFFERED]

        # A peer that leaves and joins without a pause is refused by the library.
        prune = rpc_pb2.ControlPrune(topicID=NAME)
        await node.router.handle_prune(prune, late)
        await node.grafts(late)
        assert offered(await node.sent(), late) == []
        # Later it is offered the rest.
        node.router.back_off.clear()
        node.router.graft_flood_tracking.clear()
        await node.grafts(late)
        assert offered(await node.sent(), late) == ids[OFFERED:]

    play(test)


def test_a_peer_that_comes_again_is_sent_what_waited_for_it() -> None:
    async def test() -> None:
        node, peer = Node(), PEERS[0]
        node.has([peer])
        await node.publish(b"vote")
        node.pubsub.peer_queues.pop(peer)  # its stream broke
        node.router.remove_peer(peer)
        await node.grafts(peer)  # before there is a stream to it again
        node.has([peer])
        await node.router.send_recent_messages(peer, NAME)
        assert messages(await node.sent()) == Counter([peer])

    play(test)


def test_a_heartbeat_sends_each_peer_its_own_control_messages_only() -> None:
    sent: dict[ID, rpc_pb2.ControlMessage] = {}

    class Router(ContainedGossipSub):
        async def emit_control_message(
            self, control_msg: rpc_pb2.ControlMessage, to_peer: ID
        ) -> None:
            assert to_peer not in sent
            sent[to_peer] = control_msg

    async def test() -> None:
        first, second, third, fourth = PEERS[:4]
        await Router()._emit_control_msgs(
            {first: ["a"], second: ["b"]},
            {second: ["c"], third: ["a"]},
            {first: {"d": [b"1"]}, third: {"d": [b"2"]}, fourth: {"e": [b"3"], "f": [b"4"]}},
        )
        found = {
            peer: (
                [one.topicID for one in control.graft],
                [one.topicID for one in control.prune],
                {one.topicID: list(one.messageIDs) for one in control.ihave},
            )
            for peer, control in sent.items()
        }
        assert found == {
            first: (["a"], [], {"d": [b"1"]}),
            second: (["b"], ["c"], {}),
            third: ([], ["a"], {"d": [b"2"]}),
            fourth: ([], [], {"e": [b"3"], "f": [b"4"]}),
        }

    play(test)
