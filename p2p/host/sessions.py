"""Sessions with peers: from the first connection over the handshake to regular status requests.

The side that dialled sends its status first; the answer ends the handshake for both. Nothing else
that a peer sends is processed until then, except its searches for nodes. Afterwards each side
requests the other's status every few seconds.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, NamedTuple, cast

import trio
from libp2p.abc import INetConn, INetStream, INetwork, INotifee
from libp2p.peer.id import ID
from libp2p.rcmgr import Direction
from multiaddr import Multiaddr

from p2p.accounts import Accounts
from p2p.address import Address
from p2p.errors import Refused, WireError
from p2p.host import containment
from p2p.host.basic_host import quietly
from p2p.host.connected import ConnectedPeers, Peer
from p2p.host.containment import contain, note
from p2p.host.dialer import Dialer
from p2p.host.discovery import Discovery, claimed
from p2p.host.notifications import Notifications
from p2p.host.penalties import Penalties
from p2p.host.transport import Transport
from p2p.mailbox import Mailbox
from p2p.network import STATUS, ClockReceived, Connected, Event, Status, StatusReceived
from p2p.networks import network_of, wide_network_of
from p2p.peers import NO_PLACE, PeerBook
from p2p.reputation import FATAL
from p2p.reserved import ReservedAddresses
from p2p.steady import now_ms
from p2p.wire import Hello, decode_hello, encode_hello

if TYPE_CHECKING:
    from libp2p.network.connection.swarm_connection import SwarmConn
    from libp2p.stream_muxer.yamux.yamux import Yamux

log = logging.getLogger(__name__)

MISSES: Final = 3
"""Number of polls without an answer after which a peer is disconnected (defect 13)."""
NOT_ALLOWED: Final = "it is not one of the peers allowed now"


class KnownPeers(NamedTuple):
    """The records of peers that the host's parts share."""

    book: PeerBook
    accounts: Accounts
    reserved: ReservedAddresses
    connected: ConnectedPeers
    penalties: Penalties


class InboundPeer(NamedTuple):
    """An admitted peer that dialled in and holds a place."""

    peer: str
    ip: str
    since_ms: int


def select_to_evict(peers: Sequence[InboundPeer], ip: str) -> str | None:
    """Return the peer to disconnect for a newcomer from `ip`; None if it must be refused.

    Identities are free and addresses of one network are cheap, so a network cannot hold all places:
    a newcomer from a network with fewer peers takes the place of the network with the most. Its
    newest peer leaves, as the older ones have proven to stay. A network is a /24 of IPv4 or a /48
    of IPv6. After the exchange the newcomer's network has at most as many peers as the other one.
    """
    networks = [_group(one.ip) for one in peers]
    counts = Counter(networks)
    largest = max(counts.values(), default=0)
    if largest <= counts[_group(ip)] + 1:
        return None
    candidates = [
        one for one, network in zip(peers, networks, strict=True) if counts[network] == largest
    ]
    return max(candidates, key=lambda one: (one.since_ms, one.peer)).peer


def _group(ip: str) -> str:
    return wide_network_of(ip) or network_of(ip)


