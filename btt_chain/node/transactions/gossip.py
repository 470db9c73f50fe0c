"""Outgoing transactions: collected into batches, and gossiped again while they wait.

Transactions of other nodes are gossiped again too: the network forwards nothing by itself, and a
node passes on only what its pool has accepted. Incoming ones are handled by `tx_intake.py`. A large
batch of which most is new here is forwarded with the same bytes, because the network does not send
a message to peers that have it; the transactions of other batches are collected into new ones.

A transaction is gossiped once it is ready, and not before those that it depends on: other nodes
have no use for it without them, and charge a peer for many of them. So one that is too large for
gossip holds back the later nonces of its account until a block includes it.

Times are milliseconds of a monotonic clock.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Sequence
from typing import Final, NamedTuple, TypeVar

from btt_chain.lazyclass import dataclass
from btt_chain.node.transactions.pool import PoolService
from btt_chain.primitives.extrinsic import extrinsic_hashes
from p2p import network
from p2p.network import Publish
from p2p.protocols.messages import TxBatch

log = logging.getLogger(__name__)

GATHER_MS: Final = 100
"""Time for which transactions are collected for one message."""
LARGE_EVERY_MS: Final = 1_000
"""Pause between two transactions sent alone; peers allow no more (`p2p.limits`)."""
RESEND_SLOTS: Final = 8
"""Slots after which a transaction of ours that is in no block yet is gossiped again, the first
time; each later wait is twice as long."""
MAX_RESEND_SLOTS: Final = 1_024
RESEND_SLACK: Final = 2
"""Slots by which peers may be ahead of us in gossiping again."""
MIN_FORWARDED: Final = 1_024
"""Minimum bytes of a batch that is forwarded with the same bytes."""
MAX_FORWARDS: Final = 4
"""Maximum number of these within GATHER_MS; further ones are collected like small ones. Peers limit
the number of messages (`p2p.limits`)."""
REMEMBERED: Final = 20_000
"""Transactions remembered as received, as sent, and as included."""

V = TypeVar("V")


class _Forward(NamedTuple):
    """A batch of a peer that is forwarded as it is."""

    data: bytes
    fresh: Sequence[bytes]
    """Hashes of its transactions that were new here."""


@dataclass(slots=True)
class _Sent:
    """A transaction that was gossiped, and is gossiped again while it waits."""

    at: int
    wait: int


class TxGossip:
    """Outgoing transactions, and hashes of those that need no second check."""

    def __init__(self, pool: PoolService) -> None:
        self._pool = pool
        self.slot: int | None = None
        """The current slot; None before the first one."""
        self.due: int | None = None
        """Time of the next call of `take_due`."""
        self.received: OrderedDict[bytes, None] = OrderedDict()
        """Hashes of transactions of other nodes, except those that the pool refused."""
        self.included: OrderedDict[bytes, None] = OrderedDict()
        """Hashes of transactions in the last blocks: peers may gossip them for a while yet."""
        self.judged: bytes | None = None
        """Hash of the transaction of a peer's batch that is handed to the pool now."""
        self.is_fresh = False
        """True if that one has become ready, and is to be gossiped with its batch."""
        self._forwards: list[_Forward] = []
        self._fresh: list[bytes] = []
        self._later: list[bytes] = []
        """Transactions that are held back; checked again at `_later_from`."""
        self._later_from = 0
        self._held: dict[bytes, None] = {}
        """Ready transactions that cannot be sent yet: too large for gossip, one of those sent
        alone, or dependent on one of these."""
        self._large_from = 0
        self._sent: OrderedDict[bytes, _Sent] = OrderedDict()
        self._own: dict[bytes, _Sent] = {}
        """Transactions that came to this node first."""

    def arrived(self, hashes: Sequence[bytes], now: int) -> None:
        """Queue transactions that have become ready in the pool."""
        members = self._pool.pool.members()
        for hash in hashes:
            known = members.get(hash)
            if known is None or not known.propagate or hash in self._sent:
                continue
            if not TxBatch.fits(known.raw):
                log.warning(
                    "transaction 0x%s is not gossiped: it has %d bytes. Only a block of this node "
                    "can include it; submit it to other nodes directly",
                    hash.hex(), len(known.raw),
                )  # fmt: skip
                self._held[hash] = None
                continue
            sent = _Sent((self.slot or 0) + RESEND_SLOTS, RESEND_SLOTS)
            remember(self._sent, hash, sent)
            if hash == self.judged:
                self.is_fresh = True
                continue
            self._fresh.append(hash)
            if hash in self.received:
                continue
            if len(self._own) < REMEMBERED and self.slot is not None:
                self._own[hash] = sent
        if self._fresh:
            self._gather(now)

    def finish_batch(self, data: bytes, count: int, fresh: Sequence[bytes], now: int) -> None:
        """Queue the transactions of a peer's batch that have become ready.

        `count` is the number of transactions of the batch that were accepted or known.
        """
        if not fresh:
            return
        is_worth = len(data) >= MIN_FORWARDED and 2 * len(fresh) >= count > 1
        if is_worth and len(self._forwards) < MAX_FORWARDS:
            self._forwards.append(_Forward(data, fresh))
        else:
            self._fresh += fresh
        self._gather(now)

    def note_included(self, body: Sequence[bytes]) -> None:
        """Record the transactions of a block as included."""
        included = self.included
        for hash in extrinsic_hashes(body):
            included[hash] = None
        while len(included) > REMEMBERED:
            included.popitem(last=False)

    def take_due(self, now: int, peers: Sequence[str], *, is_stalled: bool) -> list[Publish]:
        """Remove and return the batches to gossip now.

        None while the pool holds gossip, or the chain is stalled at a runtime that is not carried.
        """
        has_any = bool(self._fresh or self._later or self._forwards)
        if self._pool.holds_gossip and has_any and not is_stalled:
            self.due = None
            self._gather(now)
            return []
        fresh, self._fresh, self.due = self._fresh, [], None
        if now >= self._later_from:
            fresh, self._later = self._later + fresh, []
        if is_stalled:
            self._later.clear()
            self._held.clear()
            self._forwards.clear()
            return []  # they are signed for a runtime that is not in force any more
        going: dict[bytes, bytes] = {}
        whole = self._take_forwards(going, fresh)
        for hash in fresh:
            raw = self._sendable(hash, now)
            if raw is not None:
                going[hash] = raw
        if self._later:
            if self._later_from <= now:
                waits = self._large_from > now
                self._later_from = self._large_from if waits else now + LARGE_EVERY_MS
            self.due = self._later_from
        # Apart from each other: of a batch with both, a peer may have the half that is not ours,
        # and would not forward the rest with the same bytes.
        others = [raw for hash, raw in going.items() if raw and hash not in self._own]
        ours = [raw for hash, raw in going.items() if raw and hash in self._own]
        batches = [*TxBatch.split(others), *TxBatch.split(ours)]
        if peers:
            self._pool.went_out(going, peers)
        return [Publish(network.TX, data) for data in (*whole, *(one.encode() for one in batches))]

    def _take_forwards(self, going: dict[bytes, bytes], fresh: list[bytes]) -> list[bytes]:
        """Return the batches to forward, with their transactions in `going`, without bytes.

        Where most transactions have left the pool meanwhile, or one depends on one that is held
        back, those that are left are added to `fresh`.
        """
        forwards, self._forwards = self._forwards, []
        whole: list[bytes] = []
        members, held = self._pool.pool.members(), self._held
        for forward in forwards:
            found = map(members.get, forward.fresh)
            ready = [tx for tx in found if tx is not None and not tx.missing]
            is_held = bool(held) and any(p.hash in held for tx in ready for p in tx.parents)
            if 2 * len(ready) >= len(forward.fresh) and not is_held:
                whole.append(forward.data)
                going |= dict.fromkeys(forward.fresh, b"")
            else:
                fresh += forward.fresh
        return whole

    def _sendable(self, hash: bytes, now: int) -> bytes | None:
        """Return the bytes of a transaction to send now; hold it back if it may be sent later."""
        pool = self._pool.pool
        known = pool.get(hash)
        if known is None or not pool.is_ready(hash):
            self._held.pop(hash, None)
            if known is not None:
                self._sent.pop(hash, None)  # it arrives again when it becomes ready
            return None
        is_large = TxBatch.is_large(known.raw)
        held = self._held
        is_early = bool(held) and any(parent.hash in held for parent in known.parents)
        if is_early or (is_large and now < self._large_from):
            self._held[hash] = None
            self._later.append(hash)
            return None
        self._held.pop(hash, None)
        if is_large:
            self._large_from = now + LARGE_EVERY_MS
        return known.raw

    def begin_slot(self, slot: int, now: int) -> None:
        """Queue transactions of this node that are in no block yet: new peers lack them."""
        self.slot = slot
        self._held = {hash: None for hash in self._held if hash in self._pool.pool}
        for hash, sent in list(self._own.items()):
            if slot < sent.at:
                continue
            if hash not in self._pool.pool:
                # Included or removed; if a fork returns it, it arrives again.
                del self._own[hash]
                self._sent.pop(hash, None)
                continue
            self._send_again(hash, sent, slot, now)

    def received_again(self, hash: bytes, now: int) -> None:
        """Queue a waiting transaction that a peer gossips again: some neighbours receive it only
        from this node. Not more often than a transaction of this node.
        """
        sent, slot = self._sent.get(hash), self.slot
        if sent is not None and slot is not None and slot + RESEND_SLACK >= sent.at:
            self._send_again(hash, sent, slot, now)

    def _send_again(self, hash: bytes, sent: _Sent, slot: int, now: int) -> None:
        sent.wait = min(sent.wait * 2, MAX_RESEND_SLOTS)
        sent.at = slot + sent.wait
        self._fresh.append(hash)
        self._gather(now)

    def _gather(self, now: int) -> None:
        soon = now + GATHER_MS
        self.due = soon if self.due is None else min(self.due, soon)


def remember(memory: OrderedDict[bytes, V], hash: bytes, value: V) -> None:
    """Add an entry; drop the oldest one if there are too many."""
    memory[hash] = value
    if len(memory) > REMEMBERED:
        memory.popitem(last=False)
