"""Transactions of this pool that are in blocks, waiting for finality.

Invariant: a transaction is in at most one block here.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import field
from typing import NamedTuple

from btt_chain.lazyclass import dataclass
from btt_chain.txpool.types import BlockRef, Limit


@dataclass(slots=True)
class _Block:
    number: int
    positions: dict[bytes, int] = field(default_factory=dict)


class Inclusions:
    """Transactions by block, until the block is final, retracted or too old."""

    __slots__ = ("_blocks", "_limit", "_patience", "_where")

    def __init__(self, patience: int, limit: int) -> None:
        self._patience = patience
        self._limit = limit
        self._blocks: OrderedDict[bytes, _Block] = OrderedDict()
        self._where: dict[bytes, bytes] = {}

    def __len__(self) -> int:
        return len(self._where)

    def block_of(self, tx_hash: bytes) -> bytes | None:
        """Return the hash of the block that holds the transaction, None if it is not here."""
        return self._where.get(tx_hash)

    def add(self, block: BlockRef, tx_hash: bytes, position: int) -> None:
        """Record that the block holds the transaction, which no other block does."""
        entry = self._blocks.get(block.hash)
        if entry is None:
            entry = self._blocks[block.hash] = _Block(block.number)
        entry.positions[tx_hash] = position
        self._where[tx_hash] = block.hash

    def take(self, tx_hash: bytes) -> tuple[bytes, int] | None:
        """Remove a transaction; return the hash of its block and its position, None if unknown."""
        block_hash = self._where.pop(tx_hash, None)
        if block_hash is None:
            return None
        entry = self._blocks[block_hash]
        position = entry.positions.pop(tx_hash)
        if not entry.positions:
            del self._blocks[block_hash]
        return block_hash, position

    def take_block(self, block_hash: bytes) -> dict[bytes, int]:
        """Remove a block; return its transactions and their positions."""
        entry = self._blocks.pop(block_hash, None)
        if entry is None:
            return {}
        for tx_hash in entry.positions:
            del self._where[tx_hash]
        return entry.positions

    def take_overdue(self, best: int) -> Iterator[tuple[bytes, dict[bytes, int]]]:
        """Remove the blocks that did not become final in time, and yield them, the oldest first."""
        while self._blocks:
            block_hash, entry = next(iter(self._blocks.items()))
            if entry.number + self._patience > best and len(self._where) <= self._limit:
                return
            yield block_hash, self.take_block(block_hash)


class Retracted(NamedTuple):
    """A transaction of a retracted block."""

    raw: bytes
    provides: tuple[bytes, ...]
    known: bool
    """It was in this pool, so it may have watchers."""


class RetractedQueue:
    """Transactions to be resubmitted, in the order in which they were added.

    They count neither as ready nor as future: the runtime has not validated them on the new best
    chain. The queue is bounded like the ready queue.
    """

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
