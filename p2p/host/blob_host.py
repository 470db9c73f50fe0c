"""Blobs over libp2p: a separate host that serves a shelf, fetches from others, or both.

It shares with the network of the chain the containment of libp2p (`containment.py`) and nothing
else: it has its own thread, port and key. So whatever providers and requesters do to it, blocks and
votes are not affected. A server answers with pieces of named blobs, within limits per peer and in
total. A client trusts nothing: its caller bounds the size, each answer must be exactly what was
asked for or the endpoint is given up, and the whole must have the hash that the first answer
stated.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

import trio
from libp2p.abc import INetConn, INetStream
from libp2p.crypto.ed25519 import create_new_key_pair
from libp2p.custom_types import TProtocol
from libp2p.peer.id import ID
from multiaddr import Multiaddr

from p2p.address import Address, parse, parse_listen, parse_public
from p2p.errors import NetworkError, WireError
from p2p.host import containment
from p2p.host.basic_host import new_host, probe_port, quietly
from p2p.host.containment import new_swarm, note, reset
from p2p.host.resolving import dial_first
from p2p.host.streams import StreamEnded, read_frame, write_frame
from p2p.host.thread import TrioThread
from p2p.limits import Bucket, Gate, GateLimits, Rate, may_serve
from p2p.network import protocol_name
from p2p.protocols.work import (
    ANSWER_BYTES,
    PIECE,
    QUESTION_BYTES,
    WORK,
    Piece,
    Question,
    Shelf,
    decode_piece,
    decode_question,
    encode_piece,
    encode_question,
)
from p2p.steady import now_ms

if TYPE_CHECKING:
    from _hashlib import HASH

log = logging.getLogger(__name__)

V = TypeVar("V")

DIAL_SECONDS: Final = 10.0
CLOSE_SECONDS: Final = 1.5
PIECE_SECONDS: Final = 20.0
"""Time limit of one piece, to write or to wait for: at least 13 KB/s."""
IDLE_SECONDS: Final = 10.0
"""Time limit between two requests on a stream, and of an unused connection."""
STREAM_SECONDS: Final = 600.0
"""Maximum life of a stream; a client opens another and continues."""
READS: Final = 4
"""Maximum number of concurrent reads of the disk."""
QUESTIONS: Final = Rate(200, 400)
"""Requests of one peer that are answered at once; faster ones wait. 50 MB/s."""
BAN_MS: Final = 600_000
MAX_REMEMBERED: Final = 1_024
"""Maximum number of peers whose rates or bans are remembered."""
MAX_ENDPOINTS: Final = 8
"""Maximum number of endpoints that are tried for one blob."""
MAX_BREAKS: Final = 16
"""Maximum number of streams of one endpoint that break off within one blob; each brought data."""
REBUILD_SECONDS: Final = 1.0


class FetchFailed(NetworkError):
    """A blob could not be fetched; the text says what each endpoint did. Try again later."""


class NotThere(FetchFailed):
    """Each endpoint says that it has no such blob: it is not ready yet, or gone."""


class NotKept(NetworkError):
    """The data could not be stored here; the cause says why: the disk, or a limit of the store."""


class Sink(Protocol):
    """Destination of a blob. Called from threads of the network, one call after the other."""

    def write(self, data: bytes) -> None:
        """Write the next bytes. Any exception ends the fetch."""

    def rewind(self) -> None:
        """Discard all bytes: another endpoint starts from the beginning."""


class Memory:
    """A sink in memory; bounded only by the size that is asked for."""

    def __init__(self) -> None:
        self.data = bytearray()

    def write(self, data: bytes) -> None:
        """Append the next bytes."""
        self.data += data

    def rewind(self) -> None:
        """Discard all bytes."""
        self.data.clear()


@dataclass(frozen=True, slots=True)
class BlobSettings:
    """Settings of a host for blobs."""

    key_seed: bytes
    """32 bytes, from which the peer id follows; a client may generate it anew each time."""
    genesis: bytes
    listen: tuple[str, ...] = ()
    """`/ip4/HOST/tcp/PORT`, port 0 for any; empty for a host that only fetches."""
    public: tuple[str, ...] = ()
    """Addresses to report to others instead, in the same form."""
    gate: GateLimits = field(default_factory=GateLimits)
    allow_private: bool = False
    """True if private addresses are dialled: endpoints are unverified data from the chain."""


class _Liar(Exception):
    """The endpoint sends invalid data or fails; its data is discarded."""


class _Missing(Exception):
    """The endpoint has no such blob."""


@dataclass(slots=True)
class _Wanted:
    """A blob that is being fetched."""

    name: str
    most: int
    sink: Sink
    progress: Callable[[int, int], None]
    beginning: bool
    """True if only the first `most` bytes are wanted, of any blob; no hash is checked then."""
    got: int = 0
    total: int | None = None
    digest: bytes = b""
    hasher: HASH = field(default_factory=sha256)

    @property
    def done(self) -> bool:
        if self.total is None:
            return False
        return self.got >= (min(self.most, self.total) if self.beginning else self.total)

    def question(self) -> Question:
        """Return the next request."""
        rest = (self.most if self.total is None else self.total) - self.got
        if self.beginning:
            rest = min(rest, self.most - self.got)
        return Question(self.name, self.got, min(PIECE, rest))

    def take(self, piece: Piece) -> None:
        """Store an answer. Raises _Liar, NotKept."""
        if self.total is None:
            if piece.total > self.most and not self.beginning:
                raise _Liar(f"it has {piece.total} bytes where {self.most} are the most")
            self.total, self.digest = piece.total, piece.sha256
        elif (piece.total, piece.sha256) != (self.total, self.digest):
            raise _Liar("it became another while it was fetched")
        try:
            self.sink.write(piece.data)
            self.hasher.update(piece.data)
            self.got += len(piece.data)
            self.progress(self.got, self.total)
        except Exception as error:
            raise NotKept(f"{self.name} cannot be kept: {error}") from error
        if self.done and not self.beginning and self.hasher.digest() != self.digest:
            raise _Liar("it has not the hash that was named")

    def rewind(self) -> None:
        """Discard what was received. Raises NotKept."""
        try:
            self.sink.rewind()
        except Exception as error:
            raise NotKept(f"{self.name} cannot be kept: {error}") from error
        self.got, self.total, self.digest, self.hasher = 0, None, b"", sha256()


# --- trio thread ------------------------------------------------------------------


@dataclass(slots=True)
class _Job:
    """A job that the asyncio side waits for."""

    work: Callable[[], Awaitable[None]]
    finish: Callable[[BaseException | None], None]
    scope: trio.CancelScope = field(default_factory=trio.CancelScope)


class _Inside:
    """The part that runs in the trio thread."""

    def __init__(self, settings: BlobSettings, shelf: Shelf | None) -> None:
        self._settings = settings
        self._shelf = shelf
        self._protocol = TProtocol(protocol_name(settings.genesis, WORK))
        self._nursery: trio.Nursery | None = None
        self._dialling: dict[ID, trio.Lock] = {}
        self._using: Counter[ID] = Counter()
        """Number of fetches by peer."""
        self._serving: Counter[ID] = Counter()
        """Number of streams that are served, by peer."""
        self._rates: dict[ID, Bucket] = {}
        self._banned: dict[ID, int] = {}
        self._reads = trio.CapacityLimiter(READS)
        # Read from other threads:
        self.addresses: tuple[str, ...] = ()
        self.traffic: Counter[str] = Counter()

    async def run(self, ready: Callable[[], None], stop: trio.Event) -> None:
        """Run until `stop`; rebuild the host when it fails. Raises NetworkError at the start."""
        containment.install()
        while not stop.is_set():
            try:
                await self._live(ready, stop)
            except* NetworkError:
                if not self.addresses and self._settings.listen:
                    raise
            except* Exception as group:  # noqa: BLE001  (an error of libp2p must not end this loop)
                log.warning("the host for blobs failed and is rebuilt: %r", group)
            self._nursery = None
            if not stop.is_set():
                with trio.move_on_after(REBUILD_SECONDS):
                    await stop.wait()

    def start(self, job: _Job) -> None:
        """Start a job of the asyncio side."""
        if self._nursery is None:
            job.finish(FetchFailed("the host for blobs is not running"))
        else:
            self._nursery.start_soon(self._run_job, job)

    async def _run_job(self, job: _Job) -> None:
        outcome: BaseException | None = FetchFailed("the host for blobs has stopped")
        try:
            with job.scope:
                await job.work()
                outcome = None
        except Exception as error:  # noqa: BLE001  (it is passed to the caller)
            outcome = error
        finally:
            job.finish(outcome)

    async def _live(self, ready: Callable[[], None], stop: trio.Event) -> None:
        settings = self._settings
        listen = [text.partition("/p2p/")[0] for text in self.addresses] or settings.listen
        for text in listen:
            probe_port(text)
        most = settings.gate.total + 64
        self._swarm = new_swarm(settings.key_seed, Gate(settings.gate), most, now_ms, self.traffic)
        self._host = new_host(self._swarm)
        self._dialling.clear()
        if self._shelf is not None:
            self._host.set_stream_handler(self._protocol, partial(self._serve, self._shelf))
        async with self._host.run(listen_addrs=[Multiaddr(text) for text in listen]):
            try:
                self._look_at_listeners(len(listen))
                async with trio.open_nursery() as nursery:
                    self._nursery = nursery
                    nursery.start_soon(self._close_what_is_idle)
                    ready()
                    await stop.wait()
                    nursery.cancel_scope.cancel()
            finally:
                self._nursery = None
                with trio.move_on_after(CLOSE_SECONDS) as scope:
                    scope.shield = True
                    async with trio.open_nursery() as closing:
                        for connection in self._swarm.get_connections():
                            closing.start_soon(quietly, connection.close)
                    await quietly(self._host.close)

    def _look_at_listeners(self, wanted: int) -> None:
        bound = [
            address
            for listener in self._swarm.listeners.values()
            for address in listener.get_addrs()
        ]
        if len(bound) < wanted:
            raise NetworkError(f"cannot listen on {', '.join(self._settings.listen)}")
        name = str(self._swarm.get_peer_id())
        self.addresses = tuple(f"{address}/p2p/{name}" for address in bound)

    async def _close_what_is_idle(self) -> None:
        """Close connections unused for IDLE_SECONDS: they must not take up places."""
        last_used: dict[INetConn, float] = {}
        while True:
            now, before, last_used = trio.current_time(), last_used, {}
            with containment.contain("idle connections"):
                for connection in self._swarm.get_connections():
                    peer = connection.muxed_conn.peer_id
                    in_use = self._using[peer] + self._serving[peer]
                    last_used[connection] = now if in_use else before.get(connection, now)
                    if now - last_used[connection] > IDLE_SECONDS:
                        self._hang_up(connection)
            await trio.sleep(IDLE_SECONDS / 4)

    def _hang_up(self, connection: INetConn) -> None:
        if self._nursery is not None:
            self._nursery.start_soon(quietly, connection.close)

    # --- fetching ---------------------------------------------------------------------

    async def fetch(self, endpoints: Sequence[str], wanted: _Wanted) -> None:
        """Fetch a blob from the first endpoint that has it. Raises FetchFailed, NotKept."""
        whys: dict[str, str] = {}
        missing = 0
        for text in endpoints[:MAX_ENDPOINTS]:
            if whys:
                wanted.rewind()
            try:
                await self._fetch_from(self._address(text), wanted)
            except _Missing:
                missing += 1
                whys[text] = "it has no such blob"
            except _Liar as lie:
                whys[text] = str(lie)
            except ValueError as error:  # no address
                # Endpoints are unverified data from the chain: they are logged escaped and cut.
                whys[repr(text[:160])] = str(error)[:300]
            else:
                return
        kind = NotThere if missing and missing == len(whys) else FetchFailed
        said = "; ".join(f"{where}: {why}" for where, why in whys.items())
        raise kind(f"{wanted.name} could not be fetched: {said or 'no endpoint is known'}")

    def _address(self, text: str) -> Address:
        address = parse(text)
        if not self._settings.allow_private and not address.public:
            raise ValueError(f"{text!r} is a private address, which is not dialled on this chain")
        return address

    async def _fetch_from(self, address: Address, wanted: _Wanted) -> None:
        breaks = 0
        while not wanted.done:
            before = wanted.got
            try:
                async with self._stream(address) as stream:
                    await self._pull(stream, wanted)
            except (_Liar, _Missing, NotKept):
                raise
            except WireError as error:
                raise _Liar(f"it speaks badly: {error}") from None
            except trio.TooSlowError:
                raise _Liar("it is too slow") from None
            except Exception as error:  # noqa: BLE001  (libp2p ends a stream in a dozen ways)
                note("fetch", error)
                breaks += 1
                if wanted.got == before:
                    raise _Liar(f"the connection failed: {type(error).__name__}") from None
                if breaks == MAX_BREAKS:
                    raise _Liar("the connection breaks again and again") from None

    async def _pull(self, stream: INetStream, wanted: _Wanted) -> None:
        """Request pieces until the blob is complete, or half of the stream's time has passed."""
        begun = trio.current_time()
        while not wanted.done and trio.current_time() - begun < STREAM_SECONDS / 2:
            question = wanted.question()
            with trio.fail_after(PIECE_SECONDS):
                await write_frame(stream, encode_question(question))
                payload = await read_frame(stream, ANSWER_BYTES)
            if payload is None:
                raise _Missing
            piece = decode_piece(payload, question)
            await trio.to_thread.run_sync(wanted.take, piece)

    @asynccontextmanager
    async def _stream(self, address: Address) -> AsyncIterator[INetStream]:
        """Open a stream to an address, on the existing connection or a new one."""
        peer = ID.from_string(address.peer)
        self._using[peer] += 1
        try:
            async with self._dialling.setdefault(peer, trio.Lock()):
                if not self._swarm.get_connections(peer):
                    with trio.fail_after(DIAL_SECONDS):
                        dial = partial(self._swarm.dial_addr, peer_id=peer)
                        private = self._settings.allow_private
                        containment.trust(await dial_first(address, dial, allow_private=private))
            with trio.fail_after(DIAL_SECONDS):
                stream = await self._host.new_stream(peer, [self._protocol])
            try:
                yield stream
            except BaseException:
                await reset(stream)
                raise
            with trio.move_on_after(CLOSE_SECONDS):
                await quietly(stream.close)
        finally:
            self._using[peer] -= 1
            if not self._using[peer]:
                del self._using[peer]
                self._dialling.pop(peer, None)

    # --- serving ----------------------------------------------------------------------

    async def _serve(self, shelf: Shelf, stream: INetStream) -> None:
        """Answer the requests on one stream."""
        peer = stream.muxed_conn.peer_id
        if self._is_banned(peer) or not may_serve(self._serving[peer], self._serving.total()):
            self.traffic["streams refused"] += 1
            await reset(stream)
            return
        self._serving[peer] += 1
        try:
            with trio.move_on_after(STREAM_SECONDS):
                while await self._answer(shelf, peer, stream):
                    pass
            await quietly(stream.close)
        except StreamEnded:
            await quietly(stream.close)
        except WireError as error:
            await reset(stream)
            self._ban(peer, str(error))
        except trio.TooSlowError:
            await reset(stream)
        except Exception as error:  # noqa: BLE001  (libp2p ends a stream in a dozen ways)
            note("blobs", error)
            await reset(stream)
        finally:
            self._serving[peer] -= 1
            if not self._serving[peer]:
                del self._serving[peer]

    async def _answer(self, shelf: Shelf, peer: ID, stream: INetStream) -> bool:
        """Answer one request. Return True if another may follow. Raises WireError, StreamEnded."""
        with trio.fail_after(IDLE_SECONDS):
            payload = await read_frame(stream, QUESTION_BYTES)
        if payload is None:
            raise WireError("an empty question")
        question = decode_question(payload)
        await self._wait_for_its_turn(peer)
        piece = await trio.to_thread.run_sync(_look_up, shelf, question, limiter=self._reads)
        with trio.fail_after(PIECE_SECONDS):
            await write_frame(stream, None if piece is None else encode_piece(piece))
        self.traffic["pieces served"] += piece is not None
        return not self._is_banned(peer)

    async def _wait_for_its_turn(self, peer: ID) -> None:
        """Limit a peer to its rate: it requests one piece after the other, so waiting is enough."""
        bucket = self._rates.pop(peer, None) or Bucket(QUESTIONS, now_ms())
        self._rates[peer] = bucket  # the most recent last
        _forget_oldest(self._rates)
        while True:
            if bucket.take(now_ms()):
                return
            await trio.sleep(0.05)

    def _is_banned(self, peer: ID) -> bool:
        return self._banned.get(peer, 0) > now_ms()

    def _ban(self, peer: ID, why: str) -> None:
        log.info("peer %s is refused for ten minutes: %s", peer, why)
        self.traffic["bans"] += 1
        self._banned.pop(peer, None)
        self._banned[peer] = now_ms() + BAN_MS
        _forget_oldest(self._banned)
        for connection in self._swarm.get_connections(peer):
            self._hang_up(connection)


