"""Range sync: the headers of one peer's chain, and their bodies from all peers that have them.

First the highest block in common with the leading peer is found by bisection, above the last final
one. From there its headers are fetched by height, each batch linked to the one before by hash, up
to HEADERS_AHEAD of the import. Bodies are requested in ranges from several peers at once, up to
BODIES_AHEAD; they are checked against the headers, so the sender of a wrong one is known. Blocks go
to the import in order. The senders of the header and the body of an invalid block are penalized.

The height that the leader claims limits nothing here: it delivers headers or it does not.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from btt_chain.primitives.header import Header
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
from p2p.sync.fork_sync import EARLY_MS, NEAR, read_header
from p2p.sync.import_queue import BATCH, Importer
from p2p.sync.requests import (
    BROKEN_CLAIM,
    LIE,
    QUICK_MS,
    TIMES_SLOWER,
    Peer,
    RequestTracker,
    Ticket,
)
from p2p.sync.types import Block, BlockId, Refusal

HEADERS_AHEAD: Final = 1_024
BODIES_AHEAD: Final = 512
RANGE: Final = 64
"""Maximum number of bodies in one request."""
HELD_BYTES: Final = 32 << 20
"""Bytes of held bodies above which only the next range for the import is requested."""
PATIENCE_MS: Final = 3_000
"""Minimum time before the range that blocks the import is requested from another peer."""
LONGEST_EARLY_MS: Final = 10_000
"""Maximum pause before early blocks are offered again: a clock may be corrected."""
STALL_MS: Final = 60_000
"""Time without progress after which sync starts again with another peer."""


@dataclass(slots=True)
class Slot:
    """A block of the window, whose header is known."""

    hash: bytes
    header: Header
    giver: str
    body: list[bytes] | None = None
    justification: bytes | None = None
    sender: str = ""
    ticket: int | None = None
    lacking: dict[str, None] = field(default_factory=dict)
    """Peers that do not have it."""


class Far:
    """Range sync of one chain; idle while there is none."""

    def __init__(self, tracker: RequestTracker, importer: Importer) -> None:
        self._tracker = tracker
        self._importer = importer
        self.leader: str | None = None
        self._window: deque[Slot] = deque()
        self._idle()

    def _idle(self) -> None:
        self.leader = None
        self._base: BlockId | None = None
        """The known block below the window; None while it is searched for."""
        self._low = self._high = self._probe = 0
        self._common = b""
        """The known block at `_low`, on any fork."""
        self._window.clear()
        self._exhausted = False
        self._ticket: int | None = None
        self._ranges: dict[int, tuple[int, int]] = {}
        """Requests for bodies: first height and count."""
        self._importing = 0
        self._imported = False
        self._bytes = 0
        self._moved = 0
        self._key = b""
        self._not_before = 0

    @property
    def active(self) -> bool:
        """True if a chain is being fetched."""
        return self.leader is not None

    @property
    def is_real(self) -> bool:
        """True if blocks of the fetched chain were imported: it is more than a claim."""
        return self.active and self._imported

    @property
    def held(self) -> int:
        """Number of headers held, with or without a body."""
        return len(self._window)

    @property
    def held_bytes(self) -> int:
        """Number of bytes of the bodies held."""
        return self._bytes

    @property
    def tail(self) -> BlockId | None:
        """The highest block whose header is held."""
        if self._base is None:
            return None
        if not self._window:
            return self._base
        return BlockId(self._base.number + len(self._window), self._window[-1].hash)

    # --- start and end

    def choose(self, deep: dict[str, None], now: int) -> None:
        """Start with a peer that claims to be far ahead, or has a deep fork, if there is one."""
        best = self._tracker.chain.best().number
        found = [
            peer
            for peer in self._tracker.peers.values()
            if self._tracker.is_free(peer, now)
            and self._tracker.joins(peer)
            and (peer.best.number > best + NEAR or peer.name in deep)
            and not self._importer.is_bad(peer.best.hash)
        ]
        if not found:
            return
        peer = min(
            found,
            key=lambda p: (p.broken, p.faults, p.pace, -p.best.number, self._tracker.rng.random()),
        )
        deep.pop(peer.name, None)
        self._idle()
        self.leader = peer.name
        self._moved = now
        chain = self._tracker.chain
        self._low = chain.finalized().number
        self._high = max(min(chain.best().number, peer.best.number), self._low)
        self._probe = self._high
        self._common = chain.finalized().hash

    def _drop(self) -> None:
        """Drop everything; peers were penalized before."""
        for id in (*self._ranges, *(() if self._ticket is None else (self._ticket,))):
            self._tracker.close(id)
        self._idle()

    def _fail(self, cost: int, why: str, now: int) -> None:
        leader = self.leader
        self._drop()
        if leader is not None:
            if cost == BROKEN_CLAIM:
                self._tracker.break_claim(leader, why, now)
            else:
                self._tracker.blame(leader, cost, why, now)

    # --- next actions

    def step(self, now: int) -> None:
        """Request what is missing, deliver complete blocks."""
        if self.leader is None:
            return
        if now - self._moved > STALL_MS and not self._importing:
            # It gave no answer, or too few: that was penalized when it happened.
            stalled = self.leader
            self._drop()
            self._tracker.pass_over(stalled, now)
            return
        leader = self._tracker.peers.get(self.leader)
        if leader is None and (self._base is None or not self._window):
            self._drop()
            return
        if self._base is None:
            if leader is not None:
                self._search(leader, now)
            return
        if leader is not None:
            self._more_headers(leader, now)
        elif self._ticket is None:
            self._exhausted = True  # the blocks of these headers can still be fetched from others
        self._slow(now)
        self._more_bodies(now)
        self._deliver(now)
        if not self._window and self._exhausted and not self._importing:
            tail, leader = self._base, self._tracker.peers.get(self.leader)
            self._drop()
            if leader is not None and leader.best.number > tail.number + NEAR:
                self._tracker.break_claim(leader.name, "it is not as high as it says", now)

    def _search(self, leader: Peer, now: int) -> None:
        if self._ticket is not None or not self._tracker.is_free(leader, now):
            return
        request = BlockRequest(self._probe, Direction.ASCENDING, 1, HEADER)
        self._ticket = self._tracker.ask(self, leader, BLOCKS, request.encode(), now, QUICK_MS).id

    def _more_headers(self, leader: Peer, now: int) -> None:
        if self._ticket is not None or self._exhausted or len(self._window) >= HEADERS_AHEAD:
            return
        tail = self.tail
        if tail is None or not self._tracker.is_free(leader, now):
            return
        request = BlockRequest(tail.number + 1, Direction.ASCENDING, MAX_BLOCKS, HEADER)
        self._ticket = self._tracker.ask(self, leader, BLOCKS, request.encode(), now, QUICK_MS).id

    def _more_bodies(self, now: int) -> None:
        """Ask free peers for runs of blocks that have not been requested yet."""
        base = self._base
        if base is None:
            return
        at, end = 0, min(len(self._window), BODIES_AHEAD)
        window = list(self._window)[:end]
        while at < end:
            slot = window[at]
            if slot.body is not None or slot.ticket is not None:
                at += 1
                continue
            if at and self._bytes >= HELD_BYTES:
                return
            run = at + 1
            while (
                run < end
                and run - at < RANGE
                and window[run].body is None
                and window[run].ticket is None
                and window[run].lacking.keys() == slot.lacking.keys()
            ):
                run += 1
            first = base.number + 1 + at
            peer = self._tracker.free(now, first, slot.lacking, down_to=first)
            if peer is None:
                if at == 0 and self._nobody_has(slot, first):
                    self._fail(BROKEN_CLAIM, "nobody has the bodies of its headers", now)
                    return
                at = run
                continue
            request = BlockRequest(slot.hash, Direction.ASCENDING, run - at, BODY | JUSTIFICATION)
            ticket = self._tracker.ask(self, peer, BLOCKS, request.encode(), now)
            self._ranges[ticket.id] = (first, run - at)
            for taken in window[at:run]:
                taken.ticket = ticket.id
            at = run

    def _nobody_has(self, slot: Slot, number: int) -> bool:
        peers = self._tracker.peers.values()
        return not any(p.has(number) and p.name not in slot.lacking for p in peers)

    def _slow(self, now: int) -> None:
        """Take the range that blocks the import from a peer much slower than others."""
        if not self._window or self._window[0].ticket is None:
            return
        ticket = self._tracker.tickets.get(self._window[0].ticket)
        if ticket is None:
            return
        usual = self._tracker.usual(ticket.peer)
        if not usual:
            return
        first, count = self._ranges[ticket.id]
        if now - ticket.sent < max(PATIENCE_MS, TIMES_SLOWER * count * usual):
            return
        others = (ticket.peer, *self._window[0].lacking)
        if self._tracker.free(now, first, others, down_to=first) is None:
            return
        self._tracker.close(ticket.id)
        self._release(ticket.id)
        self._tracker.pass_over(ticket.peer, now)

    def _deliver(self, now: int) -> None:
        if self._importing or self._base is None or self._not_before > now:
            return
        ready: list[Block] = []
        for slot in self._window:
            if slot.body is None or len(ready) == BATCH:
                break
            senders = tuple(dict.fromkeys((slot.sender, slot.giver)))
            ready.append(Block(slot.hash, slot.header, slot.body, slot.justification, senders))
        if ready:
            self._importing = len(ready)
            self._key = ready[0].hash
            self._importer.put(self, self._key, ready)

    # --- answers

    def answered(self, ticket: Ticket, data: bytes, now: int) -> None:
        """Process an answer: a probe, headers, or bodies."""
        if ticket.id in self._ranges:
            self._bodies(ticket, BlockAnswer.decode(data), now)
        elif ticket.id == self._ticket:
            answer = BlockAnswer.decode(data)
            self._ticket = None
            if self._base is None:
                self._probed(ticket, answer, now)
            else:
                self._headers(ticket, answer, now)

    def failed(self, ticket: Ticket, now: int) -> None:
        """Note that a request failed: others are asked."""
        self._release(ticket.id)
        if ticket.id != self._ticket:
            return
        self._ticket = None
        if not self._other(now):
            return  # it is asked again, after a rest
        if self._window:
            self._exhausted = True  # first import the fetched blocks, then choose another leader
        else:
            self._drop()

    def _other(self, now: int) -> bool:
        """Return True if another peer may be followed instead."""
        best = self._tracker.chain.best().number
        return any(
            peer.name != self.leader
            and peer.best.number > best + NEAR
            and self._tracker.joins(peer)
            for peer in self._tracker.peers.values()
            if not peer.broken and self._tracker.is_free(peer, now)
        )

    def _release(self, id: int) -> None:
        self._ranges.pop(id, None)
        for slot in self._window:
            if slot.ticket == id:
                slot.ticket = None

    def _probed(self, ticket: Ticket, answer: BlockAnswer, now: int) -> None:
        if len(answer.blocks) != 1:
            self._fail(BROKEN_CLAIM, "it has not got a block below its own head", now)
            return
        header = read_header(answer.blocks[0], None)
        if isinstance(header, str) or int(header.number) != self._probe:
            self._fail(LIE, "not the header that was asked for", now)
            return
        self._tracker.praise(ticket, 1, now)
        self._moved = now
        hash = bytes(answer.blocks[0].hash)
        if self._tracker.chain.number(hash) is not None:
            self._low, self._common = self._probe, hash
        else:
            self._high = self._probe - 1
        if self._high < self._low:
            self._fail(LIE, "its chain is not ours: it parts from it below what is final", now)
        elif self._high > self._low:
            self._probe = (self._low + self._high + 1) // 2
        else:
            self._base = BlockId(self._low, self._common)

    def _headers(self, ticket: Ticket, answer: BlockAnswer, now: int) -> None:
        tail = self.tail
        if tail is None:
            return
        if not answer.blocks:
            self._exhausted = True
            return
        if len(answer.blocks) > MAX_BLOCKS:
            self._fail(LIE, "more headers than asked for", now)
            return
        chain = self._tracker.chain
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
                    self._fail(LIE, "its chain parts from ours below what is final", now)
                else:
                    self._fail(BROKEN_CLAIM, "it left its chain for another", now)
                return
            hash = bytes(data.hash)
            if self._importer.is_bad(hash):
                self._fail(LIE, "its chain has a block that breaks the rules", now)
                return
            number, parent = number + 1, hash
            fresh.append(Slot(hash, header, ticket.peer))
        if not self._window:
            # Fewer probes than there are forks: some of these may be known.
            while fresh and chain.number(fresh[0].hash) is not None:
                self._base = BlockId(int(fresh[0].header.number), fresh.pop(0).hash)
        self._window.extend(fresh)
        self._moved = now
        self._tracker.praise(ticket, 0, now)

    def _bodies(self, ticket: Ticket, answer: BlockAnswer, now: int) -> None:
        base = self._base
        if base is None:
            return
        first, count = self._ranges[ticket.id]
        self._release(ticket.id)
        at = first - base.number - 1
        slots = list(self._window)[at : at + count] if at >= 0 else []
        if len(answer.blocks) > count:
            self._tracker.blame(ticket.peer, LIE, "more blocks than asked for", now)
            return
        taken = 0
        for slot, data in zip(slots, answer.blocks, strict=False):
            if data.hash != slot.hash:
                if taken == 0:
                    self._tracker.blame(ticket.peer, LIE, "a block that was not asked for", now)
                    return
                break  # its best chain forks here from the leader's
            if (
                data.body is None
                or self._tracker.body_root(data.body) != slot.header.extrinsics_root
            ):
                self._tracker.blame(ticket.peer, LIE, "a body that is not the header's", now)
                return
            if slot.body is None:
                slot.body, slot.justification = data.body, data.justification
                slot.sender = ticket.peer
                self._bytes += sum(map(len, data.body)) + 512
            taken += 1
        self._tracker.praise(ticket, taken, now)
        if taken:
            self._moved = now
        if taken == 0:
            for slot in slots:
                slot.lacking[ticket.peer] = None
            # It may be on a fork, which is no lie: but others come first.
            self._tracker.pass_over(ticket.peer, now)
            if ticket.peer == self.leader:
                self._fail(BROKEN_CLAIM, "it has not got the bodies of its headers", now)

    # --- outcome

    def imported(
        self, key: bytes, done: Sequence[Block], refused: Refusal | None, wait: int, now: int
    ) -> None:
        """Note the result of importing blocks of the window."""
        if key != self._key or not self._importing or self._base is None:
            return
        self._importing = 0
        for block in done:
            slot = self._window.popleft()
            self._base = BlockId(int(block.header.number), slot.hash)
            self._bytes -= sum(map(len, slot.body or ())) + 512
        if done:
            self._moved, self._imported = now, True
        if refused is None:
            return
        if refused is Refusal.EARLY:
            # Early by our clock: the wait is no fault of the peer. But a block that is not due for
            # long, or needs a runtime we do not have, must not keep us from another peer's chain.
            self._not_before = now + min(max(wait, EARLY_MS), LONGEST_EARLY_MS)
            if wait < LONGEST_EARLY_MS:
                self._moved = self._not_before
            return
        for slot in self._window:
            if refused is Refusal.BAD:
                self._importer.note_bad(slot.hash)
        self._drop()
