"""Small chains without a runtime, peers that serve or cheat, and a virtual network between."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count

from btt_chain.primitives.digest import H256, Digest
from btt_chain.primitives.header import Header
from btt_chain.scale import u32
from p2p.network import (
    ANNOUNCE,
    BLOCKS,
    LATE,
    REFUSED,
    Answered,
    Ask,
    Connected,
    Disconnected,
    Event,
    Failed,
    GossipReceived,
    Penalise,
    Status,
    StatusReceived,
)
from p2p.protocols.messages import Announce, BlockAnswer, BlockRequest
from p2p.protocols.serve import StateRange, answer
from p2p.sync.machine import Sync
from p2p.sync.types import (
    Action,
    BeginState,
    BlockId,
    BlocksImported,
    FinishState,
    HistoryStored,
    ImportBlocks,
    ImportHistory,
    ImportJustification,
    JustificationJudged,
    Refusal,
    Report,
    StateFinished,
    StateStored,
    StoreState,
)


def body_root(body: list[bytes]) -> bytes:
    return H256.of(b"".join(len(part).to_bytes(4, "big") + part for part in body))


def child(
    parent: Header, salt: bytes = b"", state: bytes = bytes(32)
) -> tuple[Header, list[bytes]]:
    body = [b"%d" % int(parent.number), salt]
    root = H256(body_root(body))
    header = Header(parent.hash(), u32(int(parent.number) + 1), H256(state), root, Digest([]))
    return header, body


GENESIS = Header(H256(bytes(32)), u32(0), H256(bytes(32)), H256(body_root([])), Digest([]))
BAD = b"breaks a rule"


def branch(length: int, salt: bytes = b"", parent: Header = GENESIS) -> list[Header]:
    """Headers above `parent`, oldest first; their bodies are in BODIES."""
    known = _BRANCHES.setdefault((bytes(parent.hash()), salt), [])
    last = known[-1] if known else parent
    while len(known) < length:
        last, body = child(last, salt)
        BODIES[last.hash()] = body
        known.append(last)
    return known[:length]


_BRANCHES: dict[tuple[bytes, bytes], list[Header]] = {}
BODIES: dict[bytes, list[bytes]] = {bytes(GENESIS.hash()): []}


class FakeChain:
    """Blocks by hash; what a node would serve and what sync reads of it."""

    def __init__(self, headers: Sequence[Header] = ()) -> None:
        self.headers: dict[bytes, Header] = {}
        self.at: dict[int, bytes] = {}
        self.head = self.final = BlockId(0, bytes(GENESIS.hash()))
        self.proofs: dict[bytes, bytes] = {}
        self.missing: tuple[BlockId, int] | None = None
        self.headers[self.head.hash] = GENESIS
        self.at[0] = self.head.hash
        for header in headers:
            self.add(header)

    def add(self, header: Header) -> None:
        self.headers[header.hash()] = header
        if int(header.number) > self.head.number:
            self.head = BlockId(int(header.number), bytes(header.hash()))
            hash = self.head.hash
            while self.at.get(number := int(self.headers[hash].number)) != hash:
                self.at[number] = hash
                hash = self.headers[hash].parent_hash

    def finalize(self, number: int) -> None:
        self.final = BlockId(number, self.at[number])

    # ChainView
    def best(self) -> BlockId:
        return self.head

    def finalized(self) -> BlockId:
        return self.final

    def hash_at(self, number: int) -> bytes | None:
        return self.at.get(number)

    def number(self, hash: bytes) -> int | None:
        header = self.headers.get(hash)
        return None if header is None else int(header.number)

    def keeps_body(self, number: int) -> bool:
        return True

    def gap(self) -> tuple[BlockId, int] | None:
        return self.missing

    # ChainSource
    def header(self, hash: bytes) -> bytes | None:
        header = self.headers.get(hash)
        return None if header is None else header.encode()

    def parent(self, hash: bytes) -> bytes | None:
        header = self.headers.get(hash)
        return None if header is None or int(header.number) == 0 else header.parent_hash

    def body(self, hash: bytes) -> list[bytes] | None:
        return BODIES.get(hash) if hash in self.headers else None

    def justification(self, hash: bytes) -> bytes | None:
        return self.proofs.get(hash)

    def state_range(self, block: bytes, after: bytes | None, size: int) -> StateRange | None:
        return None

    def warp_targets(self, above: int) -> Iterator[bytes]:
        return iter(())

    def status(self) -> Status:
        lowest = 0 if self.missing is None else self.missing[0].number + 1
        head, final = self.head, self.final
        return Status(1, head.number, head.hash, final.number, final.hash, lowest)


Twist = Callable[[str, bytes, bytes | None], bytes | None]
"""A lie: from a request's protocol, the request and the honest answer to a false answer."""


