"""The ready and the future queue, kept consistent with each other and with the chain's tags.

A transaction is ready if all tags that it requires are provided: by a ready transaction, or by a
recent block. Otherwise it waits in the future queue. Each change here moves the transactions that
it concerns, and emits their status. Validation and bans are those of the pool (`pool.py`).
"""

from __future__ import annotations

import heapq
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from typing import Final, NamedTuple

from btt_chain.txpool.admission import Admission, Rules, status_of
from btt_chain.txpool.errors import CycleDetected, PoolError, TooLowPriority
from btt_chain.txpool.future import Future
from btt_chain.txpool.ready import LostTags, Ready
from btt_chain.txpool.senders import Senders
from btt_chain.txpool.types import (
    BlockRef,
    PoolStatus,
    Rank,
    Status,
    StatusEvent,
    Transaction,
)

NO_READY_ROOM: Final = "there is no room in the pool"
NO_FUTURE_ROOM: Final = "there is no room among those that wait for an earlier nonce"
RECENT_BLOCKS: Final = 2
"""Number of recent blocks whose tags count as provided: a validation may be that much older."""
_DEPENDENCY_INVALID: Final = "it depends on a transaction that was removed as invalid"


class Dropped(NamedTuple):
    """A transaction that was dropped because a queue was full."""

    hash: bytes
    reason: str


class RecentTags:
    """Tags that the transactions of the last RECENT_BLOCKS blocks provide, the oldest block first.

    A validation may be a few blocks old and still require such a tag. Substrate calls them
    `recently_pruned`.
    """

    __slots__ = ("_blocks",)

    def __init__(self) -> None:
        self._blocks: OrderedDict[bytes, frozenset[bytes]] = OrderedDict()

    def __contains__(self, tag: bytes) -> bool:
        return any(tag in tags for tags in self._blocks.values())

    def add(self, block_hash: bytes, tags: Iterable[bytes]) -> None:
        """Add a block as the latest; the oldest one beyond the limit is dropped."""
        self._blocks[block_hash] = frozenset(tags)
        self._blocks.move_to_end(block_hash)
        if len(self._blocks) > RECENT_BLOCKS:
            self._blocks.popitem(last=False)

    def remove(self, block_hash: bytes) -> None:
        """Remove a block that was retracted."""
        self._blocks.pop(block_hash, None)


