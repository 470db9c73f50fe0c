"""Transactions of retracted blocks, until they are resubmitted.

They count neither as ready nor as future: the runtime has not validated them on the new best chain.
The queue is bounded like the ready queue.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import NamedTuple

from btt_chain.txpool.types import Limit


class Retracted(NamedTuple):
    """A transaction of a retracted block."""

    raw: bytes
    provides: tuple[bytes, ...]
    known: bool
    """It was in this pool, so it may have watchers."""


class RetractedQueue:
    """Transactions to be resubmitted, in the order in which they were added."""

    __slots__ = ("_entries", "_limit", "bytes")

    def __init__(self, limit: Limit) -> None:
        self._limit = limit
        self._entries: OrderedDict[bytes, Retracted] = OrderedDict()
        self.bytes = 0

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, tx_hash: bytes) -> bool:
        return tx_hash in self._entries

    def items(self) -> list[tuple[bytes, Retracted]]:
        """Return the hashes and transactions, the next one first."""
        return list(self._entries.items())

    def next_size(self) -> int:
        """Return the bytes of the next transaction; the queue must not be empty."""
        return len(next(iter(self._entries.values())).raw)

    def add(self, tx_hash: bytes, entry: Retracted) -> bool:
        """Append a transaction unless it is here; return True if it is in the queue afterwards."""
        if tx_hash in self._entries:
            return True
        limit = self._limit
        if len(self._entries) >= limit.count or self.bytes + len(entry.raw) > limit.bytes:
            return False
        self._entries[tx_hash] = entry
        self.bytes += len(entry.raw)
        return True

    def take(self, tx_hash: bytes) -> Retracted | None:
        """Remove and return a transaction, None if it is not here."""
        entry = self._entries.pop(tx_hash, None)
        if entry is not None:
            self.bytes -= len(entry.raw)
        return entry

    def take_next(self) -> tuple[bytes, Retracted]:
        """Remove and return the next transaction with its hash; the queue must not be empty."""
        tx_hash, entry = self._entries.popitem(last=False)
        self.bytes -= len(entry.raw)
        return tx_hash, entry
