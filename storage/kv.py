"""What the chain asks of a key-value store, and what can go wrong with one.

A store keeps bytes under bytes, in order. A batch is a mapping from keys to values, None for a
key to remove; it is written whole or not at all. Every error is a `StorageError` whose text
says what happened, where, and what a person can do about it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Protocol


class StorageError(Exception):
    """Something is wrong with the database; the text is meant for the operator."""


class Locked(StorageError):
    """Another process has the database open."""


class NotWritable(StorageError):
    """The database directory cannot be written or created."""


class DiskFull(StorageError):
    """Too little space is left; nothing was written, and nothing is lost."""


class StorageFailed(StorageError):
    """Reading or writing failed. Fatal: the handle refuses further writes; stop the node."""


class Corrupt(StorageError):
    """The database is damaged, or not one of ours. It is never served."""


class KeyValue(Protocol):
    """An ordered store of bytes."""

    def get(self, key: bytes) -> bytes | None:
        """The value of a key."""

    def iterate(
        self,
        prefix: bytes = b"",
        *,
        start: bytes | None = None,
        stop: bytes | None = None,
        reverse: bool = False,
    ) -> Iterator[tuple[bytes, bytes]]:
        """Whole keys and values with this prefix and start <= key < stop, as they are now.

        Writes made while the walk goes on are not seen by it.
        """

    def keys(
        self,
        prefix: bytes = b"",
        *,
        start: bytes | None = None,
        stop: bytes | None = None,
        reverse: bool = False,
    ) -> Iterator[bytes]:
        """As `iterate`, without the values."""

    def write(self, batch: Mapping[bytes, bytes | None], *, sync: bool = False) -> None:
        """Write all of it or nothing; with `sync`, return only once it is on the disk."""

    def compact_range(self, start: bytes, stop: bytes | None) -> None:
        """Give the space of removed keys back to the file system; may take seconds."""

    def approximate_size(self, start: bytes, stop: bytes) -> int:
        """About how many bytes this range takes on disk."""

    def close(self) -> None:
        """Let go of the files. Closing twice is fine."""
