"""Requests to peers and of peers: one stream each.

Requests of the `status` and `kad` protocols are answered here, all others by the engine.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import trio
from libp2p.abc import INetStream

from p2p.errors import Refused, WireError
from p2p.host.basic_host import quietly
from p2p.host.connected import ConnectedPeers, Peer
from p2p.host.containment import note, reset
from p2p.host.discovery import Discovery
from p2p.host.penalties import OVER_LIMIT, TOO_SLOW, Penalties
from p2p.host.sessions import Sessions
from p2p.host.streams import READ_SECONDS, StreamEnded, read_frame, write_frame
from p2p.host.transport import Transport
from p2p.limits import MAX_REQUESTS, may_serve
from p2p.mailbox import Mailbox
from p2p.network import (
    CLOSED,
    EXCHANGES,
    KAD,
    LATE,
    LIMITED,
    NOT_CONNECTED,
    REFUSED,
    STATUS,
    Answer,
    Answered,
    Ask,
    Asked,
    Event,
    Failed,
)
from p2p.reputation import FATAL
from p2p.steady import now_ms
from p2p.wire import decode_hello, decode_search

log = logging.getLogger(__name__)

LINGER_SECONDS: Final = 1.0
"""Seconds for a refused peer to close the connection; then it is closed here."""


@dataclass(slots=True)
class _PendingAnswer:
    """A request of a peer that waits for the engine's answer."""

    answered: trio.Event = field(default_factory=trio.Event)
    data: bytes | None = None


class Requests:
    """Requests in progress, in both directions."""

    def __init__(
        self,
        transport: Transport,
        peers: ConnectedPeers,
        penalties: Penalties,
        sessions: Sessions,
        discovery: Discovery,
        outbox: Mailbox[Event],
    ) -> None:
        self._transport = transport
        self._peers = peers
        self._penalties = penalties
        self._sessions = sessions
        self._discovery = discovery
        self._outbox = outbox
        self._pending: dict[int, _PendingAnswer] = {}
        self._last_id = 0
        self._serving = 0
        """Number of requests of all peers that are being served."""

    def register(self) -> None:
        """Register the handlers of all request protocols at a new host."""
        for protocol in EXCHANGES:
            self._transport.handle(protocol, partial(self._serve, protocol))

    def clear(self) -> None:
        """Drop everything: the host is gone."""
        self._pending.clear()
        self._serving = 0

    # --- to peers ---------------------------------------------------------------------

    async def send(self, ask: Ask) -> None:
        """Send a request to a peer; one `Answered` or `Failed` is emitted."""
        peer = self._peers.by_name(ask.peer)
        if peer is None or not peer.admitted.is_set():
            self._outbox.put(Failed(ask.id, NOT_CONNECTED))
            return
        if not peer.outbound_limits.allows(ask.protocol, now_ms()):
            self._outbox.put(Failed(ask.id, LIMITED))
            return
        peer.open_requests[ask.id] = None
        why = CLOSED
        try:
            with trio.fail_after(ask.timeout_ms / 1_000):
                async with peer.request_slots:
                    data = await self._transport.request(peer.id, ask.protocol, ask.data)
            if data is not None:
                self._peers.settle(peer, Answered(ask.id, data))
            why = REFUSED
        except trio.TooSlowError:
            why = LATE
        except WireError as error:
            why = str(error)
            self._penalties.penalise(peer.name, FATAL, f"{ask.protocol}: {error}")
        except Exception as error:  # noqa: BLE001  (libp2p ends a request in a dozen ways)
            why = f"the connection failed: {type(error).__name__}"
        finally:
            self._peers.settle(peer, Failed(ask.id, why))

    # --- of peers ---------------------------------------------------------------------

    def answer(self, answer: Answer) -> None:
        """Send the engine's answer to a request of a peer; do nothing if it is too late."""
        pending = self._pending.pop(answer.id, None)
        if pending is not None:
            pending.data = answer.data
            pending.answered.set()

    async def _serve(self, protocol: str, stream: INetStream) -> None:
        """Answer one request, or reset the stream without an answer."""
        peer = self._peers.get(stream.muxed_conn.peer_id)
        if peer is None or not await self._may_request(peer, protocol):
            await reset(stream)
            return
        peer.serving += 1
        self._serving += 1
        try:
            with trio.fail_after(EXCHANGES[protocol].timeout_ms / 1_000):
                await self._serve_one(peer, protocol, stream)
        except WireError as error:
            self._penalties.penalise(peer.name, FATAL, f"{protocol}: {error}")
            await reset(stream)
        except Refused as error:
            log.info("peer %s is refused: %s", peer.name, error)
            await quietly(partial(write_frame, stream, None))
            await quietly(stream.close)
            with trio.move_on_after(LINGER_SECONDS):
                # The end of the connection may overtake the answer, so the peer closes first.
                await peer.admitted.wait()
            self._peers.disconnect(peer, str(error))
        except trio.TooSlowError:
            await reset(stream)
        except Exception as error:  # noqa: BLE001  (libp2p ends a request in a dozen ways)
            note("serve", error)
            await reset(stream)
        finally:
            peer.serving -= 1
            self._serving -= 1

    async def _may_request(self, peer: Peer, protocol: str) -> bool:
        """Count a request. Return True if it is to be served. Too many at once are charged."""
        if not self._penalties.allows(peer, protocol):
            return False
        if peer.serving >= MAX_REQUESTS:
            self._penalties.penalise(peer.name, OVER_LIMIT, "too many requests at once")
            return False
        if not may_serve(peer.serving, self._serving):
            return False
        # A node without a place for a peer still answers its searches for others.
        return protocol in (STATUS, KAD) or await self._peers.admitted(peer)

    async def _serve_one(self, peer: Peer, protocol: str, stream: INetStream) -> None:
        try:
            with trio.fail_after(READ_SECONDS):
                data = await read_frame(stream, EXCHANGES[protocol].request)
        except trio.TooSlowError:
            self._penalties.penalise(peer.name, TOO_SLOW, f"a slow question ({protocol})")
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

    async def _answer(self, peer: Peer, protocol: str, data: bytes) -> bytes | None:
        if protocol == STATUS:
            return self._sessions.answer(peer, decode_hello(data))
        if protocol == KAD:
            return self._discovery.answer(peer, decode_search(data))
        if peer.gone:
            return None
        self._last_id += 1
        number = self._last_id
        pending = self._pending[number] = _PendingAnswer()
        self._outbox.put(Asked(peer.name, protocol, data, number))
        try:
            await pending.answered.wait()
        finally:
            self._pending.pop(number, None)
        return pending.data
