"""State at a block: flat at the head, in the trie elsewhere; retention of states.

    store.state.reader(hash) -> StateReader        raises StateUnavailable
    reader.get(key)  reader.keys(prefix, after)  reader.entries(prefix, after)
    reader.proof(keys)  reader.root  reader.overlay() -> Overlay

The state of the best block is flat in its own column: one read per key. A move of the head undoes
and redoes the journals of the blocks in between, in the batch that moves it.

Stored trie records: a record is identified by path and hash, so its content never changes and
blocks share it. Let the base be the oldest block whose state is kept. The reference count of a
record is the sum of

    1 if the state of the base has it, and
    1 for each later kept block that inserts it (its own state has it, its parent's does not).

It is stored while that sum is not zero. A committed block adds one for the records it inserts; a
discarded one subtracts them; when the base moves by a block, the records which that block retires
(its row of deaths) lose one. The rule is exact for any tree of forks, and a record deleted and
inserted again within the window is counted twice, not lost. Sums above one are rare and have a row
of their own (column x: the sum less one); a record without one counts 1. An archive removes no trie
record, so it counts nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import field
from itertools import islice
from typing import Final

import msgpack

from btt_chain.lazyclass import dataclass
from storage.blocks import BlockRef, BlockStore, Route
from storage.columns import (
    BODY,
    DEATHS,
    EXTRA,
    JOURNAL,
    META_BASE,
    NODE,
    NUMBER,
    STATE,
    VALUE,
    number_key,
    value_key,
)
from storage.columns import after as end_of
from storage.draft import Draft
from storage.kv import Corrupt, KeyValue, StorageError
from storage.overlay import Overlay
from storage.presence import PresenceFilter
from storage.recent import ITEM_PREFIX, MAX_LISTED, RecentValues
from storage.trie.cache import TrieCache
from storage.trie.node import HASHED_FROM
from storage.trie.proof import read_proof
from storage.trie.range_proof import prove_range
from storage.trie.trie import MissingNode, Sealed, Stored, Trie

READER_LOADS: Final = 4096
"""Number of loaded nodes above which a reader of an older state drops them."""

ADVANCE: Final = 64
"""Maximum number of blocks by which the base moves in one batch; the rest follows later."""

RECORD_BYTES: Final = 200
"""Approximate size of a trie record, to estimate when compaction is worth its time."""

_PAIR: Final[bytes] = msgpack.Packer().pack_array_header(2)
"""The beginning of an encoded list of two."""

COMPACT_FROM: Final = 16 << 20
"""Removed bytes below which compaction is not worth its time."""


class StateUnavailable(StorageError):
    """The state of this block is not kept (any more)."""


@dataclass(slots=True)
class Pending:
    """A state that was computed on top of a block and is not written yet."""

    parent: bytes
    root: bytes
    changes: dict[bytes, bytes | None]
    """Differences from the parent's state."""
    old: dict[bytes, Stored | None]
    sealed: Sealed
    reads: Mapping[bytes, bytes | None]
    """Values of the parent's state that were read, as far as they are known."""
    _undo: bytes = field(default=b"", init=False, repr=False, compare=False)

    def journal(self, records: Iterable[bytes]) -> bytes:
        """Return the journal of the block, which inserts these trie records.

        Its changes are encoded once, however many stores of one process the block enters.
        """
        if not self._undo:
            rows = [(key, self.old[key], value) for key, value in self.changes.items()]
            self._undo = msgpack.packb(rows)
        inserted: bytes = msgpack.packb(list(records))
        return _PAIR + self._undo + inserted


