"""A heap over the members of a queue that is made on demand and drops removed members lazily.

Most queues are never full, and are not asked for their first member: adding one costs nothing until
then. Removing a member never does. An entry whose member has gone is skipped when it reaches the
top, and the heap is dropped when it holds more dead entries than living: so it stays within twice
the queue, and every operation costs O(log n) on average.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping
from typing import Final

from btt_chain.txpool.types import Transaction

Key = tuple[int, int, bytes]

_SLACK: Final = 64


class LazyHeap:
    """The member with the smallest key; keys end in the hash of their transaction."""

    __slots__ = ("_heap", "_members", "key")

    def __init__(
        self, members: Mapping[bytes, Transaction], key: Callable[[Transaction], Key]
    ) -> None:
        self._members = members
        self.key = key
        self._heap: list[Key] | None = None
        """None until it is needed."""

    def push(self, tx: Transaction) -> None:
        """Add a new member; it must be among the members already."""
        heap = self._heap
        if heap is None:
            return
        heapq.heappush(heap, self.key(tx))
        if len(heap) > 2 * len(self._members) + _SLACK:
            self._heap = None

    def first(self) -> Transaction | None:
        """Return the member with the smallest key, or None when there are none."""
        if not self._members:
            self._heap = None
            return None
        heap = self._heap
        if heap is None:
            heap = self._heap = [self.key(member) for member in self._members.values()]
            heapq.heapify(heap)
        while heap:
            key = heap[0]
            tx = self._members.get(key[2])
            if tx is not None and self.key(tx) == key:
                return tx
            heapq.heappop(heap)
        return None

    def would_be_first(self, tx: Transaction) -> bool:
        """Return True if `tx`, not yet a member, would come before all members."""
        first = self.first()
        return first is not None and self.key(tx) < self.key(first)

    def __len__(self) -> int:
        return len(self._heap or ())


def cheapest_newest_first(tx: Transaction) -> Key:
    """Return the key for evicting ready ones: lowest priority, then newest.

    The oldest is the next one in a block, and long chains of nonces depend on it.
    """
    return (tx.priority, -tx.seq, tx.hash)


def cheapest_oldest_first(tx: Transaction) -> Key:
    """Return the key for evicting waiting ones: lowest priority, then oldest.

    The oldest most likely waits for a transaction that never comes.
    """
    return (tx.priority, tx.seq, tx.hash)


def oldest_first(tx: Transaction) -> Key:
    """Return the key for the order of becoming stale."""
    return (tx.valid_till, tx.seq, tx.hash)
