"""Which trie records may be stored already: a filter, so that most need not be looked up.

A block's new records are looked up, because one that was deleted within the window, or that a
fork brought, is there already and must be counted (state.py). Nearly all are not there, and a
look costs microseconds. So every record that dies or joins is noted here, one bit each; what has
no bit is certainly not stored beyond what the parent's state says. A bit too many only costs
the look.

Bits cannot be taken back. There are two generations: notes go to the younger one, and once all
blocks noted in the older one lie below the base, it is dropped and the younger grows old.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

BITS: Final = 25
"""One in 2^25: four MiB each generation, touched as it fills. A window of 256 blocks that each
change 2,000 accounts sets eight bits in a hundred."""

_MASK: Final = (1 << BITS) - 1
_BYTES: Final = 1 << BITS - 3
_NOTHING: Final = bytearray()
"""A generation without notes, as an archive's stays: no memory for it."""


class PresenceFilter:
    """A set of record keys that may say yes for no. Keys end in a hash: its bits are the place."""

    def __init__(self) -> None:
        self._young = self._old = _NOTHING
        self._highest = -1
        """Highest block noted in the younger generation."""
        self._settled = -1
        """Highest block noted in the older one."""

    def note(self, number: int, records: Iterable[bytes]) -> None:
        """These records die with, or come with, a block of this height."""
        self._highest = max(self._highest, number)
        if self._young is _NOTHING:
            self._young = bytearray(_BYTES)
        bits = self._young
        for record in records:
            place = int.from_bytes(record[-4:], "little") & _MASK
            bits[place >> 3] |= 1 << (place & 7)

    def may_hold(self, record: bytes) -> bool:
        """False: the record is not stored, unless the parent's state holds it."""
        place = int.from_bytes(record[-4:], "little") & _MASK
        at = place >> 3
        young = self._young[at] if self._young else 0
        old = self._old[at] if self._old else 0
        return bool((young | old) >> (place & 7) & 1)

    def advance(self, base: int) -> None:
        """Blocks up to this height no longer count."""
        if self._settled <= base:
            self._old, self._settled = self._young, self._highest
            self._young, self._highest = _NOTHING, -1
