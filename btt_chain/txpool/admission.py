"""Checks of a valid transaction before it enters a queue. A refusal changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from btt_chain.primitives.validity import TransactionSource
from btt_chain.txpool.errors import (
    CycleDetected,
    FutureRejected,
    ImmediatelyDropped,
    NoFutureRoom,
    NoTagsProvided,
    SenderFunds,
    SenderFutureLimit,
    SenderLimit,
    TooLowPriority,
    Unactionable,
)
from btt_chain.txpool.future import Future
from btt_chain.txpool.ready import Ready
from btt_chain.txpool.senders import Senders
from btt_chain.txpool.types import U64_MAX, CanPay, Limits, PoolStatus, Transaction, outbids


def status_of(ready: Ready, future: Future) -> PoolStatus:
    """Return number and bytes of both queues."""
    return PoolStatus(len(ready.members), ready.bytes, len(future.members), future.bytes)


class Rules(NamedTuple):
    """The settings that decide which transactions enter a pool, as `Pool` describes them."""

    limits: Limits
    can_pay: CanPay | None = None
    authors: bool = True
    accepts_future: bool = True


class Admission:
    """The rules of one pool; each check raises a PoolError. `rivals` are the ready transactions
    that provide a tag of the new one, which would replace them.
    """

    __slots__ = (
        "_accepts_future",
        "_authors",
        "_can_pay",
        "_future",
        "_limits",
        "_ready",
        "_senders",
    )

    def __init__(self, ready: Ready, future: Future, senders: Senders, rules: Rules) -> None:
        self._ready = ready
        self._future = future
        self._senders = senders
        self._limits = rules.limits
        self._can_pay = rules.can_pay
        self._authors = rules.authors
        self._accepts_future = rules.accepts_future

    def check_tags(self, tx: Transaction) -> None:
        """Refuse a transaction that this pool could not identify, use or order."""
        if not tx.provides:
            raise NoTagsProvided
        if not tx.propagate and not self._authors:
            raise Unactionable
        if not set(tx.provides).isdisjoint(tx.requires):
            raise CycleDetected

    def check_sender(self, tx: Transaction, rivals: Sequence[Transaction]) -> None:
        """Refuse a transaction that exceeds its sender's bytes or funds."""
        used, limit = self._senders.of(tx.sender), self._limits.sender_bytes
        size = used + len(tx.raw)
        if size > limit and tx.sender is not None:
            size -= sum(len(rival.raw) for rival in rivals if rival.sender == tx.sender)
            if size > limit:
                raise SenderLimit(self._status(), used, limit)
        # A transaction that returns from a retracted block was paid for there.
        if self._can_pay is None or tx.source is TransactionSource.InBlock:
            return
        replaced = 0
        if rivals:
            replaced = sum(rival.fee for rival in rivals if rival.sender == tx.sender)
        fees = self._senders.unpayable(tx, replaced, self._can_pay)
        if fees is not None:
            raise SenderFunds(self._status(), fees)

    def check_priority(self, tx: Transaction, rivals: Sequence[Transaction]) -> None:
        """Refuse a transaction unless it outbids all that it replaces, together."""
        if rivals:
            old = min(sum(rival.priority for rival in rivals), U64_MAX)
            if not outbids(tx.priority, old):
                raise TooLowPriority(old, tx.priority, rivals[0].hash)
        if self._ready.would_cycle(tx, rivals):
            raise CycleDetected

    def check_ready_room(self, tx: Transaction, rivals: Sequence[Transaction]) -> None:
        """Refuse a transaction that would be the first to be dropped from a full ready queue."""
        queue, limit = self._ready, self._limits.ready
        count, size = len(queue.members) + 1, queue.bytes + len(tx.raw)
        if rivals:
            count -= len(rivals)
            size -= sum(len(rival.raw) for rival in rivals)
        if count <= limit.count and size <= limit.bytes:
            return
        if len(tx.raw) > limit.bytes or queue.would_be_worst(tx):
            raise ImmediatelyDropped(self._status())

    def check_future_room(self, tx: Transaction) -> None:
        """Refuse one beyond its sender's share, or the first to be dropped from a full queue."""
        if not self._accepts_future:
            raise FutureRejected
        limit, share, queue = self._limits.future, self._limits.future_sender, self._future
        used = queue.shares.of(tx.sender)
        is_over = used.count >= share.count or used.bytes + len(tx.raw) > share.bytes
        # A transaction that returns from a retracted block was paid for there.
        if is_over and tx.sender is not None and tx.source is not TransactionSource.InBlock:
            raise SenderFutureLimit(self._status(), used, share)
        if len(queue.members) < limit.count and queue.bytes + len(tx.raw) <= limit.bytes:
            return
        if len(tx.raw) > limit.bytes or queue.must_yield(tx, limit):
            raise NoFutureRoom(self._status())

    def _status(self) -> PoolStatus:
        return status_of(self._ready, self._future)