def _forget_oldest(table: dict[ID, V]) -> None:
    if len(table) > MAX_REMEMBERED:
        del table[next(iter(table))]


def _look_up(shelf: Shelf, question: Question) -> Piece | None:
    """Return the answer to a request; None if there is no such blob, or it cannot be read."""
    try:
        found = shelf.find(question.name)
        if found is None:
            return None
        total, sha = found
        data = b""
        if question.offset < total and question.length:
            data = shelf.read(question.name, question.offset, question.length)
        if len(data) != min(question.length, max(0, total - question.offset)):
            return None  # replaced by a shorter one during the read
    except Exception as error:  # noqa: BLE001  (a disk error must not end the host)
        log.warning("%s cannot be served: %s", question.name, error)
        return None
    return Piece(total, sha, data)


# --- asyncio side -----------------------------------------------------------------


class BlobHost:
    """A host that serves a shelf and fetches blobs, for a program on asyncio."""

    def __init__(self, settings: BlobSettings, shelf: Shelf | None = None) -> None:
        """Prepare; without a `shelf` nothing is served."""
        self._settings = settings
        self._inside = _Inside(settings, shelf)
        public = create_new_key_pair(settings.key_seed).public_key
        self.peer: Final = str(ID.from_pubkey(public))
        self._thread = TrioThread(self._inside.run, f"blobs {self.peer[-6:]}")
        self._waiting: set[asyncio.Future[None]] = set()

    async def start(self) -> None:
        """Listen. Raises PortInUse, or NetworkError for any other reason."""
        try:
            for text in self._settings.listen:
                parse_listen(text)
            for text in self._settings.public:
                parse_public(self.peer, text)
        except ValueError as error:
            raise NetworkError(str(error)) from None
        await self._thread.start()

    async def stop(self) -> None:
        """Close all connections; running fetches fail. Safe to call twice, and before `start`."""
        await self._thread.stop()
        for future in list(self._waiting):
            if not future.done():
                future.set_exception(FetchFailed("the host for blobs has stopped"))

    def endpoints(self) -> list[str]:
        """Return the addresses that others fetch from, as multiaddresses with our peer id."""
        if self._settings.public:
            return [f"{parse_public(self.peer, a)}/p2p/{self.peer}" for a in self._settings.public]
        return list(self._inside.addresses)

    def counters(self) -> dict[str, int]:
        """Return counters for metrics."""
        return dict(self._inside.traffic)

    async def fetch(
        self,
        endpoints: Sequence[str],
        name: str,
        sink: Sink,
        *,
        most: int,
        progress: Callable[[int, int], None] = lambda *_: None,
    ) -> None:
        """Fetch a blob of at most `most` bytes into a sink, from the first endpoint that has it.

        A broken connection is opened again, and the blob continued. `progress` is called with the
        bytes so far and in total, in another thread. Raises NotThere or FetchFailed when no
        endpoint delivers it, NotKept when the sink fails. There is no deadline: set one.
        """
        await self._do(endpoints, _Wanted(name, most, sink, progress, beginning=False))

    async def beginning(self, endpoints: Sequence[str], name: str, length: int) -> bytes:
        """Fetch the first bytes of a blob, fewer if it is shorter. Raises FetchFailed.

        They are not verified: the caller has to compare them with something.
        """
        memory = Memory()
        await self._do(endpoints, _Wanted(name, length, memory, lambda *_: None, beginning=True))
        return bytes(memory.data)

    async def _do(self, endpoints: Sequence[str], wanted: _Wanted) -> None:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()

        def settle(error: BaseException | None) -> None:
            if future.done():
                return
            if error is None:
                future.set_result(None)
            else:
                future.set_exception(error)

        def finish(error: BaseException | None) -> None:
            with suppress(RuntimeError):  # the event loop may have ended
                loop.call_soon_threadsafe(settle, error)

        job = _Job(partial(self._inside.fetch, list(endpoints), wanted), finish)
        if not self._thread.call(partial(self._inside.start, job)):
            raise FetchFailed("the host for blobs is not running")
        self._waiting.add(future)
        try:
            await future
        finally:
            self._waiting.discard(future)
            if future.cancelled():
                self._thread.call(job.scope.cancel)
