"""Server-sent events: one line a block to every open page, from one subscription to the node."""

from __future__ import annotations

import asyncio
import json
from typing import Final

from aiohttp import hdrs, web

from btt_chain.web.places import Places

MAX_LISTENERS: Final = 256
"""Maximum number of listeners: half of the connections, the others are for pages."""
MAX_OF_CALLER: Final = 16
"""Maximum number of listeners of one address: its open pages."""
PING: Final = b": \n\n"
PING_SECONDS: Final = 15.0
"""Seconds without a line after which a comment is sent: so listeners that left are found."""
MAILBOX: Final = 16
"""Maximum number of unread lines; a slower listener is cut."""
RETRY_SECONDS: Final = 30
"""Seconds after which a refused listener may try again."""


def no_place(places: Places, *, is_full: bool) -> web.Response:
    """Return the refusal of a stream: 503 if all places are taken, 429 if those of the caller."""
    if is_full:
        status, reason = 503, f"all {places.limit} streams are in use"
        advice = "try again"
    else:
        status, reason = 429, f"{places.of_address} streams of this address are open, its maximum"
        advice = "close a page, or try again"
    return web.Response(
        status=status,
        text=f"{reason}: {advice} in {RETRY_SECONDS} seconds\n",
        headers={hdrs.RETRY_AFTER: str(RETRY_SECONDS)},
    )


class Hub:
    """The listeners."""

    def __init__(self) -> None:
        self._boxes: set[asyncio.Queue[bytes | None]] = set()

    def __len__(self) -> int:
        return len(self._boxes)

    def join(self) -> asyncio.Queue[bytes | None] | None:
        """Return a new mailbox; None if all places are taken."""
        if len(self._boxes) >= MAX_LISTENERS:
            return None
        box: asyncio.Queue[bytes | None] = asyncio.Queue(MAILBOX)
        self._boxes.add(box)
        return box

    async def line(self, box: asyncio.Queue[bytes | None]) -> bytes | None:
        """Return the next line of a mailbox, or a comment after a while; None at the end."""
        try:
            async with asyncio.timeout(PING_SECONDS):
                return await box.get()
        except TimeoutError:
            return PING

    def leave(self, box: asyncio.Queue[bytes | None]) -> None:
        """Forget a mailbox."""
        self._boxes.discard(box)

    def publish(self, news: dict[str, str]) -> None:
        """Send a line to all; a listener with a full mailbox is cut."""
        line = b"data: " + json.dumps(news, separators=(",", ":")).encode() + b"\n\n"
        for box in list(self._boxes):
            try:
                box.put_nowait(line)
            except asyncio.QueueFull:
                self._boxes.discard(box)
                # Its reader finds the end behind one of the lines.
                box.get_nowait()
                box.put_nowait(None)

    def close(self) -> None:
        """End all listeners."""
        for box in list(self._boxes):
            self._boxes.discard(box)
            if box.full():
                box.get_nowait()
            box.put_nowait(None)
