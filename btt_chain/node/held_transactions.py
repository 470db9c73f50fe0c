"""Transactions of peers that wait for the next block before they go to the pool.

While blocks are full, so are the pools of all nodes, at different moments: what one has accepted
may not fit into another. And a node that includes transactions before it gossips them sends later
ones of the same account ahead of its block. If a pool dropped any of these, a nonce would be
missing there, and all later transactions of its account would be early for as long as the load
lasts: in ten minutes of it each node could include those of few accounts only, and throughput fell
by two fifths. So they are held here, in the order of arrival.

They are not validated: nothing here costs more than its bytes. A peer may use as much room as all
leave free, so peers that send too much lose their own. One whose senders are all gone is dropped:
its validation could be charged to no peer.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final, NamedTuple

from p2p.fair_queue import OVERHEAD
from p2p.network import MIB

MAX_BYTES: Final = 6 * MIB
"""Maximum bytes of all, with OVERHEAD for each; about 15,000 transfers."""


MAX_TRIES: Final = 4
"""Number of blocks that a transaction waits for, if it is still early after each."""


class Held(NamedTuple):
    """A transaction that waits, with the peer that sent it."""

    peer: str
    wire: bytes
    tries: int
    """Number of blocks that it has waited for."""
    other: str = ""
    """The last other peer that has sent it since; empty if none has."""


class HeldTransactions:
    """A queue without duplicates, bounded in bytes."""

    def __init__(self) -> None:
        self._held: OrderedDict[bytes, Held] = OrderedDict()
        self._shares: dict[str, int] = {}
        """Bytes of each peer that has any here."""
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._held)

    def sender(self, hash: bytes) -> str | None:
        """Return the peer that sent a transaction first; None if it is not held."""
        held = self._held.get(hash)
        return None if held is None else held.peer

    def sent_again(self, hash: bytes, peer: str) -> None:
        """Record that another peer has sent a held transaction, too."""
        self._held[hash] = self._held[hash]._replace(other=peer)

    def keep(self, peer: str, hash: bytes, wire: bytes, tries: int = 0) -> bool:
        """Add a transaction that is not held. Return True if its peer has room for it, and it has
        not waited for MAX_TRIES blocks.
        """
        size = len(wire) + OVERHEAD
        share = self._shares.get(peer, 0) + size
        if share > MAX_BYTES - self._bytes or tries >= MAX_TRIES:
            return False
        self._held[hash] = Held(peer, wire, tries)
        self._shares[peer] = share
        self._bytes += size
        return True

    def take(self, count: int) -> list[Held]:
        """Remove and return up to `count` transactions, the oldest first."""
        taken: list[Held] = []
        while self._held and len(taken) < count:
            _, held = self._held.popitem(last=False)
            size = len(held.wire) + OVERHEAD
            self._bytes -= size
            left = self._shares[held.peer] - size
            if left:
                self._shares[held.peer] = left
            else:
                del self._shares[held.peer]
            taken.append(held)
        return taken
