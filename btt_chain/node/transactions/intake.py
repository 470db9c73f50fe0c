"""Transactions of other nodes: checked by their first bytes, validated by the pool, charged.

A node gossips only what its pool has accepted. So a transaction that can be valid on no state
(malformed, unknown call, unsigned where no unsigned call is gossiped) was made by its sender, and
is charged far above its cost; after a few of them the rest of the batch is dropped. A transaction
that is forged, unpaid, early or late may have been valid at the sender: it is charged at its cost,
and after many of them the rest of the batch is dropped too.

A paying attacker can make honest neighbours send transactions that are of no use here:

    rival   Its account and nonce are those of a transaction in the pool that pays at least as much.
            Two transactions that an account gives to two nodes at once: each node holds one,
            gossips it, and receives the other. Most rivals are refused before their signature is
            checked (`rivals.py`), so a forged one counts like a valid one; but no honest node
            gossips a forged one.
    late    The nonce was used up by a block that the neighbour has not imported yet: a rival that
            it gossips in the fraction of a second between two imports. Or the account can pay for
            it there but not here, where another one with a large tip waits.
    early   An earlier nonce is missing here. Nodes gossip only what is ready in their pool, and
            nothing before what it depends on (`tx_gossip.py`), so a message was lost, or this node
            has just started: then each transaction may be early until a block brings the others.
    banned  It was refused here a while ago: before its account was paid, or for being early.

For each of them that honest neighbours send, the attacker pays a fee, or it is the transaction of
an honest account. So an honest neighbour sends no more of them than the network has transactions.
Up to TOLERATED, which is more than that, they are charged to their peer like valid ones; above it
their charge is raised, and a peer that sends only these is disconnected within seconds.

One batch is processed at a time, in slices, so that votes and slots never wait for a whole one.
What a full pool has no room for is held (`held_transactions.py`) until a block makes some, and what
is too far ahead until a block may have brought the nonces before.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import field
from enum import Enum
from types import MappingProxyType
from typing import Final

from btt_chain.chain.client import Client
from btt_chain.chain.runtimes import UnsupportedRuntime
from btt_chain.crypto.hashing import blake2_256
from btt_chain.lazyclass import dataclass
from btt_chain.node.engine.expenses import Expenses, Meter
from btt_chain.node.transactions.gossip import TxGossip, remember
from btt_chain.node.transactions.held import Held, HeldTransactions
from btt_chain.node.transactions.pool import MAX_UNCHECKED, PoolService
from btt_chain.primitives.extrinsic import BARE_V4, BARE_V5, SIGNED_V4
from btt_chain.primitives.validity import (
    AncientBirthBlock,
    BadProof,
    Call,
    Future,
    MandatoryValidation,
    Stale,
    TransactionSource,
    UnknownOrigin,
)
from btt_chain.scale import DecodeError
from btt_chain.scale.compact import compact_decode
from btt_chain.txpool import (
    NoFutureRoom,
    PoolError,
    SenderFunds,
    SenderFutureLimit,
    TemporarilyBanned,
    TooLowPriority,
    TransactionInvalid,
    ValidityUnknown,
)
from p2p.limits import Bucket, Rate
from p2p.network import KIB, TX, Penalise
from p2p.protocols.messages import TxBatch
from storage.state import StateUnavailable

log = logging.getLogger(__name__)

TX_COST: Final = 10
"""Penalty for a batch with a forged transaction; it may have been valid before."""
IMPOSSIBLE_COST: Final = 500
"""Penalty for a batch with a transaction that is valid on no state."""
BAD_BATCH: Final = 100
MAX_IMPOSSIBLE: Final = 4
"""Number of transactions in a batch that are valid on no state; then the rest is dropped."""
MAX_FORGED: Final = 16
"""Number of transactions in a batch that are forged, unpaid or banned; then the rest is dropped.
Each costs a signature, and a peer that forwards what it has not accepted could send only these.
"""
TOLERATED: Final = Rate(500, 4_000)
"""Late, early, banned or rival transactions of one peer, per second and at once, that are
tolerated: they cost their sender nothing, as they are in no block. One that takes longer than
TOLERATED_US counts as several: a transfer takes less, a long call far more.
"""
TOLERATED_US: Final = 500
"""Processor time of one of them."""
UNPROVEN: Final = Rate(0.25, 16)
"""Forged or unpaid transactions of one peer, per second and at once, at a low charge: a node may be
a block ahead of its peer. Above it each costs DEAR_US.
"""
MIN_SIGNED: Final = 102
"""Minimum bytes of a signed extrinsic: version, address, signature, extensions, call."""
SLICE: Final = 32
"""Maximum number of transactions in one turn."""
SLICE_US: Final = 10_000
"""Processor time of one turn; it ends after the transaction that uses it up."""


class Fault(Enum):
    """The reason why the pool did not accept a transaction, as far as its sender is concerned."""

    NONE = 0
    """No fault that its sender could have known."""
    LATE = 1
    """Stale, early, or more than its account can pay together with waiting ones."""
    UNPAID = 2
    """Refused for another reason that its sender need not have known."""
    FORGED = 3
    """A bad signature or proof."""
    IMPOSSIBLE = 4
    """Valid on no state."""
    BANNED = 5
    """Refused a while ago, and not validated again."""
    RIVAL = 6
    """Another one with its account and nonce is in the pool, which it does not outbid."""


TOLERABLE: Final = frozenset({Fault.LATE, Fault.BANNED, Fault.RIVAL})
MIN_US: Final = MappingProxyType(
    {
        Fault.LATE: 0,
        Fault.RIVAL: 0,
        Fault.BANNED: 0,
        Fault.UNPAID: 300,
        Fault.FORGED: 300,
        Fault.IMPOSSIBLE: 20_000,
    }
)
"""Minimum charge for a transaction with a fault, in microseconds. No honest node makes or forwards
an impossible one.
"""
DEAR_US: Final = MappingProxyType({Fault.BANNED: 1_000, Fault.UNPAID: 1_000, Fault.FORGED: 2_000})
"""The same above UNPROVEN, or for a banned transaction above TOLERATED."""
IMPOSSIBLE_US_PER_KIB: Final = 100
"""Charge for the size of an impossible transaction on top of its minimum."""
UNREAD_US: Final = 100
"""Charge for each transaction that is dropped after MAX_FORGED forged ones."""
TOO_LATE_US: Final = 2_000
"""Minimum charge for a late transaction above TOLERATED."""
UNREAD_LATE_US: Final = 25
"""Charge for each transaction that is dropped after that one. Less than after forged ones: an
honest peer may have several of them.
"""


@dataclass(slots=True)
class _Batch:
    """A batch in progress."""

    peer: str
    data: bytes
    """The message that contained it."""
    waiting: deque[bytes]
    count: int
    """Number of its transactions, or 0 once one of them was not accepted."""
    fresh: list[bytes] = field(default_factory=list)
    """Hashes of those that are ready and new here."""
    excused: bool | None = None
    """True if its peer is not to blame for any fault; None until the first one."""
    impossible: int = 0
    forged: int = 0
    why: str | None = None
    """The penalty's reason."""
    penalty: int = 0
    useless_us: int = 0
    tries: int = 0
    """Number of blocks for which its transactions were held; 0 for a batch that was received."""
    others: dict[bytes, tuple[str, ...]] = field(default_factory=dict)
    """Other peers that have sent a held transaction, by its bytes."""


