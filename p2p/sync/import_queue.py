"""The queue of blocks for the import: one batch at a time, in order."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Sequence
from typing import Final, Protocol

from p2p.sync.requests import INVALID, RequestTracker
from p2p.sync.types import Block, BlocksImported, ImportBlocks, Refusal

BATCH: Final = 64
"""Maximum number of blocks in one batch: the owner may do other work in between."""
MAX_BAD: Final = 1_024
"""Maximum number of remembered hashes of invalid blocks."""


class Supplier(Protocol):
    """The supplier of blocks, which receives the result of their import."""

    def imported(
        self, key: bytes, done: Sequence[Block], refused: Refusal | None, wait: int, now: int
    ) -> None:
        """Note that the first blocks of a batch were imported, the next one refused, if any.

        An early block may be offered again after `wait` milliseconds.
        """
        ...


class ImportQueue:
    """The queue in front of the import. Suppliers bound their blocks in it."""

    def __init__(self, tracker: RequestTracker) -> None:
        self._tracker = tracker
        self._queue: deque[tuple[Supplier, bytes, tuple[Block, ...]]] = deque()
        self._current: tuple[Supplier, bytes, tuple[Block, ...]] | None = None
        self._id = -1
        self._bad: OrderedDict[bytes, None] = OrderedDict()

    @property
    def waiting(self) -> int:
        """Number of blocks in the queue and in the import."""
        current = () if self._current is None else self._current[2]
        return len(current) + sum(len(blocks) for _, _, blocks in self._queue)

    def put(self, supplier: Supplier, key: bytes, blocks: Sequence[Block]) -> None:
        """Queue blocks, parents first; `key` is for the supplier."""
        self._queue.append((supplier, key, tuple(blocks)))

    def is_bad(self, hash: bytes) -> bool:
        """Return True if the block was noted as bad (`note_bad`)."""
        return hash in self._bad

    def note_bad(self, hash: bytes) -> None:
        """Remember a block that is not to be fetched or imported again."""
        self._bad[hash] = None
        while len(self._bad) > MAX_BAD:
            self._bad.popitem(last=False)

    def step(self) -> bool:
        """Hand over the next batch if the previous one is done; return True if one is in hand."""
        if self._current is not None:
            return True
        if not self._queue:
            return False
        self._current = self._queue.popleft()
        self._id = self._tracker.new_id()
        self._tracker.out.append(ImportBlocks(self._id, self._current[2]))
        return True

    def report(self, report: BlocksImported, now: int) -> None:
        """Note the owner's report of a batch."""
        if self._current is None or report.id != self._id:
            return
        supplier, key, blocks = self._current
        self._current = None
        if report.refused is Refusal.NOT_TRUSTED:
            for sender in dict.fromkeys(blocks[report.done].senders):
                self._tracker.set_apart(sender, report.why)
        if report.refused is Refusal.BAD and report.done < len(blocks):
            bad = blocks[report.done]
            self.note_bad(bad.hash)
            for sender in dict.fromkeys(bad.senders):
                self._tracker.blame(sender, INVALID, f"a bad block: {report.why}", now)
            # Blocks that build on it are refused without being fetched.
            for block in blocks[report.done + 1 :]:
                self.note_bad(block.hash)
        supplier.imported(key, blocks[: report.done], report.refused, report.wait_ms, now)
