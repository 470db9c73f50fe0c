"""Database records of a trie that is being changed: those it reads, adds, and no longer needs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

from storage.columns import node_key, value_key
from storage.trie.node import HASH_MARK, HASH_REF, Branch, Node, decode, parse_branch

Record = Callable[[bytes], bytes | None]
"""Returns a database record by its key, None if it is not stored."""


class BranchCache(Protocol):
    """Branches that are kept in memory, by their database keys."""

    def get(self, key: bytes) -> Branch | None:
        """Return a branch, if it is kept."""

    def put(self, key: bytes, branch: Branch) -> None:
        """Keep a branch that is stored in the database."""


class NoCache:
    """Keeps nothing."""

    def get(self, _: bytes) -> None:
        """Return None."""

    def put(self, key: bytes, branch: Branch) -> None:
        """Do nothing."""


NO_CACHE: Final = NoCache()


class MissingNode(LookupError):
    """A node or value that the root refers to is not in the database."""


class Records:
    """The records of one trie, changes since its last seal included."""

    __slots__ = (
        "_added", "_cache", "_record", "branches", "gone_values", "loads", "nodes", "retired",
        "stale", "values",
    )  # fmt: skip

    def __init__(self, record: Record, cache: BranchCache = NO_CACHE) -> None:
        self._record = record
        self._cache = cache
        self.retired: dict[str, bytes] = {}
        """Start paths of nodes that were changed or removed, with the reference each had."""
        self.nodes: dict[bytes, bytes] = {}
        """Nodes that are hashed already."""
        self._added: set[str] = set()
        """Start paths of those among them at which the stored trie has no node."""
        self.values: dict[bytes, bytes] = {}
        """New values outside of their nodes."""
        self.gone_values: set[bytes] = set()
        """Values outside of their nodes that were replaced or removed."""
        self.loads = 0
        """Number of nodes fetched from the database."""
        self.branches: dict[bytes, Branch] = {}
        """New branches, by their database keys."""
        self.stale: list[bytes] = []
        """Keys of the branches that they replace."""

    @property
    def is_cached(self) -> bool:
        """True if branches are kept in memory."""
        return self._cache is not NO_CACHE

    def node(self, start: str, ref: bytes) -> Node:
        """Return the node at a path. Raises MissingNode if it is not stored."""
        return decode(ref[1:] if len(ref) != HASH_REF else self._raw_node(start, ref), ref)

    def branch(self, key: bytes) -> Branch | None:
        """Return a branch, by its database key, if it is in memory."""
        return self.branches[key] if key in self.branches else self._cache.get(key)

    def load(self, key: bytes, start: str, ref: bytes) -> tuple[bytes, Branch | None]:
        """Return a node that is not a branch in memory, and its parts; None of a leaf.

        Raises MissingNode if it is not stored.
        """
        raw = self.nodes.get(key)
        if raw is not None:
            return raw, parse_branch(raw)
        self.loads += 1
        raw = self._record(key)
        if raw is None:
            raise MissingNode(f"trie node 0x{ref[1:].hex()} at path '{start}' is not stored")
        branch = parse_branch(raw)
        if branch is not None:
            self._cache.put(key, branch)
        return raw, branch

    def _raw_node(self, start: str, ref: bytes) -> bytes:
        key = node_key(start, ref[1:])
        branch = self.branch(key)
        return self.load(key, start, ref)[0] if branch is None else branch[0]

    def value(self, key: bytes, hash: bytes) -> bytes:
        """Return a value that lies outside of its node. Raises MissingNode if it is not stored."""
        record = value_key(key, hash)
        found = self.values.get(record) or self._record(record)
        if found is None:
            raise MissingNode(f"value 0x{hash.hex()} of key 0x{key.hex()} is not stored")
        return found

    def retire(self, start: str, ref: bytes) -> None:
        """Note that the node with this reference is not at this path any more."""
        if len(ref) != HASH_REF:
            return
        if start in self.retired or start in self._added:  # this one is not stored
            key = node_key(start, ref[1:])
            self.nodes.pop(key, None)
            self.branches.pop(key, None)
        else:
            self.retired[start] = ref

    def replace(
        self, start: str, old: bytes, new: bytes, prefix: bytes, raw: bytes, branch: Branch | None
    ) -> None:
        """Note that a node replaces another one with the reference `old`.

        `new` is its own reference, a hash, `prefix` its database key without that, and `branch` its
        parts if it is a branch.
        """
        retired, key = self.retired, prefix + new[1:]
        if start not in retired and start not in self._added:
            if old[0] == HASH_MARK:
                retired[start] = old
            else:
                self._added.add(start)
        else:  # the old one is not stored
            gone = node_key(start, old[1:])
            self.nodes.pop(gone, None)
            self.branches.pop(gone, None)
            if retired.get(start) == new:
                del retired[start]
                return
        self.nodes[key] = raw
        if branch is not None:
            self.stale.append(prefix + old[1:])
            self.branches[key] = branch

    def add(self, start: str, ref: bytes, key: bytes, raw: bytes) -> None:
        """Note a node, by its reference, a hash, at a path where the trie has none now."""
        retired = self.retired.get(start)
        if retired == ref:  # it was there before
            del self.retired[start]
            return
        if retired is None:
            self._added.add(start)
        self.nodes[key] = raw

    def drop_value(self, key: bytes, hash: bytes) -> None:
        """Note that a value outside of its node is replaced or removed."""
        record = value_key(key, hash)
        if self.values.pop(record, None) is None:
            self.gone_values.add(record)

    def clear(self) -> None:
        """Forget the changes: the trie is sealed."""
        self.retired, self.nodes, self.values, self.gone_values = {}, {}, {}, set()
        self.branches, self.stale, self._added = {}, [], set()
