"""The part of the network that runs in the trio thread.

One `Node` lives as long as the network does; the libp2p host below it may be rebuilt. A peer exists
here from its first connection to the end of its last one, and nothing it sends is processed until
the handshake on the `status` stream is over. Other threads receive events, in order.
"""

from __future__ import annotations

import logging
import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final, cast

import trio
from libp2p.abc import INetConn, INetStream, INetwork, INotifee
from libp2p.custom_types import TProtocol
from libp2p.peer.id import ID
from libp2p.rcmgr import Direction
from libp2p.tools.anyio_service import background_trio_service
from multiaddr import Multiaddr

from p2p import peer_file
from p2p.accounts import GOSSIP, CutOff
from p2p.address import Address, parse
from p2p.errors import NetworkError, Refused, WireError
from p2p.event_box import EventBox
from p2p.host import containment, gossip
from p2p.host.basic_host import new_host, probe_port, quietly
from p2p.host.containment import contained, new_swarm, note, reset
from p2p.host.guard import CostGuard
from p2p.host.probe import Stranger, knock, visit
from p2p.host.streams import StreamEnded, read_exactly, read_frame, write_frame
from p2p.kademlia.finder import Find, Finder, Knock
from p2p.kademlia.table import KEY_BYTES
from p2p.limits import (
    MAX_REQUESTS,
    OUTBOUND_SHARE,
    STREAMS,
    Gate,
    Meter,
    may_serve,
)
from p2p.mailbox import Mailbox
from p2p.network import (
    CLOSED,
    EXCHANGES,
    GRANDPA_PEER,
    KAD,
    LATE,
    LEFT,
    LIMITED,
    NOT_CONNECTED,
    NOTE_BYTES,
    REFUSED,
    STATUS,
    TOPICS,
    Action,
    Answer,
    Answered,
    Ask,
    Asked,
    Charge,
    ClockReceived,
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
    protocol_name,
)
from p2p.peers import FATAL, Ban, Dial, KnownPeer, PeerBook
from p2p.reserved import ReservedAddresses
from p2p.settings import NetworkSettings
from p2p.steady import now_ms
from p2p.wire import (
    HEADER,
    OWN_ADDRESSES,
    Hello,
    Search,
    decode_addresses,
    decode_hello,
    decode_search,
    encode_addresses,
    encode_hello,
    encode_search,
    frame_length,
    unpack,
)

if TYPE_CHECKING:
    from libp2p.network.connection.swarm_connection import SwarmConn

log = logging.getLogger(__name__)

DIAL_SECONDS: Final = 10.0
READ_SECONDS: Final = 5.0
"""Time limit for a peer to write its request, or the rest of a note it began."""
CLOSE_SECONDS: Final = 1.5
MISSES: Final = 3
"""Number of polls without an answer after which a peer is disconnected (defect 13)."""
NOTES: Final = 256
"""Maximum number of notes that wait for one peer."""
NOTE_READERS: Final = 2

REBUILD_SECONDS: Final = 0.5
MAX_REBUILD_SECONDS: Final = 30.0

OVER_LIMIT: Final = 50
"""Cost of a message of a flood: a steady flood is banned within seconds."""
TOO_SLOW: Final = 500
NOT_ALLOWED: Final = "it is none of the peers allowed now"


@dataclass(slots=True)
class _Peer:
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
    hears: Meter = field(default_factory=Meter)
    says: Meter = field(default_factory=lambda: Meter(OUTBOUND_SHARE))
    asking: trio.Semaphore = field(default_factory=lambda: trio.Semaphore(MAX_REQUESTS))
    serving: int = 0
    note_readers: int = 0
    open_asks: dict[int, None] = field(default_factory=dict)
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
class HeardOf:
    """Nodes were found on the local network."""

    addresses: tuple[Address, ...]


Order = Reserve | Unreserve | AllowOnly | HeardOf
"""Orders of the operator and the local network, in the same queue as the engine's actions."""


@dataclass(slots=True)
class _Question:
    """A request that waits for the engine's answer."""

    answered: trio.Event = field(default_factory=trio.Event)
    data: bytes | None = None


