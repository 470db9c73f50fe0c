"""Range sync: the headers of one peer's chain, and their bodies from all peers that have them.

First the highest block in common with the leading peer is found by bisection, above the last final
one (`AncestorSearch`). From there its headers are fetched by height, each batch linked to the one
before by hash, up to HEADERS_AHEAD of the import. Bodies are requested in ranges from several peers
at once, up to BODIES_AHEAD (`window.py`); they are checked against the headers, so the sender of a
wrong one is known. Blocks go to the import in order; in a long sync they are offered before for
prechecks of their signatures (`PrecheckBlocks`). The senders of the header and the body of an
invalid block are penalized.

    idle       no peer is followed
    searching  the highest common block is searched for
    fetching   headers and bodies are fetched, blocks imported
    exhausted  the leader has no more headers; ends when all blocks are imported

The height that the leader claims limits nothing here: it delivers headers or it does not.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from p2p.network import BLOCKS
from p2p.protocols.messages import (
    BODY,
    HEADER,
    JUSTIFICATION,
    MAX_BLOCKS,
    BlockAnswer,
    BlockRequest,
    Direction,
)
from p2p.sync.fork_sync import EARLY_MS, MAX_DISTANCE, read_header
from p2p.sync.import_queue import BATCH, ImportQueue
from p2p.sync.requests import (
    BROKEN_CLAIM,
    LIE,
    QUICK_MS,
    TIMES_SLOWER,
    Peer,
    PendingRequest,
    RequestTracker,
)
from p2p.sync.types import Block, BlockId, PrecheckBlocks, Refusal
from p2p.sync.window import Slot, Window

HEADERS_AHEAD: Final = 1_024
HELD_BYTES: Final = 32 << 20
"""Bytes of held bodies above which only the next range for the import is requested."""
PATIENCE_MS: Final = 3_000
"""Minimum time before the range that blocks the import is requested from another peer."""
MAX_EARLY_MS: Final = 10_000
"""Maximum pause before early blocks are offered again: a clock may be corrected."""
STALL_MS: Final = 60_000
"""Time without progress after which sync starts again with another peer."""


class NoCommonBlock(Exception):
    """The other chain has not even the block at which the search started."""


class AncestorSearch:
    """A search between a common block and the highest height at which both chains have a block."""

    def __init__(self, common: BlockId, highest: int) -> None:
        self._common = common
        self._high = max(highest, common.number)
        self.probe = self._high
        """Height of the other chain's block to check next."""

    def note(self, hash: bytes, *, is_known: bool) -> BlockId | None:
        """Note the other chain's block at `probe`, and whether we have it.

        Return the highest common block once it is found. Raises NoCommonBlock.
        """
        if is_known:
            self._common = BlockId(self.probe, hash)
        else:
            self._high = self.probe - 1
        low = self._common.number
        if self._high < low:
            raise NoCommonBlock
        if self._high == low:
            return self._common
        self.probe = (low + self._high + 1) // 2
        return None


