"""The transaction pool: the transactions for the next blocks, and their order.

A pure state machine. Nothing here waits, reads a clock or sends: the caller passes events and the
time, and drains the status events afterwards.

After a change of the best block the driver calls, in this order,

    pool.on_retracted(blocks that are no longer in the best chain)
    for block in enacted, oldest first: pool.on_block_imported(block, now)
    pool.revalidate(budget, now, best), in turns, while pool.must_recheck(best)

`revalidate` first resubmits the retracted transactions, then rechecks the pool, the longest
unchecked first. The author may read the pool in between: a block checks each of its transactions.

Invariants: a transaction is in at most one place (ready, future, returning, in a block); a status
that ends is the last one of its transaction; every queue, index and history is bounded by `Limits`.
The rules are those of Substrate's pool; where they differ, a comment gives the reason.
"""

from __future__ import annotations

import heapq
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from btt_chain.crypto.hashing import blake2_256
from btt_chain.primitives.validity import Future as TooEarly
from btt_chain.primitives.validity import Invalid, TransactionSource, Unknown, ValidTransaction
from btt_chain.txpool.ban import Bans
from btt_chain.txpool.errors import (
    AlreadyImported,
    CycleDetected,
    FutureRejected,
    ImmediatelyDropped,
    NoFutureRoom,
    NoTagsProvided,
    PoolError,
    SenderFunds,
    SenderFutureLimit,
    SenderLimit,
    TemporarilyBanned,
    TooLowPriority,
    TransactionInvalid,
    Unactionable,
    ValidityUnknown,
)
from btt_chain.txpool.future import Future
from btt_chain.txpool.inclusion import Inclusions
from btt_chain.txpool.ready import Ready, ReadyIterator, Widowed
from btt_chain.txpool.rechecks import RecheckBudget
from btt_chain.txpool.senders import Senders
from btt_chain.txpool.types import (
    U32_MAX,
    U64_MAX,
    BlockRef,
    CanPay,
    ImportedBlock,
    Limit,
    Limits,
    PoolStatus,
    Rank,
    Recheck,
    Status,
    StatusEvent,
    Transaction,
    Validate,
    Validated,
    nonce_tag,
)

RECENT_BLOCKS: Final = 2
"""Number of recent blocks whose tags count as provided: a validation may be that much older."""

_FULL: Final = "there is no room in the pool"
_CROWDED: Final = "there is no room among those that wait for an earlier nonce"
_ORPHAN: Final = "it depends on a transaction that was removed as invalid"


class _Returning(NamedTuple):
    """A transaction of a retracted block, to be resubmitted."""

    raw: bytes
    provides: tuple[bytes, ...]
    known: bool
    """It was in this pool, so it may have watchers."""


