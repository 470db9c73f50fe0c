"""The chain's store: consistent blocks and states, one batch per block.

    store = ChainStore.open(path, pruning=256)          # None: archive; ChainStore(MemoryKV())
    if not store.has_genesis:
        store.insert_genesis(state, make_header)        # make_header(state_root) -> header bytes

    reader = store.state.reader(parent_hash)            # get, keys, entries, proof, root, overlay
    overlay = reader.overlay()                          # the runtime's State
    pending = store.stage(parent_hash, overlay.changes(), reads=overlay.base_reads)
    pending.root                                        # for the header
    store.commit_block(pending, header, body, make_best=True)
        -> Imported(block, retracted, enacted, discarded)
    store.commit_block(..., finalize=True)              # instant seal: final in the same batch
    store.set_best(hash) -> Route                       # fork choice selects another head
    store.finalize(hash, (engine_id, proof)) -> list of discarded blocks
    store.revert(n) -> removed blocks, newest first (never past the finalized one)

    store.blocks: header(hash) body(hash) justifications(hash) hash_at(number) number(hash)
                  children(hash) leaves() route(a, b) is_ancestor(a, b) canonical(start, stop)
                  best finalized genesis            # BlockRef(hash, number); genesis: hash
    store.state:  reader(hash) has_state(hash) pin(hash) unpin(hash)
    store.begin_state_import, write_state, finish_state_import, insert_history: state_import.py
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
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple, Self

from storage.blocks import BlockRef, BlockStore, Route, encode_body, header_hash, read_header
from storage.check import check_chain
from storage.columns import (
    AUX,
    BODY,
    DEATHS,
    EXTRA,
    HEADER,
    JOURNAL,
    META_BASE,
    META_GENESIS,
    META_HISTORY,
    META_IMPORT,
    META_PRUNING,
    META_VERSION,
    NODE,
    NUMBER,
    STATE,
    VALUE,
    VERSION,
    node_key,
    number_key,
)
from storage.draft import Draft
from storage.kv import KeyValue, StorageError
from storage.leveldb import GIB, LevelKV, open_database
from storage.state import Pending, StateStore
from storage.state_import import AncientBlock, Missing, Range, StateImport
from storage.trie.cache import TrieCache
from storage.trie.trie import EMPTY_ROOT

GENESIS_CHUNK: Final = 50_000
"""Number of keys of a genesis state written in one batch; the block itself is in a last one."""

WINDOW: Final = 256
"""Default number of finalized blocks whose state is kept."""

Proof = tuple[bytes, bytes]
"""Engine id (4 bytes) and justification."""


class Imported(NamedTuple):
    """Effect of the commit of a block on the heads."""

    block: BlockRef
    retracted: list[BlockRef]
    """Blocks that are no longer on the best chain, newest first."""
    enacted: list[BlockRef]
    """Blocks that are now on the best chain, oldest first; empty if the head did not move."""
    discarded: list[BlockRef]
    """Blocks discarded by its finality, highest first, as `ChainStore.finalize` returns them."""


class ChainStore:
    """Blocks and their states in one key-value store."""

    def __init__(
        self,
        kv: KeyValue,
        *,
        pruning: int | None = WINDOW,
        as_made: bool = False,
        resident_nodes: int = 16_384,
        background: bool = False,
    ) -> None:
        """Use an open store. `pruning` is the window in finalized blocks, None for an archive.

        `as_made`: an existing store keeps its mode (a window is then of WINDOW blocks).

        `resident_nodes` bounds the trie nodes kept in memory (about 1 KiB each); `background`
        compacts in a thread after pruning, otherwise the caller does (`state.compact`).
        """
        self._kv = kv
        if as_made:
            pruning = self._made(pruning)
        self._background = background
        self._compaction: threading.Thread | None = None
        self.note: str | None = kv.note if isinstance(kv, LevelKV) else None
        self.blocks = BlockStore(kv)
        self.state = StateStore(kv, self.blocks, pruning, resident_nodes)
        self._check_mode()
        self._load()

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        pruning: int | None = WINDOW,
        as_made: bool = False,
        create: bool = True,
        min_free: int = GIB,
        resident_nodes: int = 16_384,
    ) -> Self:
        """Open or create the database in a directory, checked (see leveldb.py and check.py)."""
        kv = open_database(path, check_chain, create=create, min_free=min_free)
        try:
            return cls(
                kv,
                pruning=pruning,
                as_made=as_made,
                resident_nodes=resident_nodes,
                background=True,
            )
        except BaseException:
            kv.close()
            raise

    def close(self) -> None:
        """Close the files; waits for a running compaction."""
        if self._compaction is not None:
            self._compaction.join()
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
        self._wipe()
        root = self._write_state(state, version)
        header = make_header(root)
        fields = read_header(header)
        if fields.state_root != root or fields.number != 0:
            raise ValueError("the header of block zero does not carry number 0 and the state root")
        draft = Draft(self._kv)
        ref = BlockRef(header_hash(header), 0)
        self._put_aux(draft, aux)
        blocks = self.blocks
        blocks.insert(draft, ref, header, body)
        blocks.close_block(draft, ref)
        blocks.set_best(draft, Route([], [ref]), ref)
        blocks.set_finalized(draft, ref)
        draft.put(META_GENESIS, ref.hash)
        draft.put(META_BASE, ref.hash)
        draft.put(META_PRUNING, self._mode())
        draft.put(META_VERSION, VERSION.to_bytes(4, "big"))
        self._write(draft, sync=True)
        self._load()
        return ref

    def _write_state(self, state: Mapping[bytes, bytes], version: int) -> bytes:
        """Write a state chunk by chunk, so that a large one needs little memory."""
        cache = TrieCache(self._kv.get)
        root = EMPTY_ROOT
        keys = iter(sorted(state))
        while chunk := list(islice(keys, GENESIS_CHUNK)):
            trie = cache.trie(root)
            batch: dict[bytes, bytes | None] = {}
            for key in chunk:
                trie.put(key, state[key], version)
                batch[STATE + key] = state[key]
            sealed = trie.seal()
            root = sealed.root
            batch.update(dict.fromkeys(sealed.retired))
            batch.update(sealed.inserted)
            self._kv.write(batch)
            cache.keep(trie, sealed)
        return root

    def _wipe(self) -> None:
        """Remove the remains of an interrupted genesis."""
        while keys := list(islice(self._kv.keys(start=b"\x01"), GENESIS_CHUNK)):
            self._kv.write(dict.fromkeys(keys))

    # --- import and finality

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

        draft = Draft(self._kv)
        extends = fields.parent == blocks.best.hash
        settled = finalize and extends and fields.parent == blocks.finalized.hash
        best = blocks.best.hash
        self._put_aux(draft, aux)
        blocks.insert(draft, ref, header, body)
        self.state.join(draft, ref, pending, final=settled)
        for engine, proof in justifications:
            blocks.justify(draft, ref.hash, engine, proof)
        route = Route([], [])
        if make_best or finalize:
            route = blocks.route(best, ref.hash)
            if extends:
                self.state.extend(draft, pending)
            else:
                self.state.move(draft, route)
            blocks.set_best(draft, route, ref)
        discarded = self._finalize(draft, ref) if finalize else []
        self._write(draft, sync=sync)
        self.state.cache.keep(pending.trie, pending.sealed)
        self._give_back()
        return Imported(ref, route.retracted, route.enacted, discarded)

    def set_best(self, hash: bytes) -> Route:
        """Make another open block, or the last finalized one, the head. Raises ValueError."""
        if not self.blocks.extends_finalized(hash):
            raise ValueError("the head must be the last finalized block or descend from it")
        draft = Draft(self._kv)
        route = self._move(draft, hash)
        self._write(draft)
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
        draft = Draft(self._kv)
        self._put_aux(draft, aux)
        if proof is not None:
            blocks.justify(draft, hash, *proof)
        discarded: list[BlockRef] = []
        if hash != blocks.finalized.hash:
            if not blocks.is_ancestor(hash, blocks.best.hash):
                self._move(draft, hash)
            discarded = self._finalize(draft, blocks.open[hash].ref)
        self._write(draft, sync=True)
        self._give_back()
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
        draft = Draft(self._kv)
        self._move(draft, blocks.fields(gone[-1].hash).parent)
        doomed = {ref.hash for ref in gone}
        for block in sorted(blocks.open.values(), key=lambda block: block.ref.number):
            if block.parent in doomed:
                doomed.add(block.ref.hash)
        for ref in sorted((blocks.open[hash].ref for hash in doomed), key=lambda r: -r.number):
            self._discard(draft, ref)
            blocks.delete(draft, ref)
        self._write(draft, sync=True)
        return gone

    # --- fetched states: state_import.py

    @property
    def state_import(self) -> StateImport | None:
        """The state that is being fetched, with its progress; None if there is none."""
        raw = self._kv.get(META_IMPORT)
        return None if raw is None else StateImport.decode(raw)

    @property
    def missing(self) -> Missing | None:
        """The blocks below a fetched state that are missing; None if all are stored."""
        raw = self._kv.get(META_HISTORY)
        return None if raw is None else Missing.decode(raw)

    @property
    def lowest(self) -> int:
        """Height from which on each block of the best chain is stored."""
        missing = self.missing
        return 0 if missing is None else missing.highest.number + 1

    def begin_state_import(self, header: bytes, note: bytes = b"") -> None:
        """Start to write the state after the block of `header`; an unfinished import is dropped.

        All stored states are removed, and all blocks that are not final. Raises ValueError for a
        block that is not above the last final one, or while blocks below another are missing.
        """
        fields = read_header(header)
        if fields.number <= self.blocks.finalized.number:
            raise ValueError(f"block {fields.number} is not above the last final one")
        if self.missing is not None:
            raise ValueError("blocks below the state before are still missing")
        begun = StateImport(header, note, wiped=False, after=None, complete=False, entries=0)
        blocks = self.blocks
        draft = Draft(self._kv)
        if not blocks.stateless:
            self._move(draft, blocks.finalized.hash)
        for block in sorted(blocks.open.values(), key=lambda block: -block.ref.number):
            blocks.close_block(draft, block.ref)
            blocks.delete(draft, block.ref)
        draft.put(META_BASE, blocks.finalized.hash)
        draft.put(META_IMPORT, begun.encode())
        self._write(draft, sync=True)
        self._wipe_state(begun)
        self._load()

    def _wipe_state(self, begun: StateImport) -> None:
        """Remove all states, in pieces; started again if it is interrupted."""
        for column in (STATE, NODE, VALUE, EXTRA, DEATHS, JOURNAL):
            while keys := list(islice(self._kv.keys(column), GENESIS_CHUNK)):
                self._kv.write(dict.fromkeys(keys))
        self._kv.write({META_IMPORT: replace(begun, wiped=True).encode()})

    def write_state(self, found: Range) -> StateImport:
        """Write the next range of the state, verified by the caller; return the progress.

        Raises ValueError if no state is being fetched or it is complete, or if the range does not
        follow the previous one.
        """
        at = self.state_import
        if at is None or at.complete:
            raise ValueError("no state is being fetched")
        if at.after is not None and found.entries and found.entries[0][0] <= at.after:
            raise ValueError("the range does not follow the one before")
        batch: dict[bytes, bytes | None] = {STATE + key: value for key, value in found.entries}
        batch.update(found.records)
        after = at.after if found.last is None else found.last
        entries = at.entries + len(found.entries)
        now = replace(at, after=after, complete=found.last is None, entries=entries)
        batch[META_IMPORT] = now.encode()
        self._kv.write(batch)
        return now

    def finish_state_import(
        self, proof: Proof | None = None, aux: Mapping[bytes, bytes | None] | None = None
    ) -> BlockRef:
        """Make the block whose state was fetched the best, last final and base block.

        It is on the disk when this returns. Raises ValueError unless the state is complete.
        """
        at = self.state_import
        if at is None or not at.complete:
            raise ValueError("no state was fetched")
        fields = read_header(at.header)
        ref = BlockRef(header_hash(at.header), fields.number)
        if (
            fields.state_root != EMPTY_ROOT
            and self._kv.get(node_key("", fields.state_root)) is None
        ):
            raise ValueError("the fetched state has not the root that its block names")
        blocks = self.blocks
        draft = Draft(self._kv)
        self._put_aux(draft, aux)
        draft.put(META_HISTORY, Missing(ref, blocks.finalized.number).encode())
        draft.put(HEADER + ref.hash, at.header)
        if proof is not None:
            blocks.justify(draft, ref.hash, *proof)
        blocks.set_best(draft, Route([], [ref]), ref)
        blocks.set_finalized(draft, ref)
        draft.put(META_BASE, ref.hash)
        draft.put(META_IMPORT, None)
        self._write(draft, sync=True)
        self._load()
        return ref

    def insert_history(self, ancient: Sequence[AncientBlock]) -> Missing | None:
        """Store missing blocks, highest first, in one batch; return what is still missing.

        The first must be `missing.highest`, each other the parent of the one before. Raises
        ValueError, also if the lowest is not a child of our block at `missing.floor`.
        """
        missing = self.missing
        if missing is None:
            raise ValueError("no blocks are missing")
        draft = Draft(self._kv)
        for header, body, justifications in ancient:
            hash, number = missing.highest
            fields = read_header(header)
            if header_hash(header) != hash or fields.number != number:
                raise ValueError(f"this is not the missing block {number} (0x{hash.hex()})")
            draft.put(HEADER + hash, header)
            draft.put(BODY + hash, encode_body(body))
            draft.put(number_key(NUMBER, number), hash)
            for engine, proof in justifications:
                self.blocks.justify(draft, hash, engine, proof)
            missing = Missing(BlockRef(fields.parent, number - 1), missing.floor)
            if missing.left:
                continue
            if self.blocks.hash_at(missing.floor) != fields.parent:
                raise ValueError(f"block {number} does not stand on our block {missing.floor}")
            break
        draft.put(META_HISTORY, missing.encode() if missing.left else None)
        self._write(draft)
        return missing if missing.left else None

    def justify(self, hash: bytes, proof: Proof) -> None:
        """Store a justification for a known block."""
        if self.blocks.header(hash) is None:
            raise ValueError(f"block 0x{hash.hex()} is not known")
        draft = Draft(self._kv)
        self.blocks.justify(draft, hash, *proof)
        self._write(draft, sync=True)

    # --- data of other modules

    def aux_get(self, key: bytes) -> bytes | None:
        """Return the value that another module stored."""
        return self._kv.get(AUX + key)

    def aux_put(self, changes: Mapping[bytes, bytes | None], *, sync: bool = False) -> None:
        """Store values outside a block; None removes."""
        draft = Draft(self._kv)
        self._put_aux(draft, changes)
        self._write(draft, sync=sync)

    # --- internals

    @staticmethod
    def _put_aux(draft: Draft, aux: Mapping[bytes, bytes | None] | None) -> None:
        for key, value in (aux or {}).items():
            draft.put(AUX + key, value)

    def _move(self, draft: Draft, hash: bytes) -> Route:
        blocks = self.blocks
        route = blocks.route(blocks.best.hash, hash)
        self.state.move(draft, route)
        blocks.set_best(draft, route, BlockRef(hash, blocks.fields(hash).number))
        return route

    def _finalize(self, draft: Draft, ref: BlockRef) -> list[BlockRef]:
        blocks, state = self.blocks, self.state
        path = blocks.route(blocks.finalized.hash, ref.hash).enacted
        cut_off = self._cut_off(path)
        blocks.set_finalized(draft, ref)
        for final in path:
            state.settle(draft, final)
            blocks.close_block(draft, final)
        for block in sorted(blocks.open.values(), key=lambda block: -block.ref.number):
            hash = block.ref.hash
            if block.children or blocks.extends_finalized(hash):
                continue
            if state.window is not None and state.is_pinned(hash):
                continue
            self._discard(draft, block.ref)
            if state.window is not None:
                blocks.delete(draft, block.ref)
        state.advance(draft)
        return cut_off

    def _cut_off(self, path: Sequence[BlockRef]) -> list[BlockRef]:
        """Return the blocks discarded when those on `path` become final, highest first.

        All descend from the last finalized block: pinned forks of before are not included.
        """
        final = {ref.hash for ref in path}
        before, after = {self.blocks.finalized.hash}, {path[-1].hash}
        dead: list[BlockRef] = []
        for block in sorted(self.blocks.open.values(), key=lambda block: block.ref.number):
            hash = block.ref.hash
            if block.parent not in before:
                continue
            before.add(hash)
            if block.parent in after:
                after.add(hash)
            elif hash not in final:
                dead.append(block.ref)
        return sorted(dead, key=lambda ref: -ref.number)

    def _discard(self, draft: Draft, ref: BlockRef) -> None:
        self.state.discard(draft, ref)
        self.blocks.close_block(draft, ref)

    def _write(self, draft: Draft, *, sync: bool = False) -> None:
        try:
            self._kv.write(draft.changes, sync=sync)
        except StorageError:
            # Memory is ahead of the store now; the stored data are valid.
            self._load()
            raise

    def _load(self) -> None:
        begun = self.state_import
        if begun is not None and not begun.wiped:
            self._wipe_state(begun)
        self.blocks.load()
        if self.has_genesis:
            self.state.load()

    def _made(self, pruning: int | None) -> int | None:
        """Return the mode that this store was made with; `pruning` if new or of that kind."""
        made = self._kv.get(META_PRUNING)
        if made == b"archive":
            return None
        return WINDOW if made == b"window" and pruning is None else pruning

    def _mode(self) -> bytes:
        return b"archive" if self.state.window is None else b"window"

    def _check_mode(self) -> None:
        made = self._kv.get(META_PRUNING)
        if made is not None and made != self._mode():
            kind, flag = ("an archive", "archive") if made == b"archive" else ("a window", "N")
            raise StorageError(
                f"this database was made as {kind} and cannot be used otherwise: start with "
                f"--pruning {flag}, or purge the chain and sync again"
            )

    def _give_back(self) -> None:
        if not self._background or not self.state.compaction_due:
            return
        if self._compaction is not None and self._compaction.is_alive():
            return
        self._compaction = threading.Thread(target=self._compact, name="compaction")
        self._compaction.start()

    def _compact(self) -> None:
        try:
            self.state.compact()
        except StorageError:
            return  # the store has noted it: the next write is refused, with the reason
