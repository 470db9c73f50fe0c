"""Blocks from sync that wait for import: batches in order, of which one block is taken at a time.

    queue.put(order)                          sync's order: blocks, each on the one before
    step = queue.next()                       the next block; None if its batch is empty
    report = queue.advance(refusal, why, now) its outcome; sync's report once its batch is done

Pure: the engine imports the blocks.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Final, NamedTuple

from btt_chain.consensus.babe.verify import Refused, slot_of
from btt_chain.lazyclass import dataclass
from btt_chain.primitives.digest import GRANDPA, Consensus
from p2p.sync.types import Block, BlocksImported, ImportBlocks, Refusal

RETRY_MS: Final = 10_000
"""Time until a block that moves the chain to a runtime version that is not carried is retried."""


class ImportStep(NamedTuple):
    """The next block to import."""

    block: Block
    must_prove: bool
    """The proof that came with it must be processed."""
    is_built_on: bool
    """Another block of the batch follows it."""


@dataclass(slots=True)
class Batch:
    """Blocks from sync, to be imported."""

    id: int
    blocks: Sequence[Block]
    done: int = 0

    @property
    def must_prove(self) -> bool:
        """True if the proof that came with the next block must be processed.

        The proof of a later block makes it final, too, and each costs signatures and a wait for the
        disk. Only the proof of a block that ends a set must not be skipped.
        """
        here, later = self.blocks[self.done], self.blocks[self.done + 1 :]
        if not any(block.justification for block in later):
            return True
        return any(
            isinstance(log, Consensus) and log.engine == GRANDPA for log in here.header.digest.logs
        )

    @property
    def has_more(self) -> bool:
        """True if more blocks follow, each on the one before."""
        return self.done + 1 < len(self.blocks)


class ImportQueue:
    """The batches that wait, the first of them in progress."""

    def __init__(self, slot_ms: int) -> None:
        self._slot_ms = slot_ms
        self.batches: Final[deque[Batch]] = deque()
        """Those that wait; not to be changed from outside."""

    def __len__(self) -> int:
        return len(self.batches)

    def put(self, order: ImportBlocks) -> None:
        """Append a batch."""
        self.batches.append(Batch(order.id, order.blocks))

    def next(self) -> ImportStep | None:
        """Return the next block of the first batch; None if it has none. The queue has a batch."""
        batch = self.batches[0]
        if batch.done == len(batch.blocks):
            return None
        return ImportStep(batch.blocks[batch.done], batch.must_prove, batch.has_more)

    def advance(self, refusal: Refusal | None, why: str, now_ms: int) -> BlocksImported | None:
        """Record the outcome of the last step; return the report if its batch is done.

        A refused block ends its batch. An early one names the time until it can be imported.
        """
        batch = self.batches[0]
        if refusal is None and batch.done < len(batch.blocks):
            batch.done += 1
        if refusal is None and batch.done < len(batch.blocks):
            return None
        self.batches.popleft()
        wait = 0
        if refusal is Refusal.EARLY:
            wait = self._wait(batch.blocks[batch.done], now_ms)
        return BlocksImported(batch.id, batch.done, refusal, why, wait)

    def _wait(self, block: Block, now_ms: int) -> int:
        """Return the milliseconds until the slot of an early block may be imported."""
        try:
            first = slot_of(block.header) - 1
        except Refused:  # it has no slot: it is not early, but its import failed
            return RETRY_MS
        return max(first * self._slot_ms - now_ms, 0) or RETRY_MS
