"""The transaction pool: the transactions for the next blocks, and their order.

A pure state machine. Nothing here waits, reads a clock or sends: the caller passes events and the
time, and drains the status events afterwards.

After a change of the best block the driver calls, in this order,

    pool.on_retracted(blocks that are no longer in the best chain)
    for block in enacted, oldest first: pool.on_block_imported(block, now)
    pool.revalidate(budget, now, best), in turns, while pool.must_recheck(best)

`revalidate` first resubmits the retracted transactions, then rechecks the pool, the longest
unchecked first. The author may read the pool in between: a block checks each of its transactions.

Invariants: a transaction is in at most one place (ready, future, retracted, in a block); a status
that ends is the last one of its transaction; every queue, index and history is bounded by `Limits`.
The rules are those of Substrate's pool; where they differ, a comment gives the reason.

The queues are in `base_pool.py` (`ready.py`, `future.py`), the checks of a new transaction in
`admission.py`; this module validates, bans, and follows the chain.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from btt_chain.crypto.hashing import blake2_256
from btt_chain.lazyclass import dataclass
from btt_chain.primitives.validity import Future as TooEarly
from btt_chain.primitives.validity import Invalid, TransactionSource, Unknown, ValidTransaction
from btt_chain.txpool.admission import Rules
from btt_chain.txpool.base_pool import NO_FUTURE_ROOM, NO_READY_ROOM, BasePool
from btt_chain.txpool.errors import (
    AlreadyImported,
    ImmediatelyDropped,
    NoFutureRoom,
    PoolError,
    SenderFutureLimit,
    TemporarilyBanned,
    TooLowPriority,
    TransactionInvalid,
    ValidityUnknown,
)
from btt_chain.txpool.inclusion import Inclusions, Retracted, RetractedQueue
from btt_chain.txpool.ready import ReadyIterator
from btt_chain.txpool.types import (
    U32_MAX,
    U64_MAX,
    BlockRef,
    CanPay,
    ImportedBlock,
    Limits,
    PoolStatus,
    Recheck,
    Status,
    StatusEvent,
    Transaction,
    Validate,
    Validated,
    nonce_tag,
)


class Ban(NamedTuple):
    """End (seconds, the caller's clock) and reason of a ban."""

    until: float
    reason: str


class Bans:
    """The banned hashes, the oldest ban first.

    A transaction that was found invalid, or did not fit into a full pool, is offered again by every
    peer that still has it. The ban makes each repetition cheap. It ends by itself.
    """

    __slots__ = ("_banned", "_entries")

    def __init__(self, entries: int) -> None:
        self._entries = entries
        self._banned: OrderedDict[bytes, Ban] = OrderedDict()

    def __len__(self) -> int:
        return len(self._banned)

    def add(self, tx_hash: bytes, reason: str, until: float) -> None:
        """Ban from now on. At twice the intended size, the oldest half is dropped."""
        self._banned[tx_hash] = Ban(until, reason)
        self._banned.move_to_end(tx_hash)
        if len(self._banned) > 2 * self._entries:
            while len(self._banned) > self._entries:
                self._banned.popitem(last=False)

    def get(self, tx_hash: bytes, now: float) -> Ban | None:
        """Return the ban in force, None without one."""
        ban = self._banned.get(tx_hash)
        return ban if ban is not None and ban.until > now else None

    def clear_ended(self, now: float) -> None:
        """Remove the bans that are over, except those after a longer one: they only take room."""
        while self._banned:
            tx_hash, ban = next(iter(self._banned.items()))
            if ban.until > now:
                return
            del self._banned[tx_hash]


def _never() -> bool:
    return False


@dataclass(slots=True)
class RecheckBudget:
    """The budget of one turn: transactions, bytes that are decoded again, and time.

    The first two are the same on every machine; `is_late` is called before each further one. At
    least one transaction is validated in a turn, so that the rechecks end.
    """

    transactions: int
    bytes: int = 1 << 62
    is_late: Callable[[], bool] = _never
    judged: int = 0
    """Number of transactions validated."""

    def has_rest(self) -> bool:
        """Return True if another transaction may be validated."""
        if self.judged >= self.transactions:
            return False
        return not self.judged or (self.bytes > 0 and not self.is_late())

    def charge(self, decoded: int) -> None:
        """Count one transaction, with the bytes that were decoded of it."""
        self.judged += 1
        self.bytes -= decoded


class Pool:
    """The pool of one node.

    `validate` is the runtime's validation, unless a submission is given another; `recheck` that of
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
        self._outbox: list[StatusEvent] = []
        self._emit = self._outbox.append
        self._base = BasePool(Rules(self.limits, can_pay, authors, accepts_future), self._emit)
        self.waiting = self._base.future.shares  # of each account; not to be changed
        self.retracted = RetractedQueue(self.limits.ready)
        self._bans = Bans(self.limits.ban_entries)
        self._inclusions = Inclusions(self.limits.finality_blocks, self.limits.tracked)
        self._arrivals = 0
        self._returns = -(1 << 62)
        """Counts like `_arrivals`, but below it: a retracted transaction is the oldest."""

    # ---- queries

    def __contains__(self, tx_hash: bytes) -> bool:
        return tx_hash in self._base.members

    def get(self, tx_hash: bytes) -> Transaction | None:
        """Return the transaction, if it is ready or waits for others."""
        return self._base.members.get(tx_hash)

    def ready(self) -> ReadyIterator:
        """Return the ready transactions in authoring order; the author may `skip` some."""
        return iter(self._base.ready)

    def pending(self) -> list[bytes]:
        """Return the ready extrinsics with their length prefixes, in authoring order."""
        return [tx.raw for tx in self._base.ready]

    def futures(self) -> Iterator[Transaction]:
        """Return the transactions that wait for others, in order of arrival in the queue."""
        return iter(list(self._base.future.members.values()))

    def is_ready(self, tx_hash: bytes) -> bool:
        """Return True if the transaction could go into a block now."""
        return tx_hash in self._base.ready.members

    def provider(self, tag: bytes) -> Transaction | None:
        """Return the ready transaction that provides a tag; None if none does."""
        return self._base.ready.provider.get(tag)

    def status(self) -> PoolStatus:
        """Return number and bytes of both queues."""
        return self._base.status()

    def members(self) -> Mapping[bytes, Transaction]:
        """Return all transactions by hash, ready and waiting ones: it changes with the pool."""
        return self._base.members

    @property
    def worst_priority(self) -> int:
        """Priority of the ready transaction that is dropped first; 0 if there is none."""
        worst = self._base.ready.worst()
        return 0 if worst is None else worst.priority

    def next_nonce(self, account: bytes, state_nonce: int) -> int:
        """Return the first nonce from `state_nonce` on that no ready transaction uses."""
        nonce = state_nonce
        while nonce < U32_MAX and nonce_tag(account, nonce) in self._base.ready.provider:
            nonce += 1
        return nonce

    def drain(self) -> list[StatusEvent]:
        """Return the status events since the last call, in order."""
        events = [*self._outbox]
        self._outbox.clear()
        return events

    # ---- submission

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
            raise RuntimeError("the status events of the pool are not drained")
        base = self._base
        tx_hash = blake2_256(raw)
        ban = self._bans.get(tx_hash, now)
        if ban is not None:
            remaining, is_for_room = ban.until - now, ban.reason == NO_READY_ROOM
            raise TemporarilyBanned(ban.reason, remaining, is_for_room=is_for_room)
        if tx_hash in base.members or tx_hash in self.retracted:
            raise AlreadyImported(tx_hash)
        if len(raw) > self.limits.ready.bytes:
            raise ImmediatelyDropped(base.status())
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
            base.admit(tx)
        except ImmediatelyDropped as full:
            is_early = isinstance(full, (NoFutureRoom, SenderFutureLimit))
            self._ban_briefly(tx_hash, NO_FUTURE_ROOM if is_early else NO_READY_ROOM, now)
            raise
        self._enforce_limits(now, tx)
        if tx_hash not in base.members:
            raise ImmediatelyDropped(base.status())
        return tx_hash

    def on_broadcast(self, propagated: Mapping[bytes, Sequence[str]]) -> None:
        """Report that these transactions were gossiped to these peers."""
        for tx_hash, peers in propagated.items():
            if tx_hash in self._base.members:
                self._emit(StatusEvent(tx_hash, Status.BROADCAST, peers=tuple(peers)))

    # ---- chain events

    def on_block_imported(self, block: ImportedBlock, now: float) -> None:
        """Process a new best block: included and excluded transactions leave the pool."""
        tags = self._take_included(block)
        self._base.prune_tags(block.ref.hash, tags)
        if self._base.members:
            self._drop_stale(block.ref.number, now)
            self._enforce_limits(now)
        self._bans.clear_ended(now)
        for block_hash, positions in self._inclusions.take_overdue(block.ref.number):
            for tx_hash, position in positions.items():
                self._emit(StatusEvent(tx_hash, Status.FINALITY_TIMEOUT, block_hash, position))

    def on_retracted(self, blocks: Iterable[ImportedBlock]) -> None:
        """Process blocks that are no longer part of the best chain.

        Their transactions return with the next `revalidate`, which validates them at the new best
        block.
        """
        # Oldest first, so that a long chain of nonces comes back ready, not future.
        for block in sorted(blocks, key=lambda block: block.ref.number):
            self._base.recent.remove(block.ref.hash)
            for tx in block.transactions:
                place = self._inclusions.block_of(tx.hash)
                known = place == block.ref.hash
                if known:
                    self._inclusions.take(tx.hash)
                    self._emit(StatusEvent(tx.hash, Status.RETRACTED, block.ref.hash, tx.position))
                if tx.hash not in self._base.members and (known or place is None):
                    entry = Retracted(tx.raw, tuple(tx.provides or ()), known)
                    if not self.retracted.add(tx.hash, entry) and known:
                        self._emit(StatusEvent(tx.hash, Status.DROPPED, reason=NO_READY_ROOM))

    def on_finalized(self, hashes: Iterable[bytes]) -> None:
        """Process final blocks: all of the chain, in order."""
        for block_hash in hashes:
            for tx_hash, position in self._inclusions.take_block(block_hash).items():
                self._emit(StatusEvent(tx_hash, Status.FINALIZED, block_hash, position))

    # ---- revalidation

    def must_recheck(self, best: bytes, *, is_enough: bool = False) -> bool:
        """Return True if the runtime has not validated all transactions at the block `best`.

        `is_enough`: only those of retracted blocks count.
        """
        if self.retracted or is_enough:
            return bool(self.retracted)
        members = self._base.members
        return bool(members) and next(iter(members.values())).checked != best

    def revalidate(
        self,
        budget: RecheckBudget | int,
        now: float,
        best: BlockRef,
    ) -> int:
        """Validate as many transactions as `budget` allows at the new best block.

        Those of retracted blocks come first, then those whose last check is the oldest. Returns the
        number validated: 0 when all are checked at `best`.
        """
        if isinstance(budget, int):
            budget = RecheckBudget(budget)
        while self.retracted and budget.has_rest():
            budget.charge(self.retracted.next_size())
            self._resubmit(best)
        members = self._base.members
        while members and budget.has_rest():
            tx = next(iter(members.values()))
            if tx.checked == best.hash:
                break
            budget.charge(self._recheck(tx, now, best))
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
            tx = self._base.members.get(tx_hash)
            if tx is None:
                continue
            self._ban(tx_hash, reason, now)
            removed += self._base.remove_subtree(tx, reason)
        return removed

    def drop_outdated(self, is_outdated: Callable[[Transaction], bool], reason: str) -> int:
        """Remove transactions that no block can include any more, without validation.

        Return their number. They are not banned; other transactions that required them wait.
        """
        outdated = [tx for tx in self._base.members.values() if is_outdated(tx)]
        self._base.remove_all(outdated, reason)
        return len(outdated)

    # ---- internals: blocks

    def _take_included(self, block: ImportedBlock) -> dict[bytes, bytes]:
        """Remove the block's transactions from the pool; return its tags with their providers."""
        tags: dict[bytes, bytes] = {}
        for included in block.transactions:
            tx = self._base.members.get(included.hash)
            for tag in (*(included.provides or ()), *(tx.provides if tx is not None else ())):
                tags[tag] = included.hash
            if self._inclusions.block_of(included.hash) == block.ref.hash:
                continue
            if self._take_known(included.hash):
                self._inclusions.add(block.ref, included.hash, included.position)
                self._emit(
                    StatusEvent(included.hash, Status.IN_BLOCK, block.ref.hash, included.position)
                )
        return tags

    def _take_known(self, tx_hash: bytes) -> bool:
        """Remove a transaction from any place; return True if it may have watchers."""
        if self._base.take_included(tx_hash):
            return True
        retracted = self.retracted.take(tx_hash)
        if retracted is not None:
            return retracted.known
        before = self._inclusions.take(tx_hash)
        if before is not None:
            # The caller did not report that the other block was retracted.
            self._emit(StatusEvent(tx_hash, Status.RETRACTED, *before))
            return True
        return False

    def _drop_stale(self, number: int, now: float) -> None:
        while (tx := self._base.first_outdated(number)) is not None:
            self.remove_invalid({tx.hash: f"outdated at block {number}"}, now)

    # ---- internals: validation

    def _resubmit(self, best: BlockRef) -> None:
        """Resubmit one transaction of a retracted block; bans do not count."""
        tx_hash, retracted = self.retracted.take_next()
        source = TransactionSource.InBlock
        end: StatusEvent | None = None
        try:
            validity = self._validate(retracted.raw, source, best)
            self._returns += 1
            self._base.admit(
                _transaction(tx_hash, retracted.raw, source, validity, best, self._returns)
            )
        except Invalid as refusal:
            end = StatusEvent(tx_hash, Status.INVALID, reason=str(refusal))
        except TooLowPriority as stronger:
            end = StatusEvent(tx_hash, Status.USURPED, by=stronger.holder)
        except (Unknown, PoolError) as refusal:
            end = StatusEvent(tx_hash, Status.DROPPED, reason=str(refusal))
        if end is not None and retracted.known:
            self._emit(end)
        # Ready transactions that depended on its block wait for another provider.
        self._base.withdraw_tags(retracted.provides)

    def _recheck(self, tx: Transaction, now: float, best: BlockRef) -> int:
        """Validate a transaction again: an invalid one is removed, its dependants wait.

        Returns the number of bytes decoded for it.
        """
        try:
            if self._recheck_by is not None:
                validity = self._recheck_by(tx, best)
            else:
                validity = self._validate(tx.raw, tx.source, best)
        except Invalid as refusal:
            self._ban(tx.hash, str(refusal), now)
            self._base.remove(tx, Status.INVALID, str(refusal))
            return len(tx.raw)
        except Unknown as doubt:
            self._base.remove(tx, Status.DROPPED, str(doubt))
            return len(tx.raw)
        fresh = _transaction(tx.hash, tx.raw, tx.source, validity, best, tx.seq)
        is_decoded = tx.kept is None or isinstance(validity, Validated)
        if not is_decoded:
            fresh.kept, fresh.sender, fresh.fee = tx.kept, tx.sender, tx.fee
        self._base.replace(tx, fresh, best)
        return len(tx.raw) if is_decoded else 0

    # ---- internals: limits and bans

    def _enforce_limits(self, now: float, newcomer: Transaction | None = None) -> None:
        for dropped in self._base.enforce_limits(newcomer):
            self._ban_briefly(dropped.hash, dropped.reason, now)

    def _ban(self, tx_hash: bytes, reason: str, now: float) -> None:
        self._bans.add(tx_hash, reason, now + self.limits.ban_seconds)

    def _ban_briefly(self, tx_hash: bytes, reason: str, now: float) -> None:
        """Ban for lack of room: it may be valid, and its owner has nothing else to send."""
        self._bans.add(tx_hash, reason, now + self.limits.full_seconds)


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
