"""The environment of gossip: connected peers, their limits, and the receiver of messages."""

from __future__ import annotations

from libp2p.peer.id import ID

from p2p.accounts import GOSSIP
from p2p.host.connected import ConnectedPeers
from p2p.host.guard import CostGuard
from p2p.host.penalties import Penalties
from p2p.mailbox import Mailbox
from p2p.network import Event, GossipReceived


class Environment:
    """Answers queries about peers, and receives messages."""

    def __init__(
        self, peers: ConnectedPeers, penalties: Penalties, guard: CostGuard, outbox: Mailbox[Event]
    ) -> None:
        self._peers = peers
        self._penalties = penalties
        self._guard = guard
        self._outbox = outbox

    async def admitted(self, peer: ID) -> bool:
        """Wait until the handshake of `peer` is over. Return True if it succeeded."""
        known = self._peers.get(peer)
        return known is not None and await self._peers.admitted(known)

    def allows(self, peer: ID, kind: str, size: int = 0) -> bool:
        """Count a message of `peer`. Return True if it is within the limit; if not, it may cost."""
        known = self._peers.get(peer)
        return known is not None and self._penalties.allows(known, kind, size)

    def penalise(self, peer: ID, cost: int, why: str) -> None:
        """Charge `peer`."""
        self._penalties.penalise(str(peer), cost, why)

    def received(self, peer: ID, topic: str, payload: bytes) -> None:
        """Receive a message."""
        self._outbox.put(GossipReceived(topic, str(peer), payload))

    def is_connected(self, peer: ID) -> bool:
        """Return True if `peer` is still connected; otherwise its stream is read no further."""
        return peer in self._peers

    def read(self, peer: ID, begun: int, more: int = 0) -> None:
        """Charge `peer` for reading an RPC since `begun`, a value of `thread_us`, and for `more`
        microseconds that it will take.
        """
        self._guard.read(str(peer), begun, more)

    def serves(self, peer: ID, size: int) -> bool:
        """Charge `peer` for `size` bytes that it wants. Return True if it is within its budget."""
        return self._guard.serves(str(peer), size)

    def repeated(self, peer: ID, size: int = 0) -> None:
        """Charge `peer` for a message that it had delivered before, or that is empty."""
        self._guard.dropped(str(peer), GOSSIP, size)
