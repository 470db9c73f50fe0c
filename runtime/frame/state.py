"""What a runtime stands on: the state of the block being executed, as the runtime asks for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol


class State(Protocol):
    """Storage with layers: what is written in a layer can be undone as one."""

    def get(self, key: bytes) -> bytes | None:
        """Return the value under `key`, or None."""

    def put(self, key: bytes, value: bytes | None) -> None:
        """Write `value` under `key`; None deletes."""

    def begin(self) -> None:
        """Open a layer."""

    def commit(self) -> None:
        """Keep what the innermost layer wrote."""

    def rollback(self) -> None:
        """Undo what the innermost layer wrote."""

    def next_key(self, key: bytes) -> bytes | None:
        """Return the smallest stored key greater than `key`."""

    def keys(self, prefix: bytes) -> Iterator[bytes]:
        """Iterate over the stored keys that begin with `prefix`, in ascending order."""
