"""The pool's driver: validates transactions by the best block's runtime, notifies watchers.

The pool itself (`btt_chain.txpool`) is a state machine; this adds its clock, its runtime and its
chain events.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from btt_chain.chain.client import Client, RootedOverlay
from btt_chain.chain.notify import ChainEvent, NewBest, NewBlock
from btt_chain.chain.runtimes import UnsupportedRuntime
from btt_chain.crypto.hashing import blake2_256
from btt_chain.lazyclass import dataclass
from btt_chain.node.transactions.backpressure import Backpressure
from btt_chain.node.transactions.rivals import claimed_tag, unchecked_priority
from btt_chain.primitives.account import AccountId, Id
from btt_chain.primitives.digest import H256
from btt_chain.primitives.extrinsic import (
    SIGNED_V4,
    decode_extrinsic,
    extrinsic_hashes,
    opaque,
    unwrap,
)
from btt_chain.primitives.validity import CannotLookup, TransactionSource, ValidTransaction
from btt_chain.scale import DecodeError
from btt_chain.txpool import (
    BlockRef,
    ImportedBlock,
    Included,
    Pool,
    PoolFull,
    RecheckBudget,
    Status,
    StatusEvent,
    Transaction,
    Validated,
    ValidityUnknown,
    nonce_tag,
    outbids,
)
from runtime.executive import Executive
from runtime.extensions import SIGNED_EXTRA, SignedExtra
from runtime.frame import RuntimeVersion
from runtime.kept import Kept
from storage.fork import NotRead
from storage.state import StateUnavailable

log = logging.getLogger(__name__)

RECHECKS: Final = 128
"""Maximum number of transactions rechecked in one turn of the node: a few milliseconds."""

RECHECK_BYTES: Final = 128 << 10
"""Maximum bytes of transactions decoded again in one turn, where no data of them was kept."""

RECHECK_SECONDS: Final = 0.01
"""Time after which a turn stops rechecking."""

RECHECKS_A_BLOCK: Final = 512
"""Maximum number of transactions rechecked after one block, those of retracted blocks and after a
change of the runtime not counted. A block checks what it takes, so the rest may wait for later
blocks: in a full pool it would cost more than the block."""

MAX_UNCHECKED: Final = 512
"""Maximum bytes of a transaction that is refused without its signature, as a rival or for lack of
room: the call of a longer one costs more to decode than a signature to verify.
"""

VIEW_READS: Final = 50_000
"""Maximum number of values cached by a view of the state before it is reopened."""

StatusListener = Callable[[StatusEvent], None]
ArrivalListener = Callable[[Sequence[bytes]], None]


@dataclass(slots=True)
class View:
    """The best block's state, opened to validate transactions."""

    at: bytes
    overlay: RootedOverlay
    executive: Executive