class Node:
    """Peers, handshakes, gossip, notes and requests. Everything here runs in the trio thread; the
    few attributes that other threads read are replaced as a whole, or are counters.
    """

    def __init__(
        self,
        settings: NetworkSettings,
        inbox: Mailbox[Action | Order],
        outbox: EventBox,
    ) -> None:
        self._settings = settings
        self._inbox = inbox
        self._outbox = outbox
        self._status = settings.status
        self.guard = CostGuard(self._cut_off, now_ms)
        """Cost accounts of the peers; other threads read its counters."""
        self._reserved = ReservedAddresses(settings.book.reserved)
        self._gate = self._new_gate()
        self._peers: dict[ID, _Peer] = {}
        self._dialled: dict[ID, Address] = {}
        self._questions: dict[int, _Question] = {}
        self._asked = 0
        self._serving = 0
        self._names = {
            name: TProtocol(protocol_name(settings.genesis, name))
            for name in (*EXCHANGES, GRANDPA_PEER)
        }
        self._book: PeerBook | None = None
        self._finder: Finder | None = None
        self._work = trio.Event()
        # Read from other threads:
        self.views: tuple[PeerView, ...] = ()
        self.addresses: tuple[str, ...] = ()
        self.banned: tuple[Ban, ...] = ()
        self.nodes_known = 0
        self.rebuilt = 0
        """Number of times the host failed and was rebuilt."""
        self.traffic: Counter[str] = Counter()
        """Counters by the names of TRAFFIC."""

    def wake(self) -> None:
        """Signal that there are actions to carry out."""
        self._work.set()

    async def run(self, ready: Callable[[], None], stop: trio.Event) -> None:
        """Run until `stop`; rebuild the host when it fails. Raises NetworkError at the start."""
        containment.install()
        gossip.install()
        known = [] if self._settings.folder is None else peer_file.load(self._settings.folder)
        delay = REBUILD_SECONDS
        while True:
            begun = trio.current_time()
            try:
                await self._live(known, ready, stop)
            except* NetworkError:
                if not self.addresses:
                    raise
            except* Exception as group:  # noqa: BLE001  (an error of libp2p must not end this loop)
                log.warning("the network host fell and is built anew: %r", group)
            self._forget_everybody()
            if stop.is_set():
                return
            self.rebuilt += 1
            if trio.current_time() - begun > MAX_REBUILD_SECONDS:
                delay = REBUILD_SECONDS
            with trio.move_on_after(delay):
                await stop.wait()
            delay = min(2 * delay, MAX_REBUILD_SECONDS)

    # --- the host ---------------------------------------------------------------------

    async def _live(
        self, known: Sequence[KnownPeer], ready: Callable[[], None], stop: trio.Event
    ) -> None:
        settings = self._settings
        listen = [Multiaddr(text) for text in self.addresses_to_bind()]
        for text in self.addresses_to_bind():
            probe_port(text)
        most = settings.gate.total + settings.book.max_out + len(settings.book.reserved) + 16
        self._gate = self._new_gate()
        self._swarm = new_swarm(settings.key_seed, self._gate, most, now_ms, self.traffic)
        self._swarm.on_stream = self._allows_stream
        self._host = new_host(self._swarm)
        if self._book is None:
            name = str(self._swarm.get_peer_id())
            self._book = PeerBook(name, settings.book, settings.seed, known)
            rng = random.Random(settings.seed)  # noqa: S311  (the order of lookups is no secret)
            self._finder = Finder(name, rng, settings.find_every_ms, self._book.guides)
        for protocol in EXCHANGES:
            self._host.set_stream_handler(self._names[protocol], partial(self._serve, protocol))
        self._host.set_stream_handler(self._names[GRANDPA_PEER], self._serve_notes)
        router = gossip.new_router()
        topics = {protocol_name(settings.genesis, topic): topic for topic in TOPICS}
        self._gossip = gossip.ContainedPubsub(self._host, router, _Ear(self), topics)
        async with self._host.run(listen_addrs=listen):
            try:
                self._look_at_listeners(len(listen))
                async with (
                    background_trio_service(self._gossip),
                    background_trio_service(router),
                ):
                    await self._gossip.wait_until_ready()
                    await self._gossip.join()
                    await self._work_until(stop, ready)
            finally:
                await self._close()

    def _new_gate(self) -> Gate:
        return Gate(self._settings.gate, self.guard.accounts.closed, self._reserved.admits)

    def addresses_to_bind(self) -> Sequence[str]:
        """Return the addresses to listen on: after a failure the same ports as before."""
        if not self.addresses:
            return self._settings.listen
        return [text.partition("/p2p/")[0] for text in self.addresses]

    def _look_at_listeners(self, wanted: int) -> None:
        """Raise NetworkError if libp2p could not listen: it does not report it (defect 11)."""
        name = str(self._swarm.get_peer_id())
        bound = [
            address
            for listener in self._swarm.listeners.values()
            for address in listener.get_addrs()
        ]
        if len(bound) < wanted:
            raise NetworkError(f"cannot listen on {', '.join(self.addresses_to_bind())}")
        self.addresses = tuple(f"{address}/p2p/{name}" for address in bound)

    async def _work_until(self, stop: trio.Event, ready: Callable[[], None]) -> None:
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            self._swarm.register_notifee(_Notifee(self))
            for connection in self._swarm.get_connections():  # connections that were opened before
                self.connection_opened(cast("SwarmConn", connection))
            nursery.start_soon(self._obey)
            nursery.start_soon(self._dial_when_due)
            nursery.start_soon(self._save_peers)
            if not self._settings.book.reserved_only:
                nursery.start_soon(self._find_when_due)
            ready()
            await stop.wait()
            nursery.cancel_scope.cancel()

    async def _close(self) -> None:
        """Close all connections concurrently: the library takes 0.2 s for each, one by one.

        Without this the sockets stay open when the host is left (defect 8).
        """
        with trio.move_on_after(CLOSE_SECONDS) as scope:
            scope.shield = True
            async with trio.open_nursery() as nursery:
                for connection in self._swarm.get_connections():
                    nursery.start_soon(quietly, connection.close)
        with trio.move_on_after(CLOSE_SECONDS) as scope:
            scope.shield = True
            await quietly(self._host.close)
        if self._settings.folder is not None:
            self._save(peer_file.save)

    # --- actions ------------------------------------------------------------------------

    async def _obey(self) -> None:
        while True:
            await self._work.wait()
            self._work = trio.Event()
            for action in self._inbox.take():
                await self._do(action)

    async def _do(self, action: Action | Order) -> None:
        match action:
            case Publish(topic, data):
                try:
                    await self._gossip.say(topic, data)
                except Exception as error:  # noqa: BLE001  (a peer's error is not ours)
                    note("publish", error)
            case Tell(name, data):
                self._tell(name, data)
            case Ask():
                self._nursery.start_soon(self._ask, action)
            case Answer(number, data):
                question = self._questions.pop(number, None)
                if question is not None:
                    question.data = data
                    question.answered.set()
            case Penalise(name, cost, why):
                self.penalise(name, cost, why)
            case Charge(name, kind, spent, useless):
                self.guard.charge(name, kind, spent, useless)
            case SetStatus(status):
                self._status = status
            case Reserve(address):
                self._known.reserve(address)
                self._reserved.reserve(address)
                self.guard.accounts.set_reserved(address.peer, now_ms(), reserved=True)
                self._show_peers()
            case Unreserve(name):
                self._unreserve(name)
            case AllowOnly(names):
                self._allow_only(names)
            case HeardOf(addresses):
                self._known.heard(addresses)

    def _unreserve(self, name: str) -> None:
        self._known.unreserve(name)
        self._reserved.unreserve(name)
        self.guard.accounts.set_reserved(name, now_ms(), reserved=False)
        self._show_peers()
        peer = self._by_name(name)
        if peer is not None and self._settings.book.reserved_only:
            self._nursery.start_soon(self._hang_up, peer, "only reserved peers are kept")

    def _allow_only(self, names: tuple[str, ...] | None) -> None:
        self._known.allow_only(names, now_ms())
        for peer in list(self._peers.values()):
            if not self._known.allows(peer.name):
                # It counts as gone from now on; its sockets are closed as soon as possible.
                self._nursery.start_soon(self._hang_up, peer, NOT_ALLOWED)
                peer.why = NOT_ALLOWED
                self._end(peer)

    def _tell(self, name: str, data: bytes) -> None:
        peer = self._by_name(name)
        if (
            peer is None
            or not peer.admitted.is_set()
            or not peer.says.allows(GRANDPA_PEER, now_ms())
        ):
            contained["note not sent"] += 1
            return
        try:
            peer.to_write.send_nowait(data)
        except trio.WouldBlock:
            contained["note not sent"] += 1

    async def _ask(self, ask: Ask) -> None:
        peer = self._by_name(ask.peer)
        if peer is None or not peer.admitted.is_set():
            self._tell_outside(Failed(ask.id, NOT_CONNECTED))
            return
        if not peer.says.allows(ask.protocol, now_ms()):
            self._tell_outside(Failed(ask.id, LIMITED))
            return
        peer.open_asks[ask.id] = None
        why = CLOSED
        try:
            with trio.fail_after(ask.timeout_ms / 1_000):
                async with peer.asking:
                    data = await self._exchange(peer, ask.protocol, ask.data)
            if data is not None:
                self._settle(peer, Answered(ask.id, data))
            why = REFUSED
        except trio.TooSlowError:
            why = LATE
        except WireError as error:
            why = str(error)
            self.penalise(peer.name, FATAL, f"{ask.protocol}: {error}")
        except Exception as error:  # noqa: BLE001  (libp2p ends a request in a dozen ways)
            why = f"the connection failed: {type(error).__name__}"
        finally:
            self._settle(peer, Failed(ask.id, why))

    def _settle(self, peer: _Peer, outcome: Answered | Failed) -> None:
        """Report the result of a request, once: it may have failed already when its peer left."""
        if outcome.id in peer.open_asks:
            del peer.open_asks[outcome.id]
            self._tell_outside(outcome)

    async def _exchange(self, peer: _Peer, protocol: str, data: bytes) -> bytes | None:
        """Send a request on a stream of its own. The caller sets the deadline (defect 16)."""
        stream = await self._host.new_stream(peer.id, [self._names[protocol]])
        try:
            await write_frame(stream, data)
            answer = await read_frame(stream, EXCHANGES[protocol].answer)
            await stream.close()
        except BaseException:
            await reset(stream)
            raise
        return answer

    # --- connections ----------------------------------------------------------------------

    def connection_opened(self, connection: SwarmConn) -> None:
        """Handle a new connection of libp2p, of a known peer or of a new one."""
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
                self._nursery.start_soon(self._greet_too, peer)
            return
        peer = _Peer(
            peer_id,
            str(peer_id),
            outbound,
            now_ms(),
            self._dialled.get(peer_id) if outbound else None,
            containment.remote_ip(connection.muxed_conn),
        )
        self._peers[peer_id] = peer
        # Not even a handshake: reconnecting must cost the peer more than us.
        if self._known.is_banned(peer.name, peer.since_ms):
            self._nursery.start_soon(self._hang_up, peer, "it is banned")
            return
        if not self._known.allows(peer.name):
            self._nursery.start_soon(self._hang_up, peer, NOT_ALLOWED)
            return
        why = self._open_account(peer)
        if why is not None:
            self._nursery.start_soon(self._hang_up, peer, why)
            return
        self._nursery.start_soon(self._attend, peer)

    def _open_account(self, peer: _Peer) -> str | None:
        """Return why a peer that has proven its key is refused; None if it is not."""
        accounts, now = self.guard.accounts, peer.since_ms
        named, reserved = self._known.is_named(peer.name), self._known.is_reserved(peer.name)
        if reserved:
            self._reserved.seen(peer.name, peer.ip)
        elif not named and not peer.outbound and accounts.is_closed(peer.ip, now):
            return "its network is closed"  # it connected from the address of a reserved peer
        return accounts.opened(peer.name, peer.ip, now, named=named, reserved=reserved)

    def _replace_older(self, peer: _Peer, fresh: SwarmConn) -> None:
        """Close an older connection of the same direction: its remote end has lost it.

        A restarted peer reconnects before we notice that it had gone, and the dead connection would
        hide the new one (defect 8).
        """
        for other in self._swarm.get_connections(peer.id):
            if other is not fresh and getattr(other, "direction", None) == fresh.direction:
                self._nursery.start_soon(quietly, other.close)

    def connection_closed(self, peer_id: ID) -> None:
        """Handle the end of a connection of libp2p."""
        peer = self._peers.get(peer_id)
        if peer is not None and not self._swarm.get_connections(peer_id):
            self._end(peer)

    def _end(self, peer: _Peer) -> None:
        if peer.gone:
            return
        peer.gone = True
        peer.scope.cancel()
        self.guard.accounts.gone(peer.name)
        self._peers.pop(peer.id, None)
        admitted = peer.admitted.is_set()
        peer.admitted.set()  # waiting tasks then check `gone`
        for number in list(peer.open_asks):
            self._settle(peer, Failed(number, LEFT))
        if not admitted:
            if peer.dialled:
                # The book must be given the result of its dial, whichever side closes first.
                self._known.dial_failed(peer.name, now_ms())
        else:
            log.info("peer %s left: %s", peer.name, peer.why)
            self._known.disconnected(peer.name, now_ms())
            self._nodes.left(peer.name, now_ms())
            self._show_peers()
            self._tell_outside(Disconnected(peer.name))

    async def _hang_up(self, peer: _Peer, why: str) -> None:
        peer.why = why
        with trio.move_on_after(CLOSE_SECONDS) as scope:
            scope.shield = True
            await quietly(partial(self._swarm.close_peer, peer.id))
        self._end(peer)

    def _forget_everybody(self) -> None:
        for peer in list(self._peers.values()):
            peer.why = "the host is gone"
            self._end(peer)
        self._questions.clear()
        self._serving = 0

    async def _attend(self, peer: _Peer) -> None:
        """Attend a peer from the first connection to the last: handshake, notes and polls."""
        with peer.scope:
            why = await self._handshake(peer)
            if why is not None:
                log.info("peer %s is turned away: %s", peer.name, why)
                self._nursery.start_soon(self._hang_up, peer, why)
                return
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._write_notes, peer)
                nursery.start_soon(self._poll, peer)

    async def _handshake(self, peer: _Peer) -> str | None:
        """Greet a dialled peer, or await its greeting. Return why it is refused, or None."""
        with trio.move_on_after(self._settings.handshake_ms / 1_000):
            if not peer.outbound:
                await peer.admitted.wait()
                return None
            return await self._first_greeting(peer)
        return "no handshake in time"

    async def _greet_too(self, peer: _Peer) -> None:
        """Greet a peer that dialled us while we dialled it, unless it has greeted us already."""
        with trio.move_on_after(self._settings.handshake_ms / 1_000):
            if peer.admitted.is_set():
                return
            why = await self._first_greeting(peer)
            if why is not None and not peer.admitted.is_set():
                log.info("peer %s is turned away: %s", peer.name, why)
                self._nursery.start_soon(self._hang_up, peer, why)

    async def _first_greeting(self, peer: _Peer) -> str | None:
        """Greet a peer. Return the reason why it is refused, None if it is admitted."""
        try:
            await self._greet(peer)
        except Refused as error:
            return str(error)
        except WireError as error:
            self.penalise(peer.name, FATAL, f"handshake: {error}")
            return str(error)
        except Exception as error:  # noqa: BLE001  (libp2p ends a request in a dozen ways)
            # Protocol names contain the genesis hash: a foreign peer supports none of ours.
            if "not supported" in str(error.__cause__):
                self._stranger(peer.name)
                return "it is of another chain, or speaks another version"
            return f"no handshake: {type(error).__name__}"
        return None

    async def _greet(self, peer: _Peer) -> None:
        begun = trio.current_time()
        answer = await self._exchange(peer, STATUS, self._hello())
        if answer is None:
            if peer.status is None:
                self._known.turned_away(peer.name)
            raise Refused("it has no place for us")
        hello = decode_hello(answer)
        within = round((trio.current_time() - begun) * 500)
        ahead = hello.clock_ms - (self._settings.clock() - within)
        self._heard_hello(peer, hello)
        self._tell_outside(ClockReceived(peer.name, ahead, within))

    def _hello(self) -> bytes:
        clock_ms = max(self._settings.clock(), 0)
        return encode_hello(
            Hello(self._settings.genesis, self._status, self._told_addresses(), clock_ms)
        )

    def _told_addresses(self) -> tuple[str, ...]:
        """Return the listen addresses that we report."""
        name = str(self._swarm.get_peer_id())
        public = [f"{text}/p2p/{name}" for text in self._settings.public]
        return tuple((public or list(self.addresses))[:OWN_ADDRESSES])

    def _heard_hello(self, peer: _Peer, hello: Hello) -> None:
        """Admit a peer, or update its status. Raises Refused."""
        if peer.gone:
            raise Refused(peer.why)
        if hello.genesis != self._settings.genesis:
            self._stranger(peer.name)
            raise Refused(f"its genesis is {hello.genesis.hex()}")
        fresh = peer.status is None
        peer.status = hello.status
        if not fresh:
            self._show_peers()
            self._tell_outside(StatusReceived(peer.name, hello.status))
            return
        refusal = self._known.refusal(peer.name, now_ms(), outbound=peer.outbound)
        if refusal is not None:
            peer.status = None
            raise Refused(refusal)
        for connection in self._swarm.get_connections(peer.id):
            containment.trust(connection)
        claims = claimed(hello.addresses, peer.name, peer.ip)
        self._known.heard(claims)
        if not peer.outbound:
            peer.at = next((a for a in claims if a.host == peer.ip), None)
        self._known.connected(peer.name, now_ms(), outbound=peer.outbound, at=peer.at)
        self._nodes.connected(peer.name, now_ms())
        if not peer.outbound:
            self._came(peer, claims)
        elif peer.at is not None:
            self._nodes.reached(peer.at, peer.ip, now_ms())
        peer.admitted.set()
        log.info("peer %s is here, best block %d", peer.name, hello.status.best_number)
        self._show_peers()
        self._tell_outside(Connected(peer.name, hello.status))

    async def _poll(self, peer: _Peer) -> None:
        """Request the status repeatedly; disconnect a peer that does not answer (defect 13)."""
        missed = 0
        pause = self._settings.poll_ms / 1_000
        while missed < MISSES:
            await trio.sleep(pause if missed == 0 else pause / 5)
            try:
                with trio.fail_after(pause):
                    await self._greet(peer)
                missed = 0
            except WireError as error:
                self.penalise(peer.name, FATAL, f"status: {error}")
            except Exception as error:  # noqa: BLE001  (libp2p ends a request in a dozen ways)
                note("poll", error)
                missed += 1
        self._nursery.start_soon(self._hang_up, peer, "it does not answer")

    # --- requests of peers ----------------------------------------------------------------

    async def _serve(self, protocol: str, stream: INetStream) -> None:
        """Answer one request, or reset the stream without an answer."""
        peer = self._peers.get(stream.muxed_conn.peer_id)
        if peer is None or not await self._may_ask(peer, protocol):
            await reset(stream)
            return
        peer.serving += 1
        self._serving += 1
        try:
            with trio.fail_after(EXCHANGES[protocol].timeout_ms / 1_000):
                await self._serve_one(peer, protocol, stream)
        except WireError as error:
            self.penalise(peer.name, FATAL, f"{protocol}: {error}")
            await reset(stream)
        except Refused as error:
            log.info("peer %s is turned away: %s", peer.name, error)
            await quietly(partial(write_frame, stream, None))
            await quietly(stream.close)
            self._nursery.start_soon(self._hang_up, peer, str(error))
        except trio.TooSlowError:
            await reset(stream)
        except Exception as error:  # noqa: BLE001  (libp2p ends a request in a dozen ways)
            note("serve", error)
            await reset(stream)
        finally:
            peer.serving -= 1
            self._serving -= 1

    async def _may_ask(self, peer: _Peer, protocol: str) -> bool:
        if not self.allows(peer, protocol):
            return False
        if peer.serving >= MAX_REQUESTS:
            self.penalise(peer.name, OVER_LIMIT, "too many requests at once")
            return False
        if not may_serve(peer.serving, self._serving):
            return False
        # A node without a place for a peer still answers its searches for others.
        return protocol in (STATUS, KAD) or await self.admitted(peer)

    async def _serve_one(self, peer: _Peer, protocol: str, stream: INetStream) -> None:
        try:
            with trio.fail_after(READ_SECONDS):
                data = await read_frame(stream, EXCHANGES[protocol].request)
        except trio.TooSlowError:
            self.penalise(peer.name, TOO_SLOW, f"a slow question ({protocol})")
            raise
        except StreamEnded:
            await reset(stream)
            return
        if data is None:
            raise WireError("an empty question")
        answer = await self._answer(peer, protocol, data)
        if answer is not None and len(answer) > EXCHANGES[protocol].answer:
            log.error("an answer of %d bytes to %s is not sent", len(answer), protocol)
            answer = None
        await write_frame(stream, answer)
        await stream.close()

    async def _answer(self, peer: _Peer, protocol: str, data: bytes) -> bytes | None:
        if protocol == STATUS:
            self._heard_hello(peer, decode_hello(data))
            return self._hello()
        if protocol == KAD:
            return self._nearest(peer, decode_search(data))
        if peer.gone:
            return None
        self._asked += 1
        number = self._asked
        question = self._questions[number] = _Question()
        self._tell_outside(Asked(peer.name, protocol, data, number))
        try:
            await question.answered.wait()
        finally:
            self._questions.pop(number, None)
        return question.data

    async def admitted(self, peer: _Peer) -> bool:
        """Wait for the end of the handshake. Return True if it succeeded and the peer is here."""
        with trio.move_on_after(self._settings.handshake_ms / 1_000):
            await peer.admitted.wait()
        return peer.admitted.is_set() and not peer.gone

    # --- notes ----------------------------------------------------------------------------

    async def _write_notes(self, peer: _Peer) -> None:
        """Write notes on one stream, in order; open another when it breaks."""
        stream: INetStream | None = None
        try:
            async for data in peer.to_send:
                try:
                    with trio.fail_after(DIAL_SECONDS):
                        if stream is None:
                            name = self._names[GRANDPA_PEER]
                            stream = await self._host.new_stream(peer.id, [name])
                        await write_frame(stream, data)
                except Exception as error:  # noqa: BLE001  (libp2p ends a stream in a dozen ways)
                    note("notes", error)
                    if stream is not None:
                        await reset(stream)
                    stream = None
        finally:
            if stream is not None:
                await reset(stream)

    async def _serve_notes(self, stream: INetStream) -> None:
        peer = self._peers.get(stream.muxed_conn.peer_id)
        if peer is None or peer.note_readers >= NOTE_READERS:
            await reset(stream)
            return
        peer.note_readers += 1
        try:
            if await self.admitted(peer):
                await self._read_notes(peer, stream)
        except WireError as error:
            self.penalise(peer.name, FATAL, f"note: {error}")
        except trio.TooSlowError:
            self.penalise(peer.name, TOO_SLOW, "a slow note")
        except StreamEnded:
            return
        except Exception as error:  # noqa: BLE001  (libp2p ends a stream in a dozen ways)
            note("notes", error)
        finally:
            peer.note_readers -= 1
            await reset(stream)

    async def _read_notes(self, peer: _Peer, stream: INetStream) -> None:
        while True:
            first = await stream.read(1)  # notes are rare: no deadline between them
            if not first:
                return
            with trio.fail_after(READ_SECONDS):
                rest = await read_exactly(stream, HEADER - 1)
                length = frame_length(first + rest, NOTE_BYTES)
                body = await read_exactly(stream, length)
            data = unpack(body, NOTE_BYTES)
            if peer.gone:
                return
            if self.allows(peer, GRANDPA_PEER):
                self._outbox.put(NoteReceived(peer.name, data))

    # --- discovery --------------------------------------------------------------------------

    async def _dial_when_due(self) -> None:
        while True:
            for dial in self._known.tick(now_ms()):
                self._nursery.start_soon(self._dial, dial)
            await trio.sleep(self._settings.dial_every_ms / 1_000)

    async def _dial(self, dial: Dial) -> None:
        """Dial one address, past the library's negative cache and its own choice (defect 7)."""
        peer_id = ID.from_string(dial.peer)
        if peer_id in self._peers:
            # It connected to us in the meantime: its handshake informs the book.
            self._known.dial_failed(dial.peer, now_ms())
            return
        self._dialled[peer_id] = dial.address
        try:
            with trio.fail_after(DIAL_SECONDS):
                await self._swarm.dial_addr(Multiaddr(dial.address.socket), peer_id)
        except Exception as error:  # noqa: BLE001  (a dial fails in a dozen ways)
            log.debug("cannot reach %s: %r", dial.address, error)
        finally:
            self._dialled.pop(peer_id, None)
            # Also if it disconnected before, or the host failed: a dial without a reported end
            # would block all further ones of this peer.
            if peer_id not in self._peers:
                self._known.dial_failed(dial.peer, now_ms())

    async def _find_when_due(self) -> None:
        while True:
            self._look()
            await trio.sleep(self._settings.dial_every_ms / 1_000)

    def _look(self) -> None:
        for action in self._nodes.todo(now_ms()):
            match action:
                case Find():
                    self._nursery.start_soon(self._find, action)
                case Knock():
                    self._nursery.start_soon(self._knock, action)
        self.nodes_known = len(self._nodes.table)
        self.traffic["lookups"] = self._nodes.lookups

    async def _find(self, find: Find) -> None:
        """Ask a node for others: a connected one, or one that the book permits to dial."""
        peer = self._by_name(find.peer)
        whom: _Peer | Dial | None = None
        if peer is None or peer.status is None:
            whom = self._known.visit(find.peer, now_ms())
        elif peer.says.allows(KAD, now_ms()):
            whom = peer
        if whom is None:
            self._nodes.skipped(find)
            self._look()
            return
        named: Sequence[Address] | None = None
        try:
            answer = await self._search(whom, find.target)
            named = None if answer is None else readable(decode_addresses(answer))
        except WireError as error:
            self.penalise(find.peer, FATAL, f"{KAD}: {error}")
        except Stranger:
            self._stranger(find.peer)
        except Exception as error:  # noqa: BLE001  (libp2p ends a request in a dozen ways)
            note(KAD, error)
        finally:
            # Also if the host failed: without a reported end the peer would not be asked again.
            if isinstance(whom, Dial):
                self._known.dial_failed(find.peer, now_ms())  # no effect if it was reached
            if named is None:
                self._nodes.failed(find)
            else:
                self._known.heard(named)
                self._nodes.answered(find, named, now_ms())
        self._look()

    async def _search(self, whom: _Peer | Dial, target: int) -> bytes | None:
        """Return the answer of a node to a search; None if it refuses."""
        search = Search(target.to_bytes(KEY_BYTES, "big"), self._told_addresses())
        question = encode_search(search)
        if isinstance(whom, _Peer):
            with trio.fail_after(READ_SECONDS):
                return await self._exchange(whom, KAD, question)
        with trio.fail_after(DIAL_SECONDS):
            ip, answer = await visit(
                self._swarm, whom.address, self._names[KAD], question, EXCHANGES[KAD].answer
            )
        self._known.visited(whom.address, now_ms())
        self._nodes.reached(whom.address, ip, now_ms())
        return answer

    async def _knock(self, action: Knock) -> None:
        """Probe whether a node that connected to us can be reached at its reported address."""
        address, ip = action.address, None
        try:
            if self._known.bar(address.peer, now_ms()) is None:
                with trio.fail_after(READ_SECONDS):
                    ip = await knock(self._swarm, address)
        except Exception as error:  # noqa: BLE001  (a dial fails in a dozen ways)
            log.debug("nobody opens at %s: %r", address, error)
        finally:
            if ip is None:
                self._nodes.shut(action, now_ms())
            else:
                self._known.reached(address, now_ms())
                self._nodes.reached(address, ip, now_ms())
        self._look()

    def _nearest(self, peer: _Peer, search: Search) -> bytes:
        """Return the answer to a node's search, whether it has a place here or not."""
        why = self._known.bar(peer.name, now_ms())
        if why is not None:
            raise Refused(why)
        if peer.status is None:
            claims = claimed(search.addresses, peer.name, peer.ip)
            self._known.heard(claims)
            self._came(peer, claims)
        nodes = self._nodes.table.closest(int.from_bytes(search.target, "big"), spare=peer.name)
        return encode_addresses([str(node) for node in nodes if self._known.accepts(node)])

    def _came(self, peer: _Peer, claims: Sequence[Address]) -> None:
        """Queue a probe of one of the addresses that a node which connected to us reports."""
        open_ = [address for address in claims if self._known.accepts(address)]
        for address in sorted(open_, key=lambda one: one.host != peer.ip)[:1]:
            self._nodes.came(address, peer.ip)

    def _stranger(self, name: str) -> None:
        self._known.stranger(name, now_ms())
        self._nodes.forget(name)

    async def _save_peers(self) -> None:
        while self._settings.folder is not None:
            await trio.sleep(self._settings.save_every_ms / 1_000)
            await trio.to_thread.run_sync(partial(self._save, peer_file.save))

    def _save(self, save: Callable[..., None]) -> None:
        try:
            save(self._settings.folder, self._known.known())
        except OSError as error:
            log.warning("known peers cannot be stored: %s", error)

    # --- small functions --------------------------------------------------------------------

    @property
    def _known(self) -> PeerBook:
        if self._book is None:
            raise NetworkError("not started")
        return self._book

    @property
    def _nodes(self) -> Finder:
        if self._finder is None:
            raise NetworkError("not started")
        return self._finder

    def penalise(self, name: str, cost: int, why: str) -> None:
        """Charge a peer; disconnect it if that bans it."""
        self.traffic["penalties"] += 1
        was_banned = self._known.is_banned(name, now_ms())
        if not self._known.penalise(name, cost, why, now_ms()):
            return
        self._nodes.forget(name)
        if was_banned:
            log.debug("peer %s, which is banned, did more: %s", name, why)
        else:
            self.traffic["bans"] += 1
            self.guard.accounts.banned(name, now_ms())
            log.warning("peer %s is banned: %s", name, why)
        self.banned = tuple(self._known.bans(now_ms()))
        peer = self._by_name(name)
        if peer is not None:
            self._nursery.start_soon(self._hang_up, peer, f"banned: {why}")

    def _cut_off(self, name: str, order: CutOff) -> None:
        """Disconnect a peer that costs too much; ban it if it was cut off recently."""
        if self._known.is_reserved(name):
            log.warning("peer %s is reserved, so it is slowed and not cut off: %s", name, order.why)
            return
        peer = self._by_name(name)
        if order.is_ban:
            self.penalise(name, FATAL, order.why)
        else:
            log.warning("peer %s is cut off: %s", name, order.why)
        if peer is not None:
            # Nothing it sends counts from now on; its sockets are closed as soon as possible.
            self._nursery.start_soon(self._hang_up, peer, f"cut off: {order.why}")
            peer.why = f"cut off: {order.why}"
            self._end(peer)

    def allows(self, peer: _Peer, kind: str, size: int = 0) -> bool:
        """Count a message of `peer`. Return True if it is admitted. A flood is charged."""
        now = now_ms()
        if peer.gone:
            return False
        if peer.hears.allows(kind, now):
            return self.guard.admits(peer.name, kind, size)
        contained[f"over the limit: {kind}"] += 1
        self.guard.dropped(peer.name, kind, size)
        if peer.hears.floods(kind, now):
            self.penalise(peer.name, OVER_LIMIT, f"a flood ({kind})")
        return False

    def _allows_stream(self, peer_id: ID) -> bool:
        """Count a stream that a peer opens. Return True if it is admitted."""
        peer = self._peers.get(peer_id)
        return peer is None or self.allows(peer, STREAMS)

    def peer(self, peer_id: ID) -> _Peer | None:
        """Return the peer, if it has a connection."""
        return self._peers.get(peer_id)

    def received_gossip(self, peer_id: ID, topic: str, payload: bytes) -> None:
        """Emit a gossip message."""
        self._outbox.put(GossipReceived(topic, str(peer_id), payload))

    def _by_name(self, name: str) -> _Peer | None:
        return next((peer for peer in self._peers.values() if peer.name == name), None)

    def _tell_outside(self, event: Event) -> None:
        self._outbox.put(event)

    def _show_peers(self) -> None:
        now = now_ms()
        self.views = tuple(
            PeerView(
                peer.name,
                peer.status,
                peer.outbound,
                str(peer.at) if peer.at is not None else "",
                peer.since_ms,
                self._known.reputation(peer.name, now),
                self._known.is_reserved(peer.name),
            )
            for peer in self._peers.values()
            if peer.status is not None
        )


