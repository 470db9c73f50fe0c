"""The interface of a key-value store, and its errors.

A store maps bytes to bytes, ordered by key. A batch is a mapping from keys to values, None for a
key to remove; it is written as a whole or not at all. Each error is a `StorageError` whose text
says what happened, where, and what the operator can do about it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Protocol


class StorageError(Exception):
    """An error of the database; the text is for the operator."""


class Locked(StorageError):
    """Another process has the database open."""


class NotWritable(StorageError):
    """The database directory cannot be written or created."""


class DiskFull(StorageError):
    """Too little space is left; nothing was written, and nothing is lost."""


class StorageFailed(StorageError):
    """Reading or writing failed. Fatal: the handle refuses further writes; stop the node."""


class Corrupt(StorageError):
    """The database is damaged, or was not made by this program. It is never served."""


class KeyValue(Protocol):
    """An ordered store of bytes."""

    def get(self, key: bytes) -> bytes | None:
        """Return the value of a key, None if it is not there."""

    def get_once(self, key: bytes) -> bytes | None:
        """Return the value of a key that is not read again soon: it enters no cache."""

    def iterate(
        self,
        prefix: bytes = b"",
        *,
        start: bytes | None = None,
        stop: bytes | None = None,
        reverse: bool = False,
    ) -> Iterator[tuple[bytes, bytes]]:
        """Yield full keys and values with this prefix and start <= key < stop, as they are now.

        Later writes do not affect the iteration.
        """

    def keys(
        self,
        prefix: bytes = b"",
        *,
        start: bytes | None = None,
        stop: bytes | None = None,
        reverse: bool = False,
    ) -> Iterator[bytes]:
        """Yield the keys of `iterate`, without the values."""

    def write(self, batch: Mapping[bytes, bytes | None], *, sync: bool = False) -> None:
        """Write the whole batch or nothing; with `sync`, return only once it is on the disk."""

    def compact_range(self, start: bytes, stop: bytes | None) -> None:
        """Return the space of removed keys to the file system; may take seconds."""

    def approximate_size(self, start: bytes, stop: bytes) -> int:
        """Return the approximate size of this range on disk, in bytes."""

    def close(self) -> None:
        """Close the files. Safe to call twice."""
