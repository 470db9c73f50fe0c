"""The environment of gossip, as a protocol: the node answers about peers and takes messages."""

from __future__ import annotations

from typing import Protocol

from libp2p.peer.id import ID


class Environment(Protocol):
    """The environment of gossip: queries about peers, and the receiver of messages."""

    async def admitted(self, peer: ID) -> bool:
        """Wait until the handshake of `peer` is over. Return True if it succeeded."""
        ...

    def allows(self, peer: ID, kind: str, size: int = 0) -> bool:
        """Count a message of `peer`. Return True if it is within the limit; if not, it may cost."""
        ...

    def penalise(self, peer: ID, cost: int, why: str) -> None:
        """Charge `peer`."""
        ...

    def received(self, peer: ID, topic: str, payload: bytes) -> None:
        """Receive a message."""
        ...

    def is_connected(self, peer: ID) -> bool:
        """Return True if `peer` is still connected; otherwise its stream is read no further."""
        ...

    def read(self, peer: ID, begun: int, more: int = 0) -> None:
        """Charge `peer` for reading an RPC since `begun`, a value of `thread_us`, and for `more`
        microseconds that it will take.
        """
        ...

    def serves(self, peer: ID, size: int) -> bool:
        """Charge `peer` for `size` bytes that it wants. Return True if it is within its budget."""
        ...

    def repeated(self, peer: ID, size: int = 0) -> None:
        """Charge `peer` for a message that it had delivered before, or that is empty."""
        ...