class Pool:
    """The pool of one node.

    `validate` is the runtime's validation, used where a method is given no other; `recheck` that of
    a transaction in the pool, by its kept data; `can_pay` returns True if an account can pay the
    fees of all its transactions. A pool of a node that authors no blocks refuses transactions that
    must not be gossiped.
    """

    def __init__(
        self,
        validate: Validate,
        limits: Limits | None = None,
        *,
        recheck: Recheck | None = None,
        can_pay: CanPay | None = None,
        authors: bool = True,
        accepts_future: bool = True,
    ) -> None:
        self.limits = limits or Limits()
        self._validate = validate
        self._recheck_by = recheck
        self._can_pay = can_pay
        self._authors = authors
        self._accepts_future = accepts_future
        self._ready = Ready()
        self._future = Future()
        # Both queues, the longest unchecked transaction first.
        self._members: OrderedDict[bytes, Transaction] = OrderedDict()
        self._senders = Senders()
        self._returning: OrderedDict[bytes, _Returning] = OrderedDict()
        self._returning_bytes = 0
        self._recent: OrderedDict[bytes, frozenset[bytes]] = OrderedDict()
        self._bans = Bans(self.limits.ban_entries)
        self._inclusions = Inclusions(self.limits.finality_blocks, self.limits.tracked)
        self._outbox: list[StatusEvent] = []
        self._arrivals = 0
        self._returns = -(1 << 62)
        """Counts like `_arrivals`, but below it: a returning transaction is the oldest."""

    # --- queries ----------------------------------------------------------------

    def __contains__(self, tx_hash: bytes) -> bool:
        return tx_hash in self._members

    def get(self, tx_hash: bytes) -> Transaction | None:
        """Return the transaction, if it is ready or waits for others."""
        return self._members.get(tx_hash)

    def ready(self) -> ReadyIterator:
        """Return the ready transactions in authoring order; the author may `skip` some."""
        return iter(self._ready)

    def pending(self) -> list[bytes]:
        """Return the ready extrinsics with their length prefixes, in authoring order."""
        return [tx.raw for tx in self._ready]

    def futures(self) -> Iterator[Transaction]:
        """Return the transactions that wait for others, in order of arrival in the queue."""
        return iter(list(self._future.members.values()))

    def is_ready(self, tx_hash: bytes) -> bool:
        """Return True if the transaction could go into a block now."""
        return tx_hash in self._ready.members

    def provider(self, tag: bytes) -> Transaction | None:
        """Return the ready transaction that provides a tag."""
        return self._ready.provider.get(tag)

    def status(self) -> PoolStatus:
        """Return number and bytes of both queues."""
        ready, future = self._ready, self._future
        return PoolStatus(len(ready.members), ready.bytes, len(future.members), future.bytes)

    def next_nonce(self, account: bytes, state_nonce: int) -> int:
        """Return the first nonce from `state_nonce` on that no ready transaction uses."""
        nonce = state_nonce
        while nonce < U32_MAX and nonce_tag(account, nonce) in self._ready.provider:
            nonce += 1
        return nonce

    def drain(self) -> list[StatusEvent]:
        """Return the status events since the last call, in order."""
        events, self._outbox = self._outbox, []
        return events

    # --- submission -------------------------------------------------------------

    def submit(
        self,
        raw: bytes,
        source: TransactionSource,
        now: float,
        best: BlockRef,
        validate: Validate | None = None,
    ) -> bytes:
        """Add an extrinsic (with its length prefix) that is valid at `best`.

        Returns its hash. Raises a PoolError with code, message and data for RPC.
        """
        if len(self._outbox) > self.limits.outbox:
            raise RuntimeError("nobody drains the status events of the pool")
        tx_hash = blake2_256(raw)
        ban = self._bans.get(tx_hash, now)
        if ban is not None:
            remaining, is_for_room = ban.until - now, ban.reason == _FULL
            raise TemporarilyBanned(ban.reason, remaining, is_for_room=is_for_room)
        if tx_hash in self._members or tx_hash in self._returning:
            raise AlreadyImported(tx_hash)
        if len(raw) > self.limits.ready.bytes:
            raise ImmediatelyDropped(self.status())
        try:
            validity = (validate or self._validate)(raw, source, best)
        except Invalid as refusal:
            # For a node that is a block behind, an early transaction is not early for long.
            if not isinstance(refusal.reason, TooEarly):
                self._ban(tx_hash, str(refusal), now)
            raise TransactionInvalid(refusal.reason) from refusal
        except Unknown as doubt:
            raise ValidityUnknown(doubt.reason) from doubt
        # Checked after the runtime, so that a used nonce is reported as outdated, as elsewhere.
        if self._inclusions.block_of(tx_hash) is not None:
            raise AlreadyImported(tx_hash)
        self._arrivals += 1
        tx = _transaction(tx_hash, raw, source, validity, best, self._arrivals)
        try:
            self._admit(tx)
        except ImmediatelyDropped as full:
            is_early = isinstance(full, (NoFutureRoom, SenderFutureLimit))
            self._ban_for_room(tx_hash, now, _CROWDED if is_early else _FULL)
            raise
        self._enforce_limits(now, tx)
        if tx_hash not in self._members:
            raise ImmediatelyDropped(self.status())
        return tx_hash

    def on_broadcast(self, propagated: Mapping[bytes, Sequence[str]]) -> None:
        """Report that these transactions were gossiped to these peers."""
        for tx_hash, peers in propagated.items():
            if tx_hash in self._members:
                self._tell(StatusEvent(tx_hash, Status.BROADCAST, peers=tuple(peers)))

    # --- chain events -----------------------------------------------------------

    def on_block_imported(self, block: ImportedBlock, now: float) -> None:
        """Process a new best block: included and excluded transactions leave the pool."""
        tags = self._take_included(block)
        orphans = self._drop_outdone(tags)
        self._recent[block.ref.hash] = frozenset(tags)
        self._recent.move_to_end(block.ref.hash)
        if len(self._recent) > RECENT_BLOCKS:
            self._recent.popitem(last=False)
        self._settle(self._widows(orphans), self._future.satisfy(tags))
        self._drop_stale(block.ref.number, now)
        self._enforce_limits(now)
        self._bans.clear_ended(now)
        for block_hash, positions in self._inclusions.take_overdue(block.ref.number):
            for tx_hash, position in positions.items():
                self._tell(
                    StatusEvent(tx_hash, Status.FINALITY_TIMEOUT, block_hash, position),
                )

    def on_retracted(self, blocks: Iterable[ImportedBlock]) -> None:
        """Process blocks that are no longer part of the best chain.

        Their transactions return with the next `revalidate`, which validates them at the new best
        block.
        """
        # Oldest first, so that a long chain of nonces comes back ready, not future.
        for block in sorted(blocks, key=lambda block: block.ref.number):
            self._recent.pop(block.ref.hash, None)
            for tx in block.transactions:
                place = self._inclusions.block_of(tx.hash)
                known = place == block.ref.hash
                if known:
                    self._inclusions.take(tx.hash)
                    self._tell(StatusEvent(tx.hash, Status.RETRACTED, block.ref.hash, tx.position))
                if tx.hash not in self._members and (known or place is None):
                    self._come_back_later(
                        tx.hash, _Returning(tx.raw, tuple(tx.provides or ()), known)
                    )

    def on_finalized(self, hashes: Iterable[bytes]) -> None:
        """Process final blocks: all of the chain, in order."""
        for block_hash in hashes:
            for tx_hash, position in self._inclusions.take_block(block_hash).items():
                self._tell(StatusEvent(tx_hash, Status.FINALIZED, block_hash, position))

    # --- revalidation -----------------------------------------------------------

    def must_recheck(self, best: BlockRef) -> bool:
        """Return True if the runtime has not validated all transactions at `best`."""
        if self._returning:
            return True
        oldest = next(iter(self._members.values()), None)
        return oldest is not None and oldest.checked != best.hash

    def revalidate(
        self,
        budget: RecheckBudget | int,
        now: float,
        best: BlockRef,
        validate: Validate | None = None,
    ) -> int:
        """Validate as many transactions as `budget` allows at the new best block.

        Those of retracted blocks come first, then those whose last check is the oldest. Returns the
        number validated: 0 when all are checked at `best`.
        """
        if isinstance(budget, int):
            budget = RecheckBudget(budget)
        judge = validate or self._validate
        while self._returning and budget.has_rest():
            budget.charge(len(next(iter(self._returning.values())).raw))
            self._bring_back(best, judge)
        while self._members and budget.has_rest():
            tx = next(iter(self._members.values()))
            if tx.checked == best.hash:
                break
            budget.charge(self._recheck(tx, now, best, validate))
        if budget.judged:
            self._enforce_limits(now)
        return budget.judged

    def remove_invalid(self, reasons: Mapping[bytes, str], now: float) -> list[bytes]:
        """Remove these transactions, ban them, and remove all that depend on them.

        Returns the hashes of the removed. The dependants are not banned: they may be submitted
        again once their requirements are met.
        """
        removed: list[bytes] = []
        for tx_hash, reason in reasons.items():
            tx = self._members.get(tx_hash)
            if tx is None:
                continue
            self._ban(tx_hash, reason, now)
            for gone in self._queue_of(tx).remove_subtree([tx]):
                self._end(gone, Status.INVALID, reason=reason if gone is tx else _ORPHAN)
                removed.append(gone.hash)
        return removed

    def drop_outdated(self, is_outdated: Callable[[Transaction], bool], reason: str) -> int:
        """Remove transactions that no block can include any more, without validation.

        Return their number. They are not banned; other transactions that required them wait.
        """
        outdated = [tx for tx in self._members.values() if is_outdated(tx)]
        widowed: Widowed = []
        for tx in outdated:
            widowed += self._remove(tx)
            self._end(tx, Status.INVALID, reason=reason)
        self._settle(self._widows(widowed), ())
        return len(outdated)

    def report_invalid(self, tx_hash: bytes, reason: str, now: float) -> list[bytes]:
        """Remove a transaction that the author found invalid, as `remove_invalid` does."""
        return self.remove_invalid({tx_hash: reason}, now)

    # --- admission --------------------------------------------------------------

    def _admit(self, tx: Transaction) -> None:
        """Insert a new transaction. A refusal changes nothing."""
        self._refuse_unfit(tx)
        missing = self._missing(tx)
        rivals = [] if missing else self._ready.rivals(tx)
        self._refuse_beyond_sender(tx, rivals)
        if not missing:
            self._refuse_weaker(tx, rivals)
            self._refuse_worst(tx, self._ready, self.limits.ready, rivals)
            widowed = self._enter_ready(tx, rivals)
            self._join(tx)
            self._announce(tx, Status.READY)
            self._settle(self._widows(widowed), self._future.satisfy(tx.provides))
            return
        if not self._accepts_future:
            raise FutureRejected
        self._refuse_future(tx)
        self._future.insert(tx, missing)
        self._join(tx)
        self._announce(tx, Status.FUTURE)

    def _refuse_beyond_sender(self, tx: Transaction, rivals: Sequence[Transaction]) -> None:
        """Refuse a transaction that exceeds its sender's bytes or funds, before any change."""
        used, limit = self._senders.of(tx.sender), self.limits.sender_bytes
        size = used + len(tx.raw)
        if size > limit and tx.sender is not None:
            size -= sum(len(rival.raw) for rival in rivals if rival.sender == tx.sender)
            if size > limit:
                raise SenderLimit(self.status(), used, limit)
        # A transaction that returns from a retracted block was paid for there.
        if self._can_pay is None or tx.source is TransactionSource.InBlock:
            return
        replaced = sum(rival.fee for rival in rivals if rival.sender == tx.sender)
        fees = self._senders.unpayable(tx, replaced, self._can_pay)
        if fees is not None:
            raise SenderFunds(self.status(), fees)

    def _refuse_unfit(self, tx: Transaction) -> None:
        if not tx.provides:
            raise NoTagsProvided
        if not tx.propagate and not self._authors:
            raise Unactionable
        if not set(tx.provides).isdisjoint(tx.requires):
            raise CycleDetected

    def _refuse_weaker(self, tx: Transaction, rivals: Sequence[Transaction]) -> None:
        """Refuse a transaction unless it pays more than all that it replaces."""
        if rivals:
            old = min(sum(rival.priority for rival in rivals), U64_MAX)
            if tx.priority <= old:
                raise TooLowPriority(old, tx.priority, rivals[0].hash)
        if self._ready.would_cycle(tx, rivals):
            raise CycleDetected

    def _refuse_future(self, tx: Transaction) -> None:
        """Refuse one beyond its sender's share, or the first to be dropped, before any change."""
        limit, share, queue = self.limits.future, self.limits.future_sender, self._future
        used = queue.shares.of(tx.sender)
        is_over = used.count >= share.count or used.bytes + len(tx.raw) > share.bytes
        # A transaction that returns from a retracted block was paid for there.
        if is_over and tx.sender is not None and tx.source is not TransactionSource.InBlock:
            raise SenderFutureLimit(self.status(), used, share)
        if len(queue.members) < limit.count and queue.bytes + len(tx.raw) <= limit.bytes:
            return
        if len(tx.raw) > limit.bytes or queue.must_yield(tx, limit):
            raise NoFutureRoom(self.status())

    def _refuse_worst(
        self, tx: Transaction, queue: Ready, limit: Limit, rivals: Sequence[Transaction]
    ) -> None:
        """Refuse one that would be the first to be dropped again, before any change."""
        count = len(queue.members) + 1 - len(rivals)
        size = queue.bytes + len(tx.raw) - sum(len(rival.raw) for rival in rivals)
        if count <= limit.count and size <= limit.bytes:
            return
        if len(tx.raw) > limit.bytes or queue.would_be_worst(tx):
            raise ImmediatelyDropped(self.status())

    def _enter_ready(self, tx: Transaction, rivals: Iterable[Transaction]) -> Widowed:
        """Replace the rivals by `tx`; return the transactions that required their other tags."""
        widowed: Widowed = []
        for rival in rivals:
            widowed += self._ready.detach(rival)
            self._end(rival, Status.USURPED, by=tx.hash)
        self._ready.insert(tx)
        return widowed

    def _settle(self, demoted: Iterable[Transaction], promoted: Iterable[Transaction]) -> None:
        """Move transactions to their queues after a change.

        `demoted` are ready ones that lost a tag, `promoted` future ones with no missing tag any
        more. The better ones enter first, so that of several with one tag the best stays. It
        terminates: a promotion is either final, or removes a rival.
        """
        waiting: list[Rank] = []
        moved: list[Transaction] = []

        def move(down: Iterable[Transaction], up: Iterable[Transaction]) -> None:
            lost = self._ready.remove_subtree(down)
            for tx in lost:
                self._future.insert(tx, self._missing(tx))
            moved.extend(lost)
            for tx in (*up, *(tx for tx in lost if not tx.missing)):
                heapq.heappush(waiting, tx.rank)

        move(demoted, promoted)
        while waiting:
            tx = self._future.members.get(heapq.heappop(waiting)[3])
            if tx is None:
                continue
            self._future.remove(tx)
            # Provided tags may be missing again since.
            missing = self._missing(tx)
            if missing:
                self._future.insert(tx, missing)
                continue
            rivals = self._ready.rivals(tx)
            try:
                self._refuse_weaker(tx, rivals)
            except TooLowPriority as stronger:
                self._end(tx, Status.USURPED, by=stronger.holder)
                continue
            except CycleDetected as cycle:
                self._end(tx, Status.DROPPED, reason=cycle.message)
                continue
            widowed = self._enter_ready(tx, rivals)
            self._announce(tx, Status.READY)
            move(self._widows(widowed), self._future.satisfy(tx.provides))
        for tx in moved:
            if self._future.members.get(tx.hash) is tx:
                self._announce(tx, Status.FUTURE)

    def _missing(self, tx: Transaction) -> list[bytes]:
        """Return the required tags that neither the ready queue nor a recent block provides."""
        provider = self._ready.provider
        return [
            tag
            for tag in dict.fromkeys(tx.requires)
            if tag not in provider and not self._is_recent(tag)
        ]

    def _is_recent(self, tag: bytes) -> bool:
        return any(tag in tags for tags in self._recent.values())

    def _widows(self, widowed: Widowed) -> list[Transaction]:
        """Return the transactions whose tag is still not provided."""
        provider = self._ready.provider
        return [tx for tag, tx in widowed if tag not in provider and not self._is_recent(tag)]

    def _enforce_limits(self, now: float, newcomer: Transaction | None = None) -> None:
        """Drop the worst, with their dependants, until both queues are within their limits.

        Of waiting transactions, the newest of the account with the most go: they pay nothing. The
        lowest priority goes first, so that cheap spam cannot displace paying senders; of equals, in
        the ready queue, the newest. Substrate drops the oldest: the next one in a block, and with
        it all later nonces of its account, which may be a quarter of the pool. A member is not
        dropped for a newcomer that depends on it (docs/decisions/0007-future-queue.md).
        """
        queue, limit = self._ready, self.limits.ready
        while len(queue.members) > limit.count or queue.bytes > limit.bytes:
            worst = queue.worst()
            if worst is None:
                break
            if newcomer is not None and queue.depends(newcomer, worst):
                self._ban_for_room(newcomer.hash, now)
                self._leave(newcomer, Status.DROPPED, _FULL)
                newcomer = None
                continue
            for tx in queue.remove_subtree([worst]):
                self._ban_for_room(tx.hash, now)
                self._end(tx, Status.DROPPED, reason=_FULL)
        for tx in self._future.trim(self.limits.future):
            self._ban_for_room(tx.hash, now, _CROWDED)
            self._end(tx, Status.DROPPED, reason=_CROWDED)

    def _ban(self, tx_hash: bytes, reason: str, now: float) -> None:
        self._bans.add(tx_hash, reason, now + self.limits.ban_seconds)

    def _ban_for_room(self, tx_hash: bytes, now: float, why: str = _FULL) -> None:
        """Ban for a short time: it may be valid, and its owner has nothing else to send."""
        self._bans.add(tx_hash, why, now + self.limits.full_seconds)

    # --- blocks -----------------------------------------------------------------

    def _take_included(self, block: ImportedBlock) -> dict[bytes, bytes]:
        """Remove the block's transactions from the pool; return its tags with their providers."""
        tags: dict[bytes, bytes] = {}
        for included in block.transactions:
            tx = self._members.get(included.hash)
            given = tuple(included.provides or ()) + (tx.provides if tx is not None else ())
            tags.update(dict.fromkeys(given, included.hash))
            if self._inclusions.block_of(included.hash) == block.ref.hash:
                continue
            if self._take_known(included.hash):
                self._inclusions.add(block.ref, included.hash, included.position)
                self._tell(
                    StatusEvent(included.hash, Status.IN_BLOCK, block.ref.hash, included.position)
                )
        return tags

    def _take_known(self, tx_hash: bytes) -> bool:
        """Remove a transaction from any place; return True if it may have watchers."""
        tx = self._members.pop(tx_hash, None)
        if tx is not None:
            self._senders.remove(tx)
            # A child that required a tag of it stays: the chain provides it now.
            self._remove(tx)
            return True
        returning = self._returning.pop(tx_hash, None)
        if returning is not None:
            self._returning_bytes -= len(returning.raw)
            return returning.known
        before = self._inclusions.take(tx_hash)
        if before is not None:
            # The caller did not report that the other block was retracted.
            self._tell(StatusEvent(tx_hash, Status.RETRACTED, *before))
            return True
        return False

    def _drop_outdone(self, tags: Mapping[bytes, bytes]) -> Widowed:
        """Remove transactions that provide the block's tags: they can never be included."""
        widowed: Widowed = []
        for tag, giver in tags.items():
            rival = self._ready.provider.get(tag)
            if rival is not None:
                widowed += self._ready.detach(rival)
                self._end(rival, Status.USURPED, by=giver)
            for rival in list(self._future.offered.get(tag, ())):
                self._future.remove(rival)
                self._end(rival, Status.USURPED, by=giver)
        return widowed

    def _drop_stale(self, number: int, now: float) -> None:
        for queue in (self._ready, self._future):
            while (tx := queue.first_to_expire()) is not None and tx.valid_till <= number:
                self.remove_invalid({tx.hash: f"outdated at block {number}"}, now)

    def _come_back_later(self, tx_hash: bytes, returning: _Returning) -> None:
        limit = self.limits.ready
        full = (
            len(self._returning) >= limit.count
            or self._returning_bytes + len(returning.raw) > limit.bytes
        )
        if full and tx_hash not in self._returning:
            if returning.known:
                self._tell(StatusEvent(tx_hash, Status.DROPPED, reason=_FULL))
            return
        if tx_hash not in self._returning:
            self._returning[tx_hash] = returning
            self._returning_bytes += len(returning.raw)

    def _bring_back(self, best: BlockRef, judge: Validate) -> None:
        """Resubmit one transaction of a retracted block; bans do not count."""
        tx_hash, returning = self._returning.popitem(last=False)
        self._returning_bytes -= len(returning.raw)
        end: StatusEvent | None = None
        try:
            validity = judge(returning.raw, TransactionSource.InBlock, best)
            self._returns += 1
            source = TransactionSource.InBlock
            self._admit(_transaction(tx_hash, returning.raw, source, validity, best, self._returns))
        except Invalid as refusal:
            end = StatusEvent(tx_hash, Status.INVALID, reason=str(refusal))
        except TooLowPriority as stronger:
            end = StatusEvent(tx_hash, Status.USURPED, by=stronger.holder)
        except (Unknown, PoolError) as refusal:
            end = StatusEvent(tx_hash, Status.DROPPED, reason=str(refusal))
        if end is not None and returning.known:
            self._tell(end)
        # Ready transactions that depended on its block wait for another provider.
        orphans: Widowed = []
        for tag in returning.provides:
            orphans += ((tag, tx) for tx in self._ready.unprovided.get(tag, ()))
        self._settle(self._widows(orphans), ())

    # --- rechecks ---------------------------------------------------------------

    def _recheck(
        self, tx: Transaction, now: float, best: BlockRef, validate: Validate | None
    ) -> int:
        """Validate a transaction again: an invalid one is removed, its dependants wait.

        Returns the number of bytes decoded for it.
        """
        try:
            if self._recheck_by is not None and validate is None:
                validity = self._recheck_by(tx, best)
            else:
                validity = (validate or self._validate)(tx.raw, tx.source, best)
        except Invalid as refusal:
            self._ban(tx.hash, str(refusal), now)
            self._leave(tx, Status.INVALID, str(refusal))
            return len(tx.raw)
        except Unknown as doubt:
            self._leave(tx, Status.DROPPED, str(doubt))
            return len(tx.raw)
        fresh = _transaction(tx.hash, tx.raw, tx.source, validity, best, tx.seq)
        is_decoded = tx.kept is None or isinstance(validity, Validated)
        if not is_decoded:
            fresh.kept, fresh.sender, fresh.fee = tx.kept, tx.sender, tx.fee
        self._put_back(tx, fresh, best)
        return len(tx.raw) if is_decoded else 0

    def _put_back(self, tx: Transaction, fresh: Transaction, best: BlockRef) -> None:
        """Replace `tx` by `fresh`, the same transaction as validated now."""
        fresh.announced = tx.announced
        if _same(tx, fresh):
            tx.checked, tx.kept = best.hash, fresh.kept
            self._members.move_to_end(tx.hash)
            return
        try:
            self._refuse_unfit(fresh)
        except PoolError as unfit:
            self._leave(tx, Status.DROPPED, str(unfit))
            return
        self._senders.remove(tx)
        self._senders.add(fresh)
        widowed = self._remove(tx)
        self._members[tx.hash] = fresh
        self._members.move_to_end(tx.hash)
        # Through the future queue, like every transaction that is moved.
        self._future.insert(fresh, self._missing(fresh))
        self._settle((), [] if fresh.missing else [fresh])
        self._settle(self._widows(widowed), ())
        if self._future.members.get(tx.hash) is fresh:
            self._announce(fresh, Status.FUTURE)

    def _leave(self, tx: Transaction, status: Status, reason: str) -> None:
        widowed = self._remove(tx)
        self._end(tx, status, reason=reason)
        self._settle(self._widows(widowed), ())

    # --- internals --------------------------------------------------------------

    def _join(self, tx: Transaction) -> None:
        self._members[tx.hash] = tx
        self._senders.add(tx)

    def _queue_of(self, tx: Transaction) -> Ready | Future:
        return self._ready if self._ready.members.get(tx.hash) is tx else self._future

    def _remove(self, tx: Transaction) -> Widowed:
        """Remove one transaction from its queue."""
        if self._ready.members.get(tx.hash) is tx:
            return self._ready.detach(tx)
        self._future.remove(tx)
        return []

    def _announce(self, tx: Transaction, status: Status) -> None:
        if tx.announced is not status:
            tx.announced = status
            self._tell(StatusEvent(tx.hash, status))

    def _end(
        self, tx: Transaction, status: Status, *, by: bytes | None = None, reason: str = ""
    ) -> None:
        """Remove a transaction, which has left its queue, from the pool, with its last status."""
        del self._members[tx.hash]
        self._senders.remove(tx)
        self._tell(StatusEvent(tx.hash, status, by=by, reason=reason))

    def _tell(self, event: StatusEvent) -> None:
        self._outbox.append(event)


def _transaction(
    tx_hash: bytes,
    raw: bytes,
    source: TransactionSource,
    validity: ValidTransaction | Validated,
    best: BlockRef,
    seq: int,
) -> Transaction:
    kept: object = None
    sender: bytes | None = None
    fee = 0
    if isinstance(validity, Validated):
        validity, kept, sender, fee = validity
    return Transaction(
        tx_hash,
        raw,
        source,
        int(validity.priority),
        tuple(validity.requires),
        tuple(validity.provides),
        min(best.number + int(validity.longevity), U64_MAX),
        validity.propagate,
        seq,
        best.hash,
        kept,
        sender,
        fee,
    )


def _same(old: Transaction, new: Transaction) -> bool:
    return (
        old.rank == new.rank
        and old.requires == new.requires
        and old.provides == new.provides
        and old.propagate == new.propagate
    )
