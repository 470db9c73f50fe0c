"""A chain of health records in memory: blocks with forks, revocations, roots."""

from __future__ import annotations

from dataclasses import dataclass, field

from btt_chain.client.errors import Disconnected
from btt_chain.crypto.hashing import blake2_256
from btt_chain.records.chain import MAX_LATE, ChainClock, Root, TooLate
from btt_chain.records.custodian.batches import Batch
from btt_chain.records.custodian.machine import Block, View
from support.records import NOW_MS

HOUR_MS = 3_600_000
GENESIS = b"\7" * 32


@dataclass
class MemoryChain:
    """The state of a node, changed by a test; blocks are named by their hash."""

    now_ms: int = NOW_MS
    genesis: bytes = GENESIS
    key: bytes | None = None
    roots: dict[Batch, Root] = field(default_factory=dict)
    parents: dict[bytes, bytes] = field(default_factory=dict)
    blocks: dict[bytes, Block] = field(default_factory=dict)
    revoked_in: dict[bytes, frozenset[bytes]] = field(default_factory=dict)
    is_down: bool = False
    leaves: bool = False
    """True if the custodian leaves."""
    asked: int = 0

    def __post_init__(self) -> None:
        first = Block(0, b"\0" * 32, self.now_ms)
        self.blocks[first.hash] = first
        self.revoked_in[first.hash] = frozenset()
        self.best = self.final = first

    def extend(self, *revoked: bytes, on: Block | None = None) -> Block:
        """Make a block, which becomes the best one."""
        parent = on or self.best
        hash = blake2_256(parent.hash + len(self.blocks).to_bytes(4, "big"))
        block = Block(parent.number + 1, hash, self.now_ms)
        self.blocks[hash], self.parents[hash] = block, parent.hash
        self.revoked_in[hash] = self.revoked_in[parent.hash] | set(revoked)
        self.best = block
        return block

    def finalize(self, block: Block | None = None) -> None:
        """Finalize a block."""
        self.final = block or self.best

    # ---- as RecordsChain

    async def clock(self) -> ChainClock:
        """The epoch of the clock."""
        return ChainClock(self.now_ms // HOUR_MS, HOUR_MS)

    async def view(self) -> View:
        """The present head."""
        if self.is_down:
            raise Disconnected("the node is gone")
        return View(self.best, self.final)

    async def is_revoked(self, handle: bytes, at: bytes) -> bool:
        """The state of a block."""
        if self.is_down:
            raise Disconnected("the node is gone")
        self.asked += 1
        return handle in self.revoked_in[at]

    async def root_of(self, custodian: bytes, batch: Batch) -> Root | None:
        """A root that was anchored."""
        return self.roots.get(batch)

    async def promise_key(self, custodian: bytes) -> bytes | None:
        """The registered key."""
        return self.key

    async def is_leaving(self, custodian: bytes) -> bool:
        """The custodian's state."""
        return self.leaves

    async def anchor(self, batch: Batch, root: Root) -> None:
        """Take a root as the pallet does: ended epochs, in order, not too late."""
        epoch = self.now_ms // HOUR_MS
        assert batch.epoch < epoch
        if batch.epoch < epoch - MAX_LATE:
            raise TooLate("HealthRecords.TooOld")
        assert all(each.kind != batch.kind or each.epoch < batch.epoch for each in self.roots)
        self.roots[batch] = root