class TxIntake:
    """Incoming batches of transactions."""

    def __init__(
        self,
        client: Client,
        pool: PoolService,
        gossip: TxGossip,
        expenses: Expenses,
        meter: Meter,
        is_excused: Callable[[], bool],
    ) -> None:
        """`is_excused` returns True while other nodes may have another runtime."""
        self._client = client
        self._pool = pool
        self._gossip = gossip
        self._expenses = expenses
        self._meter = meter
        self._is_excused = is_excused
        self.batches: deque[_Batch] = deque()
        """Those that wait; not to be changed from outside."""
        self._held = HeldTransactions()
        self._tolerated: dict[str, Bucket] = {}
        """Remaining allowance of TOLERATED, by peer."""
        self._unproven: dict[str, Bucket] = {}
        """Remaining allowance of UNPROVEN, by peer."""
        self._peers: dict[str, None] = {}
        self._bare: tuple[bytes, Mapping[bytes, int]] = (b"", {})
        """Unsigned calls that are gossiped, and the block whose runtime defines them."""

    @property
    def busy(self) -> bool:
        """True if a batch is waiting for `work`."""
        return bool(self.batches)

    def connected(self, peer: str) -> None:
        """Add a peer."""
        self._peers[peer] = None

    def disconnected(self, peer: str, now: int) -> None:
        """Drop a peer and its batches, except what was held: other peers' copies were ignored."""
        dropped = [one for one in self.batches if one.peer == peer and not one.tries]
        for batch in dropped:
            self._gossip.finish_batch(batch.data, 0, batch.fresh, now)
        self._peers.pop(peer, None)
        self._tolerated.pop(peer, None)
        self._unproven.pop(peer, None)
        self.batches = deque(one for one in self.batches if one.peer != peer or one.tries)

    def receive(self, peer: str, data: bytes) -> list[Penalise]:
        """Queue a batch of `peer`; `work` processes it."""
        try:
            batch = TxBatch.decode(data)
        except DecodeError as error:
            return [Penalise(peer, BAD_BATCH, f"malformed transactions: {error}")]
        waiting = deque(batch.transactions)
        self.batches.append(_Batch(peer, data, waiting, len(waiting)))
        return []

    def retry_held(self) -> None:
        """Queue transactions that wait for a block: those that are early, and as many others as the
        pool has room for.

        They come before batches that are received later, in the order in which they arrived.
        """
        if not self._held:
            return
        pool = self._pool.pool
        queued = sum(len(batch.waiting) for batch in self.batches if batch.tries)
        for held in self._held.take(pool.limits.ready.count - pool.status().ready - queued):
            self._retry(held.wire, (held.peer, *held.others), held.tries + 1)
        self._pool.backpressure.record_held(len(self._held))

    def _retry(self, wire: bytes, senders: Iterable[str], tries: int) -> None:
        """Queue a transaction that was held, at the charge of its first sender that is connected.

        It is dropped if none is.
        """
        peers = [peer for peer in senders if peer in self._peers]
        if not peers:
            return
        batch = self.batches[-1] if self.batches else None
        if batch is None or (batch.peer, batch.tries) != (peers[0], tries):
            batch = _Batch(peers[0], b"", deque(), 0, tries=tries)
            self.batches.append(batch)
        batch.waiting.append(wire)
        batch.others[wire] = tuple(peers[1:])

    def work(self, now: int) -> list[Penalise]:
        """Process the first batch for one turn; return the penalty once it is done."""
        if not self.batches:
            return []
        batch, begun = self.batches[0], self._meter()
        last = begun
        for _ in range(SLICE):
            if not batch.waiting or last - begun >= SLICE_US:
                break
            wire = batch.waiting.popleft()
            fault, why = self._judge(wire, batch, now)
            now_us = self._meter()
            spent, last = now_us - last, now_us
            if fault is not Fault.NONE:
                batch.count = 0
                self._account(batch, fault, why, spent, len(wire), now)
        self._expenses.note(batch.peer, TX, last - begun, batch.useless_us, now)
        batch.useless_us = 0
        if batch.waiting:
            return []
        self.batches.popleft()
        self._gossip.finish_batch(batch.data, batch.count, batch.fresh, now)
        if batch.why is None or batch.excused:
            return []
        return [Penalise(batch.peer, batch.penalty, f"bad transactions: {batch.why}")]

    def _account(
        self, batch: _Batch, fault: Fault, why: str, spent: int, size: int, now: int
    ) -> None:
        """Charge a transaction for its fault, and drop the rest if there were too many.

        Tolerated rivals, late and banned ones are not charged for a fault.
        """
        if batch.tries and fault is Fault.UNPAID:
            fault = Fault.LATE  # its account may have been able to pay when it was sent
        if fault in TOLERABLE and self._is_tolerated(batch.peer, spent, now):
            return
        minimum = MIN_US[fault]
        if batch.excused is None:
            batch.excused = self._is_excused()
        match fault:
            case Fault.IMPOSSIBLE:
                batch.impossible += 1
                minimum += size * IMPOSSIBLE_US_PER_KIB // KIB
                self._blame(batch, IMPOSSIBLE_COST, why)
                if batch.impossible >= MAX_IMPOSSIBLE:
                    self._drop_rest(batch)
            case Fault.FORGED | Fault.UNPAID | Fault.BANNED:
                batch.forged += 1
                if fault is Fault.BANNED or not self._may_be_unproven(batch.peer, now):
                    minimum = DEAR_US[fault]
                if fault is Fault.FORGED:
                    self._blame(batch, TX_COST, why)
                if batch.forged >= MAX_FORGED:
                    self._blame(batch, TX_COST, f"{batch.forged} that are forged or unpaid")
                    if fault is Fault.FORGED:
                        minimum += UNREAD_US * len(batch.waiting)
                    self._drop_rest(batch)
            case _:
                minimum = TOO_LATE_US + UNREAD_LATE_US * len(batch.waiting)
                self._blame(batch, TX_COST, "too many that come too late or too early")
                self._drop_rest(batch)
        if not batch.excused:
            batch.useless_us += max(spent, minimum)

    def _drop_rest(self, batch: _Batch) -> None:
        """Drop the rest of a batch; what was held is left to other peers that have sent it."""
        rest, batch.waiting = batch.waiting, deque()
        for wire in rest:
            self._retry(wire, batch.others.get(wire, ()), batch.tries)

    @staticmethod
    def _blame(batch: _Batch, penalty: int, why: str) -> None:
        if penalty >= batch.penalty:
            batch.why, batch.penalty = why, penalty

    def _judge(self, wire: bytes, batch: _Batch, now: int) -> tuple[Fault, str]:
        """Submit a transaction to the pool; return its fault and the reason."""
        hash = blake2_256(wire)
        if hash in self._pool.pool:
            self._gossip.received_again(hash, now)
            if not self._pool.pool.is_ready(hash):
                batch.count = 0  # peers would charge this node for it in a forwarded batch
            return Fault.NONE, ""
        if hash in self._gossip.received or hash in self._gossip.included:
            return Fault.NONE, ""
        holder = self._held.sender(hash)
        if holder is not None:
            batch.count = 0
            if holder == batch.peer:
                return Fault.LATE, "it waits"
            self._held.sent_again(hash, batch.peer)
            return Fault.NONE, ""
        why = self._impossible(wire)
        if why is not None:
            return Fault.IMPOSSIBLE, why
        if len(wire) <= MAX_UNCHECKED and self._pool.is_outbid(wire):
            return Fault.RIVAL, "its nonce is taken"
        if self._pool.lacks_room(wire, self._pool.pool.limits.ready.count):
            self._hold(batch, hash, wire, is_early=False)
            return Fault.NONE, ""  # no fault of its sender, whose pool may have room
        if len(wire) <= MAX_UNCHECKED and self._pool.is_early(wire):
            self._hold(batch, hash, wire, is_early=True)
            return (Fault.NONE, "") if batch.tries else (Fault.LATE, "an earlier nonce is missing")
        remember(self._gossip.received, hash, None)
        self._gossip.judged, self._gossip.is_fresh = hash, False
        try:
            self._pool.admit(wire, TransactionSource.External)
        except DecodeError as error:
            return Fault.IMPOSSIBLE, str(error)
        except PoolError as error:
            # It may be valid on the next block; the pool's bans limit the attempts.
            self._gossip.received.pop(hash, None)
            batch.count = 0
            log.debug("a transaction of %s is not taken: %s", batch.peer, error)
            fault = fault_of(error)
            if isinstance(error, TransactionInvalid) and isinstance(error.reason, Future):
                # A vote of a verifier came before its window's block: gossip does not bring the
                # same bytes again within a minute, by when the window may be over.
                self._hold(batch, hash, wire, is_early=True)
                fault = Fault.NONE if batch.tries else fault
            return fault, str(error)
        finally:
            self._gossip.judged = None
        if self._gossip.is_fresh:
            batch.fresh.append(hash)
        if not self._pool.pool.is_ready(hash):
            return Fault.LATE, "an earlier nonce is missing"
        return Fault.NONE, ""

    def _hold(self, batch: _Batch, hash: bytes, wire: bytes, *, is_early: bool) -> None:
        batch.count = 0
        tries = batch.tries if is_early else 0
        others = batch.others.get(wire, ())
        if not self._held.keep(hash, Held(batch.peer, wire, is_early, tries, others)):
            log.debug("a transaction of %s is dropped: there is no room for it", batch.peer)
        self._pool.backpressure.record_held(len(self._held))

    def _impossible(self, wire: bytes) -> str | None:
        """Return why a transaction is valid on no state, by its first bytes; None if it may be."""
        try:
            length, at = compact_decode(wire, 0)
        except DecodeError as error:
            return str(error)
        if length != len(wire) - at or not length:
            return f"an extrinsic of {len(wire) - at} bytes with the length {length}"
        head = wire[at]
        if head == SIGNED_V4:
            return None if length >= MIN_SIGNED else f"a signed extrinsic of {length} bytes"
        if head not in (BARE_V4, BARE_V5):
            return f"an extrinsic of version {head:#04x}"
        limit = self._gossiped().get(wire[at + 1 : at + 3])
        if limit is None:
            return "an unsigned extrinsic that is not gossiped"
        return None if length - 1 <= limit else f"an unsigned extrinsic of {length} bytes"

    def _gossiped(self) -> Mapping[bytes, int]:
        """Return the unsigned calls that are gossiped under the best block's runtime."""
        best = self._client.best().hash
        if self._bare[0] != best:
            try:
                calls = self._client.runtime_at(best).pool.runtime.gossiped()
            except (UnsupportedRuntime, StateUnavailable):
                return self._bare[1]
            self._bare = best, calls
        return self._bare[1]

    def _is_tolerated(self, peer: str, spent: int, now: int) -> bool:
        return self._take(self._tolerated, TOLERATED, peer, now, 1 + spent // TOLERATED_US)

    def _may_be_unproven(self, peer: str, now: int) -> bool:
        return self._take(self._unproven, UNPROVEN, peer, now)

    def _take(
        self, buckets: dict[str, Bucket], rate: Rate, peer: str, now: int, count: int = 1
    ) -> bool:
        left = buckets.get(peer)
        if left is None:
            left = Bucket(rate, now)
            if peer in self._peers:  # no entry remains for a batch that outlives its peer
                buckets[peer] = left
        return left.take(now, count)


def fault_of(error: PoolError) -> Fault:
    """Return the fault for an error of the pool."""
    if isinstance(error, TemporarilyBanned) and not error.is_for_room:
        return Fault.BANNED
    if isinstance(error, TooLowPriority):
        return Fault.RIVAL
    if isinstance(error, (SenderFunds, SenderFutureLimit, NoFutureRoom)):
        return Fault.LATE
    if isinstance(error, ValidityUnknown):
        return Fault.UNPAID
    if not isinstance(error, TransactionInvalid):
        return Fault.NONE
    match error.reason:
        case Call() | MandatoryValidation() | UnknownOrigin():
            return Fault.IMPOSSIBLE
        case Stale() | Future() | AncientBirthBlock():
            return Fault.LATE
        case BadProof():
            return Fault.FORGED
        case _:
            return Fault.UNPAID
