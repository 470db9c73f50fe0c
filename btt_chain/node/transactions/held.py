"""Transactions of peers that wait for the next block before they go to the pool.

While blocks are full, so are the pools of all nodes, at different moments: what one has accepted
may not fit into another. And a node that includes transactions before it gossips them sends later
ones of the same account ahead of its block. If a pool dropped any of these, a nonce would be
missing there, and all later transactions of its account would be early for as long as the load
lasts: over ten minutes of it, throughput was two fifths below that of a minute. So they are held
here, in the order of arrival.

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
"""Number of blocks that a transaction waits for while it is still early after each."""
MAX_OTHERS: Final = 3
"""Maximum number of other peers that are recorded as senders of one."""


class Held(NamedTuple):
    """A transaction that waits, with the peer that sent it."""

    peer: str
    wire: bytes
    is_early: bool
    """True if it waits for an earlier nonce or its time, False if it waits for room."""
    tries: int
    """Number of blocks after which it was still early."""
    others: tuple[str, ...] = ()
    """Other peers that have sent it since."""


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
        held = self._held[hash]
        if len(held.others) < MAX_OTHERS and peer not in held.others:
            self._held[hash] = held._replace(others=(*held.others, peer))

    def keep(self, hash: bytes, held: Held) -> bool:
        """Add a transaction that is not held. Return True if its peer has room for it, and it was
        not early for MAX_TRIES blocks.
        """
        size = len(held.wire) + OVERHEAD
        share = self._shares.get(held.peer, 0) + size
        if share > MAX_BYTES - self._bytes or held.tries >= MAX_TRIES:
            return False
        self._held[hash] = held
        self._shares[held.peer] = share
        self._bytes += size
        return True

    def take(self, room: int) -> list[Held]:
        """Remove and return those that are early, and the first `room` of the others, in the order
        in which they came here.
        """
        taken: list[Held] = []
        for hash, held in list(self._held.items()):
            if not held.is_early:
                if room <= 0:
                    continue
                room -= 1
            del self._held[hash]
            size = len(held.wire) + OVERHEAD
            self._bytes -= size
            self._shares[held.peer] -= size
            if not self._shares[held.peer]:
                del self._shares[held.peer]
            taken.append(held)
        return taken
