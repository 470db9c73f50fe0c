"""A state that others give: written range by range, and the blocks below it filled in later.

    store.begin_state_import(header, note)      # the old state goes; none can be read from now on
    store.write_state(range)                    # as often as there are ranges, in their order
    store.finish_state_import(proof)            # the block is best, final and base, with its state
    store.insert_history(blocks)                # downwards, until what was there before is reached

Each step is one batch, so a process that dies goes on where it stopped: `store.state_import` tells
where. A range has the flat entries and the trie records that its proof went through; all ranges
together are the state, and nothing else was left: the old one is removed first, in pieces, under a
mark that says so. `note` is the owner's (who votes next, ...) and comes back with `state_import`.

Afterwards bodies and headers of the blocks between are missing, that of the block itself too.
`store.missing` is the highest of them: whose hash the header above it names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import msgpack

from storage.blocks import BlockRef
from storage.kv import Corrupt


class Range(Protocol):
    """Consecutive entries of a state (trie/range_proof.py: VerifiedRange)."""

    @property
    def entries(self) -> Sequence[tuple[bytes, bytes]]:
        """Keys and values, ascending."""
        ...

    @property
    def records(self) -> Mapping[bytes, bytes]:
        """Trie records by database key."""
        ...

    @property
    def last(self) -> bytes | None:
        """The last key; None: the state ends here."""
        ...


@dataclass(frozen=True, slots=True)
class StateImport:
    """How far a state has come."""

    header: bytes
    """Of the block after which it is."""
    note: bytes
    wiped: bool
    """The old state is gone."""
    after: bytes | None
    """The last key written, None for none."""
    complete: bool
    entries: int

    def encode(self) -> bytes:
        """What is stored under META_IMPORT."""
        packed: bytes = msgpack.packb(
            [self.header, self.note, self.wiped, self.after, self.complete, self.entries]
        )
        return packed

    @classmethod
    def decode(cls, raw: bytes) -> StateImport:
        """Read what `encode` wrote. Raises Corrupt."""
        try:
            return cls(*msgpack.unpackb(raw))
        except (ValueError, TypeError) as error:
            raise Corrupt(f"the mark of a state import cannot be read: {error}") from error


class Missing(NamedTuple):
    """Blocks that are not here: `highest`, and on down to above `floor`."""

    highest: BlockRef
    floor: int

    @property
    def left(self) -> int:
        """How many they are."""
        return self.highest.number - self.floor

    def encode(self) -> bytes:
        """What is stored under META_HISTORY."""
        packed: bytes = msgpack.packb([*self.highest, self.floor])
        return packed

    @classmethod
    def decode(cls, raw: bytes) -> Missing:
        """Read what `encode` wrote. Raises Corrupt."""
        try:
            hash, number, floor = msgpack.unpackb(raw)
        except (ValueError, TypeError) as error:
            raise Corrupt(f"the mark of missing blocks cannot be read: {error}") from error
        return cls(BlockRef(hash, number), floor)


class AncientBlock(NamedTuple):
    """A block below a fetched state."""

    header: bytes
    body: Sequence[bytes]
    justifications: Sequence[tuple[bytes, bytes]] = ()
