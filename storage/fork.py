"""Forks of another node's chain: its state below, the changes made here in the trie.

A fork begins at one block of the other node. The state of that block is read key by key, through
`Beneath`; the trie and the flat state hold the changes since: 0x01 and the value, or 0x00 for a key
that was removed. So the state root of a fork's blocks is the root of its changes, not that of the
whole state, and a fork proves nothing about the rest.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from typing import Final, Protocol

from storage.blocks import BlockRef, BlockStore
from storage.kv import KeyValue
from storage.state import StateReader, StateUnavailable

REMOVED: Final = b"\0"
SET: Final = b"\1"
"""First bytes of local values."""


class ForkProvesNothing(StateUnavailable):
    """A proof of a fork's state was asked for."""

    def __init__(self) -> None:
        super().__init__(
            "a fork proves nothing: its state root covers the changes that were made here, the "
            "rest lies at the node that it was forked from"
        )


class NotRead(StateUnavailable):
    """A part of the other node's state is needed that was not read yet.

    The work that needed it has no effect. Await `read`, then do the work again: it goes further, or
    raises another StateUnavailable if the part cannot be read.
    """

    def __init__(self, part: str, read: Callable[[], Awaitable[None]]) -> None:
        super().__init__(f"{part} was not read from the other node yet")
        self.part = part
        self.read = read


class Beneath(Protocol):
    """The state that a fork begins with."""

    def get(self, key: bytes) -> bytes | None:
        """Return the value of a key. Raises StateUnavailable, and NotRead instead of waiting."""

    def keys(self, prefix: bytes, after: bytes | None) -> Iterator[bytes]:
        """Yield the keys with this prefix above `after`, ascending. Raises as `get` does."""

    def apart(self) -> Beneath:
        """Return the same state for another thread than that of the store, which may wait."""


def local(changes: Mapping[bytes, bytes | None]) -> dict[bytes, bytes | None]:
    """Return changes of the state as they are stored in a fork."""
    return {key: REMOVED if value is None else SET + value for key, value in changes.items()}


def plain(stored: bytes) -> bytes | None:
    """Return a local value as it was set; None if the key was removed."""
    return stored[1:] if stored[:1] == SET else None


class ForkReader(StateReader):
    """The state after one block of a fork."""

    __slots__ = ("_beneath",)

    def __init__(
        self, blocks: BlockStore, kv: KeyValue, ref: BlockRef, root: bytes, beneath: Beneath
    ) -> None:
        super().__init__(blocks, kv, ref, root)
        self._beneath = beneath

    def get(self, key: bytes) -> bytes | None:
        """Return the value of a key: the local one, else that of the other node."""
        stored = super().get(key)
        return self._beneath.get(key) if stored is None else plain(stored)

    def keys(self, prefix: bytes = b"", after: bytes | None = None) -> Iterator[bytes]:
        """Yield the keys with this prefix that are greater than `after`, ascending."""
        own, others = super().entries(prefix, after), self._beneath.keys(prefix, after)
        mine, theirs = next(own, None), next(others, None)
        while mine is not None or theirs is not None:
            if mine is None or (theirs is not None and theirs < mine[0]):
                if theirs is not None:
                    yield theirs
                theirs = next(others, None)
                continue
            if theirs == mine[0]:
                theirs = next(others, None)
            if plain(mine[1]) is not None:
                yield mine[0]
            mine = next(own, None)

    def entries(
        self, prefix: bytes = b"", after: bytes | None = None
    ) -> Iterator[tuple[bytes, bytes]]:
        """Yield the keys of `keys`, with their values."""
        for key in self.keys(prefix, after):
            value = self.get(key)
            if value is not None:
                yield key, value

    def apart(self) -> ForkReader:
        """Return a reader of the same state for another thread."""
        ref, beneath = BlockRef(self.hash, self.number), self._beneath.apart()
        return ForkReader(self._no_head(), self._kv, ref, self.root, beneath)

    def root_after(self, changes: Mapping[bytes, bytes | None]) -> bytes:
        """Return the root of the local changes with these."""
        return super().root_after(local(changes))

    def proof(self, keys: Iterable[bytes]) -> list[bytes]:
        """Raise ForkProvesNothing: a fork has no proofs."""
        raise ForkProvesNothing

    def prove_range(self, after: bytes | None, size: int) -> tuple[list[bytes], bytes | None]:
        """Raise ForkProvesNothing: a fork has no proofs."""
        raise ForkProvesNothing

    def merkle_value(self, prefix: bytes) -> bytes | None:
        """Raise ForkProvesNothing: a fork has no proofs."""
        raise ForkProvesNothing
