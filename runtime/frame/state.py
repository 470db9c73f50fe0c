"""The interface of the state that a runtime executes on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol


class State(Protocol):
    """Storage with layers: the writes of a layer can be undone together."""

    @property
    def get(self) -> Callable[[bytes], bytes | None]:
        """The function that returns the value under a key, or None."""

    def put(self, key: bytes, value: bytes | None) -> None:
        """Write `value` under `key`; None deletes."""

    def begin(self) -> None:
        """Open a layer."""

    def commit(self) -> None:
        """Keep the writes of the innermost layer."""

    def rollback(self) -> None:
        """Undo the writes of the innermost layer."""

    def next_key(self, key: bytes) -> bytes | None:
        """Return the smallest stored key greater than `key`; None if there is none."""

    def keys(self, prefix: bytes) -> Iterator[bytes]:
        """Iterate over the stored keys that begin with `prefix`, in ascending order."""
