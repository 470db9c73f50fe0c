"""A few blocks by hash: what was announced, and the way from there to what we have.

Each fetch has one block at its top and goes down, from parent to parent, until it meets a block
that is known; then it waits for its turn at the import. Who handed us an announce need not have
the block yet, so nobody is blamed for not having it; only answers that are wrong are blamed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from btt_chain.primitives.digest import H256
from btt_chain.primitives.header import Header
from btt_chain.scale import DecodeError
from p2p.network import BLOCKS
from p2p.protocols.messages import ALL, BlockAnswer, BlockData, BlockRequest, Direction
from p2p.sync.desk import FLOOD, LIE, QUICK_MS, TIMES_SLOWER, Desk, Peer, Ticket
from p2p.sync.importer import Importer
from p2p.sync.types import Block, BlockId, Refusal

NEAR: Final = 64
"""Blocks ahead of ours up to which a head is fetched by hash; beyond, `far` does it."""
MAX_FETCHES: Final = 64
MAX_OF_ONE: Final = 16
"""Fetches at a time that one peer's words have started."""
MAX_DEPTH: Final = 128
"""Blocks that one fetch holds; a head that is deeper is for `far`."""
MAX_HELD: Final = 512
MAX_HELD_BYTES: Final = 32 << 20
"""Blocks and bytes that all fetches hold; at the bound only those that hold nothing yet wait."""
MAX_ATTEMPTS: Final = 8
HURRY_MS: Final = 1_500
"""What an answer may take while somebody else could be asked; twice as long each time after.

Whoever is the quickest to speak of blocks and never gives one must not hold up each of them.
"""
MAX_HURRIES: Final = 4
RETRY_MS: Final = 250
EARLY_MS: Final = 500
HOLD_EARLY_MS: Final = 2_000
"""How long blocks that are early are kept here; those that must wait longer are fetched anew."""
MAX_PUT_OFF: Final = 64
"""Blocks that were found to be early and are not fetched until they can be taken in."""
LONGEST_PUT_OFF_MS: Final = 60_000


@dataclass
class Fetch:
    """One block at the top, and what was found below it."""

    top: BlockId
    next: BlockId
    """The block to ask for."""
    says: dict[str, None]
    """Who spoke of it, in order."""
    since: int
    count: int = 1
    """How many to ask for."""
    rooted: bool = False
    """The block below was known when it was spoken of."""
    blocks: list[Block] = field(default_factory=list)
    """Highest first."""
    bytes: int = 0
    tried: dict[str, None] = field(default_factory=dict)
    denied: dict[str, None] = field(default_factory=dict)
    """Who has said that it has not got the block."""
    ticket: int | None = None
    attempts: int = 0
    hurries: int = 0
    not_before: int = 0
    importing: bool = False

    @property
    def starter(self) -> str | None:
        """Who spoke of it first."""
        return next(iter(self.says), None)


