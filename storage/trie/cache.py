"""The branches of recent tries, kept in memory as they are encoded.

All blocks use the same few thousand branches at the top, but mostly different leaves. So branches
are kept, and leaves are not: the next change of a leaf rarely loads the old one (`expected` of
`Trie.put`), while a branch that is not here costs a read.

A branch is found by its database key, path and hash, so it is valid for every root that has it.
There are two generations: what is used enters the young one; once that is full it becomes the old
one, and the old one is dropped.
"""

from __future__ import annotations

from typing import Final

from storage.trie.node import Branch
from storage.trie.records import Record
from storage.trie.trie import Sealed, Trie

NODE_BYTES: Final = 1_024
"""Most memory that a branch takes, with what Python needs for it; very rarely it is more."""
ENTRY_BYTES: Final = 400
"""Memory of an entry without its encoding."""
LAST_ROOM: Final = 32
"""A generation is full when this fraction of it (1/LAST_ROOM) is left."""


class Branches:
    """Encoded branches by their database keys; `limit` bounds the bytes of a generation."""

    __slots__ = ("_limit", "_old", "_room", "_young")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._young: dict[bytes, Branch] = {}
        self._old: dict[bytes, Branch] = {}
        self._room = limit // NODE_BYTES
        """Number of branches of any size that can be added before the bytes are counted again."""

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def get(self, key: bytes) -> Branch | None:
        """Return a branch, if it is here."""
        if key in self._young:
            return self._young[key]
        if key not in self._old:
            return None
        found = self._old[key]
        self.put(key, found)
        return found

    def put(self, key: bytes, branch: Branch) -> None:
        """Add a branch that is stored in the database."""
        self._young[key] = branch
        self._room -= 1
        if self._room < 0:
            self._count()

    def follow(self, sealed: Sealed) -> None:
        """Add the branches of a trie that was written; drop the young ones that it has replaced."""
        young, added = self._young, sealed.branches
        for key in sealed.stale:
            if key in young:
                del young[key]
        if len(added) <= self._room:
            young.update(added)
            self._room -= len(added)
            return
        for key, branch in added.items():
            self.put(key, branch)

    def clear(self) -> None:
        """Drop everything."""
        self._young, self._old, self._room = {}, {}, self._limit // NODE_BYTES

    def _count(self) -> None:
        """Count the bytes of the young generation; begin another one if it is full."""
        size = sum([ENTRY_BYTES + len(branch[0]) for branch in self._young.values()])
        all_room = self._limit // NODE_BYTES
        self._room = (self._limit - size) // NODE_BYTES
        if self._room * LAST_ROOM <= all_room:
            self._old, self._young, self._room = self._young, {}, all_room


class TrieCache:
    """A factory of tries that share their branches; `limit` counts branches of about 1 KiB."""

    def __init__(self, record: Record, limit: int = 16_384) -> None:
        self._record = record
        self._branches = Branches(limit * NODE_BYTES // 2)

    def __len__(self) -> int:
        return len(self._branches)

    def trie(self, root: bytes) -> Trie:
        """Return the trie with this root. Raises MissingNode if it is not stored."""
        return Trie(self._record, root, branches=self._branches)

    def keep(self, sealed: Sealed) -> None:
        """Cache the branches of a sealed trie whose records have been written."""
        self._branches.follow(sealed)

    def clear(self) -> None:
        """Drop everything."""
        self._branches.clear()
