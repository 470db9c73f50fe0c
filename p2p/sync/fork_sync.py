"""Fork sync: a few blocks by hash, from an announced one down to a known one.

Each fetch has one block at its top and descends, from parent to parent, until it reaches a known
block; then it waits for its turn at the import. The sender of an announce need not have the block
yet, so a missing block is not penalized; only wrong answers are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import field
from typing import Final

from btt_chain.lazyclass import dataclass
from btt_chain.primitives.digest import H256
from btt_chain.primitives.header import Header
from btt_chain.scale import DecodeError
from p2p.network import BLOCKS, LATE
from p2p.protocols.messages import ALL, BlockAnswer, BlockData, BlockRequest, Direction
from p2p.sync.compact import ABSENT, MISMATCH, CompactBlocks, Pool
from p2p.sync.delayed import DelayedBlocks
from p2p.sync.import_queue import ImportQueue
from p2p.sync.requests import (
    FLOOD,
    LIE,
    QUICK_MS,
    TIMES_SLOWER,
    Peer,
    PendingRequest,
    RequestTracker,
)
from p2p.sync.types import Block, BlockId, Refusal

MAX_DISTANCE: Final = 64
"""Maximum distance of a head that is fetched by hash; beyond, range sync fetches it."""
MAX_FETCHES: Final = 64
MAX_OF_ONE: Final = 16
"""Maximum number of concurrent fetches that one peer has started."""
MAX_DEPTH: Final = 128
"""Maximum number of blocks of one fetch; a deeper head is for range sync."""
MAX_HELD: Final = 512
MAX_HELD_BYTES: Final = 32 << 20
"""Blocks and bytes held in total, from which on fetches without blocks wait."""
MAX_ATTEMPTS: Final = 10
HURRY_MS: Final = 1_500
"""Time limit of an answer while another peer could be asked; doubled each time.

