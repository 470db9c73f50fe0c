"""Charges of peers for offences, floods and cost; bans and cut-offs that follow.

Offences lower the reputation in the peer book; cost is charged to the accounts (`p2p.accounts`),
which order a peer to be cut off. All in the trio thread.
"""

from __future__ import annotations

import logging
from collections import Counter
from typing import Final

from libp2p.peer.id import ID

from p2p.accounts import CutOff
from p2p.host.connected import ConnectedPeers, Peer
from p2p.host.containment import contained
from p2p.host.guard import CostGuard
from p2p.kademlia.finder import Finder
from p2p.limits import STREAMS
from p2p.peers import PeerBook
from p2p.reputation import FATAL, Ban
from p2p.steady import now_ms

log = logging.getLogger(__name__)

OVER_LIMIT: Final = 50
"""Cost of a message of a flood: a steady flood is banned within seconds."""
TOO_SLOW: Final = 500


class Penalties:
    """Limits of the messages of connected peers, and penalties. `banned` may be read from other
    threads.
    """

    def __init__(
        self,
        peers: ConnectedPeers,
        book: PeerBook,
        finder: Finder,
        guard: CostGuard,
        traffic: Counter[str],
    ) -> None:
        """`traffic` counts penalties and bans."""
        self._peers = peers
        self._book = book
        self._finder = finder
        self._guard = guard
        self._traffic = traffic
        self.banned: tuple[Ban, ...] = ()

    def penalise(self, name: str, cost: int, why: str) -> None:
        """Charge a peer; disconnect it if that bans it."""
        self._traffic["penalties"] += 1
        was_banned = self._book.is_banned(name, now_ms())
        if not self._book.penalise(name, cost, why, now_ms()):
            return
        self._finder.forget(name)
        if was_banned:
            log.debug("banned peer %s, another offence: %s", name, why)
        else:
            self._traffic["bans"] += 1
            self._guard.accounts.banned(name, now_ms())
            log.warning("peer %s is banned: %s", name, why)
        self.banned = tuple(self._book.bans(now_ms()))
        peer = self._peers.by_name(name)
        if peer is not None:
            self._peers.disconnect(peer, f"banned: {why}")

    def cut_off(self, name: str, order: CutOff) -> None:
        """Disconnect a peer that costs too much; ban it if it was cut off recently."""
        if self._book.is_reserved(name):
            log.warning("peer %s is reserved, slowed instead of cut off: %s", name, order.why)
            return
        peer = self._peers.by_name(name)
        if order.is_ban:
            self.penalise(name, FATAL, order.why)
        else:
            log.warning("peer %s is cut off: %s", name, order.why)
        if peer is not None:
            # Nothing it sends counts from now on.
            self._peers.disconnect_now(peer, f"cut off: {order.why}")

    def allows(self, peer: Peer, kind: str, size: int = 0) -> bool:
        """Count a message of `peer`. Return True if it is admitted. A flood is charged."""
        now = now_ms()
        if peer.gone:
            return False
        if peer.inbound_limits.allows(kind, now):
            return self._guard.admits(peer.name, kind, size)
        contained[f"over the limit: {kind}"] += 1
        self._guard.dropped(peer.name, kind, size)
        if peer.inbound_limits.floods(kind, now):
            self.penalise(peer.name, OVER_LIMIT, f"a flood ({kind})")
        return False

    def allows_stream(self, peer_id: ID) -> bool:
        """Count a stream that a peer opens. Return True if it is admitted."""
        peer = self._peers.get(peer_id)
        return peer is None or self.allows(peer, STREAMS)
