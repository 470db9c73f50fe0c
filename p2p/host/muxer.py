"""Yamux with fewer frames, and fewer turns of the scheduler for each.

The library returns a reader's credit after every read, in a frame of its own, which is encrypted,
sent, read and decrypted like a message. Here it is returned when half of a window is read, as
other implementations do.

The library's locks let all other tasks run each time one is taken, ten times for a message. A turn
of the scheduler costs as much as the message itself, and its system call hands the interpreter to
the engine's thread, which keeps it for milliseconds. `LightLock` does so at every sixteenth time.

Frames that are written while another one is on its way go out together, as one message of Noise.
"""

from __future__ import annotations

import struct
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import TYPE_CHECKING, Final

import trio
from libp2p.abc import IMuxedStream, ISecureConn
from libp2p.network.stream.net_stream import NetStream
from libp2p.stream_muxer.yamux.yamux import (
    HEADER_SIZE,
    MAX_MESSAGE_SIZE,
    TYPE_DATA,
    YAMUX_HEADER_FORMAT,
    Yamux,
    YamuxStream,
)

if TYPE_CHECKING:
    from libp2p.network.connection.swarm_connection import SwarmConn
    from libp2p.peer.id import ID

YIELD_EVERY: Final = 16
"""Number of times that a lock is taken until other tasks run: a peer that sends tiny frames must
not stop them."""
JOINED_BYTES: Final = 64_000
"""Maximum size of frames that are joined: they fit into one message of Noise."""


class LightLock:
    """A lock that lets other tasks run only where it must wait, or at every sixteenth time.

    It is a flag while no task waits: trio's lock keeps account of its owner, which is a dozen calls
    each time. A task that waits gets the lock from the one that releases it, in order.
    """

    __slots__ = ("_is_held", "_taken", "_waiting")

    def __init__(self) -> None:
        self._is_held = False
        self._taken = 0
        self._waiting: trio.lowlevel.ParkingLot | None = None
        """Tasks that wait; None until one has waited."""

    async def __aenter__(self) -> None:
        self._taken += 1
        if self._is_held:
            if self._waiting is None:
                self._waiting = trio.lowlevel.ParkingLot()
            await self._waiting.park()
            return
        self._is_held = True
        if self._taken % YIELD_EVERY == 0:
            try:
                await trio.lowlevel.checkpoint()
            except BaseException:
                self._release()
                raise

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._release()

    def _release(self) -> None:
        """Pass the lock to the task that has waited longest; free it if there is none."""
        if self._waiting:
            self._waiting.unpark()
        else:
            self._is_held = False

    def locked(self) -> bool:
        """Return True if a task holds the lock."""
        return self._is_held


def make_light(owner: object, *names: str) -> None:
    """Replace locks of an object of the library."""
    for name in names:
        setattr(owner, name, LightLock())


class LightNetStream(NetStream):
    """A stream whose state is read without letting other tasks run."""

    def __init__(
        self,
        muxed_stream: IMuxedStream,
        swarm_conn: SwarmConn | None,
        metric_send_channel: trio.MemorySendChannel[object] | None,
    ) -> None:
        super().__init__(muxed_stream, swarm_conn, metric_send_channel)
        make_light(self, "_state_lock")


class LightStream(YamuxStream):
    """A stream of Yamux that returns credit by half windows."""

    def __init__(self, stream_id: int, conn: Yamux, is_initiator: bool) -> None:
        super().__init__(stream_id, conn, is_initiator)
        make_light(self, "window_lock", "close_lock")

    async def write(self, data: bytes) -> None:
        """Write, at once where the window has room. Raises MuxedStreamError."""
        size = len(data)
        is_room = 0 < size <= min(self.send_window, MAX_MESSAGE_SIZE - HEADER_SIZE)
        if not is_room or self.closed or self.send_closed:
            await super().write(data)
            return
        self.send_window -= size
        header = struct.pack(YAMUX_HEADER_FORMAT, 0, TYPE_DATA, 0, self.stream_id, size)
        await self.conn._write_frame(header + data)  # noqa: SLF001  (the library's own way)

    async def _auto_tune_and_send_window_update(self, *, bytes_read: int = 0) -> None:
        read = self._pending_recv_release + bytes_read
        if read < self.target_recv_window // 2:
            self._pending_recv_release = read
            return
        await super()._auto_tune_and_send_window_update(bytes_read=bytes_read)


class LightYamux(Yamux):
    """A connection whose frames are joined where several wait."""

    def __init__(
        self,
        secured_conn: ISecureConn,
        peer_id: ID,
        is_initiator: bool | None = None,
        on_close: Callable[[], Awaitable[object]] | None = None,
    ) -> None:
        super().__init__(secured_conn, peer_id, is_initiator, on_close)
        make_light(self, "streams_lock", "_write_lock")
        self._frames: list[bytes] = []
        """Frames that wait for the one that is being written."""

    async def _write_frame(self, data: bytes) -> None:
        self._frames.append(data)
        try:
            async with self._write_lock:
                while data in self._frames:
                    await self.secured_conn.write(self._next_frames())
        except BaseException:
            if data in self._frames:
                self._frames.remove(data)
            raise

    def _next_frames(self) -> bytes:
        """Remove and return the first frames, as many as fit into one message of Noise."""
        size, count = 0, 0
        for frame in self._frames:
            size += len(frame)
            if count and size > JOINED_BYTES:
                break
            count += 1
        joined = b"".join(self._frames[:count])
        del self._frames[:count]
        return joined
