"""Transactions that wait for others, mostly for an earlier nonce.

Invariant: a member is in `wanted` under exactly the tags of its `missing`. Several members may
provide one tag; the better one wins when the tag is provided.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import field

from btt_chain.lazyclass import dataclass
from btt_chain.txpool.heap import LazyHeap, cheapest_oldest_first, oldest_first
from btt_chain.txpool.types import Limit, Transaction


@dataclass(slots=True)
class _Share:
    """Transactions of one account in the queue, in order of arrival there."""

    members: dict[Transaction, None] = field(default_factory=dict)
    size: int = 0

    def weight(self, limit: Limit, newcomer: Transaction | None = None) -> int:
        """Return the part of `limit` that it has, in number or bytes, as a multiple of both."""
        count, size = len(self.members), self.size
        if newcomer is not None:
            count, size = count + 1, size + len(newcomer.raw)
        return max(count * limit.bytes, size * limit.count)


class Shares:
    """The transactions of each sender; transactions without one do not count."""

    __slots__ = ("_shares",)

    def __init__(self) -> None:
        self._shares: dict[bytes, _Share] = {}

    def __len__(self) -> int:
        return len(self._shares)

    def of(self, sender: bytes | None) -> Limit:
        """Return number and bytes of a sender's transactions."""
        share = None if sender is None else self._shares.get(sender)
        return Limit(0, 0) if share is None else Limit(len(share.members), share.size)

    def heaviest_first(self, limit: Limit) -> Iterator[Transaction]:
        """Yield the newest of the account with the largest part of `limit`, while it has several.

        The caller must remove each before it takes the next.
        """
        heap = [
            (-share.weight(limit), sender)
            for sender, share in self._shares.items()
            if len(share.members) > 1
        ]
        heapq.heapify(heap)
        while heap:
            sender = heap[0][1]
            share = self._shares[sender]
            yield next(reversed(share.members))
            if len(share.members) > 1:
                heapq.heapreplace(heap, (-share.weight(limit), sender))
            else:
                heapq.heappop(heap)

    def heaviest(self, limit: Limit, newcomer: Transaction | None = None) -> bytes | None:
        """Return the account with the largest part of `limit`, in number or bytes.

        None if no account has several transactions. `newcomer` counts as if it were in the queue;
        of equals its sender is the heaviest.
        """
        weights = {
            sender: share.weight(limit)
            for sender, share in self._shares.items()
            if len(share.members) > 1
        }
        if newcomer is not None and newcomer.sender in self._shares:
            share = self._shares[newcomer.sender]
            weight = share.weight(limit, newcomer)
            if weight >= max(weights.values(), default=0):
                return newcomer.sender
        return max(weights, key=weights.__getitem__, default=None)

    def add(self, tx: Transaction) -> None:
        """Add a transaction that enters the queue."""
        if tx.sender is None:
            return
        share = self._shares.get(tx.sender)
        if share is None:
            share = self._shares[tx.sender] = _Share()
        share.members[tx] = None
        share.size += len(tx.raw)

    def remove(self, tx: Transaction) -> None:
        """Subtract a transaction that leaves the queue."""
        if tx.sender is None:
            return
        share = self._shares[tx.sender]
        del share.members[tx]
        share.size -= len(tx.raw)
        if not share.members:
            del self._shares[tx.sender]


class Future:
    """The queue of transactions with required tags that no transaction provides."""

    __slots__ = ("_expiry", "_worst", "bytes", "members", "offered", "shares", "wanted")

    def __init__(self) -> None:
        self.members: dict[bytes, Transaction] = {}
        self.wanted: dict[bytes, dict[Transaction, None]] = {}
        self.offered: dict[bytes, dict[Transaction, None]] = {}
        self.shares = Shares()
        self.bytes = 0
        self._worst = LazyHeap(self.members, cheapest_oldest_first)
        self._expiry = LazyHeap(self.members, oldest_first)

    def worst(self) -> Transaction | None:
        """Return the member to drop first when room is needed; None if the queue is empty."""
        return self._worst.first()

    def would_be_worst(self, tx: Transaction) -> bool:
        """Return True if `tx`, when inserted, would be the first to drop."""
        return self._worst.would_be_first(tx)

    def is_full(self, limit: Limit) -> bool:
        """Return True if the queue exceeds `limit`."""
        return len(self.members) > limit.count or self.bytes > limit.bytes

    def must_yield(self, tx: Transaction, limit: Limit) -> bool:
        """Return True if `tx`, not yet a member, would be dropped first from a full queue."""
        heaviest = self.shares.heaviest(limit, tx)
        return self.would_be_worst(tx) if heaviest is None else heaviest == tx.sender

    def trim(self, limit: Limit) -> list[Transaction]:
        """Remove and return transactions until the queue is within `limit`.

        The newest of the account with the most goes first; where no account has several, the worst.
        """
        removed: list[Transaction] = []
        if not self.is_full(limit):
            return removed
        newest_first = self.shares.heaviest_first(limit)
        while self.is_full(limit):
            tx = next(newest_first, None) or self.worst()
            if tx is None:
                break
            self.remove(tx)
            removed.append(tx)
        return removed

    def first_to_expire(self) -> Transaction | None:
        """Return the member that becomes stale first; None if the queue is empty."""
        return self._expiry.first()

    def insert(self, tx: Transaction, missing: Iterable[bytes]) -> None:
        """Insert `tx`, to wait for these tags."""
        self.members[tx.hash] = tx
        self.bytes += len(tx.raw)
        self.shares.add(tx)
        tx.missing = dict.fromkeys(missing)
        for tag in tx.missing:
            self.wanted.setdefault(tag, {})[tx] = None
        for tag in tx.provides:
            self.offered.setdefault(tag, {})[tx] = None
        self._worst.push(tx)
        self._expiry.push(tx)

    def remove(self, tx: Transaction) -> None:
        """Remove `tx`."""
        del self.members[tx.hash]
        self.bytes -= len(tx.raw)
        self.shares.remove(tx)
        for tag in tx.missing:
            _forget(self.wanted, tag, tx)
        for tag in dict.fromkeys(tx.provides):
            _forget(self.offered, tag, tx)
        tx.missing = {}

    def remove_subtree(self, roots: Iterable[Transaction]) -> list[Transaction]:
        """Remove and return the roots; transactions that wait for their tags stay."""
        removed = [tx for tx in roots if self.members.get(tx.hash) is tx]
        for tx in removed:
            self.remove(tx)
        return removed

    def satisfy(self, tags: Iterable[bytes]) -> list[Transaction]:
        """Record provided tags; return the members that wait for nothing more, which stay."""
        freed: list[Transaction] = []
        for tag in tags:
            for tx in self.wanted.pop(tag, ()):
                del tx.missing[tag]
                if not tx.missing:
                    freed.append(tx)
        return freed


def _forget(index: dict[bytes, dict[Transaction, None]], tag: bytes, tx: Transaction) -> None:
    entry = index[tag]
    del entry[tx]
    if not entry:
        del index[tag]
