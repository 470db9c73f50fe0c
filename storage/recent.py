"""Values of the flat state that recent blocks read or wrote.

Every block reads the same records of its pallets, and many accounts send again soon: so the values
stay in memory from block to block. There are two generations. What a block used enters the young
one; once that is full it becomes the old one, and the old one is dropped. A value that is used
again enters the young one anew.

Only blocks fill it, not queries: a caller of the RPC cannot displace what the chain uses.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Final

MAX_KEYS: Final = 16_384
"""Keys of a generation: about 6 MB of account records."""
MAX_BYTES: Final = 4 << 20
"""Bytes of the values of a generation."""


class _Unknown(Enum):
    """The type of `UNKNOWN`, so that a comparison with it narrows a value's type."""

    UNKNOWN = 0


UNKNOWN: Final = _Unknown.UNKNOWN
"""The result for a key that must be read from the store."""

Found = bytes | _Unknown | None
"""A value, None for a key without one, or `UNKNOWN`."""


class RecentValues:
    """Values of the state at the best block, without those that no recent block used."""

    __slots__ = ("_bytes", "_old", "_young")

    def __init__(self) -> None:
        self._young: dict[bytes, bytes | None] = {}
        self._old: dict[bytes, bytes | None] = {}
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def get(self, key: bytes) -> Found:
        """Return the value of a key, if it is known."""
        found: Found = self._young.get(key, UNKNOWN)
        return self._old.get(key, UNKNOWN) if found is UNKNOWN else found

    def follow(
        self, reads: Mapping[bytes, bytes | None], changes: Mapping[bytes, bytes | None]
    ) -> None:
        """Move to the child of the block: it read these values, then made these changes."""
        young = self._young
        young.update(reads)
        young.update(changes)
        for values in (reads, changes):
            self._bytes += sum(map(len, filter(None, values.values())))
        if len(young) > MAX_KEYS or self._bytes > MAX_BYTES:
            self._old, self._young, self._bytes = young, {}, 0

    def clear(self) -> None:
        """Forget all values: the head moved in another way than to its child."""
        self._young, self._old, self._bytes = {}, {}, 0
