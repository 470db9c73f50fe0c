"""Connected peers: what is known of each, and how one is disconnected.

A peer exists here from its first connection to the end of its last one:

    connected   it has a connection; the handshake on `status` is not over
    admitted    the handshake succeeded: gossip, notes and requests are processed
    gone        it was disconnected; tasks that still hold it stop
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import trio
from libp2p.peer.id import ID

from p2p.accounts import Accounts
from p2p.address import Address
from p2p.host.basic_host import quietly
from p2p.host.containment import contain
from p2p.host.transport import CLOSE_SECONDS, Transport
from p2p.kademlia.finder import Finder
from p2p.limits import MAX_REQUESTS, OUTBOUND_SHARE, Meter
from p2p.mailbox import Mailbox
from p2p.network import LEFT, Answered, Disconnected, Event, Failed, PeerView, Status
from p2p.peers import PeerBook
from p2p.settings import NetworkSettings
from p2p.steady import now_ms

log = logging.getLogger(__name__)

NOTES: Final = 256
"""Maximum number of notes that wait for one peer."""


@dataclass(slots=True)
class Peer:
    """A peer with at least one connection."""

    id: ID
    name: str
    outbound: bool
    """True if we dialled its first connection."""
    since_ms: int
    at: Address | None
    """Address at which we dialled it; for an inbound one, its claimed address at its own IP."""
    ip: str
    admitted: trio.Event = field(default_factory=trio.Event)
    status: Status | None = None
    gone: bool = False
    dialled: bool = False
    """True if we dialled any of its connections."""
    inbound_limits: Meter = field(default_factory=Meter)
    """Limits of the messages that it sends us."""
    outbound_limits: Meter = field(default_factory=lambda: Meter(OUTBOUND_SHARE))
    """Limits of the messages that we send it."""
    request_slots: trio.Semaphore = field(default_factory=lambda: trio.Semaphore(MAX_REQUESTS))
    serving: int = 0
    """Number of its requests that are being served."""
    note_readers: int = 0
    open_requests: dict[int, None] = field(default_factory=dict)
    """Ids of our requests that it has not answered."""
    scope: trio.CancelScope = field(default_factory=trio.CancelScope)
    why: str = LEFT
    """Reason logged when it is disconnected."""

    def __post_init__(self) -> None:
        self.dialled = self.outbound
        self.to_write, self.to_send = _channel()

    to_write: trio.MemorySendChannel[bytes] = field(init=False)
    to_send: trio.MemoryReceiveChannel[bytes] = field(init=False)


def _channel() -> tuple[trio.MemorySendChannel[bytes], trio.MemoryReceiveChannel[bytes]]:
    channels = trio.open_memory_channel[bytes](NOTES)
    return channels[0], channels[1]


class ConnectedPeers:
    """Table of the connected peers. In the trio thread; `views` may be read from others."""

    def __init__(
        self,
        settings: NetworkSettings,
        transport: Transport,
        book: PeerBook,
        finder: Finder,
        accounts: Accounts,
        outbox: Mailbox[Event],
    ) -> None:
        self._settings = settings
        self._transport = transport
        self._book = book
        self._finder = finder
        self._accounts = accounts
        self._outbox = outbox
        self._peers: dict[ID, Peer] = {}
        self.views: tuple[PeerView, ...] = ()
        """Admitted peers, in the order of connecting."""

    # --- queries ----------------------------------------------------------------------

    def __contains__(self, peer_id: ID) -> bool:
        return peer_id in self._peers

    def __iter__(self) -> Iterator[Peer]:
        """Iterate over the peers as of now: they may be disconnected in the meantime."""
        return iter(list(self._peers.values()))

    def get(self, peer_id: ID) -> Peer | None:
        """Return the peer, None if it has no connection."""
        return self._peers.get(peer_id)

    def by_name(self, name: str) -> Peer | None:
        """Return the peer with this name, None if it has no connection."""
        return next((peer for peer in self._peers.values() if peer.name == name), None)

    async def admitted(self, peer: Peer) -> bool:
        """Wait for the end of the handshake. Return True if it succeeded and the peer is
        connected.
        """
        with trio.move_on_after(self._settings.handshake_ms / 1_000):
            await peer.admitted.wait()
        return peer.admitted.is_set() and not peer.gone

    # --- changes ----------------------------------------------------------------------

    def add(self, peer: Peer) -> None:
        """Add a peer with its first connection."""
        self._peers[peer.id] = peer

    def settle(self, peer: Peer, outcome: Answered | Failed) -> None:
        """Emit the result of a request, once: it may have failed already when its peer left."""
        if outcome.id in peer.open_requests:
            del peer.open_requests[outcome.id]
            self._outbox.put(outcome)

    def update_views(self) -> None:
        """Update `views` from the status and reputation of the peers."""
        now = now_ms()
        self.views = tuple(
            PeerView(
                peer.name,
                peer.status,
                peer.outbound,
                str(peer.at) if peer.at is not None else "",
                peer.since_ms,
                self._book.reputation(peer.name, now),
                self._book.is_reserved(peer.name),
            )
            for peer in self._peers.values()
            if peer.status is not None
        )

    # --- disconnecting ----------------------------------------------------------------

    def disconnect(self, peer: Peer, why: str) -> None:
        """Close a peer's connections soon; until then its messages are processed."""
        self._transport.start_soon(self._close, peer, why)

    def disconnect_now(self, peer: Peer, why: str) -> None:
        """Count a peer as gone from now on; its sockets are closed as soon as possible."""
        self._transport.start_soon(self._close, peer, why)
        peer.why = why
        self.end(peer)

    async def _close(self, peer: Peer, why: str) -> None:
        peer.why = why
        with trio.move_on_after(CLOSE_SECONDS) as scope:
            scope.shield = True
            await quietly(partial(self._transport.close_peer, peer.id))
        self.end(peer)

    def end(self, peer: Peer) -> None:
        """Remove a peer without a connection; its open requests fail."""
        if peer.gone:
            return
        peer.gone = True
        peer.scope.cancel()
        self._accounts.gone(peer.name)
        self._peers.pop(peer.id, None)
        admitted = peer.admitted.is_set()
        peer.admitted.set()  # waiting tasks then check `gone`
        for number in list(peer.open_requests):
            self.settle(peer, Failed(number, LEFT))
        if not admitted:
            if peer.dialled:
                # The book must be given the result of its dial, whichever side closes first.
                self._book.dials.failed(peer.name, now_ms())
        else:
            log.info("peer %s disconnected: %s", peer.name, peer.why)
            self._book.disconnected(peer.name, now_ms())
            self._finder.left(peer.name, now_ms())
            self.update_views()
            self._outbox.put(Disconnected(peer.name))

    def end_all(self) -> None:
        """Remove all peers: the host is gone."""
        for peer in self:
            peer.why = "the host is gone"
            with contain("disconnecting"):
                self.end(peer)
