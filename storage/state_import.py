"""Import of a state from other nodes: written range by range, the blocks below it later.

    importer = store.state_import
    importer.begin(header, note)        # removes the old state; none can be read
    importer.write(range)               # once per range, in their order
    importer.finish(proof)              # makes the block best, final and base
    importer.insert_history(blocks)     # downwards, to the previous chain

Each range is one batch, so a process that dies continues where it stopped: `progress` holds how far
the import is. A range has the flat entries and the trie records of its proof; all ranges together
are exactly the state: the old one is removed first, in pieces, under a mark that records it. `note`
is data of the owner (the next voters, ...), returned by `progress`.

Afterwards bodies and headers of the blocks in between are missing, and the body of the block
itself. `missing` has the highest of them, whose hash is known from the header above it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Final, NamedTuple

import msgpack

from btt_chain.lazyclass import dataclass
from storage.blocks import BlockRef, Proof, Route, encode_body, header_hash, read_header
from storage.columns import (
    BODY,
    DEATHS,
    EXTRA,
    HEADER,
    JOURNAL,
    META_BASE,
    META_HISTORY,
    META_IMPORT,
    NODE,
    NUMBER,
    STATE,
    VALUE,
    node_key,
    number_key,
)
from storage.kv import Corrupt, KeyValue, StorageError
from storage.trie.range_proof import VerifiedRange
from storage.trie.trie import EMPTY_ROOT
from storage.writer import ChainWriter

FALSE: Final = (
    "the fetched state is of a false chain. Remove it with purge-chain, and begin at a trusted "
    "block (docs/security.md)"
)

WIPED_AT_ONCE: Final = 50_000
"""Number of keys of the old state removed in one batch."""


class FalseHistory(StorageError, ValueError):
    """The blocks below a fetched state do not lead to the chain that was here before."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Progress of a state import."""

    header: bytes
    """SCALE header of the block after which the state is."""
    note: bytes
    wiped: bool
    """True if the old state is removed."""
    after: bytes | None
    """Last key written, None for none."""
    complete: bool
    entries: int

    def encode(self) -> bytes:
        """Return the value stored under META_IMPORT."""
        packed: bytes = msgpack.packb(
            [self.header, self.note, self.wiped, self.after, self.complete, self.entries]
        )
        return packed

    @classmethod
    def decode(cls, raw: bytes) -> Progress:
        """Decode what `encode` returned. Raises Corrupt."""
        try:
            return cls(*msgpack.unpackb(raw))
        except (ValueError, TypeError) as error:
            raise Corrupt(f"the mark of a state import cannot be read: {error}") from error


class Missing(NamedTuple):
    """The missing blocks: `highest`, and those below it down to above `floor`."""

    highest: BlockRef
    floor: int

    @property
    def left(self) -> int:
        """Number of missing blocks."""
        return self.highest.number - self.floor

    def encode(self) -> bytes:
        """Return the value stored under META_HISTORY."""
        packed: bytes = msgpack.packb([*self.highest, self.floor])
        return packed

    @classmethod
    def decode(cls, raw: bytes) -> Missing:
        """Decode what `encode` returned. Raises Corrupt."""
        try:
            hash, number, floor = msgpack.unpackb(raw)
        except (ValueError, TypeError) as error:
            raise Corrupt(f"the mark of missing blocks cannot be read: {error}") from error
        return cls(BlockRef(hash, number), floor)


class AncientBlock(NamedTuple):
    """A block below a fetched state."""

    header: bytes
    body: Sequence[bytes]
    justifications: Sequence[tuple[bytes, bytes]] = ()


