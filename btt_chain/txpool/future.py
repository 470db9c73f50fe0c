"""Transactions that wait for others: a nonce ahead of its account, mostly.

Always holds: a member stands in `wanted` under exactly the tags of its `missing`.
Several members may provide one tag; the better one wins when the tag comes.
"""

from __future__ import annotations

from collections.abc import Iterable

from btt_chain.txpool.heap import LazyHeap, cheapest_oldest_first, oldest_first
from btt_chain.txpool.shares import Shares
from btt_chain.txpool.types import Limit, Transaction


class Future:
    """The queue of transactions some of whose required tags nobody provides."""

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
        """The first that must go when room is needed."""
        return self._worst.first()

    def would_be_worst(self, tx: Transaction) -> bool:
        """Whether `tx`, if it came in, would be the first that must go."""
        return self._worst.would_be_first(tx)

    def is_full(self, limit: Limit) -> bool:
        """Return True if the queue is beyond `limit`."""
        return len(self.members) > limit.count or self.bytes > limit.bytes

    def must_yield(self, tx: Transaction, limit: Limit) -> bool:
        """Return True if `tx`, no member yet, would be dropped first from a full queue."""
        heaviest = self.shares.heaviest(limit, tx)
        return self.would_be_worst(tx) if heaviest is None else heaviest == tx.sender

    def trim(self, limit: Limit) -> list[Transaction]:
        """Take out, and return, transactions until the queue is within `limit`.

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
        """The one that grows stale first."""
        return self._expiry.first()

    def insert(self, tx: Transaction, missing: Iterable[bytes]) -> None:
        """Take `tx` in, to wait for these tags."""
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
        """Take `tx` out."""
        del self.members[tx.hash]
        self.bytes -= len(tx.raw)
        self.shares.remove(tx)
        for tag in tx.missing:
            _forget(self.wanted, tag, tx)
        for tag in dict.fromkeys(tx.provides):
            _forget(self.offered, tag, tx)
        tx.missing = {}

    def remove_subtree(self, roots: Iterable[Transaction]) -> list[Transaction]:
        """Take out the roots; those waiting for them go on waiting, for somebody else."""
        removed = [tx for tx in roots if self.members.get(tx.hash) is tx]
        for tx in removed:
            self.remove(tx)
        return removed

    def satisfy(self, tags: Iterable[bytes]) -> list[Transaction]:
        """These tags have come: the members that wait for nothing more. They stay in."""
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