@dataclass
class FakePeer:
    """Another node: what it has, how long it takes, and how it cheats."""

    chain: FakeChain
    delay: int = 50
    per_block: int = 0
    twist: Twist | None = None
    claim: int | None = None
    """A height it claims instead of its own."""
    silent: bool = False
    refuses: str = REFUSED
    """Why it gives no answer when `twist` makes none."""
    asked: int = 0
    served: int = 0

    def status(self) -> Status:
        true = self.chain.status()
        if self.claim is None:
            return true
        return Status(1, self.claim, b"\x77" * 32, true.final_number, true.final_hash)

    def reply(self, protocol: str, data: bytes) -> bytes | None:
        self.asked += 1
        found = answer(self.chain, protocol, data)
        if found is not None and protocol == BLOCKS:
            self.served += len(BlockAnswer.decode(found).blocks)
        return found if self.twist is None else self.twist(protocol, data, found)


@dataclass
class World:
    """One node that syncs, its peers, and the time."""

    chain: FakeChain
    peers: dict[str, FakePeer]
    seed: int = 0
    loss: float = 0.0
    twice: float = 0.0
    import_ms: int = 1
    ban: int = 10_000
    now: int = 1_000_000
    make: Callable[[World], Sync] | None = None
    queue: list[tuple[int, int, Event | Report]] = field(default_factory=list)
    costs: dict[str, int] = field(default_factory=dict)
    banned: list[str] = field(default_factory=list)
    imported: list[bytes] = field(default_factory=list)
    refused: list[bytes] = field(default_factory=list)
    asks: list[tuple[str, BlockRequest]] = field(default_factory=list)
    early: dict[bytes, int] = field(default_factory=dict)
    """When blocks may be taken in, where that is not at any time."""
    highest_held: int = 0
    highest_out: int = 0

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)
        self.order = count()
        ids = count(1)
        self.new_id = lambda: next(ids)
        self.connected: dict[str, None] = {}
        if self.make is not None:
            self.sync = self.make(self)
        else:
            self.sync = Sync(
                self.chain, body_root=body_root, new_id=self.new_id, seed=self.seed, now=self.now
            )
        for name in self.peers:
            self.connect(name)

    def connect(self, name: str, after: int = 0) -> None:
        self.later(after, Connected(name, self.peers[name].status()))

    def leave(self, name: str, after: int = 0) -> None:
        self.later(after, Disconnected(name))

    def later(self, after: int, event: Event | Report) -> None:
        heapq.heappush(self.queue, (self.now + after, next(self.order), event))

    def announce(
        self, name: str, header: Header, after: int = 0, body: list[bytes] | None = None
    ) -> None:
        data = Announce(header, True, body).encode()
        self.later(after, GossipReceived(ANNOUNCE, name, data))

    def run(self, ms: int, until: Callable[[], bool] = lambda: False) -> bool:
        """Let time pass; True once `until` holds."""
        end = self.now + ms
        next_tick = self.now
        next_poll = self.now + 3_000
        while self.now < end:
            if until():
                return True
            due = self.queue[0][0] if self.queue else end
            self.now = max(self.now, min(due, next_tick, next_poll, end))
            if self.now >= next_poll:
                next_poll = self.now + 3_000
                for name in self.connected:
                    self.later(0, StatusReceived(name, self.peers[name].status()))
            if self.now >= next_tick:
                next_tick = self.now + 100
                self.apply(self.sync.tick(self.now))
            while self.queue and self.queue[0][0] <= self.now:
                _, _, event = heapq.heappop(self.queue)
                self.deliver(event)
        return until()

    def deliver(self, event: Event | Report) -> None:
        match event:
            case Connected(peer, _):
                if peer in self.banned:
                    return
                self.connected[peer] = None
            case Disconnected(peer):
                self.connected.pop(peer, None)
        self.apply(self.sync.handle(event, self.now))
        held, out = self.sync.held
        self.highest_held = max(self.highest_held, held)
        self.highest_out = max(self.highest_out, out)

    def apply(self, actions: Sequence[Action]) -> None:
        for action in actions:
            self.do(action)

    def do(self, action: Action) -> None:
        match action:
            case Ask():
                self.ask(action)
            case Penalise(peer, cost, _):
                assert cost > 0
                self.costs[peer] = self.costs.get(peer, 0) + cost
                if self.costs[peer] >= self.ban and peer not in self.banned:
                    self.banned.append(peer)
                    self.leave(peer)
            case ImportBlocks():
                self.later(self.import_ms * len(action.blocks), self.take(action))
            case ImportJustification(target, raw, peer):
                good = raw == b"proof" + target.hash
                if good:
                    self.chain.proofs[target.hash] = raw
                self.later(1, JustificationJudged(target, peer, good))
            case BeginState():
                self.begin_state(action)
            case StoreState():
                self.store_state(action)
                self.later(1, StateStored())
            case FinishState():
                self.finish_state(action)
                self.later(1, StateFinished())
            case ImportHistory():
                self.import_history(action)
                self.later(1, HistoryStored())

    def begin_state(self, action: BeginState) -> None:
        raise NotImplementedError

    def store_state(self, action: StoreState) -> None:
        raise NotImplementedError

    def finish_state(self, action: FinishState) -> None:
        raise NotImplementedError

    def import_history(self, action: ImportHistory) -> None:
        raise NotImplementedError

    def ask(self, ask: Ask) -> None:
        assert ask.peer in self.connected or ask.peer in self.banned, "asked a peer that is gone"
        peer = self.peers[ask.peer]
        if ask.protocol == BLOCKS:
            self.asks.append((ask.peer, BlockRequest.decode(ask.data)))
        if peer.silent or self.rng.random() < self.loss:
            self.later(ask.timeout_ms, Failed(ask.id, LATE))
            return
        found = peer.reply(ask.protocol, ask.data)
        if found is None:
            self.later(peer.delay, Failed(ask.id, peer.refuses))
            return
        blocks = len(BlockAnswer.decode(found).blocks) if self.honest(peer, ask) else 1
        wait = peer.delay + self.rng.randrange(20) + peer.per_block * blocks
        if wait > ask.timeout_ms:
            self.later(ask.timeout_ms, Failed(ask.id, LATE))
        self.later(wait, Answered(ask.id, found))
        if self.rng.random() < self.twice:
            self.later(wait + self.rng.randrange(500), Answered(ask.id, found))

    @staticmethod
    def honest(peer: FakePeer, ask: Ask) -> bool:
        return ask.protocol == BLOCKS and peer.twist is None

    def take(self, action: ImportBlocks) -> BlocksImported:
        done = 0
        for block in action.blocks:
            assert body_root(block.body) == block.header.extrinsics_root
            if BAD in block.body:
                self.refused.append(block.hash)
                return BlocksImported(action.id, done, Refusal.BAD, "it breaks a rule")
            wait = self.early.get(block.hash, self.now) - self.now
            if wait > 0:
                return BlocksImported(action.id, done, Refusal.EARLY, "early", wait)
            if block.header.parent_hash not in self.chain.headers:
                return BlocksImported(action.id, done, Refusal.ORPHAN, "no parent")
            self.chain.add(block.header)
            self.imported.append(block.hash)
            done += 1
        return BlocksImported(action.id, done)

    def comes_to(self, number: int) -> bool:
        """Let time pass until the head is at a height, and return True if it came there."""
        return self.run(5_000, lambda: self.chain.head.number == number)

    def synced(self) -> bool:
        """The node has the head of the longest honest peer that is connected."""
        heads = [
            p.chain.head.number
            for name, p in self.peers.items()
            if p.twist is None and not p.silent and p.claim is None and name in self.connected
        ]
        return bool(heads) and self.chain.head.number >= max(heads)
