"""Transactions that could go into a block now, with their dependencies.

Invariants: a tag has at most one provider; a required tag either links to its provider (`parents`
and `children`) or is in `unprovided`, which means that the chain provides it; the links have no
cycle, and `level` rises along them.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Mapping

from btt_chain.txpool.heap import LazyHeap, cheapest_newest_first, oldest_first
from btt_chain.txpool.types import Rank, Transaction

LostTags = list[tuple[bytes, Transaction]]
"""Tags that lost their provider, each with a ready transaction that requires it."""


class Ready:
    """The queue of ready transactions, as a graph by tags."""

    __slots__ = ("_expiry", "_worst", "bytes", "members", "provider", "unprovided")

    def __init__(self) -> None:
        self.members: dict[bytes, Transaction] = {}
        self.provider: dict[bytes, Transaction] = {}
        self.unprovided: dict[bytes, dict[Transaction, None]] = {}
        self.bytes = 0
        self._worst = LazyHeap(self.members, cheapest_newest_first)
        self._expiry = LazyHeap(self.members, oldest_first)

    def __iter__(self) -> ReadyIterator:
        return ReadyIterator(self.members)

    def worst(self) -> Transaction | None:
        """Return the member to drop first when room is needed; None if the queue is empty."""
        return self._worst.first()

    def would_be_worst(self, tx: Transaction) -> bool:
        """Return True if `tx`, when inserted, would be the first to drop."""
        return self._worst.would_be_first(tx)

    def first_to_expire(self) -> Transaction | None:
        """Return the member that becomes stale first; None if the queue is empty."""
        return self._expiry.first()

    def rivals(self, tx: Transaction) -> list[Transaction]:
        """Return the members that provide one of the tags of `tx`, without duplicates."""
        provider = self.provider
        if len(tx.provides) == 1:  # every signed transaction
            rival = provider.get(tx.provides[0])
            return [] if rival is None else [rival]
        found = (provider.get(tag) for tag in tx.provides)
        return list(dict.fromkeys(rival for rival in found if rival is not None))

    def would_cycle(self, tx: Transaction, rivals: Iterable[Transaction]) -> bool:
        """Return True if `tx` depends on one that it would replace, or that would depend on it."""
        suspects = dict.fromkeys(rivals)
        if not (suspects or self.unprovided):
            return False
        for tag in tx.provides:
            suspects.update(self.unprovided.get(tag, {}))
        if not suspects:
            return False
        found = (self.provider.get(tag) for tag in tx.requires)
        return _leads_to([parent for parent in found if parent is not None], suspects)

    def depends(self, tx: Transaction, other: Transaction) -> bool:
        """Return True if `tx`, a member, cannot stay without `other`."""
        return _leads_to(tx.parents, {other: None})

    def insert(self, tx: Transaction) -> None:
        """Insert `tx`, which must have no rivals here and close no cycle (see above)."""
        self.members[tx.hash] = tx
        self.bytes += len(tx.raw)
        tx.level = 0
        for tag in tx.requires:
            parent = self.provider.get(tag)
            if parent is None:
                self.unprovided.setdefault(tag, {})[tx] = None
            else:
                tx.parents[parent] = None
                parent.children[tx] = None
                tx.level = max(tx.level, parent.level + 1)
        for tag in tx.provides:
            self.provider[tag] = tx
            for child in self.unprovided.pop(tag, ()):
                child.parents[tx] = None
                tx.children[child] = None
        if tx.children:
            self._lift(tx.children)
        self._worst.push(tx)
        self._expiry.push(tx)

    def detach(self, tx: Transaction) -> LostTags:
        """Remove `tx`, but keep its children, whose tags are then unprovided."""
        del self.members[tx.hash]
        self.bytes -= len(tx.raw)
        for parent in tx.parents:
            del parent.children[tx]
        tx.parents.clear()
        for tag in tx.requires:
            self._no_longer_wants(tag, tx)
        lost_tags: LostTags = []
        for child in tx.children:
            del child.parents[tx]
            for tag in child.requires:
                if self.provider.get(tag) is tx:
                    self.unprovided.setdefault(tag, {})[child] = None
                    lost_tags.append((tag, child))
        tx.children.clear()
        for tag in dict.fromkeys(tx.provides):
            del self.provider[tag]
        return lost_tags

    def remove_subtree(self, roots: Iterable[Transaction]) -> list[Transaction]:
        """Remove and return the roots with all dependants; roots not in the queue are skipped."""
        removed: list[Transaction] = []
        walk = list(roots)
        while walk:
            tx = walk.pop()
            if self.members.get(tx.hash) is not tx:
                continue
            walk += tx.children
            self.detach(tx)
            removed.append(tx)
        return removed

    def _no_longer_wants(self, tag: bytes, tx: Transaction) -> None:
        wanting = self.unprovided.get(tag)
        if wanting is None:
            return
        wanting.pop(tx, None)
        if not wanting:
            del self.unprovided[tag]

    def _lift(self, children: Iterable[Transaction]) -> None:
        """Raise levels below a new parent. In the old order each is processed once."""
        work = [(child.level, child.hash) for child in children]
        heapq.heapify(work)
        while work:
            child = self.members[heapq.heappop(work)[1]]
            level = 1 + max(parent.level for parent in child.parents)
            if level <= child.level:
                continue
            child.level = level
            for grandchild in child.children:
                heapq.heappush(work, (grandchild.level, grandchild.hash))


def _leads_to(starts: Iterable[Transaction], goals: Mapping[Transaction, None]) -> bool:
    """Return True if a path from one of `starts`, over parents, reaches one of `goals`."""
    # Levels rise from parent to child: nothing below the lowest goal can lead to one. A plain
    # replacement in a long chain ends here at once.
    floor = min(goal.level for goal in goals)
    walk = [start for start in starts if start.level >= floor]
    seen = set(walk)
    while walk:
        ancestor = walk.pop()
        if ancestor in goals:
            return True
        fresh = [p for p in ancestor.parents if p.level >= floor and p not in seen]
        seen.update(fresh)
        walk += fresh
    return False


class ReadyIterator(Iterator[Transaction]):
    """Ready transactions in authoring order, found on demand.

    Dependencies first; then the higher priority, the earlier end of validity, the earlier arrival.
    The author calls `skip` for misfits: their dependants are then left out. The pool may change
    meanwhile: removed transactions are left out, new ones may be returned or not, and none is
    returned before its parents.
    """

    __slots__ = ("_heap", "_kept", "_last", "_members", "_skipped")

    def __init__(self, members: dict[bytes, Transaction]) -> None:
        self._members = members
        self._heap: list[Rank] = [tx.rank for tx in members.values() if not tx.parents]
        heapq.heapify(self._heap)
        self._kept: set[bytes] = set()
        self._skipped: set[bytes] = set()
        self._last: Transaction | None = None

    def __iter__(self) -> ReadyIterator:
        return self

    def __next__(self) -> Transaction:
        if self._last is not None:
            self._unlock(self._last)
            self._last = None
        kept = self._kept
        while self._heap:
            tx_hash = heapq.heappop(self._heap)[3]
            tx = self._members.get(tx_hash)
            if tx is None or tx_hash in self._skipped or tx_hash in kept:
                continue
            if tx.parents and not all(parent.hash in kept for parent in tx.parents):
                continue
            self._last = tx
            return tx
        raise StopIteration

    def skip(self, tx_hash: bytes) -> None:
        """Leave out this transaction, unless it was returned already, and all its dependants."""
        self._skipped.add(tx_hash)
        self._kept.discard(tx_hash)

    def _unlock(self, tx: Transaction) -> None:
        # Only now, after the author's decision: a skipped one unlocks nothing.
        if tx.hash in self._skipped:
            return
        self._kept.add(tx.hash)
        # One with several parents is pushed once for each; the last time counts.
        for child in tx.children:
            heapq.heappush(self._heap, child.rank)
