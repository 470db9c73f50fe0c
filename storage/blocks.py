"""Headers, bodies, justifications, heights; and the tree of blocks that are not final yet.

The store reads three fields of a header and nothing else of a block. Final blocks form one chain,
found by height; the others form a small tree, also kept in memory, whose root is the last finalized
block.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple

from btt_chain.lazyclass import dataclass
from storage.columns import (
    BODY,
    HEADER,
    JUSTIFICATION,
    META_BEST,
    META_BODIES,
    META_FINALIZED,
    META_FORK,
    META_GENESIS,
    META_IMPORT,
    NUMBER,
    OPEN_BLOCK,
    number_key,
)
from storage.draft import Draft
from storage.kv import Corrupt, KeyValue
from storage.retention import BlockRetention
from storage.trie.node import NodeError, compact, hash_256, read_compact

Proof = tuple[bytes, bytes]
"""Engine id (4 bytes) and justification."""


class BlockRef(NamedTuple):
    """A block, by hash and height."""

    hash: bytes
    number: int


class HeaderFields(NamedTuple):
    """The fields of a header that storage reads."""

    parent: bytes
    number: int
    state_root: bytes


PRUNED_BLOCKS: Final = 256
"""Maximum number of bodies removed in one batch; the rest follows later."""
LASTING: Final = 64
"""Maximum number of blocks at the end of the window that are not offered to peers."""
PRUNED_BYTES: Final = 16 << 20
"""Bytes of bodies after which a batch removes no more."""

_NO_BLOCK: Final[tuple[bytes | None, bytes, HeaderFields]] = None, b"", HeaderFields(b"", -1, b"")


class Route(NamedTuple):
    """The path from one block to another: blocks left, newest first, and entered, oldest first."""

    retracted: list[BlockRef]
    enacted: list[BlockRef]


@dataclass(slots=True)
class OpenBlock:
    """A block that is not final."""

    ref: BlockRef
    parent: bytes
    fields: HeaderFields
    children: list[bytes]
    header: bytes


def read_header(raw: bytes) -> HeaderFields:
    """Return parent, height and state root of a SCALE header. Raises ValueError."""
    number, at = _read_number(raw)
    return HeaderFields(raw[:32], number, raw[at : at + 32])


def fork_of(get: Callable[[bytes], bytes | None]) -> tuple[bytes, bytes]:
    """Return the hash of the block at which a fork begins, and the root of its first changes.

    Both are empty if the store is not a fork.
    """
    raw = get(META_FORK) or b""
    return raw[:32], raw[32:]


def read_number(raw: bytes) -> int:
    """Return the height of a SCALE header. Raises ValueError."""
    return _read_number(raw)[0]


def _read_number(raw: bytes) -> tuple[int, int]:
    if len(raw) < 98:
        raise ValueError("this is not a header: it is cut short")
    if raw[32] & 3 == 3:
        # Heights of 2^30 and more: the byte holds the number of bytes that follow, less four.
        at = 33 + (raw[32] >> 2) + 4
        number = int.from_bytes(raw[33:at], "little")
    else:
        try:
            number, at = read_compact(raw, 32)
        except NodeError as error:
            raise ValueError(f"this is not a header: {error}") from error
    if len(raw) < at + 65:
        raise ValueError("this is not a header: it is cut short")
    return number, at


def encode_body(body: Sequence[bytes]) -> bytes:
    """Return a body as SCALE Vec<Vec<u8>>."""
    parts = [compact(len(body))]
    for extrinsic in body:
        parts += (compact(len(extrinsic)), extrinsic)
    return b"".join(parts)


def decode_body(raw: bytes) -> list[bytes]:
    """Return the extrinsics of a stored body."""
    count, at = read_compact(raw, 0)
    body: list[bytes] = []
    for _ in range(count):
        size, at = read_compact(raw, at)
        body.append(raw[at : at + size])
        at += size
    return body


class BlockStore:
    """Blocks by hash and by height. Writing goes through a `Draft` of ChainStore."""

    def __init__(self, kv: KeyValue, retention: BlockRetention | None = None) -> None:
        """`retention` keeps everything by default."""
        self._kv = kv
        self._get = kv.get
        self.retention = BlockRetention(forks=True) if retention is None else retention
        self.bodies_from = 0
        """Height below which final blocks but block zero have no bodies any more."""
        self.removed_bytes = 0
        """Size of the bodies that were removed since the last compaction."""
        self.open: dict[bytes, OpenBlock] = {}
        self.genesis: bytes | None = None
        self.best = self.finalized = BlockRef(b"", -1)
        self.fork: HeaderFields | None = None
        """The block at which a fork begins, with the root of its first changes in place of its own.
        """
        self._fork_hash = b""
        self._final = _NO_BLOCK
        """Hash, header and its fields of a final block that was the last one: most routes begin
        there.
        """
        self._last_body: tuple[bytes, list[bytes]] = b"", []
        """Hash and body of the block inserted last, which every listener reads."""
        self.stateless = False
        """True while a state is being fetched; none can be read."""

    @property
    def flat(self) -> bytes:
        """Hash of the block whose state is flat; empty while a state is being fetched."""
        return b"" if self.stateless else self.best.hash

    def load(self) -> None:
        """Read head pointers and the tree from the store."""
        self.open.clear()
        self._final = _NO_BLOCK
        self.genesis = self._get(META_GENESIS)
        self.stateless = self._get(META_IMPORT) is not None
        self.bodies_from = int.from_bytes(self._get(META_BODIES) or b"", "big")
        self._fork_hash, root = fork_of(self._get)
        raw = self.header(self._fork_hash) if self._fork_hash else None
        self.fork = None if raw is None else read_header(raw)._replace(state_root=root)
        if self.genesis is None:
            return
        for key in self._kv.keys(OPEN_BLOCK):
            number, hash = int.from_bytes(key[1:9], "big"), key[9:]
            header = self.header(hash)
            if header is None:
                raise KeyError(f"block 0x{hash.hex()} is not known")
            self._enter(BlockRef(hash, number), header, read_header(header))
        self.best = self._pointer(META_BEST)
        self.finalized = self._pointer(META_FINALIZED)

    def _pointer(self, key: bytes) -> BlockRef:
        hash = self._get(key)
        if hash is None:
            raise Corrupt(f"the database has no {key[1:].decode()} block")
        return BlockRef(hash, self.fields(hash).number)

    # --- reading

    def header(self, hash: bytes) -> bytes | None:
        """Return the SCALE header of a block, None if it is not known."""
        if hash in self.open:
            return self.open[hash].header
        return self._final[1] if hash == self._final[0] else self._get(HEADER + hash)

    def fields(self, hash: bytes) -> HeaderFields:
        """Return parent, height and state root of a block. Raises KeyError for an unknown one."""
        if hash in self.open:
            return self.open[hash].fields
        if self.fork is not None and hash == self._fork_hash:
            return self.fork
        if hash == self._final[0]:
            return self._final[2]
        raw = self.header(hash)
        if raw is None:
            raise KeyError(f"block 0x{hash.hex()} is not known")
        fields = read_header(raw)
        if hash == self.finalized.hash:
            self._final = hash, raw, fields
        return fields

    def number(self, hash: bytes) -> int | None:
        """Return the height of a block; None if it is not known."""
        if hash in self.open:
            return self.open[hash].ref.number
        if hash == self.finalized.hash:
            return self.finalized.number
        raw = self.header(hash)
        return None if raw is None else read_number(raw)

    def body(self, hash: bytes) -> list[bytes] | None:
        """Return the extrinsics of a block as they were stored, None if they are missing."""
        last, body = self._last_body
        if last == hash and hash in self.open:
            return body.copy()
        raw = self._kv.get_once(BODY + hash)
        if raw is None:
            return None
        return body.copy() if last == hash else decode_body(raw)

    def justifications(self, hash: bytes) -> list[tuple[bytes, bytes]]:
        """Return engine id and proof of finality of each justification stored for this block."""
        prefix = JUSTIFICATION + hash
        return [(key[len(prefix) :], value) for key, value in self._kv.iterate(prefix)]

    def justification(self, hash: bytes, engine: bytes) -> bytes | None:
        """Return the proof of one engine (4 bytes) that is stored for this block."""
        return self._get(JUSTIFICATION + hash + engine)

    def hash_at(self, number: int) -> bytes | None:
        """Return the hash of the canonical block at a height, None if there is none."""
        return self._get(number_key(NUMBER, number)) if 0 <= number < 1 << 64 else None

    def is_canonical(self, hash: bytes) -> bool:
        """Return True if the block is on the chain from genesis to the best block."""
        number = self.number(hash)
        return number is not None and self.hash_at(number) == hash

    def canonical(self, start: int, stop: int | None = None) -> Iterator[BlockRef]:
        """Yield canonical blocks from height `start` to below `stop` (default: to the best)."""
        low = number_key(NUMBER, start)
        high = None if stop is None else number_key(NUMBER, stop)
        for key, hash in self._kv.iterate(NUMBER, start=low, stop=high):
            yield BlockRef(hash, int.from_bytes(key[1:], "big"))

    def children(self, hash: bytes) -> list[bytes]:
        """Return the children of a block; of a final one below the last, the canonical one."""
        found = self.open.get(hash)
        if found is not None:
            return list(found.children)
        if hash == self.finalized.hash:
            return [block.ref.hash for block in self.open.values() if block.parent == hash]
        number = self.number(hash)
        child = None if number is None or not self.is_canonical(hash) else self.hash_at(number + 1)
        return [] if child is None else [child]

    def leaves(self) -> list[BlockRef]:
        """Return the leaves above the last finalized block, highest first, or else that block."""
        tips = [
            block.ref
            for block in self.open.values()
            if not block.children and self.extends_finalized(block.ref.hash)
        ]
        return sorted(tips, key=lambda tip: (-tip.number, tip.hash)) or [self.finalized]

    def extends_finalized(self, hash: bytes) -> bool:
        """Return True if the block is the last finalized one or descends from it."""
        if hash == self.best.hash:  # it always does
            return True
        while hash in self.open:
            hash = self.open[hash].parent
        return hash == self.finalized.hash

    def is_ancestor(self, ancestor: bytes, hash: bytes) -> bool:
        """Return True if `ancestor` is on the chain from genesis to `hash`, or is `hash`."""
        low, number = self.number(ancestor), self.number(hash)
        if low is None or number is None:
            return False
        while number > low:
            if hash in self.open:
                hash, number = self.open[hash].parent, number - 1
            elif self.hash_at(number) == hash:
                return self.hash_at(low) == ancestor
            else:
                hash, number = self.fields(hash).parent, number - 1
        return hash == ancestor

    @property
    def lasting_from(self) -> int:
        """Height from which on final blocks have bodies and will not lose them at once.

        Peers that were offered a block need time to request it.
        """
        window = self.retention.bodies
        if window is None:
            return self.bodies_from
        first = self.finalized.number - window + 1
        return max(self.bodies_from, first + min(window // 4, LASTING))

    def route(self, start: bytes, end: bytes) -> Route:
        """Return the path from one known block to another. Raises KeyError for unknown blocks."""
        left: list[BlockRef] = []
        right: list[BlockRef] = []
        hash = end
        while hash in self.open and hash != start:
            right.append(self.open[hash].ref)
            hash = self.open[hash].parent
        if right and hash == start:  # mostly a descendant
            return Route(left, right[::-1])
        right.clear()
        a, b = BlockRef(start, self.fields(start).number), BlockRef(end, self.fields(end).number)
        while a.hash != b.hash:
            if a.number >= b.number:
                left.append(a)
                a = BlockRef(self.fields(a.hash).parent, a.number - 1)
            else:
                right.append(b)
                b = BlockRef(self.fields(b.hash).parent, b.number - 1)
        return Route(left, right[::-1])

    # --- writing

    def insert(
        self,
        draft: Draft,
        ref: BlockRef,
        header: bytes,
        fields: HeaderFields,
        body: Sequence[bytes],
    ) -> None:
        """Add a block to the tree; `fields` are those of its header."""
        changes = draft.changes
        changes[HEADER + ref.hash] = header
        changes[BODY + ref.hash] = encode_body(body)
        self._last_body = ref.hash, list(body)
        changes[number_key(OPEN_BLOCK, ref.number, ref.hash)] = b""
        self._enter(ref, header, fields)

    def justify(self, draft: Draft, hash: bytes, engine: bytes, proof: bytes) -> None:
        """Store a justification of one consensus engine (4 bytes)."""
        if len(engine) != 4:
            raise ValueError(f"a consensus engine id has 4 bytes, not {len(engine)}")
        draft.put(JUSTIFICATION + hash + engine, proof)

    def set_best(self, draft: Draft, route: Route, best: BlockRef) -> None:
        """Move the head and rewrite the heights in between."""
        for ref in route.retracted:
            draft.put(number_key(NUMBER, ref.number), None)
        for ref in route.enacted:
            draft.changes[number_key(NUMBER, ref.number)] = ref.hash
        draft.changes[META_BEST] = best.hash
        self.best = best

    def close_block(self, draft: Draft, ref: BlockRef) -> None:
        """Remove a block from the tree, because it is final or discarded."""
        draft.put(number_key(OPEN_BLOCK, ref.number, ref.hash), None)
        block = self.open.pop(ref.hash)
        parent = self.open.get(block.parent)
        if parent is not None:
            parent.children.remove(ref.hash)

    def set_finalized(self, draft: Draft, ref: BlockRef) -> None:
        """Move the finalized head."""
        draft.put(META_FINALIZED, ref.hash)
        self.finalized = ref
        if ref.hash in self.open:
            block = self.open[ref.hash]
            self._final = ref.hash, block.header, block.fields

    def prune_bodies(self, draft: Draft, stop: int) -> None:
        """Remove bodies of final blocks below the retained ones and below `stop`.

        No block from `stop` on may have become final in this draft: its height is read as stored.
        """
        if self.retention.bodies is None:
            return
        stop = min(stop, self.finalized.number - self.retention.bodies + 1)
        begin = max(self.bodies_from, 1)
        if stop <= begin:
            return
        removed = 0
        for count, ref in enumerate(self.canonical(begin, stop)):
            if count == PRUNED_BLOCKS or removed >= PRUNED_BYTES:
                stop = ref.number
                break
            removed += len(self._kv.get_once(BODY + ref.hash) or b"")
            draft.put(BODY + ref.hash, None)
        self.removed_bytes += removed
        self._keep_bodies_from(draft, stop)

    def _keep_bodies_from(self, draft: Draft, number: int) -> None:
        self.bodies_from = number
        draft.put(META_BODIES, number.to_bytes(8, "big"))

    def leave_final(self, draft: Draft, ref: BlockRef) -> None:
        """Note that the blocks above a final one are left: those that follow it have bodies."""
        if ref.number + 1 < self.bodies_from:
            self._keep_bodies_from(draft, ref.number + 1)

    def delete(self, draft: Draft, ref: BlockRef) -> None:
        """Delete a block that was removed from the tree."""
        draft.put(HEADER + ref.hash, None)
        draft.put(BODY + ref.hash, None)
        for engine, _ in self.justifications(ref.hash):
            draft.put(JUSTIFICATION + ref.hash + engine, None)

    def _enter(self, ref: BlockRef, header: bytes, fields: HeaderFields) -> None:
        self.open[ref.hash] = OpenBlock(ref, fields.parent, fields, [], header)
        parent = self.open.get(fields.parent)
        if parent is not None:
            parent.children.append(ref.hash)


def header_hash(raw: bytes) -> bytes:
    """Return blake2-256 of a SCALE header: the block's hash."""
    return hash_256(raw)
