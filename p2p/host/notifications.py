"""Notes between two peers: one stream in each direction, in order, never gossiped."""

from __future__ import annotations

from typing import Final

import trio
from libp2p.abc import INetStream

from p2p.errors import WireError
from p2p.host.connected import ConnectedPeers, Peer
from p2p.host.containment import contained, note, reset
from p2p.host.penalties import TOO_SLOW, Penalties
from p2p.host.streams import READ_SECONDS, StreamEnded, read_exactly, write_frame
from p2p.host.transport import Transport
from p2p.mailbox import Mailbox
from p2p.network import GRANDPA_PEER, NOTE_BYTES, Event, NoteReceived
from p2p.reputation import FATAL
from p2p.steady import now_ms
from p2p.wire import HEADER, frame_length, unpack

NOTE_READERS: Final = 2
"""Maximum number of streams on which notes of one peer are read."""
WRITE_SECONDS: Final = 10.0
"""Time limit for opening a stream and writing one note."""


class Notifications:
    """Writers and readers of notes."""

    def __init__(
        self,
        transport: Transport,
        peers: ConnectedPeers,
        penalties: Penalties,
        outbox: Mailbox[Event],
    ) -> None:
        self._transport = transport
        self._peers = peers
        self._penalties = penalties
        self._outbox = outbox

    def send(self, name: str, data: bytes) -> None:
        """Queue a note; drop it if the peer is not admitted, or its queue or limit is full."""
        peer = self._peers.by_name(name)
        if (
            peer is None
            or not peer.admitted.is_set()
            or not peer.outbound_limits.allows(GRANDPA_PEER, now_ms())
        ):
            contained["note not sent"] += 1
            return
        try:
            peer.to_write.send_nowait(data)
        except trio.WouldBlock:
            contained["note not sent"] += 1

    async def write_all(self, peer: Peer) -> None:
        """Write the queued notes on one stream, in order; open another when it breaks."""
        stream: INetStream | None = None
        try:
            async for data in peer.to_send:
                try:
                    with trio.fail_after(WRITE_SECONDS):
                        if stream is None:
                            stream = await self._transport.open_stream(peer.id, GRANDPA_PEER)
                        await write_frame(stream, data)
                except Exception as error:  # noqa: BLE001  (libp2p ends a stream in a dozen ways)
                    note("notes", error)
                    if stream is not None:
                        await reset(stream)
                    stream = None
        finally:
            if stream is not None:
                await reset(stream)

    async def on_stream(self, stream: INetStream) -> None:
        """Read the notes of a peer until it closes the stream."""
        peer = self._peers.get(stream.muxed_conn.peer_id)
        if peer is None or peer.note_readers >= NOTE_READERS:
            await reset(stream)
            return
        peer.note_readers += 1
        try:
            if await self._peers.admitted(peer):
                await self._read_all(peer, stream)
        except WireError as error:
            self._penalties.penalise(peer.name, FATAL, f"note: {error}")
        except trio.TooSlowError:
            self._penalties.penalise(peer.name, TOO_SLOW, "a slow note")
        except StreamEnded:
            return
        except Exception as error:  # noqa: BLE001  (libp2p ends a stream in a dozen ways)
            note("notes", error)
        finally:
            peer.note_readers -= 1
            await reset(stream)

    async def _read_all(self, peer: Peer, stream: INetStream) -> None:
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
            if self._penalties.allows(peer, GRANDPA_PEER):
                self._outbox.put(NoteReceived(peer.name, data))