class StateReader:
    """The state after one block, as long as it is kept."""

    __slots__ = ("_blocks", "_kv", "_recent", "_trie", "hash", "number", "root")

    def __init__(
        self,
        blocks: BlockStore,
        kv: KeyValue,
        ref: BlockRef,
        root: bytes,
        recent: RecentValues | None = None,
    ) -> None:
        """`recent` has values of the flat state."""
        self._blocks = blocks
        self._kv = kv
        self._recent = RecentValues() if recent is None else recent
        self._trie: Trie | None = None
        self.hash, self.number = ref
        self.root = root

    def get(self, key: bytes) -> bytes | None:
        """Return the value of a key; one read at the head. Raises StateUnavailable once pruned."""
        blocks = self._blocks
        # As `blocks.flat`, and without a call for most keys: each block reads its state here.
        if blocks.best.hash == self.hash and not blocks.stateless:
            recent = self._recent
            if key in recent.young:
                return recent.young[key]
            return recent.old[key] if key in recent.old else self._read(key)
        try:
            return self._walk().get(key)
        except MissingNode as missing:
            raise self._gone() from missing

    def _read(self, key: bytes) -> bytes | None:
        """Return a value of the flat state that is not in memory."""
        recent, item = self._recent, key[:ITEM_PREFIX]
        listed = recent.lists.get(item)
        if listed is not None and key not in listed:
            return None
        value = self._kv.get(STATE + key)
        if value is None and len(key) > ITEM_PREFIX and recent.must_list(item):
            # Those of this store, also in a fork. They are remembered if there are few.
            for _ in islice(StateReader.keys(self, item), MAX_LISTED + 1):
                pass
        return value

    def keys(self, prefix: bytes = b"", after: bytes | None = None) -> Iterator[bytes]:
        """Yield the keys with this prefix that are greater than `after`, ascending."""
        if self._blocks.flat != self.hash:
            return (key for key, _ in self._entries(prefix, after))
        if after is not None or len(prefix) != ITEM_PREFIX:
            return (key[1:] for key in self._kv.keys(STATE + prefix, start=_from(after)))
        known = self._recent.lists.get(prefix)
        if known is not None:
            return iter(known)
        return self._recent.listing(prefix, (key[1:] for key in self._kv.keys(STATE + prefix)))

    def entries(
        self, prefix: bytes = b"", after: bytes | None = None
    ) -> Iterator[tuple[bytes, bytes]]:
        """Yield the keys of `keys`, with their values."""
        if self._blocks.flat == self.hash:
            rows = self._kv.iterate(STATE + prefix, start=_from(after))
            return ((key[1:], value) for key, value in rows)
        trie = self._walk()
        return ((key, trie.resolve(key, held)) for key, held in self._entries(prefix, after))

    def proof(self, keys: Iterable[bytes]) -> list[bytes]:
        """Return the trie nodes that prove the values of these keys, or their absence."""
        try:
            return read_proof(self._kv.get, self.root, keys)
        except MissingNode as missing:
            raise self._gone() from missing

    def prove_range(self, after: bytes | None, size: int) -> tuple[list[bytes], bytes | None]:
        """Return the nodes that prove the keys above `after`, and the last key; None: to the end.

        The range ends once its proof has `size` bytes (trie/range_proof.py).
        """
        try:
            return prove_range(self._kv.get, self.root, after, size)
        except MissingNode as missing:
            raise self._gone() from missing

    def merkle_value(self, prefix: bytes) -> bytes | None:
        """Return the Merkle value of the closest node with all keys of this prefix, if any."""
        try:
            return self._walk().merkle_value(prefix)
        except MissingNode as missing:
            raise self._gone() from missing

    def overlay(self) -> Overlay:
        """Return an overlay for changes on top of this state."""
        return Overlay(self.get, self.keys)

    def apart(self) -> StateReader:
        """Return a reader of the same state for another thread, for as long as it is pinned.

        It reads the trie alone: the flat state follows the head.
        """
        return StateReader(self._no_head(), self._kv, BlockRef(self.hash, self.number), self.root)

    def root_after(self, changes: Mapping[bytes, bytes | None]) -> bytes:
        """Return the root of this state with changes; nothing is cached or staged."""
        trie = Trie(self._kv.get, self.root)
        trie.update(changes, 1)
        return trie.seal().root

    def _no_head(self) -> BlockStore:
        """Return a view of the blocks that was not loaded: in it, no state is flat."""
        return BlockStore(self._kv)

    def _walk(self) -> Trie:
        if self._trie is None or self._trie.loads > READER_LOADS:
            self._trie = Trie(self._kv.get, self.root)
        return self._trie

    def _entries(self, prefix: bytes, after: bytes | None) -> Iterator[tuple[bytes, Stored]]:
        try:
            yield from self._walk().entries(prefix, after)
        except MissingNode as missing:
            raise self._gone() from missing

    def _gone(self) -> StateUnavailable:
        return StateUnavailable(
            f"the state of block {self.number} (0x{self.hash.hex()}) was pruned while it was read"
        )


