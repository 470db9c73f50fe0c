"""Frames of a WebSocket: small requests that arrive whole, and the boundaries between messages.

Nearly every request is one short text frame in one piece. Such a one is read here without the
library's parser, its queue and a wake-up of a task, which together cost more than the call. All
other bytes go to that parser, which alone judges them; `FrameBoundaries` follows them to know when
it has consumed whole messages only, so that the next small request may be read here again.
Source: RFC 6455, section 5.2.
"""

from __future__ import annotations

from typing import Final

FINAL_TEXT: Final = 0x81
"""First byte of a text frame that is a whole message, without extensions."""
MASKED: Final = 0x80
LONG: Final = 126
"""Length that is followed by two bytes with the true one; the next one, 127, by eight."""
MAX_SMALL: Final = 2_048
"""Maximum bytes of a request that is read here; a transfer has 400 as hex."""
CONTROL: Final = 8
"""Kinds of frames from here on may stand between the frames of one message."""


def small_text(data: bytes) -> bytes | None:
    """Return the message if `data` is exactly one small text frame of a client, else None."""
    size = len(data)
    if size < 6 or data[0] != FINAL_TEXT:
        return None
    length, start = data[1] - MASKED, 6
    if length == LONG and size >= 8:
        length, start = data[2] << 8 | data[3], 8
        if length < LONG:
            return None
    elif length >= LONG:
        return None
    if length < 0 or length > MAX_SMALL or size != start + length:
        return None
    mask = (data[start - 4 : start] * (length // 4 + 1))[:length]
    plain = int.from_bytes(data[start:], "little") ^ int.from_bytes(mask, "little")
    return plain.to_bytes(length, "little")


def text_frame(text: bytes) -> bytes:
    """Return a server's text frame; `text` has fewer than 65,536 bytes."""
    size = len(text)
    if size < LONG:
        return bytes((FINAL_TEXT, size)) + text
    return bytes((FINAL_TEXT, LONG, size >> 8, size & 0xFF)) + text


class FrameBoundaries:
    """Follows the bytes of a client to know where messages end."""

    __slots__ = ("_head", "_is_open", "_rest")

    def __init__(self) -> None:
        self._head = bytearray()
        """Bytes of an incomplete frame header."""
        self._rest = 0
        """Bytes that are missing of a frame's payload."""
        self._is_open = False
        """True if a message has begun whose last frame has not."""

    @property
    def is_between(self) -> bool:
        """True if all messages so far are complete, and so are their frames."""
        return not (self._rest or self._head or self._is_open)

    def feed(self, data: bytes) -> None:
        """Process received bytes."""
        at, end = 0, len(data)
        while at < end:
            if self._rest:
                step = min(self._rest, end - at)
                self._rest -= step
                at += step
                continue
            head = self._head
            step = min(_header_size(head) - len(head), end - at)
            head += data[at : at + step]
            at += step
            if len(head) == _header_size(head):
                self._begin(bytes(head))
                head.clear()

    def _begin(self, head: bytes) -> None:
        """Process a complete header."""
        length = head[1] & 0x7F
        if length >= LONG:
            length = int.from_bytes(head[2 : 4 if length == LONG else 10])
        self._rest = length
        if head[0] & 0x0F < CONTROL:
            self._is_open = not head[0] & 0x80


def _header_size(head: bytearray) -> int:
    """Return the bytes of a frame header that begins so, as far as is known."""
    if len(head) < 2:
        return 2
    length = head[1] & 0x7F
    size = 2 if length < LONG else 4 if length == LONG else 10
    return size + 4 if head[1] & MASKED else size
