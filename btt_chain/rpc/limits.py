"""Limits: how much one caller may ask of the node.

Sizes and counts hold for everybody. Connection counts and rates of calls hold for callers from
other machines only. What a caller's requests may cost in processor time is in `budget.py`.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from time import monotonic
from typing import Final

from btt_chain.rpc.budget import network_of

MEBIBYTE: Final = 1 << 20


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
    """Of these, callers from other machines; the rest is for those on this one."""
    subscriptions_per_address: int = 2_048
    """Of one address from which callers on other machines come."""
    unsent: int = 4 * MEBIBYTE
    """Notifications waiting for a slow reader; beyond it the connection is cut."""
    pending_calls: int = 8
    """Slow calls under way at once on one connection; the next waits its turn."""
    call_timeout: float = 30.0
    ping: float = 30.0
    idle: float = 60.0
    """How long a connection may stay silent before its first request, or between two over HTTP."""
    connections_in_all: int = 1_024
    """Callers on this machine and trusted proxies included."""
    connections: int = 100
    connections_per_address: int = 10
    calls_per_second: int = 100
    calls_at_once: int = 300
    """How many of these a caller may save up: a browser's wallet opens dozens of subscriptions."""


class TokenBucket:
    """Calls a caller has left: fills at `rate` per second up to `saved`."""

    __slots__ = ("level", "rate", "saved", "updated")

    def __init__(self, rate: int, now: float, saved: int | None = None) -> None:
        """`saved` is one second's worth unless given."""
        self.rate = rate
        self.saved = float(rate if saved is None else saved)
        self.level = self.saved
        self.updated = now

    def take(self, cost: int, now: float) -> bool:
        """Pay for a call; False, and nothing is taken, if too little is left."""
        self.level = min(self.saved, self.level + (now - self.updated) * self.rate)
        self.updated = now
        if self.level < cost:
            return False
        self.level -= cost
        return True


class Doorman:
    """Counts the connections of external callers, and keeps one rate budget per HTTP address.

    An IPv6 address stands for its /64 network: one caller has as many addresses of it as it likes.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.total = 0
        self.by_address: Counter[str] = Counter()
        self.buckets: dict[str, TokenBucket] = {}

    def admit(self, address: str) -> bool:
        """Count a connection in; False, and it is not counted, when there is no room."""
        address = network_of(address)
        if self.is_full or not self.allows(address):
            return False
        self.total += 1
        self.by_address[address] += 1
        return True

    @property
    def is_full(self) -> bool:
        """Return True if all places are taken."""
        return self.total >= self.limits.connections

    def allows(self, address: str) -> bool:
        """Return True if an address has fewer connections than it may have."""
        return self.by_address.get(network_of(address), 0) < self.limits.connections_per_address

    def leave(self, address: str) -> None:
        """Count a connection out."""
        address = network_of(address)
        self.total -= 1
        self.by_address[address] -= 1
        if not self.by_address[address]:
            del self.by_address[address]

    def bucket(self, address: str) -> TokenBucket:
        """The rate budget of an address over HTTP, where connections come and go."""
        address, now = network_of(address), monotonic()
        bucket = self.buckets.get(address)
        if bucket is None:
            if len(self.buckets) >= 4_096:
                # A bucket untouched for so long is full again: forgetting it changes nothing.
                full = self.limits.calls_at_once / self.limits.calls_per_second
                self.buckets = {a: b for a, b in self.buckets.items() if now - b.updated < full}
            bucket = self.buckets[address] = self.new_bucket(now)
        return bucket

    def new_bucket(self, now: float) -> TokenBucket:
        """Return a rate budget that nothing was taken from."""
        return TokenBucket(self.limits.calls_per_second, now, self.limits.calls_at_once)
