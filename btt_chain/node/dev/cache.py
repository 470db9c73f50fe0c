"""The cache of a fork: what was read from the other node, on the disk, bounded in bytes.

The rows that were not used for the longest time are removed first. The order is in memory: after a
restart it is that of the keys.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from typing import Final, Protocol

MIB: Final = 1 << 20
CACHE_MIB: Final = 256
"""Default size of the cache."""
ROW_BYTES: Final = 256
"""Bytes that a row counts beside its key and its value: its place in memory and on the disk."""

PREFIX: Final = b"fork_read:"
"""Prefix of the auxiliary keys of all rows."""


class Store(Protocol):
    """Auxiliary data of a database."""

    def aux_get(self, key: bytes) -> bytes | None:
        """Return a value."""

    def aux_put(self, changes: Mapping[bytes, bytes | None]) -> None:
        """Store values; None removes."""

    def aux_rows(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Yield the rows whose keys have a prefix."""


class MemoryStore:
    """Auxiliary data in memory, before there is a database."""

    def __init__(self) -> None:
        self.rows: dict[bytes, bytes] = {}

    def aux_get(self, key: bytes) -> bytes | None:
        """Return a value."""
        return self.rows.get(key)

    def aux_put(self, changes: Mapping[bytes, bytes | None]) -> None:
        """Store values; None removes."""
        for key, value in changes.items():
            self.rows.pop(key, None)
            if value is not None:
                self.rows[key] = value

    def aux_rows(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Yield the rows whose keys have a prefix."""
        return ((key, value) for key, value in self.rows.items() if key.startswith(prefix))


class ForkCache:
    """Rows of bytes, the least recently used of which are removed above a limit."""

    def __init__(self, store: Store, limit: int = CACHE_MIB * MIB) -> None:
        """`limit` in bytes; rows of an earlier run are used again."""
        self.limit = limit
        self.size = 0
        """Bytes of all rows."""
        self.removed = 0
        """Number of rows that were removed for lack of room."""
        self._store = store
        self._sizes: OrderedDict[bytes, int] = OrderedDict()
        for key, value in store.aux_rows(PREFIX):
            self._add(key, value)
        self.put({})

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self._sizes)

    def get(self, name: bytes) -> bytes | None:
        """Return a row, None if it is not here."""
        key = PREFIX + name
        if key not in self._sizes:
            return None
        self._sizes.move_to_end(key)
        return self._store.aux_get(key)

    def put(self, rows: Mapping[bytes, bytes]) -> None:
        """Store rows, and remove others until all of them are within the limit, in one write."""
        changes: dict[bytes, bytes | None] = {}
        for name, value in rows.items():
            changes[PREFIX + name] = value
            self._add(PREFIX + name, value)
        while self.size > self.limit and self._sizes:
            key, size = self._sizes.popitem(last=False)
            self.size -= size
            self.removed += 1
            changes[key] = None
        if changes:
            self._store.aux_put(changes)

    def _add(self, key: bytes, value: bytes) -> None:
        self.size -= self._sizes.pop(key, 0)
        self._sizes[key] = ROW_BYTES + len(key) + len(value)
        self.size += self._sizes[key]
