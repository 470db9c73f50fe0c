"""The single batch of a block, while it is being assembled."""

from __future__ import annotations

from collections.abc import Mapping

from storage.columns import AUX
from storage.kv import KeyValue


class Draft:
    """Pending changes; reads fall through to the store below."""

    __slots__ = ("_get", "_get_once", "changes")

    def __init__(self, kv: KeyValue) -> None:
        self.changes: dict[bytes, bytes | None] = {}
        self._get = kv.get
        self._get_once = kv.get_once

    def get(self, key: bytes) -> bytes | None:
        """Return the value of a key as it will be once the draft is written."""
        if key in self.changes:
            return self.changes[key]
        return self._get(key)

    def get_once(self, key: bytes) -> bytes | None:
        """Return the same for a key that is not read again soon."""
        return self.changes[key] if key in self.changes else self._get_once(key)

    def put(self, key: bytes, value: bytes | None) -> None:
        """Set a key; None removes it."""
        self.changes[key] = value

    def put_aux(self, changes: Mapping[bytes, bytes | None] | None) -> None:
        """Set data of other modules; None removes a key."""
        if changes:
            for key, value in changes.items():
                self.changes[AUX + key] = value
