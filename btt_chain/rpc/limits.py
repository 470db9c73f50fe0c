"""Limits of the load that one caller may put on the node.

Sizes and counts hold for all callers. Connection counts and rates of calls hold for callers from
other machines only. The processor time of a caller's requests is limited in `web/budget.py`.
"""

from __future__ import annotations

from typing import Final

from btt_chain.lazyclass import dataclass
from btt_chain.web.limits import HttpLimits

MEBIBYTE: Final = 1 << 20
MAX_UNREAD: Final = 48 << 20
"""Maximum bytes of incomplete requests, of all connections together."""
MAX_ANSWER: Final = 120.0
"""Maximum seconds for an HTTP request to arrive and be answered, and for its answer to be read."""


@dataclass(slots=True)
class Limits:
    """Sizes in bytes, times in seconds."""

    request_size: int = 5 * MEBIBYTE
    response_size: int = 15 * MEBIBYTE
    batch: int = 100
    subscriptions: int = 1_024
    """Per connection."""
    subscriptions_in_all: int = 16_384
    subscriptions_external: int = 12_288
    """Of these, those of callers from other machines; the rest is for local callers."""
    subscriptions_per_address: int = 2_048
    """Of one address of callers from other machines."""
    unsent: int = 4 * MEBIBYTE
    """Bytes of notifications that wait for a slow reader; beyond it the connection is cut."""
    pending_calls: int = 8
    """Slow calls in progress at once on one connection; the next waits its turn."""
    call_timeout: float = 30.0
    ping: float = 30.0
    """Silence of a WebSocket after which it is pinged; without an answer it is cut off."""
    idle: float = 60.0
    """Maximum silence of a connection before its first request, or between two over HTTP."""
    head: float = 10.0
    """Maximum seconds between the first byte of an HTTP request and the end of its head."""
    connections_in_all: int = 1_024
    """Local callers and trusted proxies included."""
    connections: int = 100
    connections_per_address: int = 10
    calls_per_second: int = 100
    calls_at_once: int = 300
    """Maximum number of calls saved up: a browser's wallet opens dozens of subscriptions."""

    def http(self) -> HttpLimits:
        """Return the limits of connections and their bytes."""
        return HttpLimits(
            connections=self.connections_in_all,
            connections_external=self.connections,
            connections_per_address=self.connections_per_address,
            answered_refusals=self.connections,
            min_idle_seconds=0.0,
            unread_bytes=MAX_UNREAD,
            idle_seconds=self.idle,
            head_seconds=self.head,
            busy_seconds=MAX_ANSWER,
            ping_seconds=self.ping,
            answer_seconds=MAX_ANSWER,
        )
