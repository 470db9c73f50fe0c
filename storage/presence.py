"""A filter of trie records that may be stored already, so that most need not be looked up.

A block's new records are looked up, because one that was deleted within the window, or that a fork
inserted, is stored already and must be counted (state.py). Nearly all are not stored, and a lookup
costs microseconds. So every record that is retired or inserted is noted here, one bit each; a
record without its bit is certainly not stored, unless the parent's state has it. A false positive
only costs the lookup.

The bit is that of the whole key: accounts with equal balances have equal values, at different keys.
It is Python's hash of the key, which the dictionaries of a block have computed already; it differs
from process to process, and so does nothing but the lookups.

Bits cannot be cleared individually. There are two generations: new bits are set in the younger one,
and once all blocks noted in the older one are below the base, it is dropped and replaced by the
younger one.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

BITS: Final = 25
"""Number of address bits: 2^25 bits are four MiB per generation, used as it fills. A window of 256
blocks that each change 2,000 accounts sets eight bits in a hundred."""

_MASK: Final = (1 << BITS) - 1
_BYTES: Final = 1 << BITS - 3
_NOTHING: Final = bytearray()
"""A generation without bits, as in an archive: it uses no memory."""


class PresenceFilter:
    """A set of record keys with false positives, by bits of their hashes."""

    def __init__(self) -> None:
        self._young = self._old = _NOTHING
        self._highest = -1
        """Highest block noted in the younger generation."""
        self._settled = -1
        """Highest block noted in the older one."""

    def note(self, number: int, records: Iterable[bytes]) -> None:
        """Note the records that a block of this height retires or inserts."""
        self._highest = max(self._highest, number)
        if self._young is _NOTHING:
            self._young = bytearray(_BYTES)
        bits = self._young
        for record in records:
            place = hash(record) & _MASK
            bits[place >> 3] |= 1 << (place & 7)

    def held(self, records: Iterable[bytes]) -> set[bytes]:
        """Return those of the records that may be stored apart from the parent's state."""
        found: set[bytes] = set()
        for bits in (self._young, self._old):
            if bits:
                found.update([
                    record for record in records
                    if bits[(place := hash(record) & _MASK) >> 3] >> (place & 7) & 1
                ])  # fmt: skip
        return found

    def advance(self, base: int) -> None:
        """Drop the older generation once all its blocks are at or below height `base`."""
        if self._settled <= base:
            self._old, self._settled = self._young, self._highest
            self._young, self._highest = _NOTHING, -1
