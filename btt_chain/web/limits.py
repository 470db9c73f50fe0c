"""The limits of one HTTP server."""

from __future__ import annotations

from math import inf

from btt_chain.lazyclass import dataclass


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """Limits of an HTTP server; an address is an IPv4 address or a /64 of IPv6."""

    connections: int = 256
    connections_external: int | None = None
    """Of these, those of callers from other machines; None: as many."""
    connections_per_address: int = 16
    """Connections of one address; a proxy on this machine may have all."""
    answered_refusals: int = 0
    """Connections beyond the limits on callers from other machines that are open until their first
    request is answered with a refusal; further ones end at once.
    """
    min_idle_seconds: float = 1.0
    """Minimum seconds after which an idle connection may be ended for a new one."""
    rate: float = 20.0
    """Requests a second of one address."""
    burst: float = 100.0
    """Requests that an address may make at once after a pause."""
    addresses: int = 4_096
    """Number of addresses whose rates are kept; the one that was silent longest is dropped."""
    body_bytes: int = 64 << 10
    """Maximum bytes of the body of one request."""
    all_body_bytes: int = 1 << 20
    """Maximum bytes of the bodies of all requests in progress."""
    unread_bytes: float = inf
    """Maximum bytes of all incomplete requests, heads and messages of WebSockets included."""
    idle_seconds: float = 30.0
    """Maximum seconds of a connection without a request."""
    head_seconds: float = 10.0
    """Maximum seconds between the first byte of a request and the end of its head."""
    request_seconds: float = 30.0
    """Maximum seconds for a body to arrive and the request to be answered."""
    busy_seconds: float = inf
    """Maximum seconds for a request to arrive and be answered, whatever its handler's limit is; of
    a WebSocket, for a message to arrive.
    """
    ping_seconds: float = 30.0
    """Silence of a WebSocket after which it is pinged; its half is the time for an answer."""
    answer_seconds: float = 120.0
    """Maximum seconds in which a caller may leave an answer unread."""
