"""Import of a state from other nodes: written range by range, the blocks below it later.

    store.begin_state_import(header, note)      # removes the old state; none can be read
    store.write_state(range)                    # once per range, in their order
    store.finish_state_import(proof)            # makes the block best, final and base
    store.insert_history(blocks)                # downwards, to the previous chain

Each range is one batch, so a process that dies continues where it stopped: `store.state_import`
holds the progress. A range has the flat entries and the trie records of its proof; all ranges
together are exactly the state: the old one is removed first, in pieces, under a mark that records
it. `note` is data of the owner (the next voters, ...), returned by `state_import`.

Afterwards bodies and headers of the blocks in between are missing, and the body of the block
itself. `store.missing` has the highest of them, whose hash is known from the header above it.
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
        """Last key; None: the state ends here."""
        ...


@dataclass(frozen=True, slots=True)
class StateImport:
    """Progress of a state import."""

    header: bytes
    """SCALE header of the block after which the state is."""
    note: bytes
    wiped: bool
    """True if the old state is removed."""
    after: bytes | None
    """Last key written, None for none."""
    complete: bool
    entries: int

    def encode(self) -> bytes:
        """Return the value stored under META_IMPORT."""
        packed: bytes = msgpack.packb(
            [self.header, self.note, self.wiped, self.after, self.complete, self.entries]
        )
        return packed

    @classmethod
    def decode(cls, raw: bytes) -> StateImport:
        """Decode what `encode` returned. Raises Corrupt."""
        try:
            return cls(*msgpack.unpackb(raw))
        except (ValueError, TypeError) as error:
            raise Corrupt(f"the mark of a state import cannot be read: {error}") from error


class Missing(NamedTuple):
    """The missing blocks: `highest`, and those below it down to above `floor`."""

    highest: BlockRef
    floor: int

    @property
    def left(self) -> int:
        """Number of missing blocks."""
        return self.highest.number - self.floor

    def encode(self) -> bytes:
        """Return the value stored under META_HISTORY."""
        packed: bytes = msgpack.packb([*self.highest, self.floor])
        return packed

    @classmethod
    def decode(cls, raw: bytes) -> Missing:
        """Decode what `encode` returned. Raises Corrupt."""
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
