"""Changes of the chain's heads, as one batch each, with the memory that follows them.

ChainStore and the import of a state assemble a `Draft` through these, and write it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Final

from storage.blocks import BlockRef, BlockStore, Route
from storage.draft import Draft
from storage.kv import KeyValue, StorageError
from storage.state import StateStore

_HEIGHT: Final = attrgetter("ref.number")
"""Returns the height of an open block."""


class ChainWriter:
    """Moves heads and states together, and writes drafts."""

    def __init__(
        self, kv: KeyValue, blocks: BlockStore, state: StateStore, load: Callable[[], None]
    ) -> None:
        """`load` reads the memory of the store again."""
        self._kv = kv
        self.blocks = blocks
        self.state = state
        self.load = load
        self.has_unsynced = True
        """True unless all that was written through this writer is known to be on the disk."""

    def draft(self) -> Draft:
        """Return an empty draft."""
        return Draft(self._kv)

    def write(self, draft: Draft, *, sync: bool = False) -> None:
        """Write a draft; if that fails, load the memory again from the store.

        `sync` waits until it, and all that was written before, are on the disk.
        """
        if not draft.changes and not (sync and self.has_unsynced):
            return
        self.has_unsynced = True
        try:
            self._kv.write(draft.changes, sync=sync)
        except StorageError:
            # Memory is ahead of the store now; the stored data are valid.
            self.load()
            raise
        self.has_unsynced = not sync

    def move(self, draft: Draft, hash: bytes) -> Route:
        """Make a block the head, with its state flat; return the path to it."""
        blocks = self.blocks
        route = blocks.route(blocks.best.hash, hash)
        self.state.move(draft, route)
        blocks.set_best(draft, route, BlockRef(hash, blocks.fields(hash).number))
        return route

    def finalize(self, draft: Draft, ref: BlockRef) -> list[BlockRef]:
        """Make a block of the best chain final; return the discarded blocks, highest first."""
        blocks, state = self.blocks, self.state
        path = blocks.route(blocks.finalized.hash, ref.hash).enacted
        before = blocks.finalized.number
        cut_off = self._cut_off(path)
        blocks.set_finalized(draft, ref)
        for final in path:
            state.settle(draft, final)
            blocks.close_block(draft, final)
        for block in sorted(blocks.open.values(), key=_HEIGHT, reverse=True):
            hash = block.ref.hash
            if block.children or blocks.extends_finalized(hash):
                continue
            keeps = blocks.retention.forks
            if not (keeps and state.window is None) and state.is_pinned(hash):
                continue
            self.discard(draft, block.ref)
            if not keeps:
                blocks.delete(draft, block.ref)
        state.advance(draft)
        blocks.prune_bodies(draft, min(before + 1, state.lowest_pinned))
        return cut_off

    def discard(self, draft: Draft, ref: BlockRef) -> None:
        """Remove a block that is not final from the tree, with its state."""
        self.state.discard(draft, ref)
        self.blocks.close_block(draft, ref)

    def _cut_off(self, path: Sequence[BlockRef]) -> list[BlockRef]:
        """Return the blocks discarded when those on `path` become final, highest first.

        All descend from the last finalized block: pinned forks of before are not included.
        """
        final = {ref.hash for ref in path}
        before, after = {self.blocks.finalized.hash}, {path[-1].hash}
        dead: list[BlockRef] = []
        for block in sorted(self.blocks.open.values(), key=_HEIGHT):
            hash = block.ref.hash
            if block.parent not in before:
                continue
            before.add(hash)
            if block.parent in after:
                after.add(hash)
            elif hash not in final:
                dead.append(block.ref)
        return sorted(dead, key=lambda ref: -ref.number)
