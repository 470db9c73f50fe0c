"""Requests for compact blocks: a body is put together from the pool and what else is requested.

At most two requests of one peer for a block, then the block is complete or is requested whole, from
any peer. A peer whose ids lead to another body than the header's is charged, rests, and is asked
for whole blocks from then on: with an honest one that happens once in 10^7 blocks, because a
transaction of this pool has an id of the block.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, Protocol

from btt_chain.lazyclass import dataclass
from btt_chain.primitives.digest import H256
from btt_chain.primitives.header import Header
from btt_chain.scale import u32, u64
from p2p.network import COMPACT, LATE, OWN_FAILURES, REFUSED
from p2p.protocols.compact import (
    ID_BYTES,
    MAX_PLACES,
    Assembly,
    Describe,
    Pooled,
    Transactions,
    assemble,
    decode_transactions,
    encode_request,
    key_of,
)
from p2p.protocols.compact import CompactBlock as Wire
from p2p.sync.requests import LIE, QUICK_MS, Peer, PendingRequest, RequestTracker
from p2p.sync.types import Block

MIN_POOL: Final = 4
"""Minimum number of transactions in the pool for which a compact block is requested."""
MAX_MISSING: Final = 4
"""Part of a body that may be missing: one in so many, or FEW; else the whole block is requested."""
FEW: Final = 64

ABSENT: Final = "it has not got the block"
MISMATCH: Final = "the body is not the header's"
WRONG_BODY: Final = 2_000
"""Cost of that: an honest peer is far from a ban."""

Pool = Callable[[], Mapping[bytes, Pooled]]


class Receiver(Protocol):
    """The owner of the requests."""

    def compact_block(self, pending: PendingRequest, block: Block | None, now: int) -> None:
        """Process the end of a request: the block, None if it is to be requested whole."""

    def follow_up(self, id: int, next_id: int) -> None:
        """Note that another request follows a request."""


@dataclass(slots=True)
class _Wanted:
    """A block that is requested."""

    hash: bytes
    salt: int
    wire: Wire | None = None
    header: Header | None = None
    assembly: Assembly | None = None


class CompactBlocks:
    """The requests for compact blocks that have no answer yet."""

    def __init__(self, tracker: RequestTracker, pool: Pool, receiver: Receiver) -> None:
        self._tracker = tracker
        self._pool = pool
        self._receiver = receiver
        self._wanted: dict[int, _Wanted] = {}

    def may_ask(self, peer: Peer) -> bool:
        """Return True if a block is to be requested of a peer in this way."""
        return peer.is_compact and len(self._pool()) >= MIN_POOL

    def ask(self, hash: bytes, peer: Peer, now: int) -> int:
        """Request a block of a peer; return the request's id."""
        wanted = _Wanted(hash, self._tracker.rng.getrandbits(64))
        request = encode_request(Describe(H256(hash), u64(wanted.salt)))
        return self._send(wanted, peer, request, now, now)

    def _send(self, wanted: _Wanted, peer: Peer, request: bytes, now: int, since: int) -> int:
        pending = self._tracker.ask(self, peer, COMPACT, request, now, QUICK_MS)
        pending.is_optional, pending.sent = True, since
        self._wanted[pending.id] = wanted
        return pending.id

    # --- answers

    def answered(self, pending: PendingRequest, data: bytes, now: int) -> None:
        """Process an answer. Raises DecodeError if it is malformed."""
        wanted = self._wanted[pending.id]
        if wanted.assembly is None:
            self._describe(wanted, pending, data, now)
        else:
            self._fill(wanted, wanted.assembly, pending, data, now)

    def _describe(self, wanted: _Wanted, pending: PendingRequest, data: bytes, now: int) -> None:
        wire = Wire.decode(data)
        if not wire.header:
            pending.why = ABSENT
            self._end(pending, None, now)
            return
        if H256.of(wire.header) != wanted.hash:
            self._tracker.blame(pending.peer, LIE, "a header of another block", now)
            self._end(pending, None, now)
            return
        wanted.wire, wanted.header = wire, Header.decode(wire.header)
        pool = self._pool()
        ids = len(wire.ids) // ID_BYTES
        if _are_too_many(ids - len(pool), ids + len(wire.given)):
            self._end(pending, None, now)  # even if the whole pool were in it
            return
        assembly = assemble(wire, key_of(wanted.hash, wanted.salt), pool)
        missing, count = len(assembly.missing), len(assembly.body)
        if not missing:
            self._finish(wanted, assembly.filled(()), pending, now)
            return
        peer = self._tracker.peers.get(pending.peer)
        if peer is None or _are_too_many(missing, count):
            self._end(pending, None, now)
            return
        wanted.assembly = assembly
        del self._wanted[pending.id]
        places = [u32(place) for place in assembly.missing]
        request = encode_request(Transactions(H256(wanted.hash), places))
        # Both count as one for the time after which another peer is asked.
        next_id = self._send(wanted, peer, request, now, pending.sent)
        self._receiver.follow_up(pending.id, next_id)

    def _fill(
        self, wanted: _Wanted, assembly: Assembly, pending: PendingRequest, data: bytes, now: int
    ) -> None:
        self._finish(wanted, assembly.filled(decode_transactions(data)), pending, now)

    def _finish(
        self, wanted: _Wanted, body: list[bytes] | None, pending: PendingRequest, now: int
    ) -> None:
        """End a request with the block, if its body is the header's."""
        wire, header, block = wanted.wire, wanted.header, None
        root = None if body is None else self._tracker.body_root(body)
        if body and wire is not None and header is not None and root == header.extrinsics_root:
            block = Block(wanted.hash, header, body, wire.justification, (pending.peer,))
        else:
            pending.why = MISMATCH
            peer = self._tracker.peers.get(pending.peer)
            if peer is not None:
                peer.is_compact = False
            self._tracker.blame(pending.peer, WRONG_BODY, MISMATCH, now)
        self._end(pending, block, now)

    def _end(self, pending: PendingRequest, block: Block | None, now: int) -> None:
        del self._wanted[pending.id]
        self._receiver.compact_block(pending, block, now)

    def drop(self, id: int) -> None:
        """Forget a request: its block is not wanted any more."""
        self._wanted.pop(id, None)

    def failed(self, pending: PendingRequest, now: int) -> None:
        """Note a failure; a node that does not speak the protocol is not asked again."""
        if self._wanted.pop(pending.id, None) is None:
            return
        peer = self._tracker.peers.get(pending.peer)
        if peer is not None and pending.why not in (*OWN_FAILURES, LATE, REFUSED):
            peer.is_compact = False
        self._receiver.compact_block(pending, None, now)


def _are_too_many(missing: int, count: int) -> bool:
    """Return True if the whole block is to be requested, where so many of `count` are missing."""
    return missing > min(max(FEW, count // MAX_MISSING), MAX_PLACES)