class _Ear:
    """The environment of gossip, provided by the node."""

    def __init__(self, node: Node) -> None:
        self._node = node

    async def admitted(self, peer: ID) -> bool:
        known = self._node.peer(peer)
        return known is not None and await self._node.admitted(known)

    def allows(self, peer: ID, kind: str, size: int = 0) -> bool:
        known = self._node.peer(peer)
        return known is not None and self._node.allows(known, kind, size)

    def penalise(self, peer: ID, cost: int, why: str) -> None:
        self._node.penalise(str(peer), cost, why)

    def heard(self, peer: ID, topic: str, payload: bytes) -> None:
        self._node.received_gossip(peer, topic, payload)

    def listens(self, peer: ID) -> bool:
        return self._node.peer(peer) is not None

    def read(self, peer: ID, begun: int, more: int = 0) -> None:
        self._node.guard.read(str(peer), begun, more)

    def serves(self, peer: ID, size: int) -> bool:
        return self._node.guard.serves(str(peer), size)

    def repeated(self, peer: ID, size: int = 0) -> None:
        self._node.guard.dropped(str(peer), GOSSIP, size)


class _Notifee(INotifee):
    """Receiver of the swarm's connection events."""

    def __init__(self, node: Node) -> None:
        self._node = node

    async def connected(self, network: INetwork, conn: INetConn) -> None:
        self._node.connection_opened(cast("SwarmConn", conn))

    async def disconnected(self, network: INetwork, conn: INetConn) -> None:
        self._node.connection_closed(conn.muxed_conn.peer_id)

    async def opened_stream(self, network: INetwork, stream: INetStream) -> None:
        pass

    async def closed_stream(self, network: INetwork, stream: INetStream) -> None:
        pass

    async def listen(self, network: INetwork, multiaddr: Multiaddr) -> None:
        pass

    async def listen_close(self, network: INetwork, multiaddr: Multiaddr) -> None:
        pass


def claimed(texts: Sequence[str], peer: str, ip: str) -> Sequence[Address]:
    """Return the listen addresses that a peer claims; 0.0.0.0 or :: becomes its IP address."""
    addresses = []
    for address in readable(texts):
        if address.peer != peer:
            continue
        if address.host in ("0.0.0.0", "::") and ip:  # noqa: S104  (read, not bound)
            addresses.append(address._replace(kind="ip6" if ":" in ip else "ip4", host=ip))
        elif address.host not in ("0.0.0.0", "::"):  # noqa: S104
            addresses.append(address)
    return addresses


def readable(texts: Sequence[str]) -> Sequence[Address]:
    """Return the addresses that can be dialled; other nodes may support further kinds."""
    addresses = []
    for text in texts:
        try:
            addresses.append(parse(text))
        except ValueError:
            continue
    return addresses