class StateImport:
    """Writes a fetched state, and the blocks below it."""

    def __init__(self, kv: KeyValue, writer: ChainWriter) -> None:
        self._kv = kv
        self._writer = writer
        self._blocks = writer.blocks
        self._missing: Missing | None = None
        self._is_missing_read = False
        """True if `_missing` is what is stored; sync asks for it with every message."""

    @property
    def progress(self) -> Progress | None:
        """Progress of the state that is being fetched; None if there is none."""
        raw = self._kv.get(META_IMPORT)
        return None if raw is None else Progress.decode(raw)

    @property
    def missing(self) -> Missing | None:
        """The blocks below a fetched state that are missing; None if all are stored."""
        if not self._is_missing_read:
            raw = self._kv.get(META_HISTORY)
            self._missing = None if raw is None else Missing.decode(raw)
            self._is_missing_read = True
        return self._missing

    @property
    def lowest(self) -> int:
        """Height from which on each block of the best chain is stored, with a body that stays."""
        missing, lowest = self.missing, self._blocks.lasting_from
        return lowest if missing is None else max(missing.highest.number + 1, lowest)

    def resume(self) -> None:
        """Remove the rest of the old state if a process died while it removed it.

        Called whenever the store is loaded: what is in memory is read again.
        """
        self._is_missing_read = False
        begun = self.progress
        if begun is not None and not begun.wiped:
            self._wipe_state(begun)

    def begin(self, header: bytes, note: bytes = b"") -> None:
        """Start to write the state after the block of `header`; an unfinished import is dropped.

        All stored states are removed, and all blocks that are not final. Raises ValueError for a
        block that is not above the last final one, or while blocks below another are missing.
        """
        fields = read_header(header)
        if fields.number <= self._blocks.finalized.number:
            raise ValueError(f"block {fields.number} is not above the last final one")
        if self.missing is not None:
            raise ValueError("blocks below the state before are still missing")
        begun = Progress(header, note, wiped=False, after=None, complete=False, entries=0)
        blocks, writer = self._blocks, self._writer
        draft = writer.draft()
        if not blocks.stateless:
            writer.move(draft, blocks.finalized.hash)
        for block in sorted(blocks.open.values(), key=lambda block: -block.ref.number):
            blocks.close_block(draft, block.ref)
            blocks.delete(draft, block.ref)
        draft.put(META_BASE, blocks.finalized.hash)
        draft.put(META_IMPORT, begun.encode())
        writer.write(draft, sync=True)
        self._wipe_state(begun)
        writer.load()

    def write(self, found: VerifiedRange) -> Progress:
        """Write the next range of the state, verified by the caller; return the progress.

        Raises ValueError if no state is being fetched or it is complete, or if the range does not
        follow the previous one.
        """
        at = self.progress
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

    def finish(
        self, proof: Proof | None = None, aux: Mapping[bytes, bytes | None] | None = None
    ) -> BlockRef:
        """Make the block whose state was fetched the best, last final and base block.

        It is on the disk when this returns. Raises ValueError unless the state is complete.
        """
        at = self.progress
        if at is None or not at.complete:
            raise ValueError("no state was fetched")
        fields = read_header(at.header)
        ref = BlockRef(header_hash(at.header), fields.number)
        if (
            fields.state_root != EMPTY_ROOT
            and self._kv.get(node_key("", fields.state_root)) is None
        ):
            raise ValueError("the fetched state has not the root that its block names")
        blocks, writer = self._blocks, self._writer
        draft = writer.draft()
        draft.put_aux(aux)
        draft.put(META_HISTORY, Missing(ref, blocks.finalized.number).encode())
        draft.put(HEADER + ref.hash, at.header)
        if proof is not None:
            blocks.justify(draft, ref.hash, *proof)
        blocks.set_best(draft, Route([], [ref]), ref)
        blocks.set_finalized(draft, ref)
        draft.put(META_BASE, ref.hash)
        draft.put(META_IMPORT, None)
        writer.write(draft, sync=True)
        writer.load()  # which calls `resume`
        return ref

    def insert_history(self, ancient: Sequence[AncientBlock]) -> Missing | None:
        """Store missing blocks, highest first, in one batch; return what is still missing.

        Bodies below those that are kept are not stored.

        The first must be `missing.highest`, each other the parent of the one before. Raises
        ValueError if it is not, or if no blocks are missing; FalseHistory if a height is wrong or
        the lowest is not a child of our block at `missing.floor`.
        """
        missing = self.missing
        if missing is None:
            raise ValueError("no blocks are missing")
        writer = self._writer
        draft = writer.draft()
        for header, body, justifications in ancient:
            hash, number = missing.highest
            fields = read_header(header)
            if header_hash(header) != hash:
                raise ValueError(f"this is not the missing block {number} (0x{hash.hex()})")
            if fields.number != number:
                raise FalseHistory(f"block 0x{hash.hex()} should be number {number}: {FALSE}")
            draft.put(HEADER + hash, header)
            if number >= self._blocks.bodies_from:
                draft.put(BODY + hash, encode_body(body))
            draft.put(number_key(NUMBER, number), hash)
            for engine, proof in justifications:
                self._blocks.justify(draft, hash, engine, proof)
            missing = Missing(BlockRef(fields.parent, number - 1), missing.floor)
            if missing.left:
                continue
            if self._blocks.hash_at(missing.floor) != fields.parent:
                raise FalseHistory(
                    f"block {number} does not stand on our block {missing.floor}: {FALSE}"
                )
            break
        draft.put(META_HISTORY, missing.encode() if missing.left else None)
        writer.write(draft)
        self._is_missing_read = False
        return missing if missing.left else None

    def _wipe_state(self, begun: Progress) -> None:
        """Remove all states, in pieces; started again if it is interrupted."""
        for column in (STATE, NODE, VALUE, EXTRA, DEATHS, JOURNAL):
            while keys := list(islice(self._kv.keys(column), WIPED_AT_ONCE)):
                self._kv.write(dict.fromkeys(keys))
        self._kv.write({META_IMPORT: replace(begun, wiped=True).encode()})
