"""Addresses of reserved peers: connections from them are admitted where others are refused.

Before the handshake only the address of a connection is known. It may be that of a reserved peer if
the operator named it, or if that peer was connected from it before. Others at the same address are
admitted as well, so such handshakes are rate limited, and peers that are not reserved are
disconnected after them. Pure; time is an argument.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from p2p.address import Address
from p2p.limits import Bucket, Rate, source_of

MAX_ADDRESSES: Final = 5
"""Maximum number of addresses of a reserved peer: four that are named, and one more seen."""
PER_ADDRESS: Final = Rate(0.5, 4)
"""Handshakes of one address."""
TOTAL: Final = Rate(2, 16)
"""Handshakes of all addresses."""


class ReservedAddresses:
    """Addresses from which reserved peers may connect."""

    def __init__(self, reserved: Iterable[Address] = ()) -> None:
        self._sources: dict[str, dict[str, None]] = {}
        """Sources of each peer, the one seen last at the end."""
        self._rates: dict[str, Bucket] = {}
        self._total: Bucket | None = None
        for address in reserved:
            self.reserve(address)

    def reserve(self, address: Address) -> None:
        """Add the address of a peer that the operator named; a DNS name adds none yet."""
        self._sources.setdefault(address.peer, {})
        if address.kind.startswith("ip"):
            self.seen(address.peer, address.host)

    def unreserve(self, peer: str) -> None:
        """Remove a peer."""
        self._sources.pop(peer, None)
        self._clean()

    def seen(self, peer: str, ip: str) -> None:
        """Remember the address of a connected peer that has proven its key, if it is reserved."""
        sources = self._sources.get(peer)
        if sources is None or not ip:
            return
        source = source_of(ip)
        sources.pop(source, None)
        sources[source] = None
        if len(sources) > MAX_ADDRESSES:
            del sources[next(iter(sources))]
            self._clean()

    def admits(self, ip: str, now_ms: int) -> bool:
        """Count a connection. Return True if it may be a reserved peer's and is within limits."""
        source = source_of(ip)
        if not any(source in sources for sources in self._sources.values()):
            return False
        if self._total is None:
            self._total = Bucket(TOTAL, now_ms)
        rate = self._rates.get(source)
        if rate is None:
            rate = self._rates[source] = Bucket(PER_ADDRESS, now_ms)
        return rate.take(now_ms) and self._total.take(now_ms)

    def _clean(self) -> None:
        known = {source for sources in self._sources.values() for source in sources}
        self._rates = {source: rate for source, rate in self._rates.items() if source in known}