class Near:
    """The fetches at hand, by the hash of their top."""

    def __init__(self, desk: Desk, importer: Importer) -> None:
        self._desk = desk
        self._importer = importer
        self.fetches: dict[bytes, Fetch] = {}
        self.deep: dict[str, None] = {}
        """Peers with a fork that goes too deep for here."""
        self._later: dict[bytes, tuple[int, Fetch]] = {}
        """What was early, and until when, by the hash of its top."""
        self._held = self._held_bytes = 0

    @property
    def held(self) -> int:
        """Blocks held by all fetches."""
        return self._held

    def want(
        self,
        block: BlockId,
        peer: str | None,
        now: int,
        parent: bytes | None = None,
        *,
        is_claim: bool = True,
    ) -> bool:
        """Fetch a block that somebody spoke of; False if it is not wanted or there is no room.

        `is_claim`: the peer says that it has the block, and is blamed for too many of them.
        """
        desk = self._desk
        chain = desk.chain
        known = self.fetches.get(block.hash)
        if known is not None:
            if peer is not None and len(known.says) < MAX_OF_ONE:
                known.says[peer] = None
            return True
        if block.number <= chain.finalised().number or chain.number(block.hash) is not None:
            return False
        if self._importer.is_bad(block.hash):
            return False
        if now < self._later.get(block.hash, (0,))[0]:
            return False
        if parent is not None and self._importer.is_bad(parent):
            self._importer.note_bad(block.hash)
            return False
        if peer is not None:
            begun = [fetch for fetch in self.fetches.values() if fetch.starter == peer]
            if len(begun) >= MAX_OF_ONE:
                # Not if it is we who have not come to ask, or have not taken in what it gave.
                hollow = sum(peer in fetch.denied for fetch in begun)
                if is_claim and 2 * hollow >= MAX_OF_ONE:
                    desk.blame(peer, FLOOD, "too many unknown blocks at a time", now)
                return False
        if len(self.fetches) >= MAX_FETCHES and not self._make_room(peer):
            return False
        fetch = Fetch(block, block, {} if peer is None else {peer: None}, now)
        fetch.rooted = parent is not None and chain.number(parent) is not None
        if not fetch.rooted and parent not in self.fetches:
            ahead = block.number - chain.best().number
            fetch.count = max(1, min(ahead, NEAR))
        self.fetches[block.hash] = fetch
        return True

    def _make_room(self, peer: str | None) -> bool:
        """Give up a fetch that has brought nothing, of who has begun the most; not for that one."""
        counts = Counter(fetch.starter for fetch in self.fetches.values())
        most = max(counts.values())
        if counts[peer] >= most:
            return False
        for fetch in self.fetches.values():
            if counts[fetch.starter] == most and not fetch.blocks and not fetch.importing:
                self._end(fetch)
                return True
        return False

    def step(self, now: int) -> None:
        """Ask for what is missing, hand over what is whole."""
        if not self.fetches and not self._later:
            return
        for fetch in [fetch for due, fetch in self._later.values() if due <= now]:
            del self._later[fetch.top.hash]
            self.want(fetch.top, fetch.starter, now, is_claim=False)
        # First what continues our chain: the rest may be made up.
        for fetch in sorted(self.fetches.values(), key=lambda f: (not f.rooted, f.attempts)):
            if fetch.ticket is not None:
                self._hurry(fetch, fetch.ticket, now)
            if fetch.importing or fetch.ticket is not None or fetch.not_before > now:
                continue
            if fetch.top.hash not in self.fetches:
                continue  # it ended with another one
            self._advance(fetch, now)

    def _hurry(self, fetch: Fetch, id: int, now: int) -> None:
        """Ask another peer, if there is one, once an answer takes too long."""
        desk = self._desk
        ticket = desk.tickets.get(id)
        if ticket is None:
            return
        usual = min(TIMES_SLOWER * desk.usual(ticket.peer), QUICK_MS)
        if now - ticket.sent < max(HURRY_MS << min(fetch.hurries, MAX_HURRIES), usual):
            return
        if self._free(fetch, now) is None:
            return
        # The question stays out: no answer at all costs what it always costs, a late one nothing.
        fetch.ticket = None
        fetch.hurries += 1
        desk.pass_over(ticket.peer, now)

    def _advance(self, fetch: Fetch, now: int) -> None:
        desk = self._desk
        chain = desk.chain
        final = chain.finalised().number
        if fetch.top.number <= final or chain.number(fetch.top.hash) is not None:
            self._end(fetch)
            return
        if fetch.blocks:
            self._join(fetch)
            bottom = fetch.blocks[-1]
            if chain.number(fetch.next.hash) is not None:
                fetch.importing = True
                self._importer.put(self, fetch.top.hash, fetch.blocks[::-1])
                return
            if self._importer.is_bad(fetch.next.hash):
                self._condemn(fetch)
                return
            if fetch.next.hash in self.fetches:
                return  # somebody else is at it
            if int(bottom.header.number) <= final + 1:
                # A fork off below what is final: no use to us, and maybe to nobody.
                self._importer.note_bad(fetch.top.hash)
                self._end(fetch)
                return
            if len(fetch.blocks) >= MAX_DEPTH:
                if not self._is_head(fetch):
                    # On nobody's chain, but votes stand on it: first what is lowest, as far as
                    # there is room, and then from the top again.
                    self._drop(fetch)
                    return
                self.deep.update(fetch.says)
                self._end(fetch)
                return
        elif self._held >= MAX_HELD or self._held_bytes >= MAX_HELD_BYTES:
            return
        peer = self._free(fetch, now)
        if peer is None:
            self._nobody(fetch, now)
            return
        count = max(1, min(fetch.count, MAX_DEPTH - len(fetch.blocks)))
        request = BlockRequest(fetch.next.hash, Direction.DESCENDING, count, ALL)
        fetch.ticket = desk.ask(self, peer, BLOCKS, request.encode(), now).id
        fetch.tried[peer.name] = None

    def _is_head(self, fetch: Fetch) -> bool:
        """Tell whether it is the head of one who spoke of it: then `far` gets all of it."""
        peers = (self._desk.peers.get(name) for name in fetch.says)
        return any(peer is not None and peer.best.hash == fetch.top.hash for peer in peers)

    def _free(self, fetch: Fetch, now: int) -> Peer | None:
        return self._desk.free(
            now, fetch.top.number, fetch.tried, fetch.says, down_to=fetch.next.number
        )

    def _join(self, fetch: Fetch) -> None:
        """Let go of what has become known in the meantime."""
        while len(fetch.blocks) > 1 and self._desk.chain.number(fetch.blocks[-1].hash) is not None:
            gone = fetch.blocks.pop()
            fetch.next = BlockId(int(gone.header.number), gone.hash)
            self._count(fetch, gone, -1)

    def _nobody(self, fetch: Fetch, now: int) -> None:
        """Nobody is free who has not been tried."""
        peers = self._desk.peers
        helpers = [
            peer
            for peer in peers.values()
            if peer.lowest <= fetch.next.number
            and (peer.name in fetch.says or peer.best.number >= fetch.top.number)
        ]
        if any(peer.name not in fetch.tried and peer.rests_until <= now for peer in helpers):
            return  # busy: they will be free
        if not fetch.tried and (helpers or not peers):
            return  # those who could help rest
        # Who rests, for what it did, must not keep us from asking the others again.
        fetch.tried.clear()
        fetch.attempts += 1
        if fetch.attempts >= MAX_ATTEMPTS:
            for name in fetch.says:
                peer = peers.get(name)
                if peer is None or peer.best.hash != fetch.top.hash:
                    continue
                if name in fetch.denied:
                    self._desk.break_claim(name, "it has not got its own head", now)
                else:
                    peer.best = peer.final  # it gave no answer: until it says so again
            self._end(fetch)
            return
        fetch.not_before = now + self._desk.backoff(RETRY_MS, fetch.attempts)

    # --- answers

    def answered(self, ticket: Ticket, data: bytes, now: int) -> None:
        """Take the blocks of an answer."""
        fetch = self._of(ticket)
        if fetch is None:
            return
        answer = BlockAnswer.decode(data)
        fetch.ticket = None
        taken = 0
        if len(answer.blocks) > max(1, fetch.count):
            self._desk.blame(ticket.peer, LIE, "more blocks than asked for", now)
            return
        for data_ in answer.blocks:
            block = check_block(self._desk, data_, ticket.peer, fetch.next.hash)
            if isinstance(block, str):
                self._desk.blame(ticket.peer, LIE, block, now)
                break
            if int(block.header.number) != fetch.next.number:
                if fetch.blocks:
                    self._desk.blame(ticket.peer, LIE, "heights do not follow", now)
                    self._importer.note_bad(fetch.top.hash)
                self._end(fetch)  # the height it was spoken of with is not its own
                return
            fetch.blocks.append(block)
            self._count(fetch, block, 1)
            taken += 1
            fetch.next = BlockId(fetch.next.number - 1, bytes(block.header.parent_hash))
            if self._desk.chain.number(fetch.next.hash) is not None:
                break
        self._desk.praise(ticket, taken, now)
        if not answer.blocks:
            fetch.denied[ticket.peer] = None
        if taken:
            fetch.tried.clear()
            fetch.attempts = 0
            fetch.count = min(2 * max(fetch.count, 1), NEAR)

    def failed(self, ticket: Ticket, now: int) -> None:
        """Another peer, next time."""
        fetch = self._of(ticket)
        if fetch is not None:
            fetch.ticket = None
            if ticket.excused:
                fetch.tried.pop(ticket.peer, None)

    def _of(self, ticket: Ticket) -> Fetch | None:
        return next((f for f in self.fetches.values() if f.ticket == ticket.id), None)

    # --- outcome

    def imported(
        self, key: bytes, done: Sequence[Block], refused: Refusal | None, wait: int, now: int
    ) -> None:
        """Blocks of a fetch went in, or did not."""
        fetch = self.fetches.get(key)
        if fetch is None:
            return
        fetch.importing = False
        for block in done:
            fetch.blocks.pop()
            fetch.next = BlockId(int(block.header.number), block.hash)
            self._count(fetch, block, -1)
        if not fetch.blocks and refused is None and fetch.next.hash != fetch.top.hash:
            fetch.next = fetch.top  # what lay above these was let go
        elif not fetch.blocks or refused in (Refusal.BAD, Refusal.CROWDED):
            self._end(fetch)
        elif refused is Refusal.EARLY and wait > HOLD_EARLY_MS:
            self._put_off(fetch, wait, now)
        elif refused is Refusal.EARLY:
            fetch.not_before = now + max(wait, EARLY_MS)
        elif refused is Refusal.ORPHAN:
            fetch.attempts += 1
            fetch.not_before = now + self._desk.backoff(RETRY_MS, fetch.attempts)
            if fetch.attempts >= MAX_ATTEMPTS:
                self._end(fetch)

    def _put_off(self, fetch: Fetch, wait: int, now: int) -> None:
        """Come back to a block when it can be taken in, and leave the room to others until then."""
        self._end(fetch)
        self._later[fetch.top.hash] = (now + min(wait, LONGEST_PUT_OFF_MS), fetch)
        if len(self._later) > MAX_PUT_OFF:
            del self._later[next(iter(self._later))]

    def _condemn(self, fetch: Fetch) -> None:
        """It stands on a bad block. Its sender was told so when it brought that one, or now."""
        for block in fetch.blocks:
            self._importer.note_bad(block.hash)
        self._end(fetch)

    def _drop(self, fetch: Fetch) -> None:
        for block in fetch.blocks:
            self._count(fetch, block, -1)
        fetch.blocks = []

    def _end(self, fetch: Fetch) -> None:
        self._drop(fetch)
        self.fetches.pop(fetch.top.hash, None)
        if fetch.ticket is not None:
            self._desk.close(fetch.ticket)

    def _count(self, fetch: Fetch, block: Block, sign: int) -> None:
        size = sum(map(len, block.body)) + 512
        fetch.bytes += sign * size
        self._held_bytes += sign * size
        self._held += sign


def read_header(data: BlockData, want: bytes | None) -> Header | str:
    """Return the header of an answer if it is that of its hash and of `want`, or what is wrong."""
    if data.header is None:
        return "a block without its header"
    if H256.of(data.header) != data.hash or (want is not None and data.hash != want):
        return "a header of another block"
    try:
        return Header.decode(data.header)
    except DecodeError as error:
        return f"a malformed header: {error}"


def check_block(desk: Desk, data: BlockData, peer: str, want: bytes) -> Block | str:
    """Return the whole block of an answer, or what is wrong with it."""
    header = read_header(data, want)
    if isinstance(header, str):
        return header
    if data.body is None:
        return "a block without its body"
    if desk.body_root(data.body) != header.extrinsics_root:
        return "a body that is not the header's"
    return Block(bytes(data.hash), header, data.body, data.justification, (peer,))