A peer that announces first and never delivers must not delay each block."""
MAX_HURRIES: Final = 4
RETRY_MS: Final = 25
"""Half of the first wait after which peers that had not got a block are asked again: they forward
its announce when they begin to fetch it, so they have it a moment later."""
EARLY_MS: Final = 500
ENDS: Final = (Refusal.BAD, Refusal.NOT_TRUSTED, Refusal.TOO_MANY_FORKS)
"""Refusals after which a fetch is not continued."""
HOLD_EARLY_MS: Final = 2_000
"""Time for which early blocks are kept here; those that must wait longer are fetched again."""


@dataclass
class Fetch:
    """One block at the top, and the blocks found below it."""

    top: BlockId
    next: BlockId
    """The next block to request."""
    says: dict[str, None]
    """Peers that referred to it, in order."""
    since: int
    count: int = 1
    """Number of blocks to request, at least one."""
    rooted: bool = False
    """True if its parent was known when it was announced."""
    blocks: list[Block] = field(default_factory=list)
    """Highest first."""
    tried: dict[str, None] = field(default_factory=dict)
    denied: dict[str, None] = field(default_factory=dict)
    """Peers that answered that they do not have the block."""
    pending_id: int | None = None
    attempts: int = 0
    hurries: int = 0
    is_whole: bool = False
    """True if its next block is requested with its whole body: a compact one was not complete."""
    not_before: int = 0
    importing: bool = False

    @property
    def starter(self) -> str | None:
        """Peer that referred to it first."""
        return next(iter(self.says), None)


class ForkSync:
    """The current fetches, by the hash of their top."""

    def __init__(
        self, tracker: RequestTracker, imports: ImportQueue, delayed: DelayedBlocks, pool: Pool
    ) -> None:
        """`pool` returns the transactions of which compact blocks are put together."""
        self._tracker = tracker
        self._compact = CompactBlocks(tracker, pool, self)
        self._import_queue = imports
        self._delayed = delayed
        self.fetches: dict[bytes, Fetch] = {}
        self.deep: dict[str, None] = {}
        """Peers with a fork that is too deep for fork sync."""
        self.held = self._held_bytes = 0
        """Number of blocks held by all fetches, and their bytes."""

    def want(
        self,
        block: BlockId,
        peer: str | None,
        now: int,
        parent: bytes | None = None,
        *,
        is_claim: bool = True,
    ) -> bool:
        """Fetch a block. Return True if it is being fetched, False if unwanted or without room.

        `is_claim`: the peer claims to have the block; too many that it lacks are penalized.
        """
        tracker, known = self._tracker, self.fetches.get(block.hash)
        chain = tracker.chain
        if known is not None:
            if peer is not None and peer not in known.says and len(known.says) < MAX_OF_ONE:
                known.says[peer] = None
                known.not_before = now  # those that referred to it before need not have it yet
            return True
        if block.number <= chain.finalized().number or chain.number(block.hash) is not None:
            return False
        if self._import_queue.is_bad(block.hash) or self._delayed.is_early(block.hash, now):
            return False
        if parent is not None and self._import_queue.is_bad(parent):
            self._import_queue.note_bad(block.hash)
            return False
        if peer is not None:
            begun = [fetch for fetch in self.fetches.values() if fetch.starter == peer]
            if len(begun) >= MAX_OF_ONE:
                # Not if they are merely not requested or not imported yet.
                hollow = sum(peer in fetch.denied for fetch in begun)
                if is_claim and 2 * hollow >= MAX_OF_ONE:
                    tracker.blame(peer, FLOOD, "too many unknown blocks at a time", now)
                return False
        if len(self.fetches) >= MAX_FETCHES:
            victim = least_useful(self.fetches.values(), peer)
            if victim is None:
                return False
            self._end(victim)
        fetch = Fetch(block, block, {} if peer is None else {peer: None}, now)
        for voter in self._delayed.take_named(block):
            fetch.says[voter] = None
        fetch.rooted = parent is not None and chain.number(parent) is not None
        if not fetch.rooted and parent not in self.fetches:
            ahead = block.number - chain.best().number
            fetch.count = max(1, min(ahead, MAX_DISTANCE))
        self.fetches[block.hash] = fetch
        return True

    def deliver(self, block: Block) -> None:
        """Use the block of a fetch that came with its announce, not with an answer."""
        fetch, height = self.fetches.get(block.hash), int(block.header.number)
        if fetch is None or fetch.blocks or fetch.importing or fetch.top.number != height:
            return
        if self.held < MAX_HELD and self._held_bytes < MAX_HELD_BYTES:
            self._close(fetch)
            self._put(fetch, block)

    def step(self, now: int) -> int | None:
        """Request what is missing, deliver complete fetches; return the time of the next retry."""
        due = self._delayed.due
        if due is not None and due <= now:
            for block, _, peers in self._delayed.take_due(now):
                for peer in peers or (None,):
                    self.want(block, peer, now, is_claim=False)
            due = self._delayed.due
        if not self.fetches:
            return due
        fetches = list(self.fetches.values())
        if len(fetches) > 1:  # first blocks that continue our chain: others may be invented
            fetches.sort(key=lambda fetch: (not fetch.rooted, fetch.attempts))
        for fetch in fetches:
            if fetch.pending_id is not None:
                self._hurry(fetch, fetch.pending_id, now)
            if fetch.importing or fetch.pending_id is not None or fetch.not_before > now:
                continue
            if fetch.top.hash not in self.fetches:
                continue  # it ended with another one
            self._advance(fetch, now)
        waits = [fetch.not_before for fetch in self.fetches.values() if fetch.not_before > now]
        if due is not None:
            waits.append(due)
        return min(waits) if waits else None

    def _hurry(self, fetch: Fetch, id: int, now: int) -> None:
        """Ask another peer, if there is one, once an answer takes too long."""
        pending = self._tracker.pending.get(id)
        if pending is None or now - pending.sent < HURRY_MS:
            return
        if is_slow(self._tracker, pending, fetch.hurries, now) and self._free(fetch, now):
            # The request stays in flight: no answer costs what it always costs, a late one nothing.
            fetch.pending_id = None
            fetch.hurries += 1
            self._tracker.pass_over(pending.peer, now)

    def _advance(self, fetch: Fetch, now: int) -> None:
        tracker = self._tracker
        chain = tracker.chain
        final = chain.finalized().number
        if fetch.top.number <= final or chain.number(fetch.top.hash) is not None:
            self._end(fetch)
            return
        if fetch.blocks:
            self._join(fetch)
            bottom = fetch.blocks[-1]
            if chain.number(fetch.next.hash) is not None:
                fetch.importing = True
                self._import_queue.put(self, fetch.top.hash, fetch.blocks[::-1])
                return
            if self._import_queue.is_bad(fetch.next.hash):
                self._condemn(fetch)
                return
            if fetch.next.hash in self.fetches:
                return  # another fetch has it
            if int(bottom.header.number) <= final + 1:
                # A fork from below the last final block is useless here.
                self._import_queue.note_bad(fetch.top.hash)
                self._end(fetch)
                return
            if len(fetch.blocks) >= MAX_DEPTH:
                if not is_head(self._tracker, fetch):
                    # On no peer's chain, but votes refer to it: first import its lowest blocks, as
                    # far as there is room, then start from the top again.
                    self._drop(fetch)
                    return
                self.deep.update(fetch.says)
                self._end(fetch)
                return
        elif self.held >= MAX_HELD or self._held_bytes >= MAX_HELD_BYTES:
            return
        peer = self._free(fetch, now)
        if peer is None:
            self._no_free_peer(fetch, now)
            return
        fetch.tried[peer.name] = None
        count = min(fetch.count, MAX_DEPTH - len(fetch.blocks))
        if count == 1 and fetch.rooted and not fetch.is_whole and self._compact.may_ask(peer):
            fetch.pending_id = self._compact.ask(fetch.next.hash, peer, now)
            return
        request = BlockRequest(fetch.next.hash, Direction.DESCENDING, count, ALL)
        fetch.pending_id = tracker.ask(self, peer, BLOCKS, request.encode(), now).id

    def _free(self, fetch: Fetch, now: int) -> Peer | None:
        """Return a free peer that was not tried; one that denied the block comes last.

        An announce is forwarded before its block is here, and gossip delivers it once: the peer
        that referred to a block need not have it, and others that have its parent may.
        """
        tracker, number, lowest = self._tracker, fetch.top.number, fetch.next.number
        failed = {**fetch.tried, **fetch.denied}
        peer = tracker.free(now, number, failed, fetch.says, down_to=lowest)
        if peer is None and fetch.rooted and fetch.denied:
            peer = tracker.free(now, number - 1, failed, down_to=lowest - 1)
        return peer or tracker.free(now, number, fetch.tried, fetch.says, down_to=lowest)

    def _join(self, fetch: Fetch) -> None:
        """Drop the lowest blocks that have become known in the meantime."""
        while (
            len(fetch.blocks) > 1 and self._tracker.chain.number(fetch.blocks[-1].hash) is not None
        ):
            gone = fetch.blocks.pop()
            fetch.next = BlockId(int(gone.header.number), gone.hash)
            self._count(gone, -1)

    def _no_free_peer(self, fetch: Fetch, now: int) -> None:
        """Handle the case that no untried peer is free: wait, try all again, or give up."""
        peers = self._tracker.peers
        helpers = [
            peer
            for peer in self._tracker.followed
            if peer.lowest <= fetch.next.number
            and (peer.name in fetch.says or peer.best.number >= fetch.top.number)
        ]
        if any(peer.name not in fetch.tried and peer.rests_until <= now for peer in helpers):
            return  # busy: they will be free
        if not fetch.tried and (helpers or not peers):
            return  # the peers that could help are resting
        # A resting peer must not prevent asking the others again.
        fetch.tried.clear()
        fetch.attempts += 1
        if fetch.attempts >= MAX_ATTEMPTS:
            for name in fetch.says:
                peer = peers.get(name)
                if peer is None or peer.best.hash != fetch.top.hash:
                    continue
                if name in fetch.denied:
                    self._tracker.break_claim(name, "it has not got its own head", now)
                else:
                    peer.best = peer.final  # it did not answer: until it claims it again
            self._end(fetch)
            return
        fetch.not_before = now + self._tracker.backoff(RETRY_MS, fetch.attempts)

    # --- answers

    def answered(self, pending: PendingRequest, data: bytes, now: int) -> None:
        """Process the blocks of an answer."""
        fetch = self._of(pending)
        if fetch is None:
            return
        answer = BlockAnswer.decode(data)
        fetch.pending_id = None
        taken = 0
        if len(answer.blocks) > fetch.count:
            self._tracker.blame(pending.peer, LIE, "more blocks than asked for", now)
            return
        for data_ in answer.blocks:
            block = check_block(self._tracker, data_, pending.peer, fetch.next.hash)
            if isinstance(block, str):
                self._tracker.blame(pending.peer, LIE, block, now)
                break
            if not self._append(fetch, block, pending.peer, now):
                return
            taken += 1
            if self._tracker.chain.number(fetch.next.hash) is not None:
                break
        self._tracker.note_delivery(pending, taken, now)
        if not answer.blocks:
            fetch.denied[pending.peer] = None
        if taken:
            fetch.tried.clear()
            fetch.attempts = 0
            fetch.count = min(2 * fetch.count, MAX_DISTANCE)

    def _append(self, fetch: Fetch, block: Block, peer: str, now: int) -> bool:
        """Append the next block of a fetch. Return True if its height is right; else it ends."""
        if int(block.header.number) != fetch.next.number:
            if fetch.blocks:
                self._tracker.blame(peer, LIE, "heights do not follow", now)
                self._import_queue.note_bad(fetch.top.hash)
            self._end(fetch)  # the claimed height is not the block's
            return False
        self._put(fetch, block)
        return True

    def _put(self, fetch: Fetch, block: Block) -> None:
        fetch.blocks.append(block)
        self._count(block, 1)
        fetch.next = BlockId(fetch.next.number - 1, bytes(block.header.parent_hash))

    def compact_block(self, pending: PendingRequest, block: Block | None, now: int) -> None:
        """Process the end of a request for a compact block."""
        fetch = self._of(pending)
        if fetch is None:
            return
        fetch.pending_id = None
        if pending.why == ABSENT:
            fetch.denied[pending.peer] = None
            return
        fetch.is_whole = True
        if block is None:
            if pending.why not in (LATE, MISMATCH):
                fetch.tried.pop(pending.peer, None)  # it may have the whole block
            return
        if self._append(fetch, block, pending.peer, now):
            self._tracker.note_delivery(pending, 1, now)
            fetch.tried.clear()
            fetch.attempts = 0

    def follow_up(self, id: int, next_id: int) -> None:
        """Note that another request follows one for a compact block."""
        for fetch in (one for one in self.fetches.values() if one.pending_id == id):
            fetch.pending_id = next_id

    def failed(self, pending: PendingRequest, now: int) -> None:
        """Note a failure: another peer is asked next time."""
        fetch = self._of(pending)
        if fetch is not None:
            fetch.pending_id = None
            if pending.excused:
                fetch.tried.pop(pending.peer, None)

    def _of(self, pending: PendingRequest) -> Fetch | None:
        return next((f for f in self.fetches.values() if f.pending_id == pending.id), None)

    # --- outcome

    def imported(
        self, key: bytes, done: Sequence[Block], refused: Refusal | None, wait: int, now: int
    ) -> None:
        """Note the result of importing blocks of a fetch."""
        fetch = self.fetches.get(key)
        if fetch is None:
            return
        fetch.importing = False
        for block in done:
            fetch.blocks.pop()
            fetch.next = BlockId(int(block.header.number), block.hash)
            self._count(block, -1)
        if not fetch.blocks and refused is None and fetch.next.hash != fetch.top.hash:
            fetch.next = fetch.top  # the blocks above these were dropped
        elif not fetch.blocks or refused in ENDS:
            self._end(fetch)
        elif refused is Refusal.EARLY and wait > HOLD_EARLY_MS:
            self._end(fetch)  # it leaves its place to others
            self._delayed.add_early(fetch.top, fetch.says, wait, now)
        elif refused is Refusal.EARLY:
            fetch.not_before = now + max(wait, EARLY_MS)
        elif refused is Refusal.ORPHAN:
            fetch.attempts += 1
            fetch.not_before = now + self._tracker.backoff(RETRY_MS, fetch.attempts)
            if fetch.attempts >= MAX_ATTEMPTS:
                self._end(fetch)

    def _condemn(self, fetch: Fetch) -> None:
        """Note all blocks of a fetch as bad and end it: they descend from a bad block."""
        for block in fetch.blocks:
            self._import_queue.note_bad(block.hash)
        self._end(fetch)

    def _drop(self, fetch: Fetch) -> None:
        for block in fetch.blocks:
            self._count(block, -1)
        fetch.blocks = []

    def _end(self, fetch: Fetch) -> None:
        self._drop(fetch)
        self.fetches.pop(fetch.top.hash, None)
        self._close(fetch)

    def _close(self, fetch: Fetch) -> None:
        """Drop the request of a fetch, if there is one: its answer is not needed."""
        if fetch.pending_id is not None:
            self._tracker.close(fetch.pending_id)
            self._compact.drop(fetch.pending_id)
            fetch.pending_id = None

    def _count(self, block: Block, sign: int) -> None:
        size = sum(map(len, block.body)) + 512
        self._held_bytes += sign * size
        self.held += sign


def least_useful(fetches: Collection[Fetch], peer: str | None) -> Fetch | None:
    """Return a fetch to end for one of `peer`: one without blocks of the peer with the most; None
    if that is `peer` itself.
    """
    counts = Counter(fetch.starter for fetch in fetches)
    if counts[peer] >= (most := max(counts.values())):
        return None
    for fetch in fetches:
        if counts[fetch.starter] == most and not fetch.blocks and not fetch.importing:
            return fetch
    return None


def is_slow(tracker: RequestTracker, pending: PendingRequest, hurries: int, now: int) -> bool:
    """Return True if an answer has taken so long that another peer is asked as well."""
    usual = min(TIMES_SLOWER * tracker.usual(pending.peer), QUICK_MS)
    return now - pending.sent >= max(HURRY_MS << min(hurries, MAX_HURRIES), usual)


def is_head(tracker: RequestTracker, fetch: Fetch) -> bool:
    """Return True if the top is the head of a peer that referred to it, for range sync."""
    peers = (tracker.peers.get(name) for name in fetch.says)
    return any(peer is not None and peer.best.hash == fetch.top.hash for peer in peers)


def read_header(data: BlockData, want: bytes | None) -> Header | str:
    """Return the header of an answer if it has its hash and `want`, otherwise the error."""
    if data.header is None:
        return "a block without its header"
    if H256.of(data.header) != data.hash or (want is not None and data.hash != want):
        return "a header of another block"
    try:
        return Header.decode(data.header)
    except DecodeError as error:
        return f"a malformed header: {error}"


def check_block(tracker: RequestTracker, data: BlockData, peer: str, want: bytes) -> Block | str:
    """Return the complete block of an answer, otherwise the error."""
    header = read_header(data, want)
    if isinstance(header, str):
        return header
    if data.body is None:
        return "a block without its body"
    if tracker.body_root(data.body) != header.extrinsics_root:
        return "a body that is not the header's"
    return Block(bytes(data.hash), header, data.body, data.justification, (peer,))
