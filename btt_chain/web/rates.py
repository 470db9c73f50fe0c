"""Rates of requests by address, in a table of bounded size."""

from __future__ import annotations

from collections import OrderedDict

from btt_chain.primitives.token_bucket import TokenBucket
from btt_chain.web.addresses import network_of


class Rates:
    """A token bucket for each address; a new address costs the same however many there are."""

    def __init__(self, rate: float, burst: float, addresses: int) -> None:
        """`rate` is in requests a second of one address."""
        self._rate = rate
        self._burst = burst
        self._addresses = addresses
        self._buckets: OrderedDict[str, TokenBucket] = OrderedDict()

    def __len__(self) -> int:
        """Return the number of addresses in the table."""
        return len(self._buckets)

    def admits(self, address: str, now: float) -> bool:
        """Return True if an address may make a request now; the request is counted."""
        name = network_of(address)
        bucket = self._buckets.get(name)
        if bucket is None:
            bucket = self._buckets[name] = TokenBucket(self._rate, self._burst, now)
            if len(self._buckets) > self._addresses:
                self._buckets.popitem(last=False)
        else:
            self._buckets.move_to_end(name)
        return bucket.take(now)
