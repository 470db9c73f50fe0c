"""Shares of the accounts in the queue of transactions that wait for others."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import field

from btt_chain.lazyclass import dataclass
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
