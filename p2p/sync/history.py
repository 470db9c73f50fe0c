"""Gap sync: the blocks below a fetched state, from there down to genesis.

Each batch starts with the parent of the lowest stored block, and descends from parent to parent:
each block is determined by its hash, so any peer may serve it, and none can deceive. One request at
a time, so that sync at the head is not delayed. Proofs of finality are not requested: hashes do not
authenticate them. Where bodies would be pruned at once, headers alone are requested.
"""

from __future__ import annotations

from typing import Final

from p2p.network import BLOCKS
from p2p.protocols.messages import BODY, HEADER, BlockAnswer, BlockData, BlockRequest, Direction
from p2p.sync.fork_sync import check_block, read_header
from p2p.sync.requests import LIE, PendingRequest, RequestTracker
from p2p.sync.types import Block, BlockId, ImportHistory

BATCH: Final = 128
RETRY_MS: Final = 1_000


class History:
    """Gap sync: fetches the missing blocks below a fetched state."""

    def __init__(self, tracker: RequestTracker) -> None:
        self._tracker = tracker
        self._pending_id: int | None = None
        self._next = BlockId(0, b"")
        self._count = 0
        self._fields = HEADER | BODY
        self._storing = False
        self._tried: dict[str, None] = {}
        self._attempts = 0
        self._not_before = 0

    def step(self, now: int) -> None:
        """Request the next batch down."""
        if self._pending_id is not None or self._storing or self._not_before > now:
            return
        gap = self._tracker.chain.gap()
        if gap is None or not self._tracker.peers:
            return
        self._next, missing = gap
        number = self._next.number
        self._fields = HEADER | BODY if self._tracker.chain.keeps_body(number) else HEADER
        # Peers do not report from which height on they have headers.
        down_to = number if self._fields & BODY else None
        peer = self._tracker.free(now, number, self._tried, down_to=down_to)
        if peer is None:
            peers = self._tracker.followed
            if self._tried and not any(
                (down_to is None or p.lowest <= number <= p.best.number)
                and p.name not in self._tried
                for p in peers
            ):
                self._tried.clear()
                self._attempts += 1
                self._not_before = now + self._tracker.backoff(RETRY_MS, self._attempts)
            return
        self._count = min(BATCH, missing)
        request = BlockRequest(self._next.hash, Direction.DESCENDING, self._count, self._fields)
        self._pending_id = self._tracker.ask(self, peer, BLOCKS, request.encode(), now).id

    def answered(self, pending: PendingRequest, data: bytes, now: int) -> None:
        """Process a batch."""
        if pending.id != self._pending_id:
            return
        answer = BlockAnswer.decode(data)
        self._pending_id = None
        self._tried[pending.peer] = None
        blocks: list[Block] = []
        hash = self._next.hash
        if len(answer.blocks) > self._count:
            self._tracker.blame(pending.peer, LIE, "more blocks than asked for", now)
            return
        for found in answer.blocks:
            block = self._checked(found, pending.peer, hash)
            if isinstance(block, str):
                self._tracker.blame(pending.peer, LIE, block, now)
                break
            blocks.append(block)
            hash = bytes(block.header.parent_hash)
        if not blocks:
            return
        self._tried.clear()
        self._attempts = 0
        self._tracker.note_delivery(pending, len(blocks), now)
        self._storing = True
        self._tracker.out.append(ImportHistory(tuple(blocks)))

    def _checked(self, data: BlockData, peer: str, want: bytes) -> Block | str:
        if self._fields & BODY:
            return check_block(self._tracker, data, peer, want)
        header = read_header(data, want)
        return header if isinstance(header, str) else Block(want, header, [], None, (peer,))

    def failed(self, pending: PendingRequest, now: int) -> None:
        """Note a failure: another peer is asked next time."""
        if pending.id == self._pending_id:
            self._pending_id = None
            if not pending.excused:
                self._tried[pending.peer] = None

    def stored(self, now: int) -> None:
        """Note that the batch is stored."""
        self._storing = False
