"""The state after a block beside the head, read from the flat state of the head.

A node imports two blocks of one slot: both stand on the same parent, and one of them is the head
when the other is executed. Through the trie its execution takes three times as long. The journals
of the few blocks between the head and the parent have the differences of the two states, so all
other values are those of the flat state.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping
from heapq import merge
from typing import Final

from storage.blocks import BlockRef, BlockStore
from storage.columns import STATE
from storage.columns import after as end_of
from storage.draft import Draft
from storage.kv import KeyValue
from storage.recent import RecentValues
from storage.state import StateReader, StateStore

MAX_MOVES: Final = 4
"""Maximum number of blocks between the head and a block that is read by journals."""


class JournalReader(StateReader):
    """The state after one block, by journals from the head; once that moves, from the trie."""

    __slots__ = ("_changes", "_head", "_sorted")

    def __init__(
        self,
        blocks: BlockStore,
        kv: KeyValue,
        ref: BlockRef,
        root: bytes,
        recent: RecentValues,
        changes: Mapping[bytes, bytes | None],
    ) -> None:
        """`changes` lead from the state of the head to this one; None for a key that is absent."""
        super().__init__(blocks, kv, ref, root, recent)
        self._head = blocks.best.hash
        self._changes = changes
        self._sorted: list[bytes] = []

    def get(self, key: bytes) -> bytes | None:
        """Return the value of a key. Raises StateUnavailable once pruned."""
        blocks, changes, recent = self._blocks, self._changes, self._recent
        if blocks.best.hash != self._head or blocks.stateless:
            return super().get(key)
        if key in changes:
            return changes[key]
        if key in recent.young:
            return recent.young[key]
        return recent.old[key] if key in recent.old else self._kv.get(STATE + key)

    def keys(self, prefix: bytes = b"", after: bytes | None = None) -> Iterator[bytes]:
        """Yield the keys with this prefix that are greater than `after`, ascending."""
        blocks, changes = self._blocks, self._changes
        if blocks.best.hash != self._head or blocks.stateless:
            return super().keys(prefix, after)
        changed = self._sorted = self._sorted or sorted(changes)
        low = bisect_left(changed, prefix)
        if after is not None:
            low = max(low, bisect_right(changed, after))
        stop = end_of(prefix)
        high = len(changed) if stop is None else bisect_left(changed, stop)
        own = [key for key in changed[low:high] if changes[key] is not None]
        start = None if after is None else STATE + after + b"\x00"
        flat = (key[1:] for key in self._kv.keys(STATE + prefix, start=start))
        return merge((key for key in flat if key not in changes), own)


def reader_by_journals(
    kv: KeyValue, blocks: BlockStore, states: StateStore, hash: bytes
) -> StateReader:
    """Return the state after a block, as `StateStore.reader` does; by journals if they lead there.

    It costs the journals in between, so it is for executions, not for single values.
    """
    reader = states.reader(hash)
    if type(reader) is not StateReader or hash == blocks.flat:
        return reader
    # Blocks below are final and have no journals any more; far ones would take a long route.
    if (
        abs(blocks.best.number - reader.number) > MAX_MOVES
        or reader.number < blocks.finalized.number
    ):
        return reader
    route = blocks.route(blocks.best.hash, hash)
    between = [*route.retracted, *route.enacted]
    if len(between) > MAX_MOVES or not all(ref.hash in blocks.open for ref in between):
        return reader
    ref = BlockRef(hash, reader.number)
    changes = states.differences(Draft(kv), route)
    return JournalReader(blocks, kv, ref, reader.root, states.recent, changes)