class Sessions:
    """Admission of peers: the operator's orders, connections, handshakes and status."""

    def __init__(
        self,
        transport: Transport,
        known: KnownPeers,
        dialer: Dialer,
        discovery: Discovery,
        notifications: Notifications,
        outbox: Mailbox[Event],
    ) -> None:
        self._transport = transport
        self._book, self._accounts, self._reserved, self._peers, self._penalties = known
        self._dialer = dialer
        self._discovery = discovery
        self._notifications = notifications
        self._outbox = outbox
        self.status: Status = transport.settings.status
        """Status that this node reports."""

    def begin(self) -> None:
        """Follow the connections of a new host, also those that were opened before."""
        self._transport.swarm.register_notifee(_Notifee(self))
        for connection in self._transport.connections():
            with contain("connections"):
                self.connection_opened(connection)

    # --- orders of the operator -------------------------------------------------------

    def reserve(self, address: Address) -> None:
        """Stay connected with a peer, past all limits and without bans."""
        self._book.reserve(address)
        self._reserved.reserve(address)
        self._accounts.set_reserved(address.peer, now_ms(), reserved=True)
        self._peers.update_views()

    def unreserve(self, name: str) -> None:
        """Treat a reserved peer like any other again."""
        self._book.unreserve(name)
        self._reserved.unreserve(name)
        self._accounts.set_reserved(name, now_ms(), reserved=False)
        self._peers.update_views()
        peer = self._peers.by_name(name)
        if peer is not None and self._transport.settings.book.reserved_only:
            self._peers.disconnect(peer, "only reserved peers are kept")

    def allow_only(self, names: tuple[str, ...] | None) -> None:
        """Disconnect all peers but these; None allows all."""
        self._book.allow_only(names, now_ms())
        for peer in self._peers:
            if not self._book.allows(peer.name):
                self._peers.disconnect_now(peer, NOT_ALLOWED)

    # --- connections ------------------------------------------------------------------

    def connection_opened(self, connection: SwarmConn) -> None:
        """Handle a new connection of libp2p, of a connected peer or of a new one."""
        peer_id = connection.muxed_conn.peer_id
        outbound = connection.direction == Direction.OUTBOUND
        peer = self._peers.get(peer_id)
        if peer is not None:
            self._replace_older(peer, connection)
            if peer.status is not None:
                containment.trust(connection)
            if outbound and not peer.dialled:
                # Both dialled at the same time, and each may have seen the other's connection
                # first, and waits for the greeting.
                peer.dialled = True
                self._transport.start_soon(self._greet_too, peer)
            return
        peer = Peer(
            peer_id,
            str(peer_id),
            outbound,
            now_ms(),
            self._dialer.address_of(peer_id) if outbound else None,
            containment.remote_ip(cast("Yamux", connection.muxed_conn)),
        )
        self._peers.add(peer)
        why = self._refusal(peer)
        if why is not None:
            self._peers.disconnect(peer, why)
            return
        self._transport.start_soon(self._run, peer)

    def _refusal(self, peer: Peer) -> str | None:
        """Return why a new peer is refused before the handshake; None if it is not."""
        # Not even a handshake: reconnecting must cost the peer more than us.
        if self._book.is_banned(peer.name, peer.since_ms):
            return "it is banned"
        if not self._book.allows(peer.name):
            return NOT_ALLOWED
        return self._open_account(peer)

    def _open_account(self, peer: Peer) -> str | None:
        """Return why a peer that has proven its key is refused; None if it is not."""
        accounts, now = self._accounts, peer.since_ms
        named, reserved = self._book.is_named(peer.name), self._book.is_reserved(peer.name)
        if reserved:
            self._reserved.seen(peer.name, peer.ip)
        elif not named and not peer.outbound and accounts.is_closed(peer.ip, now):
            return "its network is closed"  # it connected from the address of a reserved peer
        return accounts.opened(peer.name, peer.ip, now, named=named, reserved=reserved)

    def _replace_older(self, peer: Peer, fresh: SwarmConn) -> None:
        """Close an older connection of the same direction: its remote end has lost it.

        A restarted peer reconnects before we notice that it had gone, and the dead connection would
        hide the new one (defect 8).
        """
        for other in self._transport.connections(peer.id):
            if other is not fresh and getattr(other, "direction", None) == fresh.direction:
                self._transport.start_soon(quietly, other.close)

    def connection_closed(self, peer_id: ID) -> None:
        """Handle the end of a connection of libp2p."""
        peer = self._peers.get(peer_id)
        if peer is not None and not self._transport.connections(peer_id):
            self._peers.end(peer)

    async def _run(self, peer: Peer) -> None:
        """Run a session from the first connection to the last: handshake, notes and polls."""
        with contain("session"), peer.scope:
            why = await self._handshake(peer)
            if why is not None:
                log.info("peer %s is refused: %s", peer.name, why)
                self._peers.disconnect(peer, why)
                return
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._notifications.write_all, peer)
                nursery.start_soon(self._poll, peer)
        if not peer.gone:
            self._peers.disconnect(peer, "its session failed")

    # --- handshake --------------------------------------------------------------------

    async def _handshake(self, peer: Peer) -> str | None:
        """Greet a dialled peer, or await its greeting. Return why it is refused, or None."""
        with trio.move_on_after(self._transport.settings.handshake_ms / 1_000):
            if not peer.outbound:
                await peer.admitted.wait()
                return None
            return await self._first_greeting(peer)
        return "no handshake in time"

    async def _greet_too(self, peer: Peer) -> None:
        """Greet a peer that dialled us while we dialled it, unless it has greeted us already."""
        with trio.move_on_after(self._transport.settings.handshake_ms / 1_000):
            if peer.admitted.is_set():
                return
            why = await self._first_greeting(peer)
            if why is not None and not peer.admitted.is_set():
                log.info("peer %s is refused: %s", peer.name, why)
                self._peers.disconnect(peer, why)

    async def _first_greeting(self, peer: Peer) -> str | None:
        """Greet a peer. Return the reason why it is refused, None if it is admitted."""
        try:
            await self._greet(peer)
        except Refused as error:
            return str(error)
        except WireError as error:
            self._penalties.penalise(peer.name, FATAL, f"handshake: {error}")
            return str(error)
        except Exception as error:  # noqa: BLE001  (libp2p ends a request in a dozen ways)
            # Protocol names contain the genesis hash: a foreign peer supports none of ours.
            if "not supported" in str(error.__cause__):
                self._discovery.note_foreign(peer.name)
                return "it is of another chain, or speaks another version"
            return f"no handshake: {type(error).__name__}"
        return None

    async def _greet(self, peer: Peer) -> None:
        """Exchange the status with a peer. Raises Refused, WireError, and errors of libp2p."""
        begun = trio.current_time()
        answer = await self._transport.request(peer.id, STATUS, self._hello())
        if answer is None:
            if peer.status is None:
                self._book.turned_away(peer.name)
            raise Refused("it has no place for us")
        hello = decode_hello(answer)
        within = round((trio.current_time() - begun) * 500)
        ahead = hello.clock_ms - (self._transport.settings.clock() - within)
        self._on_hello(peer, hello)
        self._outbox.put(ClockReceived(peer.name, ahead, within))

    def answer(self, peer: Peer, hello: Hello) -> bytes:
        """Return the answer to a peer's status. Raises Refused if the peer is not admitted."""
        self._on_hello(peer, hello)
        return self._hello()

    def _hello(self) -> bytes:
        clock_ms = max(self._transport.settings.clock(), 0)
        addresses = self._transport.reported_addresses()
        return encode_hello(
            Hello(self._transport.settings.genesis, self.status, addresses, clock_ms)
        )

    def _on_hello(self, peer: Peer, hello: Hello) -> None:
        """Admit a peer, or update its status. Raises Refused."""
        if peer.gone:
            raise Refused(peer.why)
        if hello.genesis != self._transport.settings.genesis:
            self._discovery.note_foreign(peer.name)
            raise Refused(f"its genesis is {hello.genesis.hex()}")
        fresh = peer.status is None
        peer.status = hello.status
        if not fresh:
            self._peers.update_views()
            self._outbox.put(StatusReceived(peer.name, hello.status))
            return
        refusal = self._book.refusal(peer.name, now_ms(), outbound=peer.outbound)
        if refusal == NO_PLACE and not peer.outbound and self._make_place(peer):
            refusal = None
        if refusal is not None:
            peer.status = None
            raise Refused(refusal)
        self._admit(peer, hello)

    def _make_place(self, newcomer: Peer) -> bool:
        """Disconnect an inbound peer of a larger network. Return True if its place is free."""
        placed = [
            InboundPeer(peer.name, peer.ip, peer.since_ms)
            for peer in self._peers
            if peer is not newcomer and peer.status is not None and self._is_placed(peer)
        ]
        evicted = self._peers.by_name(select_to_evict(placed, newcomer.ip) or "")
        if evicted is None:
            return False
        self._peers.disconnect_now(evicted, "its place goes to a peer of another network")
        return True

    def _is_placed(self, peer: Peer) -> bool:
        """Return True if a peer holds a place that may be given to another."""
        return not peer.outbound and not self._book.is_named(peer.name)

    def _admit(self, peer: Peer, hello: Hello) -> None:
        for connection in self._transport.connections(peer.id):
            containment.trust(connection)
        claims = claimed(hello.addresses, peer.name, peer.ip)
        self._book.add_reported(claims)
        if not peer.outbound:
            peer.at = next((a for a in claims if a.host == peer.ip), None)
        self._book.connected(peer.name, now_ms(), outbound=peer.outbound, at=peer.at)
        self._discovery.connected(peer, claims)
        peer.admitted.set()
        log.info("peer %s connected, best block %d", peer.name, hello.status.best_number)
        self._peers.update_views()
        self._outbox.put(Connected(peer.name, hello.status))

    async def _poll(self, peer: Peer) -> None:
        """Request the status repeatedly; disconnect a peer that does not answer (defect 13)."""
        missed = 0
        pause = self._transport.settings.poll_ms / 1_000
        while missed < MISSES:
            await trio.sleep(pause if missed == 0 else pause / 5)
            try:
                with trio.fail_after(pause):
                    await self._greet(peer)
                missed = 0
            except WireError as error:
                self._penalties.penalise(peer.name, FATAL, f"status: {error}")
            except Exception as error:  # noqa: BLE001  (libp2p ends a request in a dozen ways)
                note("poll", error)
                missed += 1
        self._peers.disconnect(peer, "it does not answer")


class _Notifee(INotifee):
    """Receiver of the swarm's connection events."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    async def connected(self, network: INetwork, conn: INetConn) -> None:
        with contain("connections"):
            self._sessions.connection_opened(cast("SwarmConn", conn))

    async def disconnected(self, network: INetwork, conn: INetConn) -> None:
        with contain("connections"):
            self._sessions.connection_closed(conn.muxed_conn.peer_id)

    async def opened_stream(self, network: INetwork, stream: INetStream) -> None:
        pass

    async def closed_stream(self, network: INetwork, stream: INetStream) -> None:
        pass

    async def listen(self, network: INetwork, multiaddr: Multiaddr) -> None:
        pass

    async def listen_close(self, network: INetwork, multiaddr: Multiaddr) -> None:
        pass