class PoolService:
    """The transaction pool of a running node."""

    def __init__(self, client: Client, clock: Callable[[], float] = time.monotonic) -> None:
        self.client = client
        self.pool = Pool(self._validate, recheck=self._recheck_kept, can_pay=self._can_pay)
        self._members: Final = self.pool.members()
        self.in_turns = False
        """True if `recheck_some` is called in turns; else each block is followed by one turn, and
        the rest waits for the next block."""
        self.holds_gossip = False
        """True if the pool may hold transactions that were valid under another runtime only. Peers
        would penalize this node for them, so nothing is gossiped until all are validated again."""
        self.backpressure = Backpressure(self.pool.limits.ready.count)
        self._rechecked: tuple[bytes, int] = b"", 0
        """The best block, and the number of rechecks since."""
        self._no_runtime_at: bytes | None = None
        """The best block on which no transaction can be validated: its runtime is not here."""
        self._clock = clock
        self._view: View | None = None
        self._watching: dict[bytes, dict[object, StatusListener]] = {}
        self._arrivals: list[ArrivalListener] = []
        client.listen(self._on_chain_event)

    # ---- submission

    def submit(self, wire: bytes, source: TransactionSource = TransactionSource.External) -> bytes:
        """Add an extrinsic (with its length prefix) that came to this node first; return its hash.

        Raises PoolError, with the runtime's refusal as its cause.
        """
        room = self.backpressure.room if self.in_turns else self.pool.limits.ready.count
        if source is TransactionSource.External and self.lacks_room(wire, room):
            raise PoolFull(self.pool.status())
        return self.admit(wire, source)

    def lacks_room(self, wire: bytes, room: int) -> bool:
        """Return True if `room` transactions or more are ready, and this one pays no more than the
        cheapest of them. It is not validated, and its signature is not checked.
        """
        pool = self.pool
        if len(pool.members()) < room or pool.status().ready < room or len(wire) > MAX_UNCHECKED:
            return False
        if blake2_256(wire) in pool:
            return False  # the pool refuses it as a duplicate
        offered = self._unchecked_priority(wire)
        return offered is not None and offered <= pool.worst_priority

    def admit(self, wire: bytes, source: TransactionSource) -> bytes:
        """Add an extrinsic (with its length prefix) from anywhere; return its hash.

        Raises as `submit` does.
        """
        best = self.client.best()
        try:
            at = BlockRef(best.number, best.hash)
            hash = self.pool.submit(wire, source, self._clock(), at, self._validate_new)
        except NotRead:
            raise  # the caller reads it, and submits the transaction again
        except (UnsupportedRuntime, StateUnavailable) as missing:
            # Not possible while a state is fetched from peers, or without its runtime.
            raise ValidityUnknown(CannotLookup()) from missing
        else:
            admitted = self.pool.get(hash)
            if admitted is not None and isinstance(admitted.kept, Kept):
                self.client.kept.add(hash, admitted.kept)
            return hash
        finally:
            self._report_events()

    def is_outbid(self, wire: bytes) -> bool:
        """Return True if the transaction with its account and nonce in the pool is not to be
        replaced by it. Its signature is not checked: that would be most of the cost of admission.
        """
        tag = claimed_tag(wire)
        holder = None if tag is None else self.pool.provider(tag)
        if holder is None:
            return False
        offered = self._unchecked_priority(wire)
        return offered is not None and not outbids(offered, holder.priority)

    def is_early(self, wire: bytes) -> bool:
        """Return True if the pool would refuse a transaction because its nonce is too far ahead:
        an earlier one is missing, and as many of its account wait as may. Its signature is not
        checked.
        """
        tag = claimed_tag(wire)
        if tag is None:
            return False
        pool, account, nonce = self.pool, tag[:32], int.from_bytes(tag[32:], "little")
        if not nonce or pool.waiting.of(account).count < pool.limits.future_sender.count:
            return False
        if pool.provider(nonce_tag(account, nonce - 1)) is not None:
            return False
        executive = self._executive()
        return executive is not None and nonce > executive.nonce_of(AccountId(account))

    def _unchecked_priority(self, wire: bytes) -> int | None:
        """Return the claimed priority of a transaction; None if it needs a validation."""
        executive = self._executive()
        return None if executive is None else unchecked_priority(executive, wire)

    def _executive(self) -> Executive | None:
        """Return the executive on the best block's state; None without that or its runtime."""
        try:
            return self._view_of(self.client.best().hash).executive
        except NotRead:
            raise
        except (UnsupportedRuntime, StateUnavailable):
            return None

    def watch(self, hash: bytes, listener: StatusListener) -> Callable[[], None]:
        """Call `listener` on each event of a transaction, until the returned function is called."""
        key = object()
        self._watching.setdefault(hash, {})[key] = listener

        def stop() -> None:
            listeners = self._watching.get(hash, {})
            listeners.pop(key, None)
            if not listeners:
                self._watching.pop(hash, None)

        return stop

    def on_arrival(self, listener: ArrivalListener) -> Callable[[], None]:
        """Call `listener` with the hashes of transactions whenever some became ready.

        Until the returned function is called.
        """
        self._arrivals.append(listener)
        return lambda: self._arrivals.remove(listener)

    def went_out(self, hashes: Iterable[bytes], peers: Sequence[str]) -> None:
        """Report to watchers that these transactions were gossiped to these peers."""
        watched = [hash for hash in hashes if hash in self._watching] if self._watching else ()
        if watched:
            self.pool.on_broadcast(dict.fromkeys(watched, peers))
            self._report_events()

    def remove(self, reasons: dict[bytes, str]) -> list[bytes]:
        """Remove transactions and their dependants; return those that were there."""
        removed = self.pool.remove_invalid(reasons, self._clock())
        self._report_events()
        return removed

    # ---- chain events

    def _on_chain_event(self, event: ChainEvent) -> None:
        if isinstance(event, NewBlock):
            return  # it matters once it is the best one
        if isinstance(event, NewBest):
            self._follow(event)
        else:
            self.pool.on_finalized(event.hashes)
        self._report_events()

    def _follow(self, event: NewBest) -> None:
        enacted, retracted, now = event.enacted, event.retracted, self._clock()
        if retracted:
            self.pool.on_retracted([self._imported(hash) for hash in retracted])
        for hash in enacted:
            self.pool.on_block_imported(self._imported(hash), now)
        is_used = self._members or self.pool.retracted.bytes
        if is_used and self._change_runtime((*enacted, *retracted)):
            self.holds_gossip = True
            self._drop_outdated()
        if not self.in_turns:
            self._recheck(self._turn())

    @property
    def has_rechecks(self) -> bool:
        """True if transactions are to be validated on the best block's state."""
        if not (self._members or self.pool.retracted.bytes):  # asked at each event of the node
            return False
        best = self.client.best().hash
        if best == self._no_runtime_at:
            return False
        at, count = self._rechecked
        is_enough = at == best and count >= RECHECKS_A_BLOCK and not self.holds_gossip
        return self.pool.must_recheck(best, is_enough=is_enough)

    def recheck_some(self, budget: RecheckBudget | None = None) -> bool:
        """Recheck some transactions that blocks may have made invalid; return True if more remain.

        `budget` is that of one turn unless another is given.
        """
        self._recheck(budget or self._turn())
        self._report_events()
        return self.has_rechecks

    def _recheck(self, budget: RecheckBudget) -> None:
        best = self.client.best()
        try:
            count = self.pool.revalidate(budget, self._clock(), BlockRef(best.number, best.hash))
            at, before = self._rechecked
            self._rechecked = best.hash, count + (before if at == best.hash else 0)
        except (UnsupportedRuntime, StateUnavailable) as missing:
            # Not possible while a state is fetched from peers, or without its runtime.
            self._no_runtime_at = best.hash
            log.info("transactions wait for a recheck: %s", missing)
        else:
            if self.holds_gossip:
                self.holds_gossip = self.has_rechecks

    def _drop_outdated(self) -> None:
        """Drop transactions that are signed for a runtime other than the best block's.

        Their signatures cover its version. To check them would cost every validator seconds in
        the same turn. Unsigned transactions are rechecked in turns, as after any block.
        """
        try:
            version = self.client.runtime_at(self.client.best().hash).version
        except (UnsupportedRuntime, StateUnavailable) as missing:
            log.info("transactions wait for a recheck: %s", missing)
            return
        signed_for = _signed_for(version)

        def is_outdated(known: Transaction) -> bool:
            kept = known.kept
            return isinstance(kept, Kept) and _signed_for(kept.runtime.version) != signed_for

        count = self.pool.drop_outdated(
            is_outdated,
            f"signed for another runtime than {version.spec_version}: sign and submit it again",
        )
        log.info("dropped %d transactions that are signed for another runtime", count)

    def _turn(self) -> RecheckBudget:
        end = self._clock() + RECHECK_SECONDS
        return RecheckBudget(RECHECKS, RECHECK_BYTES, lambda: self._clock() > end)

    def _change_runtime(self, blocks: Iterable[bytes]) -> bool:
        return any(self.client.header_of(hash).digest.updates_runtime() for hash in blocks)

    def _imported(self, hash: bytes) -> ImportedBlock:
        body = self.client.body(hash) or []
        number = self.client.store.blocks.fields(hash).number
        return ImportedBlock(BlockRef(number, hash), list(included(body, self.pool)))

    # ---- validation

    def _validate_new(self, wire: bytes, source: TransactionSource, at: BlockRef) -> Validated:
        """Validate a transaction that is submitted; its decoded call is kept for a block."""
        valid, kept = self._view_of(at.hash).executive.admit(source, unwrap(wire))
        return Validated(valid, kept, kept.who, kept.fee) if kept else Validated(valid, None, None)

    def _validate(self, wire: bytes, source: TransactionSource, at: BlockRef) -> Validated:
        """Validate a transaction that was submitted, or included, before; its call is dropped."""
        found = self._validate_new(wire, source, at)
        if isinstance(found.kept, Kept):
            found.kept.call = None
        return found

    def _can_pay(self, who: bytes, fees: int, at: bytes) -> bool:
        return self._view_of(at).executive.can_pay(AccountId(who), fees)

    def _recheck_kept(self, known: Transaction, at: BlockRef) -> ValidTransaction | Validated:
        """Validate a transaction of the pool again, by its kept data or by its bytes."""
        if isinstance(known.kept, Kept):
            valid = self._view_of(at.hash).executive.recheck(known.kept)
            if valid is not None:
                return valid
        return self._validate(known.raw, known.source, at)

    def _view_of(self, at: bytes) -> View:
        view = self._view
        if view is None or view.at != at or len(view.overlay.base_reads) > VIEW_READS:
            overlay = self.client.overlay(at)
            executive = self.client.runtimes.of(overlay.get).pool
            executive.open_pool_view(overlay, H256(at))
            view = self._view = View(at, overlay, executive)
        return view

    # ---- reporting

    def _report_events(self) -> None:
        events = self.pool.drain()
        if not events:
            return
        ready: list[bytes] = []
        kept = self.client.kept
        for event in events:
            status, hash = event.status, event.hash
            if status is Status.READY:
                ready.append(hash)
            elif status is Status.FINALIZED:
                pass  # it was removed when its block came
            elif status is Status.IN_BLOCK or status.ends:
                kept.remove(hash)
            if hash in self._watching:
                self._report(event)
        if ready:
            for arrival in self._arrivals:
                arrival(ready)

    def _report(self, event: StatusEvent) -> None:
        """Notify the watchers of a transaction."""
        for listener in list(self._watching[event.hash].values()):
            try:
                listener(event)
            except Exception:
                # A failing watcher must never stop a block.
                log.exception("a watcher failed on %s", event.status.name)
        if event.status.ends:
            self._watching.pop(event.hash, None)


