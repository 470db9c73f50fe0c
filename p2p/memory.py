"""A network in memory, for tests: the same actions, events, checks and bounds as on libp2p, without
a clock.

    hub = MemoryHub()
    alice, bob = hub.join("alice", status), hub.join("bob", status)
    hub.connect(alice, bob)
    alice.do(Publish(ANNOUNCE, b"..."))
    assert bob.drain() == [...]

An action takes effect before `do` returns; events wait until they are read. Gossip is delivered to
the connected nodes, each message once to each node, in the order of connecting; a node forwards it
by publishing it again. An `Ask` fails when its peer leaves, refuses, or the test times it out
(`MemoryHub.time_out`).
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence

from btt_chain.primitives.ss58 import to_base58
from p2p.address import PEER_ID_PREFIX, parse, parse_peer
from p2p.checks import check
from p2p.network import (
    EXCHANGES,
    LATE,
    LEFT,
    NOT_CONNECTED,
    REFUSED,
    TRAFFIC,
    Action,
    Answer,
    Answered,
    Ask,
    Asked,
    Connected,
    Disconnected,
    Event,
    Failed,
    GossipReceived,
    NoteReceived,
    PeerView,
    Penalise,
    Publish,
    SetStatus,
    Status,
    StatusReceived,
    Tell,
)
from p2p.peers import BookConfig, PeerBook
from p2p.wire import gossip_id


class MemoryHub:
    """The hub that connects nodes in memory. Bans are counted in `now_ms`, which the test sets."""

    def __init__(self) -> None:
        self.now_ms = 0
        self._nodes: dict[str, MemoryNetwork] = {}
        self._links: dict[tuple[str, str], None] = {}
        self._parted: dict[tuple[str, str], None] = {}
        self._questions: dict[int, tuple[MemoryNetwork, Ask, str]] = {}
        self._asked = 0

    def join(self, name: str, status: Status) -> MemoryNetwork:
        """Return a new node; its peer id is derived from `name`, which must be new."""
        network = MemoryNetwork(self, name, status)
        if network.local_peer in self._nodes:
            raise ValueError(f"{name!r} is here already")
        self._nodes[network.local_peer] = network
        return network

    def connect(self, dialler: MemoryNetwork, other: MemoryNetwork) -> None:
        """Connect two nodes; do nothing if they are connected, or one refuses the other."""
        here, there = dialler.local_peer, other.local_peer
        if self.connected(here, there) or here == there:
            return
        if dialler.book.refusal(there, self.now_ms, outbound=True) is not None:
            return
        if other.book.refusal(here, self.now_ms, outbound=False) is not None:
            return
        self._links[here, there] = None
        dialler.book.connected(there, self.now_ms, outbound=True, at=None)
        other.book.connected(here, self.now_ms, outbound=False, at=None)
        other.tell(Connected(here, dialler.status))
        dialler.tell(Connected(there, other.status))

    def disconnect(self, one: MemoryNetwork, other: MemoryNetwork) -> None:
        """Disconnect two nodes; their unanswered requests to each other fail first."""
        pair = (one.local_peer, other.local_peer)
        if not self.connected(*pair):
            return
        self._links.pop(pair, None)
        self._links.pop((pair[1], pair[0]), None)
        for number, (asker, ask, asked) in list(self._questions.items()):
            if {asker.local_peer, asked} == set(pair):
                del self._questions[number]
                asker.tell(Failed(ask.id, LEFT))
        for node, gone in ((one, other), (other, one)):
            node.book.disconnected(gone.local_peer, self.now_ms)
            node.tell(Disconnected(gone.local_peer))

    def part(self, one: MemoryNetwork, other: MemoryNetwork) -> None:
        """Disconnect two nodes until both allow each other again."""
        if not self.outbound(one.local_peer, other.local_peer):
            one, other = other, one
        self._parted[one.local_peer, other.local_peer] = None
        self.disconnect(one, other)

    def rejoin(self) -> None:
        """Reconnect the parted nodes that allow each other now."""
        for dialler, dialled in list(self._parted):
            self.connect(self._nodes[dialler], self._nodes[dialled])
            if self.connected(dialler, dialled):
                del self._parted[dialler, dialled]

    def connected(self, one: str, other: str) -> bool:
        """Return True if two nodes, by peer id, are connected."""
        return (one, other) in self._links or (other, one) in self._links

    def neighbours(self, peer: str) -> Sequence[MemoryNetwork]:
        """Return the nodes that `peer` is connected with, in the order of connecting."""
        others = [b if a == peer else a for a, b in self._links if peer in (a, b)]
        return [self._nodes[other] for other in others]

    def outbound(self, peer: str, other: str) -> bool:
        """Return True if `peer` dialled `other`."""
        return (peer, other) in self._links

    def time_out(self, asker: MemoryNetwork, ask_id: int) -> None:
        """Fail an unanswered `Ask` as late."""
        for number, (who, ask, _) in list(self._questions.items()):
            if who is asker and ask.id == ask_id:
                del self._questions[number]
                asker.tell(Failed(ask_id, LATE))

    # --- for the nodes ----------------------------------------------------------------

    def node(self, peer: str) -> MemoryNetwork | None:
        """Return the node with this peer id, None if there is none."""
        return self._nodes.get(peer)

    def spread(self, origin: MemoryNetwork, topic: str, data: bytes) -> None:
        """Deliver a message to the neighbours that have neither received nor published it."""
        message_id = gossip_id(topic, data)
        if not origin.says_first(message_id):
            return
        for there in self.neighbours(origin.local_peer):
            if there.hears_first(message_id):
                there.tell(GossipReceived(topic, origin.local_peer, data))

    def ask(self, asker: MemoryNetwork, ask: Ask) -> None:
        """Deliver a request to its peer."""
        other = self._nodes.get(ask.peer)
        if other is None or not self.connected(asker.local_peer, ask.peer):
            asker.tell(Failed(ask.id, NOT_CONNECTED))
            return
        self._asked += 1
        self._questions[self._asked] = (asker, ask, ask.peer)
        other.tell(Asked(asker.local_peer, ask.protocol, ask.data, self._asked))

    def answer(self, answer: Answer) -> None:
        """Deliver an answer; do nothing if its request has ended."""
        question = self._questions.pop(answer.id, None)
        if question is None:
            return
        asker, ask, _ = question
        if answer.data is None or len(answer.data) > EXCHANGES[ask.protocol].answer:
            asker.tell(Failed(ask.id, REFUSED))
        else:
            asker.tell(Answered(ask.id, answer.data))


class MemoryNetwork:
    """One node on a `MemoryHub`; a `p2p.network.Network`."""

    def __init__(self, hub: MemoryHub, name: str, status: Status) -> None:
        self._hub = hub
        self._peer = to_base58(PEER_ID_PREFIX + hashlib.sha256(name.encode()).digest())
        self._said: dict[bytes, None] = {}
        self._known: dict[bytes, None] = {}
        self._events: deque[Event] = deque()
        self._news = asyncio.Event()
        self._stopped = False
        self.status = status
        self.book = PeerBook(self._peer, BookConfig(max_in=1_000, max_out=1_000), seed=0)

    @property
    def local_peer(self) -> str:
        """Peer id of this node."""
        return self._peer

    def listen_addresses(self) -> Sequence[str]:
        """Return one address, which cannot be dialled."""
        return (f"/ip4/127.0.0.1/tcp/30333/p2p/{self._peer}",)

    def nodes_known(self) -> int:
        """Return the number of connected nodes: there is no discovery here."""
        return len(self._hub.neighbours(self._peer))

    def counters(self) -> Mapping[str, int]:
        """Return zeros: nothing is counted here."""
        return dict.fromkeys(TRAFFIC, 0)

    def peers(self) -> Sequence[PeerView]:
        """Return the connected peers, in the order of connecting."""
        return [
            PeerView(
                other.local_peer,
                other.status,
                self._hub.outbound(self._peer, other.local_peer),
                other.listen_addresses()[0],
                0,
                self.book.reputation(other.local_peer, self._hub.now_ms),
                self.book.is_reserved(other.local_peer),
            )
            for other in self._hub.neighbours(self._peer)
        ]

    def do(self, action: Action) -> None:
        """Carry out `action` at once. Raises ValueError for an invalid action (`p2p.checks`)."""
        check(action)
        match action:
            case Publish(topic, data):
                self._hub.spread(self, topic, data)
            case Tell(peer, data):
                other = self._hub.node(peer)
                if other is not None and self._hub.connected(self._peer, peer):
                    other.tell(NoteReceived(self._peer, data))
            case Ask():
                self._hub.ask(self, action)
            case Answer():
                self._hub.answer(action)
            case Penalise(peer, cost, why):
                other = self._hub.node(peer)
                if self.book.penalise(peer, cost, why, self._hub.now_ms) and other is not None:
                    self._hub.disconnect(self, other)
            case SetStatus(status):
                self.status = status
                for other in self._hub.neighbours(self._peer):
                    other.tell(StatusReceived(self._peer, status))

    def reserved(self) -> Sequence[str]:
        """Return the peers that the operator reserved."""
        return self.book.reserved()

    def reserve(self, address: str) -> None:
        """Reserve a place for a peer, and connect to it if it is on the hub. Raises ValueError."""
        found = parse(address)
        if found.peer == self._peer:
            raise ValueError(f"{address!r} is this node")
        self.book.reserve(found)
        other = self._hub.node(found.peer)
        if other is not None:
            self._hub.connect(self, other)

    def unreserve(self, peer: str) -> None:
        """Treat a reserved peer like any other from now on. Raises ValueError: no peer id."""
        self.book.unreserve(parse_peer(peer))

    def allow_only(self, peers: Sequence[str] | None) -> None:
        """Allow only these peers; None allows all. Raises ValueError for an invalid peer id."""
        chosen = None if peers is None else [parse_peer(peer) for peer in peers]
        self.book.allow_only(chosen, self._hub.now_ms)
        for other in self._hub.neighbours(self._peer):
            if not self.book.allows(other.local_peer):
                self._hub.part(self, other)
        self._hub.rejoin()

    async def events(self) -> AsyncIterator[Event]:
        """Yield the events, in order, until `stop`."""
        while True:
            await self._news.wait()
            self._news.clear()
            for event in self.drain():
                yield event
            if self._stopped:
                return

    def drain(self) -> list[Event]:
        """Remove and return the events since the last call, for tests without an event loop."""
        events = list(self._events)
        self._events.clear()
        return events

    async def start(self) -> None:
        """Do nothing: a node in memory is ready as soon as it has joined."""

    async def stop(self) -> None:
        """Disconnect from all peers."""
        for other in self._hub.neighbours(self._peer):
            self._hub.disconnect(self, other)
        self._stopped = True
        self._news.set()

    def tell(self, event: Event) -> None:
        """Queue `event` for this node."""
        self._events.append(event)
        self._news.set()

    def says_first(self, message_id: bytes) -> bool:
        """Note that this node publishes a message. Return True if it is the first time."""
        new = message_id not in self._said
        self._said[message_id] = self._known[message_id] = None
        return new

    def hears_first(self, message_id: bytes) -> bool:
        """Return True if this node has neither received nor published it before, and note it."""
        new = message_id not in self._known
        self._known[message_id] = None
        return new
