"""Places of callers from other machines: the selection of a connection to end for a new caller.

There are `Limits.connections` places. When all are taken, a network (an IPv4 address, a /64 of
IPv6) with fewer connections takes one from the network with the most. Idle connections end first:
without subscription, and silent for `MIN_SILENCE`. Connections that are used, or wait for
notifications, end only while their network has more than half of an address's limit.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, Generic, TypeVar

from btt_chain.lazyclass import dataclass

MIN_SILENCE: Final = 10.0
"""Seconds after which a connection without subscriptions may be ended for another."""

Who = TypeVar("Who")


@dataclass(frozen=True, slots=True)
class Place(Generic[Who]):
    """A connection that has a place."""

    who: Who
    network: str
    since: float
    """Time of its last message."""
    is_waiting: bool
    """True if it has subscriptions, so that its client may be silent."""


def select_victim(
    places: Iterable[Place[Who]], counts: Mapping[str, int], network: str, most: int, now: float
) -> Who | None:
    """Return the connection to end for a caller of `network`; None if the caller is to be refused.

    `counts` are the connections of each network, `most` the limit of one.
    """
    own = counts.get(network, 0)
    best: Place[Who] | None = None
    best_rank: tuple[bool, int, float] | None = None
    for place in places:
        count = counts.get(place.network, 0)
        is_idle = not place.is_waiting and now - place.since > MIN_SILENCE
        if count <= own or not (is_idle or count > most // 2):
            continue
        rank = (is_idle, count, now - place.since)
        if best_rank is None or rank > best_rank:
            best, best_rank = place, rank
    return None if best is None else best.who
