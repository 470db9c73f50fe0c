"""Limits of the load that one caller may put on the node.

Sizes and counts hold for all callers; the rates of calls, and most limits on connections, for
callers from other machines only. `web/budget.py` limits the processor time of a caller's requests.
"""

from __future__ import annotations

from typing import Final

from btt_chain.lazyclass import dataclass
from btt_chain.web.limits import HttpLimits

MEBIBYTE: Final = 1 << 20
HTTP_LIMITS: Final = HttpLimits(
    connections=1_024,
    connections_external=100,
    connections_per_address=10,
    answered_refusals=100,
    min_idle_seconds=0.0,
    # Of calls. A browser's wallet opens dozens of subscriptions at once.
    rate=100.0,
    burst=300.0,
    unread_bytes=48 * MEBIBYTE,
    idle_seconds=60.0,
    busy_seconds=120.0,
)
"""Limits of connections, and of the calls of an address of another machine."""


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
