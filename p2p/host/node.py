"""The part of the network that runs in the trio thread.

One `Node` lives as long as the network does; the libp2p host below it may be rebuilt. Other threads
send actions and orders through the inbox and receive events, in order, from the outbox.

    transport      the libp2p host: streams, requests, dials
    connected      connected peers, and how one is disconnected
    penalties      limits, charges, bans
    sessions       connections, handshakes, status
    requests       requests to peers and of peers
    notifications  notes from one peer to another
    gossip         messages to all peers
    dialer         dials of the peers that the peer book selects
    discovery      searches for nodes
"""

from __future__ import annotations

import logging
import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import trio
from libp2p.tools.anyio_service import background_trio_service

from p2p import peer_records
from p2p.accounts import CutOff
from p2p.address import Address
from p2p.errors import NetworkError
from p2p.host import containment, gossip
from p2p.host.connected import ConnectedPeers
from p2p.host.containment import contain, note
from p2p.host.dialer import Dialer
from p2p.host.discovery import Discovery
from p2p.host.gossip_environment import Environment
from p2p.host.guard import CostGuard
from p2p.host.notifications import Notifications
from p2p.host.penalties import Penalties
from p2p.host.requests import Requests
from p2p.host.sessions import KnownPeers, Sessions
from p2p.host.transport import Transport
from p2p.kademlia.finder import Finder
from p2p.limits import Gate
from p2p.mailbox import Mailbox
from p2p.network import (
    GRANDPA_PEER,
    TOPICS,
    Action,
    Answer,
    Ask,
    Charge,
    Event,
    PeerView,
    Penalise,
    Publish,
    SendNote,
    SetStatus,
    protocol_name,
)
from p2p.peer_records import KnownPeer
from p2p.peers import PeerBook
from p2p.reputation import Ban
from p2p.reserved import ReservedAddresses
from p2p.settings import NetworkSettings
from p2p.steady import now_ms

log = logging.getLogger(__name__)

REBUILD_SECONDS: Final = 0.5
MAX_REBUILD_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True)
class Reserve:
    """Stay connected with a peer that the operator reserved."""

    address: Address


@dataclass(frozen=True, slots=True)
class Unreserve:
    """Treat a reserved peer like any other again."""

    peer: str


@dataclass(frozen=True, slots=True)
class AllowOnly:
    """Allow only these peers; None allows all."""

    peers: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class LocalNodesFound:
    """Nodes were found on the local network."""

    addresses: tuple[Address, ...]


Order = Reserve | Unreserve | AllowOnly | LocalNodesFound
"""Orders of the operator and the local network, in the same queue as the engine's actions."""


