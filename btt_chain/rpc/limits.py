"""Limits of the load that one caller may put on the node.

Sizes and counts hold for all callers. Connection counts and rates of calls hold for callers from
other machines only. The processor time of a caller's requests is limited in `budget.py`.
"""

from __future__ import annotations

from collections import Counter
from time import monotonic
from typing import Final

from btt_chain.lazyclass import dataclass
from btt_chain.primitives.token_bucket import TokenBucket
from btt_chain.web.addresses import network_of, wide_network_of

MEBIBYTE: Final = 1 << 20
WIDE_SHARE: Final = 4
"""Number of addresses' connections that a /48 of IPv6, which one customer may rent, can have."""


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
    connections_in_all: int = 1_024
    """Local callers and trusted proxies included."""
    connections: int = 100
    connections_per_address: int = 10
    calls_per_second: int = 100
    calls_at_once: int = 300
    """Maximum number of calls saved up: a browser's wallet opens dozens of subscriptions."""


class ConnectionLimiter:
    """Counts the connections of external callers, and keeps one rate budget per HTTP address.

    An IPv6 address stands for its /64 network: one caller controls all addresses of it. All
    addresses of a /48 together may have WIDE_SHARE times the connections of one.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.total = 0
        self.by_address: Counter[str] = Counter()
        self._by_wide: Counter[str] = Counter()
        self.buckets: dict[str, TokenBucket] = {}

    def admit(self, address: str) -> bool:
        """Add a connection; return True if there was room for it."""
        address, wide = network_of(address), wide_network_of(address)
        if self.is_full or not self.allows(address):
            return False
        self.total += 1
        self.by_address[address] += 1
        self._by_wide[wide] += 1
        return True

    @property
    def is_full(self) -> bool:
        """True if all places are taken."""
        return self.total >= self.limits.connections

    def allows(self, address: str) -> bool:
        """Return True if an address, and its /48 of IPv6, have fewer connections than they may."""
        most, wide = self.limits.connections_per_address, wide_network_of(address)
        own = self.by_address.get(network_of(address), 0)
        return own < most and self._by_wide.get(wide, 0) < WIDE_SHARE * most

    def leave(self, address: str) -> None:
        """Remove a connection."""
        self.total -= 1
        for counts, network in (
            (self.by_address, network_of(address)),
            (self._by_wide, wide_network_of(address)),
        ):
            counts[network] -= 1
            if not counts[network]:
                del counts[network]

    def bucket(self, address: str) -> TokenBucket:
        """Return the rate budget of an address over HTTP, which outlives connections."""
        address, now = network_of(address), monotonic()
        bucket = self.buckets.get(address)
        if bucket is None:
            if len(self.buckets) >= 4_096:
                # A bucket unused for so long is full again: dropping it changes nothing.
                full = self.limits.calls_at_once / self.limits.calls_per_second
                self.buckets = {a: b for a, b in self.buckets.items() if now - b.updated < full}
            bucket = self.buckets[address] = self.new_bucket(now)
        return bucket

    def new_bucket(self, now: float) -> TokenBucket:
        """Return a full rate budget."""
        return TokenBucket(self.limits.calls_per_second, self.limits.calls_at_once, now)