def _signed_for(version: RuntimeVersion) -> tuple[int, int]:
    """Return the parts of a runtime's version that signatures cover."""
    return int(version.spec_version), int(version.transaction_version)


def included(body: Sequence[bytes], pool: Pool) -> Iterable[Included]:
    """Yield the transactions of a block's body, without inherents.

    The pool knows the tags of its own; those of others are read from the envelope.
    """
    known = pool.members()
    for position, (inner, hash) in enumerate(zip(body, extrinsic_hashes(body), strict=True)):
        if (tx := known.get(hash)) is not None:
            yield Included(position, hash, tx.raw, tx.provides)
        elif (tags := envelope_tags(inner)) is not None:
            yield Included(position, hash, opaque(inner), tags)


def envelope_tags(inner: bytes) -> Sequence[bytes] | None:
    """Return the tags of a signed extrinsic, from its envelope; None for unsigned ones."""
    if not inner or inner[0] != SIGNED_V4:
        return None
    try:
        envelope = decode_extrinsic(inner, SIGNED_EXTRA)
    except DecodeError:
        return None
    extra, address = envelope.extra, envelope.address
    if not isinstance(extra, SignedExtra) or not isinstance(address, Id):
        return None
    return (nonce_tag(address.account, int(extra.nonce)),)