class RangeSync:
    """Range sync of one chain; idle while there is none."""

    def __init__(self, tracker: RequestTracker, import_queue: ImportQueue) -> None:
        self._tracker = tracker
        self._import_queue = import_queue
        self._idle()

    def _idle(self) -> None:
        self.leader: str | None = None
        self._search: AncestorSearch | None = None
        """The search for the highest common block, until it is found."""
        self._window: Window | None = None
        """The blocks above the common one; None while that is searched for."""
        self._exhausted = False
        self._pending_id: int | None = None
        """In-flight request for a probe or headers."""
        self._importing = False
        self.is_real = False
        """True if blocks of the fetched chain were imported: it is more than a claim."""
        self._moved = 0
        """Time of the last progress."""
        self._key = b""
        self._not_before = 0

    @property
    def held(self) -> int:
        """Number of headers held, with or without a body."""
        return 0 if self._window is None else len(self._window)

    @property
    def tail(self) -> BlockId | None:
        """The highest block whose header is held."""
        return None if self._window is None else self._window.tail

    # --- start and end

    def choose(self, deep: dict[str, None], now: int) -> None:
        """Start with a peer that claims to be far ahead, or has a deep fork, if there is one."""
        best = self._tracker.chain.best().number
        found = [
            peer
            for peer in self._tracker.peers.values()
            if (peer.best.number > best + MAX_DISTANCE or peer.name in deep)
            and self._tracker.is_free(peer, now)
            and self._tracker.joins(peer)
            and not self._import_queue.is_bad(peer.best.hash)
        ]
        if not found:
            return
        peer = min(found, key=lambda p: (p.broken, p.faults, p.pace, self._tracker.rng.random()))
        deep.pop(peer.name, None)
        self._idle()
        self.leader = peer.name
        self._moved = now
        chain = self._tracker.chain
        highest = min(chain.best().number, peer.best.number)
        self._search = AncestorSearch(chain.finalized(), highest)

    def _drop(self) -> None:
        """Drop everything; peers were penalized before."""
        if self._window is not None:
            for id in self._window.requests:
                self._tracker.close(id)
        if self._pending_id is not None:
            self._tracker.close(self._pending_id)
        self._idle()

    def _fail(self, cost: int, why: str, now: int) -> None:
        leader = self.leader
        self._drop()
        if leader is not None:
            if cost == BROKEN_CLAIM:
                self._tracker.break_claim(leader, why, now)
            else:
                self._tracker.blame(leader, cost, why, now)

    def _without_bodies(self, number: int, why: str, now: int) -> None:
        """End the sync at a height of which no peer delivers the body."""
        leader = self._tracker.peers.get(self.leader or "")
        if leader is None or leader.lowest <= number:
            return self._fail(BROKEN_CLAIM, why, now)
        return self._drop()  # it has pruned the body since the sync began, and says so

    def _part(self) -> None:
        if self.leader is not None:
            self._tracker.set_apart(self.leader, "it parts from ours below what is final here")
        self._drop()

    # --- next actions

    def step(self, now: int) -> None:
        """Request what is missing, deliver complete blocks."""
        if self.leader is None:
            return
        if now - self._moved > STALL_MS and not self._importing:
            # It gave no answer, or too few: that was penalized when it happened.
            self._tracker.pass_over(self.leader, now)
            self._drop()
            return
        leader, window = self._tracker.peers.get(self.leader), self._window
        if leader is None and not window:
            self._drop()
        elif window is not None:
            self._step_window(window, leader, now)
        elif leader is not None and self._search is not None:
            self._ask_leader(leader, self._search.probe, 1, now)

    def _step_window(self, window: Window, leader: Peer | None, now: int) -> None:
        if leader is None:
            if self._pending_id is None:
                self._exhausted = True  # the blocks of these headers can be fetched from others
        elif not self._exhausted and len(window) < HEADERS_AHEAD:
            self._ask_leader(leader, window.tail.number + 1, MAX_BLOCKS, now)
        self._pass_over_slow(window, now)
        if self._more_bodies(window, now):
            if blocks := window.take_new():
                self._tracker.out.append(PrecheckBlocks(tuple(blocks)))
            self._deliver(window, now)
        if window or not self._exhausted or self._importing or self.leader is None:
            return
        self._drop()
        if leader is not None and leader.best.number > window.base.number + MAX_DISTANCE:
            self._tracker.break_claim(leader.name, "it is not as high as it says", now)

    def _ask_leader(self, leader: Peer, number: int, count: int, now: int) -> None:
        """Request headers, unless others are in flight."""
        if self._pending_id is not None or not self._tracker.is_free(leader, now):
            return
        request = BlockRequest(number, Direction.ASCENDING, count, HEADER)
        pending = self._tracker.ask(self, leader, BLOCKS, request.encode(), now, QUICK_MS)
        self._pending_id = pending.id

    def _more_bodies(self, window: Window, now: int) -> bool:
        """Ask free peers for bodies; return True if some peer may have the next ones."""
        for run in window.runs():
            if run.at and window.bytes >= HELD_BYTES:
                break
            slot = run.slots[0]
            peer = self._tracker.free(now, run.number, slot.lacking, down_to=run.number)
            if peer is None:
                if run.at == 0 and not self._may_get(slot, run.number):
                    self._without_bodies(run.number, "no peer has the bodies of its headers", now)
                    return False
                continue
            count = len(run.slots)
            request = BlockRequest(slot.hash, Direction.ASCENDING, count, BODY | JUSTIFICATION)
            pending = self._tracker.ask(self, peer, BLOCKS, request.encode(), now)
            window.request(pending.id, run)
        return True

    def _may_get(self, slot: Slot, number: int) -> bool:
        """Return True if a peer, free or not, may have the body of a block."""
        peers = self._tracker.followed
        return any(p.has(number) and p.name not in slot.lacking for p in peers)

    def _pass_over_slow(self, window: Window, now: int) -> None:
        """Take the range that blocks the import from a peer much slower than others."""
        if not window or window.first.pending_id is None:
            return
        pending = self._tracker.pending.get(window.first.pending_id)
        if pending is None:
            return
        usual = self._tracker.usual(pending.peer)
        if not usual:
            return
        first, count = window.range_of(pending.id)
        if now - pending.sent < max(PATIENCE_MS, TIMES_SLOWER * count * usual):
            return
        others = (pending.peer, *window.first.lacking)
        if self._tracker.free(now, first, others, down_to=first) is None:
            return
        self._tracker.close(pending.id)
        window.release(pending.id)
        self._tracker.pass_over(pending.peer, now)

    def _deliver(self, window: Window, now: int) -> None:
        if self._importing or self._not_before > now:
            return
        ready = window.complete(BATCH)
        if ready:
            self._importing = True
            self._key = ready[0].hash
            self._import_queue.put(self, self._key, ready)

    # --- answers

    def answered(self, pending: PendingRequest, data: bytes, now: int) -> None:
        """Process an answer: a probe, headers, or bodies."""
        if self._window is not None and pending.id in self._window.requests:
            self._on_bodies(self._window, pending, BlockAnswer.decode(data), now)
        elif pending.id == self._pending_id:
            answer = BlockAnswer.decode(data)
            self._pending_id = None
            if self._window is not None:
                self._on_headers(self._window, pending, answer, now)
            elif self._search is not None:
                self._on_probe(self._search, pending, answer, now)

    def failed(self, pending: PendingRequest, now: int) -> None:
        """Note that a request failed: others are asked."""
        if self._window is not None:
            self._window.release(pending.id)
        if pending.id != self._pending_id:
            return
        self._pending_id = None
        if not self._has_other(now):
            return  # it is asked again, after a rest
        if self._window:
            self._exhausted = True  # first import the fetched blocks, then choose another leader
        else:
            self._drop()

    def _has_other(self, now: int) -> bool:
        """Return True if another peer may be followed instead."""
        best = self._tracker.chain.best().number
        return any(
            peer.name != self.leader
            and peer.best.number > best + MAX_DISTANCE
            and self._tracker.joins(peer)
            for peer in self._tracker.peers.values()
            if not peer.broken and self._tracker.is_free(peer, now)
        )

    def _on_probe(
        self, search: AncestorSearch, pending: PendingRequest, answer: BlockAnswer, now: int
    ) -> None:
        if len(answer.blocks) != 1:
            self._fail(BROKEN_CLAIM, "it has not got a block below its own head", now)
            return
        header = read_header(answer.blocks[0], None)
        if isinstance(header, str) or int(header.number) != search.probe:
            self._fail(LIE, "not the header that was asked for", now)
            return
        self._tracker.note_delivery(pending, 1, now)
        self._moved = now
        hash = bytes(answer.blocks[0].hash)
        is_known = self._tracker.chain.number(hash) is not None
        try:
            common = search.note(hash, is_known=is_known)
        except NoCommonBlock:
            self._part()
            return
        if common is not None:
            self._search, self._window = None, Window(common)

    def _on_headers(
        self, window: Window, pending: PendingRequest, answer: BlockAnswer, now: int
    ) -> None:
        if not answer.blocks:
            self._exhausted = True
            return
        if len(answer.blocks) > MAX_BLOCKS:
            self._fail(LIE, "more headers than asked for", now)
            return
        chain, tail = self._tracker.chain, window.tail
        fresh: list[Slot] = []
        number, parent = tail
        for place, data in enumerate(answer.blocks):
            header = read_header(data, None)
            if isinstance(header, str) or int(header.number) != number + 1:
                self._fail(LIE, "headers that are not what was asked for", now)
                return
            if header.parent_hash != parent:
                if place:
                    self._fail(LIE, "headers that do not follow from each other", now)
                elif tail.number <= chain.finalized().number:
                    self._part()
                else:
                    self._fail(BROKEN_CLAIM, "it left its chain for another", now)
                return
            hash = bytes(data.hash)
            if self._import_queue.is_bad(hash):
                self._fail(LIE, "its chain has a block that breaks the rules", now)
                return
            number, parent = number + 1, hash
            fresh.append(Slot(hash, header, pending.peer))
        if not window:
            # Fewer probes than there are forks: some of these may be known.
            while fresh and chain.number(fresh[0].hash) is not None:
                window.base = BlockId(int(fresh[0].header.number), fresh.pop(0).hash)
        window.extend(fresh)
        self._moved = now
        self._tracker.note_delivery(pending, 0, now)

    def _on_bodies(
        self, window: Window, pending: PendingRequest, answer: BlockAnswer, now: int
    ) -> None:
        first, count = window.range_of(pending.id)
        window.release(pending.id)
        slots = window.slots_at(first, count)
        if len(answer.blocks) > count:
            self._tracker.blame(pending.peer, LIE, "more blocks than asked for", now)
            return
        taken = 0
        for slot, data in zip(slots, answer.blocks, strict=False):
            if data.hash != slot.hash:
                if taken == 0:
                    self._tracker.blame(pending.peer, LIE, "a block that was not asked for", now)
                    return
                break  # its best chain forks here from the leader's
            if (
                data.body is None
                or self._tracker.body_root(data.body) != slot.header.extrinsics_root
            ):
                self._tracker.blame(pending.peer, LIE, "a body that is not the header's", now)
                return
            window.fill(slot, data.body, data.justification, pending.peer)
            taken += 1
        self._tracker.note_delivery(pending, taken, now)
        if taken:
            self._moved = now
            return
        for slot in slots:
            slot.lacking[pending.peer] = None
        # It may be on a fork, which is not a lie: but others come first.
        self._tracker.pass_over(pending.peer, now)
        if pending.peer == self.leader:
            self._without_bodies(first, "it has not got the bodies of its headers", now)

    # --- outcome

    def imported(
        self, key: bytes, done: Sequence[Block], refused: Refusal | None, wait: int, now: int
    ) -> None:
        """Note the result of importing blocks of the window."""
        window = self._window
        if key != self._key or not self._importing or window is None:
            return
        self._importing = False
        for _ in done:
            window.drop_imported()
        if done:
            self._moved, self.is_real = now, True
        if refused is None:
            return
        if refused is Refusal.EARLY:
            # Early by our clock: the peer has no fault in the wait. But a block that is not due for
            # long, or needs a runtime we do not have, must not keep us from another peer's chain.
            self._not_before = now + min(max(wait, EARLY_MS), MAX_EARLY_MS)
            if wait < MAX_EARLY_MS:
                self._moved = self._not_before
            return
        for slot in window:
            if refused is Refusal.BAD:
                self._import_queue.note_bad(slot.hash)
        self._drop()
