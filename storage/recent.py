"""Values of the flat state that recent blocks read or wrote.

Every block reads the same records of its pallets, and many accounts send again soon: so the values
stay in memory from block to block. There are two generations. What a block used enters the young
one; once that is full it becomes the old one, and the old one is dropped. A value that is used
again enters the young one anew.

Only blocks fill it, not queries: a caller of the RPC cannot displace what the chain uses.

Some blocks list the keys of an item with few or none, such as the scheduled slots. An iterator of
the store costs as much as many reads, so those lists stay in memory until a block changes a key of
the item.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

MAX_KEYS: Final = 16_384
"""Keys of a generation: about 6 MB of account records."""
MAX_BYTES: Final = 4 << 20
"""Bytes of the values of a generation."""
ITEM_PREFIX: Final = 32
"""Bytes of the prefix of a storage item: the hashes of the pallet's name and of its own."""
MAX_LISTS: Final = 64
"""Items whose keys are kept; if there are more, all are dropped."""
ABSENCES: Final = 64
"""Reads of an item's absent keys after which its keys are listed."""
MAX_LISTED: Final = 16
"""Maximum number of kept keys of an item."""


class RecentValues:
    """Values of the state at the best block, without those that no recent block used."""

    __slots__ = ("_absent", "_bytes", "_moves", "lists", "old", "young")

    def __init__(self) -> None:
        self.young: dict[bytes, bytes | None] = {}
        """The young generation; neither is to be changed by others."""
        self.old: dict[bytes, bytes | None] = {}
        self.lists: dict[bytes, tuple[bytes, ...]] = {}
        """All keys of some items, ascending, by the items' prefixes; not to be changed by others.
        """
        self._absent: dict[bytes, int] = {}
        """Number of reads of absent keys, by the items' prefixes."""
        self._bytes = 0
        self._moves = 0
        """Number of moves of the head."""

    def __len__(self) -> int:
        return len(self.young) + len(self.old)

    def follow(
        self, reads: Mapping[bytes, bytes | None], changes: Mapping[bytes, bytes | None]
    ) -> None:
        """Move to another block: these values were read, and these are changed on the way to it."""
        self._moves += 1
        if self.lists:
            for prefix in {key[:ITEM_PREFIX] for key in changes} & self.lists.keys():
                del self.lists[prefix]
        young = self.young
        young.update(reads)
        young.update(changes)
        for values in (reads, changes):
            self._bytes += sum(map(len, filter(None, values.values())))
        if len(young) > MAX_KEYS or self._bytes > MAX_BYTES:
            # A long way to a fork changes more values than a generation may have.
            fits = len(young) <= 2 * MAX_KEYS and self._bytes <= 2 * MAX_BYTES
            self.old, self.young, self._bytes = young if fits else {}, {}, 0

    def clear(self) -> None:
        """Forget all values: the changes on the way to the head are not known."""
        self.young, self.old, self.lists, self._bytes = {}, {}, {}, 0
        self._absent.clear()
        self._moves += 1

    def must_list(self, prefix: bytes) -> bool:
        """Count a read of an absent key of an item; return True if its keys are to be listed.

        Each transfer asks whether its sender has a discount, and few accounts have one.
        """
        absent = self._absent
        if len(absent) >= MAX_LISTS and prefix not in absent:
            absent.clear()
        count = absent.get(prefix, 0) + 1
        absent[prefix] = count
        return count % ABSENCES == 0

    def listing(self, prefix: bytes, keys: Iterator[bytes]) -> Iterator[bytes]:
        """Return the keys of an item; keep them if there are few and all are asked for.

        `keys` are those of now, although they may be asked for after the head has moved.
        """
        return self._listed(prefix, keys, self._moves)

    def _listed(self, prefix: bytes, keys: Iterator[bytes], moves: int) -> Iterator[bytes]:
        found = list[bytes]()
        for key in keys:
            if len(found) <= MAX_LISTED:
                found.append(key)
            yield key
        if moves == self._moves and len(found) <= MAX_LISTED:
            if len(self.lists) >= MAX_LISTS:
                self.lists.clear()
            self.lists[prefix] = tuple(found)