class Node:
    """The network's parts, and their life: it starts the host, applies actions, and rebuilds the
    host when it fails. Everything runs in the trio thread; what other threads read is replaced as a
    whole, or is a counter.
    """

    def __init__(
        self, settings: NetworkSettings, inbox: Mailbox[Action | Order], outbox: Mailbox[Event]
    ) -> None:
        self._settings = settings
        self._inbox = inbox
        self._work = trio.Event()
        self.rebuilt = 0
        """Number of times the host failed and was rebuilt."""
        self.traffic: Counter[str] = Counter()
        """Counters by the names of TRAFFIC."""
        self.guard = CostGuard(self._cut_off, now_ms)
        """Cost accounts of the peers; other threads read its counters."""
        accounts = self.guard.accounts
        reserved = ReservedAddresses(settings.book.reserved)
        self._transport = Transport(
            settings, lambda: Gate(settings.gate, accounts.closed, reserved.admits), self.traffic
        )
        local = self._transport.local_peer
        self._book = PeerBook(local, settings.book, settings.seed)
        rng = random.Random(settings.seed)  # noqa: S311  (the order of lookups is not a secret)
        self._finder = Finder(local, rng, settings.find_every_ms, self._book.guides)
        self._peers = ConnectedPeers(
            settings, self._transport, self._book, self._finder, accounts, outbox
        )
        self._penalties = Penalties(self._peers, self._book, self._finder, self.guard, self.traffic)
        self._dialer = Dialer(self._transport, self._book, self._peers)
        self._discovery = Discovery(
            self._transport, self._book, self._finder, self._peers, self._penalties, self.traffic
        )
        self._notifications = Notifications(self._transport, self._peers, self._penalties, outbox)
        self._sessions = Sessions(
            self._transport,
            KnownPeers(self._book, accounts, reserved, self._peers, self._penalties),
            self._dialer,
            self._discovery,
            self._notifications,
            outbox,
        )
        self._requests = Requests(
            self._transport, self._peers, self._penalties, self._sessions, self._discovery, outbox
        )
        self._gossip_environment = Environment(self._peers, self._penalties, self.guard, outbox)

    # --- read from other threads --------------------------------------------------------

    @property
    def local_peer(self) -> str:
        """Peer id of this node."""
        return self._transport.local_peer

    @property
    def addresses(self) -> tuple[str, ...]:
        """Listen addresses, which end in our peer id; empty until the host listens."""
        return self._transport.addresses

    @property
    def views(self) -> tuple[PeerView, ...]:
        """Admitted peers, in the order of connecting."""
        return self._peers.views

    @property
    def banned(self) -> tuple[Ban, ...]:
        """Bans as of the time of the last one."""
        return self._penalties.banned

    @property
    def nodes_known(self) -> int:
        """Number of nodes in the table of discovery."""
        return self._discovery.nodes_known

    # --- the life of the host -----------------------------------------------------------

    def wake(self) -> None:
        """Signal that there are actions to apply."""
        self._work.set()

    async def run(self, ready: Callable[[], None], stop: trio.Event) -> None:
        """Run until `stop`; rebuild the host when it fails. Raises NetworkError at the start."""
        containment.install()
        gossip.install()
        self._load_peers()
        delay = REBUILD_SECONDS
        while True:
            begun = trio.current_time()
            try:
                await self._run_host(ready, stop)
            except* NetworkError:
                if not self.addresses:
                    raise
            except* Exception as group:  # noqa: BLE001  (an error of libp2p must not end this loop)
                log.warning("the network host failed and is rebuilt: %r", group)
            self._peers.end_all()
            self._requests.clear()
            if stop.is_set():
                return
            self.rebuilt += 1
            if trio.current_time() - begun > MAX_REBUILD_SECONDS:
                delay = REBUILD_SECONDS
            with trio.move_on_after(delay):
                await stop.wait()
            delay = min(2 * delay, MAX_REBUILD_SECONDS)

    async def _run_host(self, ready: Callable[[], None], stop: trio.Event) -> None:
        transport, genesis = self._transport, self._settings.genesis
        listen = transport.build(self._penalties.allows_stream)
        self._requests.register()
        transport.handle(GRANDPA_PEER, self._notifications.on_stream)
        router = gossip.ContainedGossipSub()
        topics = {protocol_name(genesis, topic): topic for topic in TOPICS}
        self._gossip = gossip.ContainedPubsub(
            transport.host, router, self._gossip_environment, topics
        )
        async with transport.host.run(listen_addrs=listen):
            try:
                transport.check_listeners(len(listen))
                async with background_trio_service(self._gossip), background_trio_service(router):
                    await self._gossip.wait_until_ready()
                    await self._gossip.join()
                    await self._run_tasks(stop, ready)
            finally:
                await transport.close()
                with contain("known peers"):
                    self._save_peers(self._book.known())

    async def _run_tasks(self, stop: trio.Event, ready: Callable[[], None]) -> None:
        async with trio.open_nursery() as nursery:
            self._transport.nursery = nursery
            self._sessions.begin()
            nursery.start_soon(self._apply_actions)
            nursery.start_soon(self._dialer.run, self._settings.dial_every_ms)
            nursery.start_soon(self._save_when_due)
            if not self._settings.book.reserved_only:
                nursery.start_soon(self._discovery.run, self._settings.dial_every_ms)
            ready()
            await stop.wait()
            nursery.cancel_scope.cancel()

    async def _save_when_due(self) -> None:
        while self._settings.folder is not None:
            await trio.sleep(self._settings.save_every_ms / 1_000)
            with contain("known peers"):
                # The book is read here: the other thread must not iterate over it while it changes.
                await trio.to_thread.run_sync(self._save_peers, self._book.known())

    def _load_peers(self) -> None:
        if self._settings.folder is None:
            return
        try:
            self._book.remember(peer_records.load(self._settings.folder))
        except OSError as error:
            log.warning("known peers cannot be read: %s", error)

    def _save_peers(self, known: Sequence[KnownPeer]) -> None:
        if self._settings.folder is None:
            return
        try:
            peer_records.save(self._settings.folder, known)
        except OSError as error:
            log.warning("known peers cannot be stored: %s", error)

    # --- actions ------------------------------------------------------------------------

    async def _apply_actions(self) -> None:
        while True:
            await self._work.wait()
            self._work = trio.Event()
            for action in self._inbox.take():
                with contain(type(action).__name__):
                    await self._apply(action)

    async def _apply(self, action: Action | Order) -> None:
        match action:
            case Publish(topic, data, to, few):
                try:
                    self._gossip.publish_payload(topic, data, to, few)
                except Exception as error:  # noqa: BLE001  (a peer's error is not ours)
                    note("publish", error)
            case SendNote(name, data):
                self._notifications.send(name, data)
            case Ask():
                self._transport.start_soon(self._requests.send, action)
            case Answer():
                self._requests.answer(action)
            case Penalise(name, cost, why):
                self._penalties.penalise(name, cost, why)
            case Charge(name, kind, spent, useless):
                self.guard.charge(name, kind, spent, useless)
            case SetStatus(status):
                self._sessions.status = status
            case Reserve(address):
                self._sessions.reserve(address)
            case Unreserve(name):
                self._sessions.unreserve(name)
            case AllowOnly(names):
                self._sessions.allow_only(names)
            case LocalNodesFound(addresses):
                self._book.add_reported(addresses)

    def _cut_off(self, name: str, order: CutOff) -> None:
        self._penalties.cut_off(name, order)
