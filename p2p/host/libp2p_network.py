"""The network interface of the engine, on libp2p."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence

from p2p.address import Address, other_than, parse, parse_peer
from p2p.host.containment import contained
from p2p.host.mdns import LocalNodes
from p2p.host.node import AllowOnly, LocalNodesFound, Node, Order, Reserve, Unreserve
from p2p.host.thread import TrioThread
from p2p.mailbox import FairEvents, Mailbox, Newest
from p2p.network import TRAFFIC, Action, Event, PeerView, Publish, SendNote, check
from p2p.reputation import Ban
from p2p.settings import NetworkSettings


class Libp2pNetwork:
    """`p2p.network.Network` on libp2p: a thread of its own, and a queue in each direction."""

    def __init__(self, settings: NetworkSettings) -> None:
        lossy = (Publish, SendNote, LocalNodesFound)
        self._inbox: Mailbox[Action | Order] = Mailbox(self._wake_inside, Newest(lossy))
        self._outbox = Mailbox(self._wake_outside, FairEvents())
        self._node = Node(settings, self._inbox, self._outbox)
        self._local_peer = self._node.local_peer
        self._thread = TrioThread(self._node.run, f"p2p {self._local_peer[-6:]}")
        self._loop: asyncio.AbstractEventLoop | None = None
        self._news = asyncio.Event()
        self._stopped = False
        self._settings = settings
        self._local: LocalNodes | None = None
        self._reserved: tuple[str, ...] = tuple(
            dict.fromkeys(address.peer for address in settings.book.reserved)
        )

    @property
    def local_peer(self) -> str:
        """Peer id of this node."""
        return self._local_peer

    def listen_addresses(self) -> Sequence[str]:
        """Return the listen multiaddresses, which end in our peer id; empty before `start`."""
        return self._node.addresses

    def peers(self) -> Sequence[PeerView]:
        """Return the connected peers, handshake finished, in the order of connecting."""
        return self._node.views

    def bans(self) -> Sequence[Ban]:
        """Return the bans as of the time of the last one, with times and reasons."""
        return self._node.banned

    def nodes_known(self) -> int:
        """Return the number of nodes, connected or not, that we reached and would report."""
        return self._node.nodes_known

    def counters(self) -> Mapping[str, int]:
        """Return counters for metrics: TRAFFIC, contained exceptions, losses, rebuilds, costs."""
        traffic = self._node.traffic
        return {
            **contained,
            **{name: traffic[name] for name in TRAFFIC},
            "lost on the way in": self._outbox.lost,
            "lost on the way out": self._inbox.lost,
            "host rebuilt": self._node.rebuilt,
            **self._node.guard.counters(),
        }

    def do(self, action: Action) -> None:
        """Carry out `action` soon. Never blocks.

        Raises ValueError for an unknown topic or protocol, a payload over its bound, or a cost
        that is not positive.
        """
        check(action)
        self._inbox.put(action)

    def reserved(self) -> Sequence[str]:
        """Return the peers that the operator reserved: the node stays connected with them."""
        return self._reserved

    def reserve(self, address: str) -> None:
        """Stay connected with the peer at a multiaddress. From any thread.

        Raises ValueError if `address` is not the address of a peer, or is our own.
        """
        found = other_than(self._local_peer, address)
        if found.peer not in self._reserved:
            self._reserved = (*self._reserved, found.peer)
        self._inbox.put(Reserve(found))

    def unreserve(self, peer: str) -> None:
        """Treat a reserved peer like any other. From any thread. Raises ValueError: no peer id."""
        parse_peer(peer)
        self._reserved = tuple(one for one in self._reserved if one != peer)
        self._inbox.put(Unreserve(peer))

    def allow_only(self, peers: Sequence[str] | None) -> None:
        """Allow only these peers; None allows all. From any thread. Raises ValueError: no peer id.

        The others are disconnected when the network's thread processes the order.
        """
        chosen = None if peers is None else tuple(parse_peer(peer) for peer in peers)
        self._inbox.put(AllowOnly(chosen))

    async def events(self) -> AsyncIterator[Event]:
        """Yield the events, in order, until `stop`. One reader only."""
        while True:
            await self._news.wait()
            self._news.clear()
            for event in self._outbox.take():
                yield event
            if self._stopped:
                return

    async def start(self) -> None:
        """Listen and dial. Raises PortInUse, or NetworkError for any other reason."""
        self._loop = asyncio.get_running_loop()
        await self._thread.start()
        self._wake_inside()
        if self._settings.mdns:
            listen = [parse(address) for address in self.listen_addresses()]
            self._local = LocalNodes(
                self._settings.genesis, self._local_peer, listen, self._on_local_nodes
            )
            self._local.start()

    async def stop(self) -> None:
        """Close all connections. Safe to call twice, and before `start`."""
        if self._local is not None:
            await asyncio.to_thread(self._local.stop)
            self._local = None
        await self._thread.stop()
        self._stopped = True
        self._news.set()

    def _on_local_nodes(self, addresses: Sequence[Address]) -> None:
        self._inbox.put(LocalNodesFound(tuple(addresses)))

    def _wake_inside(self) -> None:
        self._thread.call(self._node.wake)

    def _wake_outside(self) -> None:
        if self._loop is None:
            return
        try:
            self._loop.call_soon_threadsafe(self._news.set)
        except RuntimeError:
            return  # the event loop has ended: there is no reader any more
