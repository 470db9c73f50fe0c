"""The trie: reading, changing, sealing.

A trie starts at a root and loads nodes when they are needed. Changes copy the nodes on their path,
so the old root stays intact and can be shared; `seal` hashes the copies once and returns the
records that the new root adds to the database and those that only the old root needed.

Records: a node is stored under NODE ‖ path ‖ hash, a value that state version 1 stores outside its
node under VALUE ‖ key ‖ hash. In one trie no two nodes share a path, so the records of a root are a
set, and the difference of two roots is exact.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field
from hashlib import blake2b
from typing import Final

from btt_chain.lazyclass import dataclass
from storage.columns import node_key, value_key
from storage.trie.batch import Batch, Change, Stored
from storage.trie.node import (
    DIGITS,
    EMPTY_NODE,
    HASH_MARK,
    HASHED_FROM,
    PENDING,
    SLOT,
    Branch,
    Node,
    Refs,
    decode,
    encode,
    encode_leaf,
    hash_256,
    parse_branch,
)
from storage.trie.records import NO_CACHE, BranchCache, MissingNode, Record, Records

__all__ = ["EMPTY_ROOT", "MissingNode", "Record", "Sealed", "Stored", "Trie"]

EMPTY_ROOT: Final = hash_256(EMPTY_NODE)
"""Root of the trie without keys."""

_QUEUED: Final = b"!"
"""Placeholder for a reference that is being computed."""


@dataclass(slots=True)
class Sealed:
    """Changes of the database for a changed trie."""

    root: bytes
    top: Node | None
    inserted: dict[bytes, bytes]
    """Records of the new root that the old one did not have."""
    gone_nodes: dict[str, bytes] = field(default_factory=dict)
    """Start paths of nodes that the new root does not have, with their references."""
    gone_values: set[bytes] = field(default_factory=set)
    """Records of values that the new root does not have."""
    branches: dict[bytes, Branch] = field(default_factory=dict)
    """The branches among the new records."""
    stale: list[bytes] = field(default_factory=list)
    """Database keys of some branches that the new root does not have: caches may drop them."""

    @property
    def retired(self) -> set[bytes]:
        """Records of the old root that the new one does not have.

        Computed on each access: an archive does not use it.
        """
        nodes = {node_key(start, ref[1:]) for start, ref in self.gone_nodes.items()}
        return nodes | self.gone_values


class Trie:
    """Keys and values under one root.

    `record` reads the database, `top` is the root node if it is already in memory, `branches` are
    kept in memory. Keys are bytes (an even number of nibbles); `version` is the state version a
    value is written in, old values keep theirs until they are written again.
    """

    __slots__ = ("_records", "_root", "_top")

    def __init__(
        self, record: Record, root: bytes, top: Node | None = None, branches: BranchCache = NO_CACHE
    ) -> None:
        self._records = Records(record, branches)
        self._root = root
        self._top = top
        """The root node; None while it is not loaded, and of the trie without keys."""
        # If the cache has it, it is loaded when it is needed: a block rarely does (`update`).
        if top is None and root != EMPTY_ROOT and self._records.branch(node_key("", root)) is None:
            self._load_top()

    @property
    def loads(self) -> int:
        """Number of nodes fetched from the database."""
        return self._records.loads

    @property
    def top(self) -> Node | None:
        """The root node."""
        return self._load_top()

    def _load_top(self) -> Node | None:
        """Return the root node; None if there are no keys."""
        if self._top is None and self._root != EMPTY_ROOT:
            self._top = self._records.node("", b"\x80" + self._root)
        return self._top

    # --- reading

    def get(self, key: bytes) -> bytes | None:
        """Return the value of a key. Raises MissingNode if a needed record is not stored."""
        found = self.find(key)
        return None if found is None else self.resolve(key, found)

    def find(self, key: bytes) -> Stored | None:
        """Return the value of a key as stored in its node, without looking up a hashed one."""
        node = self._load_top()
        path = key.hex()
        at = 0
        while node is not None:
            if not path.startswith(node.partial, at):
                return None
            at += len(node.partial)
            if at == len(path):
                return None if node.value is None else (node.value, node.hashed)
            if node.refs is None:
                return None
            node = self._child(node, SLOT[path[at]], path[: at + 1])
            at += 1
        return None

    def merkle_value(self, prefix: bytes) -> bytes | None:
        """Return the Merkle value of the closest node that has all keys with this prefix below it.

        The node's hash, or its encoding if that is shorter; None if there is no such key. Only for
        a trie without changes. It differs if anything below differs.
        """
        node, ref = self._load_top(), b"\x80" + self._root
        path, at = prefix.hex(), 0
        while node is not None:
            if node.partial.startswith(path[at:]):
                return ref[1:]
            if not path.startswith(node.partial, at) or node.refs is None:
                return None
            at += len(node.partial)
            below = node.refs[SLOT[path[at]]]
            if below is None:
                return None
            node, ref = self._child(node, SLOT[path[at]], path[: at + 1]), below
            at += 1
        return None

    def _child(self, node: Node, slot: int, start: str) -> Node | None:
        """Return a child for reading; it stays loaded."""
        kids = node.kids
        if kids is None:
            kids = node.kids = {}
        child = kids.get(slot)
        if child is None:
            ref = None if node.refs is None else node.refs[slot]
            if ref is None:
                return None
            child = kids[slot] = self._records.node(start, ref)
        return child

    def resolve(self, key: bytes, stored: Stored) -> bytes:
        """Return the bytes of a value that its node has as `stored`."""
        value, hashed = stored
        return self._records.value(key, value) if hashed else value

    def keys(self, prefix: bytes = b"", after: bytes | None = None) -> Iterator[bytes]:
        """Yield the keys that start with `prefix` and are greater than `after`, ascending."""
        for key, _ in self.entries(prefix, after):
            yield key

    def entries(
        self, prefix: bytes = b"", after: bytes | None = None
    ) -> Iterator[tuple[bytes, Stored]]:
        """Yield the keys of `keys`, with the values as stored in their nodes."""
        want = prefix.hex()
        floor = None if after is None else after.hex()
        top = self._load_top()
        if top is None:
            return
        todo: list[tuple[Node | bytes, str]] = [(top, "")]
        while todo:
            child, start = todo.pop()
            if _outside(start, want, floor):
                continue
            node = child if isinstance(child, Node) else self._records.node(start, child)
            full = start + node.partial
            if _outside(full, want, floor):
                continue
            if node.refs is not None:
                kids = node.kids or {}
                for slot, ref in reversed(list(enumerate(node.refs))):
                    if ref is not None:
                        todo.append((kids.get(slot) or ref, full + DIGITS[slot]))
            if node.value is not None and full.startswith(want) and (floor is None or full > floor):
                yield bytes.fromhex(full), (node.value, node.hashed)

    # --- changing

    def put(
        self, key: bytes, value: bytes, version: int = 1, expected: bytes | None = None
    ) -> Stored | None:
        """Set a key; return its previous value.

        `expected` is the caller's guess of that value. A leaf with a matching hash need not be
        loaded; a wrong guess costs a hash.
        """
        new, belief = _stored(value, version), None
        if expected is not None:
            belief = _stored(expected, version)
        old = self._place((key.hex(), key, new, belief))
        if new[1]:
            self._records.values[value_key(key, new[0])] = value
        return old

    def update(
        self,
        changes: Mapping[bytes, bytes | None],
        version: int = 1,
        known: Mapping[bytes, bytes | None] | None = None,
    ) -> dict[bytes, Stored | None]:
        """Set or remove keys; return their previous values, None for those that were absent.

        The result is that of `put` and `delete` for each, but faster: branches are entered once.
        `known` are values of before that the caller has read, as `expected` of `put`.
        """
        batch, values, removed = _sorted(changes, version, {} if known is None else known)
        old = self._update(batch) if batch else {}
        self._records.values.update(values)  # after the descent, which drops those of before
        for key in removed:
            old[key] = self.delete(key)
        return old

    def _update(self, batch: list[Change]) -> dict[bytes, Stored | None]:
        """Set the values of sorted keys; return their previous ones."""
        descent = Batch(batch, self._records, self._enter, self._place)
        done = 0
        if self._top is None and self._root == EMPTY_ROOT:
            descent.old[batch[0][1]] = self._place(batch[0])
            done = 1
        elif self._top is None:
            ref, done = descent.patch_root(self._root)
            if ref[0] == HASH_MARK:
                self._root = ref[1:]
            else:  # the root is always a hash
                self._top = decode(ref[1:], None)
                self._top.kids = {}
        if done < len(batch):
            descent.run(self._dirty_top(), done)
        return descent.old

    def _dirty_top(self) -> Node:
        """Return the root node of a trie with keys, as a dirty node."""
        node = self._load_top()
        assert node is not None  # noqa: S101  # callers checked
        if node.ref is not None:
            node = self._top = self._own(node, "")
        return node

    def _place(self, change: Change) -> Stored | None:
        path, key, (stored, hashed), belief = change
        if self._load_top() is None:
            self._top = Node(path, None, 0, stored, hashed, None)
            return None
        node = self._dirty_top()
        parent: Node | None = None
        slot = at = 0
        while True:
            partial = node.partial
            if partial:
                if not path.startswith(partial, at):
                    fork = _split(node, path[at:], stored, hashed)
                    if parent is None:
                        self._top = fork
                    else:
                        _kids(parent)[slot] = fork
                    return None
                at += len(partial)
            if at == len(path):
                return self._replace(node, key, stored, hashed)
            slot = SLOT[path[at]]
            at += 1
            if node.refs is None:
                node.refs = [None] * 16
            kids = node.kids
            if kids is None:
                kids = node.kids = {}
            child = kids.get(slot)
            if child is None or child.ref is not None:
                if child is None:
                    ref = node.refs[slot]
                    if ref is None or (belief and self._is_leaf(key, path, at, ref, belief)):
                        _attach(node, slot, Node(path[at:], None, 0, stored, hashed, None))
                        return None if ref is None else belief
                child = self._enter(node, slot, path[:at])
            parent = node
            node = child

    def _is_leaf(self, key: bytes, path: str, at: int, ref: bytes, held: Stored) -> bool:
        """Retire an unloaded leaf of this key and value. Return True if the child was that."""
        value, hashed = held
        raw = encode_leaf(path[at:], value, hashed)
        if ref[1:] != blake2b(raw, digest_size=32).digest():
            return False
        self._records.retire(path[:at], ref)
        if hashed:
            self._records.drop_value(key, value)
        return True

    def delete(self, key: bytes) -> Stored | None:
        """Remove a key; return its previous value, None if it is absent."""
        if self.find(key) is None:
            return None  # so that an absent key neither copies nor retires anything
        path = key.hex()
        node = self._dirty_top()
        way: list[tuple[Node, int]] = []  # parent and slot
        at = len(node.partial)
        while at != len(path):
            slot = SLOT[path[at]]
            at += 1
            way.append((node, slot))
            node = self._enter(node, slot, path[:at])
            at += len(node.partial)
        old = self._replace(node, key, None, False)
        if node.refs is not None:
            self._shrink(node, path)
        elif not way:
            self._top, self._root = None, EMPTY_ROOT
        else:
            parent, slot = way[-1]
            _refs(parent)[slot] = None
            parent.bitmap ^= 1 << slot
            del _kids(parent)[slot]
            self._shrink(parent, path[: len(path) - len(node.partial) - 1])
        return old

    def _enter(self, node: Node, slot: int, start: str) -> Node:
        """Return the child of a dirty branch in this slot, as a dirty node of this trie."""
        kids, refs = node.kids, node.refs
        assert kids is not None and refs is not None  # noqa: PT018, S101  # a dirty branch
        child = kids.get(slot)
        if child is None:
            ref = refs[slot]
            assert ref is not None  # noqa: S101  # callers checked
            child = self._records.node(start, ref)
            child.ref = None
            if child.refs is not None:
                child.kids = {}
            self._records.retire(start, ref)
        elif child.ref is None:
            return child
        else:
            child = self._own(child, start)
        _attach(node, slot, child)
        return child

    def _own(self, node: Node, start: str) -> Node:
        """Return a dirty copy of a clean node, and retire the record of the clean one."""
        if node.ref is not None:
            self._records.retire(start, node.ref)
        refs = node.refs
        if refs is None:
            return Node(node.partial, None, 0, node.value, node.hashed, None)
        copy = Node(node.partial, refs.copy(), node.bitmap, node.value, node.hashed, None)
        copy.kids = node.kids.copy() if node.kids else {}
        return copy

    def _replace(self, node: Node, key: bytes, stored: bytes | None, hashed: bool) -> Stored | None:
        """Set the value of a dirty node, and retire the record of the old one."""
        old, was_hashed = node.value, node.hashed
        node.value, node.hashed = stored, hashed
        if old is None:
            return None
        if was_hashed:
            self._records.drop_value(key, old)
        return old, was_hashed

    def _shrink(self, node: Node, end: str) -> None:
        """Restore the shape of a dirty branch that lost its value or a child.

        `end` is the start path of its children without their digit.
        """
        bitmap = node.bitmap
        if not bitmap:
            node.refs = node.kids = node.dirty = None
        elif node.value is None and not bitmap & (bitmap - 1):
            slot = bitmap.bit_length() - 1
            child = self._enter(node, slot, end + DIGITS[slot])
            node.partial += DIGITS[slot] + child.partial
            node.refs, node.kids, node.bitmap = child.refs, child.kids, child.bitmap
            node.dirty = child.dirty
            node.value, node.hashed = child.value, child.hashed

    def seal(self) -> Sealed:
        """Hash the changes; afterwards all nodes of this trie are clean and may be shared."""
        records = self._records
        inserted, gone_nodes, gone_values = records.nodes, records.retired, records.gone_values
        branches, stale = records.branches, records.stale
        sought = branches if records.is_cached else None
        top = self._top
        if top is not None and top.ref is None:
            self._root = _seal(top, gone_nodes, inserted, sought)
        # Values that were removed and set again are unchanged.
        for record in gone_values.intersection(records.values):
            del records.values[record]
            gone_values.discard(record)
        inserted.update(records.values)
        records.clear()
        return Sealed(self._root, top, inserted, gone_nodes, gone_values, branches, stale)


def _stored(value: bytes, version: int) -> Stored:
    """Return a value as a node of this state version has it."""
    if version != 0 and len(value) >= HASHED_FROM:
        return hash_256(value), True
    return value, False


def _sorted(
    changes: Mapping[bytes, bytes | None], version: int, known: Mapping[bytes, bytes | None]
) -> tuple[list[Change], dict[bytes, bytes], list[bytes]]:
    """Return values to set, in the order of their keys, records of long ones, and removed keys."""
    batch, removed = list[Change](), list[bytes]()
    values = dict[bytes, bytes]()
    for key in sorted(changes):
        value = changes[key]
        if value is None:
            removed.append(key)
            continue
        before = known.get(key)
        guess = None
        if before is not None:
            guess = (before, False) if len(before) < HASHED_FROM else _stored(before, version)
        if version != 0 and len(value) >= HASHED_FROM:
            new = hash_256(value), True
            values[value_key(key, new[0])] = value
        else:
            new = value, False
        batch.append((key.hex(), key, new, guess))
    return batch, values, removed


def _attach(node: Node, slot: int, child: Node) -> None:
    """Attach a dirty child to a dirty branch."""
    if node.dirty is None:
        node.dirty = [slot]
    else:
        node.dirty.append(slot)
    refs, kids = node.refs, node.kids
    assert refs is not None and kids is not None  # noqa: PT018, S101  # a branch
    refs[slot] = PENDING
    node.bitmap |= 1 << slot
    kids[slot] = child


def _refs(node: Node) -> Refs:
    """Return the references of a branch."""
    assert node.refs is not None  # noqa: S101
    return node.refs


def _kids(node: Node) -> dict[int, Node]:
    """Return the loaded children of a dirty branch."""
    assert node.kids is not None  # noqa: S101
    return node.kids


def _outside(path: str, want: str, floor: str | None) -> bool:
    """Return True if no key at or below this path has prefix `want` and is above `floor`."""
    if not (path.startswith(want) or want.startswith(path)):
        return True
    return floor is not None and path < floor and not floor.startswith(path)


def _split(node: Node, rest: str, stored: bytes, hashed: bool) -> Node:
    """Return a branch where a new key leaves the partial key of a dirty node."""
    partial = node.partial
    same = 0
    limit = min(len(partial), len(rest))
    while same < limit and partial[same] == rest[same]:
        same += 1
    fork = Node(partial[:same], [None] * 16, 0, None, False, None)
    fork.kids = {}
    _attach(fork, SLOT[partial[same]], node)
    node.partial = partial[same + 1 :]
    if same == len(rest):
        fork.value, fork.hashed = stored, hashed
    else:
        leaf = Node(rest[same + 1 :], None, 0, stored, hashed, None)
        _attach(fork, SLOT[rest[same]], leaf)
    return fork


def _seal(
    top: Node,
    gone: dict[str, bytes],
    inserted: dict[bytes, bytes],
    branches: dict[bytes, Branch] | None,
) -> bytes:
    """Set the reference of every dirty node, children first; without recursion, keys may be long.

    `gone` has the previous references at the places of dirty nodes; unchanged ones are removed
    from it. `branches` receives the new branches.
    """
    dirty: list[tuple[Node, str, Refs, int]] = [(top, "", [], 0)]
    for node, start, _, _ in dirty:  # grows during the iteration
        if node.dirty:
            refs, kids = node.refs, node.kids
            assert refs is not None and kids is not None  # noqa: PT018, S101  # a branch
            end = start + node.partial
            for slot in node.dirty:
                if refs[slot] is PENDING:
                    kid = kids[slot]
                    place = end + DIGITS[slot]
                    if kid.refs is None:
                        refs[slot] = _refer(kid, place, gone, inserted, branches)
                    else:
                        refs[slot] = _QUEUED
                        dirty.append((kid, place, refs, slot))
            node.dirty = None
    for node, start, above, slot in reversed(dirty):
        if node is not top:
            above[slot] = _refer(node, start, gone, inserted, branches)
    return _refer(top, "", gone, inserted, branches, inline=False)[1:]


def _refer(
    node: Node,
    start: str,
    gone: dict[str, bytes],
    inserted: dict[bytes, bytes],
    branches: dict[bytes, Branch] | None,
    inline: bool = True,
) -> bytes:
    """Set the reference of a node whose children have theirs, and note its record."""
    raw = encode(node)
    if inline and len(raw) < 32:
        node.ref = ref = bytes((len(raw) << 2,)) + raw
        return ref
    digest = blake2b(raw, digest_size=32).digest()
    node.ref = ref = b"\x80" + digest
    if gone.get(start) == ref:
        del gone[start]  # copied, but unchanged
    else:
        key = node_key(start, digest)
        inserted[key] = raw
        if branches is not None and node.refs is not None:
            branch = parse_branch(raw)
            if branch is not None:
                branches[key] = branch
    return ref