MakeReader = Callable[[BlockStore, KeyValue, BlockRef, bytes], StateReader]


def _from(after: bytes | None) -> bytes | None:
    return None if after is None else STATE + after + b"\x00"


class StateStore:
    """States of the blocks in a `BlockStore`. Writing goes through a `Draft` of ChainStore."""

    def __init__(self, kv: KeyValue, blocks: BlockStore, window: int | None, cache: int) -> None:
        self._kv = kv
        self._blocks = blocks
        self.window = window
        """Number of finalized blocks before the last whose state is kept; None for an archive."""
        self.base = BlockRef(b"", -1)
        """The oldest canonical block whose state is kept."""
        self._extras: dict[bytes, int] = {}
        self._pins: dict[bytes, int] = {}
        self.make_reader: MakeReader | None = None
        """Makes the readers of a fork, whose state lies at another node in part."""
        self.cache = TrieCache(kv.get, cache)
        self.recent = RecentValues()
        """Values of the flat state that blocks used."""
        self._present = PresenceFilter()
        self._removed = 0

    def load(self) -> None:
        """Read the base and the counts from the store."""
        self.cache.clear()
        self.recent.clear()
        self._extras = {
            key[1:]: int.from_bytes(value, "big") for key, value in self._kv.iterate(EXTRA)
        }
        base = self._kv.get(META_BASE)
        if base is None:
            raise Corrupt("the database does not say which states it keeps")
        self.base = BlockRef(base, self._blocks.fields(base).number)
        self._present = PresenceFilter()
        if self.window is None:
            return
        for key, deaths in self._kv.iterate(DEATHS):
            self._present.note(_height(key), msgpack.unpackb(deaths))
        for key, journal in self._kv.iterate(JOURNAL):
            self._present.note(_height(key), msgpack.unpackb(journal)[1])

    # --- reading

    def has_state(self, hash: bytes) -> bool:
        """Return True if the state after this block is kept."""
        blocks = self._blocks
        if blocks.stateless:
            return False
        if hash in blocks.open:
            return True
        number = blocks.number(hash)
        if number is None or number < self.base.number:
            return False
        return self.window is None or blocks.is_canonical(hash)

    def reader(self, hash: bytes) -> StateReader:
        """Return the state after a block. Raises KeyError if unknown, StateUnavailable if gone."""
        blocks = self._blocks
        fields = blocks.fields(hash)
        if blocks.stateless:
            raise StateUnavailable(
                "this node is fetching the state of a late block: until that is done it has none"
            )
        if hash in blocks.open:
            ref = blocks.open[hash].ref
        elif hash == blocks.finalized.hash:  # its state is always kept
            ref = blocks.finalized
        elif self.has_state(hash):
            ref = BlockRef(hash, fields.number)
        else:
            kept = f"this node holds the states from block {self.base.number} on"
            if self.window is None:
                kept += ": it began with that one"
            else:
                kept += (
                    f" (--pruning {self.window}); a node with --pruning archive holds all of them"
                )
            raise StateUnavailable(
                f"the state of block {fields.number} (0x{hash.hex()}) is not kept: {kept}"
            )
        if self.make_reader is not None:
            return self.make_reader(blocks, self._kv, ref, fields.state_root)
        return StateReader(blocks, self._kv, ref, fields.state_root, self.recent)

    def stage(
        self,
        parent: bytes,
        changes: Mapping[bytes, bytes | None],
        version: int = 1,
        reads: Mapping[bytes, bytes | None] | None = None,
    ) -> Pending:
        """Return the state that results from these changes to the parent's; write nothing.

        `reads` (an overlay's `base_reads`) saves lookups of leaves; it need not be complete.

        Raises KeyError for an unknown parent, StateUnavailable for one whose state is not kept.
        """
        root = self.reader(parent).root
        trie = self.cache.trie(root)
        known = dict[bytes, bytes | None]() if reads is None else dict(reads)
        if reads is not None:
            changes = self._without_same(changes, known, is_flat=self._blocks.flat == parent)
        old, real = dict[bytes, Stored | None](), dict[bytes, bytes | None]()
        for key, held in trie.update(changes, version, known).items():
            value = changes[key]
            # Of a long value only a hash is held. It does not depend on what was known before, so
            # each node finds the same differences.
            if value is not None if held is None else held[1] or held[0] != value:
                old[key], real[key] = held, value
            elif reads is not None:  # written as it was: the next block need not find that again
                known[key] = value
        sealed = trie.seal()
        return Pending(parent, sealed.root, real, old, sealed, known)

    def _without_same(
        self,
        changes: Mapping[bytes, bytes | None],
        known: dict[bytes, bytes | None],
        *,
        is_flat: bool,
    ) -> dict[bytes, bytes | None]:
        """Return changes of a state without those that are known to change nothing.

        A block removes what is not there, and writes values as they were. Values that it did not
        read are often known from the block before: where that is its parent, they are added to
        `known`.
        """
        real = dict[bytes, bytes | None]()
        recent = self.recent
        young, old = (recent.young, recent.old) if is_flat else ({}, {})
        for key, value in changes.items():
            if key not in known:
                if key in young:
                    known[key] = young[key]
                elif key in old:
                    known[key] = old[key]
                else:
                    real[key] = value
                    continue
            # A long value that is written again may get another form: that of this state version.
            if known[key] != value or (value and len(value) >= HASHED_FROM):
                real[key] = value
        return real

    # --- writing

    def join(self, draft: Draft, ref: BlockRef, pending: Pending, *, final: bool) -> None:
        """Store the records of a block; `final` if it will never be undone."""
        inserted = pending.sealed.inserted
        if self.window is not None:
            retired = pending.sealed.retired
            again = {key for key in self._present.held(inserted) if draft.get(key) is not None}
            for record in again:
                self._count(draft, record, self._extras.get(record, 0) + 1)
            draft.changes.update(
                {key: raw for key, raw in inserted.items() if key not in again}
                if again
                else inserted
            )
            self._present.note(ref.number, inserted)
            self._present.note(ref.number, retired)
            draft.put(number_key(DEATHS, ref.number, ref.hash), msgpack.packb(list(retired)))
        else:
            draft.changes.update(inserted)
        if not final:
            journal = pending.journal(() if self.window is None else inserted)
            draft.put(number_key(JOURNAL, ref.number, ref.hash), journal)

    def extend(self, draft: Draft, pending: Pending) -> None:
        """Move the flat state from the best block to its staged child."""
        draft.changes.update({STATE + key: value for key, value in pending.changes.items()})
        self.recent.follow(pending.reads, pending.changes)

    def move(self, draft: Draft, route: Route) -> None:
        """Move the flat state along a route, by the journals of the blocks on it."""
        changes = self.differences(draft, route)
        draft.changes.update({STATE + key: value for key, value in changes.items()})
        self.recent.follow({}, changes)

    def differences(self, draft: Draft, route: Route) -> dict[bytes, bytes | None]:
        """Return the changes of the state along a route, by the journals of the blocks on it."""
        changes = dict[bytes, bytes | None]()
        for ref in route.retracted:
            for key, held, _ in self._journal(draft, ref)[0]:
                changes[key] = None if held is None else _resolve(draft, key, held)
        for ref in route.enacted:
            for key, _, value in self._journal(draft, ref)[0]:
                changes[key] = value
        return changes

    def discard(self, draft: Draft, ref: BlockRef) -> None:
        """Remove the records that a block inserted. Its children must have been discarded."""
        for record in self._journal(draft, ref)[1]:
            self._remove(draft, record)
        draft.put(number_key(JOURNAL, ref.number, ref.hash), None)
        draft.put(number_key(DEATHS, ref.number, ref.hash), None)

    def settle(self, draft: Draft, ref: BlockRef) -> None:
        """Remove the journal of a final block: it will not be undone."""
        draft.put(number_key(JOURNAL, ref.number, ref.hash), None)

    def advance(self, draft: Draft) -> None:
        """Move the base as far as window, pins and forks allow, by at most ADVANCE blocks."""
        if self.window is None:
            return
        limit = min(self._blocks.finalized.number - self.window, self.base.number + ADVANCE)
        limit = min(limit, self.lowest_pinned)
        # Pinned forks that finality discarded still depend on states below.
        for block in self._blocks.open.values():
            limit = min(limit, block.ref.number - 1)
        if limit <= self.base.number:
            return
        for number in range(self.base.number + 1, limit + 1):
            self._pass(draft, number)
        draft.put(META_BASE, self.base.hash)
        self._present.advance(self.base.number)

    def _pass(self, draft: Draft, number: int) -> None:
        """Move the base to the canonical block at `number`, the next one."""
        hash = draft.get(number_key(NUMBER, number))
        if hash is None:
            raise Corrupt(f"the canonical block {number} is missing")
        row = number_key(DEATHS, number, hash)
        deaths = draft.get_once(row)
        if deaths is None:
            raise Corrupt(f"the pruning journal of block {number} is missing")
        for record in msgpack.unpackb(deaths):
            self._remove(draft, record)
        draft.put(row, None)
        self.base = BlockRef(hash, number)

    def pin(self, hash: bytes) -> None:
        """Keep this block and its state until as many calls of `unpin`."""
        self._pins[hash] = self._pins.get(hash, 0) + 1

    def unpin(self, hash: bytes) -> None:
        """Remove one pin."""
        left = self._pins[hash] - 1
        if left:
            self._pins[hash] = left
        else:
            del self._pins[hash]

    def is_pinned(self, hash: bytes) -> bool:
        """Return True if this block is pinned."""
        return hash in self._pins

    @property
    def lowest_pinned(self) -> int:
        """Height of the lowest pinned block; without any, one above all blocks."""
        return min((self._blocks.number(hash) or 0 for hash in self._pins), default=1 << 64)

    # --- disk space

    @property
    def compaction_due(self) -> bool:
        """True if enough was removed that compaction frees a worthwhile amount."""
        return self._is_due(self._removed, NODE, VALUE) or self._are_bodies_due

    @property
    def _are_bodies_due(self) -> bool:
        return self._is_due(self._blocks.removed_bytes, BODY, BODY)

    def _is_due(self, removed: int, first: bytes, last: bytes) -> bool:
        if removed < COMPACT_FROM:
            return False
        return 4 * removed >= self._kv.approximate_size(first, last + b"\xff" * 8)

    def compact(self) -> None:
        """Return the space of removed records, journals and bodies to the system.

        It may take seconds. Bodies are compacted only if enough of them were removed.
        """
        columns = [NODE, VALUE, DEATHS, JOURNAL]
        if self._are_bodies_due:
            self._blocks.removed_bytes = 0
            columns.append(BODY)
        self._removed = 0
        for column in columns:
            self._kv.compact_range(column, end_of(column))

    # --- counting

    def _remove(self, draft: Draft, record: bytes) -> None:
        extra = self._extras.get(record, 0)
        if extra:
            self._count(draft, record, extra - 1)
        else:
            draft.put(record, None)
            self._removed += RECORD_BYTES

    def _count(self, draft: Draft, record: bytes, extra: int) -> None:
        if extra:
            self._extras[record] = extra
            draft.put(EXTRA + record, extra.to_bytes(4, "big"))
        else:
            del self._extras[record]
            draft.put(EXTRA + record, None)

    def _journal(
        self, draft: Draft, ref: BlockRef
    ) -> tuple[list[tuple[bytes, Stored | None, bytes | None]], list[bytes]]:
        raw = draft.get_once(number_key(JOURNAL, ref.number, ref.hash))
        if raw is None:
            raise Corrupt(f"the journal of block {ref.number} (0x{ref.hash.hex()}) is missing")
        changes, records = msgpack.unpackb(raw)
        return changes, records


def _height(key: bytes) -> int:
    return int.from_bytes(key[1:9], "big")


def _resolve(draft: Draft, key: bytes, held: Stored) -> bytes:
    value, hashed = held
    if not hashed:
        return value
    found = draft.get(value_key(key, value))
    if found is None:
        raise Corrupt(f"an earlier value of key 0x{key.hex()} is missing")
    return found
