"""A heap over the members of a queue that forgets its dead when they surface.

Taking a member out of the queue costs nothing here. An entry whose member has
gone is skipped when it reaches the top, and the heap is rebuilt when it holds
more dead entries than living: so it stays within twice the queue, and every
operation costs O(log n) on average.
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

    __slots__ = ("_heap", "_key", "_members")

    def __init__(
        self, members: Mapping[bytes, Transaction], key: Callable[[Transaction], Key]
    ) -> None:
        self._members = members
        self._key = key
        self._heap: list[Key] = []

    def push(self, tx: Transaction) -> None:
        """Tell the heap of a new member; it must be among the members already."""
        heapq.heappush(self._heap, self._key(tx))
        if len(self._heap) > 2 * len(self._members) + _SLACK:
            self._heap = [self._key(member) for member in self._members.values()]
            heapq.heapify(self._heap)

    def first(self) -> Transaction | None:
        """The member with the smallest key, or None when there are none."""
        while self._heap:
            key = self._heap[0]
            tx = self._members.get(key[2])
            if tx is not None and self._key(tx) == key:
                return tx
            heapq.heappop(self._heap)
        return None

    def __len__(self) -> int:
        return len(self._heap)


def worst_first(tx: Transaction) -> Key:
    """Eviction order: lowest priority, then longest here."""
    return (tx.priority, tx.seq, tx.hash)


def oldest_first(tx: Transaction) -> Key:
    """Order of growing stale."""
    return (tx.valid_till, tx.seq, tx.hash)
