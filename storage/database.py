"""The chain's store: consistent blocks and states, one batch per block.

    store = ChainStore.open(path, pruning=256)          # None: archive; ChainStore(MemoryKV())
    ChainStore.open(path, retention=BlockRetention(1_000))  # bodies of 1,000 final blocks
    if not store.has_genesis:
        store.insert_genesis(state, make_header)        # make_header(state_root) -> header bytes

    reader = store.state.reader(parent_hash)            # get, keys, entries, proof, root, overlay
    overlay = reader.overlay()                          # the runtime's State
    store.parent_state(parent_hash)                     # the same, faster for a block's execution
    pending = store.stage(parent_hash, overlay.changes(), reads=overlay.base_reads)
    pending.root                                        # for the header
    store.commit_block(pending, header, body, make_best=True)
        -> Imported(block, retracted, enacted, discarded)
    store.commit_block(..., finalize=True)              # instant seal: final in the same batch
    store.set_best(hash) -> Route                       # fork choice selects another head
    store.jump(hash) -> Route                           # any kept block, past finality: development
    store.finalize(hash, (engine_id, proof)) -> list of discarded blocks
    store.revert(n) -> removed blocks, newest first (never past the finalized one)

    store.blocks: header(hash) body(hash) justifications(hash) hash_at(number) number(hash)
                  children(hash) leaves() route(a, b) is_ancestor(a, b) canonical(start, stop)
                  best finalized genesis            # BlockRef(hash, number); genesis: hash
    store.state:  reader(hash) has_state(hash) pin(hash) unpin(hash)
    store.state_import: begin write finish insert_history progress missing lowest
    store.aux_get(key)  store.aux_put({key: value | None}, sync=False)
    store.note     # repairs made when opening, for the log
    store.close()

Headers are SCALE bytes, hashes their blake2-256, bodies lists of opaque extrinsics.

Every change of the heads is one batch, so a process that dies at any point leaves the chain before
or after it. `finalize` returns once the batch is on the disk; an import need not, because it can be
synced again. If a write fails, the memory is loaded again from the store, and the error is raised:
after DiskFull, StorageFailed and Corrupt the node must be stopped.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple, Self

from storage.blocks import BlockRef, BlockStore, Proof, Route, encode_body, header_hash, read_header
from storage.check import check_chain
from storage.columns import (
    AUX,
    BODY,
    HEADER,
    META_BASE,
    META_BEST,
    META_FINALIZED,
    META_FORK,
    META_GENESIS,
    META_HISTORY,
    META_PRUNING,
    META_VERSION,
    NUMBER,
    STATE,
    VERSION,
    number_key,
)
from storage.fork import Beneath, ForkReader, local
from storage.journal_reader import reader_by_journals
from storage.kv import KeyValue, StorageError
from storage.leveldb import GIB, LevelKV, open_database
from storage.retention import WINDOW, BlockRetention, check_mode, mode_of, window_of
from storage.state import Pending, StateReader, StateStore
from storage.state_import import Missing, StateImport
from storage.trie.node import hash_256
from storage.trie.trie import EMPTY_ROOT, Trie
from storage.writer import ChainWriter

RESIDENT_NODES: Final = 16_384
"""Maximum number of trie nodes kept in memory, about 1 KiB each."""


GENESIS_CHUNK: Final = 50_000
"""Number of keys of a genesis state written in one batch; the block itself is in a last one."""


class Imported(NamedTuple):
    """Effect of the commit of a block on the heads."""

    block: BlockRef
    retracted: list[BlockRef]
    """Blocks that are no longer on the best chain, newest first."""
    enacted: list[BlockRef]
    """Blocks that are now on the best chain, oldest first; empty if the head did not move."""
    discarded: list[BlockRef]
    """Blocks discarded by its finality, highest first, as `ChainStore.finalize` returns them."""


class Compaction:
    """A thread that returns the space of removed trie records to the system; at most one runs."""

    def __init__(self, state: StateStore) -> None:
        self._state = state
        self._thread: threading.Thread | None = None

    def start_if_due(self) -> None:
        """Compact unless it is not worth its time yet, or already running."""
        if not self._state.compaction_due:
            return
        if self._thread is not None and self._thread.is_alive():
            return
        self._thread = threading.Thread(target=self._compact, name="compaction")
        self._thread.start()

    def wait(self) -> None:
        """Wait for a running compaction."""
        if self._thread is not None:
            self._thread.join()

    def _compact(self) -> None:
        try:
            self._state.compact()
        except StorageError:
            return  # the store has noted it: the next write is refused, with the reason


def differences(kv: KeyValue, root: bytes) -> Iterator[tuple[bytes, bytes | None]]:
    """Yield the keys at which the flat state differs from the state of `root`, with its values.

    None for a key that the state of `root` does not have. Final blocks have no journals, so a jump
    to one compares key by key, and writes the differences. Raises MissingNode if the state is not
    kept.
    """
    trie = Trie(kv.get, root)
    flat = ((row[len(STATE) :], value) for row, value in kv.iterate(STATE))
    wanted = trie.entries()
    have, want = next(flat, None), next(wanted, None)
    while have is not None or want is not None:
        if want is None or (have is not None and have[0] < want[0]):
            if have is not None:
                yield have[0], None
            have = next(flat, None)
            continue
        key, stored = want
        if have is None or have[0] > key:
            yield key, trie.resolve(key, stored)
        else:
            content, is_hashed = stored
            if content != (hash_256(have[1]) if is_hashed else have[1]):
                yield key, trie.resolve(key, stored)
            have = next(flat, None)
        want = next(wanted, None)


class ChainStore:
    """Blocks and their states in one key-value store."""

    def __init__(
        self,
        kv: KeyValue,
        *,
        pruning: int | None = WINDOW,
        retention: BlockRetention | None = None,
        as_made: bool = False,
        background: bool = False,
    ) -> None:
        """Use an open store. `pruning` is the window in finalized blocks, None for an archive.

        `retention` is that of blocks; by default all bodies are kept, and those of forks by an
        archive. `as_made`: an existing store keeps its mode (a window is then of WINDOW blocks).
        `background` compacts in a thread after pruning, else the caller does (`state.compact`).
        """
        self._kv = kv
        if as_made:
            pruning = window_of(kv, pruning)
        self.note: str | None = kv.note if isinstance(kv, LevelKV) else None
        self.blocks = BlockStore(kv, retention or BlockRetention(forks=pruning is None))
        self.state = StateStore(kv, self.blocks, pruning, RESIDENT_NODES)
        self._writer = ChainWriter(kv, self.blocks, self.state, self._load)
        self.state_import = StateImport(kv, self._writer)
        self._compaction = Compaction(self.state) if background else None
        check_mode(kv, pruning)
        self._load()

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        pruning: int | None = WINDOW,
        retention: BlockRetention | None = None,
        as_made: bool = False,
        create: bool = True,
        min_free: int = GIB,
    ) -> Self:
        """Open or create the database in a directory, checked (see leveldb.py and check.py)."""
        kv = open_database(path, check_chain, create=create, min_free=min_free)
        try:
            return cls(kv, pruning=pruning, retention=retention, as_made=as_made, background=True)
        except BaseException:
            kv.close()
            raise

    def close(self) -> None:
        """Close the files; waits for a running compaction."""
        if self._compaction is not None:
            self._compaction.wait()
        self._kv.close()

    # --- genesis

    @property
    def has_genesis(self) -> bool:
        """True if there is a chain in this database."""
        return self.blocks.genesis is not None

    def insert_genesis(
        self,
        state: Mapping[bytes, bytes],
        make_header: Callable[[bytes], bytes],
        body: Sequence[bytes] = (),
        version: int = 1,
        aux: Mapping[bytes, bytes | None] | None = None,
    ) -> BlockRef:
        """Write block zero. `make_header` gets the state root. Raises ValueError if there is one.

        The state is written in chunks and the heads at the end, so that an interrupted genesis does
        not count, and is started again.
        """
        if self.has_genesis:
            raise ValueError("the database holds a chain already")
        wipe_genesis(self._kv)
        root = write_genesis_state(self._kv, state, version)
        header = make_header(root)
        fields = read_header(header)
        if fields.state_root != root or fields.number != 0:
            raise ValueError("the header of block zero does not carry number 0 and the state root")
        draft = self._writer.draft()
        ref = BlockRef(header_hash(header), 0)
        draft.put_aux(aux)
        blocks = self.blocks
        blocks.insert(draft, ref, header, fields, body)
        blocks.close_block(draft, ref)
        blocks.set_best(draft, Route([], [ref]), ref)
        blocks.set_finalized(draft, ref)
        draft.put(META_GENESIS, ref.hash)
        draft.put(META_BASE, ref.hash)
        draft.put(META_PRUNING, mode_of(self.state.window))
        draft.put(META_VERSION, VERSION.to_bytes(4, "big"))
        self._writer.write(draft, sync=True)
        self._load()
        return ref

    def insert_fork(
        self,
        genesis: bytes,
        header: bytes,
        body: Sequence[bytes],
        changes: Mapping[bytes, bytes | None],
        aux: Mapping[bytes, bytes | None] | None = None,
    ) -> BlockRef:
        """Begin a fork of another node's chain at the block of `header`, with first `changes`.

        `genesis` is the hash of that chain's block zero. The blocks before are not stored. Raises
        ValueError if there is a chain already.
        """
        if self.has_genesis:
            raise ValueError("the database holds a chain already")
        wipe_genesis(self._kv)
        first = {key: value for key, value in local(changes).items() if value is not None}
        root = write_genesis_state(self._kv, first, 1)
        fields = read_header(header)
        ref = BlockRef(header_hash(header), fields.number)
        draft = self._writer.draft()
        draft.put_aux(aux)
        draft.put(HEADER + ref.hash, header)
        draft.put(BODY + ref.hash, encode_body(body))
        draft.put(number_key(NUMBER, 0), genesis)
        draft.put(number_key(NUMBER, ref.number), ref.hash)
        if ref.number:
            missing = Missing(BlockRef(fields.parent, ref.number - 1), 0)
            draft.put(META_HISTORY, missing.encode())
        for row in (META_BEST, META_FINALIZED, META_BASE):
            draft.put(row, ref.hash)
        draft.put(META_FORK, ref.hash + root)
        draft.put(META_GENESIS, genesis)
        draft.put(META_PRUNING, mode_of(None))
        draft.put(META_VERSION, VERSION.to_bytes(4, "big"))
        self._writer.write(draft, sync=True)
        self._load()
        return ref

    def read_beneath(self, beneath: Beneath) -> None:
        """Read from `beneath` what a fork did not change."""

        def make(blocks: BlockStore, kv: KeyValue, ref: BlockRef, root: bytes) -> StateReader:
            return ForkReader(blocks, kv, ref, root, beneath)

        self.state.make_reader = make

    # --- import and finality

    def parent_state(self, hash: bytes) -> StateReader:
        """Return the state after a block, to execute its children. Raises as `state.reader`."""
        return reader_by_journals(self._kv, self.blocks, self.state, hash)

    def stage(
        self,
        parent: bytes,
        changes: Mapping[bytes, bytes | None],
        version: int = 1,
        reads: Mapping[bytes, bytes | None] | None = None,
    ) -> Pending:
        """Return the state after `changes` to the parent's, with its root; write nothing.

        The parent may be any block whose state is kept. `version` is the state version, `reads` the
        values read of the parent's state (`overlay.base_reads`): a third of the time is saved.
        """
        if self.blocks.fork is not None:
            # The values that were read are not those of the trie, which has changes only.
            return self.state.stage(parent, local(changes), version)
        return self.state.stage(parent, changes, version, reads)

    def commit_block(
        self,
        pending: Pending,
        header: bytes,
        body: Sequence[bytes],
        *,
        make_best: bool = True,
        finalize: bool = False,
        justifications: Sequence[Proof] = (),
        aux: Mapping[bytes, bytes | None] | None = None,
        sync: bool = False,
    ) -> Imported:
        """Store a block with its staged state, in one batch.

        `finalize` makes it best and final at once; `sync` waits for the disk. Raises ValueError if
        the header does not match the staged state or the parent's height, if the block is stored
        already, or if it would fork off below the last finalized block.
        """
        fields = read_header(header)
        ref = BlockRef(header_hash(header), fields.number)
        blocks = self.blocks
        if fields.parent != pending.parent or fields.state_root != pending.root:
            raise ValueError(
                f"the header of block {ref.number} does not match the staged state: root "
                f"{fields.state_root.hex()} ≠ {pending.root.hex()}, or another parent"
            )
        if fields.number != blocks.fields(fields.parent).number + 1:
            raise ValueError(f"block {ref.number} does not follow its parent's height")
        if blocks.header(ref.hash) is not None:
            raise ValueError(f"block {ref.number} (0x{ref.hash.hex()}) is stored already")
        if not blocks.extends_finalized(fields.parent):
            raise ValueError(f"block {ref.number} forks off below the last finalized block")

        draft = self._writer.draft()
        extends = fields.parent == blocks.best.hash
        settled = finalize and extends and fields.parent == blocks.finalized.hash
        draft.put_aux(aux)
        blocks.insert(draft, ref, header, fields, body)
        self.state.join(draft, ref, pending, final=settled)
        for engine, proof in justifications:
            blocks.justify(draft, ref.hash, engine, proof)
        if not (make_best or finalize):
            route = Route([], [])
        elif extends:
            route = Route([], [ref])
            self.state.extend(draft, pending)
            blocks.set_best(draft, route, ref)
        else:
            route = self._writer.move(draft, ref.hash)
        discarded = self._writer.finalize(draft, ref) if finalize else []
        self._writer.write(draft, sync=sync)
        self.state.cache.keep(pending.sealed)
        self._compact()
        return Imported(ref, route.retracted, route.enacted, discarded)

    def set_best(self, hash: bytes) -> Route:
        """Make another open block, or the last finalized one, the head. Raises ValueError."""
        if not self.blocks.extends_finalized(hash):
            raise ValueError("the head must be the last finalized block or descend from it")
        draft = self._writer.draft()
        route = self._writer.move(draft, hash)
        self._writer.write(draft)
        return route

    def finalize(
        self,
        hash: bytes,
        proof: Proof | None = None,
        aux: Mapping[bytes, bytes | None] | None = None,
    ) -> list[BlockRef]:
        """Make a block and its ancestors final, and discard the forks that conflict with it.

        If the head is on such a fork, the block becomes the head. Returns once it is on the disk,
        with the discarded blocks, highest first. Pinned ones are among them, though they are
        deleted only by the first finality after their last unpin; then they are not returned again.
        A proof for the last finalized block is stored, too. Raises ValueError if the block does not
        descend from that one.
        """
        blocks = self.blocks
        if not blocks.extends_finalized(hash):
            raise ValueError("only a descendant of the last finalized block can become final")
        draft = self._writer.draft()
        draft.put_aux(aux)
        if proof is not None:
            blocks.justify(draft, hash, *proof)
        discarded: list[BlockRef] = []
        if hash != blocks.finalized.hash:
            if not blocks.is_ancestor(hash, blocks.best.hash):
                self._writer.move(draft, hash)
            discarded = self._writer.finalize(draft, blocks.open[hash].ref)
        self._writer.write(draft, sync=True)
        self._compact()
        return discarded

    def revert(self, count: int) -> list[BlockRef]:
        """Remove the best `count` blocks and all their descendants, but no finalized ones."""
        blocks = self.blocks
        best = blocks.best
        target = max(best.number - count, blocks.finalized.number)
        chain = blocks.route(best.hash, blocks.finalized.hash).retracted
        gone = [ref for ref in chain if ref.number > target]
        if not gone:
            return []
        draft = self._writer.draft()
        self._writer.move(draft, blocks.fields(gone[-1].hash).parent)
        doomed = {ref.hash for ref in gone}
        for block in sorted(blocks.open.values(), key=lambda block: block.ref.number):
            if block.parent in doomed:
                doomed.add(block.ref.hash)
        for ref in sorted((blocks.open[hash].ref for hash in doomed), key=lambda r: -r.number):
            self._writer.discard(draft, ref)
            blocks.delete(draft, ref)
        self._writer.write(draft, sync=True)
        return gone

    def jump(self, hash: bytes, aux: Mapping[bytes, bytes | None] | None = None) -> Route:
        """Make any block whose state is kept the head and the last finalized block.

        Final blocks may be left. All blocks that are left stay readable by hash, with their states,
        but are no longer in the tree. `aux` is stored in the same batch. Returns once it is on the
        disk. Only for archives, because pruning relies on finality: ValueError for others; KeyError
        for an unknown block, StateUnavailable for one below the oldest kept state.
        """
        if self.state.window is not None:
            raise ValueError("only an archive of all states can leave final blocks")
        blocks = self.blocks
        target = self.state.reader(hash)
        route = blocks.route(blocks.best.hash, hash)
        draft = self._writer.draft()
        draft.put_aux(aux)
        self.state.recent.clear()
        for key, value in differences(self._kv, target.root):
            draft.put(STATE + key, value)
        for block in sorted(blocks.open.values(), key=lambda block: -block.ref.number):
            self.state.settle(draft, block.ref)
            blocks.close_block(draft, block.ref)
        ref = BlockRef(hash, target.number)
        blocks.set_best(draft, route, ref)
        blocks.set_finalized(draft, ref)
        blocks.leave_final(draft, ref)
        self._writer.write(draft, sync=True)
        return route

    def justify(self, hash: bytes, proof: Proof) -> None:
        """Store a justification for a known block."""
        if self.blocks.header(hash) is None:
            raise ValueError(f"block 0x{hash.hex()} is not known")
        draft = self._writer.draft()
        self.blocks.justify(draft, hash, *proof)
        self._writer.write(draft, sync=True)

    # --- data of other modules

    def aux_get(self, key: bytes) -> bytes | None:
        """Return the value that another module stored."""
        return self._kv.get(AUX + key)

    def aux_rows(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Yield the stored values whose keys have a prefix, with their keys, ascending."""
        skip = len(AUX)
        return ((key[skip:], value) for key, value in self._kv.iterate(AUX + prefix))

    def aux_put(self, changes: Mapping[bytes, bytes | None], *, sync: bool = False) -> None:
        """Store values outside a block; None removes."""
        draft = self._writer.draft()
        draft.put_aux(changes)
        self._writer.write(draft, sync=sync)

    # --- internals

    def _load(self) -> None:
        self.state_import.resume()
        self.blocks.load()
        if self.has_genesis:
            self.state.load()

    def _compact(self) -> None:
        if self._compaction is not None:
            self._compaction.start_if_due()


def write_genesis_state(kv: KeyValue, state: Mapping[bytes, bytes], version: int) -> bytes:
    """Write a state chunk by chunk, so that a large one needs little memory; return its root."""
    root = EMPTY_ROOT
    keys = iter(sorted(state))
    while chunk := list(islice(keys, GENESIS_CHUNK)):
        trie = Trie(kv.get, root)
        batch: dict[bytes, bytes | None] = {}
        for key in chunk:
            trie.put(key, state[key], version)
            batch[STATE + key] = state[key]
        sealed = trie.seal()
        root = sealed.root
        batch.update(dict.fromkeys(sealed.retired))
        batch.update(sealed.inserted)
        kv.write(batch)
    return root


def wipe_genesis(kv: KeyValue) -> None:
    """Remove the remains of an interrupted genesis."""
    while keys := list(islice(kv.keys(start=b"\x01"), GENESIS_CHUNK)):
        kv.write(dict.fromkeys(keys))
