"""Places of peers that dial in: the selection of a peer to disconnect for a newcomer. Pure.

Identities are free and addresses of one network are cheap, so a network cannot hold all places:
when they are taken, a newcomer from a network with fewer peers takes the place of the network with
the most. Its newest peer leaves, as the older ones have proven to stay. A network is a /24 of IPv4
or a /48 of IPv6.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from p2p.networks import network_of, wide_network_of


class InboundPeer(NamedTuple):
    """An admitted peer that dialled in and holds a place."""

    peer: str
    ip: str
    since_ms: int


def select_to_evict(peers: Sequence[InboundPeer], ip: str) -> str | None:
    """Return the peer to disconnect for a newcomer from `ip`; None if it must be refused.

    After the exchange the newcomer's network has at most as many peers as the other one.
    """
    networks = [_group(one.ip) for one in peers]
    counts = Counter(networks)
    largest = max(counts.values(), default=0)
    if largest <= counts[_group(ip)] + 1:
        return None
    candidates = [
        one for one, network in zip(peers, networks, strict=True) if counts[network] == largest
    ]
    return max(candidates, key=lambda one: (one.since_ms, one.peer)).peer


def _group(ip: str) -> str:
    return wide_network_of(ip) or network_of(ip)
