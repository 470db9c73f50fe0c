"""Frames on libp2p streams: read into memory at once, bounded, never byte by byte.

The library disconnects a writer whose reader pauses for five seconds (defect 15), so a frame is
read as a whole as it arrives; its length is checked before anything is stored.
"""

from __future__ import annotations

from typing import Final

from libp2p.abc import INetStream

from p2p.errors import WireError
from p2p.wire import HEADER, REFUSAL, frame, frame_length, unpack

PIECE: Final = 1 << 16
READ_SECONDS: Final = 5.0
"""Time limit for a peer to write its request, or the rest of a note it began."""


class StreamEnded(Exception):
    """The other side closed the stream between two frames."""


async def read_exactly(stream: INetStream, length: int) -> bytes:
    """Read `length` bytes. Raises StreamEnded if there are none, WireError if there are fewer."""
    buffer = bytearray()
    while len(buffer) < length:
        piece = await stream.read(min(PIECE, length - len(buffer)))
        if not piece:
            if buffer:
                raise WireError("a frame that ends early")
            raise StreamEnded
        buffer += piece
    return bytes(buffer)


async def read_frame(stream: INetStream, bound: int) -> bytes | None:
    """Read a frame and return its payload; None for a refusal. Raises WireError, StreamEnded."""
    length = frame_length(await read_exactly(stream, HEADER), bound)
    if length == 0:
        return None
    try:
        body = await read_exactly(stream, length)
    except StreamEnded as error:
        raise WireError("a frame without its body") from error
    return unpack(body, bound)


async def write_frame(stream: INetStream, payload: bytes | None) -> None:
    """Write `payload` as one frame; None is a refusal."""
    await stream.write(REFUSAL if payload is None else frame(payload))