class BasePool:
    """The transactions of a pool: both queues, by hash, by tag and by sender."""

    def __init__(self, rules: Rules, emit: Callable[[StatusEvent], None]) -> None:
        """`emit` receives each status event, in order."""
        self._limits = rules.limits
        self._emit = emit
        self.ready: Final = Ready()
        self.future: Final = Future()
        self.members: Final[OrderedDict[bytes, Transaction]] = OrderedDict()
        """Both queues, the longest unchecked transaction first."""
        self.recent: Final = RecentTags()
        self._senders = Senders()
        self._admission = Admission(self.ready, self.future, self._senders, rules)

    def status(self) -> PoolStatus:
        """Return number and bytes of both queues."""
        return status_of(self.ready, self.future)

    # ---- entering

    def admit(self, tx: Transaction) -> None:
        """Insert a new transaction. A refusal changes nothing; raises PoolError."""
        admission = self._admission
        admission.check_tags(tx)
        missing = self._missing(tx)
        rivals = [] if missing else self.ready.rivals(tx)
        admission.check_sender(tx, rivals)
        if not missing:
            admission.check_priority(tx, rivals)
            admission.check_ready_room(tx, rivals)
            lost_tags = self._enter_ready(tx, rivals)
            self._join(tx)
            self._announce(tx, Status.READY)
            freed = self.future.satisfy(tx.provides)
            if lost_tags or freed:
                self._settle(self._unprovided(lost_tags), freed)
            return
        admission.check_future_room(tx)
        self.future.insert(tx, missing)
        self._join(tx)
        self._announce(tx, Status.FUTURE)

    def replace(self, tx: Transaction, fresh: Transaction, best: BlockRef) -> None:
        """Replace `tx` by `fresh`, the same transaction as validated at `best`."""
        fresh.announced = tx.announced
        if _same(tx, fresh):
            tx.checked, tx.kept = best.hash, fresh.kept
            self.members.move_to_end(tx.hash)
            return
        try:
            self._admission.check_tags(fresh)
        except PoolError as unfit:
            self.remove(tx, Status.DROPPED, str(unfit))
            return
        self._senders.remove(tx)
        self._senders.add(fresh)
        lost_tags = self._detach(tx)
        self.members[tx.hash] = fresh
        self.members.move_to_end(tx.hash)
        # Through the future queue, like every transaction that is moved.
        self.future.insert(fresh, self._missing(fresh))
        self._settle((), [] if fresh.missing else [fresh])
        self._settle(self._unprovided(lost_tags), ())
        if self.future.members.get(tx.hash) is fresh:
            self._announce(fresh, Status.FUTURE)

    # ---- leaving

    def remove(self, tx: Transaction, status: Status, reason: str) -> None:
        """Remove a transaction, with its last status; those that require it wait."""
        lost_tags = self._detach(tx)
        self._end(tx, status, reason=reason)
        self._settle(self._unprovided(lost_tags), ())

    def remove_all(self, doomed: Iterable[Transaction], reason: str) -> None:
        """Remove transactions as invalid; others that required them wait."""
        lost_tags: LostTags = []
        for tx in doomed:
            lost_tags += self._detach(tx)
            self._end(tx, Status.INVALID, reason=reason)
        self._settle(self._unprovided(lost_tags), ())

    def remove_subtree(self, tx: Transaction, reason: str) -> list[bytes]:
        """Remove an invalid transaction with all dependants; return the hashes of the removed."""
        removed: list[bytes] = []
        for gone in self._queue_of(tx).remove_subtree([tx]):
            self._end(gone, Status.INVALID, reason=reason if gone is tx else _DEPENDENCY_INVALID)
            removed.append(gone.hash)
        return removed

    def take_included(self, tx_hash: bytes) -> bool:
        """Remove a transaction that a block includes, without a status; return True if it was here.

        A child that required a tag of it stays: the chain provides it now.
        """
        tx = self.members.pop(tx_hash, None)
        if tx is None:
            return False
        self._senders.remove(tx)
        self._detach(tx)
        return True

    def first_outdated(self, number: int) -> Transaction | None:
        """Return a transaction that is outdated at height `number`, None if there is none."""
        for queue in (self.ready, self.future):
            tx = queue.first_to_expire()
            if tx is not None and tx.valid_till <= number:
                return tx
        return None

    def enforce_limits(self, newcomer: Transaction | None = None) -> list[Dropped]:
        """Drop the worst, with their dependants, until both queues are within their limits.

        Of waiting transactions, the newest of the account with the most go: they pay nothing. The
        lowest priority goes first, so that cheap spam cannot displace paying senders; of equals, in
        the ready queue, the newest. Substrate drops the oldest: the next one in a block, and with
        it all later nonces of its account, which may be a quarter of the pool. A member is not
        dropped for a newcomer that depends on it (docs/decisions/0007-future-queue.md).
        """
        dropped: list[Dropped] = []
        queue, limit = self.ready, self._limits.ready
        while len(queue.members) > limit.count or queue.bytes > limit.bytes:
            worst = queue.worst()
            if worst is None:
                break
            if newcomer is not None and queue.depends(newcomer, worst):
                dropped.append(Dropped(newcomer.hash, NO_READY_ROOM))
                self.remove(newcomer, Status.DROPPED, NO_READY_ROOM)
                newcomer = None
                continue
            for tx in queue.remove_subtree([worst]):
                dropped.append(Dropped(tx.hash, NO_READY_ROOM))
                self._end(tx, Status.DROPPED, reason=NO_READY_ROOM)
        if not self.future.is_full(self._limits.future):
            return dropped
        for tx in self.future.trim(self._limits.future):
            dropped.append(Dropped(tx.hash, NO_FUTURE_ROOM))
            self._end(tx, Status.DROPPED, reason=NO_FUTURE_ROOM)
        return dropped

    # ---- tags of the chain

    def prune_tags(self, block_hash: bytes, tags: Mapping[bytes, bytes]) -> None:
        """Process the tags that a new block provides, each with the providing transaction's hash.

        Other transactions that provide them can never be included, and are removed; those that
        waited for them become ready.
        """
        if not tags:
            self.recent.add(block_hash, ())
            return
        lost_tags: LostTags = []
        for tag, giver in tags.items():
            rival = self.ready.provider.get(tag)
            if rival is not None:
                lost_tags += self.ready.detach(rival)
                self._end(rival, Status.USURPED, by=giver)
            for rival in list(self.future.offered.get(tag, ())):
                self.future.remove(rival)
                self._end(rival, Status.USURPED, by=giver)
        self.recent.add(block_hash, tags)
        self._settle(self._unprovided(lost_tags), self.future.satisfy(tags))

    def withdraw_tags(self, tags: Iterable[bytes]) -> None:
        """Demote ready transactions whose required tags only a retracted block provided."""
        lost_tags: LostTags = []
        for tag in tags:
            lost_tags += ((tag, tx) for tx in self.ready.unprovided.get(tag, ()))
        self._settle(self._unprovided(lost_tags), ())

    # ---- internals

    def _enter_ready(self, tx: Transaction, rivals: Iterable[Transaction]) -> LostTags:
        """Replace the rivals by `tx`; return the transactions that required their other tags."""
        lost_tags: LostTags = []
        for rival in rivals:
            lost_tags += self.ready.detach(rival)
            self._end(rival, Status.USURPED, by=tx.hash)
        self.ready.insert(tx)
        return lost_tags

    def _settle(self, demoted: Iterable[Transaction], promoted: Iterable[Transaction]) -> None:
        """Move transactions to their queues after a change.

        `demoted` are ready ones that lost a tag, `promoted` future ones with no missing tag any
        more. The better ones enter first, so that of several with one tag the best stays. It
        terminates: a promotion is either final, or removes a rival.
        """
        waiting: list[Rank] = []
        moved: list[Transaction] = []

        def move(down: Iterable[Transaction], up: Iterable[Transaction]) -> None:
            lost = self.ready.remove_subtree(down)
            for tx in lost:
                self.future.insert(tx, self._missing(tx))
            moved.extend(lost)
            for tx in (*up, *(tx for tx in lost if not tx.missing)):
                heapq.heappush(waiting, tx.rank)

        move(demoted, promoted)
        while waiting:
            tx = self.future.members.get(heapq.heappop(waiting)[3])
            if tx is None:
                continue
            self.future.remove(tx)
            # Provided tags may be missing again since.
            missing = self._missing(tx)
            if missing:
                self.future.insert(tx, missing)
                continue
            rivals = self.ready.rivals(tx)
            try:
                self._admission.check_priority(tx, rivals)
            except TooLowPriority as stronger:
                self._end(tx, Status.USURPED, by=stronger.holder)
                continue
            except CycleDetected as cycle:
                self._end(tx, Status.DROPPED, reason=cycle.message)
                continue
            lost_tags = self._enter_ready(tx, rivals)
            self._announce(tx, Status.READY)
            move(self._unprovided(lost_tags), self.future.satisfy(tx.provides))
        for tx in moved:
            if self.future.members.get(tx.hash) is tx:
                self._announce(tx, Status.FUTURE)

    def _missing(self, tx: Transaction) -> list[bytes]:
        """Return the required tags that neither the ready queue nor a recent block provides."""
        if not tx.requires:
            return []
        provider = self.ready.provider
        return [
            tag
            for tag in dict.fromkeys(tx.requires)
            if tag not in provider and tag not in self.recent
        ]

    def _unprovided(self, lost_tags: LostTags) -> list[Transaction]:
        """Return the transactions whose tag is still not provided."""
        provider = self.ready.provider
        return [tx for tag, tx in lost_tags if tag not in provider and tag not in self.recent]

    def _join(self, tx: Transaction) -> None:
        self.members[tx.hash] = tx
        self._senders.add(tx)

    def _queue_of(self, tx: Transaction) -> Ready | Future:
        return self.ready if self.ready.members.get(tx.hash) is tx else self.future

    def _detach(self, tx: Transaction) -> LostTags:
        """Remove one transaction from its queue."""
        if self.ready.members.get(tx.hash) is tx:
            return self.ready.detach(tx)
        self.future.remove(tx)
        return []

    def _announce(self, tx: Transaction, status: Status) -> None:
        if tx.announced is not status:
            tx.announced = status
            self._emit(StatusEvent(tx.hash, status))

    def _end(
        self, tx: Transaction, status: Status, *, by: bytes | None = None, reason: str = ""
    ) -> None:
        """Remove a transaction, which has left its queue, from the pool, with its last status."""
        del self.members[tx.hash]
        self._senders.remove(tx)
        self._emit(StatusEvent(tx.hash, status, by=by, reason=reason))


def _same(old: Transaction, new: Transaction) -> bool:
    return (
        old.rank == new.rank
        and old.requires == new.requires
        and old.provides == new.provides
        and old.propagate == new.propagate
    )
