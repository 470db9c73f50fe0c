"""A router of GossipSub in played time, without a host: what it sends to each peer is taken."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import cast

import trio
from libp2p.host.basic_host import BasicHost
from libp2p.peer.id import ID
from libp2p.pubsub.gossipsub import PROTOCOL_ID_V11
from libp2p.pubsub.pb import rpc_pb2
from libp2p.pubsub.rpc_queue import RpcQueue
from trio.testing import MockClock

from p2p.host import gossip
from p2p.host.gossip import SEEN_SECONDS, ContainedGossipSub, ContainedPubsub
from p2p.host.recent import Recent
from p2p.host.reports import ReceptionReports
from p2p.host.rpcs import GatheringQueue
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
        self._sender = router
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

    def __init__(self, turn_seconds: float = gossip.TURN_SECONDS) -> None:
        gossip.install()
        self.router = ContainedGossipSub(turn_seconds)
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

    async def publish(
        self,
        payload: bytes,
        sender: ID | None = None,
        to: Sequence[str] | None = None,
        few: int | None = None,
    ) -> bytes:
        """Publish a message of our own, or one that a peer delivered; return its id."""
        if sender is not None:
            data = pack(payload)
            self.pubsub.recent.add(gossip_id(GRANDPA, data), sender)
        self.pubsub.publish_payload(GRANDPA, payload, to, few)
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
