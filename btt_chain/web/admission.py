"""Places of callers from other machines: their number, and the connection to end for a new caller.

When all places are taken, a network (an IPv4 address, a /64 of IPv6) with fewer connections takes
one from the network with the most. Idle connections end first: without subscription, and silent for
`MIN_SILENCE`. Connections that are used, or wait for notifications, end only while their network
has more than half of an address's limit.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final, Protocol, TypeVar

from btt_chain.web.addresses import network_of, wide_network_of

MIN_SILENCE: Final = 10.0
"""Seconds after which a connection without subscriptions may be ended for another."""
WIDE_SHARE: Final = 4
"""Number of addresses' connections that a /48 of IPv6, which one customer may rent, can have."""


class Occupant(Protocol):
    """A connection that has a place."""

    network: str
    since: float
    """Time of its last message."""

    @property
    def is_waiting(self) -> bool:
        """True if it has subscriptions, so that its client may be silent."""


Occupying = TypeVar("Occupying", bound=Occupant)


class Admission:
    """Counts the connections with a place, of each network and in all."""

    def __init__(self, places: int, of_address: int) -> None:
        self.limit = places
        self.of_address = of_address
        """Limit of one address; all those of a /48 together may have WIDE_SHARE times as many."""
        self.total = 0
        self.by_address: Counter[str] = Counter()
        self._by_wide: Counter[str] = Counter()

    def admit(self, address: str) -> bool:
        """Add a connection; return True if there was a place for it."""
        if self.is_full or not self.allows(address):
            return False
        self.add(address)
        return True

    def leave(self, address: str) -> None:
        """Remove a connection."""
        self.add(address, -1)

    @property
    def is_full(self) -> bool:
        """True if all places are taken."""
        return self.total >= self.limit

    def allows(self, address: str) -> bool:
        """Return True if an address, and its /48 of IPv6, have fewer connections than they may."""
        most, wide = self.of_address, wide_network_of(address)
        own = self.by_address.get(network_of(address), 0)
        return own < most and self._by_wide.get(wide, 0) < WIDE_SHARE * most

    def add(self, address: str, change: int = 1) -> None:
        """Add connections, or remove them (below zero), whatever the limits are."""
        self.total += change
        for counts, network in (
            (self.by_address, network_of(address)),
            (self._by_wide, wide_network_of(address)),
        ):
            counts[network] += change
            if not counts[network]:
                del counts[network]


def select_victim(
    occupants: Iterable[Occupying],
    counts: Mapping[str, int],
    network: str,
    most: int,
    now: float,
) -> Occupying | None:
    """Return the connection to end for a caller of `network`; None if the caller is to be refused.

    `counts` are the connections of each network, `most` the limit of one.
    """
    own = counts.get(network, 0)
    best: Occupying | None = None
    best_rank: tuple[bool, int, float] | None = None
    for occupant in occupants:
        count = counts.get(occupant.network, 0)
        is_idle = not occupant.is_waiting and now - occupant.since > MIN_SILENCE
        if count <= own or not (is_idle or count > most // 2):
            continue
        rank = (is_idle, count, now - occupant.since)
        if best_rank is None or rank > best_rank:
            best, best_rank = occupant, rank
    return best
