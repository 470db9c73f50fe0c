"""py-libp2p 0.8.1 with its defects contained, one by one.

Unmodified, one bad frame from any connected peer ends the whole host. Defects are fixed by
subclasses where possible; a few places need a patch of the class itself, which `install` applies
once per process. Code refers to the measured defects by these numbers:

 1  a raising stream handler ends the host      `install`: `SwarmConn._handle_muxed_stream`
 2  garbage on /meshsub ends the host           `gossip.ContainedPubsub`: our own read loop
 3  a bad key field ends the host               `gossip`: messages with a key are refused unread
 4  a raising sync validator ends the host      `gossip`: no validators, one check of ours
 5  inbound places leak                         `ContainedSwarm.upgrade_inbound_raw_conn`
 6  sequence numbers repeat after a restart     `gossip`: the id is the hash of the content
 7  negative dial cache                         `transport`: dials an address past the cache
 8  sockets stay open when `run` is left        `transport`: closes the host before leaving
 9  async validators deliver twice              `gossip`: none are used
10  silent losses in small buffers              `gossip`: larger, and counted where they drop
11  a busy port is not an error                 `basic_host` probes it; `transport` checks listeners
12  AutoConnector dials every address it has    `IdleConnector`
13  no dead-peer detection                      `sessions`: the status poll closes silent peers
14  half-open sockets fill the places           `ContainedSwarm._handle_inbound_connection`
15  a reader that stops breaks the writer       `streams`: reads on at once, into memory, bounded
16  255 streams to one peer, then a hang        `connected`: a semaphore per peer, deadlines
17  Pubsub's thread is never stopped            `recent`: there is none
18  yamux ignores its own receive window        `ContainedYamux`: cuts the connection
19  a quadratic search on each `run_task`       `gossip`: no task per message
20  bad signatures cost nothing                 `gossip`: there are none; refusals are charged
21  plaintext is accepted by default            `new_swarm`: Noise is the only choice

Found while containing these: a negotiation line of any length is read, before the peer is
authenticated (`read_line`); a registered muxer class is ignored for the library's own (`install`);
recent messages and the queue write to one stream concurrently (`gossip`); with its watermarks at
zero the AutoConnector still dials (`IdleConnector`); and two nodes of one user can listen on the
same port, because of SO_REUSEPORT (`basic_host.probe_port`).
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import Any, Final, Protocol, TypeVarTuple, cast

import trio
from libp2p.abc import IMuxedConn, IMuxedStream, INetStream, IRawConnection
from libp2p.crypto.ed25519 import create_new_key_pair
from libp2p.crypto.x25519 import create_new_key_pair as create_new_x25519_key_pair
from libp2p.custom_types import TProtocol
from libp2p.exceptions import ParseError
from libp2p.io.abc import Reader, ReadWriteCloser
from libp2p.io.trio import TrioTCPStream
from libp2p.network.auto_connector import AutoConnector
from libp2p.network.config import ConnectionConfig, RetryConfig
from libp2p.network.connection import swarm_connection
from libp2p.network.connection.raw_connection import RawConnection
from libp2p.network.connection.swarm_connection import SwarmConn
from libp2p.network.exceptions import SwarmException
from libp2p.network.swarm import Swarm
from libp2p.peer.id import ID
from libp2p.peer.peerstore import PeerStore
from libp2p.protocol_muxer import multiselect_communicator
from libp2p.security.noise.transport import PROTOCOL_ID as NOISE
from libp2p.security.noise.transport import Transport as NoiseTransport
from libp2p.stream_muxer import muxer_multistream
from libp2p.stream_muxer.yamux import yamux
from libp2p.stream_muxer.yamux.yamux import PROTOCOL_ID as YAMUX
from libp2p.stream_muxer.yamux.yamux import Yamux
from libp2p.tools.anyio_service.trio_manager import TrioManager
from libp2p.transport.tcp.tcp import TCP
from libp2p.transport.upgrader import TransportUpgrader
from libp2p.utils.varint import read_varint_prefixed_bytes_limited
from multiaddr import Multiaddr

from btt_chain.web.addresses import parse_ip
from p2p.host.muxer import LightNetStream, LightStream, LightYamux, make_light
from p2p.limits import MAX_STREAMS, READ_PAUSE, READS, Bucket, Gate

log = logging.getLogger(__name__)

Ts = TypeVarTuple("Ts")

contained: Final[Counter[str]] = Counter()
"""Exceptions that would have ended the host, by place and kind, in this process."""

UPGRADE_SECONDS: Final = 5.0
"""Time limit of Noise and Yamux with an unknown peer."""
NEGOTIATION_SECONDS: Final = 5.0
LINE_BYTES: Final = 1_024
"""Maximum size of a line of multistream-select: the name of a protocol, or a list of ours."""
UNREAD_BYTES: Final = 32 << 20
"""Maximum number of unread bytes of a connection: one answer of the largest kind and as much
again."""
FIRST_UNREAD_BYTES: Final = 2 << 20
"""The same until the handshake is over, when a peer has nothing to send but its handshake and, if
it was admitted on its own side first, recent gossip. Each connection may hold this much."""
half_open: Final = ContextVar("half_open", default=False)
"""True if the connection this task handles counts as half open; each has a task of its own."""
READ_BYTES: Final = 64 << 10
"""Maximum number of bytes that are read from a socket at once."""
STRIKES: Final = 256
"""Number of streams over the limit in the life of a connection after which it is closed."""


def _now_ms() -> int:
    return int(trio.current_time() * 1_000)


def note(place: str, error: BaseException) -> None:
    """Count an exception that was caught."""
    contained[f"{place}: {type(error).__name__}"] += 1
    log.debug("contained in %s: %r", place, error)


def report(place: str, error: BaseException) -> None:
    """Count an unexpected exception; log the first one of a place and kind as an error."""
    name = f"fault in {place}: {type(error).__name__}"
    contained[name] += 1
    level = logging.ERROR if contained[name] == 1 else logging.DEBUG
    log.log(level, "%s; the network goes on. Please report this", name, exc_info=error)


@contextmanager
def contain(place: str) -> Iterator[None]:
    """Report an exception instead of raising it: an error about one peer must not end the host."""
    try:
        yield
    except Exception as error:  # noqa: BLE001  (that is the purpose)
        report(place, error)


async def run_contained(task: Callable[[*Ts], Awaitable[object]], *args: *Ts) -> None:
    """Run a task of a nursery that other tasks share."""
    with contain(getattr(task, "__qualname__", "task")):
        await task(*args)


# --- patches of classes -----------------------------------------------------------


@cache
def install() -> None:
    """Apply the patches that a subclass cannot make. Once; later calls do nothing."""
    # libp2p logs data of peers at ERROR, with tracebacks: a flood would keep a core busy logging.
    for name in ("libp2p", *logging.root.manager.loggerDict):
        if name.partition(".")[0] == "libp2p":
            logging.getLogger(name).setLevel(logging.CRITICAL)
    setattr(SwarmConn, "_handle_muxed_stream", _guarded_stream(SwarmConn._handle_muxed_stream))  # noqa: B010, SLF001
    setattr(multiselect_communicator, "read_delim", read_line)  # noqa: B010
    # The class that is registered for the protocol is ignored: this name is used.
    setattr(muxer_multistream, "Yamux", ContainedYamux)  # noqa: B010
    # Looked up by these names for each new stream.
    setattr(yamux, "YamuxStream", LightStream)  # noqa: B010
    setattr(swarm_connection, "NetStream", LightNetStream)  # noqa: B010
    setattr(TrioManager, "run_task", _guarded_task(TrioManager.run_task))  # noqa: B010


async def read_line(reader: Reader) -> bytes:
    """Read a line of a negotiation. The original accepts any length, also before Noise.

    Raises ParseError if it is not a line.
    """
    line = await read_varint_prefixed_bytes_limited(reader, LINE_BYTES)
    if line[-1:] != b"\n" or not line.isascii():
        raise ParseError("not a line")
    return line[:-1]


def _guarded_stream(
    handle: Callable[[SwarmConn, IMuxedStream], Awaitable[None]],
) -> Callable[[SwarmConn, IMuxedStream], Awaitable[None]]:
    """Fix defect 1, and bound the number of streams (16, 18)."""

    async def guarded(self: SwarmConn, stream: IMuxedStream) -> None:
        try:
            swarm = self.swarm
            if isinstance(swarm, ContainedSwarm) and not swarm.allows_stream(
                self.muxed_conn.peer_id
            ):
                await stream.reset()
                return
            if len(self.streams) >= 2 * MAX_STREAMS:
                await stream.reset()
                strikes = getattr(self, "strikes", 0) + 1
                setattr(self, "strikes", strikes)  # noqa: B010  (the class is the library's)
                if strikes > STRIKES:
                    await self.close()
                return
            await handle(self, stream)
        except Exception as error:  # noqa: BLE001  (an uncaught exception ends the host)
            note("stream", error)
            await reset(stream)

    return guarded


def _guarded_task(run_task: Callable[..., None]) -> Callable[..., None]:
    """Fix defect 3 and its like: one failing task must not end its service.

    A failing daemon, or the service's own `run`, does end it: then the host is rebuilt.
    """

    def guarded(
        self: TrioManager,
        async_fn: Callable[..., Awaitable[object]],
        *args: object,
        daemon: bool = False,
        name: str | None = None,
        _internal: bool = False,
    ) -> None:
        if daemon or _internal:
            run_task(self, async_fn, *args, daemon=daemon, name=name, _internal=_internal)
            return

        async def task() -> None:
            try:
                await async_fn(*args)
            except Exception as error:  # noqa: BLE001  (an uncaught exception ends the service)
                note(getattr(async_fn, "__qualname__", "task"), error)

        run_task(self, task, daemon=False, name=name or getattr(async_fn, "__name__", None))

    return guarded


async def reset(stream: IMuxedStream | INetStream) -> None:
    """Reset a stream of a peer that may be gone, with a time limit."""
    with trio.move_on_after(1) as scope:
        scope.shield = True
        try:
            await stream.reset()
        except Exception as error:  # noqa: BLE001  (the stream is closed: that is what was wanted)
            note("reset", error)


# --- the swarm --------------------------------------------------------------------


class ContainedYamux(LightYamux):
    """Yamux that disconnects a peer which ignores the receive windows (defect 18), and one whose
    frames raise.
    """

    most_unread = FIRST_UNREAD_BYTES
    """Maximum number of unread bytes."""

    async def start(self) -> None:
        """Run the connection to its end; mark it as ended if that fails: others wait for it."""
        try:
            await super().start()
        except Exception as error:  # noqa: BLE001  (it ends the connection, not the host)
            report("yamux", error)
            await self.close()
            self.event_started.set()

    async def _read_data_body(self, length: int) -> bytes:
        unread = sum(len(buffer) for buffer in self.stream_buffers.values())
        if unread + length > self.most_unread or len(self.streams) > 4 * MAX_STREAMS:
            contained["yamux: flood"] += 1
            # Of the exceptions possible here, this one makes the caller close the connection.
            raise trio.TooSlowError
        return await super()._read_data_body(length)


def trust(connection: object) -> None:
    """Raise the limit of unread bytes of a connection to that of an admitted peer."""
    muxed = getattr(connection, "muxed_conn", None)
    if isinstance(muxed, ContainedYamux):
        muxed.most_unread = UNREAD_BYTES


class HasRemoteAddress(Protocol):
    """A socket or connection with a remote end."""

    def get_remote_address(self) -> tuple[str, int] | None:
        """Return the IP address and the port, None if they are unknown."""
        ...


class IdleConnector(AutoConnector):
    """A connector that never dials (defect 12); the original would, even at watermarks of zero."""

    async def run_background_task(self, nursery: trio.Nursery) -> None:
        """Do nothing."""

    async def maybe_connect(self) -> None:
        """Do nothing."""


class MeteredConnection(RawConnection):
    """A socket whose bytes on the wire are counted, and which is read in large pieces.

    The library reads a message of Noise by two calls, its length first.
    """

    traffic: Counter[str]
    reads: Bucket
    ahead: bytearray
    """Bytes that were read from the socket and not asked for yet."""

    @classmethod
    def over(cls, inner: IRawConnection, traffic: Counter[str]) -> IRawConnection:
        """Return the same connection, counted; unchanged if it is not TCP."""
        if not isinstance(inner, RawConnection):
            return inner
        metered = cls(inner.stream, inner.is_initiator)
        metered.traffic = traffic
        metered.reads = Bucket(READS, _now_ms())
        metered.ahead = bytearray()
        if isinstance(inner.stream, TrioTCPStream):
            make_light(inner.stream, "read_lock", "write_lock")
        return metered

    async def write(self, data: bytes) -> None:
        """Write, and count. Raises RawConnError."""
        await super().write(data)
        self.traffic["bytes out"] += len(data)
        self.traffic["packets out"] += 1

    async def read(self, n: int | None = None) -> bytes:
        """Read, and count; wait first if reads were too frequent. Raises RawConnError."""
        while not self.reads.take(_now_ms()):
            contained["reads delayed"] += 1
            await trio.sleep(READ_PAUSE)
        if not self.ahead:
            data = await super().read(READ_BYTES)
            self.traffic["bytes in"] += len(data)
            if n is None or len(data) <= n:
                return data
            self.ahead += data
        piece = bytes(self.ahead if n is None else self.ahead[:n])
        del self.ahead[: len(piece)]
        return piece


class ContainedSwarm(Swarm):
    """A swarm that limits inbound connections by address (14), and frees their places (5)."""

    gate: Gate
    now_ms: Callable[[], int]
    traffic: Counter[str]
    on_stream: Callable[[ID], bool] | None = None
    """Counts a stream of a peer; returns False if the stream is above the limit."""

    def allows_stream(self, peer: ID) -> bool:
        """Return True if a stream of `peer` is to be negotiated, False if it is to be reset."""
        return self.on_stream is None or self.on_stream(peer)

    async def _handle_inbound_connection(
        self, read_write_closer: ReadWriteCloser, maddr: Multiaddr
    ) -> None:
        ip = remote_ip(read_write_closer)
        refusal = self.gate.enter(ip, self.now_ms())
        if refusal is not None:
            contained[f"gate: {refusal}"] += 1
            await read_write_closer.close()
            return
        half_open.set(True)
        try:
            await super()._handle_inbound_connection(read_write_closer, maddr)
        finally:
            self._no_longer_half_open(ip)
            self.gate.leave(ip)

    def _no_longer_half_open(self, ip: str) -> None:
        """End the half-open state, once: the library may drop a connection before the upgrade."""
        if half_open.get():
            half_open.set(False)
            self.gate.upgraded(ip)

    async def upgrade_inbound_raw_conn(
        self, raw_conn: IRawConnection, maddr: Multiaddr
    ) -> IMuxedConn:
        """Upgrade an inbound socket, and return only when the connection ends."""
        ip = remote_ip(raw_conn)
        try:
            metered = MeteredConnection.over(raw_conn, self.traffic)
            muxed = await super().upgrade_inbound_raw_conn(metered, maddr)
        finally:
            self._no_longer_half_open(ip)
        # The caller would now wait until the swarm ends, and keep the place. Waiting here until the
        # connection ends, then raising what the caller catches, frees the place.
        await cast(Yamux, muxed).event_closed.wait()
        raise SwarmException("an inbound connection has ended")

    async def upgrade_outbound_raw_conn(
        self, raw_conn: IRawConnection, peer_id: ID, pre_scope: Any = None
    ) -> SwarmConn:
        """Upgrade a socket we dialled. The original leaves it open when it is cancelled."""
        try:
            with trio.fail_after(2 * UPGRADE_SECONDS):
                metered = MeteredConnection.over(raw_conn, self.traffic)
                return await super().upgrade_outbound_raw_conn(metered, peer_id, pre_scope)
        except BaseException:
            with trio.move_on_after(1) as scope:
                scope.shield = True
                await raw_conn.close()
            raise


def new_swarm(
    seed: bytes, gate: Gate, most: int, now_ms: Callable[[], int], traffic: Counter[str]
) -> ContainedSwarm:
    """Return a swarm with TCP, Noise and Yamux only (21)."""
    keys = create_new_key_pair(seed)
    peer = ID.from_pubkey(keys.public_key)
    noise = NoiseTransport(keys, noise_privkey=create_new_x25519_key_pair().private_key)
    upgrader = TransportUpgrader(
        secure_transports_by_protocol={NOISE: noise},
        muxer_transports_by_protocol={TProtocol(YAMUX): ContainedYamux},
        negotiate_timeout=int(UPGRADE_SECONDS),
    )
    peerstore = PeerStore()
    peerstore.add_key_pair(peer, keys)
    swarm = ContainedSwarm(
        peer,
        peerstore,
        upgrader,
        transports=[TCP()],
        retry_config=RetryConfig(max_retries=0),
        connection_config=connection_config(most),
    )
    swarm.auto_connector = IdleConnector(swarm)
    swarm.gate = gate
    swarm.now_ms = now_ms
    swarm.traffic = traffic
    return swarm


def connection_config(most: int) -> ConnectionConfig:
    """Return the limits of the swarm; our own are narrower and reached first."""
    return ConnectionConfig(
        max_connections=most,
        min_connections=0,
        low_watermark=0,
        high_watermark=most,
        # Two, because two nodes may dial each other at the same time.
        max_connections_per_peer=2,
        inbound_upgrade_timeout=UPGRADE_SECONDS,
        outbound_upgrade_timeout=UPGRADE_SECONDS,
        inbound_stream_protocol_negotiation_timeout=NEGOTIATION_SECONDS,
        outbound_stream_protocol_negotiation_timeout=NEGOTIATION_SECONDS,
    )


def remote_ip(connection: HasRemoteAddress) -> str:
    """Return the remote IP address, without a zone; empty if the connection is gone already."""
    try:
        remote = connection.get_remote_address()
    except Exception as error:  # noqa: BLE001  (an accepted socket may be closed already)
        note("remote address", error)
        return ""
    ip = None if remote is None else parse_ip(str(remote[0]))
    return "" if ip is None else str(ip)
